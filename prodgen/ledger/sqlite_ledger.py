"""The ledger in one SQLite file: orders are planned in batches, claimed one by one, finished durably.

Leases are timed in memory by the monotonic clock, so that a clock that jumps frees nothing too early. Claims
of an earlier process are free at once, as the lock of the run proves it gone.
"""

from __future__ import annotations

import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from glob import escape
from pathlib import Path

from prodgen.catalogue import Order
from prodgen.files import UNFINISHED
from prodgen.ledger import entering
from prodgen.ledger.database import open_database
from prodgen.ledger.entering import Tally
from prodgen.ledger.planning import Ingredient, Planner, kept_picture
from prodgen.ledger.records import Claim, Counts, OrderFailure, Others, PictureRecord, Planned, State
from prodgen.ledger.sidecars import thumbnail_names
from prodgen.ledger.stamps import NOT_BELIEVED, sha256_in, sha256_of, stamp_in
from prodgen.storage import Store, is_url, open_store

NAME = "ledger.sqlite"
"""File of a ledger in the run's folder."""

PAGE = 1000
"""Rows read at a time: what bounds the memory of a reader."""

_ROWS = """
SELECT position, id, asked, state, record, failure FROM orders LEFT JOIN pictures USING (id)
WHERE (position, id) > (?, ?) AND state != 'dropped' ORDER BY position, id LIMIT ?
"""
_NEXT = """
SELECT id, asked, attempts, why, kin FROM orders WHERE state = 'waiting'{} ORDER BY attempts, position LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class _Lease:
    holder: str
    attempt: int
    until: float
    """By the monotonic clock."""


class SqliteLedger:
    """A `Ledger` in a file; whoever opens it holds the lock of the run (`open_run`)."""

    def __init__(self, path: Path, store: Store | None = None) -> None:
        """Open a ledger, or make it; a damaged one is set aside, and `plan` finds its pictures again.

        Args:
            path: The file.
            store: Where pictures and sidecars are; left out, in the file's folder.

        Raises:
            LedgerError: If it cannot be used.
        """
        self._store = open_store(path.parent) if store is None else store
        self._database, damaged = open_database(path)
        self.notices: tuple[str, ...] = ()
        """What was done another way than usual, a sentence each."""
        if damaged:
            self.notices += (
                f"the ledger was damaged and is now {damaged}; a new one is made from the pictures",
            )
        if self._database.is_on_network:
            kind = self._database.kind or "of an unknown kind"
            self.notices += (
                f"{str(path.parent)!r} is on no local disk (its file system is {kind}): the ledger is kept"
                " with a slower journal, which is safe there",
            )
        self._token = uuid.uuid4().hex[:8]
        self._is_new = True
        self._leases: dict[str, _Lease] = {}
        for (asked,) in self._database.read(_claimed):
            self._sweep(Order.from_json(asked))
        self._database.write(_open_again)

    def close(self) -> None:
        """Close the file."""
        self._database.close()

    def copy(self) -> bytes:
        """Return the whole file as it is now, for a copy elsewhere.

        Raises:
            LedgerError: If there is no room for it.
        """
        return self._database.copy()

    def plan(self, orders: Iterable[Order], *, verify: bool = False, others: Others = "drop") -> Planned:
        """Enter what is asked, in batches; keep what is done and unchanged; let the rest wait.

        What failed in an earlier run is tried again; what failed in this one when something of it changed.

        Args:
            orders: All that is asked, in the order of the sheet.
            verify: Whether to read every file, also those whose size and time are as they were.
            others: What becomes of orders that are in the ledger and not among these.

        Raises:
            LedgerError: If two orders have one slot or one output, or the ledger cannot be written.
        """
        self._database.write(entering.begin)
        tally = Tally()
        planner = Planner(self._store, verify=verify, is_new_run=self._is_new)
        self._is_new = False
        for judged in entering.judge(self._database.read, orders, planner):
            self._database.write(partial(entering.enter, judged=judged))
            for decision, kept in judged:
                tally.add(decision)
                if kept is not None and kept.state == "claimed" != decision.state:
                    self._leases.pop(decision.order.slot, None)
        self._database.write(partial(entering.end, others=others))
        return tally.planned()

    def claim(self, holder: str, *, lease_s: float, prefer: str = "") -> Claim | None:
        """Give the next order that waits or whose lease ended, of kin `prefer` first; None: none now.

        Those that were tried less often come first, then those earlier in the sheet.
        """
        now = time.monotonic()
        ended = {slot: lease for slot, lease in self._leases.copy().items() if lease.until <= now}
        named = f"{holder} {self._token}"

        def take(run: sqlite3.Connection) -> Claim | None:
            for slot, lease in ended.items():
                _let_wait(run, slot, lease.holder, lease.attempt)
            row = run.execute(_NEXT.format(" AND kin = ?"), (prefer,)).fetchone() if prefer else None
            row = row or run.execute(_NEXT.format("")).fetchone()
            if row is None:
                return None
            id_, asked, attempts, why, kin = row
            run.execute(
                "UPDATE orders SET state = 'claimed', holder = ?, attempts = ? WHERE id = ?",
                (named, attempts + 1, id_),
            )
            return Claim(Order.from_json(asked), named, attempts + 1, why, kin)

        claim = self._database.write(take)
        for slot, lease in ended.items():
            if self._leases.get(slot) == lease:
                del self._leases[slot]
        if claim is not None:
            self._leases[claim.order.slot] = _Lease(named, claim.attempt, now + lease_s)
        return claim

    def renew(self, claims: Iterable[Claim], *, lease_s: float) -> None:
        """Keep claims for longer, those that are still held."""
        until = time.monotonic() + lease_s
        for claim in claims:
            if self._holds(claim):
                self._leases[claim.order.slot] = _Lease(claim.holder, claim.attempt, until)

    def finish(self, claim: Claim, record: PictureRecord) -> None:
        """Write down that an order is done; its files are on the disk already.

        A claim whose lease has ended counts too, as long as the order is still asked for and the file there
        is the one that the record means.

        Raises:
            LedgerError: If it could not be written down.
        """
        order = claim.order
        stamp = stamp_in(self._store, record.output) or NOT_BELIEVED
        is_late = not self._holds(claim)
        if is_late and sha256_in(self._store, record.output) != record.sha256:
            return
        digests = [
            record.photo_sha256.get(name) or ("" if is_url(name) else sha256_of(name))
            for name in order.pictures
        ]

        def enter(run: sqlite3.Connection) -> None:
            row = run.execute(
                "SELECT id, asked, stamps FROM orders WHERE slot = ? AND state IN ('claimed', 'waiting')",
                (order.slot,),
            ).fetchone()
            if row is None:
                return
            id_, asked, stamps = row
            if Order.from_json(asked).digest != order.digest:
                return
            made_of = [
                Ingredient(name, sha256, *stamp)
                for name, sha256, stamp in zip(order.pictures, digests, json.loads(stamps), strict=True)
            ]
            entering.enter_picture(run, id_, kept_picture(order, record, made_of, stamp))
            run.execute(
                "UPDATE orders SET state = 'done', why = '', holder = '', failure = '' WHERE id = ?", (id_,)
            )

        self._database.write(enter)
        if not is_late:
            self._leases.pop(order.slot, None)

    def fail(self, claim: Claim, failure: OrderFailure, *, is_final: bool) -> None:
        """Write down a failure; a final one is set aside until the next run, another order waits again."""
        if not self._holds(claim):
            return
        state = "failed" if is_final else "waiting"
        said = json.dumps({**asdict(failure), "at": time.time()}, ensure_ascii=False)
        self._database.write(
            lambda run: run.execute(
                "UPDATE orders SET state = ?, holder = '', failure = ?"
                " WHERE slot = ? AND holder = ? AND attempts = ? AND state = 'claimed'",
                (state, said, claim.order.slot, claim.holder, claim.attempt),
            )
        )
        self._leases.pop(claim.order.slot, None)

    def release(self, claims: Iterable[Claim]) -> None:
        """Give claims back unworked; they count as no attempt."""
        held = [claim for claim in claims if self._holds(claim)]

        def let_wait(run: sqlite3.Connection) -> None:
            for claim in held:
                _let_wait(run, claim.order.slot, claim.holder, claim.attempt, attempts=claim.attempt - 1)

        if held:
            self._database.write(let_wait)
        for claim in held:
            self._leases.pop(claim.order.slot, None)

    def counts(self) -> Counts:
        """Count."""
        return self._database.read(count)

    def rows(self) -> Iterator[tuple[Order, State, PictureRecord | None, OrderFailure | None]]:
        """Give all that is asked, in the order of the sheet, with what became of it; lazily."""
        last = (-1, -1)
        while page := self._database.read(lambda run: run.execute(_ROWS, (*last, PAGE)).fetchall()):  # noqa: B023
            for _, _, asked, state, record, failure in page:
                yield row_of(asked, state, record, failure)
            last = page[-1][:2]

    def _sweep(self, order: Order) -> None:
        """Remove what a killed run left half-written where an order's files go."""
        if self._store.folder is None:
            return
        for name in (order.output, *thumbnail_names(order.slot)):
            file = self._store.folder / name
            with suppress(OSError):
                for unfinished in file.parent.glob(f".{escape(file.stem[:40])}-*{UNFINISHED}"):
                    unfinished.unlink()

    def _holds(self, claim: Claim) -> bool:
        lease = self._leases.get(claim.order.slot)
        return lease is not None and (lease.holder, lease.attempt) == (claim.holder, claim.attempt)


