"""What goes from preparing to drawing to completing: small, whole after pickling, shared where it may be."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.client import Client
from prodgen.engines import embedded_transport
from prodgen.errors import SettingError
from prodgen.light import Light
from prodgen.schema import Lora
from prodgen.shots import Like, Recipe, Shot, complete, draw, open_tools, prepare, shoot_all
from prodgen.shots.frame import Tools
from prodgen.shots.layers import Brief, CutOut, Drawn, Placed

SIDE = 640


@pytest.fixture(scope="module")
def photo(tmp_path_factory) -> Path:
    """A photograph of a ball before an uneven wall, cut out."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    matte = np.clip(200.5 - np.hypot(x - 320, y - 320), 0, 1).astype(np.float32)
    noise = np.random.default_rng(0).normal(0, 0.02, (SIDE, SIDE, 3))
    rgb = np.clip(np.where(matte[..., None] > 0, 0.3 + 0.4 * y[..., None] / SIDE, 0.8) + noise, 0, 1)
    folder = tmp_path_factory.mktemp("photos")
    files.save(folder / "ball.png", rgb.astype(np.float32))
    files.save_matte(folder / "matte.png", matte)
    files.save(folder / "room.jpg", np.clip(0.5 + noise, 0, 1).astype(np.float32))
    return folder / "ball.png"


@pytest.fixture(scope="module")
def tools():
    with Client("http://127.0.0.1:1", transport=embedded_transport()) as client:
        yield Tools(client=lambda: client)


def shot_of(ball: Path, name: str = "relight", **fields: object) -> Shot:
    recipe = Recipe.load(name).with_settings({"place": "original"})
    given = {"photo": ball, "matte": ball.with_name("matte.png"), "prompt": "table", "seed": 3}
    return Shot.model_validate({**given, "recipe": recipe, **fields})


@pytest.mark.parametrize(
    ("recipe", "fields", "bytes_a_pixel"),
    [
        ("relight", {}, 3),
        ("relight", {"with_background": True}, 3),
        ("inpaint", {}, 3 + 12),  # how the product is lit there is computed, in floats
    ],
)
def test_hand_overs_are_small_and_whole_in_another_process(photo, tools, recipe, fields, bytes_a_pixel):
    background = photo.with_name("room.jpg") if fields else None
    prepared = prepare(shot_of(photo, recipe, background=background))
    to_draw = pickle.dumps(prepared)
    drawing = draw(pickle.loads(to_draw), tools)
    to_complete = pickle.dumps(drawing)

    there = complete(pickle.loads(to_complete), tools)
    here = complete(draw(prepared, tools), tools)

    np.testing.assert_array_equal(there.image, here.image)
    assert there.story() == here.story()
    # In memory are photograph, foreground, product and two mattes, 4 bytes a value.
    assert len(to_draw) < 40_000 < SIDE * SIDE * 4 * (3 + 3 + 3 + 1 + 1) / 400, f"{len(to_draw)} bytes"
    height, width, _ = drawing.frame[Drawn].relit.shape
    assert len(to_complete) < 40_000 + bytes_a_pixel * height * width, f"{len(to_complete)} bytes"


def test_what_was_found_of_the_product_is_not_found_again_in_another_process(photo, monkeypatch):
    shot = shot_of(photo, matte=None)
    prepared = prepare(shot)
    copy = pickle.loads(pickle.dumps(prepared))
    monkeypatch.setattr("prodgen.cutout.cutting.segmenter_named", None)

    frame = copy.frame

    np.testing.assert_array_equal(frame[CutOut].matte, prepared.frame[CutOut].matte)
    np.testing.assert_array_equal(frame[Placed].original, prepared.frame[Placed].original)
    assert frame[CutOut].segmenter == prepared.frame[CutOut].segmenter == "u2netp"
    assert frame.notices == prepared.frame.notices


def test_a_hand_over_that_travels_twice_is_still_whole(photo, tools):
    prepared = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(prepare(shot_of(photo))))))

    drawing = pickle.loads(pickle.dumps(pickle.loads(pickle.dumps(draw(prepared, tools)))))

    assert drawing.frame[Drawn].relit is drawing.frame[Drawn].scene
    assert drawing.frame[Drawn].scene.std() > 0.01


