"""What the backdrop of a photograph says of the camera's pitch: where it is dark, and whether a wall shows.

What stands on the floor darkens it under its foot; what lies flat does so all round. Behind what stands,
floor goes over into wall. A backdrop that is burnt out to white says nothing.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import luminance, to_linear
from prodgen.images import Matte, RgbImage
from prodgen.masks import bounding_box

LARGEST_SIDE_PX, NEAR_SIDE_PX, WHOLE_SIDE_PX = 640, 160, 128
"""Long sides, in pixels, to which the photograph, the product's surroundings and the backdrop are reduced.

Speed: shadows and backdrops have no finer detail."""

BURNT = 0.95
"""Linear luminance of the backdrop's median from which it is burnt out. Chosen: below, a shadow shows."""

CONTACT_REACH, CLEAR_FROM, CLEAR_TO = 0.06, 0.2, 0.45
"""Distances from the outline, in roots of the box's area: up to the first it is contact, between the others
the backdrop that it is compared with. Chosen."""

SECTOR_DEG = 40.0
"""Half width, in degrees, of what counts as below, above, left or right. Chosen: near a quarter turn."""


class BackdropSigns(NamedTuple):
    """Numbers of one backdrop; None where it is burnt out."""

    contact: float | None
    """Log luminance under the product less that of the darkest other side; below 0 it is darkest under it."""
    unevenness: float | None
    """Log of how far the rows' brightness is from a parabola: large where floor meets wall."""


def measure_backdrop(photo: RgbImage, matte: Matte) -> BackdropSigns:
    """Measure the backdrop of a product.

    Raises:
        ImageError: If the matte is empty.
    """
    scale = min(1.0, LARGEST_SIDE_PX / max(matte.shape))
    if scale < 1:
        size = (max(round(matte.shape[1] * scale), 8), max(round(matte.shape[0] * scale), 8))
        photo = np.asarray(cv2.resize(photo, size, interpolation=cv2.INTER_AREA), np.float32)
        matte = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
        matte = matte / max(float(matte.max()), 1e-6)
    light, product = _reduced(photo, matte, WHOLE_SIDE_PX)
    clear = cv2.erode((product < 0.02).astype(np.uint8), np.ones((5, 5), np.uint8)) > 0
    if not clear.any() or float(np.median(np.exp(light[clear]) - 0.03)) > BURNT:
        return BackdropSigns(None, None)
    return BackdropSigns(_contact(photo, matte), _unevenness(light, clear))


def _reduced(photo: RgbImage, matte: Matte, side_px: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return log luminance and matte at a small size."""
    scale = side_px / max(matte.shape)
    size = (max(round(matte.shape[1] * scale), 4), max(round(matte.shape[0] * scale), 4))
    small = cv2.resize(photo, size, interpolation=cv2.INTER_AREA)
    light = np.log(luminance(to_linear(np.asarray(small, np.float32))) + np.float32(0.03))
    product = np.asarray(cv2.resize(matte, size, interpolation=cv2.INTER_AREA), np.float32)
    return np.asarray(light, np.float32), product


def _unevenness(light: NDArray[np.float32], clear: NDArray[np.bool_]) -> float | None:
    rows = [y for y in range(len(light)) if clear[y].sum() > 6]
    if len(rows) < 8:
        return None
    at = np.linspace(-1, 1, len(light))
    profile = np.interp(np.arange(len(light)), rows, [float(np.median(light[y][clear[y]])) for y in rows])
    smooth = cv2.GaussianBlur(profile[:, None].astype(np.float32), (0, 0), 1.2)[:, 0]
    rest = smooth - np.polyval(np.polyfit(at, smooth, 2), at)
    return math.log(float(rest.std()) + 0.01)


def _contact(photo: RgbImage, matte: Matte) -> float | None:
    box = bounding_box(matte)
    root = math.sqrt(box.width * box.height)
    margin = round(0.6 * root)
    rows = slice(max(box.top - margin, 0), box.bottom + margin)
    columns = slice(max(box.left - margin, 0), box.right + margin)
    cut = matte[rows, columns]
    light, product = _reduced(photo[rows, columns], cut, NEAR_SIDE_PX)
    root *= NEAR_SIDE_PX / max(cut.shape)
    outlines, _ = cv2.findContours((product > 0.1).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = np.zeros(product.shape, np.uint8)
    cv2.drawContours(filled, outlines, -1, 1, -1)
    away = cv2.distanceTransform(1 - filled, cv2.DIST_L2, 5)
    smooth = cv2.GaussianBlur(away, (0, 0), 2)
    turn = np.degrees(np.arctan2(cv2.Sobel(smooth, -1, 0, 1), cv2.Sobel(smooth, -1, 1, 0)))
    near = (away > 1) & (away <= 1 + CONTACT_REACH * root)
    clear = (away > CLEAR_FROM * root) & (away <= CLEAR_TO * root)
    if not clear.any():
        return None
    usual = float(np.median(light[clear]))
    darkness = []
    for direction in (90, -90, 0, 180):  # below, above, right, left
        sector = np.abs((turn - direction + 180) % 360 - 180) < SECTOR_DEG
        here, there = light[near & sector], light[clear & sector]
        level = float(np.median(there)) if len(there) > 15 else usual
        darkness.append(float(np.clip(here.mean() - level, -1, 1)) if len(here) > 5 else 0.0)
    return darkness[0] - min(darkness[1:])
