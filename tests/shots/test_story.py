"""What a delivered picture tells: the shot as it was asked, what was sent, and nothing of this machine."""

from __future__ import annotations

import io
import json
from base64 import b64decode
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from prodgen import files, provenance
from prodgen.errors import SettingError
from prodgen.images import Photo
from prodgen.light import Light
from prodgen.schema import Lora
from prodgen.shots import Recipe, Result, Shot, new_shot, shoot
from prodgen.shots.layers import Drawn

FOLDER = "a-folder-that-is-nobodys-business"


@pytest.fixture
def photo(tmp_path, disc):
    rgb = np.where(disc[..., None] > 0, np.array([0.7, 0.1, 0.1]), 0.9).astype(np.float32)
    folder = tmp_path / FOLDER
    folder.mkdir()
    files.save(folder / "mug.png", rgb)
    files.save_matte(folder / "mug-matte.png", disc)
    files.save(folder / "room.png", np.full((128, 128, 3), 0.5, np.float32))
    return folder / "mug.png"


@pytest.fixture
def asked(photo) -> Shot:
    return new_shot(
        photo,
        "on wood <lora:more_details:0.5>",
        negative_prompt="people",
        seed=3,
        matte=photo.with_name("mug-matte.png"),
        light="soft left",
        settings={"place": "original", "look": "film"},
    )


@pytest.mark.parametrize("ending", [".png", ".jpg", ".webp", ".tif"])
def test_no_folder_of_this_machine_is_in_a_delivered_file(photo, ending):
    output = photo.with_name(f"out{ending}")

    shoot(
        photo,
        background=photo.with_name("room.png"),
        matte=photo.with_name("mug-matte.png"),
        output=output,
        backend="embedded://",
        settings={"place": "original"},
    )

    data = output.read_bytes()
    for encoding in ("utf-8", "utf-16-le", "utf-16-be"):
        assert FOLDER.encode(encoding) not in data
    story = provenance.read_story(files.read_text(output))
    names = {name: story["asked"][name] for name in ("photo", "matte", "background")}
    assert names == {"photo": "mug.png", "matte": "mug-matte.png", "background": "room.png"}


def test_a_story_has_the_shot_as_it_was_asked_beside_what_was_sent(asked):
    result = shoot_one(asked)

    story = json.loads(json.dumps(result.story()))

    assert story["asked"]["prompt"] == "on wood"
    assert story["asked"]["negative_prompt"] == "people"
    assert story["asked"]["loras"] == [{"name": "more_details", "weight": 0.5}]
    assert story["asked"]["seed"] == 3
    assert story["sent"]["prompt"].startswith("on wood, ")
    assert "light from the left" in story["sent"]["prompt"]
    assert story["sent"]["negative_prompt"].startswith("people, ")
    assert story["sent"]["seed"] == 3


def test_a_shot_comes_back_from_its_story_without_anything_undone(asked, photo):
    story = json.loads(json.dumps(asked.story()))

    again = Shot.from_story(story, photo=photo, matte=photo.with_name("mug-matte.png"))

    assert again == asked
    assert again.lights == (Light.parse("soft left"),)


def test_a_story_of_another_version_is_refused_and_not_read_in_part(asked, photo):
    with pytest.raises(SettingError, match="unknown setting 'mood'"):
        Shot.from_story({**asked.story(), "mood": "calm"}, photo=photo)


def test_a_story_leaves_out_the_folder_of_a_servers_socket(asked, photo):
    result = shoot_one(asked)
    drawn = result.frame.layers
    for kind, layer in drawn.items():
        if kind.__name__ == "Drawn":
            object.__setattr__(layer.origin, "backend", f"a1111 at unix:///home/two words/{FOLDER}/sd.sock")

    assert result.story()["backend"] == "a1111 at unix:sd.sock"


def shoot_one(shot: Shot) -> Result:
    from prodgen.client import Client
    from prodgen.engines.ibl.ibl_engine import IblEngine
    from prodgen.server import ApiServer, ApiTransport
    from prodgen.shots import shoot_all

    transport = ApiTransport(ApiServer(IblEngine()))
    with Client("http://127.0.0.1:1", transport=transport) as client:
        return next(shoot_all([shot], backend=client))


def test_every_kind_of_picture_gives_the_same_shot_and_those_in_memory_are_called_so(photo):
    array = np.asarray(Image.open(photo))
    sources = {
        "path": str(photo),
        "bytes": photo.read_bytes(),
        "file": io.BytesIO(photo.read_bytes()),
        "picture": Image.open(photo),
        "8 bit": array,
        "floats": array.astype(np.float64) / 255,
        "photo": Photo(files.load(photo).rgb),
    }

    shots = {kind: packshot(source, photo) for kind, source in sources.items()}

    pictures = [result.image for result in shots.values()]
    for picture in pictures[1:]:
        np.testing.assert_allclose(picture, pictures[0], atol=1e-6)
    names = {kind: result.story()["asked"]["photo"] for kind, result in shots.items()}
    assert names == {**dict.fromkeys(sources, "picture in memory"), "path": "mug.png"}


def packshot(source: object, photo) -> Result:
    return shoot(
        source,
        recipe="packshot",
        matte=np.asarray(Image.open(photo.with_name("mug-matte.png"))),
        settings={"place": "original"},
    )


