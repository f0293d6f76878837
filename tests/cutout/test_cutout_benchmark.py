"""The cut-out benchmark measures what its page says, and the set that comes with it is whole."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.errors import ImageError

ROOT = Path(__file__).resolve().parents[2]
if not (ROOT / "benchmarks").is_dir():
    pytest.skip("the benchmark is not here", allow_module_level=True)

SIDE = 120


@pytest.fixture(autouse=True)
def from_the_root(monkeypatch: pytest.MonkeyPatch) -> None:
    """Import the benchmark as `python -m benchmarks.cutout` does: from the repository's root."""
    monkeypatch.syspath_prepend(str(ROOT))


def ring(inner: float = 20, outer: float = 45) -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE]
    away = np.hypot(x - SIDE / 2, y - SIDE / 2)
    return ((away < outer) & (away >= inner)).astype(np.float32)


def test_the_truth_itself_scores_full_marks():
    from benchmarks.cutout.measures import measured

    score = measured(ring(), ring())
    assert (score.iou, score.mae, score.band, score.outline) == (1, 0, 0, 1)
    assert score.are_holes_right
    assert not score.is_cut


def test_a_filled_opening_is_counted_as_wrong():
    from benchmarks.cutout.measures import measured

    score = measured(ring(inner=0), ring())
    assert score.iou == pytest.approx(ring().sum() / ring(inner=0).sum())
    assert not score.are_holes_right


def test_an_outline_two_pixels_off_is_right_and_one_four_pixels_off_is_not():
    from benchmarks.cutout.measures import measured

    assert measured(ring(0, 47), ring(0, 45)).outline > 0.95
    assert measured(ring(0, 49), ring(0, 45)).outline < 0.1


def test_the_error_at_the_edge_is_taken_near_the_true_outline_only():
    from benchmarks.cutout.measures import measured

    found = ring(0, 45)
    found[:10, :10] = 1
    score = measured(found, ring(0, 45))
    assert score.band == 0
    assert score.mae == pytest.approx(100 / SIDE**2 * 1000)


def test_bad_cut_outs_without_a_doubt_and_doubts_of_good_ones_are_counted():
    from dataclasses import replace

    from benchmarks.cutout.measures import grouped, measured

    good = measured(ring(), ring())
    bad = replace(good, iou=0.5)
    middling = replace(good, iou=0.95)
    told = [(good, True), (good, False), (bad, True), (bad, False), (bad, False), (middling, True)]
    group = grouped(told)
    assert (group.count, group.bad, group.silent, group.false_alarms) == (6, 3, 2, 1)


def test_the_area_under_the_curve_is_the_share_of_pairs_in_the_right_order():
    from benchmarks.cutout.measures import auroc

    assert auroc([0.9, 0.8, 0.5, 0.5], [0.99, 0.95, 0.92, 0.5]) == pytest.approx(2.5 / 3)
    assert auroc([0.9, 0.8], [0.99, 0.95]) is None


def test_to_say_that_a_product_is_cut_off_is_a_doubt_only_where_it_is_not():
    from benchmarks.cutout.measures import measured
    from benchmarks.cutout.running import Row

    inside, across = measured(ring(), ring()), measured(ring(0, 70), ring(0, 70))
    assert Row("way", "name", "digest", inside, ("cut off",)).is_doubted
    assert not Row("way", "name", "digest", across, ("cut off",)).is_doubted


@pytest.fixture
def a_set(tmp_path: Path) -> Path:
    """One photograph of a dark disc before light grey."""
    folder = tmp_path / "set"
    folder.mkdir()
    noise = np.random.default_rng(1).normal(0, 0.01, (SIDE, SIDE, 1))
    photo = np.float32([0.85, 0.85, 0.84]) - ring(0)[..., None] * np.float32([0.3, 0.6, 0.5]) + noise
    files.save(folder / "disc_grey.png", photo.clip(0, 1).astype(np.float32))
    files.save_matte(folder / "disc_grey_matte.png", ring(0))
    facts = {"photo": "disc_grey.png", "product": "disc", "kind": "usual", "setting": "grey", "aside": True}
    (folder / "meta.json").write_text(json.dumps({"disc_grey": facts}), "utf-8")
    return folder


def test_a_way_is_measured_on_each_picture_and_its_mattes_are_kept(a_set, tmp_path, monkeypatch):
    from benchmarks.cutout import running, ways
    from benchmarks.cutout.photo_set import samples

    monkeypatch.setattr(running, "TIMED_PIXELS", SIDE**2)
    monkeypatch.setattr(
        ways, "prepare", lambda way, found, home: lambda photo: ways.Cut(ring(0), ("cut off",))
    )
    pictures = list(samples(a_set))
    rows, cost = running._work(ways.CLASSICAL, ("u2netp",), pictures, pictures[0], tmp_path)
    assert rows[0].score.iou == 1
    assert rows[0].is_doubted
    assert cost.peak_mb > 10
    kept = files.load_matte(running.matte_file(ways.CLASSICAL, "disc_grey", tmp_path))
    np.testing.assert_array_equal(kept, ring(0))


