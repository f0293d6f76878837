"""Composites with true mattes, to fit the fusion on: products before backdrops that they never stood before.

A product of the set, or a drawn one, is put before a backdrop: one of the set's photographs with its product
filled in, a studio's sweep, or clutter out of focus; with shadow, reflection, noise and a camera's
development. Each says which products it was made of, so that a fold can leave those out whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from benchmarks.cutout.drawn_products import Chance, Foreground, bounds, drawn_product, noise
from benchmarks.cutout.photo_set import Sample
from prodgen import files
from prodgen.cutout.matting import estimate_foreground
from prodgen.images import Plane, RgbImage, from_uint8, to_uint8

LONG_SIDE = 512
"""Pixels of a composite's longer side. Speed."""

LEAST_AREA = 300
"""Pixels of product below which a composite is made again."""


class Composite(NamedTuple):
    """A photograph made up, and its truth."""

    rgb: RgbImage
    true: Plane
    products: frozenset[str]
    """The set's products in it, as foreground or as what stood before its backdrop."""


class Backdrop(NamedTuple):
    """A photograph without its product."""

    product: str
    rgb: RgbImage


def composites(pictures: Sequence[Sample], count: int, *, seed: int = 7) -> Iterator[Composite]:
    """Make composites; equal pictures, count and seed give equal ones.

    Args:
        pictures: Whose products and backdrops are used; none: only drawn ones are.
        count: How many.
        seed: What they are drawn from.
    """
    foregrounds = [_foreground(sample) for sample in pictures if not _is_cut(sample.true)]
    backdrops = [_without_product(sample) for sample in pictures]
    for number in range(count):
        chance = np.random.default_rng((seed, number))
        made = _composite(chance, foregrounds, backdrops)
        while made.true.sum() < LEAST_AREA:
            made = _composite(chance, foregrounds, backdrops)
        yield made


def _is_cut(matte: Plane) -> bool:
    """Whether the product reaches out of the picture, so that its own end would not be seen."""
    return bool(np.concatenate([matte[0], matte[-1], matte[:, 0], matte[:, -1]]).max() > 0.5)


def _foreground(sample: Sample) -> Foreground:
    rgb, matte = files.load(sample.photo).rgb, sample.true
    hidden = sample.matte.with_name(f"{sample.name}_through.png")
    opacity = np.minimum(cv2.blur(files.load_matte(hidden), (3, 3)), matte) if hidden.is_file() else matte
    box = bounds(matte)
    return Foreground(sample.product, estimate_foreground(rgb, matte)[box], matte[box], opacity[box])


