"""Which parts of a photographed product can be bare metal, and what its mirror image is exchanged for.

Metal has no paint: all that it sends to the camera is a mirror image, in the metal's own tint, of a white
studio there and of the scene here. So where the product is metal, the photograph is divided by its own smooth
version, which is the studio, and multiplied by what a mirror of that rough shape shows of the place. What is
finer, an engraving or an edge, stays. Owns parts and exchange; whose radiance is mirrored, the caller says.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import luminance, to_linear
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.light.cushion import normals
from prodgen.masks import dilate, disc, erode, normalised_blur

SIDE_PX = 320
"""Long side of the product's picture, in pixels, at which parts and mirror image are worked out. Speed."""

GREYEST = 0.25
"""Saturation, of linear light, up to which a metal counts as colourless.

Chosen: chrome, steel and aluminium are below 0.1, and a studio's tint is added."""

GOLDEN = 15.0, 55.0
"""Hues in degrees of linear RGB of metals that have one: copper to gold.

Source: reflectances of polished copper (0.95, 0.64, 0.54) and gold (1, 0.77, 0.34), linear sRGB."""

BRIGHTEST_GOLD = 0.7
"""Luminance over that of white up to which a golden part may be metal.

Source: gold reflects 0.77, copper 0.68, of a studio that is not quite white; a lit lamp shade is at 0.9."""

LEAST_WIDTH = 0.1
"""Width, in product extents (square root of its area), of a part between other colours that may be metal.

Chosen: strokes of letters are a fifth of it; the image of a soft box in lacquer about as wide."""

RIM_WIDTH = 0.02
"""Width of the outline, in product extents, that is metal only where what lies within it is.

Chosen: there every surface mirrors, and loses its colour."""

NEIGHBOURHOOD = 0.04
"""Sigma, in product extents, of the mean that tells black plastic from a dark reflection in metal,
and of the studio's mirror image. Measured on path-traced metals: 0.02 to 0.1 are as good within 0.4
CIEDE2000."""

BLACK_TO, BRIGHT_FROM = 0.2, 0.4
"""Local mean of luminance, over the parts' median, up to which a part is black plastic, and from which it is
metal. Chosen: a handle is at 0.06 to 0.1, the inside of a pan at 0.4."""

LEAST_SHARE = 0.04
"""Share of a product that bare metal must cover. Guard: less is a glint, or a screw."""

MIRRORED_CONTRAST = 2.5
"""Ratio of light, 90th over 10th percentile, from which a part looks like a mirror of its studio.

Measured on rendered photographs: white paint, paper, cloth and glass reach 2.5 (a grey shoe), a can's lid,
a pan, scissors and rings 2.6 to 4; brushed and faceted metals stay at 1.6 to 2."""

MIDDLING = 0.15, 0.6
"""Median luminance between which such a part looks like metal. Measured there: darker is black plastic,
brighter glass before white."""

WHITE = 0.66
"""Median luminance from which a part is rather white paint or paper, and metal only if nothing else is.

Measured on rendered photographs: metals have 0.29 to 0.63, white goods 0.69 to 1."""

BLACK = 0.12
"""Median luminance up to which a part is black plastic or rubber, and no metal.

Measured on rendered photographs: metals have 0.13 to 0.63, tyres, handles and headphones 0.02 to 0.1."""

AS_MIRRORED = 0.4
"""Contrast of a part, as a logarithm over that of the best of its kind, from which it is metal too.

Chosen: the foot of a lamp is at 1.4, and an edge of its shade at 0.3 of that."""

GRAIN = 0.01
"""Sigma, in product extents, of the blur before that contrast is measured. Guard against noise and grain."""

REFLECTANCE = 0.7
"""Luminance that metal mirrors, over what it is shown.

Source: steel, chrome and aluminium as they are used reflect 0.55 to 0.9. Measured: 0.6 to 0.8 are as good
within 0.3 CIEDE2000."""

ROUNDNESS = 1.0
"""Depth of the body that mirrors, compared with a half round.

Measured: 0.75 to 1.2 are as good within 0.3 CIEDE2000."""

USUAL_PITCH_DEG = 18.0
"""Angle by which a camera looks down at a product if it is not known. Chosen: a usual tripod."""

DARKEST_STUDIO = 0.02
"""Linear luminance of a studio's mirror image at least. Guard: the photograph is divided by it."""

Radiance = Callable[[NDArray[np.float32]], NDArray[np.float32]]
"""Linear light (..., 3) from unit directions (..., 3): X right, Y up, Z to the camera, level."""


