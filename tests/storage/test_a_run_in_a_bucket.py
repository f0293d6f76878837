"""A whole catalogue run whose photographs and pictures lie in buckets."""

from __future__ import annotations

import hashlib
import json

import numpy as np
import pytest

from prodgen import batch, codecs
from prodgen.dispatch import PictureDone, RunEnded
from prodgen.storage import open_store, state_folder

SMALL = {"place": "original", "megapixels": 0.1, "steps": 1}


@pytest.fixture
def shop(s3, tmp_path, monkeypatch):
    """Two photographs in a bucket, and a sheet on this machine that names them."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    bucket = open_store(s3)
    y, x = np.mgrid[:96, :96]
    alpha = np.clip(30.5 - np.hypot(x - 48, y - 48), 0, 1).astype(np.float32)
    for number, colour in enumerate(((0.8, 0.2, 0.2), (0.2, 0.7, 0.3))):
        pixels = ((0.6 + 0.4 * x / 96)[..., None] * np.array(colour)).astype(np.float32)
        bucket.put(f"photos/disc {number}.png", codecs.encode("PNG", pixels, matte=alpha))
    sheet = tmp_path / "sheet.csv"
    sheet.write_text("sku,photo\n" + "".join(f"0{n},{s3}/photos/disc%20{n}.png\n" for n in range(2)))
    return sheet


def go(sheet, out, **fields):
    given = {"prompt": "a table", "backends": ["embedded://"], "workers": 0, "settings": SMALL}
    return list(batch(sheet, out, allow_urls=True, **{**given, **fields}))


def test_photographs_come_from_a_bucket_and_all_that_is_made_goes_into_one(shop, s3):
    out = f"{s3}/runs/one"

    events = go(shop, out)

    assert isinstance(events[-1], RunEnded)
    assert (events[-1].end, events[-1].counts.done) == ("complete", 2)
    store = open_store(out)
    for record in (event.record for event in events if isinstance(event, PictureDone)):
        assert hashlib.sha256(store.get(record.output)).hexdigest() == record.sha256
        sidecar = json.loads(store.get(record.output.replace(".png", ".json")))
        assert sidecar["asked"]["photo"] in ("disc 0.png", "disc 1.png")
        assert store.stat(record.before) is not None
        assert store.stat(record.after) is not None
    assert {"report.html", "report.csv", "ledger.sqlite"} <= set(store.list())
    assert not list(state_folder(out).glob("fetched-*"))  # the cache is gone with the run
    assert not list(state_folder(out).rglob("*.png"))


def test_a_run_in_a_bucket_goes_on_where_it_was_also_from_another_machine(shop, s3, tmp_path, monkeypatch):
    out = f"{s3}/runs/one"
    go(shop, out, limit=1)

    events = go(shop, out)
    assert [event.order.sku for event in events if isinstance(event, PictureDone)] == ["01"]

    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "elsewhere"))
    events = go(shop, out)
    assert not [event for event in events if isinstance(event, PictureDone)]
    assert events[-1].counts.done == 2


def test_a_picture_that_was_deleted_from_the_bucket_is_made_again(shop, s3):
    out = f"{s3}/runs/one"
    record = next(event.record for event in go(shop, out) if isinstance(event, PictureDone))
    open_store(out).delete(record.output)

    events = go(shop, out)

    assert [event.record.output for event in events if isinstance(event, PictureDone)] == [record.output]
