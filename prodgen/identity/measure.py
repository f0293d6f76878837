"""Measure whether the product in a result is the product in a photograph, whatever made the result.

The light of the result is estimated as it is for blending, and put on the photograph; what then still
differs is the product. Owns the measuring; limits and verdicts are in `verdict`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, delta_e, linear_to_lab, to_lab, to_linear
from prodgen.identity.detail import compare
from prodgen.identity.gloss import mirrored_percent
from prodgen.identity.hues import hue_error_deg
from prodgen.identity.lettering import text_errors_percent
from prodgen.identity.missing import missing_percent
from prodgen.identity.outline import growth_percent, halo
from prodgen.identity.verdict import Likeness
from prodgen.images import Matte, Plane, RgbImage, resize
from prodgen.ocr import Reader
from prodgen.shading.field import LightField, read_field
from prodgen.shading.materials import material_shift
from prodgen.shading.working_pair import INSIDE, Region, pair_pictures

MEASURED_SIDE_PX = 760
"""Longest side of the product while it is measured. Speed: letters of 1 % of it are still 7 pixels."""

REGIONS = 5
"""Regions along each side of the product. Chosen: a patch of a twenty-fifth is seen at once."""

SMALLEST_REGION = 0.005
"""Share of the product that a region must hold to be judged. Guard: a few pixels of an outline."""

WHITE, BLACK = 254.5 / 255, 2.5 / 255
"""sRGB values beyond which, in all channels, nothing is distinguishable in 8 bits. By definition."""

NOT_CLIPPED = 0.94
"""sRGB value below which a channel of the photograph had detail to lose to clipping. Chosen."""

FLAT_LIGHT = 0.03
"""Deviation of log light over the product below which it has no shape. Chosen: a twentieth of a stop."""

LEAST_CONTRAST = 0.15
"""`Likeness.light_contrast` below which the light has no direction. Chosen: a fifth of a stop."""

LEAST_SIDEWAYS = 0.3
"""Length of the asked direction in the picture plane below which it has no angle there. Chosen."""


@dataclass(frozen=True)
class Comparison:
    """Photograph and result of one product, reduced, in the same light."""

    region: Region
    photo: RgbImage
    found: RgbImage
    matte: Matte
    inside: Matte
    """(h, w), 1 where the pixel is certainly product."""
    gain: NDArray[np.float32]
    """(h, w, 3), the light that the result shows."""
    expected_lab: NDArray[np.float32]
    """(h, w, 3), the photograph in that light."""
    found_lab: NDArray[np.float32]
    material_shift_stops: float | None = None
    """See `Likeness`; measured on the reduced pictures that the light was estimated from."""

    def heat(self) -> NDArray[np.float32]:
        """CIEDE2000 between the photograph in the result's light and the result, (h, w); 0 outside."""
        heat = np.zeros(self.inside.shape, np.float32)
        where = self.inside > 0
        heat[where] = delta_e(self.expected_lab[where], self.found_lab[where])
        return heat


@dataclass(frozen=True)
class Measurement:
    """The numbers of one picture, and the two reduced pictures that they were measured on."""

    likeness: Likeness
    comparison: Comparison


