"""IC-Light's second pass: what is sent for it, what tells that it ran, and who says that it does not."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path

import numpy as np
import pytest

from prodgen import codecs, files
from prodgen.errors import IdleSettingError
from prodgen.replaying import replay
from prodgen.shots import Recipe, Result, shoot
from tests.shots.reference_server import ReferenceServer, connected

SETTINGS = {"place": "original", "shadow": "none", "steps": 8, "second_pass": True}


@pytest.fixture
def photos(tmp_path: Path, disc: np.ndarray) -> Path:
    """A folder with a red disc, its matte, and a wall to put it before."""
    rgb = np.where(disc[..., None] > 0, np.array([0.7, 0.1, 0.1]), 0.9).astype(np.float32)
    files.save(tmp_path / "mug.png", rgb)
    files.save_matte(tmp_path / "matte.png", disc)
    files.save(tmp_path / "wall.png", np.full_like(rgb, 0.4))
    return tmp_path


def shot(photos: Path, server: ReferenceServer, **more: object) -> Result:
    settings = {**SETTINGS, **more.pop("settings", {})}
    with connected(server) as client:
        return shoot(
            photos / "mug.png",
            "oak table",
            matte=photos / "matte.png",
            backend=client,
            seed=5,
            settings=settings,
            **more,
        )


def relighting_server() -> ReferenceServer:
    return ReferenceServer(ic_light="v2")


@pytest.mark.parametrize("background", [None, "wall.png"])
def test_from_noise_it_is_one_call_with_the_numbers_of_ic_lights_demo(photos, background):
    server = relighting_server()

    made = shot(photos, server, background=background and photos / background)

    ((path, sent),) = server.sent
    assert path == "/sdapi/v1/txt2img"
    assert (sent["enable_hr"], sent["hr_scale"], sent["denoising_strength"]) == (True, 1.5, 0.5)
    assert sent["hr_upscaler"] == "Lanczos"
    assert made.story()["proofs"]["second pass"]["kind"] == "picture"


def test_from_a_light_map_it_is_a_second_call_over_the_enlarged_picture_with_the_product_as_large(photos):
    server = relighting_server()

    shot(photos, server, light="left", settings={"second_pass_scale": 2, "megapixels": 0.25})

    # The client asks for a step without IC-Light in between, by which a server forgets its arguments.
    (first, once), (second, again) = (sent for sent in server.sent if sent[1].get("alwayson_scripts"))
    assert first == second == "/sdapi/v1/img2img"
    assert (once["denoising_strength"], again["denoising_strength"]) == (0.9, 0.5)
    assert (again["width"], again["height"]) == (2 * once["width"], 2 * once["height"])
    assert again["steps"] == 16, "a server runs only the strength's share of them"
    product = codecs.decode(b64decode(again["init_images"][0])).rgb
    assert product.shape[:2] == (again["height"], again["width"])


def test_it_is_off_unless_it_is_asked_for(photos):
    server = relighting_server()

    made = shot(photos, server, settings={"second_pass": False})

    assert "enable_hr" not in server.sent[0][1]
    assert "second pass" not in made.story()["proofs"]


def test_the_embedded_backend_says_that_it_has_no_second_pass(photos):
    made = shoot(
        photos / "mug.png",
        "oak table",
        matte=photos / "matte.png",
        backend="embedded://",
        seed=5,
        settings=SETTINGS,
    )

    assert sum("second_pass is without effect" in note for note in made.notices) == 1
    assert "second pass" not in made.story()["proofs"]


def test_a_server_that_leaves_the_second_pass_out_is_told_of(photos):
    class OnePass(ReferenceServer):
        def answer(self, request):
            body = request.body.replace(b'"enable_hr": true', b'"enable_hr": false')
            body = body.replace(b'"enable_hr":true', b'"enable_hr":false')
            return super().answer(type(request)(**{**vars(request), "body": body}))

    made = shot(photos, OnePass(ic_light="v2"))

    assert any("second pass (hires fix) did not run" in note for note in made.notices)
    assert "second pass" not in made.story()["proofs"]


def test_its_numbers_without_it_are_refused():
    with pytest.raises(IdleSettingError, match="second_pass asks for one"):
        Recipe.load("relight").with_settings({"second_pass_scale": 2.0})


def test_a_server_without_ic_light_refuses_it(photos):
    with pytest.raises(IdleSettingError, match="leave out second_pass"):
        shot(photos, ReferenceServer())


@pytest.mark.parametrize("light", [None, "left"])
def test_a_replay_is_the_same_to_the_bit(photos, light):
    first = shot(photos, relighting_server(), light=light, output=photos / "out.png")

    with connected(relighting_server()) as client:
        again = replay(
            photos / "out.png",
            photo=photos / "mug.png",
            matte=photos / "matte.png",
            backend=client,
            output=photos / "again.png",
        )

    np.testing.assert_array_equal(again.picture.image, first.image)
