"""A plan's way into the tables: orders in batches, each batch judged, then entered in one transaction."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from dataclasses import astuple
from functools import partial
from hashlib import blake2b
from itertools import count, islice
from typing import Any

from prodgen.catalogue import Order
from prodgen.errors import LedgerError
from prodgen.ledger.planning import Decision, KeptOrder, KeptPicture, Planner
from prodgen.ledger.records import Others, Planned

BATCH = 1000
"""Orders judged and entered at a time: what bounds the memory of a plan."""

Judged = list[tuple[Decision, KeptOrder | None]]

_KEPT = """
SELECT slot, id, position, state, why, asked, stamps, digest, output, sha256, size, version, made_of
FROM orders LEFT JOIN pictures USING (id) WHERE slot IN (SELECT value FROM json_each(?))
"""
_CHANGE = """
UPDATE orders SET position = ?, state = ?, why = ?, asked = ?, stamps = ?, kin = ?,
    attempts = CASE ? WHEN 'claimed' THEN attempts ELSE 0 END,
    holder = CASE ? WHEN 'claimed' THEN holder ELSE '' END
WHERE slot = ?
"""


class Tally:
    """What a plan found so far."""

    def __init__(self) -> None:
        self._total = self._done = 0
        self._reasons: dict[str, int] = {}

    def add(self, decision: Decision) -> None:
        """Count an order."""
        self._total += 1
        if decision.state == "done":
            self._done += 1
        elif decision.state != "failed":
            self._reasons[decision.why] = self._reasons.get(decision.why, 0) + 1

    def planned(self) -> Planned:
        """Return what was found."""
        return Planned(self._total, self._done, self._reasons)


def begin(run: sqlite3.Connection) -> None:
    """Make the lists of a plan, in a temporary file of SQLite's: what it names, and which names are taken."""
    for table in ("named (id INTEGER PRIMARY KEY)", "taken (name INTEGER PRIMARY KEY, row INTEGER)"):
        run.execute(f"DROP TABLE IF EXISTS temp.{table.split()[0]}")
        run.execute(f"CREATE TEMP TABLE {table}")


def judge(
    read: Callable[[Callable[[sqlite3.Connection], Any]], Any], orders: Iterable[Order], planner: Planner
) -> Iterator[Judged]:
    """Compare orders with what is kept, batch by batch.

    Args:
        read: Does work that reads the tables.
        orders: All that is asked, in the order of the sheet.
        planner: Decides.
    """
    remaining, positions = iter(orders), count(1)
    while batch := list(islice(remaining, BATCH)):
        slots = json.dumps([order.slot for order in batch])
        kept = {row[0]: _kept(row) for row in read(partial(_find, slots=slots))}
        yield [
            (planner.decide(order, next(positions), kept.get(order.slot)), kept.get(order.slot))
            for order in batch
        ]


def enter(run: sqlite3.Connection, *, judged: Judged) -> None:
    """Write down what was decided.

    Raises:
        LedgerError: If a slot or an output was named before in this plan.
    """
    refuse_taken(run, judged)
    changed = [(decision, kept) for decision, kept in judged if decision.changes(kept)]
    run.executemany(
        "INSERT INTO orders (position, state, why, asked, stamps, kin, slot) VALUES (?, ?, ?, ?, ?, ?, ?)",
        [(*_values(decision), decision.order.slot) for decision, kept in changed if kept is None],
    )
    run.executemany(
        _CHANGE,
        [
            (*_values(decision), decision.state, decision.state, decision.order.slot)
            for decision, kept in changed
            if kept is not None
        ],
    )
    slots = json.dumps([decision.order.slot for decision, _ in judged])
    run.execute(
        "INSERT INTO temp.named SELECT id FROM orders WHERE slot IN (SELECT value FROM json_each(?))",
        (slots,),
    )
    for decision, _ in changed:
        if decision.picture is not None:
            (id_,) = run.execute("SELECT id FROM orders WHERE slot = ?", (decision.order.slot,)).fetchone()
            enter_picture(run, id_, decision.picture)


def end(run: sqlite3.Connection, *, others: Others) -> None:
    """Drop what the plan did not name, as far as `others` says."""
    if others == "keep":
        return
    staying = ["dropped"] if others == "drop" else ["dropped", "done", "failed"]
    run.execute(
        "UPDATE orders SET state = 'dropped', holder = '' WHERE id NOT IN (SELECT id FROM temp.named)"
        " AND state NOT IN (SELECT value FROM json_each(?))",
        (json.dumps(staying),),
    )


def enter_picture(run: sqlite3.Connection, id_: int, picture: KeptPicture) -> None:
    """Write down a picture, or only the new stamps of one whose record stays."""
    if picture.record is None:
        run.execute(
            "UPDATE pictures SET size = ?, version = ?, made_of = ? WHERE id = ?",
            (picture.size, picture.version, picture.made_of, id_),
        )
        return
    run.execute(
        "INSERT OR REPLACE INTO pictures"
        " (id, digest, output, sha256, size, version, made_of, record, finished_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (id_, *astuple(picture)),
    )


def refuse_taken(run: sqlite3.Connection, judged: Judged) -> None:
    """Refuse a second order of one slot or one output: one picture would replace the other.

    Raises:
        LedgerError: If there is one.
    """
    insert = "INSERT INTO temp.taken VALUES (?, ?)"
    run.execute("SAVEPOINT taken")
    try:
        run.executemany(insert, [taken for decision, _ in judged for taken in _names(decision.order)])
    except sqlite3.IntegrityError:
        run.execute("ROLLBACK TO taken")
    else:
        run.execute("RELEASE taken")
        return
    for decision, _ in judged:
        order = decision.order
        for what, shown, taken in zip(
            ("name", "output"), (order.slot, order.output), _names(order), strict=True
        ):
            try:
                run.execute(insert, taken)
            except sqlite3.IntegrityError:
                (first,) = run.execute("SELECT row FROM temp.taken WHERE name = ?", taken[:1]).fetchone()
                raise LedgerError(
                    f"rows {first} and {order.row}",
                    f"both have the {what} {shown!r}",
                    "let the pattern of names tell them apart, such as by {sku}, {scene} and {seed}",
                ) from None


def _names(order: Order) -> Iterator[tuple[int, int]]:
    """Give a number for the slot and one for the output, each with the row."""
    # Without regard to case, as the file systems of Windows and macOS are.
    for name in (order.slot, f"{order.output.casefold()}\0"):
        yield int.from_bytes(blake2b(name.encode(), digest_size=8).digest(), signed=True), order.row


def _find(run: sqlite3.Connection, *, slots: str) -> list[tuple[Any, ...]]:
    return run.execute(_KEPT, (slots,)).fetchall()


def _values(decision: Decision) -> tuple[Any, ...]:
    return (
        decision.position,
        decision.state,
        decision.why,
        decision.asked,
        decision.stamps,
        decision.order.kin,
    )


def _kept(row: tuple[Any, ...]) -> KeptOrder:
    _, id_, position, state, why, asked, stamps, digest, output, sha256, size, version, made_of = row
    picture = None if digest is None else KeptPicture(digest, output, sha256, size, version, made_of)
    return KeptOrder(id_, position, state, why, asked, stamps, picture)