def test_a_picture_is_marked_by_what_drew_its_scene(asked, photo):
    rendered, plain = shoot_one(asked), packshot(photo, photo)
    origin = replace(rendered.origin, is_generated=True)
    layers = rendered.frame.holding(replace(rendered.frame[Drawn], origin=origin))
    generated = replace(rendered, frame=layers)

    assert provenance.COMPOSITE_SYNTHETIC in str(rendered.text())
    assert provenance.COMPOSITE_WITH_TRAINED_MEDIA in str(generated.text())
    assert provenance.ALGORITHMICALLY_ENHANCED in str(plain.text())


def test_a_story_tells_how_much_larger_the_product_was_made(photo):
    assert packshot(photo, photo).story()["product_scale"] == 1
    larger = shoot(photo, recipe="packshot", settings={"place": "original", "upscale": "2"})
    assert larger.story()["product_scale"] == 2


def test_shots_of_equal_pictures_in_memory_are_equal_and_of_others_are_not(photo):
    pixels = files.load(photo).rgb
    cut = Photo(pixels, matte=np.ones(pixels.shape[:2], np.float32))
    one, same, other, cut_out = (
        Shot(photo=source, seed=1) for source in (pixels, pixels.copy(), 1 - pixels, cut)
    )

    assert one == same
    assert one.key == same.key
    assert one != other
    assert one.key != other.key
    assert one != cut_out


def test_a_lora_may_be_given_in_words_or_as_a_lora(photo):
    words, typed = (
        new_shot(photo, "x", seed=1, loras=[lora])
        for lora in ("more_details:0.5", Lora(name="more_details", weight=0.5))
    )

    assert words == typed


def test_a_light_may_be_given_in_words_or_as_a_light(photo):
    words, typed = (
        new_shot(photo, "x", seed=1, light=light) for light in ("soft left", Light.parse("soft left"))
    )

    assert words == typed
    assert all(isinstance(light, Light) for light in words.lights)
    assert words.key == typed.key
    assert words.key != new_shot(photo, "x", seed=1, light="right").key


def test_a_result_is_saved_with_its_story_and_never_over_its_photograph(photo):
    from prodgen.errors import ImageError

    result = packshot(photo, photo)
    before = photo.read_bytes()

    saved = result.save(photo.with_name("later.png"))

    assert saved.path == photo.with_name("later.png")
    assert provenance.read_story(files.read_text(saved.path))["kind"] == "shot"
    with pytest.raises(ImageError, match="would be lost"):
        result.save(photo)
    assert photo.read_bytes() == before


def test_delivery_decides_quality_and_whether_the_story_goes_along(photo, tmp_path):
    def size(**settings: object) -> int:
        result = shoot(
            photo,
            recipe="packshot",
            matte=photo.with_name("mug-matte.png"),
            settings={"size": "300x300", **settings},
        )
        return result.save(tmp_path / "out.jpg").path.stat().st_size

    large, small = size(quality=95), size(quality=30)
    shoot(photo, recipe="packshot", settings={"metadata": False, "segmenter": "classical"}).save(
        tmp_path / "bare.png"
    )

    assert small < large
    assert files.read_text(tmp_path / "bare.png") == {}


def test_a_notebook_shows_a_result_as_picture_and_verdict(photo):
    result = packshot(photo, photo)

    page = result._repr_html_()

    start = '<img src="data:image/jpeg;base64,'
    assert page.startswith(start)
    assert "product" in page
    assert files.load(b64decode(page.removeprefix(start).partition('"')[0])).rgb.shape == (64, 64, 3)


def test_a_prompt_shows_a_result_in_one_line(photo):
    assert repr(packshot(photo, photo)).startswith("<Result 64x64, seed ")
    assert repr(packshot(photo, photo)).count("\n") == 0


def test_recipes_hold_nothing_that_belongs_to_one_photograph():
    assert not {"matte", "matte_file", "box", "points", "photo"} & set(Recipe.load("relight").settings)


def test_how_the_product_was_cut_out_comes_back_from_a_story(photo):
    settings = {"segmenter": "u2netp+classical", "keep_alpha": False, "feather_px": 1.5, "refine_edge": True}
    settings |= {"material": "metal"}
    shot = new_shot(photo, "a table", box="10%,5%,90%,95%", points="+50%,50% -5,5", settings=settings)

    again = Shot.from_story(json.loads(json.dumps(shot.story())), photo=photo)

    assert again.key == shot.key
    assert (again.box, again.points) == ("10%,5%,90%,95%", "+50%,50% -5,5")
    assert dict(again.recipe.stages[0]) == {"stage": "segment", **settings}


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        ({"box": "1,2,3"}, "box must be LEFT,TOP"),
        ({"box": (1, 2)}, "box"),
        ({"points": "here"}, r"points must be \+X,Y"),
    ],
)
def test_a_box_or_points_in_wrong_words_are_refused_when_the_shot_is_made(photo, hint, words):
    with pytest.raises(SettingError, match=words):
        new_shot(photo, "a table", **hint)


def test_several_lights_are_a_list_or_words_with_semicolons_and_the_first_is_the_key(photo):
    listed = new_shot(photo, "x", seed=1, light=["soft left", Light.parse("#0044ff back-right 30%")])
    said = new_shot(photo, "x", seed=1, light="soft left; #0044ff back-right 30%")

    assert listed == said
    assert [light.azimuth_deg for light in said.lights] == [-80, 140]
    assert said.key != new_shot(photo, "x", seed=1, light="#0044ff back-right 30%; soft left").key


def test_a_fifth_light_is_refused(photo):
    with pytest.raises(SettingError, match="at most 4 lights are possible, not 5"):
        new_shot(photo, "x", seed=1, light="left; right; top; back; front")
