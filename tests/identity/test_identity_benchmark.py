"""The benchmark's arithmetic, its spoilings and its ways to restore a product do what its page says."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from prodgen import images
from prodgen.color import to_lab
from prodgen.errors import ImageError

BENCHMARK = Path(__file__).resolve().parents[2] / "benchmarks" / "identity"


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch):
    """Import a module of the benchmark as its script does: by its own folder."""
    pytest.importorskip("skimage")
    if not BENCHMARK.is_dir():
        pytest.skip("benchmarks/ is not in a source distribution")
    monkeypatch.syspath_prepend(str(BENCHMARK))

    def one(name: str) -> ModuleType:
        return __import__(name)

    return one


@pytest.fixture
def pictures() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A photograph, the same in warm side light, and the matte."""
    dice = np.random.default_rng(3)
    photo = images.resize(dice.random((12, 12, 3)).astype(np.float32), 96, 96) * 0.6 + 0.2
    light = np.linspace(1.1, 0.5, 96, dtype=np.float32)[None, :, None] * np.array([1.0, 0.9, 0.7], np.float32)
    y, x = np.mgrid[:96, :96]
    matte = np.clip(30.5 - np.hypot(x - 48, y - 48), 0, 1).astype(np.float32)
    return photo.astype(np.float32), np.clip(photo * light, 0, 1).astype(np.float32), matte


def test_the_ratio_is_to_the_best_other_of_each_case(load):
    scoring = load("scoring")
    numbers = {"prodgen": (2, 6), "a": (4, 8), "b": (5, 3)}
    scores = [
        scoring.Score(f"case {k}", "mug", "hue", method, value, value)
        for method, values in numbers.items()
        for k, value in enumerate(values)
    ]

    assert scoring.ratios(scores) == {("case 0", "hue"): 0.5, ("case 1", "hue"): 2.0}
    row = next(row for row in scoring.table(scores) if row.method == "prodgen")
    assert (row.mean, row.ratio, row.worst_ratio, row.firsts) == (4, 1.25, 2, 1)


def test_the_table_has_the_best_method_first(load):
    scoring = load("scoring")
    scores = [scoring.Score("c", "mug", "hue", m, v, v) for m, v in {"a": 3, "prodgen": 1, "b": 2}.items()]

    assert [row.method for row in scoring.table(scores)] == ["prodgen", "b", "a"]


def test_the_difference_is_that_of_the_product_alone(load, pictures):
    photo, _, matte = pictures
    changed = photo.copy()
    changed[matte == 0] = 0

    assert load("scoring").difference(changed, photo, matte) == (0, 0)


def test_the_ruler_agrees_with_prodgens_own(load, pictures):
    from prodgen.color import delta_e

    photo, relit, matte = pictures
    inside = matte > 0.9

    mean, p95 = load("scoring").difference(relit, photo, matte)

    own = delta_e(to_lab(relit)[inside], to_lab(photo)[inside])
    assert (mean, p95) == pytest.approx((own.mean(), np.percentile(own, 95)), abs=0.02)


@pytest.mark.parametrize("spoiling", ["drawn to the scene", "hue and veil", "brightness only"])
def test_a_spoiling_is_the_same_for_a_seed_and_touches_the_product_only(spoiling, load, pictures):
    photo, truth, matte = pictures
    module = load("spoiling")

    one, again, other = (
        module.SPOILINGS[spoiling](truth, matte, photo, module.generator(seed, "mug/night"))
        for seed in (5, 5, 6)
    )

    np.testing.assert_array_equal(one, again)
    assert np.abs(one - other).max() > 0.01
    np.testing.assert_array_equal(one[matte == 0], truth[matte == 0])
    assert load("scoring").difference(one, truth, matte)[0] > 1


def test_brightness_only_leaves_the_chromaticities(load, pictures):
    photo, truth, matte = pictures
    module = load("spoiling")

    spoilt = module.brightness_only(truth * 0.5, matte, photo, module.generator(1, "x"))

    inside = (matte == 1) & (spoilt.max(axis=-1) < 0.99)
    assert inside.sum() > 1000
    from prodgen.color import luminance, to_linear

    a, b = to_linear(spoilt[inside]), to_linear(truth[inside] * 0.5)
    np.testing.assert_allclose(a / luminance(a)[:, None], b / luminance(b)[:, None], atol=0.02)


def test_every_method_leaves_a_picture_that_needs_nothing_as_it_is(load, pictures):
    photo, _, matte = pictures
    methods = load("methods")

    errors = {
        name: float(np.abs(methods.finished(name, photo, photo, matte) - photo)[matte > 0.9].mean())
        for name in (*methods.METHODS, methods.OURS)
    }

    assert max(errors.values()) < 0.01, errors


def test_every_method_leaves_the_scene_alone(load, pictures):
    photo, relit, matte = pictures
    methods = load("methods")

    for name in (*methods.METHODS, methods.OURS):
        finished = methods.finished(name, photo, relit, matte)
        np.testing.assert_array_equal(finished[matte == 0], relit[matte == 0], err_msg=name)


def test_mkl_gives_the_photograph_the_relit_products_mean_and_covariance(load, pictures):
    photo, relit, matte = pictures

    moved = load("methods").mkl(photo, relit, matte)

    a, b = moved[matte > 0.9], relit[matte > 0.9]
    np.testing.assert_allclose(a.mean(axis=0), b.mean(axis=0), atol=1e-3)
    np.testing.assert_allclose(np.cov(a.T), np.cov(b.T), atol=1e-4)


def test_reinhard_gives_the_photograph_the_relit_products_mean_and_deviation(load, pictures):
    photo, relit, matte = pictures
    # Little contrast: what leaves sRGB is clipped, and has no mean to keep.
    relit = 0.4 + 0.2 * relit

    moved = to_lab(load("methods").reinhard(photo, relit, matte))[matte > 0.9]

    wanted = to_lab(relit)[matte > 0.9]
    np.testing.assert_allclose(moved.mean(axis=0), wanted.mean(axis=0), atol=0.1)
    np.testing.assert_allclose(moved.std(axis=0), wanted.std(axis=0), atol=0.1)


def test_the_set_that_comes_with_it_has_four_products_in_six_places(load):
    found = list(load("truth").cases(BENCHMARK.parent.parent / "tests" / "data" / "truth"))

    assert len({case.product for case in found}) == 4
    assert len({case.name for case in found}) == 24
    assert all(0.05 < case.matte.mean() < 0.5 for case in found)


def test_a_folder_without_a_truth_set_is_refused_in_one_sentence(load, tmp_path):
    with pytest.raises(ImageError, match="NAME_input"):
        list(load("truth").cases(tmp_path))
