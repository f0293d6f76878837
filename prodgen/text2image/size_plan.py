"""Which sizes a picture goes through: the first pass that a model can draw, the second pass, the delivery.

Models repeat heads and horizons when they draw far above the size that they were trained at, so a large
picture is composed small and enlarged. Pure arithmetic; nothing is drawn here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from prodgen import placement
from prodgen.errors import SettingError
from prodgen.images import Plane, resize
from prodgen.placement import Size
from prodgen.placement.canvas_sizes import parse_ratio

MAX_DIRECT_AREA = 1.6
"""Largest area, in native areas, that is drawn in one pass: 768x512 on a 512x512 model, 1280x1280 on SDXL.

Chosen by eye, no measurement."""

MIN_DIRECT_AREA = 0.5
"""Smallest area, in native areas, that is drawn at its own size; smaller ones are drawn larger and reduced.

Chosen by eye, no measurement: a 512x512 model draws little that can be recognised below 360x360."""

MAX_HIRES_FACTOR = 2.0
"""Factor of the second pass where none is given; the default of A1111's hires fix."""

MIN_UPSCALER_FACTOR = 1.05
"""Smallest enlargement that is given to an upscaler; below it the picture is interpolated.

Chosen so that rounding to multiples of 8 never calls an upscaler: 8 pixels are under 5 % of any side above
160 pixels."""


@dataclass(frozen=True)
class SizePlan:
    """The sizes of one picture, each (width, height) in pixels."""

    first: Size
    """First pass, which the model composes; multiples of 8."""
    second: Size | None
    """Second pass (hires fix); multiples of 8; None: there is none."""
    final: Size
    """Delivered size, to the pixel."""

    @property
    def drawn(self) -> Size:
        """Size of the picture that the server returns."""
        return self.second or self.first

    @property
    def rest(self) -> float:
        """Enlargement from the drawn to the delivered size; 1 or below: none is needed."""
        return max(self.final[0] / self.drawn[0], self.final[1] / self.drawn[1])

    def words(self) -> str:
        """Return the sizes in their order, such as "512x512 > 1024x1024 > 2048x2048"."""
        ways = dict.fromkeys(size for size in (self.first, self.second, self.final) if size)
        return " > ".join(f"{width}x{height}" for width, height in ways)


def wanted_size(text: str | None, *, side: int) -> Size | None:
    """Return the size that `text` asks for.

    Args:
        text: "1200x1500", "4:5" (of the native area), "2k" or "1500" (long side, square), or None.
        side: The native pictures are side x side.

    Raises:
        SettingError: If it cannot be read, or is out of range.
    """
    if text is None:
        return None
    ratio = parse_ratio(text)
    if ratio is None:
        return placement.parse_size(text, (side, side))
    return _multiple(side * math.sqrt(ratio), 8), _multiple(side / math.sqrt(ratio), 8)


def plan_sizes(
    wanted: Size | None,
    *,
    side: int,
    first: Size | None = None,
    second: Size | None = None,
    hires: float | None = None,
    is_free: bool = False,
) -> SizePlan:
    """Decide the sizes of a picture.

    Args:
        wanted: Size to deliver; None: whatever drawing gives.
        side: The model's native pictures are side x side pixels.
        first: First pass, if the user chose its size.
        second: Second pass, if the user chose its size.
        hires: Factor of the second pass, if the user chose it; 1: no second pass.
        is_free: Whether the model draws any size at or below its native one equally well.

    Raises:
        SettingError: If a size is out of range.
    """
    composed = wanted if wanted is None or hires is None else (wanted[0] / hires, wanted[1] / hires)
    start = first or _first(composed, side=side, is_free=is_free)
    if hires is not None and hires > 1:  # rounded down, as servers do with a factor
        second = int(start[0] * hires) // 8 * 8, int(start[1] * hires) // 8 * 8
    elif hires is None and second is None and wanted is not None:
        factor = max(wanted[0] / start[0], wanted[1] / start[1])
        if factor > MIN_UPSCALER_FACTOR:
            second = _second(start, wanted, factor)
    final = wanted or second or start
    if max(*final, *(second or start)) > placement.MOST_SIDE:
        raise SettingError(
            f"the picture would have {final[0]}x{final[1]}; at most {placement.MOST_SIDE} a side"
        )
    return SizePlan(first=start, second=second, final=final)


def fit(picture: Plane, size: Size) -> Plane:
    """Return the picture, or its matte, at exactly `size`: scaled to cover it, then cut evenly on both sides.

    Up to 7 pixels more than wanted (models draw multiples of 8) are cut without scaling, so that no
    detail is lost to interpolation.
    """
    height, width = picture.shape[:2]
    if not (0 <= width - size[0] < 8 and 0 <= height - size[1] < 8):
        scale = max(size[0] / width, size[1] / height)
        width, height = max(size[0], round(width * scale)), max(size[1], round(height * scale))
        picture = resize(picture, width, height)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    return picture[top : top + size[1], left : left + size[0]]


def cover(drawn: Size, final: Size) -> Size:
    """Return the smallest size of `drawn`'s proportions that covers `final`."""
    scale = max(final[0] / drawn[0], final[1] / drawn[1])
    return max(final[0], round(drawn[0] * scale)), max(final[1], round(drawn[1] * scale))


def _first(wanted: tuple[float, float] | None, *, side: int, is_free: bool) -> Size:
    if wanted is None:
        return side, side
    area = wanted[0] * wanted[1] / side**2
    if area <= (1.0 if is_free else MAX_DIRECT_AREA) and (is_free or area >= MIN_DIRECT_AREA):
        return _up(wanted[0]), _up(wanted[1])
    scale = math.sqrt(1 / area)
    ideal = max(1, round(wanted[0] * scale)), max(1, round(wanted[1] * scale))
    return placement.working_size(*ideal, megapixels=side**2 / 1e6)


def _second(start: Size, wanted: Size, factor: float) -> Size:
    if factor <= MAX_HIRES_FACTOR:  # the server crops to these proportions; the last 7 pixels are cut here
        return _up(wanted[0]), _up(wanted[1])
    return _multiple(start[0] * MAX_HIRES_FACTOR, 8), _multiple(start[1] * MAX_HIRES_FACTOR, 8)


def _up(pixels: float) -> int:
    return max(64, math.ceil(pixels / 8) * 8)


def _multiple(pixels: float, step: int) -> int:
    return max(64, round(pixels / step) * step)
