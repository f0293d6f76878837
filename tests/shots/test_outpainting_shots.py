"""A photograph's surroundings continued: by a diffusion server, by the embedded one, and what is refused."""

from __future__ import annotations

from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files, images
from prodgen.catalogue import Wishes, check_catalogue, order_shot, plan_orders, read_catalogue
from prodgen.cli import main
from prodgen.cli.parameters import recipe_for
from prodgen.errors import IdleSettingError, PlacementError, SettingError
from prodgen.images import Photo, resize
from prodgen.light import Light
from prodgen.masks import blur
from prodgen.outpainting import Expansion, measure_seam
from prodgen.outpainting.seams import Seam
from prodgen.schema import Applied, Generation
from prodgen.shots import Recipe, new_shot, shoot
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import Brief, CutOut, Drawn, Given, Placed
from prodgen.shots.stages import ExtendStage, OutpaintStage, SegmentStage

TINT = np.array([1.05, 0.98, 0.94], np.float32)
"""What the model's autoencoder does to all colours."""


class Painter:
    """Stands in for a diffusion server that knows what lies beyond the photograph, but tints everything."""

    name = "a diffusion server"
    notices: tuple[str, ...] = ()

    def __init__(self, world: np.ndarray) -> None:
        self.world, self.requests = world, []
        seen = SimpleNamespace(native_megapixels=0.2, is_diffusion=True)
        self.capabilities = SimpleNamespace(
            is_diffusion=True, with_checkpoint=lambda _name: seen, native_megapixels=0.2
        )

    def img2img(self, request, on_progress=None):
        self.requests.append(request)
        size = request.width, request.height
        mask = request.inpaint_mask[..., None]
        truth = resize(self.world, *size)
        painted = np.clip((request.init_image * (1 - mask) + truth * mask) * TINT, 0, 1).astype(np.float32)
        return Generation(
            images=(painted,),
            seeds=(1,),
            infotexts=("a line",),
            info={},
            backend=self.name,
            applied=Applied(),
        )


@pytest.fixture
def world() -> np.ndarray:
    """A place out of focus, 240 x 420."""
    noise = np.random.default_rng(3).random((240, 420, 3), np.float32)
    return np.clip(0.5 + 5 * (blur(noise, 20) - 0.5) + 0.5 * (blur(noise, 3) - 0.5), 0.1, 0.9)


def framed(world: np.ndarray, matte: np.ndarray, left: int) -> Frame:
    width = matte.shape[1]
    photo = world[:, left : left + width].copy()
    photo[matte > 0] = (0.7, 0.1, 0.1)
    given = Given(Photo(photo), matte=matte)
    return SegmentStage().apply(Frame().holding(given, Brief("a room", seed=4)), Tools(client=lambda: None))


def test_a_diffusion_server_draws_the_new_room_and_nothing_else(world):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    frame, painter = framed(world, matte, 110), Painter(world)
    tools = Tools(client=lambda: painter)

    placed = ExtendStage(expand="left=110,right=110").apply(frame, tools)
    made = OutpaintStage().apply(placed, tools)

    scene, room = made[Drawn].scene, Expansion(left=110, right=110)
    inner = room.inner(200, 240)
    photo = frame[CutOut].seen
    same = (scene[inner] == photo).all(axis=-1)
    assert same[matte > 0].all()
    assert same[:, 20:180].all()  # all but the band in which old and new are joined
    assert np.abs(scene - world)[:, :105].mean() < 0.02  # the tint is out
    seam = measure_seam(scene, room)
    assert 0.8 <= seam.ratio <= 1.25
    assert seam.step_share >= 0.9
    assert made[Drawn].relit is None
    assert made[Drawn].origin.is_generated


def test_every_step_is_two_passes_and_no_mask_touches_the_product(world):
    matte = np.zeros((240, 120), np.float32)
    matte[60:200, 6:60] = 1
    frame, painter = framed(world, matte, 0), Painter(world)
    tools = Tools(client=lambda: painter)

    OutpaintStage().apply(ExtendStage(expand="right=100").apply(frame, tools), tools)

    strengths = [request.denoising_strength for request in painter.requests]
    assert strengths == [1.0, 0.35, 1.0, 0.35]  # 60, then 40: a step adds a half at most
    assert [request.inpainting_fill for request in painter.requests] == ["latent_noise", "original"] * 2
    bands = [request.inpaint_mask.mean() for request in painter.requests]
    assert bands[1] > bands[0]
    for request in painter.requests:
        mask = request.inpaint_mask
        there = np.zeros(mask.shape, np.float32)
        width = 180 if request in painter.requests[:2] else 220
        scale = mask.shape[1] / width
        small = cv2.resize(matte, (round(120 * scale), mask.shape[0]), interpolation=cv2.INTER_AREA)
        there[:, : small.shape[1]] = small
        assert float(mask[there > 0.5].max(initial=0)) < 0.5