def test_what_was_measured_is_not_measured_again_until_the_code_changes(a_set, tmp_path, monkeypatch):
    from benchmarks.cutout import running, ways
    from benchmarks.cutout.measures import measured
    from benchmarks.cutout.photo_set import samples

    monkeypatch.setattr(running, "ProcessPoolExecutor", None)
    pictures = list(samples(a_set))
    row = running.Row(ways.CLASSICAL, "disc_grey", pictures[0].digest, measured(ring(), ring()), ())
    running.keep(ways.CLASSICAL, [row], running.Cost(1.0, 2.0), tmp_path)
    assert running.run(ways.CLASSICAL, (), pictures, tmp_path) == ([row], running.Cost(1.0, 2.0))
    monkeypatch.setattr(running, "_stamp", lambda way: "other code")
    with pytest.raises(TypeError):
        running.run(ways.CLASSICAL, (), pictures, tmp_path)


def test_the_page_has_a_row_for_every_way_and_names_the_sheet(a_set, tmp_path):
    from benchmarks.cutout.measures import measured
    from benchmarks.cutout.photo_set import samples
    from benchmarks.cutout.running import Cost, Row
    from benchmarks.cutout.tables import Results, write_page
    from benchmarks.cutout.ways import names

    pictures = list(samples(a_set))
    every = names(("u2netp", "isnet-general-use"))
    rows = {way: [Row(way, "disc_grey", pictures[0].digest, measured(ring(), ring()), ())] for way in every}
    costs = {way: Cost(1.0, 100.0) for way in every}
    page = tmp_path / "page.md"
    write_page(
        page, Results(pictures, rows, costs, ("u2netp", "isnet-general-use")), tmp_path / "x" / "s.jpg"
    )
    text = page.read_text("utf-8")
    assert "(x/s.jpg)" in text
    assert all(text.count(way) >= 4 for way in every)


def test_lost_product_is_marked_red_and_added_background_blue():
    from benchmarks.cutout.picture_sheet import ADDED, LOST, SIDE, cut_out_cell

    true, found = np.zeros((SIDE, SIDE), np.float32), np.zeros((SIDE, SIDE), np.float32)
    true[:, :100], found[:, 50:150] = 1, 1
    shown = cut_out_cell("", np.full((SIDE, SIDE, 3), 0.5, np.float32), found, true).picture
    assert [tuple(shown[9, x].round(3)) for x in (20, 75, 120)] == [
        tuple(np.float32(LOST).round(3)),
        (0.5, 0.5, 0.5),
        tuple(np.float32(ADDED).round(3)),
    ]


def test_a_set_that_lacks_a_matte_is_refused_by_name(a_set):
    from benchmarks.cutout.photo_set import samples

    (a_set / "disc_grey_matte.png").unlink()
    with pytest.raises(ImageError, match="disc_grey_matte"):
        list(samples(a_set))


def test_a_folder_without_a_list_is_no_set(tmp_path):
    from benchmarks.cutout.photo_set import samples

    with pytest.raises(ImageError, match=r"meta\.json"):
        list(samples(tmp_path))


def test_the_networks_of_the_installation_alone_are_used_as_installed(tmp_path, monkeypatch):
    from benchmarks.cutout import ways
    from prodgen.cutout import networks

    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "isnet-general-use.onnx").write_bytes(b"x")
    monkeypatch.setenv("U2NET_HOME", str(weights))
    found = ways.networks_here()
    assert found == ("u2netp", "isnet-general-use")
    for way, are_here in ((ways.INSTALLED, False), (ways.EVERYTHING, True)):
        monkeypatch.setenv("U2NET_HOME", str(weights))
        ways.prepare(way, found, tmp_path / way)
        assert bool(networks.weights("isnet-general-use")) is are_here


def test_development_is_the_same_from_the_same_dice_and_white_stays_white():
    from benchmarks.cutout.rendering.developing import developed

    light = np.full((20, 30, 3), 1.0, np.float32)

    def develop(exposure: float) -> np.ndarray:
        return developed(
            light,
            exposure=exposure,
            iso=200,
            blur=0.6,
            vignette=0.0,
            warmth=0.0,
            sharpening=0.5,
            noise=np.random.default_rng(4),
        )

    assert (develop(0.4) == develop(0.4)).all()
    assert (develop(2.0) == 255).all()
    assert develop(0.4).std() > 0.5


SHIPPED = ROOT / "benchmarks" / "cutout" / "set"
needs_the_set = pytest.mark.skipif(
    not (SHIPPED / "meta.json").is_file(), reason="the set is not in this copy"
)


@needs_the_set
def test_every_picture_of_the_shipped_set_has_a_matte_of_its_size():
    from benchmarks.cutout.photo_set import samples

    pictures = list(samples(SHIPPED))
    assert len(pictures) >= 25
    for sample in pictures:
        true = sample.true
        assert true.shape == files.load(sample.photo).rgb.shape[:2]
        assert 0.003 < true.mean() < 0.7


@needs_the_set
def test_the_shipped_set_is_small_and_half_of_its_products_are_kept_aside():
    from benchmarks.cutout.photo_set import samples

    assert sum(path.stat().st_size for path in SHIPPED.iterdir()) < 3e6
    aside = {sample.product: sample.aside for sample in samples(SHIPPED)}
    assert 0.4 < np.mean(list(aside.values())) < 0.6


@needs_the_set
def test_all_files_of_the_shipped_set_are_named_in_its_list(tmp_path):
    from benchmarks.cutout.photo_set import samples

    shutil.copytree(SHIPPED, tmp_path / "set")
    named = {path.name for one in samples(tmp_path / "set") for path in (one.photo, one.matte)}
    assert {path.name for path in (tmp_path / "set").iterdir()} == {*named, "meta.json", "README.md"}
