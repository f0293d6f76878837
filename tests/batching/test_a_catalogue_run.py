"""A whole catalogue run on the embedded backend, with small pictures."""

from __future__ import annotations

import hashlib
import importlib
import json
from pathlib import Path

import numpy as np
import pytest

from prodgen import batch, files
from prodgen.dispatch import Notice, PictureDone, PlanMade, Rules, RunEnded, StopButton
from prodgen.engines import ENGINES
from prodgen.errors import BackendUnreachableError, ProdgenError

SMALL = {"place": "original", "megapixels": 0.1, "steps": 1}


@pytest.fixture
def catalogue(tmp_path):
    """Three cut-out discs of different colours, and a sheet that names them."""
    y, x = np.mgrid[:96, :96]
    alpha = np.clip(30.5 - np.hypot(x - 48, y - 48), 0, 1).astype(np.float32)
    for number, colour in enumerate(((0.8, 0.2, 0.2), (0.2, 0.7, 0.3), (0.2, 0.3, 0.8))):
        shade = (0.6 + 0.4 * x / 96)[..., None] * np.array(colour)
        files.save(tmp_path / f"disc{number}.png", shade.astype(np.float32), matte=alpha)
    (tmp_path / "sheet.csv").write_text(
        "sku,photo,name\n" + "".join(f"0{n},disc{n}.png,disc {n}\n" for n in range(3))
    )
    return tmp_path / "sheet.csv"


@pytest.fixture
def go(catalogue, tmp_path):
    def run(**fields):
        given = {"prompt": "{name} on a table", "backends": ["embedded://"], "workers": 0, "settings": SMALL}
        return list(batch(catalogue, tmp_path / "out", **{**given, **fields}))

    return run


def done(events):
    return sorted(event.order.sku for event in events if isinstance(event, PictureDone))


def test_a_sheet_becomes_pictures_with_sidecars_thumbnails_and_a_report(go, tmp_path):
    events = go()

    assert isinstance(events[-1], RunEnded)
    assert events[-1].end == "complete"
    assert done(events) == ["00", "01", "02"]
    for event in events:
        if not isinstance(event, PictureDone):
            continue
        picture = (tmp_path / "out" / event.record.output).read_bytes()
        assert hashlib.sha256(picture).hexdigest() == event.record.sha256
        sidecar = json.loads((tmp_path / "out" / event.record.output).with_suffix(".json").read_text())
        assert sidecar["digest"] == event.order.digest
        assert sidecar["asked"]["prompt"] == f"disc {int(event.order.sku)} on a table"
        before, after = (
            files.load(tmp_path / "out" / name) for name in (event.record.before, event.record.after)
        )
        assert before.size == after.size == (96, 96)
        assert event.record.photo_sha256.keys() == set(event.order.pictures)
        assert 0 < event.record.look["fill"] <= 1
    assert {"report.html", "report.csv", "ledger.sqlite"} <= {
        path.name for path in (tmp_path / "out").iterdir()
    }


def test_the_same_call_again_makes_nothing_again(go):
    go()

    events = go()

    assert not done(events)
    assert events[-1].counts.done == 3


def test_a_changed_prompt_or_photograph_makes_just_its_row_again_and_says_why(go, catalogue):
    go()
    photo = catalogue.with_name("disc1.png")
    picture = files.load(photo)
    files.save(photo, picture.rgb[:, ::-1], matte=picture.matte[:, ::-1])
    catalogue.write_text(catalogue.read_text().replace("disc 2", "blue disc"))

    events = go()

    assert done(events) == ["01", "02"]
    (planned,) = (event.planned for event in events if isinstance(event, PlanMade))
    assert planned.reasons == {"photo changed": 1, "prompt changed": 1}


def test_a_photograph_that_is_none_is_set_aside_in_a_sheet_of_its_own(go, catalogue, tmp_path):
    catalogue.with_name("disc1.png").write_bytes(b"no picture")

    events = go()

    assert done(events) == ["00", "02"]
    header, row = (tmp_path / "out" / "failed.csv").read_text("utf-8-sig").splitlines()
    assert header == "sku,photo,name,reason"
    assert row.startswith("01,../disc1.png,disc 1,")
    assert "disc1.png" in row.split(",", 3)[3]
    for report in ("failed.csv", "report.csv", "report.html"):
        assert str(tmp_path) not in (tmp_path / "out" / report).read_text("utf-8"), (
            "reports are sent to others"
        )


def test_the_sheet_of_what_failed_is_gone_once_nothing_fails_any_more(go, catalogue, tmp_path):
    photo = catalogue.with_name("disc1.png")
    whole = photo.read_bytes()
    photo.write_bytes(b"no picture")
    go()
    photo.write_bytes(whole)

    events = go()

    assert done(events) == ["01"]
    assert not (tmp_path / "out" / "failed.csv").exists()


def test_each_product_is_cut_out_once_for_all_its_scenes_and_seeds(go, monkeypatch):
    from prodgen.places import bench

    cut, prepare = [], bench.prepare
    monkeypatch.setattr(bench, "prepare", lambda shot: cut.append(shot.photo) or prepare(shot))

    events = go(prompt="", scenes={"oak": "{name} on oak", "sand": "{name} on sand"}, count=2)

    assert len(done(events)) == 12
    assert len(cut) == len(set(cut)) == 3


def test_a_run_without_any_backend_that_answers_is_refused_before_it_begins(go):
    with pytest.raises(BackendUnreachableError):
        go(backends=["http://127.0.0.1:9"])


def test_a_backend_that_is_named_twice_is_refused(go):
    with pytest.raises(ProdgenError, match="named twice"):
        go(backends=["embedded://", "embedded://"])


def test_a_stopped_run_is_finished_by_the_same_call(go):
    stop = StopButton()
    stop.press()
    stopped = go(rules=Rules(stop=stop))

    events = go()

    assert stopped[-1].end == "stopped"
    assert len(done(stopped)) + len(done(events)) == 3


def test_leaving_the_loop_ends_the_run_and_the_next_one_can_begin(catalogue, tmp_path, go):
    given = {"prompt": "a", "backends": ["embedded://"], "workers": 0, "settings": SMALL}
    for event in batch(catalogue, tmp_path / "out", **given):
        if isinstance(event, PictureDone):
            break

    assert go(prompt="a")[-1].counts.done == 3


def test_what_a_killed_run_had_fetched_is_removed_and_nothing_fetched_stays(go, tmp_path):
    left = tmp_path / "out" / ".fetched" / "fetched-a1b2c3"
    left.mkdir(parents=True)
    (left / "mug.jpg").write_bytes(b"half")

    go(limit=1)

    assert not (tmp_path / "out" / ".fetched").exists()


def test_how_long_a_slow_engine_takes_is_an_event_before_the_first_picture(go, monkeypatch):
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "engines")
    engine = importlib.import_module("model_engine").ModelEngine
    monkeypatch.setitem(ENGINES, "diffusers", "model_engine:ModelEngine")
    monkeypatch.setattr(engine, "estimate", lambda self, width, height, steps: 70.0 * steps)

    events = go(backends=["engine://"])

    told = [i for i, event in enumerate(events) if isinstance(event, Notice) and "about 70 s" in event.text]
    first = next(i for i, event in enumerate(events) if isinstance(event, PictureDone))
    assert told[0] < first
