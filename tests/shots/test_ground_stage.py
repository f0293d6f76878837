"""The ground stage: every kind of shadow, its numbers, what leaves the canvas, and the mirror image."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen import files, light, shadows
from prodgen.client import Client
from prodgen.color import luminance, to_linear
from prodgen.errors import IdleSettingError, PlacementError, SettingError
from prodgen.masks import dilate
from prodgen.pose import View
from prodgen.shots import Recipe, Result, draw, prepare, shoot
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import NO_BACKEND, Brief, Drawn, FinalScene, Origin, Placed, Shade
from prodgen.shots.page_layers import DARKEST, page_layers
from prodgen.shots.see_through import shadow_alone
from prodgen.shots.shot import new_shot
from prodgen.shots.stages import GroundStage

SIDE = 320
POSE = View(12.0)
NO_TOOLS = Tools(client=lambda: None)  # type: ignore[arg-type, return-value]


def can() -> np.ndarray:
    """A round can seen from a little above, 70 wide and 110 tall, with a soft edge."""
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[110:220, 125:196] = 1
    for row in (110, 220):
        cv2.ellipse(matte, (160, row), (35, 11), 0, 0, 360, 1, -1)
    return cv2.GaussianBlur(matte, (0, 0), 0.8)


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A can on a studio's sweep, with a shadow of its own to the front left."""
    folder = tmp_path_factory.mktemp("ground")
    matte = can()
    sweep = np.full((SIDE, SIDE, 3), 0.8, np.float32) + np.linspace(-0.04, 0.04, SIDE)[:, None, None]
    own = shadows.ground_shadow(matte, azimuth_deg=130, elevation_deg=50, softness=0.3, strength=0.6)
    photo = shadows.apply_shadow(sweep.astype(np.float32), own)
    photo = photo * (1 - matte[..., None]) + np.float32([0.7, 0.3, 0.2]) * matte[..., None]
    files.save(folder / "can.png", photo)
    files.save_matte(folder / "matte.png", matte)
    return folder


def ground_of(photos: Path, stage: GroundStage, *, drawn: bool = False, plain: bool = False) -> Frame:
    """Return the frame after a stage: on a grey table of the user's, a drawn one, or plain white."""
    shot = new_shot(
        photos / "can.png",
        "on a table",
        matte=photos / "matte.png",
        seed=3,
        pose=POSE.pitch_deg,
        recipe=Recipe.load("relight").with_settings({"place": "original"}),
    )
    frame = prepare(shot).frame
    placed = frame[Placed]
    table = np.full((*placed.matte.shape, 3), 1.0 if plain else 0.6, np.float32)
    origin = Origin(NO_BACKEND if plain else "somebody")
    held = replace(placed, backdrop=None if drawn or plain else table)
    return stage.apply(frame.holding(held, FinalScene(table), Drawn(table, None, origin)), NO_TOOLS)


def darkness(frame: Frame) -> np.ndarray:
    """Return how much darker than its ground a scene is, in linear light, outside the product."""
    scene = frame[FinalScene].image
    dark = 1 - to_linear(scene).mean(axis=2) / to_linear(scene).mean(axis=2).max()
    return np.where(frame[Placed].matte < 0.02, dark, 0)


def packshot(photos: Path, **settings: object) -> object:
    given = {"size": "600x600", "fill": 0.3} | settings
    return shoot(photos / "can.png", matte=photos / "matte.png", recipe="packshot", settings=given, seed=1)


def eight_bit(result: object) -> np.ndarray:
    return np.round(result.image * 255).astype(np.uint8)  # type: ignore[attr-defined]


def test_auto_is_the_computed_shadow_of_the_pictures_light_to_the_bit(photos: Path) -> None:
    frame = ground_of(photos, GroundStage())
    matte, table = frame[Placed].matte, frame[Placed].backdrop
    found = light.estimate_surroundings(table, matte)
    wanted = shadows.ground_shadow(
        matte,
        azimuth_deg=found.light.azimuth_deg,
        elevation_deg=found.light.elevation_deg,
        softness=found.light.softness,
        strength=found.light.strength,
        floor_top=found.floor_top,
        camera_pitch_deg=POSE.floor_deg,
        behind=found.behind,
        bounce=shadows.bounce(frame[Placed].original, matte, float(luminance(found.above[None])[0])),
    )

    assert np.array_equal(frame[FinalScene].image, shadows.apply_shadow(table, wanted))


