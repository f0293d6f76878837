"""How often a missing floor is found, and how often one is missed that is there, by place and surface.

    python benchmarks/missing_floor.py [--sensitivity]

Crops of the eight panoramas that come with prodgen, looked at below and above the horizon; and drawn
surfaces: walls, skies and voids, floors seen at 8 to 30 degrees, and sweeps of a studio.
"""

from __future__ import annotations

import argparse
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from importlib.resources import files

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.presence import find_missing_floor, missing_floor

Picture = NDArray[np.float32]
SIDE = 320
NUMBERS = (
    *("BELOW_FOOT", "SPAN", "VOID", "EDGE", "TEXTURED", "COURSES", "GRAIN", "SAME_FINENESS", "SAME_SLANT"),
    *("SAME_COLOUR", "SAME_DETAIL", "EVEN", "HORIZON", "BLUE", "PALER", "CLOUDY", "CLEAR", "DEEP_BLUE"),
)


def crop(panorama: Picture, yaw_deg: float, pitch_deg: float) -> tuple[Picture, Picture]:
    """Return a view of 45 degrees, exposed for its middle, and the elevation of each pixel in degrees."""
    focal, pitch = SIDE / 2 / math.tan(math.radians(22.5)), math.radians(pitch_deg)
    x, y = np.meshgrid(np.arange(SIDE) + 0.5 - SIDE / 2, SIDE / 2 - 0.5 - np.arange(SIDE))
    ray = np.stack([x, y, np.full_like(x, focal)]) / np.sqrt(x**2 + y**2 + focal**2)
    up = ray[1] * math.cos(pitch) - ray[2] * math.sin(pitch)
    ahead = ray[1] * math.sin(pitch) + ray[2] * math.cos(pitch)
    height, width = panorama.shape[:2]
    column = ((np.arctan2(ray[0], ahead) + math.radians(yaw_deg)) / (2 * math.pi) + 0.5) % 1 * width - 0.5
    row = (0.5 - np.arcsin(np.clip(up, -1, 1)) / math.pi) * height - 0.5
    light = cv2.remap(panorama, column.astype(np.float32), row.astype(np.float32), cv2.INTER_LINEAR)
    exposed = 1 - np.exp(-0.25 * light / max(float(np.median(light.mean(axis=2))), 1e-4))
    return (np.clip(exposed, 0, 1) ** (1 / 2.2)).astype(np.float32), np.degrees(np.arcsin(up))


def clouds_of_noise(rng: np.random.Generator, octaves: int, falloff: float) -> Picture:
    """Return noise of several scales, (SIDE, SIDE, 1), of standard deviation 1."""
    noise = np.zeros((SIDE, SIDE), np.float32)
    for octave in range(octaves):
        cells = 2 ** (octave + 2)
        coarse = rng.normal(size=(cells, cells)).astype(np.float32)
        noise += falloff**octave * cv2.resize(coarse, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC)
    return (noise / noise.std())[..., None]


