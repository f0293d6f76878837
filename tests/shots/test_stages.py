"""What each stage promises, on small frames; the backend is the embedded one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from prodgen import images
from prodgen.client import Client
from prodgen.engines import embedded_server
from prodgen.errors import (
    BackendOutOfMemoryError,
    IdentityError,
    ImageError,
    SettingError,
    UnknownNameError,
    UnsupportedFeatureError,
)
from prodgen.images import Photo
from prodgen.light import Light
from prodgen.masks import erode
from prodgen.schema import Generation
from prodgen.server import ApiTransport, Behaviour
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import Brief, CutOut, Drawn, FinalScene, Given, Grade, Kept, Origin, Placed
from prodgen.shots.stages import (
    BackgroundStage,
    FinishStage,
    GroundStage,
    IdentityStage,
    LookStage,
    PlaceStage,
    RelightStage,
    SegmentStage,
    SweepStage,
    UpscaleStage,
)
from prodgen.shots.stages.finish import graded
from prodgen.shots.stages.look import looks
from prodgen.shots.stages.scene import draw_within_memory


def no_client() -> Client:
    raise AssertionError("this stage must not need a backend")


OFFLINE = Tools(client=no_client)


@pytest.fixture
def frame(disc) -> Frame:
    """A red disc, cut out, 64 x 64."""
    rgb = np.where(disc[..., None] > 0, np.array([0.7, 0.1, 0.1]), 0.9).astype(np.float32)
    return Frame().holding(Given(Photo(rgb, disc)), Brief("on a wooden table, sunset", seed=3))


def changed(frame: Frame, kind: type, **changes: object) -> Frame:
    """A frame with some fields of one layer changed."""
    return frame.holding(replace(frame[kind], **changes))


def with_scene(frame: Frame, picture: np.ndarray, relit: np.ndarray | None = None) -> Frame:
    """A frame whose scene is drawn, and has its final size."""
    return frame.holding(Drawn(picture, relit, Origin("none", is_generated=False)), FinalScene(picture))


@pytest.fixture
def placed(frame) -> Frame:
    return PlaceStage(place="original").apply(SegmentStage().apply(frame, OFFLINE), OFFLINE)


def tools_for(**switches: object) -> Tools:
    client = Client("http://127.0.0.1:7860", transport=ApiTransport(embedded_server(Behaviour(**switches))))
    return Tools(client=lambda: client)


def test_the_photographs_own_alpha_is_the_matte(frame, disc):
    cut = SegmentStage().apply(frame, OFFLINE)

    np.testing.assert_array_equal(cut[CutOut].matte, disc)


def test_a_background_is_cut_about_its_middle_never_stretched(frame):
    y, x = np.mgrid[:100, :300].astype(np.float32)
    wide = np.stack([x / 300, y / 100, x * 0], axis=-1).astype(np.float32)
    cut = SegmentStage().apply(changed(frame, Given, backdrop=wide), OFFLINE)

    backdrop = PlaceStage(place="original").apply(cut, OFFLINE)[Placed].backdrop

    assert backdrop is not None
    assert backdrop.shape == (64, 64, 3)
    assert backdrop[:, 0, 0].mean() == pytest.approx(1 / 3, abs=0.02)
    assert backdrop[:, -1, 0].mean() == pytest.approx(2 / 3, abs=0.02)


def test_a_background_that_is_too_small_is_refused_with_the_size_that_would_do(frame):
    small = np.zeros((32, 64, 3), np.float32)

    with pytest.raises(ImageError, match="--size 64x32"):
        PlaceStage(place="original").apply(
            SegmentStage().apply(changed(frame, Given, backdrop=small), OFFLINE), OFFLINE
        )


@pytest.mark.parametrize("dialect", ["v1", "v2"])
def test_relighting_works_with_both_spellings_of_ic_light(placed, dialect):
    lit = RelightStage().apply(placed, tools_for(ic_light=dialect))

    assert lit[Drawn].relit is not None
    assert lit[Drawn].relit.std() > 0.05
    assert lit[Drawn].origin.checkpoint == "prodgen-ibl (no diffusion)"
    assert not lit[Drawn].origin.is_generated


def test_a_server_that_cannot_send_arrays_is_worked_around_and_said_so(placed):
    lit = RelightStage().apply(placed, tools_for(ndarray_bug=True))

    assert lit[Drawn].relit is not None
    assert any("saved there and fetched" in notice for notice in lit.notices)


def test_a_server_without_ic_light_is_refused_with_both_remedies(placed):
    with pytest.raises(UnsupportedFeatureError, match=r"install_backend\.sh.*--recipe inpaint"):
        RelightStage().apply(placed, tools_for(ic_light=None))


def test_inpainting_works_without_ic_light_and_keeps_the_product(placed, disc):
    painted = BackgroundStage().apply(placed, tools_for(ic_light=None))

    assert painted[Drawn].scene is not None
    size = painted[Drawn].scene.shape
    # The mask is blurred and lies on cells of 8 pixels, as on a real server: the core is what is kept.
    inside = images.resize(erode(disc, 12), size[1], size[0]) > 0.99
    core = images.resize(placed[Placed].original, size[1], size[0])[inside]
    assert np.abs(painted[Drawn].scene[inside] - core).mean() < 0.02


def test_the_rim_of_the_product_that_still_holds_the_old_background_is_painted_again(placed):
    square = np.zeros((64, 64), np.float32)
    square[16:48, 16:48] = 1

    mask = BackgroundStage().request(placed, placed[Placed].original, square).inpaint_mask

    assert mask[16, 32] == mask[47, 32] == mask[32, 16] == mask[32, 47] == 1
    np.testing.assert_array_equal(mask[20:44, 20:44], 0)
    np.testing.assert_array_equal(mask[square == 0], 1)


def test_light_words_and_light_map_reach_the_backend(placed):
    def brightness(light: str) -> np.ndarray:
        lit = RelightStage().apply(
            changed(placed, Brief, prompt="grey studio", lights=(Light.parse(light),)), tools_for()
        )
        return lit[Drawn].relit

    left, right = brightness("left"), brightness("right")
    half = left.shape[1] // 2
    inside = images.resize(placed[Placed].matte, left.shape[1], left.shape[0])[..., None] > 0.9

    def tilt(picture: np.ndarray) -> float:
        west, east = picture[:, :half][inside[:, :half, 0]], picture[:, half:][inside[:, half:, 0]]
        return float(west.mean() - east.mean())

    assert tilt(left) > tilt(right) + 0.02


def test_the_sweep_is_exactly_the_colour(placed):
    swept = SweepStage(color="#ff8000").apply(placed, OFFLINE)

    np.testing.assert_array_equal(images.to_uint8(swept[Drawn].scene)[0, 0], [255, 128, 0])


def test_identity_without_a_relit_picture_leaves_the_product_as_photographed(placed):
    done = UpscaleStage().apply(SweepStage().apply(placed, OFFLINE), OFFLINE)
    done = IdentityStage().apply(done, OFFLINE)

    np.testing.assert_array_equal(done[Kept].product, placed[Placed].original)
    assert done[Kept].likeness is not None
    assert done[Kept].likeness.delta_e_mean < 0.5


def test_identity_takes_the_light_and_leaves_the_colour(placed):
    bluish_and_dark = np.clip(placed[Placed].original[..., ::-1] * 0.5, 0, 1).astype(np.float32)
    lit = with_scene(placed, np.full_like(bluish_and_dark, 0.3), bluish_and_dark)

    done = IdentityStage().apply(lit, OFFLINE)

    red, _, blue = done[Kept].product[32, 32]
    assert red > 2 * blue
    assert red < placed[Placed].original[32, 32, 0]


@pytest.mark.parametrize("is_generated", [True, False])
def test_only_a_model_is_held_to_have_lost_the_product(placed, is_generated):
    photo, drawn = (np.random.default_rng(seed).random((64, 64, 3), np.float32) for seed in (1, 2))
    held = with_scene(changed(placed, Placed, original=photo), drawn, drawn)
    held = changed(held, Drawn, origin=Origin("somebody", is_generated=is_generated))

    if is_generated:
        with pytest.raises(IdentityError, match="does not show this product"):
            IdentityStage().apply(held, OFFLINE)
    else:
        assert IdentityStage().apply(held, OFFLINE)[Kept].product.shape == photo.shape


def test_grounding_darkens_the_floor_of_a_given_background_and_nothing_else(placed):
    room = np.full((64, 64, 3), 0.7, np.float32)
    before = changed(with_scene(placed, room), Placed, backdrop=room)

    after = GroundStage().apply(before, OFFLINE)[FinalScene].image

    assert after[54:58, 24:40].mean() < 0.69
    np.testing.assert_array_equal(after[:8], room[:8])


def test_a_scene_that_has_its_shadow_already_gets_little_more(placed):
    room = np.full((64, 64, 3), 0.7, np.float32)
    bare = GroundStage().apply(with_scene(placed, room), OFFLINE)[FinalScene].image
    twice = GroundStage().apply(with_scene(placed, bare), OFFLINE)[FinalScene].image

    first, second = (room - bare)[50:60].sum(), (bare - twice)[50:60].sum()
    assert first > 0
    assert second < 0.7 * first


def test_the_scene_is_enlarged_and_the_product_taken_from_the_photograph(placed):
    lit = with_scene(placed, np.full((32, 32, 3), 0.4, np.float32))

    done = UpscaleStage().apply(lit, OFFLINE)

    assert done[FinalScene].image.shape == (64, 64, 3)
    np.testing.assert_array_equal(done[Placed].original, placed[Placed].original)


def test_a_small_enough_photograph_becomes_no_sharper_by_upscaling_and_says_so(placed):
    done = UpscaleStage(upscale="2").apply(with_scene(placed, np.zeros((64, 64, 3), np.float32)), OFFLINE)

    assert done[Placed].matte.shape == (128, 128)
    assert any("interpolated" in notice for notice in done.notices)


@pytest.mark.parametrize("to", ["0.5", "9", "20000x20000", "wide"])
def test_an_impossible_enlargement_is_refused(placed, to):
    with pytest.raises(SettingError):
        UpscaleStage(upscale=to).apply(with_scene(placed, np.zeros((64, 64, 3), np.float32)), OFFLINE)


@pytest.mark.parametrize("name", sorted(looks()))
def test_a_look_adds_words_and_a_grade_of_the_scene_only(placed, name):
    styled = LookStage(look=name).apply(with_scene(placed, np.full((64, 64, 3), 0.3, np.float32)), OFFLINE)
    done = FinishStage().apply(styled, OFFLINE)

    assert styled[Brief].prompt.startswith(placed[Brief].prompt + ", ")
    assert np.abs(done[FinalScene].image - styled[FinalScene].image).max() > 0
    np.testing.assert_array_equal(done[Placed].original, placed[Placed].original)


def test_an_unknown_look_is_refused_with_the_nearest(placed):
    with pytest.raises(UnknownNameError, match="cinematic"):
        LookStage(look="cinematc").apply(placed, OFFLINE)


def test_a_grade_of_nothing_changes_nothing():
    picture = np.random.default_rng(0).random((16, 16, 3), dtype=np.float32)

    np.testing.assert_allclose(graded(picture, Grade()), picture, atol=2e-4)


def test_contrast_keeps_middle_grey_and_the_order_of_tones():
    greys = np.repeat(np.linspace(0.01, 1, 50, dtype=np.float32)[:, None, None], 3, axis=2)

    result = graded(greys, Grade(contrast=1.3))[:, 0, 0]

    assert np.all(np.diff(result) >= 0)
    assert np.interp(0.4613, greys[:, 0, 0], result) == pytest.approx(0.4613, abs=0.01)


def test_no_saturation_is_grey():
    picture = np.random.default_rng(0).random((8, 8, 3), dtype=np.float32)

    result = graded(picture, Grade(saturation=0))

    assert np.ptp(result, axis=2).max() < 1e-3


def draws_up_to(megapixels: float, sizes: list[tuple[int, int]]):
    """Draw, noting each size asked for, and running out of memory above some."""

    def draw(width: int, height: int) -> Generation:
        sizes.append((width, height))
        if width * height > megapixels * 1e6:
            raise BackendOutOfMemoryError("http://box", "CUDA out of memory")
        return Generation(
            images=(np.zeros((height, width, 3), np.float32),), seeds=(1,), infotexts=("",), info={}
        )

    return draw


def test_a_scene_too_large_for_the_backend_is_drawn_smaller_and_said_so():
    sizes: list[tuple[int, int]] = []

    drawn, notice = draw_within_memory(draws_up_to(0.4, sizes), (1300, 2000), megapixels=1.0, may_shrink=True)

    assert drawn.image.size / 3 <= 0.4e6
    assert len(sizes) > 1
    assert notice is not None
    assert "ran out of memory" in notice


def test_a_scene_is_not_drawn_smaller_where_that_is_not_allowed_or_would_not_help():
    sizes: list[tuple[int, int]] = []

    with pytest.raises(BackendOutOfMemoryError):
        draw_within_memory(draws_up_to(0.4, sizes), (1300, 2000), megapixels=1.0, may_shrink=False)
    with pytest.raises(BackendOutOfMemoryError):
        draw_within_memory(draws_up_to(0.01, sizes), (1300, 2000), megapixels=1.0, may_shrink=True)

    assert min(width * height for width, height in sizes) > 0.15e6


def test_a_scene_that_came_with_transparency_stands_on_white_and_that_is_told(placed, monkeypatch):
    half = np.ones(placed[Placed].matte.shape, np.float32)
    half[:, ::2] = 0
    drawn = Generation(
        images=(np.zeros((*half.shape, 3), np.float32),), seeds=(1,), infotexts=(), info={}, mattes=(half,)
    )
    monkeypatch.setattr(RelightStage, "drawn", lambda *_: (drawn, None))

    done = RelightStage(steps=2).apply(placed, tools_for())

    np.testing.assert_array_equal(done[Drawn].scene[..., 0], 1 - half)
    assert any("transparency" in notice for notice in done.notices)


def test_a_product_too_small_for_the_share_asked_for_is_told(frame):
    cut = SegmentStage().apply(frame, OFFLINE)

    asked = PlaceStage(size="400x400", fill=0.9).apply(cut, OFFLINE)
    unasked = PlaceStage(size="96x96").apply(cut, OFFLINE)

    assert any("no more pixels" in notice for notice in asked.notices)
    assert unasked.notices == ()


@pytest.mark.parametrize(("lights", "told"), [((), True), ((Light.parse("left"),), False)])
def test_a_denoising_strength_that_has_nothing_to_act_on_is_said_to_be_idle(placed, lights, told):
    done = RelightStage(denoising_strength=0.4, steps=2).apply(
        changed(placed, Brief, lights=lights), tools_for()
    )

    assert any("denoising_strength is without effect" in notice for notice in done.notices) is told


def test_the_usual_denoising_strength_is_not_worth_a_word(placed):
    assert not any(
        "denoising" in notice for notice in RelightStage(steps=2).apply(placed, tools_for()).notices
    )