def test_auto_on_a_drawn_scene_adds_what_is_missing_to_the_bit(photos: Path) -> None:
    frame = ground_of(photos, GroundStage(), drawn=True)
    matte, table = frame[Placed].matte, np.full_like(frame[FinalScene].image, 0.6)
    wanted = shadows.contact_shadow(matte, camera_pitch_deg=POSE.floor_deg) * shadows.ambient_occlusion(
        matte, camera_pitch_deg=POSE.floor_deg
    )
    missing = np.minimum(wanted / np.maximum(shadows.existing_shadow(table, matte), 0.05), 1)

    assert np.array_equal(frame[FinalScene].image, shadows.apply_shadow(table, missing.astype(np.float32)))


@pytest.mark.parametrize("kind", ["contact", "cast", "float", "keep"])
@pytest.mark.parametrize("where", ["own table", "drawn", "plain"])
def test_k16_a_shadow_exists_whatever_the_backend_drew(photos: Path, kind: str, where: str) -> None:
    """IC-Light 144, DiLightNet 15: whether a relighting model draws a shadow is luck."""
    frame = ground_of(photos, GroundStage(shadow=kind), drawn=where == "drawn", plain=where == "plain")

    assert darkness(frame).max() > 0.15


def test_none_leaves_the_scene_to_the_bit(photos: Path) -> None:
    assert (ground_of(photos, GroundStage(shadow="none"))[FinalScene].image == np.float32(0.6)).all()


@pytest.mark.parametrize(
    ("word", "across", "down"),
    [("left", -1, 0), ("right", 1, 0), ("front", 0, 1), ("front-left", -1, 1), ("front-right", 1, 1)],
)
def test_a_cast_shadow_falls_where_it_was_asked_to(photos: Path, word: str, across: int, down: int) -> None:
    stage = GroundStage(shadow="cast", shadow_azimuth_deg=word, shadow_softness=0.1, shadow_length=0.8)
    dark = darkness(ground_of(photos, stage, plain=True))
    dark = np.where(dark > 0.25, dark, 0)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    middle_x, middle_y = (dark * xs).sum() / dark.sum(), (dark * ys).sum() / dark.sum()

    if across:
        assert (middle_x - 160) * across > 20
    else:
        assert abs(middle_x - 160) < 6
    if down:
        assert middle_y > 225


def test_a_longer_shadow_reaches_farther_and_a_softer_one_has_no_edge(photos: Path) -> None:
    def reach(**settings: object) -> np.ndarray:
        stage = GroundStage(shadow="cast", shadow_azimuth_deg=90, **settings)
        return darkness(ground_of(photos, stage, plain=True)).max(axis=0)

    short, long = (reach(shadow_length=length, shadow_softness=0) for length in (0.3, 0.7))
    soft = reach(shadow_length=0.7, shadow_softness=1)

    assert np.flatnonzero(long > 0.2).max() > np.flatnonzero(short > 0.2).max() + 30
    assert np.abs(np.diff(soft[215:])).max() < 0.5 * np.abs(np.diff(long[215:])).max()


def test_opacity_scales_the_darkness_and_a_colour_replaces_black(photos: Path) -> None:
    full = darkness(ground_of(photos, GroundStage(shadow="cast"), plain=True))
    half = darkness(ground_of(photos, GroundStage(shadow="cast", shadow_opacity=0.5), plain=True))
    blue = ground_of(photos, GroundStage(shadow="cast", shadow_color="#0000ff"), plain=True)[FinalScene].image

    assert half == pytest.approx(0.5 * full, abs=2e-3)
    assert blue[..., 2].min() > 0.999
    assert blue[..., 0].min() < 0.8


def test_a_floating_product_has_light_under_it_and_a_wider_penumbra(photos: Path) -> None:
    given = {"shadow_azimuth_deg": 0.0, "shadow_length": 0.05, "shadow_softness": 0.3}
    near, far = (
        darkness(ground_of(photos, GroundStage(shadow="float", shadow_gap=gap, **given), plain=True))
        for gap in (0.1, 0.4)
    )
    standing = darkness(ground_of(photos, GroundStage(shadow="cast", **given), plain=True))
    under_foot = np.s_[233:236, 150:171]

    assert standing[under_foot].mean() > 0.2
    assert far[under_foot].mean() < 0.5 * standing[under_foot].mean()
    assert np.argmax(far[:, 160]) > np.argmax(near[:, 160]) + 15
    assert np.abs(np.diff(far[:, 160])[240:]).max() < np.abs(np.diff(near[:, 160])[240:]).max()


