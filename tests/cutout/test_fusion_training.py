"""The fusion's coefficients: what prodgen comes with, and the script that fits them."""

import json

import numpy as np
import pytest
from click.testing import CliRunner

from benchmarks.cutout import fitting, training
from benchmarks.cutout.composites import composites
from benchmarks.cutout.photo_set import samples
from prodgen import files
from prodgen.cutout import fusion, networks
from prodgen.images import resize

CONTEXT = 15


@pytest.fixture(scope="module")
def drawn_set(tmp_path_factory):
    """Three drawn products before drawn backdrops, each its own product."""
    folder, facts = tmp_path_factory.mktemp("set"), {}
    for number, made in enumerate(composites([], 3, seed=2)):
        name = f"thing{number}"
        height, width = (side // 2 for side in made.true.shape)
        files.save(folder / f"{name}.png", resize(made.rgb, width, height))
        files.save_matte(folder / f"{name}_matte.png", resize(made.true, width, height))
        facts[name] = {"photo": f"{name}.png", "product": name, "kind": "drawn", "setting": "drawn"}
    (folder / "meta.json").write_text(json.dumps(facts), "utf-8")
    return folder


def test_the_coefficients_that_come_with_prodgen_are_of_the_shape_that_the_fusion_reads():
    own = fusion.expanded(np.full((2, 38), 0.5, np.float32)).shape[1]
    with np.load(training.COEFFICIENTS) as table:
        assert set(table.files) == {f"{a}_{b}" for a in ("crop", "network") for b in ("first", "second")}
        for name in table.files:
            assert table[name].shape == (len(fitting.KINDS), 4, own + CONTEXT * name.endswith("second"))
            assert np.isfinite(table[name]).all()
            assert (table[name][:, 1] > 0).all()
    assert training.COEFFICIENTS.stat().st_size < 100_000


@pytest.mark.timeout(180)
def test_fitting_a_set_twice_gives_the_same_file_to_the_byte(drawn_set, tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "weights", lambda name: ())  # as where only the small network is
    arguments = ["--set", str(drawn_set), "--composites", "1", "--keep", str(tmp_path / "looks")]
    written = []
    for name in ("one.npz", "two.npz"):
        done = CliRunner().invoke(training.main, [*arguments, "-o", str(tmp_path / name)])
        assert done.exit_code == 0, done.output
        written.append((tmp_path / name).read_bytes())
    assert written[0] == written[1]
    with np.load(tmp_path / "one.npz") as found, np.load(training.COEFFICIENTS) as shipped:
        assert sorted(found.files) == ["crop_first", "crop_second"]
        assert all(found[name].shape == shipped[name].shape for name in found.files)


def test_a_photograph_is_judged_by_models_that_saw_neither_its_product_nor_its_backdrop(
    drawn_set, monkeypatch
):
    seen = []
    monkeypatch.setattr(training, "fit", lambda examples: [one.name for one in examples])
    pictures = list(samples(drawn_set))
    for name, products in (("a", {"thing0"}), ("b", {"thing1", "thing2"}), ("c", set())):
        seen.append(fitting.Example(name, frozenset(products), True, None, None, None, 1.0))
    models = training.cross_validated(seen, pictures)
    assert models["thing0"] == ["b", "c"]
    assert models["thing1"] == models["thing2"] == ["a", "c"]


def test_composites_name_the_products_in_them_and_are_equal_for_equal_seeds(drawn_set):
    pictures = list(samples(drawn_set))
    one, again = (list(composites(pictures, 3)) for _ in range(2))
    assert all((a.rgb == b.rgb).all() and (a.true == b.true).all() for a, b in zip(one, again, strict=True))
    assert set().union(*(made.products for made in one)) <= {"thing0", "thing1", "thing2"}
    assert any(made.products for made in one)
    assert all(made.rgb.shape[:2] == made.true.shape and made.true.max() <= 1 for made in one)


def test_regression_finds_what_the_truth_was_drawn_from():
    x = np.random.default_rng(4).normal(size=(4000, 2)).astype(np.float32)
    truth = 1 / (1 + np.exp(-(2 * x[:, 0] - x[:, 1] + 0.5)))
    found = fitting.logistic_regression(x, truth, np.ones(4000))
    assert np.allclose(found, (2, -1, 0.5), atol=0.05)


def test_photographs_that_are_only_fitted_also_give_no_composites(drawn_set, tmp_path, monkeypatch):
    other = tmp_path / "other"
    other.mkdir()
    facts = json.loads((drawn_set / "meta.json").read_text("utf-8"))
    first = dict(list(facts.items())[:1])
    for name, fact in first.items():
        for file in (fact["photo"], f"{name}_matte.png"):
            (other / f"other_{file}").write_bytes((drawn_set / file).read_bytes())
    renamed = {f"other_{name}": {**fact, "photo": f"other_{fact['photo']}"} for name, fact in first.items()}
    (other / "meta.json").write_text(json.dumps(renamed), "utf-8")
    seen: dict[str, list[str]] = {}

    def record(what):
        return lambda pictures, *_: seen.setdefault(what, [one.name for one in pictures]) and []

    monkeypatch.setattr(networks, "weights", lambda name: ())
    monkeypatch.setattr(training, "_photographs", record("fitted"))
    monkeypatch.setattr(training, "_composites", record("composed"))
    monkeypatch.setattr(training, "fit", lambda examples: None)
    monkeypatch.setattr(training, "_table", lambda opinion, models: {})
    arguments = ["--set", str(drawn_set), "--also", str(other), "-o", str(tmp_path / "table.npz")]
    done = CliRunner().invoke(training.main, arguments)
    assert done.exit_code == 0, done.output
    assert set(seen["fitted"]) == {*facts, *renamed}
    assert set(seen["composed"]) == set(facts)
