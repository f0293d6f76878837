"""A picture passes only if cut-out and product both do, wherever its verdict is read."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files, provenance
from prodgen.cli import main
from prodgen.cutout import Doubt, MatteQuality, cutting
from prodgen.errors import ProductNotKeptError
from prodgen.identity import Likeness
from prodgen.inspecting import inspect
from prodgen.inspecting.page import page_html
from prodgen.judgement import Judgement
from prodgen.shots import shoot

WORSE = ("pass", "warn", "fail")

LIKE = Likeness(
    delta_e_mean=0.4,
    delta_e_p95=1.0,
    delta_e_worst_region=0.9,
    worst_region=(0.5, 0.5),
    chroma_error_median=0.2,
    chroma_error_p95=0.6,
    detail=0.99,
    gradient=0.99,
)

PRODUCTS = {"pass": LIKE, "warn": LIKE.model_copy(update={"detail": 0.7})}
PRODUCTS["fail"] = LIKE.model_copy(update={"detail": 0.1})


def quality(status: str) -> MatteQuality:
    score = {"pass": 0.97, "warn": 0.6, "fail": 0.12}[status]
    reasons = () if status == "pass" else (Doubt("product outside", 0.2),)
    return MatteQuality(score, status, reasons, np.zeros((8, 8), np.float32))


@pytest.fixture
def photo(tmp_path: Path, disc: np.ndarray) -> Path:
    """A red disc on a light ground, which any segmenter finds."""
    rgb = np.where(disc[..., None] > 0, np.array([0.7, 0.1, 0.1]), 0.9).astype(np.float32)
    files.save(tmp_path / "mug.png", rgb)
    files.save_matte(tmp_path / "matte.png", disc)
    return tmp_path / "mug.png"


@pytest.fixture
def cut_outs_are(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have every cut-out judged so, whatever it is like."""

    def set_to(status: str) -> None:
        monkeypatch.setattr(cutting, "assess", lambda *_: quality(status))

    return set_to


def packshot(photo: Path, **more: object):
    settings = {"segmenter": "classical", "place": "original", **more.pop("settings", {})}
    return shoot(photo, recipe="packshot", seed=1, settings=settings, **more)


def prodgen(*arguments: object):
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.mark.parametrize("cut_out", WORSE)
@pytest.mark.parametrize("product", WORSE)
def test_the_worse_of_cut_out_and_product_counts(cut_out, product):
    likeness = PRODUCTS[product]

    found = Judgement(likeness.verdict(), likeness, quality(cut_out))

    assert found.status == max(cut_out, product, key=WORSE.index)
    assert found.is_failed is ("fail" in (cut_out, product))


def test_without_a_judged_cut_out_the_product_decides_and_without_both_nothing_is_said():
    assert Judgement(LIKE.verdict(), LIKE).status == "pass"
    assert Judgement(cut_out=quality("warn")).status == "warn"
    assert Judgement().status is None


def test_a_good_product_of_a_bad_cut_out_is_said_to_be_kept_only_as_it_was_cut_out():
    found = Judgement(LIKE.verdict(), LIKE, quality("fail"))

    assert found.headline.startswith("the cut-out is probably wrong; as cut out, the product kept its")
    assert found.summary.endswith("cut-out 0.12)")
    assert found.reasons() == (str(quality("fail").doubts[0]),)


@pytest.mark.parametrize("status", WORSE)
def test_a_shot_is_as_good_as_its_cut_out_and_tells_so_everywhere(photo, cut_outs_are, status):
    cut_outs_are(status)

    result = packshot(photo)

    assert result.verdict.product.status == "pass"
    assert result.verdict.status == status
    assert result.is_failed is (status == "fail")
    told = json.loads(json.dumps(result.as_dict()))
    assert told["verdict"] == told["cut_out"]["status"] == status
    assert told["cut_out"]["score"] == quality(status).score
    assert [reason["kind"] for reason in told["cut_out"]["reasons"]] == (
        [] if status == "pass" else ["product outside"]
    )
    assert f"({status}: " in result.summary
    assert f"({status}: " in result._repr_html_()
    assert sum("probability" in notice for notice in result.notices) == (status != "pass")


def test_a_matte_of_ones_own_leaves_the_verdict_to_the_product(photo, cut_outs_are):
    cut_outs_are("fail")

    result = shoot(
        photo, recipe="packshot", matte=photo.with_name("matte.png"), settings={"place": "original"}
    )

    assert result.verdict.status == result.verdict.product.status
    assert result.verdict.cut_out is None
    assert result.as_dict()["cut_out"] is None


def test_a_failed_cut_out_is_kept_aside_where_the_recipe_says_so(photo, cut_outs_are, tmp_path):
    cut_outs_are("fail")

    with pytest.raises(ProductNotKeptError, match="looks like product") as caught:
        packshot(photo, output=tmp_path / "out.png", settings={"on_failure": "fail"})

    assert caught.value.numbers == ("cut_out",)
    assert not (tmp_path / "out.png").exists()
    assert (tmp_path / "out.rejected.png").exists()


def test_no_seed_is_wasted_on_a_failed_cut_out(photo, cut_outs_are):
    cut_outs_are("fail")

    settings = {"segmenter": "classical", "place": "original", "tries": 4}
    result = shoot(photo, "a wooden table", backend="embedded://", seed=1, settings=settings)

    assert result.seed == 1
    assert not any("seeds tried" in notice for notice in result.notices)
    assert any("no other seed was tried" in notice for notice in result.notices)


def test_the_picture_carries_its_cut_out_and_shows_it(photo, cut_outs_are, tmp_path):
    cut_outs_are("warn")
    packshot(photo, output=tmp_path / "out.png")

    shown = prodgen("show", tmp_path / "out.png").output

    story = provenance.read_story(files.read_text(tmp_path / "out.png"))
    assert story["verdict"] == story["cut_out"]["status"] == "warn"
    assert "warn  (score 0.6)" in shown


def test_the_terminal_says_that_the_cut_out_failed(photo, cut_outs_are, tmp_path):
    cut_outs_are("fail")
    words = ["shoot", photo, "--recipe", "packshot", "--segmenter", "classical", "-o", tmp_path / "out.png"]

    warned, strict = prodgen(*words), prodgen(*words, "--on-failure", "fail")

    assert (warned.exit_code, strict.exit_code) == (0, 1)
    assert "the cut-out is probably wrong" in warned.output
    assert "(fail: " in warned.output


@pytest.mark.parametrize("status", WORSE)
def test_inspect_is_as_sure_as_its_cut_out_of_the_photograph(photo, cut_outs_are, status):
    cut_outs_are(status)

    found = inspect(photo, photo, segmenter="classical")
    done = prodgen("inspect", photo, photo, "--segmenter", "classical")

    assert (
        found.verdict.status == found.as_dict()["verdict"] == found.as_dict()["cut_out"]["status"] == status
    )
    assert found.passes is (status != "fail")
    assert done.exit_code == (status == "fail")
    assert f"verdict   {status}: " in done.output
    assert sum("probability" in text for text in (*found.reasons, *found.notices)) == (status != "pass")
    assert f">{quality(status).score:.2f}</td>" in page_html(found)
    assert f'<span class="verdict {status}">' in page_html(found)
