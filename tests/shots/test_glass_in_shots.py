"""A product of glass, from its photograph to the delivered picture."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from prodgen import files
from prodgen.errors import IdleSettingError
from prodgen.shots import Result, shoot
from prodgen.shots.glassware import KEEPS_SURROUNDINGS, glass_of
from prodgen.shots.layers import FinalScene, Glass, Kept, Material, Placed, Shade
from tests.glass.glass_photo import GLEAM, LABEL, LID, PANE, SIDE, jar, matte_of_jar, sweep

GLASS, PLAIN = "glass jar on a meadow", "on a meadow"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A labelled jar of greenish glass, its matte, and a meadow to put it into."""
    folder = tmp_path_factory.mktemp("glass")
    files.save(folder / "jar.png", jar(sweep(), label="HONEY", tint=(0.9, 1, 0.95)))
    files.save_matte(folder / "matte.png", matte_of_jar())
    meadow = np.full((SIDE, SIDE, 3), np.float32([0.25, 0.5, 0.15]), np.float32)
    files.save(folder / "meadow.png", meadow)
    return folder


def made(photos: Path, prompt: str, **settings: object) -> Result:
    return shoot(
        photos / "jar.png",
        prompt,
        matte=photos / "matte.png",
        background=photos / "meadow.png",
        settings={"place": "original", **settings},
        backend="embedded://",
        seed=1,
    )


@pytest.fixture(scope="module")
def glass(photos: Path) -> Result:
    return made(photos, GLASS)


@pytest.fixture(scope="module")
def solid(photos: Path) -> Result:
    return made(photos, PLAIN)


def test_the_meadow_is_seen_through_the_jar(glass: Result):
    pane = np.median(glass.image[PANE], axis=(0, 1))

    assert pane[1] > 1.5 * pane[0]
    assert pane[1] > 2 * pane[2]


def test_without_words_for_glass_it_stays_full_of_its_sweep(solid: Result):
    red, green, blue = np.median(solid.image[PANE], axis=(0, 1))

    assert min(red, blue) > 0.75 * green
    assert solid.frame.get(Glass) is None
    assert solid.story()["glass"] is None


def test_lid_and_label_are_the_same_with_glass_and_without(glass: Result, solid: Result):
    rows, columns = LABEL
    inner = slice(rows.start + 4, rows.stop - 4), slice(columns.start + 8, columns.stop - 8)
    lid = slice(LID[0].start + 4, LID[0].stop - 4), slice(LID[1].start + 4, LID[1].stop - 4)

    for part in (inner, lid):
        assert np.abs(glass.image[part] - glass.frame[Kept].product[part]).max() < 0.01


def test_story_and_notices_tell_that_it_was_taken_for_glass(glass: Result):
    told = glass.story()["glass"]

    assert told["source"] == "prompt"
    assert 0.3 < told["through"] < 0.8
    assert any("taken for glass" in notice for notice in glass.notices)


def test_what_is_seen_through_is_no_change_of_its_colours(glass: Result):
    assert glass.identity is not None
    assert glass.identity.delta_e_worst_region < 6


def test_the_verdict_tells_what_one_sees_through(glass: Result, solid: Result):
    assert 20 < glass.identity.see_through_percent < 95
    assert (
        f"{glass.identity.see_through_percent:.0f} % of it, which one sees through" in glass.verdict.headline
    )
    assert solid.identity.see_through_percent == 0


def test_the_light_on_a_label_is_compared_with_the_light_that_was_put_there(glass: Result):
    assert glass.identity.light_kept > 0.8


def test_only_what_is_opaque_is_judged(glass: Result):
    judged = glass.frame[Glass].opaque_part(glass.frame[Placed])
    rows, columns = LABEL

    assert np.median(judged[PANE]) == 0
    assert judged[GLEAM].max() == 0
    assert judged[rows.start + 6 : rows.stop - 6, columns.start + 8 : columns.stop - 8].min() > 0.9


def test_its_shadow_is_lighter_by_what_comes_through(photos: Path):
    clear, opaque = (made(photos, words, shadow="cast").frame for words in (GLASS, PLAIN))
    share = clear[Glass].found.unmixed.share
    outside = clear[Placed].matte == 0
    dark, darker = (1 - frame[Shade].transmission[outside] for frame in (clear, opaque))

    assert darker.max() > 0.2
    assert np.allclose(dark, darker * (1 - share), atol=1e-3)


