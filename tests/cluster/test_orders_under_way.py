"""Orders that a worker still makes when they are asked for again."""

from __future__ import annotations

import pickle
from concurrent.futures import Future

from prodgen.catalogue import Order
from prodgen.cluster import errand
from prodgen.storage import open_store


def test_an_order_that_is_under_way_is_waited_for_and_not_made_twice(tmp_path, monkeypatch):
    order = Order("mug/table", "mug", 1, "mug.jpg", "a table", 1, "mug/table.png")
    run = errand.Errand("run", open_store(tmp_path), print)  # a place that print makes could take no order
    under_way: Future[str] = Future()
    under_way.set_result("the record")
    monkeypatch.setitem(errand.DESK.under_way, ("run", order.slot), under_way)

    assert errand.make_picture(pickle.dumps((run, order)), look_first=True) == "the record"
