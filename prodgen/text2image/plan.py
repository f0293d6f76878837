"""Which sizes a picture goes through: the first pass a model can draw, what it grows to, what is delivered.

Models repeat heads and horizons when they draw far above the size they were trained at, so a large
picture is drawn small and grown. Pure numbers; nothing is drawn here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from prodgen import placement
from prodgen.errors import SettingError
from prodgen.images import RgbImage, resize
from prodgen.placement import Size
from prodgen.placement.canvas_sizes import parse_ratio

Growth = Literal["auto", "hires", "upscale", "none"]
"""How a picture grows: drawn once more, by an upscaler, by interpolation; auto: the first two in turn."""

DRAWN_DIRECTLY = 1.6
"""Times the native area that models still compose well: 768x512 on a 512x512 model, 1280x1280 on SDXL."""

TOO_SMALL = 0.5
"""Times the native area below which models draw mush: it is drawn larger, and shrunk."""

MOST_HIRES = 2.0
"""Factor of the second pass when nobody says one; A1111's default. Above, VRAM runs out and seams show."""

WORTH_AN_UPSCALER = 1.05
"""Below this factor interpolation is as good."""


@dataclass(frozen=True)
class Plan:
    """The sizes of one picture, each (width, height) in pixels."""

    first: Size
    """What the model composes; multiples of 8."""
    second: Size | None
    """What it draws once more on top (hires fix); multiples of 8."""
    final: Size
    """What is delivered, exact."""

    @property
    def drawn(self) -> Size:
        """What comes back from drawing."""
        return self.second or self.first

    @property
    def rest(self) -> float:
        """Factor that remains between what is drawn and what is delivered; 1 or below: none."""
        return max(self.final[0] / self.drawn[0], self.final[1] / self.drawn[1])

    def words(self) -> str:
        """Return the way in words, such as "512x512 > 1024x1024 > 2048x2048"."""
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


def plan(
    wanted: Size | None,
    *,
    side: int,
    first: Size | None = None,
    second: Size | None = None,
    hires: float | None = None,
    grow: Growth = "auto",
    is_free: bool = False,
) -> Plan:
    """Decide the sizes of a picture.

    Args:
        wanted: What is to be delivered; None: what drawing gives.
        side: The model's native pictures are side x side pixels.
        first: The first pass, if it was chosen by hand.
        second: The second pass, if it was chosen by hand.
        hires: Factor of the second pass, if it was chosen by hand.
        grow: How the picture grows where that was left open.
        is_free: Whether the model draws any size at or below its native one equally well.

    Raises:
        SettingError: If the settings contradict each other, or a size is out of range.
    """
    if hires is not None and grow in ("upscale", "none"):
        raise SettingError(f"hires {hires:g} asks for a second pass, and grow {grow!r} against")
    composed = wanted if wanted is None or hires is None else (wanted[0] / hires, wanted[1] / hires)
    start = first or _first(composed, side=side, is_free=is_free)
    if hires is not None:  # rounded down, as servers do with a factor
        second = int(start[0] * hires) // 8 * 8, int(start[1] * hires) // 8 * 8
    elif second is None and wanted is not None and grow in ("auto", "hires"):
        factor = max(wanted[0] / start[0], wanted[1] / start[1])
        if factor > WORTH_AN_UPSCALER:
            most = MOST_HIRES if grow == "auto" else math.inf
            second = _grown(start, wanted, min(factor, most), is_last=factor <= most)
    final = wanted or second or start
    if max(*final, *(second or start)) > placement.MOST_SIDE:
        raise SettingError(
            f"the picture would have {final[0]}x{final[1]}; at most {placement.MOST_SIDE} a side"
        )
    return Plan(first=start, second=second, final=final)


def fit(picture: RgbImage, size: Size) -> RgbImage:
    """Return the picture at exactly `size`: scaled to cover it, then cut evenly on both sides.

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
    if area <= (1.0 if is_free else DRAWN_DIRECTLY) and (is_free or area >= TOO_SMALL):
        return _up(wanted[0]), _up(wanted[1])
    scale = math.sqrt(1 / area)
    ideal = max(1, round(wanted[0] * scale)), max(1, round(wanted[1] * scale))
    return placement.working_size(*ideal, megapixels=side**2 / 1e6)


def _grown(start: Size, wanted: Size, factor: float, *, is_last: bool) -> Size:
    if is_last:  # the server crops to these proportions itself, so only the last 7 pixels are ours to cut
        return _up(wanted[0]), _up(wanted[1])
    return _multiple(start[0] * factor, 8), _multiple(start[1] * factor, 8)


def _up(pixels: float) -> int:
    return max(64, math.ceil(pixels / 8) * 8)


def _multiple(pixels: float, step: int) -> int:
    return max(64, round(pixels / step) * step)
