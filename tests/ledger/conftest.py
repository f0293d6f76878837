"""A small catalogue on the disk: photographs, orders, and somebody who makes their pictures."""

from __future__ import annotations

import hashlib
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from prodgen.catalogue import Order
from prodgen.ledger import Claim, PictureRecord, Run, open_run, sidecar_bytes, sidecar_name

LONG_AGO = 1_000_000_000
"""Seconds since 1970; files of that age are no longer racily clean."""


def digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Shop:
    """A folder of photographs and a run's folder."""

    def __init__(self, folder: Path) -> None:
        self.photos, self.out = folder / "photos", folder / "out"
        self.photos.mkdir()
        self.drawn: list[str] = []

    def photo(self, name: str, content: bytes = b"a photograph") -> Path:
        path = self.photos / name
        path.write_bytes(content)
        os.utime(path, (LONG_AGO, LONG_AGO))
        return path

    def order(self, number: int, **changes: object) -> Order:
        slot = f"{number:05}/white/1"
        photo = self.photos / f"{number}.jpg"
        if not photo.exists():
            self.photo(photo.name, f"photograph {number}".encode())
        order = Order(slot, f"{number:05}", number + 1, str(photo), "on a table", 7, f"{slot}.png")
        return replace(order, **changes)  # type: ignore[arg-type]

    def orders(self, count: int) -> list[Order]:
        return [self.order(number) for number in range(1, count + 1)]

    def draw(self, order: Order, *, content: bytes = b"") -> PictureRecord:
        """Write sidecar and picture, as a place does before an order is finished."""
        self.drawn.append(order.slot)
        content = content or f"picture of {order.slot}: {order.prompt}".encode()
        record = PictureRecord(
            order.output,
            digest(content),
            len(content),
            order.seed,
            "pass",
            "it is the same product",
            photo_sha256={name: digest(Path(name).read_bytes()) for name in order.pictures},
            finished_at=time.time(),
        )
        for name, data in (
            (sidecar_name(order.output), sidecar_bytes(order, record, {"story": "of its making"})),
            (order.output, content),
        ):
            path = self.out / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
        return record

    def make_all(self, run: Run) -> list[str]:
        """Make all that waits; return the slots in the order in which they were made."""
        made = []
        while (claim := run.ledger.claim("a place", lease_s=60)) is not None:
            run.ledger.finish(claim, self.draw(claim.order))
            made.append(claim.order.slot)
        return made

    def take(self, run: Run, holder: str = "a place", *, lease_s: float = 60, prefer: str = "") -> Claim:
        claim = run.ledger.claim(holder, lease_s=lease_s, prefer=prefer)
        assert claim is not None
        return claim

    def states(self) -> dict[str, str]:
        """The state of each slot, read as another process does."""
        with closing(sqlite3.connect(self.out / "ledger.sqlite")) as ledger:
            return dict(ledger.execute("SELECT slot, state FROM orders ORDER BY position"))

    def run(self, orders: list[Order], **how: object) -> dict[str, int]:
        """Plan and make all; return why pictures were made."""
        with open_run(self.out) as run:
            planned = run.ledger.plan(orders, **how)  # type: ignore[arg-type]
            assert len(self.make_all(run)) == sum(planned.reasons.values())
            run.end("complete")
            return dict(planned.reasons)


@pytest.fixture
def shop(tmp_path: Path) -> Shop:
    return Shop(tmp_path)


@pytest.fixture
def run(shop: Shop) -> Iterator[Run]:
    with open_run(shop.out) as opened:
        yield opened
