"""A product too many in the scene is told with the picture, and where allowed another seed is tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.client import Client
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.engines.ibl.render_order import Rendering, RenderOrder
from prodgen.masks import composite
from prodgen.server import ApiServer, ApiTransport
from prodgen.shots import shoot


def draw(order: RenderOrder) -> Rendering:
    """A backend that paints the product a second time, to the left, but for every third seed."""
    scene = np.full((order.height, order.width, 3), 0.75, np.float32)
    scene[2 * order.height // 3 :] = (0.5, 0.4, 0.3)
    if order.foreground is None or order.matte is None:
        return Rendering(image=scene, scene="test", floor="test")
    if order.seed % 3:
        across = -order.width // 3
        scene = composite(np.roll(order.foreground, across, 1), scene, np.roll(order.matte, across, 1))
    return Rendering(image=composite(order.foreground, scene, order.matte), scene="test", floor="test")


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    y, x = np.mgrid[:256, :256].astype(np.float32)
    matte = ((np.abs(x - 185) < 30 - 12 * (y < 120)) & (np.abs(y - 140) < 60)).astype(np.float32)
    red = np.full((256, 256, 3), (0.7, 0.1, 0.1), np.float32)
    red[150:175] = (0.95, 0.95, 0.9)
    files.save(tmp_path / "photo.png", composite(red, np.full_like(red, 0.92), matte))
    files.save_matte(tmp_path / "matte.png", matte)
    return tmp_path / "photo.png"


def made(photo: Path, seed: int, tries: int):
    transport = ApiTransport(ApiServer(IblEngine(checkpoints=("photon",), renderer=draw)))
    with Client("http://127.0.0.1:1", transport=transport) as client:
        return shoot(
            photo,
            "a table",
            matte=photo.with_name("matte.png"),
            backend=client,
            seed=seed,
            settings={"place": "original", "shadow": "none", "tries": tries},
        )


def test_k14_a_second_product_is_told_in_words_and_in_the_story(photo):
    """imaginAIry 361, Inpaint-Anything 80: a second, larger shoe was painted under the shoe."""
    result = made(photo, seed=1, tries=1)

    assert result.story()["scene"]["duplicate"]["kind"] == "second"
    assert any("second product" in notice for notice in result.notices)


def test_another_seed_is_tried_until_there_is_one_product(photo):
    result = made(photo, seed=1, tries=6)

    assert result.seed % 3 == 0
    assert result.story()["scene"]["duplicate"] is None
    assert any("seeds tried" in notice for notice in result.notices)


def test_a_second_product_that_was_painted_beyond_the_photographs_edges_is_told(photo):
    def paint(order: RenderOrder) -> Rendering:
        scene = np.full((order.height, order.width, 3), 0.92, np.float32)
        if order.foreground is None or order.matte is None:
            return Rendering(image=scene, scene="test", floor="test")
        red, stripe = np.abs(order.foreground - (0.7, 0.1, 0.1)), np.abs(order.foreground - (0.95, 0.95, 0.9))
        product = ((red.sum(2) < 0.15) | (stripe.sum(2) < 0.02)).astype(np.float32)
        across = order.width // 2
        scene = composite(np.roll(order.foreground, across, 1), scene, np.roll(product, across, 1))
        return Rendering(image=scene, scene="test", floor="test")

    def outpainted(renderer) -> dict:
        engine = IblEngine(checkpoints=("photon",), renderer=renderer)
        with Client("http://127.0.0.1:1", transport=ApiTransport(ApiServer(engine))) as client:
            made = shoot(
                photo,
                matte=photo.with_name("matte.png"),
                backend=client,
                seed=1,
                recipe="outpaint",
                settings={"expand": "right=100%"},
            )
        return made.story()["scene"]["duplicate"]

    def leave_empty(order: RenderOrder) -> Rendering:
        wall = np.full((order.height, order.width, 3), 0.92, np.float32)
        return Rendering(image=wall, scene="test", floor="test")

    assert outpainted(paint)["kind"] == "second"
    assert outpainted(leave_empty) is None