def measure(
    original: RgbImage,
    result: RgbImage,
    matte: Matte,
    *,
    relit: RgbImage | LightField | None = None,
    asked_azimuth_deg: float | None = None,
    asked_elevation_deg: float = 0.0,
    reader: Reader | None = None,
    is_registered: bool = False,
    left_out: Plane | None = None,
    metal: Matte | None = None,
    see_through_percent: float = 0.0,
) -> Measurement:
    """Measure the likeness of the product in `original` and `result`.

    Args:
        original: The photograph, (H, W, 3), sRGB, [0, 1].
        result: The finished picture in the same framing, (h, w, 3), any size; prodgen's or anyone's.
        matte: (H, W), 1 = product, of the photograph's size.
        relit: The picture that the light was taken from, any size, or the light that was read from it
            already; without it `light_kept` is None.
        asked_azimuth_deg: Where light was asked from: 0 = front, 90 = right, -90 = left, 180 = behind.
        asked_elevation_deg: 0 = horizon, 90 = above.
        reader: What reads print, such as `prodgen.ocr.tesseract()`; asked only where there is print.
            Without it `text_errors_percent` is None.
        is_registered: True for a composite of the photograph's own pixels and a light field: the product
            lies where the photograph has it and no hue was turned, so neither is searched for.
        left_out: What of the product in the photograph is not in the matte, (n, m), 0 or 1, of any size, such
            as `prodgen.cutout.left_out` finds; without it `missing_percent` is None.
        metal: (n, m), of any size, how surely a pixel is of bare metal: its colours are the scene's, so that
            its detail alone is compared; None: nothing is metal.
        see_through_percent: What share of the product is not in the matte because one sees through it, for
            `Likeness.see_through_percent`, [0, 100].

    Raises:
        ImageError: If photograph and matte differ in size.
        IdentityError: If the matte holds no product to speak of.
    """
    seen = _compare(original, result, matte, is_registered=is_registered, metal=metal)
    where = seen.inside > 0
    heat = seen.heat()
    chroma = np.linalg.norm((seen.expected_lab - seen.found_lab)[..., 1:][where], axis=-1)
    worst, (x, y) = _worst_region(heat, where)
    detail = compare(seen.expected_lab[..., 0], seen.found_lab[..., 0], seen.inside)
    angle, contrast = light_direction(seen.gain @ LUMA, seen.inside)
    region, found, photo = seen.region, seen.found, seen.photo
    photo_lab = to_lab(photo)
    if relit is not None and not isinstance(relit, LightField):
        relit = read_field(pair_pictures(original, relit, matte, is_refusing=False, metal=metal))
    likeness = Likeness(
        delta_e_mean=float(heat[where].mean()),
        delta_e_p95=float(np.percentile(heat[where], 95)),
        delta_e_worst_region=worst,
        worst_region=(
            region.left + x * (region.right - region.left),
            region.top + y * (region.bottom - region.top),
        ),
        chroma_error_median=float(np.median(chroma)),
        chroma_error_p95=float(np.percentile(chroma, 95)),
        hue_error_deg=hue_error_deg(
            # A colour patch is larger than two pixels, so every other row and column is enough.
            photo_lab[::2, ::2],
            seen.expected_lab[::2, ::2],
            seen.found_lab[::2, ::2],
            seen.inside[::2, ::2],
        ),
        material_shift_stops=seen.material_shift_stops,
        mirrored_percent=mirrored_percent(photo, found, seen.inside),
        detail=detail.texture,
        gradient=detail.gradient,
        print_agreement=detail.print_correlation,
        print_sharpness=detail.print_sharpness,
        outline_growth_percent=growth_percent(photo_lab, seen.found_lab, seen.matte),
        missing_percent=None
        if left_out is None
        else missing_percent(original, result, matte, left_out, tuple(np.median(seen.gain[where], axis=0))),
        halo=halo(seen.expected_lab, seen.found_lab, seen.matte),
        white_clipping_percent=_newly_clipped(found[where], photo[where], WHITE),
        black_clipping_percent=_newly_clipped(1 - found[where], 1 - photo[where], 1 - BLACK),
        light_kept=None
        if relit is None
        else _light_kept(seen.gain, _gain_in(region, relit, matte.shape), seen.inside),
        light_angle_deg=angle,
        light_contrast=contrast,
        light_angle_error_deg=_angle_error(angle, contrast, asked_azimuth_deg, asked_elevation_deg),
        metal_percent=0.0 if metal is None else _percent_of(resize(metal, *matte.shape[::-1]), matte),
        see_through_percent=see_through_percent,
    )
    return read_print(Measurement(likeness, seen), reader)


def read_print(measured: Measurement, reader: Reader | None) -> Measurement:
    """Return the measurement with `text_errors_percent`; reading takes about as long as measuring.

    Without a reader or without print on the product nothing is read, and the measurement stays as it is.
    """
    if reader is None or measured.likeness.print_agreement is None:
        return measured
    seen = measured.comparison
    errors = text_errors_percent(to_lab(seen.photo)[..., 0], seen.found_lab[..., 0], seen.inside, reader)
    return Measurement(measured.likeness.model_copy(update={"text_errors_percent": errors}), seen)


def _compare(
    original: RgbImage, result: RgbImage, matte: Matte, *, is_registered: bool, metal: Matte | None
) -> Comparison:
    """Put the light of `result` on `original`, both reduced to the size they are compared at."""
    pair = pair_pictures(original, result, matte, is_refusing=False, is_registered=is_registered, metal=metal)
    field = read_field(pair, is_mirroring=False)
    window = field.region.pixels(*matte.shape)
    height, width = matte[window].shape
    scale = min(1.0, MEASURED_SIDE_PX / max(height, width))
    size = max(8, round(width * scale)), max(8, round(height * scale))
    photo, cut = resize(original[window], *size), resize(matte[window], *size)
    found = resize(result[field.region.pixels(*result.shape[:2])], *size)
    gain = cv2.resize(field.gain, size, interpolation=cv2.INTER_LINEAR).astype(np.float32)
    return Comparison(
        region=field.region,
        photo=photo,
        found=found,
        matte=cut,
        inside=(cut > INSIDE).astype(np.float32),
        gain=gain,
        expected_lab=linear_to_lab(np.clip(to_linear(photo) * gain, 0, 1)),
        found_lab=to_lab(found),
        material_shift_stops=material_shift(pair),
    )


