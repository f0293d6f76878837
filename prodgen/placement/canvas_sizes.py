"""Sizes of canvases: read from a text, and rounded to what a model can draw."""

from __future__ import annotations

import math
import re

from prodgen.errors import SettingError, WrongValueError

Size = tuple[int, int]
"""(width, height) in pixels."""

LEAST_SIDE, MOST_SIDE = 64, 8192
"""Smallest and largest side of a canvas, in pixels. Guard: at 8192 one float picture takes 0.8 GB."""

DEFAULT_MOST_SIDE = 4096
"""Largest side, in pixels, of a canvas whose size was not asked for. Chosen: a screen of 4k."""

SD15_MEGAPIXELS = 0.6
"""Area, in megapixels, at which Stable Diffusion 1.5 draws a canvas.

Chosen: 768x768 is the largest usual size."""

MAX_RATIO_ERROR = 0.02
"""Deviation of a working size's ratio from the canvas's above which multiples of 8 are taken.

Chosen by eye."""

AREA_WEIGHT = 0.15
"""Weight of the area's log deviation beside the ratio's, when a working size is chosen. Chosen by eye."""

MOST_RATIO = 8
"""Most that a canvas' longer side is of its shorter one, where a ratio is asked for. Chosen: a web banner."""

_RATIO = re.compile(r"(\d+(?:\.\d+)?):(\d+(?:\.\d+)?)")

LONG_SIDES = {"1k": 1024, "2k": 2048, "4k": 4096, "8k": 8192}


def parse_size(text: str, photo_size: Size, *, setting: str = "size") -> Size:
    """Return the canvas size that `text` asks for.

    Args:
        text: "1200x1500" (pixels), "4:5" (a ratio: as large as the photograph's long side), "2k" or
            "4k" (long side of 2048 or 4096 pixels in the photograph's ratio), "1500" (long side).
        photo_size: (width, height) of the photograph.
        setting: What it is the value of, for the error.

    Returns:
        (width, height), whole pixels.

    Raises:
        SettingError: If the text is none of these, or the size is out of range.
    """
    word = text.strip().lower().replace("×", "x").replace(" ", "")
    long_side = max(photo_size)
    if match := re.fullmatch(r"(\d+)x(\d+)", word):
        size = (int(match[1]), int(match[2]))
    elif match := _RATIO.fullmatch(word):
        size = of_ratio(_ratio(match, text), min(long_side, DEFAULT_MOST_SIDE))
    elif word in LONG_SIDES or word.isdigit():
        side = LONG_SIDES[word] if word in LONG_SIDES else int(word)
        size = of_ratio(photo_size[0] / photo_size[1], side)
    else:
        raise WrongValueError(setting, text, "must be like 1200x1500, 4:5, 2k or 4k")
    if not all(LEAST_SIDE <= side <= MOST_SIDE for side in size):
        raise WrongValueError(setting, text, f"must give sides of {LEAST_SIDE} to {MOST_SIDE} pixels")
    return size


def parse_ratio(text: str) -> float | None:
    """Return width over height if `text` is a ratio such as "4:5", else None.

    Raises:
        SettingError: If the ratio is beyond 1:8 or 8:1.
    """
    match = _RATIO.fullmatch(text.strip().replace(" ", ""))
    return None if match is None else _ratio(match, text)


def _ratio(match: re.Match[str], text: str) -> float:
    across, down = float(match[1]), float(match[2])
    if not (across > 0 and down > 0 and 1 / MOST_RATIO <= across / down <= MOST_RATIO):
        raise WrongValueError("size", text, "must be a ratio from 1:8 to 8:1, such as 4:5")
    return across / down


def working_size(width: int, height: int, *, megapixels: float = SD15_MEGAPIXELS, multiple: int = 64) -> Size:
    """Return the size that a Stable Diffusion 1.5 model should draw a canvas at.

    It is the pair of multiples of `multiple` near the wanted area whose ratio is closest to the canvas's.
    Where that ratio is off by more than `MAX_RATIO_ERROR`, multiples of 8 are taken, which models accept too.

    Args:
        width: Canvas width.
        height: Canvas height.
        megapixels: Wanted area in millions of pixels; a smaller canvas keeps its own size, rounded.
        multiple: Preferred step, 64 or 8.

    Returns:
        (width, height), multiples of 8 and at least 64.

    Raises:
        SettingError: If a number is not positive or `multiple` is not a multiple of 8.
    """
    if min(width, height) < 1 or megapixels <= 0 or multiple < 8 or multiple % 8:
        raise SettingError(
            f"no working size for {width}x{height} at {megapixels} megapixels in steps of {multiple};"
            " sizes are positive, and steps multiples of 8"
        )
    scale = min(1.0, math.sqrt(megapixels * 1e6 / (width * height)))
    ideal = (width * scale, height * scale)
    best = _nearest_steps(ideal, multiple)
    if abs(math.log(best[0] / best[1] * height / width)) > math.log(1 + MAX_RATIO_ERROR):
        best = _nearest_steps(ideal, 8)
    return best


def _nearest_steps(ideal: tuple[float, float], step: int) -> Size:
    """Return the pair of multiples near `ideal` with the best ratio; the area has a small weight."""
    low = max(64, step)

    def near(side: float) -> list[int]:
        middle = round(side / step)
        return sorted({max(low, (middle + k) * step) for k in (-1, 0, 1)})

    def cost(size: Size) -> float:
        ratio = abs(math.log(size[0] / size[1] * ideal[1] / ideal[0]))
        area = abs(math.log(size[0] * size[1] / (ideal[0] * ideal[1])))
        return ratio + AREA_WEIGHT * area

    return min(((w, h) for w in near(ideal[0]) for h in near(ideal[1])), key=cost)


def of_ratio(ratio: float, long_side: float) -> Size:
    """Return the size with this ratio of width to height and this long side."""
    width, height = (long_side, long_side / ratio) if ratio >= 1 else (long_side * ratio, long_side)
    return max(round(width), 1), max(round(height), 1)