def _without_product(sample: Sample) -> Backdrop:
    """Fill in the product from its surroundings, the nearest first."""
    rgb = files.load(sample.photo).rgb
    height, width = rgb.shape[:2]
    hidden = cv2.dilate((sample.true > 0.02).astype(np.uint8), np.ones((9, 9)))
    known = (1 - hidden).astype(np.float32)[..., None]
    total, weight = np.zeros_like(rgb), np.full((height, width, 1), 1e-9, np.float32)
    for radius, importance in ((4, 1.0), (12, 0.05), (40, 1e-3), (120, 1e-5), (300, 1e-8)):
        scale = max(1, radius // 4)
        size = (max(1, width // scale), max(1, height // scale))
        small = cv2.resize(np.concatenate([rgb * known, known], axis=2), size, interpolation=cv2.INTER_AREA)
        near = cv2.resize(cv2.GaussianBlur(small, (0, 0), radius / scale), (width, height))
        total += np.float32(importance) * near[..., :3]
        weight += np.float32(importance) * near[..., 3:]
    share = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), 2)[..., None]
    return Backdrop(sample.product, (rgb * (1 - share) + total / weight * share).astype(np.float32))


def _composite(chance: Chance, foregrounds: list[Foreground], backdrops: list[Backdrop]) -> Composite:
    short = int(chance.uniform(0.75, 1) * LONG_SIDE)
    height, width = (LONG_SIDE, short) if chance.random() < 0.5 else (short, LONG_SIDE)
    first = _product(chance, foregrounds, 0.62)
    mean = (first.rgb * first.matte[..., None]).sum(axis=(0, 1)) / first.matte.sum()
    picture, products = _backdrop(chance, (height, width), mean, backdrops)
    placed, true = [], np.zeros((height, width), np.float32)
    if chance.random() < 0.12:  # two products beside each other
        extent, places = chance.uniform(0.25, 0.45), [(0.29, 0.5), (0.71, 0.5)]
    else:
        extent, places = chance.uniform(0.2, 0.9), [(0.5, 0.5)]
    for number, place in enumerate(places):
        one = first if number == 0 or chance.random() < 0.5 else drawn_product(chance)
        centre = np.asarray(place) + chance.uniform(-0.04, 0.04, 2)
        placed.append(_placed(chance, one, (height, width), extent, centre))
        products |= {one.product} - {None}
    for one in placed:
        picture = _with_reflection(chance, _with_shadow(chance, picture, one), one)
    for one in placed:
        share = one.opacity[..., None]
        picture = picture * (1 - share) + one.rgb * share
        true = true + one.matte - true * one.matte
    return Composite(_developed(chance, picture), true, frozenset(products))


def _product(chance: Chance, foregrounds: list[Foreground], share: float) -> Foreground:
    if foregrounds and chance.random() < share:
        return foregrounds[chance.integers(len(foregrounds))]
    return drawn_product(chance)


def _placed(
    chance: Chance, one: Foreground, size: tuple[int, int], extent: float, centre: NDArray[np.float64]
) -> Foreground:
    """Scale, turn, mirror and light a product, in a picture of `size`."""
    height, width = one.matte.shape
    scale = extent / max(height / size[0], width / size[1])
    turn = chance.uniform(-20, 20) if chance.random() < 0.5 else 0.0
    way = cv2.getRotationMatrix2D((width / 2, height / 2), turn, scale)
    way[:, 2] += centre * (size[1], size[0]) - (width / 2, height / 2)
    stack = np.dstack([one.rgb, one.matte, one.opacity])
    if chance.random() < 0.5:
        stack = np.ascontiguousarray(stack[:, ::-1])
    if scale < 0.7:
        stack = cv2.GaussianBlur(stack, (0, 0), 0.4 / scale)
    rgb, matte, opacity = (
        cv2.warpAffine(np.ascontiguousarray(part), way, size[::-1], borderMode=border)
        for part, border in (
            (stack[..., :3], cv2.BORDER_REPLICATE),
            (stack[..., 3], cv2.BORDER_CONSTANT),
            (stack[..., 4], cv2.BORDER_CONSTANT),
        )
    )
    gain = chance.uniform(0.85, 1.12) * chance.uniform(0.96, 1.04, 3)
    lit = np.clip(rgb ** chance.uniform(0.75, 1.3) * gain, 0, 1).astype(np.float32)
    return Foreground(one.product, lit, matte, opacity)


def _backdrop(
    chance: Chance, size: tuple[int, int], mean: NDArray[np.float32], backdrops: list[Backdrop]
) -> tuple[NDArray[np.float64], set[str]]:
    """A backdrop, (H, W, 3), and the products that stood before it."""
    which = chance.random()
    if backdrops and which < 0.3:
        one = backdrops[chance.integers(len(backdrops))]
        return _photographed(chance, size, one.rgb), {one.product}
    colour = _backdrop_colour(chance, mean)
    if which < 0.75:
        return np.clip(_sweep(chance, size, colour), 0, 1), set()
    return np.clip(_cluttered(chance, size, colour), 0, 1), set()


def _photographed(chance: Chance, size: tuple[int, int], rgb: RgbImage) -> NDArray[np.float64]:
    share = chance.uniform(0.6, 1)
    height, width = int(rgb.shape[0] * share), int(rgb.shape[1] * share)
    top, left = chance.integers(0, rgb.shape[0] - height + 1), chance.integers(0, rgb.shape[1] - width + 1)
    part = cv2.resize(rgb[top : top + height, left : left + width], size[::-1])
    part = part[:, ::-1] if chance.random() < 0.5 else part
    return np.clip(part ** chance.uniform(0.7, 1.4) * chance.uniform(0.8, 1.15, 3), 0, 1)


def _backdrop_colour(chance: Chance, mean: NDArray[np.float32]) -> NDArray[np.float64]:
    """Pale, dark, nearly the product's own, grey, or any."""
    which = chance.integers(6)
    if which == 2:
        return np.asarray(mean * chance.uniform(0.8, 1.25) + chance.uniform(-0.04, 0.04, 3), np.float64)
    if which > 3:
        return chance.uniform(0, 1, 3)
    return np.full(3, chance.uniform(*((0.85, 1), (0, 0.1), (0, 1), (0.2, 0.8))[which]))


def _sweep(chance: Chance, size: tuple[int, int], colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """A studio's paper: light falls off, sometimes towards a horizon; sometimes it is blown out."""
    down = np.linspace(-0.5, 0.5, size[0])[:, None, None]
    across = np.linspace(-0.5, 0.5, size[1])[None, :, None]
    light = 1 + chance.uniform(-0.35, 0.35) * down + chance.uniform(-0.25, 0.25) * across
    light = light + chance.uniform(-0.5, 0.1) * (down**2 + across**2)
    if chance.random() < 0.4:
        horizon, sharpness = chance.uniform(-0.1, 0.2), chance.uniform(8, 60)
        light = light * (1 - chance.uniform(0, 0.25) / (1 + np.exp(-(down - horizon) * sharpness)))
    paper = colour * light
    return np.maximum(paper, 1) if chance.random() < 0.15 else np.asarray(paper)


def _cluttered(chance: Chance, size: tuple[int, int], colour: NDArray[np.float64]) -> NDArray[np.float64]:
    """Two colours in grain or boards, sometimes a wall above a table, and things out of focus."""
    height, width = size
    other = np.clip(colour + chance.uniform(-0.4, 0.4, 3), 0, 1)
    if chance.random() < 0.4:
        narrow = noise(chance, height, 8 if chance.random() < 0.5 else width, octaves=6)
        grain = cv2.resize(narrow, (width, height))[..., None]
    else:
        grain = noise(chance, height, width, octaves=6, base=int(chance.integers(2, 10)))[..., None]
    ground = colour + (other - colour) * np.clip(0.5 + 0.35 * grain, 0, 1) * chance.uniform(0.2, 1)
    if chance.random() < 0.5:
        wall = other * chance.uniform(0.6, 1.3) * (1 + 0.05 * noise(chance, height, width)[..., None])
        is_wall = np.linspace(0, 1, height)[:, None, None] < chance.uniform(0.2, 0.6)
        ground = np.where(is_wall, wall, ground)
    for _ in range(chance.integers(0, 9)):
        thing = np.zeros(size, np.float32)
        left, top = round(chance.uniform(0, width)), round(chance.uniform(0, height))
        wide, tall = (round(extent) for extent in chance.uniform(10, 150, 2))
        if chance.random() < 0.5:
            cv2.circle(thing, (left, top), wide // 2, 1, -1)
        else:
            cv2.rectangle(thing, (left, top), (left + wide, top + tall), 1, -1)
        thing = cv2.GaussianBlur(thing, (0, 0), chance.uniform(4, 14))[..., None]
        ground = ground * (1 - thing) + thing * chance.uniform(0, 1, 3)
    return np.asarray(ground)


def _with_shadow(chance: Chance, picture: NDArray[np.float64], one: Foreground) -> NDArray[np.float64]:
    """The product's shadow on the ground, and the darkness where it stands."""
    if chance.random() >= 0.75:
        return picture
    height, width = one.matte.shape
    foot = _foot(one.matte)
    flat, slant = chance.uniform(0.08, 1), chance.uniform(-0.6, 0.6)
    lying = np.array(
        [[1, -slant * flat, slant * flat * foot], [0, flat, foot * (1 - flat) + chance.uniform(-3, 6)]]
    )
    cast = cv2.GaussianBlur(
        cv2.warpAffine(one.matte, lying, (width, height)), (0, 0), chance.uniform(1.5, 25)
    )
    tint = 1 - 0.1 * chance.uniform(0, 1, 3)
    picture = picture * (1 - cast[..., None] * chance.uniform(0.1, 0.75) * tint)
    lower = np.roll(one.matte, int(chance.integers(0, 8)), axis=0)
    contact = cv2.GaussianBlur(lower, (0, 0), chance.uniform(3, 20))[..., None]
    return np.asarray(picture * (1 - contact * chance.uniform(0, 0.35)))


def _with_reflection(chance: Chance, picture: NDArray[np.float64], one: Foreground) -> NDArray[np.float64]:
    if chance.random() >= 0.12:
        return picture
    height, width = one.matte.shape
    mirrored = np.array([[1, 0, 0], [0, -1, 2 * _foot(one.matte)]], np.float64)
    share = cv2.GaussianBlur(
        cv2.warpAffine(one.opacity, mirrored, (width, height)), (0, 0), chance.uniform(0.6, 4)
    )[..., None] * chance.uniform(0.05, 0.4)
    return np.asarray(picture * (1 - share) + cv2.warpAffine(one.rgb, mirrored, (width, height)) * share)


def _foot(matte: Plane) -> int:
    """The lowest row of a product; the picture's where it has none."""
    rows = np.flatnonzero(matte.max(axis=1) > 0.3)
    return int(rows[-1]) if len(rows) else len(matte) - 1


def _developed(chance: Chance, picture: NDArray[np.float64]) -> RgbImage:
    """Exposure, a lens's blur, noise, and JPEG."""
    picture = np.clip(picture, 0, 1) ** chance.uniform(0.85, 1.2) * chance.uniform(0.9, 1.1)
    if chance.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), chance.uniform(0.3, 0.9))
    sigma = chance.uniform(0, 0.025) * (0.5 if chance.random() < 0.5 else 1)
    pixels = to_uint8((picture + sigma * chance.standard_normal(picture.shape)).astype(np.float32))
    if chance.random() < 0.8:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(chance.integers(55, 96))]
        stream = cv2.imencode(".jpg", pixels[..., ::-1], quality)[1]
        pixels = np.asarray(cv2.imdecode(stream, cv2.IMREAD_COLOR)[..., ::-1], np.uint8)
    return from_uint8(pixels)