def test_where_nothing_diffuses_a_room_is_told_to_be_only_smeared(world, tmp_path):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    loud = np.clip(0.5 + 3 * (world - 0.5) + np.random.default_rng(1).normal(0, 0.1, world.shape), 0, 1)
    photo = loud[:, :200].astype(np.float32)

    made = shoot(photo, recipe="outpaint", settings={"expand": "left=40"}, matte=matte, backend="embedded://")

    assert any("only smeared outwards" in notice for notice in made.notices)
    before, after = images.to_uint8(photo), images.to_uint8(made.image[:, 40:])
    np.testing.assert_array_equal(after, before)


def test_a_product_that_the_photograph_cuts_off_is_never_made_up(world):
    matte = np.zeros((240, 200), np.float32)
    matte[60:, 70:140] = 1
    frame = framed(world, matte, 0)

    with pytest.raises(PlacementError, match="cuts the product off at the bottom"):
        ExtendStage(expand="20%").apply(frame, Tools(client=lambda: None))
    assert (
        ExtendStage(expand="left=20%").apply(frame, Tools(client=lambda: None))[Placed].placement.scale == 1
    )


@pytest.mark.parametrize("settings", [{"outpaint": "wide"}, {"expand": "a lot"}])
def test_what_cannot_be_read_is_refused_with_the_recipe(settings):
    with pytest.raises(SettingError):
        Recipe.load("outpaint").with_settings(settings)


def test_a_scene_still_needs_words_and_a_continuation_none():
    assert Recipe.load("relight").needs_prompt
    assert not Recipe.load("outpaint").needs_prompt


@pytest.mark.parametrize(
    ("options", "size"), [(("--outpaint", "16:9"), (284, 160)), (("--expand", "25%"), (240, 240))]
)
def test_the_option_alone_takes_the_recipe_that_has_it(tmp_path, options, size):
    y = np.mgrid[:160, :160][0].astype(np.float32)
    matte = np.zeros((160, 160), np.float32)
    matte[50:120, 50:110] = 1
    photo = np.repeat((0.8 + 0.1 * y / 160)[..., None], 3, axis=2).astype(np.float32)
    photo[matte > 0] = (0.7, 0.1, 0.1)
    files.save(tmp_path / "box.png", photo)
    files.save_matte(tmp_path / "matte.png", matte)
    call = ["shoot", str(tmp_path / "box.png"), "--matte", str(tmp_path / "matte.png"), *options]
    where = ["--backend", "embedded://", "-o", str(tmp_path / "wide.png")]

    done = CliRunner().invoke(main, [*call, *where])

    assert done.exit_code == 0, done.output
    made, before = files.load(tmp_path / "wide.png"), files.load(tmp_path / "box.png")
    assert made.size == size
    left, top = (size[0] - 160) // 2, (size[1] - 160) // 2
    np.testing.assert_array_equal(made.pixels[top : top + 160, left : left + 160], before.pixels)
    again = ["replay", str(tmp_path / "wide.png"), "--photo", str(tmp_path / "box.png")]
    files_of = [
        "--matte",
        str(tmp_path / "matte.png"),
        "-o",
        str(tmp_path / "again.png"),
        "--backend",
        "embedded://",
    ]
    assert CliRunner().invoke(main, [*again, *files_of]).exit_code == 0
    np.testing.assert_array_equal(files.load(tmp_path / "again.png").pixels, made.pixels)


def test_in_later_steps_the_product_is_still_known(world):
    matte = np.zeros((240, 100), np.float32)
    matte[60:200, 4:60] = 1
    frame, painter = framed(world, matte, 200), Painter(world)
    tools = Tools(client=lambda: painter)

    OutpaintStage().apply(ExtendStage(expand="left=125").apply(frame, tools), tools)

    second = painter.requests[2]  # 75 pixels more, mirrored from where the product is
    outside = second.init_image[:, : round(second.width * 70 / 225)]
    assert float((outside[..., 0] - outside[..., 1]).max()) < 0.45


def test_progress_goes_from_pass_to_pass(world):
    matte = np.zeros((240, 120), np.float32)
    matte[60:200, 6:60] = 1
    told, painter = [], Painter(world)
    drawn = painter.img2img

    def with_progress(request, on_progress=None):
        on_progress(SimpleNamespace(fraction=0.5))
        return drawn(request)

    painter.img2img = with_progress
    tools = Tools(client=lambda: painter, progress=lambda _stage, share: told.append(share))

    OutpaintStage().apply(ExtendStage(expand="right=100").apply(framed(world, matte, 0), tools), tools)

    assert told == [0.125, 0.375, 0.625, 0.875]


def test_a_line_that_shows_is_told(world):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    painter = Painter(world)
    painter.world = np.random.default_rng(1).random(world.shape, np.float32)
    tools = Tools(client=lambda: painter)

    made = OutpaintStage().apply(ExtendStage(expand="left=90").apply(framed(world, matte, 0), tools), tools)

    assert any("shows as a line" in notice for notice in made.notices)


def test_without_a_prompt_the_background_is_asked_for(world):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    painter = Painter(world)
    tools = Tools(client=lambda: painter)
    frame = framed(world, matte, 0).holding(Brief("", seed=4))

    OutpaintStage().apply(ExtendStage(expand="left=90").apply(frame, tools), tools)

    assert all("background" in request.prompt for request in painter.requests)


