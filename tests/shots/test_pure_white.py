"""What a marketplace measures: pure white around a packshot's product, and the product's own pixels."""

from __future__ import annotations

import io
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from prodgen import codecs, files
from prodgen.images import to_uint8
from prodgen.masks import dilate, erode
from prodgen.shots import Result, shoot
from prodgen.shots.layers import CutOut, Placed

SIDE = 200


def drawn(kind: str) -> tuple[np.ndarray, np.ndarray]:
    """A product that is hard to tell from white, on a light sweep, and its matte."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    matte = np.clip(60.5 - np.hypot((x - 100) * 1.4, y - 100), 0, 1).astype(np.float32)
    sweep = np.broadcast_to((0.86 + 0.05 * y / SIDE)[..., None], (SIDE, SIDE, 3))
    color = np.broadcast_to(np.float32([0.9, 0.9, 0.89]), (SIDE, SIDE, 3)).copy()
    if kind == "glossy":
        color[:] = (0.03, 0.03, 0.03)
        color[70:90, 80:95] = 1.0
        color = cv2.cvtColor(to_uint8(color), cv2.COLOR_RGB2BGR)
        cv2.putText(color, "RED 7", (72, 125), cv2.FONT_HERSHEY_SIMPLEX, 0.5, (13, 13, 230), 2, cv2.LINE_AA)
        color = np.asarray(cv2.cvtColor(color, cv2.COLOR_BGR2RGB) / 255, np.float32)
    if kind == "glass":
        color[:] = (0.75, 0.85, 0.8)
        matte = matte * np.where(np.hypot((x - 100) * 1.4, y - 100) < 45, 0.35, 1).astype(np.float32)
    photo = color * matte[..., None] + sweep * (1 - matte[..., None])
    return np.clip(photo, 0, 1).astype(np.float32), matte


def packshot(photo: object, matte: object = None, **settings: object) -> Result:
    given = {"size": "300x300", **settings}
    return shoot(photo, matte=matte, recipe="packshot", settings=given, seed=1)  # type: ignore[arg-type]


def assert_white_around(result: Result, folder: Path) -> None:
    matte = result.frame[Placed].matte
    result.save(folder / "made.png")
    result.save(folder / "made.jpg")
    png, jpeg = (np.asarray(Image.open(folder / f"made.{ending}")) for ending in ("png", "jpg"))
    outside = dilate((matte > 0).astype(np.float32), 1) == 0
    # A JPEG is written in blocks of 8 x 8: what is 8 rows or columns away from the product is in none of its.
    far = cv2.dilate((matte > 0).astype(np.uint8), np.ones((17, 17), np.uint8)) == 0

    assert far.sum() > 5000
    assert (png[outside] == 255).all()
    assert (jpeg[far] == 255).all()
    assert png[matte > 0.9].min() < 250  # there is a product


@pytest.mark.parametrize("kind", ["low contrast", "glossy", "glass"])
def test_around_a_drawn_product_all_is_255(kind: str, tmp_path: Path) -> None:
    """backgroundremover 153, rembg 138: white on white, and black and red on white."""
    assert_white_around(packshot(*drawn(kind)), tmp_path)


@pytest.mark.parametrize("name", ["jar", "pouch"])
def test_around_a_photographed_product_all_is_255(root: Path, name: str, tmp_path: Path) -> None:
    assert_white_around(packshot(root / "examples" / "photos" / f"{name}.png"), tmp_path)


def test_a_jpeg_has_its_colours_at_full_resolution(tmp_path: Path) -> None:
    data = codecs.encode("JPEG", drawn("glossy")[0])
    with Image.open(io.BytesIO(data), formats=["JPEG"]) as opened:
        layers = opened.layer  # type: ignore[attr-defined]

    assert [layer[1:3] for layer in layers] == [(1, 1)] * 3  # 4:4:4: each channel is sampled once a pixel


@pytest.mark.parametrize("recipe", ["inpaint", "outpaint"])
def test_the_products_pixels_are_the_photographs_after_painting_around_it(recipe: str) -> None:
    photo, matte = drawn("glossy")
    photo, matte = (
        np.asarray(to_uint8(photo) / 255, np.float32),
        np.round(matte * 255).astype(np.float32) / 255,
    )
    asked = {"expand": "left=20%"} if recipe == "outpaint" else {"place": "original", "blend": 0.0}
    made = shoot(
        photo,
        "" if recipe == "outpaint" else "on an oak table",
        matte=matte,
        recipe=recipe,
        settings=asked,
        backend="embedded://",
        seed=1,
    )
    placed = made.frame[Placed]
    inside = erode(placed.matte, 2) == 1
    at = placed.placement
    left, top = round(at.offset_x), round(at.offset_y)
    ours = to_uint8(made.image)[top : top + SIDE, left : left + SIDE]
    inside = inside[top : top + SIDE, left : left + SIDE]

    assert inside.sum() > 3000
    assert np.array_equal(ours[inside], to_uint8(made.frame[CutOut].seen)[inside])
    assert np.array_equal(ours[inside], to_uint8(files.load(photo).rgb)[inside])
