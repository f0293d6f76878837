"""What happens to a picture whose product is not the product: tried again, kept aside, or told."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen import files, provenance
from prodgen.client import Client
from prodgen.color import to_linear, to_srgb
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.engines.ibl.render_order import Rendering, RenderOrder
from prodgen.errors import ImageError, ProductNotKeptError
from prodgen.masks import composite, dilate, fill
from prodgen.schema import seeds
from prodgen.server import ApiServer, ApiTransport
from prodgen.shots import Recipe, Result, Shot, check, new_shot, shoot, shoot_all
from prodgen.shots.layers import Kept, Placed

GROWN_PX = 14

NOBODY = "http://127.0.0.1:9"
"""An address at which no server answers."""


def draw(order: RenderOrder) -> Rendering:
    """A backend that makes the product too large, but for every third seed."""
    scene = np.full((order.height, order.width, 3), 0.3, np.float32)
    scene[order.height // 2 :] = 0.45
    if order.foreground is None or order.matte is None:
        return Rendering(image=scene, scene="test", floor="test")
    matte = order.matte if order.seed % 3 == 0 else dilate(order.matte, GROWN_PX)
    colours = fill(order.foreground, (order.matte < 0.99).astype(np.float32)) * 0.8
    return Rendering(image=composite(colours, scene, matte), scene="test", floor="test")


@pytest.fixture
def client():
    with Client(
        "http://127.0.0.1:1", transport=ApiTransport(ApiServer(IblEngine(renderer=draw)))
    ) as connection:
        yield connection


@pytest.fixture
def photo(tmp_path):
    y, x = np.mgrid[:256, :256].astype(np.float32)
    matte = np.clip(80.5 - np.hypot(x - 128, y - 128), 0, 1).astype(np.float32)
    red = np.broadcast_to(np.array([0.7, 0.1, 0.1], np.float32), (256, 256, 3)).copy()
    red[(np.abs(x - 128) < 30) & (np.abs(y - 120) < 12)] = (0.95, 0.95, 0.9)
    files.save(tmp_path / "photo.png", composite(red, np.full_like(red, 0.92), matte))
    files.save_matte(tmp_path / "matte.png", matte)
    return tmp_path / "photo.png"


def settings(photo, **more: object) -> dict[str, object]:
    return {"place": "original", "shadow": "none", **more}


def test_a_picture_of_a_grown_product_is_delivered_with_a_warning(photo, client, tmp_path):
    result = shoot(
        photo,
        "x",
        matte=photo.with_name("matte.png"),
        backend=client,
        seed=1,
        output=tmp_path / "out.png",
        settings=settings(photo),
    )

    assert result.verdict.status == "fail"
    assert any("outline growth" in notice for notice in result.notices)


def test_it_fails_and_is_kept_aside_where_the_recipe_says_so(photo, client, tmp_path):
    strict = settings(photo, on_failure="fail")

    with pytest.raises(ProductNotKeptError, match="outline growth") as caught:
        shoot(
            photo,
            "x",
            matte=photo.with_name("matte.png"),
            backend=client,
            seed=1,
            output=tmp_path / "out.png",
            settings=strict,
        )

    assert not (tmp_path / "out.png").exists()
    assert (tmp_path / "out.rejected.png").exists()
    assert caught.value.path == str(tmp_path / "out.rejected.png")
    assert caught.value.path in str(caught.value)
    assert "outline_growth_percent" in caught.value.numbers


def test_other_seeds_are_tried_in_order_and_the_one_used_is_recorded(photo, client):
    asked = seeds.tries(1, 5)

    result = shoot(
        photo,
        "x",
        matte=photo.with_name("matte.png"),
        backend=client,
        seed=1,
        settings=settings(photo, tries=5),
    )

    used = result.as_dict()["sent"]["seed"]
    assert result.verdict.status != "fail"
    assert used in asked[1:]
    assert used % 3 == 0
    tried = ", ".join(map(str, asked[: asked.index(used) + 1]))
    assert f"seeds tried until the product was kept: {tried}" in result.notices


def test_that_no_try_kept_the_product_is_a_notice(photo, client):
    result = shoot(
        photo,
        "x",
        matte=photo.with_name("matte.png"),
        backend=client,
        seed=1,
        settings=settings(photo, tries=2),
    )

    assert result.verdict.status == "fail"
    tried = ", ".join(map(str, seeds.tries(1, 2)))
    assert f"seeds tried, and the product was kept in none: {tried}" in result.notices


def test_saving_puts_the_seed_that_was_used_into_the_name(photo, client, tmp_path):
    result = shoot(
        photo,
        "x",
        matte=photo.with_name("matte.png"),
        backend=client,
        seed=1,
        settings=settings(photo),
    )

    assert result.save(tmp_path / "mug-{seed}.png").path == tmp_path / "mug-1.png"


def test_tries_go_on_at_the_lowest_seeds_after_the_highest(photo, client):
    seed = 2**32 - 2

    result = shoot(
        photo,
        "x",
        matte=photo.with_name("matte.png"),
        backend=client,
        seed=seed,
        settings=settings(photo, tries=5),
    )

    assert result.as_dict()["sent"]["seed"] == next(x for x in seeds.tries(seed, 5) if x % 3 == 0) < seed


def test_further_pictures_and_tries_never_write_one_picture_under_two_names(photo, client, tmp_path):
    chosen = Recipe.load("relight").with_settings(settings(photo, tries=6))
    shots = [
        Shot(
            photo=photo,
            matte=photo.with_name("matte.png"),
            prompt="x",
            seed=seed,
            output=tmp_path / "out-{seed}.png",
            recipe=chosen,
        )
        for seed in seeds.siblings(1, 2)
    ]

    made = list(shoot_all(shots, backend=client))

    used = [result.as_dict()["sent"]["seed"] for result in made]
    assert len(set(used)) == 2
    for result, seed in zip(made, used, strict=True):
        assert result.path == tmp_path / f"out-{seed}.png"
        assert provenance.read_story(files.read_text(result.path))["sent"]["seed"] == seed


def test_an_output_that_a_try_would_write_over_the_photograph_is_refused_before_any_work(photo):
    second = seeds.tries(1, 2)[1]
    original = photo.rename(photo.with_name(f"mug-{second}.png"))
    before = original.read_bytes()

    with pytest.raises(ImageError, match="itself, which would be lost"):
        shoot(
            original,
            "x",
            matte=photo.with_name("matte.png"),
            backend=NOBODY,
            seed=1,
            output=photo.with_name("mug-{seed}.png"),
            settings=settings(photo, tries=2),
        )

    assert original.read_bytes() == before


def test_an_output_whose_rejected_picture_would_be_the_photograph_is_refused_before_any_work(photo):
    original = photo.rename(photo.with_name("mug.rejected.png"))
    shot = new_shot(original, "x", output=photo.with_name("mug.png"), settings={"on_failure": "fail"})

    with pytest.raises(ImageError, match="itself, which would be lost"):
        check(shot)


def burn(order: RenderOrder) -> Rendering:
    """A backend that lights the product so strongly that its label burns out."""
    scene = np.full((order.height, order.width, 3), 0.3, np.float32)
    if order.foreground is None or order.matte is None:
        return Rendering(image=scene, scene="test", floor="test")
    colours = fill(order.foreground, (order.matte < 0.99).astype(np.float32))
    burnt = to_srgb(to_linear(colours) * np.float32(2.5))
    return Rendering(image=composite(burnt, scene, order.matte), scene="test", floor="test")


def test_light_that_was_weakened_to_keep_the_product_is_told_with_the_picture(photo, tmp_path):
    server = ApiTransport(ApiServer(IblEngine(renderer=burn)))
    with Client("http://127.0.0.1:1", transport=server) as strong:
        strict = settings(photo, profile="catalogue")
        result = shoot(
            photo,
            "x",
            matte=photo.with_name("matte.png"),
            backend=strong,
            seed=1,
            output=tmp_path / "out.png",
            settings=strict,
        )

    assert result.identity.white_clipping_percent < 4
    assert result.identity.repaired_percent > 1
    (notice,) = [notice for notice in result.notices if "weakened" in notice]
    assert notice in result.as_dict()["notices"]
    # The delivered product is lit by less than the 2.5 times of the backend.
    placed, inside = result.frame[Placed], result.frame[Placed].matte > 0.99
    gain = to_linear(result.frame[Kept].product[inside]) / to_linear(placed.original[inside])
    assert np.median(gain) < 2.4


@pytest.fixture
def room(tmp_path):
    """A background: a wall over a table."""
    picture = np.full((256, 256, 3), 0.35, np.float32)
    picture[150:] = (0.6, 0.5, 0.4)
    files.save(tmp_path / "room.png", picture)
    return tmp_path / "room.png"


def of_one_job(photo, **more: object) -> list[Shot]:
    matte = photo.with_name("matte.png")
    return [
        new_shot(photo, matte=matte, seed=seed, is_repeat=seed > 1, settings=settings(photo), **more)
        for seed in (1, 2)
    ]


def test_a_second_picture_that_no_seed_makes_another_one_is_told_as_such(photo, room):
    first, second = shoot_all(of_one_job(photo, background=room), backend="embedded://")

    np.testing.assert_array_equal(first.image, second.image)
    assert not any("equals the one before" in notice for notice in first.notices)
    assert any("equals the one before" in notice for notice in second.notices)


def test_a_second_picture_that_its_seed_makes_another_one_is_not_told_so(photo):
    first, second = shoot_all(of_one_job(photo, prompt="a wooden table"), backend="embedded://")

    assert (first.image != second.image).any()
    assert not any("equals the one before" in notice for notice in second.notices)


def test_no_seed_is_tried_where_none_changes_the_picture(photo, room, monkeypatch):
    monkeypatch.setattr(Result, "is_failed", True)
    (shot, _) = of_one_job(photo, background=room)
    shot = shot.model_copy(update={"recipe": shot.recipe.with_settings({"tries": 3})})

    (result,) = shoot_all([shot], backend="embedded://")

    assert result.seed == 1
    assert "no other seed was tried, since none changes the picture" in result.notices


def test_another_seed_is_advised_only_where_it_changes_the_picture(photo, room):
    on_background, in_scene = (
        next(shoot_all(of_one_job(photo, **asked)[:1], backend="embedded://"))
        for asked in ({"background": room}, {"prompt": "a wooden table"})
    )

    assert (on_background.verdict.is_drawn_by_seed, in_scene.verdict.is_drawn_by_seed) == (False, True)