def test_the_photographs_own_shadow_goes_with_the_product(photos: Path) -> None:
    at_left = packshot(photos, shadow="keep", place="middle-right")
    at_right = packshot(photos, shadow="keep", place="top")
    one, other = (result.frame[Placed].placement for result in (at_left, at_right))
    right, down = round(other.offset_x - one.offset_x), round(other.offset_y - one.offset_y)
    moved = np.roll(eight_bit(at_left), (down, right), (0, 1))
    box = np.s_[round(other.top) : round(other.bottom) + 4, round(other.left) - 30 : round(other.right)]

    assert (moved[box] < 250).any()
    assert np.abs(moved[box].astype(int) - eight_bit(at_right)[box]).max() <= 1


def test_a_kept_shadow_is_like_the_one_in_the_photograph(photos: Path) -> None:
    matte = can()
    own = shadows.ground_shadow(matte, azimuth_deg=130, elevation_deg=50, softness=0.3, strength=0.6)
    kept = darkness(ground_of(photos, GroundStage(shadow="keep"), plain=True))
    deep = (own < 0.7) & (matte < 0.02) & (np.mgrid[:SIDE, :SIDE][0] < 300)

    assert np.abs(kept - (1 - own))[deep].mean() < 0.15
    assert np.corrcoef(kept[matte < 0.02], 1 - own[matte < 0.02])[0, 1] > 0.9


@pytest.mark.parametrize("kind", ["none", "contact", "keep", "cast", "float"])
def test_a_packshot_is_255_outside_product_and_shadow(photos: Path, kind: str) -> None:
    result = packshot(photos, shadow=kind, place="middle")
    product = dilate(result.frame[Placed].matte, 3) > 0
    pixels = eight_bit(result)
    white = (pixels == 255).all(axis=2)

    assert white[~product].mean() == 1 if kind == "none" else (~white[~product]).any()
    # Far from the foot, above and at the corners, nothing has touched the white.
    assert white[:100].all()
    assert white[:, :60].all()
    assert white[-40:].all()


def test_a_packshot_without_a_word_has_no_shadow(photos: Path) -> None:
    assert np.array_equal(eight_bit(packshot(photos)), eight_bit(packshot(photos, shadow="none")))