def test_the_soft_edge_of_the_product_stays_as_photographed(world):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    matte = blur(matte, 2)
    frame = framed(world, (matte > 0.5).astype(np.float32), 0)
    given = frame[Given]
    soft = SegmentStage().apply(
        Frame().holding(Given(given.photo, matte=matte), Brief("x")), Tools(client=lambda: None)
    )

    placed = ExtendStage(expand="left=20").apply(soft, Tools(client=lambda: None))[Placed]

    np.testing.assert_array_equal(placed.original[:, 20:], soft[CutOut].seen)


def test_who_asks_the_usual_way_for_more_room_gets_the_recipe_that_makes_it():
    asked = new_shot("mug.png", settings={"outpaint": "16:9", "quality": 90})

    assert asked.recipe == Recipe.load("outpaint").with_settings({"outpaint": "16:9", "quality": 90})
    with pytest.raises(IdleSettingError, match="recipe 'outpaint' has"):
        Recipe.load("relight").with_settings({"expand": "5%"})


def test_the_route_auto_and_a_sheet_take_more_room_too(tmp_path):
    sheet = tmp_path / "sheet.csv"
    files.save(tmp_path / "mug.png", np.full((40, 40, 3), 0.5, np.float32))
    sheet.write_text("photo,expand\nmug.png,5%\n", "utf-8")
    catalogue, wishes = read_catalogue(sheet), Wishes(recipe=recipe_for(None, "auto"))

    check_catalogue(catalogue, wishes)
    (order,) = plan_orders(catalogue, wishes)

    assert order_shot(order, root=tmp_path).recipe.name == "outpaint"


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ({"prompt": "a room"}, "prompt"),
        ({"light": "left"}, "light"),
        ({"negative_prompt": "people"}, "negative_prompt"),
        ({"loras": ["shiny:0.5"]}, "loras"),
    ],
)
def test_what_only_a_model_can_do_is_told_where_none_draws(world, asked, named):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1

    made = shoot(
        world[:, :200],
        recipe="outpaint",
        settings={"expand": "left=40"},
        matte=matte,
        backend="embedded://",
        **asked,
    )

    assert any(f"without effect then: {named};" in notice for notice in made.notices)


def test_a_light_alone_does_not_take_the_place_of_the_background_in_the_words(world):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    painter = Painter(world)
    frame = framed(world, matte, 0).holding(Brief("", lights=(Light.parse("left"),)))
    tools = Tools(client=lambda: painter)

    OutpaintStage().apply(ExtendStage(expand="left=90").apply(frame, tools), tools)

    assert all("background" in request.prompt and "left" in request.prompt for request in painter.requests)


def test_each_step_is_drawn_of_a_seed_of_its_own(world):
    matte = np.zeros((240, 120), np.float32)
    matte[60:200, 6:60] = 1
    painter = Painter(world)
    tools = Tools(client=lambda: painter)

    OutpaintStage().apply(ExtendStage(expand="right=100").apply(framed(world, matte, 0), tools), tools)

    assert [request.seed for request in painter.requests] == [4, 4, 5, 5]


def test_enlarged_as_well_the_picture_is_the_photograph_without_a_second_edge(world):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    matte = blur(matte, 1)
    photo = np.full((240, 200, 3), 0.8, np.float32)
    photo = (photo * (1 - matte[..., None]) + np.array([0.6, 0.1, 0.1]) * matte[..., None]).astype(np.float32)
    settings = {"expand": "left=40", "upscale": "2"}

    made = shoot(photo, recipe="outpaint", settings=settings, matte=matte, backend="embedded://")

    assert abs(made.identity.outline_growth_percent) < 0.5
    assert made.verdict.product.status == "pass"


def test_a_photographs_transparency_that_becomes_a_ground_is_told(world):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    frame = framed(world, matte, 0)
    clear = Frame().holding(Given(Photo(frame[CutOut].seen, matte)), Brief("x"))
    tools = Tools(client=lambda: None)

    made = ExtendStage(expand="left=20").apply(SegmentStage().apply(clear, tools), tools)

    assert any("transparent" in notice for notice in made.notices)


def test_a_line_is_called_what_it_is_and_no_seed_is_named_where_none_acts(world, monkeypatch):
    matte = np.zeros((240, 200), np.float32)
    matte[60:200, 70:140] = 1
    embedded = SimpleNamespace(name="embedded", notices=(), capabilities=SimpleNamespace(is_diffusion=False))
    monkeypatch.setattr("prodgen.outpainting.measure_seam", lambda scene, room: Seam(0.15, 1.0))
    tools = Tools(client=lambda: embedded)

    made = OutpaintStage().apply(ExtendStage(expand="left=90").apply(framed(world, matte, 0), tools), tools)

    (said,) = [notice for notice in made.notices if "old edge" in notice]
    assert "a line without grain (0.15 times" in said
    assert "seed" not in said