def bricks(rng: np.random.Generator) -> Picture:
    """Draw a wall of bricks, or paving."""
    y, x = np.mgrid[:SIDE, :SIDE]
    course = SIDE / rng.integers(10, 22)
    row = (y // course).astype(int)
    shifted = x + (row % 2) * 1.3 * course
    tone = rng.normal(0, 1, (64, 64))[row % 64, (shifted // (2.6 * course)).astype(int) % 64]
    mortar = ((y % course) < 0.12 * course) | ((shifted % (2.6 * course)) < 0.12 * course)
    wall = np.where(
        mortar[..., None], [0.7, 0.68, 0.65], np.array([0.55, 0.27, 0.2]) * (1 + 0.15 * tone[..., None])
    )
    grain = 0.02 * rng.normal(size=(SIDE, SIDE, 1))
    return np.clip(cv2.GaussianBlur((wall + grain).astype(np.float32), (0, 0), 0.8), 0, 1)


def plaster(rng: np.random.Generator) -> Picture:
    """Draw rough plaster, or concrete."""
    return np.clip(np.float32([0.7, 0.68, 0.64]) * (1 + 0.08 * clouds_of_noise(rng, 7, 0.9)), 0, 1)


def blue_sky(rng: np.random.Generator) -> Picture:
    """Draw a clear sky, which pales towards its horizon."""
    down = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None] ** rng.uniform(0.7, 1.5)
    sky = np.float32([0.2, 0.4, 0.75]) * (1 - down) + np.float32([0.7, 0.82, 0.93]) * down
    return np.broadcast_to(sky, (SIDE, SIDE, 3)).astype(np.float32).copy()


def cloudy_sky(rng: np.random.Generator) -> Picture:
    """Draw clouds in a sky."""
    share = np.clip(clouds_of_noise(rng, 6, 0.5) * 0.4 + 0.3, 0, 1)
    return (blue_sky(rng) * (1 - share) + 0.95 * share).astype(np.float32)


def stars(rng: np.random.Generator) -> Picture:
    """Draw stars."""
    sky = np.full((SIDE, SIDE, 3), 0.02, np.float32)
    sky[rng.integers(0, SIDE, 400), rng.integers(0, SIDE, 400)] = 0.8
    return cv2.GaussianBlur(sky, (0, 0), 0.7)


def sweep(rng: np.random.Generator) -> Picture:
    """Draw a studio's sweep of any colour, lit unevenly."""
    down = np.linspace(0, 1, SIDE, dtype=np.float32)[:, None, None]
    bend = 1 / (1 + np.exp(-(down - rng.uniform(0.45, 0.75)) / rng.uniform(0.02, 0.3)))
    lit = rng.uniform(0.1, 0.95, 3) * (1 + rng.uniform(-0.35, 0.35) * bend)
    grain = 0.004 * rng.normal(size=(SIDE, SIDE, 3))
    return np.clip(np.broadcast_to(lit, (SIDE, SIDE, 3)) + grain, 0, 1).astype(np.float32)


def as_floor(texture: Callable[[np.random.Generator], Picture], rng: np.random.Generator) -> Picture:
    """Lay a texture on a floor that the camera sees at 8 to 30 degrees, before a sweep."""
    pitch, focal = math.radians(rng.uniform(8, 30)), SIDE / 2 / math.tan(math.radians(20))
    x, y = np.meshgrid(np.arange(SIDE) - SIDE / 2, (SIDE / 2 - np.arange(SIDE)) / focal)
    down = math.sin(pitch) - y * math.cos(pitch)
    is_floor, away = down > 0.03, 1 / np.maximum(down, 0.03)
    scale = rng.uniform(50, 120)
    across, deep = x / focal * away * scale, (math.cos(pitch) + y * math.sin(pitch)) * away * scale
    drawn = texture(rng)
    blurred = [drawn, *(cv2.GaussianBlur(drawn, (0, 0), sigma) for sigma in (1.5, 4, 10))]
    level = np.clip(np.log2(np.maximum(away**2 * scale / focal, 0.5)), 0, 3)
    floor = np.zeros((SIDE, SIDE, 3), np.float32)
    for number, picture in enumerate(blurred):
        here = cv2.remap(
            picture,
            across.astype(np.float32),
            deep.astype(np.float32),
            cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REFLECT,
        )
        floor += np.clip(1 - np.abs(level - number), 0, 1)[..., None].astype(np.float32) * here
    return np.where(is_floor[..., None], floor, sweep(rng)).astype(np.float32)


def cases() -> Iterator[tuple[str, bool, Picture, Picture]]:
    """Give each case: its kind, whether it has a floor, the picture, and a product's matte."""
    rng = np.random.default_rng(1)

    def matte() -> tuple[Picture, int]:
        foot, wide, tall, middle = rng.uniform([0.68, 0.2, 0.25, 0.4], [0.88, 0.36, 0.5, 0.6])
        product = np.zeros((SIDE, SIDE), np.float32)
        rows = slice(int((foot - tall) * SIDE), int(foot * SIDE))
        product[rows, int((middle - wide / 2) * SIDE) : int((middle + wide / 2) * SIDE)] = 1
        return product, rows.stop - 1

    for place in sorted((files("prodgen.engines.ibl") / "scenes").iterdir(), key=lambda item: item.name):
        if not place.name.endswith(".hdr"):
            continue
        panorama = cv2.imread(str(place), cv2.IMREAD_UNCHANGED)[..., ::-1].astype(np.float32)
        for yaw in range(0, 360, 30):
            for pitch in (35, 25, 15, 8, 0, -10, -20, -30, -45):
                picture, elevation = crop(panorama, yaw + rng.uniform(0, 30), pitch)
                product, foot = matte()
                at_foot = float(elevation[foot, SIDE // 2])
                if at_foot < -12 or at_foot > 5:
                    yield place.name[:-4], at_foot < -12, picture, product
    for draw in (bricks, plaster, blue_sky, cloudy_sky, stars):
        for _ in range(30):
            yield draw.__name__, False, draw(rng), matte()[0]
    for _ in range(30):
        yield "sweep", True, sweep(rng), matte()[0]
        for draw in (bricks, plaster):
            yield f"floor of {draw.__name__}", True, as_floor(draw, rng), matte()[0]


def main() -> None:
    """Print the table, and with --sensitivity what 30 % more or less of each number does."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sensitivity", action="store_true")
    asked = parser.parse_args()
    kept = list(cases())

    def count() -> dict[tuple[str, bool], Counter[str]]:
        found: dict[tuple[str, bool], Counter[str]] = defaultdict(Counter)
        for kind, has_floor, picture, product in kept:
            missing = find_missing_floor(picture, product)
            found[kind, has_floor]["" if missing is None else missing.surface] += 1
        return found

    def totals() -> tuple[int, int]:
        sums = [
            sum(n.total() - n[""] for key, n in count().items() if key[1] is has) for has in (True, False)
        ]
        return sums[0], sums[1]

    for (kind, has_floor), numbers in sorted(count().items(), key=lambda item: item[0][::-1]):
        what = "floor" if has_floor else "no floor"
        print(f"{kind:20} {what:9} {numbers.total():4} {numbers.total() - numbers['']:4} alarms")
    print("alarms at floors, floors found missing:", totals())
    for name in NUMBERS if asked.sensitivity else ():
        usual = getattr(missing_floor, name)
        for factor in (0.7, 1.3):
            setattr(missing_floor, name, usual * factor)
            print(f"{name:14} x {factor}: {totals()}")
        setattr(missing_floor, name, usual)


if __name__ == "__main__":
    main()