def test_a_shadow_cannot_be_kept_of_a_cut_out_or_of_a_pattern(photos: Path, tmp_path: Path) -> None:
    matte = can()
    files.save(tmp_path / "cutout.png", files.load(photos / "can.png").rgb, matte=matte)
    ys, xs = np.mgrid[:SIDE, :SIDE]
    boards = np.where((xs // 20 + ys // 20) % 2, 0.9, 0.2)[..., None] * np.ones(3)
    files.save(tmp_path / "boards.png", np.where(matte[..., None] > 0.5, 0.5, boards).astype(np.float32))

    for name, reason in (("cutout", "no shadow to keep"), ("boards", "not plain")):
        with pytest.raises(PlacementError, match=reason):
            shoot(
                tmp_path / f"{name}.png",
                matte=photos / "matte.png",
                recipe="packshot",
                settings={"shadow": "keep"},
            )


def test_k7_a_long_shadow_that_leaves_the_canvas_is_told_with_how_much(photos: Path) -> None:
    """imgix, Simpler.Asia, carbon 416, polacode 27: shadows were cut off at the canvas unsaid."""
    low = {"shadow": "cast", "shadow_azimuth_deg": "right", "shadow_length": 3.0, "place": "middle-right"}
    fixed = packshot(photos, **low)
    grown = packshot(photos, **low, canvas="grow")

    assert [notice for notice in fixed.notices if "outside the canvas, at the right; --canvas grow" in notice]
    assert not [notice for notice in grown.notices if "outside the canvas" in notice]
    assert grown.image.shape[1] > 1.2 * fixed.image.shape[1]
    assert (eight_bit(grown)[:, -3:] >= 247).all()
    left, top, right, bottom = grown.as_dict()["product_box"]
    cut = eight_bit(grown)[top:bottom, left:right]
    was = fixed.as_dict()["product_box"]
    assert np.array_equal(cut[:20], eight_bit(fixed)[was[1] : was[3], was[0] : was[2]][:20])


def test_a_canvas_that_holds_the_shadow_does_not_grow(photos: Path) -> None:
    contact = packshot(photos, shadow="contact", canvas="grow", place="middle")

    assert contact.image.shape == (600, 600, 3)
    assert not [notice for notice in contact.notices if "canvas," in notice and "outside" in notice]


def test_a_scene_cannot_grow(photos: Path) -> None:
    with pytest.raises(SettingError, match="a scene ends at its frame"):
        ground_of(photos, GroundStage(canvas="grow"))


@pytest.mark.parametrize("settings", [{"canvas": "grow"}, {"shadow": "keep"}])
def test_what_the_ground_refuses_is_refused_before_a_backend_draws(
    photos: Path, tmp_path: Path, settings: dict[str, object]
) -> None:
    """A drawing takes minutes; a cut-out has no shadow of its own, and a scene does not grow."""
    files.save(
        tmp_path / "cut.png", files.load(photos / "can.png").rgb, matte=files.load_matte(photos / "matte.png")
    )

    def client() -> Client:
        raise AssertionError("asked for a backend")

    recipe = Recipe.load("relight").with_settings({"size": "256x256", **settings})
    prepared = prepare(new_shot(tmp_path / "cut.png", "on a table", seed=1, recipe=recipe))

    with pytest.raises((SettingError, PlacementError), match=r"cannot grow|no shadow to keep"):
        draw(prepared, Tools(client=client))


@pytest.fixture(scope="module")
def tables(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two grey tables, brighter at the left and at the right."""
    folder = tmp_path_factory.mktemp("tables")
    ramp = np.broadcast_to(np.linspace(0.2, 0.9, SIDE)[None, :, None], (SIDE, SIDE, 3)).astype(np.float32)
    files.save(folder / "right.png", ramp)
    files.save(folder / "left.png", ramp[:, ::-1])
    return folder


def on_table(photos: Path, table: Path, **settings: object) -> Result:
    given = {"size": f"{SIDE}x{SIDE}", "place": "original"} | settings
    return shoot(
        photos / "can.png",
        matte=photos / "matte.png",
        background=table,
        recipe="background",
        settings=given,
        seed=1,
    )


@pytest.mark.parametrize("kind", ["auto", "cast"])
def test_on_a_background_without_a_model_the_shadow_falls_away_from_its_own_light(
    photos: Path, tables: Path, kind: str
) -> None:
    for bright, is_to_the_left in (("right", True), ("left", False)):
        shade = on_table(photos, tables / f"{bright}.png", shadow=kind).frame[Shade]
        dark = np.where(can() < 0.02, 1 - shade.transmission, 0)[180:]

        assert (dark[:, :125].sum() > dark[:, 196:].sum()) == is_to_the_left


def test_a_background_of_the_users_does_not_grow(photos: Path, tables: Path) -> None:
    with pytest.raises(SettingError, match="a scene ends at its frame"):
        on_table(photos, tables / "left.png", shadow="cast", shadow_length=3.0, canvas="grow")


@pytest.mark.parametrize(
    ("settings", "is_told"),
    [
        ({"shadow": "none"}, True),
        ({"shadow": "float"}, True),
        ({"shadow": "cast", "shadow_azimuth_deg": "left"}, True),
        ({"shadow": "cast"}, False),
        ({}, False),
    ],
)
def test_a_shadow_that_stays_in_a_drawn_scene_is_told(
    photos: Path, settings: dict[str, object], is_told: bool
) -> None:
    stage = GroundStage(**settings)
    drawn, own = ground_of(photos, stage, drawn=True), ground_of(photos, stage)

    assert any("drawn with the scene stays" in notice for notice in drawn.notices) == is_told
    assert not any("drawn with the scene" in notice for notice in own.notices)


def test_a_shadow_of_no_opacity_needs_no_room(photos: Path) -> None:
    asked = {"shadow": "cast", "shadow_length": 3.0, "shadow_opacity": 0.0, "place": "middle"}

    assert not [x for x in packshot(photos, **asked).notices if "outside the canvas" in x]
    assert packshot(photos, **asked, canvas="grow").image.shape == (600, 600, 3)


def test_a_rough_floor_blurs_the_mirror_image(photos: Path) -> None:
    given = {"shadow": "none", "reflection": 0.8}
    polished, satin = (
        ground_of(photos, GroundStage(**given, roughness=roughness), plain=True)[FinalScene].image[..., 1]
        for roughness in (0.0, 1.0)
    )
    row = np.s_[265, 110:210]

    assert np.abs(np.diff(polished[row])).max() > 2 * np.abs(np.diff(satin[row])).max()


@pytest.mark.parametrize(
    ("settings", "idle"),
    [
        ({"shadow_azimuth_deg": "left"}, "shadow_azimuth_deg"),
        ({"shadow": "contact", "shadow_length": 1.0}, "shadow_length"),
        ({"shadow": "keep", "shadow_softness": 0.5}, "shadow_softness"),
        ({"shadow": "cast", "shadow_gap": 0.2}, "shadow_gap"),
        ({"shadow": "none", "shadow_color": "#f00"}, "shadow_color"),
        ({"shadow": "none", "shadow_opacity": 0.7}, "shadow_opacity"),
        ({"shadow": "none", "canvas": "grow"}, "canvas"),
        ({"roughness": 0.7}, "roughness"),
    ],
)
def test_settings_that_a_kind_of_shadow_does_not_have_are_refused(
    settings: dict[str, object], idle: str
) -> None:
    with pytest.raises(IdleSettingError, match=idle):
        GroundStage(**settings)


@pytest.mark.parametrize(
    "settings", [{"shadow_azimuth_deg": "up"}, {"shadow_color": "shady"}, {"shadow_length": 9}]
)
def test_numbers_and_words_of_a_shadow_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(SettingError, match=next(iter(settings))):
        GroundStage(shadow="cast", **settings)


def test_a_prompt_light_throws_the_cast_shadow(photos: Path) -> None:
    frame = ground_of(photos, GroundStage(shadow="none"))
    lit = frame.holding(replace(frame[Brief], lights=(light.Light.parse("right hard"),)))
    table = np.full_like(frame[FinalScene].image, 0.6)
    done = GroundStage(shadow="cast").apply(lit.holding(FinalScene(table)), NO_TOOLS)
    dark = darkness(done)[200:240]

    assert dark[:, 60:120].mean() > 3 * dark[:, 205:265].mean()


def under(photos: Path, *words: str, **settings: object) -> Frame:
    """Return the frame of the can on a grey table of the user's, under lights that are asked for."""
    frame = ground_of(photos, GroundStage(shadow="none"))
    asked = replace(frame[Brief], lights=tuple(light.Light.parse(one) for one in words))
    return GroundStage(**settings).apply(frame.holding(asked), NO_TOOLS)


LEFT, RIGHT = np.s_[200:240, 60:115], np.s_[200:240, 208:265]
"""The floor beside the can."""


@pytest.mark.parametrize("kind", ["auto", "cast"])
@pytest.mark.parametrize("asked", ["hard left #ff8800 70%", "hard left 20%", "overcast"])
def test_one_light_throws_the_shadow_of_that_light_alone_to_the_bit(
    photos: Path, kind: str, asked: str
) -> None:
    frame, one = under(photos, asked, shadow=kind), light.Light.parse(asked)
    matte, table = frame[Placed].matte, frame[Placed].backdrop
    found = light.estimate_surroundings(table, matte)
    length = 1 / np.tan(np.radians(one.elevation_deg))
    wanted = shadows.ground_shadow(
        matte,
        azimuth_deg=one.azimuth_deg,
        elevation_deg=one.elevation_deg,
        softness=one.softness,
        strength=one.strength if kind == "auto" else max(one.strength, 0.5),
        floor_top=found.floor_top,
        camera_pitch_deg=POSE.floor_deg,
        behind=found.behind,
        bounce=shadows.bounce(frame[Placed].original, matte, float(luminance(found.above[None])[0])),
        **({} if kind == "auto" else {"rays": 72, "reach": max(shadows.REACH, 1.3 * length)}),
    )

    assert np.array_equal(frame[FinalScene].image, shadows.apply_shadow(table, wanted))


@pytest.mark.parametrize("kind", ["auto", "cast", "float"])
def test_each_light_throws_its_own_shadow_by_its_strength(photos: Path, kind: str) -> None:
    alone = under(photos, "hard left 60%", shadow=kind)[Shade].transmission
    both = under(photos, "hard left 60%", "hard right 30%", shadow=kind)[Shade].by_channel[..., 1]
    from_left, from_right = 1 - both[RIGHT].mean(), 1 - both[LEFT].mean()

    assert 1 - both[LEFT].mean() > 2 * (1 - alone[LEFT].mean())
    assert from_left == pytest.approx(2 * from_right, rel=0.35)


def test_a_gels_shadow_lacks_its_colour_and_keeps_the_others(photos: Path) -> None:
    left = under(photos, "hard left #ff0000", "hard right #0000ff", shadow="cast")[Shade].by_channel

    red, _green, blue = left[RIGHT].reshape(-1, 3).mean(axis=0)
    assert red < blue - 0.2
    red, _green, blue = left[LEFT].reshape(-1, 3).mean(axis=0)
    assert blue < red - 0.2


def test_lights_of_one_colour_throw_a_shadow_without_any(photos: Path) -> None:
    left = under(photos, "hard left #ff8800 50%", "hard right #ff8800 50%", shadow="cast")[Shade].by_channel

    assert np.ptp(left, axis=2).max() < 1e-5


def test_light_from_under_the_floor_or_of_no_strength_throws_no_shadow(photos: Path) -> None:
    alone = under(photos, "hard left 60%", shadow="cast")
    more = under(photos, "hard left 60%", "90,-30 60%", "overcast", shadow="cast")

    assert np.array_equal(alone[FinalScene].image, more[FinalScene].image)


def test_a_direction_turns_the_shadow_of_the_key_light_alone(photos: Path) -> None:
    asked = ("hard left 50%", "hard back 20%")
    turned = under(photos, *asked, shadow="cast", shadow_azimuth_deg="left")[Shade].by_channel.mean(axis=2)
    plain = under(photos, *asked, shadow="cast")[Shade].by_channel.mean(axis=2)
    front = np.s_[240:270, 140:180]

    assert turned[LEFT].mean() < plain[LEFT].mean() - 0.1
    assert turned[RIGHT].mean() > plain[RIGHT].mean() + 0.1
    assert turned[front] == pytest.approx(plain[front], abs=0.08)


def test_the_shadows_of_two_gels_make_the_scene_again_as_layers_and_on_white(photos: Path) -> None:
    frame = under(photos, "hard left #ff0000", "hard right #0000ff", shadow="cast")
    clear = (frame[Placed].matte < 0.02) & (frame[Shade].by_channel.min(axis=2) > DARKEST)
    scene, table = frame[FinalScene].image, frame[Placed].backdrop
    ground, shadow, _product = page_layers(frame, transparent=False)
    color, alpha = shadow_alone(frame)
    on_white = color * alpha[..., None] + 1 - alpha[..., None]

    assert clear[LEFT].all()
    assert np.abs(ground.rgb * shadow.rgb - scene)[clear].max() < 3 / 255
    assert np.abs(ground.rgb - table)[clear].max() < 3 / 255
    assert np.abs(to_linear(on_white.astype(np.float32)) - frame[Shade].by_channel)[clear].max() < 1e-3


def in_a_drawn_scene(photos: Path, prompt: str = "concrete floor, grey studio", **settings: object) -> Result:
    given = {"size": "320x320", "place": "original"} | settings
    return shoot(
        photos / "can.png",
        prompt,
        matte=photos / "matte.png",
        light="hard front-left",
        backend="embedded://",
        settings=given,
        seed=3,
    )


def test_a_scene_of_the_embedded_backend_is_drawn_without_a_shadow_that_is_not_wanted(photos: Path) -> None:
    with_one, without = in_a_drawn_scene(photos), in_a_drawn_scene(photos, shadow="none")

    level = [to_linear(one.image)[200:212, 215:240].mean() for one in (with_one, without)]
    assert level[0] < 0.8 * level[1]  # to the right of its foot
    assert not any("stays" in notice for notice in without.notices)


def test_a_shadow_of_another_kind_is_the_only_one_in_a_scene_of_the_embedded_backend(photos: Path) -> None:
    bare, turned = (
        in_a_drawn_scene(photos, **kind)
        for kind in ({"shadow": "none"}, {"shadow": "cast", "shadow_azimuth_deg": "left"})
    )

    left, right = (
        to_linear(turned.image)[columns].mean() / to_linear(bare.image)[columns].mean()
        for columns in (np.s_[221:228, 40:110], np.s_[200:212, 215:240])
    )
    assert left < 0.85
    assert right > 0.95
    assert not any("stays" in notice for notice in turned.notices)


@pytest.mark.parametrize("prompt", ["white steps, grey studio", "on a white plinth, grey studio"])
@pytest.mark.parametrize("other", [{"shadow": "cast", "shadow_azimuth_deg": "right"}, {"shadow": "float"}])
def test_where_the_drawn_shadow_climbs_steps_none_that_lies_flat_is_laid_over_it(
    photos: Path, prompt: str, other: dict[str, object]
) -> None:
    usual, asked = (in_a_drawn_scene(photos, prompt, **kind) for kind in ({}, other))

    assert np.array_equal(asked.image, usual.image)
    assert any("shadow none takes it away" in notice for notice in asked.notices)
