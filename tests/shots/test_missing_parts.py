"""A product that lost a part on the way fails, whoever made its matte; one that is whole does not."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files, images
from prodgen.cli import main
from prodgen.cutout import Segmentation, cut_out, cutting, left_out
from prodgen.inspecting import inspect
from prodgen.shots import shoot

SIZE = 240

BACKDROPS = {"light": (0.86, 0.86, 0.84), "blue": (0.25, 0.35, 0.6)}


def lamp(backdrop: str = "light") -> tuple[np.ndarray, np.ndarray]:
    """A printed red shade on a brass foot, with a soft shadow on the ground, and its matte."""
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    picture = np.array(BACKDROPS[backdrop], np.float32) * (0.94 + 0.06 * y / SIZE)[..., None]
    picture *= 1 - 0.6 * np.exp(-(((x - 150) / 40) ** 2 + ((y - 205) / 9) ** 2))[..., None]
    matte = np.zeros((SIZE, SIZE), np.float32)
    cv2.rectangle(matte, (70, 40), (170, 150), 1, -1)
    cv2.ellipse(matte, (120, 195), (45, 14), 0, 0, 360, 1, -1)
    cv2.rectangle(matte, (112, 150), (128, 195), 1, -1)
    picture[(matte > 0) & (y <= 150)] = (0.65, 0.12, 0.12)
    picture[(matte > 0) & (y > 150)] = (0.72, 0.55, 0.15)
    grain = np.random.default_rng(1).normal(0, 0.004, picture.shape)
    picture = np.clip(cv2.GaussianBlur(picture, (0, 0), 0.7) + grain, 0, 1).astype(np.float32)
    written = images.to_uint8(picture)
    cv2.putText(written, "LUX 40", (78, 105), cv2.FONT_HERSHEY_SIMPLEX, 0.75, (242, 237, 230), 2, cv2.LINE_AA)
    return images.from_uint8(written), cv2.GaussianBlur(matte, (0, 0), 0.7)


def without_foot(matte: np.ndarray) -> np.ndarray:
    kept = matte.copy()
    kept[168:] = 0
    return kept


def print_only(photo: np.ndarray, matte: np.ndarray) -> np.ndarray:
    """The letters alone, which stand out best."""
    return ((photo.min(axis=2) > 0.5) & (cv2.erode(matte, np.ones((9, 9))) > 0.9)).astype(np.float32)


LOSSES = {
    "its foot": lambda photo, matte: without_foot(matte),
    "all but its print": print_only,
}


class Losing:
    """A segmenter that is always sure, and loses a part."""

    name = "losing"
    license = "none"

    def __init__(self, matte: np.ndarray) -> None:
        self.matte = matte

    def segment(self, rgb: np.ndarray, **_: object) -> Segmentation:
        return Segmentation(self.matte, looks=(self.matte,))


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    picture, matte = lamp()
    files.save(tmp_path / "lamp.png", picture)
    files.save_matte(tmp_path / "whole.png", matte)
    return tmp_path / "lamp.png"


@pytest.mark.parametrize("backdrop", BACKDROPS)
@pytest.mark.parametrize("loss", LOSSES)
def test_what_a_matte_left_out_is_found_in_the_photograph(loss, backdrop):
    picture, matte = lamp(backdrop)
    kept = LOSSES[loss](picture, matte)

    found = left_out(picture, kept)

    lost = (matte > 0.5) & (kept < 0.5)
    assert found[lost].mean() > 0.8
    assert found[~lost].mean() < 0.03  # the letters' soft edge


@pytest.mark.parametrize("backdrop", BACKDROPS)
def test_a_shadow_is_not_taken_for_a_part_that_was_left_out(backdrop):
    picture, matte = lamp(backdrop)

    assert left_out(picture, matte).sum() == 0


def test_nothing_is_said_of_a_busy_backdrop():
    picture, matte = lamp()
    busy = np.random.default_rng(2).random((12, 12, 3)).astype(np.float32)
    room = cv2.resize(busy, (SIZE, SIZE), interpolation=cv2.INTER_CUBIC).clip(0, 1)

    assert left_out(np.where(matte[..., None] > 0.5, picture, room), without_foot(matte)).sum() == 0


@pytest.mark.parametrize("loss", LOSSES)
def test_a_shot_whose_segmenter_lost_a_part_fails_and_says_so(loss, photo, monkeypatch):
    segmenter = Losing(LOSSES[loss](*lamp()))
    monkeypatch.setattr(cutting, "segmenter_named", lambda _: segmenter)

    result = shoot(photo, recipe="packshot", seed=1, settings={"place": "original"})

    assert "missing_percent" in result.verdict.failures
    assert result.verdict.status == "fail"
    assert any(
        notice.startswith("a part of the product is missing in the picture") for notice in result.notices
    )


@pytest.mark.parametrize("placed", [{"place": "original"}, {"place": "left", "fill": 0.4}])
def test_a_part_is_missed_wherever_the_product_was_put(placed, photo):
    matte = without_foot(lamp()[1])

    result = shoot(photo, recipe="packshot", matte=matte, settings=placed)

    assert "missing_percent" in result.verdict.failures


def test_a_whole_product_misses_nothing(photo):
    result = shoot(photo, recipe="packshot", matte=photo.with_name("whole.png"))

    assert result.identity.missing_percent == 0
    assert result.verdict.status == "pass", result.notices


def beach(product: np.ndarray, matte: np.ndarray, *, dim: float = 0.8) -> np.ndarray:
    scene = np.full((SIZE, SIZE, 3), (0.75, 0.68, 0.5), np.float32)
    scene[:120] = (0.5, 0.7, 0.85)
    return (matte[..., None] * product * dim + (1 - matte[..., None]) * scene).astype(np.float32)


@pytest.mark.parametrize("same_framing", [True, False])
def test_inspect_fails_a_picture_without_a_part_that_its_cut_out_lost_as_well(photo, same_framing):
    picture, matte = lamp()
    kept = without_foot(matte)
    whole, footless = beach(picture, matte), beach(picture, kept)
    if not same_framing:
        warp = np.array([[0.9, 0, 90], [0, 0.9, 20]], np.float64)
        whole, footless = (
            cv2.warpAffine(x, warp, (400, 260), borderMode=cv2.BORDER_REPLICATE) for x in (whole, footless)
        )
    cut = cut_out(photo, segmenter=Losing(kept))

    good, bad = (inspect(photo, shown, matte=cut.matte) for shown in (whole, footless))

    assert good.identity.missing_percent < 1
    assert bad.identity.missing_percent > 8
    assert not bad.passes
    assert any("a part of the product is missing" in reason for reason in bad.reasons)


def test_blend_tells_of_a_part_that_its_matte_left_out(photo, tmp_path):
    picture, matte = lamp()
    kept = without_foot(matte)
    files.save(tmp_path / "relit.png", beach(picture, kept))
    files.save_matte(tmp_path / "kept.png", kept)
    words = [
        "blend",
        photo,
        tmp_path / "relit.png",
        "--matte",
        tmp_path / "kept.png",
        "-o",
        tmp_path / "out.png",
    ]

    done = CliRunner().invoke(main, [str(word) for word in words])

    assert done.exit_code == 0, done.output
    assert "a part of the product is missing in the picture" in done.output


def test_light_that_the_product_throws_on_the_floor_is_not_a_part_of_it():
    picture, matte = lamp()
    y, x = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    glow = np.exp(-(((x - 120) / 70) ** 2 + ((y - 205) / 24) ** 2))[..., None] * (1 - matte[..., None])
    lit = (picture * (1 - glow * np.array((0.0, 0.5, 0.5), np.float32))).astype(np.float32)
    assert left_out(lit, matte).sum() == 0
    assert left_out(picture, without_foot(matte)).sum() > 0