def test_what_is_seen_through_is_not_mirrored_in_the_floor(photos: Path):
    scenes = [
        made(photos, words, shadow="none", reflection=strength).frame[FinalScene].image
        for words, strength in ((GLASS, 0.0), (GLASS, 0.6), (PLAIN, 0.6))
    ]
    below = slice(270, 290), slice(130, 190)
    bare, clear, opaque = (scene[below] for scene in scenes)

    assert np.abs(opaque - bare).mean() > 0.03
    assert np.abs(clear - bare).mean() < 0.3 * np.abs(opaque - bare).mean()


def test_a_scene_that_shows_the_drawn_product_does_not_show_it_through_the_glass(photos: Path):
    drawn = shoot(
        photos / "jar.png",
        GLASS,
        matte=photos / "matte.png",
        backend="embedded://",
        seed=1,
        settings={"size": "320x320"},
    )
    placed, scene = drawn.frame[Placed], drawn.frame[FinalScene].image
    red = (scene[..., 0] > 0.3) & (scene[..., 1] < 0.15)

    assert placed.matte.max() == 1
    # The lid is as red as nothing else in a meadow.
    assert not red[placed.matte > 0.5].any()


def test_a_page_shows_through_the_cut_out(photos: Path, tmp_path: Path):
    shoot(
        photos / "jar.png",
        matte=photos / "matte.png",
        recipe="cutout",
        settings={"material": "glass"},
        output=tmp_path / "cut.png",
    )
    alpha = np.asarray(Image.open(tmp_path / "cut.png"))[..., 3] / 255

    assert np.median(alpha[PANE]) < 0.4
    assert alpha[LID][:-3, 4:-4].min() > 0.98
    assert alpha[0, 0] == 0


def test_on_white_the_cut_out_is_the_glass_before_white(photos: Path, tmp_path: Path):
    given = {"matte": photos / "matte.png", "recipe": "packshot", "seed": 1}
    size = {"size": "320x320", "place": "original", "material": "glass"}
    shoot(
        photos / "jar.png",
        output=tmp_path / "cut.png",
        settings={**size, "transparent": True},
        **given,
    )
    white = shoot(photos / "jar.png", settings=size, **given).image
    pixels = np.asarray(Image.open(tmp_path / "cut.png").convert("RGBA"), np.float32) / 255
    laid = pixels[..., :3] * pixels[..., 3:] + 1 - pixels[..., 3:]

    assert np.abs(laid - white)[PANE].max() < 3 / 255


def test_who_says_opaque_or_metal_has_no_glass(photos: Path):
    for material in ("opaque", "metal"):
        assert made(photos, GLASS, material=material).frame.get(Glass) is None


def test_who_says_glass_needs_no_words(photos: Path):
    said = made(photos, PLAIN, material="glass")

    assert said.story()["glass"]["source"] == "said"
    assert any("as you say" in notice for notice in said.notices)


def test_another_material_than_glass_is_idle_where_nothing_is_lit_anew(photos: Path):
    with pytest.raises(IdleSettingError, match="material"):
        shoot(photos / "jar.png", recipe="packshot", settings={"material": "metal"})


def cut_out_of(photo: np.ndarray, path: Path) -> Path:
    files.save(path, photo, matte=matte_of_jar())
    return path


def shot_of(cut: Path, prompt: str, **settings: object) -> Result:
    return shoot(cut, prompt, background=cut.with_name("meadow.png"), settings=settings, seed=1)


def test_a_cut_out_that_is_said_to_be_glass_is_taken_to_have_been_before_white(photos: Path):
    cut = cut_out_of(jar(np.ones((SIDE, SIDE, 3), np.float32)), photos / "white.png")
    said = shot_of(cut, PLAIN, place="original", material="glass")

    assert said.frame[Glass].found.unmixed.share > 0.3
    assert any("white is taken" in notice for notice in said.notices)


@pytest.mark.parametrize(("prompt", "settings"), [(PLAIN, {"material": "glass"}), (GLASS, {})])
def test_a_cut_out_whose_backdrop_is_not_known_stays_opaque_and_says_why(
    photos: Path, prompt: str, settings: dict[str, object]
):
    cut = cut_out_of(jar(sweep() * np.float32(0.8)), photos / "cut.png")
    opaque = shot_of(cut, prompt, place="original", **settings)

    assert opaque.frame.get(Glass) is None
    assert any("its photograph is a cut-out" in notice for notice in opaque.notices)


def test_what_keeps_its_surroundings_needs_no_glass_and_that_is_told(glass: Result):
    placed = glass.frame[Placed]
    said = replace(glass.frame[Material], is_glass=True, source="said")
    kept = glass.frame.holding(said, replace(placed, keeps_surroundings=True))

    assert glass_of(kept) == (None, KEEPS_SURROUNDINGS)
    assert glass_of(glass.frame.holding(said))[0] is not None