@dataclass(frozen=True, eq=False)
class MetalParts:
    """Where a product can be bare metal."""

    share: Plane
    """(h, w): how surely a pixel is of it, 0 to 1; of a picture of at most `SIDE_PX`."""

    covers: float
    """Share of the product's area."""

    contrast: float
    """Ratio of its light, 90th over 10th percentile: high where a studio is mirrored."""

    looks_mirrored: bool
    """Whether it looks like a mirror of its studio; false for many metals, and seldom true for paint."""


def find_metal(photo: RgbImage, matte: Matte) -> MetalParts | None:
    """Return the plain parts of a product, of no colour or of one metal's; None if there are none.

    If there are both kinds, metal is what has the stronger contrast: a can's lid, and not its yellow paint.

    Args:
        photo: (H, W, 3), sRGB, the product in a plain bright studio.
        matte: (H, W), 1 = product.
    """
    linear, inside = _small(photo, matte)
    solid = inside > 0.5
    extent = float(np.sqrt(max(solid.sum(), 1)))
    brightest = linear.max(axis=-1)
    saturation = (brightest - linear.min(axis=-1)) / np.maximum(brightest, DARKEST_STUDIO)
    saturation = normalised_blur(saturation, inside, 1.0)
    light = luminance(linear)
    golden = (saturation >= GREYEST) & _is_golden(linear)
    golden &= normalised_blur(light, inside, NEIGHBOURHOOD * extent) < BRIGHTEST_GOLD
    kinds = [
        _part(_plain(colours, light, solid, extent), light, solid, extent)
        for colours in (saturation < GREYEST, golden)
    ]
    return max(filter(None, kinds), key=lambda part: part.contrast, default=None)


def _part(share: Plane, light: Plane, solid: NDArray[np.bool_], extent: float) -> MetalParts | None:
    """Return a kind of parts without those that mirror far less than the best; None if they are too small."""
    certain = (share > 0.5).astype(np.uint8)
    smooth = normalised_blur(light, certain.astype(np.float32), GRAIN * extent)
    core = erode(certain.astype(np.float32), max(GRAIN * extent, 1.0)) > 0
    count, labels = cv2.connectedComponents(cv2.dilate(certain, np.ones((3, 3), np.uint8)), connectivity=8)
    lights = [smooth[core & (labels == label)] for label in range(1, count)]
    contrasts = [_contrast(x) if len(x) >= LEAST_SHARE * solid.sum() / 4 else 0.0 for x in lights]
    if not any(contrasts):
        return None
    contrast = max(contrasts)
    kept = [n for n, x in enumerate(contrasts) if x and np.log(x) >= AS_MIRRORED * np.log(contrast)]
    share = np.where(np.isin(labels, [n + 1 for n in kept]), share, np.float32(0)).astype(np.float32)
    covers, (dark, bright) = float(share[solid].mean()), MIDDLING
    middle = float(np.median(lights[contrasts.index(contrast)]))
    looks_mirrored = contrast >= MIRRORED_CONTRAST and dark <= middle <= bright
    return MetalParts(share, covers, contrast, looks_mirrored) if covers >= LEAST_SHARE else None


def _contrast(light: Plane) -> float:
    """Return the 90th over the 10th percentile of light; 1 for white paint, 0 for black."""
    low, middle, high = np.percentile(light, (10, 50, 90))
    if middle < BLACK:
        return 0.0
    return 1.0 if middle > WHITE else float(high / max(low, DARKEST_STUDIO))


@dataclass(frozen=True, eq=False)
class MirrorImage:
    """What is put in place of the studio in bare metal."""

    share: Plane
    """(h, w): how surely a pixel is of metal; it goes on beyond the outline."""

    exchange: NDArray[np.float32]
    """(h, w, 3): linear factor on the photograph's colours that makes the studio's image the place's."""

    def on(
        self, photo: NDArray[np.float32], paint: NDArray[np.float32], inside: tuple[slice, slice]
    ) -> NDArray[np.float32]:
        """Return the product with its metal exchanged.

        Args:
            photo: (H, W, 3), linear light, the photograph.
            paint: (H', W', 3), linear light, the product in part of it, lit as paint.
            inside: Rows and columns of that part.
        """
        size = (photo.shape[1], photo.shape[0])
        share = cv2.resize(self.share, size, interpolation=cv2.INTER_LINEAR)[inside][..., None]
        factor = cv2.resize(self.exchange, size, interpolation=cv2.INTER_LINEAR)[inside]
        return np.asarray(paint + share * (photo[inside] * factor - paint), np.float32)


