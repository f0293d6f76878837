"""Scores the classical cut-out on small photographs with true mattes, for `benchmarks/calibration.py`.

Path-traced products (tests/data) as they were shot and before other backdrops; one as a JPEG without camera
noise, in twice the size; and drawn shapes that have what those lack: a strap, a white lid before white, a
dark contact shadow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from prodgen import codecs, files, images
from prodgen.cutout.classical import ClassicalSegmenter
from prodgen.cutout.doubts import check_matte
from prodgen.cutout.matting import estimate_foreground
from prodgen.cutout.quality import assess
from prodgen.errors import SegmentationError
from prodgen.images import Matte, RgbImage

MODULES = (
    "prodgen.cutout.backdrop",
    "prodgen.cutout.classical",
    "prodgen.cutout.completion",
    "prodgen.cutout.contrast",
    "prodgen.cutout.cutting",
    "prodgen.cutout.deviation",
    "prodgen.cutout.doubts",
    "prodgen.cutout.edge_curves",
    "prodgen.cutout.evidence",
    "prodgen.cutout.fusion",
    "prodgen.cutout.hints",
    "prodgen.cutout.large_photos",
    "prodgen.cutout.left_out",
    "prodgen.cutout.matting",
    "prodgen.cutout.networks",
    "prodgen.cutout.quality",
    "prodgen.cutout.regions",
    "prodgen.cutout.segmenters",
    "prodgen.cutout.silhouette",
    "prodgen.cutout.symptoms",
)

NOTE = """What moves nothing here is a limit that these pictures keep, a policy of what is doubted, or needs a
box or points, which none of them has. Leaving out `MAX_NOISE` or `MIN_COVERAGE` moves nothing either, but
costs up to 0.2 of the IoU of single pictures in a set of 55 product photographs."""

SIDE = 352
"""Pixels of every picture's side."""

DATA = Path(__file__).resolve().parents[2] / "tests" / "data" / "truth"

BACKDROPS: dict[str, tuple[float, float, float] | None] = {
    "jar": None,
    "mug": (0.2, 0.35, 0.6),
    "pouch": (0.9, 0.88, 0.85),
}
"""The products, and the other backdrop that each is put before, sRGB."""


class Scored(NamedTuple):
    """A photograph and what should be found in it."""

    name: str
    photo: RgbImage
    true: Matte
    is_product: bool = False
    """Path traced; else drawn."""


def score(module: str | None = None) -> dict[str, tuple[float, float]]:
    """Figure -> (value, smallest change that matters)."""
    pictures = list(_photographs())
    asked = [right for item in pictures if item.is_product for right in _doubts_right(item)]
    figures = {
        "colour error at the edge, x 1000": (1000 * _colour_error(), 1.0),
        "doubts that are right, %": (100 * float(np.mean(asked)), 1.0),
    }
    if module == "prodgen.cutout.doubts":
        return figures
    mattes = [_cut(item.photo) for item in pictures]
    ious: dict[bool, list[float]] = {True: [], False: []}
    for item, matte in zip(pictures, mattes, strict=True):
        ious[item.is_product].append(_iou(matte, item.true))
    edges = [_edge_error(matte, item.true) for item, matte in zip(pictures, mattes, strict=True)]
    return {
        "IoU of products, %": (100 * float(np.mean(ious[True])), 0.1),
        "IoU of drawn shapes, %": (100 * float(np.mean(ious[False])), 0.1),
        "error at the edge, x 1000": (1000 * float(np.mean(edges)), 1.0),
        **figures,
    }


def _photographs() -> Iterator[Scored]:
    """Give every photograph: 8 bit, sRGB, each time the same."""
    noise = np.random.default_rng(5)
    for product, rgb in BACKDROPS.items():
        shot = files.load(DATA / f"{product}_input.jpg").rgb
        true = files.load_matte(DATA / f"{product}_matte.png")
        yield Scored(f"{product} as shot", shot, true, is_product=True)
        if rgb is None:
            continue
        colours = estimate_foreground(shot, true)
        elsewhere = _photograph(true, colours, _sweep(rgb), noise)
        yield Scored(f"{product} elsewhere", elsewhere, true, is_product=True)
    large = files.load(DATA.parents[2] / "examples" / "photos" / "jar.png").rgb
    packed = codecs.decode(codecs.encode("JPEG", large, quality=85)).rgb
    true = images.resize(files.load_matte(DATA / "jar_matte.png"), packed.shape[1], packed.shape[0])
    yield Scored("jar in a JPEG", packed, true, is_product=True)
    white = _sweep((0.85, 0.85, 0.84))
    true = _drawn(_bag)
    yield Scored("bag before white", _photograph(true, (0.7, 0.5, 0.1), white, noise), true)
    body, lid = _drawn(_body), _drawn(_lid)
    true = np.maximum(body, lid)
    lidded = white + lid[..., None] * np.float32(0.012)
    yield Scored(
        "white lid before white", _photograph(body, (0.45, 0.2, 0.15), lidded, noise, shadow=0), true
    )
    dark = cv2.GaussianBlur(np.roll(body, 4, axis=0), (0, 0), 3)[..., None] * np.float32(0.8)
    floor = _sweep((0.75, 0.7, 0.62)) * (1 - dark * (np.arange(SIDE)[:, None, None] > 0.78 * SIDE))
    packed = codecs.encode("JPEG", _photograph(body, (0.2, 0.4, 0.25), floor, noise), quality=80)
    yield Scored("contact shadow in a JPEG", codecs.decode(packed).rgb, body)


