"""Products drawn from chance: rings, plates, chains, wheels, bottles, lace, rods; lit and coloured.

They teach what photographs of few products cannot: that any outline is possible, and any surface. Each is
drawn with its true matte; some are glass, through which the backdrop is seen.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.images import Plane, RgbImage

SIDE = 800
"""Pixels of the square that a product is drawn in."""

MIDDLE = SIDE // 2

Chance = np.random.Generator
Drawing = NDArray[np.uint8]


class Foreground(NamedTuple):
    """A product to be put before a backdrop."""

    product: str | None
    """Its name, None for a drawn one: what a fold may leave out."""
    rgb: RgbImage
    matte: Plane
    """(H, W), the true matte: 1 = product, glass too."""
    opacity: Plane
    """(H, W), how much of the backdrop it hides."""


def drawn_product(chance: Chance) -> Foreground:
    """Draw a product of one material or two, lit from somewhere; some have letters, some are glass."""
    shape = _blank()
    while shape.sum() < 400 * 255:
        shape = SHAPES[chance.integers(len(SHAPES))](chance)
    matte = shape.astype(np.float32) / np.float32(255)
    inside = cv2.distanceTransform((matte > 0.5).astype(np.uint8), cv2.DIST_L2, 5)
    depth = np.minimum(inside, SIDE * chance.uniform(0.01, 0.12))
    light, shine, across = _lighting(chance, np.asarray(depth, np.float32))
    colours = _colours(chance)
    surface = _pattern(chance, colours) * _reflections(chance, across)
    lit = np.clip(surface * light * chance.uniform(0.9, 1.3) + shine, 0, 1).astype(np.float32)
    if chance.random() < 0.3:
        print_ = _letters(chance)[..., None].astype(np.float32) / np.float32(255)
        lit = (lit * (1 - print_) + colours[3] * print_).astype(np.float32)
    opacity = matte
    if chance.random() < 0.15:
        rim = np.exp(-depth / (SIDE * chance.uniform(0.004, 0.02)))
        seen = chance.uniform(0.05, 0.3) + rim * chance.uniform(0.3, 0.9) + shine[..., 0] * 1.2
        opacity = np.asarray(matte * np.clip(seen, 0, 1), np.float32)
    box = bounds(matte)
    return Foreground(None, lit[box], matte[box], opacity[box])


def bounds(matte: Plane, margin: int = 3) -> tuple[slice, slice]:
    """The rectangle that holds the product, with a margin in pixels."""
    rows, columns = np.flatnonzero(matte.max(axis=1) > 0.02), np.flatnonzero(matte.max(axis=0) > 0.02)
    return (
        slice(max(0, rows[0] - margin), rows[-1] + margin + 1),
        slice(max(0, columns[0] - margin), columns[-1] + margin + 1),
    )


def noise(chance: Chance, height: int, width: int, *, octaves: int = 5, base: int = 4) -> Plane:
    """A sum of ever finer noise, each octave 0.55 times the last; about -2 to 2."""
    total = np.zeros((height, width), np.float32)
    for octave in range(octaves):
        cells = base * 2**octave
        grid = chance.standard_normal((cells, cells)).astype(np.float32)
        total += np.float32(0.55**octave) * cv2.resize(grid, (width, height), interpolation=cv2.INTER_CUBIC)
    return total


def _lighting(chance: Chance, depth: Plane) -> tuple[Plane, Plane, Plane]:
    """Diffuse light and gloss, (H, W, 1), and slopes, (H, W, 2), of a body as thick as `depth`."""
    height = cv2.GaussianBlur(np.sqrt(depth), (0, 0), chance.uniform(2, 10))
    height = height + noise(chance, SIDE, SIDE) * np.float32(chance.uniform(0, 0.15))
    steep = chance.uniform(0.3, 3)
    slopes = np.stack([cv2.Sobel(height, cv2.CV_32F, *way) * steep for way in ((1, 0), (0, 1))], axis=-1)
    upward = 1 / np.sqrt(1 + (slopes**2).sum(axis=-1, keepdims=True))
    normal = np.concatenate([-slopes * upward, upward], axis=-1)
    towards = np.array([chance.uniform(-1, 1), chance.uniform(-1, 0.3), chance.uniform(0.4, 1.2)])
    diffuse = np.clip(normal @ (towards / np.linalg.norm(towards)), 0, 1)[..., None]
    ambient = chance.uniform(0.2, 0.6)
    shine = diffuse ** chance.uniform(10, 80) * chance.uniform(0, 0.8)
    return ambient + (1 - ambient) * diffuse, shine, normal[..., :2]


def _colours(chance: Chance) -> NDArray[np.float64]:
    """Four colours, (4, 3): all pale, all dark, all grey, or any."""
    which = chance.integers(5)
    if which < 3:
        low, high = ((0.8, 0.98), (0.01, 0.12), (0.3, 0.7))[which]
        tint = ((0.95, 1), (0.6, 1.2), (0.9, 1.1))[which]
        return np.asarray(chance.uniform(low, high) * chance.uniform(*tint, (4, 3)))
    return chance.uniform(0.02, 0.98, (4, 3))


def _pattern(chance: Chance, colours: NDArray[np.float64]) -> NDArray[np.float64]:
    """Blotches, stripes or one colour, sometimes with grain."""
    which = chance.integers(5)
    grain = noise(chance, SIDE, SIDE, base=int(chance.integers(2, 10)))
    y = np.linspace(0, 1, SIDE)[:, None]
    if which == 0:
        is_first = grain > chance.uniform(-0.5, 1)
    elif which == 1:
        is_first = (y * chance.integers(3, 30)) % 1 > chance.uniform(0.3, 0.7)
    else:
        is_first = np.ones((SIDE, 1), np.bool_)
    surface = np.where(is_first[..., None], colours[0], colours[1])
    if chance.random() < 0.25:
        surface = surface * (
            1 + chance.uniform(0, 0.18) * noise(chance, SIDE, SIDE, octaves=6, base=8)[..., None]
        )
    return np.asarray(surface)


def _reflections(chance: Chance, across: Plane) -> Plane:
    """Bands as polished metal shows them, or none, (H, W, 1)."""
    if chance.random() >= 0.25:
        return np.ones((1, 1, 1), np.float32)
    bands = 0.5 + 0.5 * np.sin(across @ chance.uniform(2, 9, 2) + chance.uniform(0, 6))
    return np.asarray(0.3 + chance.uniform(0.5, 1.2) * bands[..., None], np.float32)


def _letters(chance: Chance) -> Drawing:
    drawing = _blank()
    for _ in range(chance.integers(1, 3)):
        word = "".join(chr(code) for code in chance.integers(65, 90, chance.integers(2, 8)))
        at = _point(chance.uniform(0.25, 0.5) * SIDE, chance.uniform(0.35, 0.7) * SIDE)
        font, thick = int(chance.integers(0, 5)), int(chance.integers(2, 9))
        cv2.putText(drawing, word, at, font, chance.uniform(1, 4), 255, thick, cv2.LINE_AA)
    return drawing


def _blank() -> Drawing:
    return np.zeros((SIDE, SIDE), np.uint8)


def _point(x: float, y: float) -> tuple[int, int]:
    return round(x), round(y)


def _line_px(chance: Chance) -> int:
    return max(2, round(SIDE * chance.uniform(0.004, 0.03)))


def _polygon(drawing: Drawing, x: NDArray[np.float64], y: NDArray[np.float64]) -> Drawing:
    cv2.fillPoly(drawing, [np.stack([x, y], axis=1).astype(np.int32)], 255)
    return drawing


def _ellipse(
    drawing: Drawing, centre: tuple[int, int], axes: tuple[int, int], turn: float, thick: int
) -> None:
    cv2.ellipse(drawing, centre, axes, turn, 0, 360, 255, thick, cv2.LINE_AA)


def _solid(chance: Chance) -> Drawing:
    """A polygon, a box, an ellipse or a blob."""
    drawing, which = _blank(), chance.integers(4)
    if which == 0:
        corners = chance.integers(3, 9)
        angle, radius = np.sort(chance.uniform(0, 6.28, corners)), SIDE * chance.uniform(0.2, 0.42, corners)
    elif which == 3:
        angle = np.linspace(0, 2 * np.pi, 120)
        waves = [chance.uniform(0, 0.35) / n * np.sin(n * angle + chance.uniform(0, 6)) for n in range(1, 6)]
        radius = SIDE * 0.3 * (1 + np.sum(waves, axis=0))
    else:
        axes, turn = SIDE * chance.uniform(0.12, 0.42, 2), chance.uniform(-90, 90)
        if which == 1:
            corners = cv2.boxPoints(((MIDDLE, MIDDLE), _point(*(1.7 * axes)), turn))
            return _polygon(drawing, corners[:, 0].astype(np.float64), corners[:, 1].astype(np.float64))
        _ellipse(drawing, (MIDDLE, MIDDLE), _point(*axes), turn, -1)
        return drawing
    return _polygon(drawing, MIDDLE + radius * np.cos(angle), MIDDLE + radius * np.sin(angle))


def _rings(chance: Chance) -> Drawing:
    drawing = _blank()
    for _ in range(chance.integers(1, 3)):
        centre = _point(*(MIDDLE + chance.uniform(-0.12, 0.12, 2) * SIDE))
        axes = _point(chance.uniform(0.15, 0.36) * SIDE, chance.uniform(0.1, 0.36) * SIDE)
        _ellipse(
            drawing, centre, axes, chance.uniform(0, 180), round(_line_px(chance) * chance.uniform(1, 5))
        )
    return drawing


def _lattice(chance: Chance) -> Drawing:
    """A plate, round or square, whose inside is a lattice."""
    radius, thick, bars = SIDE * chance.uniform(0.25, 0.42), _line_px(chance), int(chance.integers(4, 14))
    body, lattice = _blank(), _blank()
    if chance.random() < 0.5:
        cv2.circle(body, (MIDDLE, MIDDLE), round(radius), 255, -1)
    else:
        tall = radius * chance.uniform(0.5, 1)
        cv2.rectangle(
            body, _point(MIDDLE - radius, MIDDLE - tall), _point(MIDDLE + radius, MIDDLE + tall), 255, -1
        )
    for place in MIDDLE + np.arange(-bars, bars + 1) * radius / bars:
        cv2.line(lattice, _point(place, 0), _point(place, SIDE), 255, thick)
        cv2.line(lattice, _point(0, place), _point(SIDE, place), 255, thick)
    turn = cv2.getRotationMatrix2D((MIDDLE, MIDDLE), chance.uniform(0, 90), 1)
    lattice = np.asarray(cv2.warpAffine(lattice, turn, (SIDE, SIDE)), np.uint8)
    inner = cv2.erode(body, np.ones((max(3, 2 * thick),) * 2))
    return np.asarray((body & ~inner) | (inner & lattice), np.uint8)


def _cable(chance: Chance) -> Drawing:
    """A cable or a chain of links along a winding way, sometimes with a pendant."""
    drawing, thick = _blank(), _line_px(chance)
    along, phase = np.linspace(0, 1, 200), chance.uniform(0, 6.3, 4)
    slow, quick = 2 * np.pi * along * chance.uniform(0.4, 1.3), 2 * np.pi * along * chance.uniform(1, 3)
    x = MIDDLE + SIDE * 0.36 * (np.sin(slow + phase[0]) * 0.7 + np.sin(quick + phase[1]) * 0.3)
    y = MIDDLE + SIDE * 0.36 * (np.cos(slow + phase[2]) * 0.7 + np.sin(quick + phase[3]) * 0.3)
    if chance.random() < 0.5:
        way = np.stack([x, y], axis=1).astype(np.int32)
        cv2.polylines(drawing, [way], False, 255, round(thick * chance.uniform(1, 2.5)), cv2.LINE_AA)
    else:
        length = np.concatenate([[0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
        link = thick * chance.uniform(3, 6)
        for number, at in enumerate(np.arange(0, length[-1], link)):
            (x0, x1), (y0, y1) = (np.interp([at, at + 1], length, values) for values in (x, y))
            axes = _point(link * 0.65, link * (0.12 if number % 2 == 0 else 0.4))
            _ellipse(
                drawing, _point(x0, y0), axes, np.degrees(np.arctan2(y1 - y0, x1 - x0)), max(1, thick // 2)
            )
    if chance.random() < 0.5:
        _ellipse(drawing, _point(x[-1], y[-1]), _point(*(SIDE * chance.uniform(0.03, 0.1, 2))), 0, -1)
    return drawing


def _wheel(chance: Chance) -> Drawing:
    drawing, thick = _blank(), _line_px(chance)
    radius, flat, spokes = SIDE * chance.uniform(0.28, 0.42), chance.uniform(0.5, 1), chance.integers(6, 30)
    _ellipse(drawing, (MIDDLE, MIDDLE), _point(radius, radius * flat), 0, round(thick * chance.uniform(1, 4)))
    _ellipse(drawing, (MIDDLE, MIDDLE), _point(radius * 0.15, radius * 0.15 * flat), 0, -1)
    for angle in np.linspace(0, 2 * np.pi, spokes, endpoint=False):
        hub = angle + chance.uniform(-0.3, 0.3)
        ends = [
            _point(MIDDLE + np.cos(a) * r, MIDDLE + np.sin(a) * r * flat)
            for a, r in ((hub, radius * 0.1), (angle, radius))
        ]
        cv2.line(drawing, *ends, 255, max(1, round(thick * 0.6)), cv2.LINE_AA)
    return drawing


def _vessel(chance: Chance) -> Drawing:
    """A bottle, a vase or a tube, sometimes with a handle."""
    down = np.linspace(0, 1, 60)
    wave = 0.35 * np.sin(2 * np.pi * down * chance.uniform(0.3, 1.5) + chance.uniform(0, 6))
    profile = np.clip(0.5 + wave * chance.uniform(0, 1), 0.15, 1)
    if chance.random() < 0.5:
        profile[: chance.integers(5, 25)] *= chance.uniform(0.3, 0.6)
    half = (
        np.convolve(np.pad(profile, 2, mode="edge"), np.ones(5) / 5, "valid")
        * SIDE
        * chance.uniform(0.1, 0.35)
    )
    tall = SIDE * chance.uniform(0.5, 0.85)
    y = MIDDLE - tall / 2 + down * tall
    drawing = _polygon(
        _blank(), np.concatenate([MIDDLE - half, MIDDLE + half[::-1]]), np.concatenate([y, y[::-1]])
    )
    if chance.random() < 0.4:
        axes = _point(SIDE * chance.uniform(0.06, 0.14), SIDE * chance.uniform(0.1, 0.2))
        thick = round(_line_px(chance) * chance.uniform(1, 3))
        _ellipse(drawing, _point(MIDDLE + half[30], MIDDLE), axes, 0, thick)
    return drawing


def _perforated(chance: Chance) -> Drawing:
    body, holes, count = _solid(chance), _blank(), int(chance.integers(5, 16))
    step = SIDE / count / 1.3
    for row in range(2 * count):
        for column in range(2 * count):
            centre = _point((column + 0.5 * (row % 2)) * step, row * step * 0.9)
            cv2.circle(holes, centre, int(step * 0.3), 255, -1, cv2.LINE_AA)
    inner = cv2.erode(body, np.ones((9, 9)))
    return np.asarray(np.where((holes > 127) & (inner > 0), 0, body), np.uint8)


def _furry(chance: Chance) -> Drawing:
    drawing = _solid(chance)
    outlines, _ = cv2.findContours(drawing, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    outline = max(outlines, key=len)[:, 0].astype(np.float64)
    for start in outline[chance.integers(0, len(outline), chance.integers(300, 1500))]:
        outward = start - MIDDLE
        reach = outward * SIDE * chance.uniform(0.01, 0.06) / max(float(np.hypot(*outward)), 1)
        end = start + reach + chance.uniform(-0.02, 0.02, 2) * SIDE
        thick = 1 if chance.random() < 0.7 else 2
        cv2.line(drawing, _point(*start), _point(*end), 255, thick, cv2.LINE_AA)
    return drawing


def _handled(chance: Chance) -> Drawing:
    """A solid with loops, and sometimes with openings."""
    drawing = _solid(chance)
    for _ in range(chance.integers(1, 4)):
        centre = _point(*(MIDDLE + chance.uniform(-0.3, 0.3, 2) * SIDE))
        axes = _point(*(SIDE * chance.uniform(0.05, 0.2, 2)))
        _ellipse(drawing, centre, axes, chance.uniform(0, 90), round(_line_px(chance) * chance.uniform(1, 4)))
        if chance.random() < 0.5:
            centre = _point(*(MIDDLE + chance.uniform(-0.1, 0.1, 2) * SIDE))
            axes = _point(*(SIDE * chance.uniform(0.02, 0.09, 2)))
            cv2.ellipse(drawing, centre, axes, chance.uniform(0, 90), 0, 360, 0, -1, cv2.LINE_AA)
    return drawing


def _rods(chance: Chance) -> Drawing:
    """Rods that mostly meet: a tripod, scissors, a chair."""
    drawing = _blank()
    for _ in range(chance.integers(2, 7)):
        start, end = chance.uniform(0.15, 0.85, (2, 2)) * SIDE
        if chance.random() >= 0.4:
            start = MIDDLE + chance.uniform(-0.05, 0.05, 2)
        thick = max(1, round(_line_px(chance) * chance.uniform(0.7, 4)))
        cv2.line(drawing, _point(*start), _point(*end), 255, thick, cv2.LINE_AA)
        if chance.random() < 0.3:
            filled = thick if chance.random() < 0.5 else -1
            cv2.circle(
                drawing, _point(*end), round(SIDE * chance.uniform(0.03, 0.1)), 255, filled, cv2.LINE_AA
            )
    return drawing


def _lace(chance: Chance) -> Drawing:
    """Circles of small rings."""
    drawing, radius, thick = _blank(), SIDE * chance.uniform(0.25, 0.4), max(1, _line_px(chance) // 2)
    for _ in range(chance.integers(3, 7)):
        ring, count = radius * chance.uniform(0.2, 1), int(chance.integers(6, 24))
        for angle in np.linspace(0, 2 * np.pi, count, endpoint=False):
            centre = _point(MIDDLE + ring * np.cos(angle), MIDDLE + ring * np.sin(angle))
            cv2.circle(drawing, centre, int(2.5 * ring / count + 2), 255, thick, cv2.LINE_AA)
        cv2.circle(drawing, (MIDDLE, MIDDLE), int(ring), 255, thick, cv2.LINE_AA)
    return drawing


SHAPES: tuple[Callable[[Chance], Drawing], ...] = (
    _rings,
    _lattice,
    _cable,
    _wheel,
    _vessel,
    _vessel,
    _perforated,
    _furry,
    _handled,
    _rods,
    _lace,
    _solid,
    _solid,
)
"""Kinds of outlines; what shops sell most of is named twice."""