OTHER = {
    "photo": lambda photo: photo.with_name("matte.png"),
    "prompt": lambda photo: "beach",
    "negative_prompt": lambda photo: "people",
    "seed": lambda photo: 4,
    "output": lambda photo: photo.with_name("other.png"),
    "is_repeat": lambda photo: True,
    "like": lambda photo: Like(picture="first.png", has_story=True),
    "recipe": lambda photo: Recipe.load("relight"),  # which places the product elsewhere
    "background": lambda photo: photo.with_name("room.jpg"),
    "matte": lambda photo: None,
    "box": lambda photo: (50, 50, 600, 600),
    "points": lambda photo: ((320.0, 320.0, True),),
    "pose": lambda photo: "flat",
    "lights": lambda photo: (Light.parse("left"),),
    "reference": lambda photo: photo.with_name("room.jpg"),
    "light_map": lambda photo: photo.with_name("room.jpg"),
    "light_from": lambda photo: photo.with_name("room.jpg"),
    "loras": lambda photo: (Lora(name="shiny"),),
}
"""Another value for each field of a shot."""

OF_THE_SCENE = {"prompt", "negative_prompt", "seed", "output", "is_repeat", "lights", "loras", "like"}


@pytest.mark.parametrize("name", sorted(set(Shot.model_fields) - OF_THE_SCENE))
def test_shots_that_differ_in_the_product_or_its_place_never_share_their_preparation(photo, name):
    prepared = prepare(shot_of(photo))

    with pytest.raises(SettingError, match="share their preparation"):
        prepared.for_shot(shot_of(photo, **{name: OTHER[name](photo)}))


@pytest.mark.parametrize("name", sorted(OF_THE_SCENE - {"loras"}))  # of which the embedded backend has none
def test_shots_that_differ_in_the_scene_alone_share_it_and_give_the_very_picture(photo, tools, name):
    other = shot_of(photo, **{name: OTHER[name](photo)})
    alone = complete(draw(prepare(other), tools), tools)
    prepared = prepare(shot_of(photo))

    shared = complete(draw(prepared.for_shot(other), tools), tools)

    assert shared.frame[Placed].placement is prepared.frame[Placed].placement
    np.testing.assert_array_equal(shared.image, alone.image)
    assert shared.story() == alone.story()


def test_two_scenes_two_looks_and_two_settings_of_the_drawing_share_one_cut_out(photo):
    prepared = prepare(shot_of(photo))
    recipe = shot_of(photo).recipe.with_settings({"look": "cinematic", "steps": 9})

    other = prepared.for_shot(shot_of(photo, recipe=recipe, loras=OTHER["loras"](photo)))

    assert other.frame[CutOut] is prepared.frame[CutOut]
    assert other.frame[Brief].loras == OTHER["loras"](photo)


def test_two_lights_that_differ_give_two_pictures(photo):
    shots = [shot_of(photo, lights=light) for light in ("left", "right")]

    left, right = shoot_all(shots, backend="embedded://")

    assert left.frame[Placed].matte is right.frame[Placed].matte  # and one cut-out serves both
    assert np.abs(left.image - right.image).max() > 0.02


def test_a_connection_that_the_tools_opened_is_closed_with_them_and_one_of_the_callers_is_not():
    with open_tools("embedded://") as tools:
        opened = tools.client()
        assert tools.client() is opened
    with Client("embedded://") as mine, open_tools(mine) as tools:
        assert tools.client() is mine


def test_a_cut_out_that_was_corrected_is_not_corrected_again_in_another_process(photo):
    recipe = Recipe.load("relight").with_settings({"feather_px": 6.0})
    prepared = prepare(shot_of(photo, recipe=recipe, points="+50%,50%", box="2%,2%,98%,98%"))

    frame = pickle.loads(pickle.dumps(prepared)).frame

    np.testing.assert_array_equal(frame[CutOut].matte, prepared.frame[CutOut].matte)