def mirror_image(
    photo: RgbImage,
    matte: Matte,
    radiance: Radiance,
    *,
    camera_pitch_deg: float = USUAL_PITCH_DEG,
    lies_flat: bool = False,
) -> MirrorImage | None:
    """Return what a product's bare metal mirrors of a place; None where it has no part that can be metal.

    A ray to the camera comes, by the law of reflection, from 2 (n.v) n - v. The camera looks down, so upright
    sides mirror the floor before them, and what faces up mirrors what is behind.

    Args:
        photo: (H, W, 3), sRGB, the product in a plain bright studio.
        matte: (H, W), 1 = product.
        radiance: What the place sends from where.
        camera_pitch_deg: How far the camera looks down.
        lies_flat: Whether the product lies on the floor; else its sides are upright.
    """
    parts = find_metal(photo, matte)
    if parts is None:
        return None
    linear, inside = _small(photo, matte)
    height, width = inside.shape
    extent = float(np.sqrt((inside > 0.5).sum()))
    shape, _ = normals(matte, flatness=ROUNDNESS)
    facing = cv2.resize(shape, (width, height), interpolation=cv2.INTER_LINEAR)
    pitch = np.float32(np.radians(camera_pitch_deg))
    if lies_flat:
        x, y, z = np.moveaxis(facing, -1, 0)
        facing = np.stack(
            [x, y * np.cos(pitch) + z * np.sin(pitch), z * np.cos(pitch) - y * np.sin(pitch)], -1
        )
    facing = facing / np.linalg.norm(facing, axis=-1, keepdims=True)
    to_camera = np.array([0, np.sin(pitch), np.cos(pitch)], np.float32)
    mirrored = 2 * (facing @ to_camera)[..., None] * facing - to_camera
    shown = np.float32(REFLECTANCE) * radiance(mirrored.astype(np.float32))
    known = np.maximum(parts.share, np.float32(1e-4) * inside)
    studio = normalised_blur(luminance(linear), known, NEIGHBOURHOOD * extent)
    share = normalised_blur(parts.share, inside, 0.7)
    return MirrorImage(share, np.asarray(shown / np.maximum(studio, DARKEST_STUDIO)[..., None], np.float32))


def _small(photo: RgbImage, matte: Matte) -> tuple[NDArray[np.float32], Matte]:
    """Return the photograph in linear light, and its matte, at a reduced size."""
    scale = min(1.0, SIDE_PX / max(matte.shape))
    size = max(round(matte.shape[1] * scale), 8), max(round(matte.shape[0] * scale), 8)
    return to_linear(resize(photo, *size)), resize(matte, *size)


def _plain(
    colours: NDArray[np.bool_], light: Plane, solid: NDArray[np.bool_], extent: float
) -> NDArray[np.float32]:
    """Return (h, w): how surely a pixel is of a wide part of these colours that is not black, 0 to 1.

    Beside the outline a part may be narrow: a ring is wide enough for itself, a letter is not.
    """
    wide = cv2.morphologyEx(
        np.pad((colours | ~solid).astype(np.uint8), round(extent), constant_values=1),
        cv2.MORPH_OPEN,
        disc(LEAST_WIDTH * extent / 2),
    )[round(extent) : -round(extent), round(extent) : -round(extent)]
    part = (wide * solid).astype(np.float32)
    within = part * erode(solid.astype(np.float32), RIM_WIDTH * extent)
    seeds = cv2.morphologyEx(within, cv2.MORPH_OPEN, np.ones((3, 3), np.uint8))
    part = part * dilate(np.asarray(seeds, np.float32), RIM_WIDTH * extent + 2)
    if not part.any():
        return part
    mean = normalised_blur(light, part, NEIGHBOURHOOD * extent)
    over = mean / max(float(np.median(light[part > 0])), DARKEST_STUDIO)
    return np.asarray(part * np.clip((over - BLACK_TO) / (BRIGHT_FROM - BLACK_TO), 0, 1), np.float32)


def _is_golden(linear: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Return (h, w): whether the hue is that of a metal which has one."""
    red, green, blue = np.moveaxis(linear, -1, 0)
    hue = np.degrees(np.arctan2(np.sqrt(np.float32(3)) * (green - blue), 2 * red - green - blue))
    low, high = GOLDEN
    return np.asarray((hue > low) & (hue < high), np.bool_)
