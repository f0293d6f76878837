"""Masks as A1111 reads and applies them: polarity, blur, fills, the crop of "only masked", the paste back.

What is kept comes back bit-identical, so everything here is uint8. White (255) is repainted. What is
painted into the hole is the engine's.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.server.ic_light_script import crop_to
from prodgen.server.wire import Crashed, Pixels, UploadedPicture, mixed, resized

Mask = NDArray[np.uint8]
"""(H, W) uint8, 255 = repaint."""

LATENT_CELL_PX = 8
"""Pixels of one latent cell, on which a repainted zone is rounded."""

FILL_BLURS = ((256, 1), (64, 1), (16, 2), (4, 4), (2, 2), (0, 1))
"""Radius in pixels, and how often it is laid on: A1111's fill from the surroundings, from coarse to fine."""


def mask_of(picture: UploadedPicture, *, rounded: bool) -> Mask:
    """Return the mask that a picture means: its alpha where that varies, else its luminance."""
    alpha = picture.alpha
    if picture.mode == "RGBA" and alpha is not None and alpha.min() != 255:
        return np.where(alpha > 128, 255, 0).astype(np.uint8) if rounded else alpha
    return picture.grey


def blurred(mask: Mask, blur_x_px: int, blur_y_px: int) -> Mask:
    """Return the mask blurred by A1111's kernel (2.5 sigma); values of 0 and below leave it."""
    result = mask
    for sigma, along_x in ((blur_x_px, True), (blur_y_px, False)):
        if sigma > 0:
            size = 2 * int(2.5 * sigma + 0.5) + 1
            kernel = (size, 1) if along_x else (1, size)
            result = np.asarray(cv2.GaussianBlur(result, kernel, sigma), np.uint8)
    return result


def fitted(pixels: Pixels, width: int, height: int, mode: int) -> Pixels:
    """Return an init image at the request's size: 1 crops, 2 fills at the edges, all else stretches."""
    if pixels.shape[:2] == (height, width):
        return pixels
    if mode == 1:
        return crop_to(pixels, width, height)
    rows, columns = pixels.shape[:2]
    if mode != 2:
        return _scaled(pixels, width, height)
    scale = min(width / columns, height / rows)
    wide, high = max(1, round(columns * scale)), max(1, round(rows * scale))
    left, top = (width - wide) // 2, (height - high) // 2
    edges = (top, height - high - top, left, width - wide - left)
    return np.asarray(cv2.copyMakeBorder(_scaled(pixels, wide, high), *edges, cv2.BORDER_REPLICATE), np.uint8)


