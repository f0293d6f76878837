"""Rows of a run as a ledger gives them, made up."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from prodgen.catalogue import Order
from prodgen.ledger import OrderFailure, PictureRecord

LIKENESS = {
    "delta_e_mean": 1.2,
    "delta_e_p95": 3.1,
    "delta_e_worst_region": 4.0,
    "detail": 0.97,
    "gradient": 0.98,
    "light_angle_deg": 120.0,
    "light_contrast": 0.6,
}


def _row(sku: str = "00123", **changes: Any) -> tuple[Any, ...]:
    """A finished row; `changes` are fields of the order or of the record, or `failure` or `state`."""
    failure, state = changes.pop("failure", None), changes.pop("state", None)
    fields = {name: changes.pop(name) for name in list(changes) if name in Order.__dataclass_fields__}
    slot = fields.pop("slot", f"{sku}/kitchen/1")
    order = Order(slot, sku, 2, f"photos/{sku}.jpg", "on a table", 7, f"{sku}/kitchen-7.png")
    order = replace(order, **fields)
    if failure is not None:
        return order, state or "failed", None, OrderFailure(**failure)
    if state is not None and state != "done":
        return order, state, None, None
    record = PictureRecord(
        output=order.output,
        sha256="ab" * 32,
        size=1000,
        seed=order.seed,
        status="pass",
        headline="the product kept its colours and its surface",
        identity=LIKENESS,
        profile="editorial",
        look={"fill": 0.6, "exposure_l": 62.0, "warmth_b": 3.0, "product_stops": 0.1},
        place="box:7860",
        seconds={"segment": 0.5, "relight": 4.0},
        before=f"thumbnails/ab/{sku}-before.jpg",
        after=f"thumbnails/ab/{sku}-after.jpg",
        finished_at=1_795_000_000.0,
    )
    return order, "done", replace(record, **changes), None


@pytest.fixture
def row() -> Callable[..., tuple[Any, ...]]:
    return _row