def _sweep(rgb: tuple[float, float, float]) -> RgbImage:
    """A backdrop that darkens downwards and towards the sides."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j]
    return (np.array(rgb) * (1 - 0.06 * y - 0.05 * x * x)[..., None]).astype(np.float32)


def _photograph(
    true: Matte,
    colours: RgbImage | tuple[float, float, float],
    behind: RgbImage,
    noise: np.random.Generator,
    *,
    shadow: float = 0.35,
) -> RgbImage:
    """A product before a backdrop: a soft cast shadow, a soft edge, a camera's noise."""
    cast = cv2.GaussianBlur(np.roll(true, (6, 22), axis=(0, 1)), (0, 0), 10)[..., None]
    floor = behind * (1 - np.float32(shadow) * cast)
    rgb = np.asarray(colours, np.float32) * true[..., None] + floor * (1 - true[..., None])
    rgb = rgb + noise.normal(0, 0.004, rgb.shape)
    return images.from_uint8(images.to_uint8(rgb.astype(np.float32)))


def _drawn(draw: Callable[[np.ndarray], None]) -> Matte:
    """A matte with an edge of one pixel, of a shape drawn four times as large."""
    large = np.zeros((4 * SIDE, 4 * SIDE), np.uint8)
    draw(large)
    return cv2.resize(large.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def _ring(large: np.ndarray) -> None:
    cv2.circle(large, (700, 720), 400, 1, -1)
    cv2.circle(large, (700, 720), 230, 0, -1)


def _bag(large: np.ndarray) -> None:
    cv2.rectangle(large, (350, 600), (1050, 1150), 1, -1)
    cv2.ellipse(large, (700, 600), (220, 330), 0, 180, 360, 1, 22)


def _body(large: np.ndarray) -> None:
    cv2.rectangle(large, (400, 480), (1000, 1150), 1, -1)


def _lid(large: np.ndarray) -> None:
    cv2.rectangle(large, (430, 330), (970, 480), 1, -1)


def _cut(photo: RgbImage) -> Matte:
    try:
        return ClassicalSegmenter().segment(photo).matte
    except SegmentationError:
        return np.zeros(photo.shape[:2], np.float32)


def _iou(matte: Matte, true: Matte) -> float:
    """Intersection over union, both cut at one half."""
    return float(((matte > 0.5) & (true > 0.5)).sum() / max(((matte > 0.5) | (true > 0.5)).sum(), 1))


def _edge_error(matte: Matte, true: Matte) -> float:
    """Mean absolute error within 5 px of the true outline."""
    solid, window = (true > 0.5).astype(np.uint8), np.ones((11, 11), np.uint8)
    band = (cv2.dilate(solid, window) - cv2.erode(solid, window)) > 0
    return float(np.abs(matte - true)[band].mean())


def _colour_error() -> float:
    """How far the colours at a ring's soft edge are from its own, before a backdrop of another colour."""
    matte = cv2.GaussianBlur(_drawn(_ring), (0, 0), 1.5)
    own, behind = np.float32([0.7, 0.5, 0.1]), np.float32([0.2, 0.35, 0.6])
    photo = own * matte[..., None] + behind * (1 - matte[..., None])
    edge = (matte > 0.1) & (matte < 0.95)
    return float(np.abs(estimate_foreground(photo, matte) - own)[edge].mean())


def _doubts_right(item: Scored) -> Iterator[bool]:
    """Whether the true matte is not doubted, and one with the product's shadow in it is."""
    yield not [*check_matte(item.true, item.photo), *assess(item.photo, item.true, ()).doubts]
    shadow = np.roll(item.true, (10, 40), axis=(0, 1))
    yield bool(assess(item.photo, np.maximum(item.true, shadow), ()).doubts)