def _scaled(pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    shrinks = width <= pixels.shape[1] and height <= pixels.shape[0]
    return resized(pixels, width, height, cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)


def crop_region(mask: Mask, padding_px: int, width: int, height: int) -> tuple[int, int, int, int] | None:
    """Return left, top, right, bottom of "only masked", grown to the aspect asked for; None if empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return None
    high, wide = mask.shape
    left, right = max(0, columns[0] - padding_px), min(wide, columns[-1] + 1 + padding_px)
    top, bottom = max(0, rows[0] - padding_px), min(high, rows[-1] + 1 + padding_px)
    if (right - left) / (bottom - top) < width / height:
        left, right = _grown(left, right, round((bottom - top) * width / height), wide)
    else:
        top, bottom = _grown(top, bottom, round((right - left) * height / width), high)
    return int(left), int(top), int(right), int(bottom)


def _grown(low: int, high: int, length: int, limit: int) -> tuple[int, int]:
    length = min(max(length, high - low), limit)
    low = max(0, min(low - (length - (high - low)) // 2, limit - length))
    return low, low + length


@dataclass(frozen=True)
class RepaintPlan:
    """One init image made ready: what the engine starts from, and how its result is put back."""

    start: Pixels
    """The part that is sampled, at the sampled size, (h, w, 3)."""

    zone: Mask | None = None
    """Where it is repainted; None is everywhere."""

    cells: Mask | None = None
    """(h / 8, w / 8), which latent cells are repainted: what a diffusion model is masked by."""

    whole: Pixels | None = None
    """The picture that the result is pasted into; None if the result is the picture."""

    overlay: Mask | None = None
    """Share of the result in the final picture, at `whole`'s size."""

    region: tuple[int, int, int, int] | None = None

    def finish(self, painted: Pixels) -> Pixels:
        """Return the final picture: kept pixels are those of the init image, to the bit."""
        if self.whole is None or self.overlay is None:
            return painted
        if self.region is not None:
            left, top, right, bottom = self.region
            patch = _scaled(painted, right - left, bottom - top)
            painted = self.whole.copy()
            painted[top:bottom, left:right] = patch
        return mixed(self.whole, painted, self.overlay)


def plan(
    init: UploadedPicture, mask: Mask | None, fields: Mapping[str, Any], size: tuple[int, int], ground: str
) -> RepaintPlan:
    """Make one init image ready for img2img.

    Args:
        init: The init image; alpha is flattened.
        mask: Read and inverted, not blurred yet; None is plain img2img.
        fields: The request's fields.
        size: Width and height to be sampled, multiples of 8.
        ground: The option img2img_background_color, "#rrggbb".

    Returns:
        The plan.
    """
    width, height = size
    mode = fields["resize_mode"] or 0
    flat = init.over(*_rgb(ground))
    if mask is None:
        return RepaintPlan(fitted(flat, width, height, mode))
    soft = blurred(mask, *blur_px(fields))
    rounded = fields["mask_round"] is not False
    if not fields["inpaint_full_res"]:
        start, sampled = fitted(flat, width, height, mode), fitted(soft, width, height, mode)
        overlay = np.minimum(sampled.astype(np.uint16) * 2, 255).astype(np.uint8)
        return RepaintPlan(start, *_zone(sampled, blur_px(fields), rounded=rounded), start, overlay)
    # The crop is computed in the mask's coordinates and applied to the init, right or wrong.
    region = crop_region(soft, max(0, fields["inpaint_full_res_padding"] or 0), width, height)
    if region is None:
        return RepaintPlan(fitted(flat, width, height, mode))
    region = _inside(region, *init.size)
    left, top, right, bottom = region
    start = _scaled(flat[top:bottom, left:right], width, height)
    window = soft[top:bottom, left:right]  # empty where the mask is smaller than the init
    zone: tuple[Mask | None, Mask | None] = (None, None)
    if window.size:
        zone = _zone(_scaled(window, width, height), blur_px(fields), rounded=rounded)
    overlay = soft if soft.shape == flat.shape[:2] else _scaled(soft, *init.size)
    return RepaintPlan(start, *zone, flat, overlay, region)


def _inside(region: tuple[int, int, int, int], width: int, height: int) -> tuple[int, int, int, int]:
    left, top = min(region[0], width - 1), min(region[1], height - 1)
    return left, top, max(left + 1, min(region[2], width)), max(top + 1, min(region[3], height))


def filled_from_around(picture: Pixels, zone: Mask) -> Pixels:
    """Return a picture whose zone is filled with what lies around it, as A1111 fills it.

    Args:
        picture: (H, W, 3).
        zone: (H, W), 255 = to be filled.
    """
    share = 1 - zone.astype(np.float32) / 255
    known = np.dstack([picture.astype(np.float32) * share[..., None], share])
    result = np.zeros_like(known)
    for radius, times in FILL_BLURS:
        blurred = known if radius == 0 else cv2.GaussianBlur(known, (0, 0), radius)
        for _ in range(times):
            result = blurred + result * (1 - blurred[..., 3:])
    colours = result[..., :3] / np.maximum(result[..., 3:], 1e-6)
    return np.clip(np.rint(colours), 0, 255).astype(np.uint8)


def blur_px(fields: Mapping[str, Any]) -> tuple[int, int]:
    """Return the mask's blur along x and y: mask_blur sets both."""
    if fields["mask_blur"] is not None:
        return fields["mask_blur"], fields["mask_blur"]
    return fields["mask_blur_x"] or 0, fields["mask_blur_y"] or 0


def _rgb(colour: str) -> tuple[int, int, int]:
    try:
        value = int(colour.removeprefix("#"), 16)
    except ValueError:
        raise Crashed("ValueError", f"unknown color specifier: {colour!r}") from None
    return value >> 16 & 255, value >> 8 & 255, value & 255


def _zone(mask: Mask, blur: tuple[int, int], *, rounded: bool) -> tuple[Mask, Mask]:
    """Return where is repainted, in pixels and in latent cells.

    A diffusion model repaints whole cells of 8 x 8 pixels, those that the mask fills by half, and its decoder
    changes the neighbourhood a little; in pixels the edge is simply repainted too, as far as the mask
    reaches.
    """
    height, width = mask.shape
    shape = (max(1, width // LATENT_CELL_PX), max(1, height // LATENT_CELL_PX))
    cells = resized(mask, *shape, cv2.INTER_AREA)
    if not rounded:
        return resized(cells, width, height, cv2.INTER_LINEAR), cells
    cells = np.where(cells >= 128, 255, 0).astype(np.uint8)
    full = resized(cells, width, height, cv2.INTER_NEAREST)
    reach = 2 * (LATENT_CELL_PX + 3 * max(0, *blur)) + 1
    near = cv2.dilate(full, np.ones((1, reach), np.uint8))
    near = cv2.dilate(near, np.ones((reach, 1), np.uint8))
    return np.where((near > 0) & (mask > 0), 255, 0).astype(np.uint8), cells
