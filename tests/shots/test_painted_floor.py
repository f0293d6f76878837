"""The floor at the product's foot, painted into a background before the product is lit: ground inpaint."""

from __future__ import annotations

import pickle
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from prodgen import files, shadows
from prodgen.errors import IdleSettingError
from prodgen.images import to_uint8
from prodgen.masks import dilate
from prodgen.schema import Applied, Generation, Img2Img
from prodgen.shots import Recipe, Result, complete, draw, new_shot, prepare, shoot
from prodgen.shots.frame import Tools
from prodgen.shots.handing_over import DrawnShot
from prodgen.shots.layers import Drawn, FinalScene, Placed
from prodgen.shots.stages import RelightStage
from prodgen.shots.stages.floor import FloorStage

SIDE = 320
TINT = np.array([1.05, 0.98, 0.94], np.float32)
"""What the model's autoencoder does to all colours."""


class FloorPainter:
    """Stands in for a diffusion server that darkens what it repaints, and tints everything."""

    name = "a diffusion server"
    notices: tuple[str, ...] = ()

    def __init__(self, light: float = 0.6) -> None:
        self.light, self.requests = light, list[Img2Img]()
        self.capabilities = SimpleNamespace(
            is_diffusion=True, with_checkpoint=lambda _name: self.capabilities, native_megapixels=0.2
        )

    def img2img(self, request: Img2Img, on_progress: object = None) -> Generation:
        self.requests.append(request)
        mask = np.asarray(request.inpaint_mask)[..., None]
        painted = np.clip(request.init_image * (1 - mask * (1 - self.light)) * TINT, 0, 1)
        return Generation(
            images=(painted.astype(np.float32),),
            seeds=(1,),
            infotexts=("a line",),
            info={},
            backend=self.name,
            applied=Applied(),
        )


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A can on grey, its matte, and a table of planks with grain."""
    folder = tmp_path_factory.mktemp("floor")
    matte = np.zeros((SIDE, SIDE), np.float32)
    matte[110:220, 125:196] = 1
    for row in (110, 220):
        cv2.ellipse(matte, (160, row), (35, 11), 0, 0, 360, 1, -1)
    matte = cv2.GaussianBlur(matte, (0, 0), 0.8)
    photo = np.full((SIDE, SIDE, 3), 0.8, np.float32)
    photo = photo * (1 - matte[..., None]) + np.float32([0.7, 0.3, 0.2]) * matte[..., None]
    grain = np.random.default_rng(2).normal(0, 0.03, (SIDE, SIDE, 1))
    table = np.clip(np.float32([0.6, 0.5, 0.4]) + grain, 0, 1).astype(np.float32)
    files.save(folder / "can.png", photo)
    files.save_matte(folder / "matte.png", matte)
    files.save(folder / "table.png", table)
    return folder


def drawn_by(painter: object, photos: Path, **settings: object) -> DrawnShot:
    given = {"size": f"{SIDE}x{SIDE}", "place": "original", "ground": "inpaint", **settings}
    shot = new_shot(
        photos / "can.png",
        matte=photos / "matte.png",
        background=photos / "table.png",
        pose="upright",
        seed=3,
        recipe=Recipe.load("background").with_settings(given),
    )
    return draw(prepare(shot), Tools(client=lambda: painter))  # type: ignore[arg-type, return-value]


def made_by(painter: object, photos: Path, **settings: object) -> Result:
    drawn = drawn_by(painter, photos, **settings)
    return complete(drawn, Tools(client=lambda: painter))  # type: ignore[arg-type, return-value]


def test_only_a_narrow_strip_at_the_foot_is_repainted_and_nothing_of_the_product(photos: Path) -> None:
    painter = FloorPainter()
    drawn = drawn_by(painter, photos)
    (request,) = painter.requests
    inpaint_mask, init = np.asarray(request.inpaint_mask), request.init_image
    is_product = np.abs(init - np.float32([0.7, 0.3, 0.2])).max(axis=2) < 0.02
    rows = np.flatnonzero(inpaint_mask.max(axis=1) > 0.5)

    assert 0.02 < inpaint_mask.mean() < 0.3
    assert inpaint_mask[dilate(is_product.astype(np.float32), 1) * is_product > 0].mean() < 0.15
    # 1 is repaint: below the product's lowest row, and not up to its top.
    assert rows[-1] > np.flatnonzero(is_product.any(axis=1))[-1]
    assert rows[0] > np.flatnonzero(is_product.any(axis=1)).mean()
    assert drawn.frame[Drawn].origin.is_generated


def test_all_outside_the_strip_stays_to_the_byte_and_so_does_the_product(photos: Path) -> None:
    painted = made_by(FloorPainter(), photos, shadow="none", blend=0.0)
    plain = made_by(FloorPainter(), photos, shadow="none", blend=0.0, ground="none")
    matte = painted.frame[Placed].matte
    strip = shadows.floor_strip(matte) > 0
    changed = (to_uint8(painted.image) != to_uint8(plain.image)).any(axis=2)
    table = to_uint8(files.load(photos / "table.png").rgb)

    assert changed.sum() > 300
    assert not changed[~strip].any()
    assert not changed[matte == 1].any()
    assert np.array_equal(to_uint8(painted.frame[Drawn].scene)[~strip], table[~strip])


def test_the_models_tint_does_not_show_as_an_edge(photos: Path) -> None:
    scene = drawn_by(FloorPainter(light=1.0), photos).frame[Drawn].scene
    table = files.load(photos / "table.png").rgb
    matte = files.load_matte(photos / "matte.png")
    floor = (shadows.floor_strip(matte) > 0) & (matte == 0)
    off = np.abs((scene - table)[floor].mean(axis=0))

    assert off.max() < 0.006  # the tint is 0.03


def test_the_shadow_that_was_painted_is_not_laid_on_twice(photos: Path) -> None:
    def darkest(ground: str, light: float) -> float:
        scene = made_by(FloorPainter(light), photos, ground=ground).frame[FinalScene].image
        return float(cv2.GaussianBlur(scene, (0, 0), 2).mean(axis=2)[226:240, 130:190].min())

    unpainted, painted = darkest("none", 0.6), darkest("inpaint", 0.6)

    assert abs(painted - unpainted) < 0.12
    assert painted > 0.6 * unpainted


def test_a_picture_with_a_painted_floor_is_the_same_from_another_process(photos: Path) -> None:
    drawn = drawn_by(FloorPainter(), photos)
    again = pickle.loads(pickle.dumps(drawn))
    tools = Tools(client=lambda: FloorPainter())  # type: ignore[arg-type, return-value]
    here, there = complete(drawn, tools), complete(again, tools)

    assert np.array_equal(here.image, there.image)
    assert here.story() == there.story()
    assert here.story()["scene"]["floor"] == {"is_painted": True, "instead": None}


def test_the_embedded_backend_says_that_it_paints_no_floor(photos: Path) -> None:
    def made(ground: str) -> Result:
        return shoot(
            photos / "can.png",
            matte=photos / "matte.png",
            background=photos / "table.png",
            backend="embedded://",
            settings={"size": f"{SIDE}x{SIDE}", "ground": ground},
            seed=1,
        )

    asked, left = made("inpaint"), made("auto")

    assert [notice for notice in asked.notices if notice not in left.notices] == [
        "ground inpaint is without effect: the embedded backend paints no floor into a picture; a Stable"
        " Diffusion server does (--backend URL)"
    ]
    assert np.array_equal(asked.image, left.image)


@pytest.mark.parametrize("recipe", ["auto", "relight", "background"])
def test_without_a_background_there_is_no_floor_to_paint(photos: Path, recipe: str) -> None:
    with pytest.raises(IdleSettingError, match="only a background of yours gets its floor painted"):
        shoot(photos / "can.png", "a table", recipe=recipe, settings={"ground": "inpaint"})


def test_ic_light_is_given_the_background_with_its_painted_floor(photos: Path) -> None:
    drawn = drawn_by(FloorPainter(), photos).frame
    placed = drawn[Placed]

    request = RelightStage().request(drawn, placed.original, placed.matte)

    assert request.ic_light is not None
    assert np.array_equal(request.ic_light.background, drawn[Drawn].scene)
    assert not np.array_equal(request.ic_light.background, placed.backdrop)


def pin() -> np.ndarray:
    """The matte of an open pin that lies: taken to stand, it darkens only floor that it does not touch."""
    matte = np.zeros((SIDE, SIDE), np.float32)
    cv2.polylines(matte, [np.array([[60, 130], [260, 260], [130, 40]])], False, 1.0, 5)
    return matte


def test_floor_that_the_product_does_not_touch_is_in_no_strip() -> None:
    assert not shadows.floor_strip(pin()).any()
    assert shadows.floor_strip(pin(), lies_flat=True).any()


def test_without_a_foot_nothing_is_painted_and_it_is_said(photos: Path, tmp_path: Path) -> None:
    files.save_matte(tmp_path / "matte.png", pin())
    for name in ("can.png", "table.png"):
        (tmp_path / name).write_bytes((photos / name).read_bytes())
    painter = FloorPainter()

    made = made_by(painter, tmp_path, shadow="none")

    assert not painter.requests
    assert not any("which stays" in notice for notice in made.notices)
    assert any("no foot was found" in notice for notice in made.notices)


def test_a_product_that_hovers_gets_no_floor_painted_at_its_foot(photos: Path) -> None:
    with pytest.raises(IdleSettingError, match="a product that hovers has no foot"):
        drawn_by(FloorPainter(), photos, shadow="float")


def test_a_painted_floor_says_that_its_shadow_stays_where_none_was_asked_for(photos: Path) -> None:
    def told(shadow: str) -> bool:
        notices = made_by(FloorPainter(), photos, shadow=shadow).notices
        return any("shadow at the product's foot (ground inpaint), which stays" in one for one in notices)

    assert told("none")
    assert not told("auto")


def test_the_floor_is_painted_by_the_checkpoint_that_was_asked_for(photos: Path) -> None:
    painter = FloorPainter()
    given = {"size": f"{SIDE}x{SIDE}", "place": "original", "ground": "inpaint", "checkpoint": "mine"}
    recipe = Recipe.load("relight").with_settings(given)
    (floor,) = (stage for stage in recipe.stages if isinstance(stage, FloorStage))
    drawn = drawn_by(painter, photos).frame

    floor.apply(drawn, Tools(client=lambda: painter))  # type: ignore[arg-type, return-value]

    assert [request.checkpoint for request in painter.requests] == [None, "mine"]


@pytest.mark.parametrize(
    ("shadow", "is_wanted"),
    [("auto", True), ("contact", True), ("cast", True), ("none", False), ("keep", False)],
)
def test_a_shadow_is_asked_of_the_floor_only_where_one_is_wanted(photos: Path, shadow: str, is_wanted: bool):
    painter = FloorPainter()
    drawn_by(painter, photos, shadow=shadow)
    (request,) = painter.requests

    assert ("shadow" in request.prompt) is is_wanted
    assert ("shadow" in (request.negative_prompt or "")) is not is_wanted