def row_of(
    asked: str, state: State, record: str | None, failure: str
) -> tuple[Order, State, PictureRecord | None, OrderFailure | None]:
    """Return a row of the tables as values: a record only of what is done, a failure only of what failed."""
    return (
        Order.from_json(asked),
        state,
        PictureRecord.from_json(record) if record and state == "done" else None,
        failure_of(failure) if failure and state == "failed" else None,
    )


def failure_of(text: str) -> OrderFailure:
    """Return the failure that `fail` wrote."""
    kept = json.loads(text)
    return OrderFailure(kept["kind"], kept["reason"], kept["whose"])


def count(run: sqlite3.Connection) -> Counts:
    """Count the orders in each state."""
    return Counts(**dict(run.execute("SELECT state, count(*) FROM orders GROUP BY state").fetchall()))


def _claimed(run: sqlite3.Connection) -> list[tuple[str]]:
    return run.execute("SELECT asked FROM orders WHERE state = 'claimed'").fetchall()


def _open_again(run: sqlite3.Connection) -> None:
    """Free what a run that is gone had claimed, and count attempts anew."""
    run.execute("UPDATE orders SET state = 'waiting', holder = '', attempts = 0 WHERE state = 'claimed'")
    run.execute("UPDATE orders SET attempts = 0 WHERE state = 'waiting' AND attempts > 0")


def _let_wait(
    run: sqlite3.Connection, slot: str, holder: str, attempt: int, *, attempts: int | None = None
) -> None:
    run.execute(
        "UPDATE orders SET state = 'waiting', holder = '', attempts = ?"
        " WHERE slot = ? AND holder = ? AND attempts = ? AND state = 'claimed'",
        (attempt if attempts is None else attempts, slot, holder, attempt),
    )