def _percent_of(part: Matte, matte: Matte) -> float:
    return min(100.0, 100 * float((part * matte).sum() / matte.sum()))


def light_direction(gain: Plane, inside: Matte) -> tuple[float | None, float]:
    """Where in the picture plane a gain says that light comes from.

    A plane is fitted to the log gain over the product (least squares), as the first order of any
    smooth shading.

    Returns:
        The angle in degrees (0 = right, 90 = above, 180 = left, -90 = below; None on too small a
        product), and the plane's rise across the product, natural log.
    """
    rows, columns = np.nonzero(inside > 0)
    if len(rows) < 50:
        return None, 0.0
    extent = math.sqrt(len(rows))
    x, y = (columns - columns.mean()) / extent, -(rows - rows.mean()) / extent
    value = np.log(np.maximum(gain[rows, columns], 1e-3))
    system = np.stack([x, y, np.ones_like(x)], axis=1)
    slope = np.linalg.lstsq(system, value.astype(np.float64), rcond=None)[0]
    return math.degrees(math.atan2(slope[1], slope[0])), float(math.hypot(slope[0], slope[1]))


def _angle_error(
    angle: float | None, contrast: float, azimuth_deg: float | None, elevation_deg: float
) -> float | None:
    """Degrees between the light's angle and the asked one; None if either has none in the picture plane."""
    if angle is None or azimuth_deg is None or contrast < LEAST_CONTRAST:
        return None
    azimuth, elevation = math.radians(azimuth_deg), math.radians(elevation_deg)
    x, y = math.cos(elevation) * math.sin(azimuth), math.sin(elevation)
    if math.hypot(x, y) < LEAST_SIDEWAYS:
        return None
    return abs((angle - math.degrees(math.atan2(y, x)) + 180) % 360 - 180)


def _worst_region(heat: Plane, where: NDArray[np.bool_]) -> tuple[float, tuple[float, float]]:
    """Mean of the worst region, and its centre as share of width and height."""
    height, width = where.shape
    rows, columns = np.nonzero(where)
    index = (rows * REGIONS // height) * REGIONS + columns * REGIONS // width
    count = np.bincount(index, minlength=REGIONS**2)
    total = np.bincount(index, weights=heat[where], minlength=REGIONS**2)
    large = count >= max(20, SMALLEST_REGION * len(rows))
    mean = np.where(large, total / np.maximum(count, 1), 0)
    worst = int(mean.argmax())
    return float(mean[worst]), ((worst % REGIONS + 0.5) / REGIONS, (worst // REGIONS + 0.5) / REGIONS)


def _newly_clipped(now: Plane, before: Plane, limit: float) -> float:
    """Share of (n, 3) colours, in %, with all channels from `limit` on that had detail to lose before."""
    clipped = (now >= limit).all(axis=-1) & (before < NOT_CLIPPED).any(axis=-1)
    return 100 * float(clipped.mean())


def _gain_in(region: Region, field: LightField, shape: tuple[int, ...]) -> Plane:
    """Return a field's gain, (h, w, 3), in another region of a frame of this shape; 1 where it has none."""
    if field.region == region:
        return field.gain
    whole = np.ones((*shape, 3), np.float32)
    window, gain = field.at(*shape[:2])
    whole[window] = gain
    return whole[region.pixels(*shape[:2])]


def _light_kept(gain: Plane, relit_gain: Plane, inside: Matte) -> float:
    """Correlation of two gains' log luminance over the product; 1 if both are flat."""
    size = gain.shape[1::-1]
    fitted = cv2.resize(relit_gain, size, interpolation=cv2.INTER_LINEAR)
    a, b = (np.log(np.maximum(x @ LUMA, 1e-3))[inside > 0] for x in (gain, fitted))
    if a.std() < FLAT_LIGHT and b.std() < FLAT_LIGHT:
        return 1.0
    # Where only one of the two is flat the floor lowers the correlation: such light was not kept.
    return float(
        ((a - a.mean()) * (b - b.mean())).mean() / (max(a.std(), FLAT_LIGHT) * max(b.std(), FLAT_LIGHT))
    )
