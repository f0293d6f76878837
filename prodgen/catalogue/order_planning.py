"""From the rows of a catalogue to the pictures that are asked for, and all that is wrong on the way.

Two passes go through the sheet: `check_catalogue` finds every fault before anything runs, `plan_orders` gives
the orders. Neither keeps rows; the first keeps 24 bytes for each order, to find two of one name.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from prodgen.catalogue.fault_list import FaultList
from prodgen.catalogue.file_names import as_disks_see
from prodgen.catalogue.order import Order
from prodgen.catalogue.row_orders import RowPlanner
from prodgen.catalogue.sheet_opening import Catalogue
from prodgen.catalogue.wishes import Wishes
from prodgen.errors import SettingError, SheetFault, WrongValueError

MOST_KNOWN = 20_000
"""Most slots and files that occur twice of which the first order is remembered; clashes of others are not
counted. Chosen: some 20 MB, and far more than the faults that are told."""


@dataclass(frozen=True)
class Summary:
    """What a catalogue asks for."""

    rows: int
    """Rows that are not empty, and were chosen."""
    products: int
    """Different skus."""
    orders: int
    """Pictures."""
    notices: tuple[str, ...] = ()
    """What the user should know before it runs."""


def check_catalogue(catalogue: Catalogue, wishes: Wishes) -> Summary:
    """Read a catalogue once, and look whether its photographs are there; none is opened.

    Raises:
        SheetError: With every fault of every row.
        SettingError: If the sheet cannot be read on, or there is no product to be made.
    """
    planner = RowPlanner(catalogue, wishes, looks=True)
    slots, outputs, skus = array("q"), array("q"), array("q")
    for order in planner.orders():
        # hash() has 64 bits; whether two of one hash are really the same is looked up at the end.
        slots.append(hash(order.slot))
        outputs.append(hash(as_disks_see(order.output)))
        skus.append(hash(order.sku))
    _find_clashes(catalogue, wishes, _twice(slots), _twice(outputs), planner.faults)
    planner.faults.raise_any(catalogue.source)
    if not planner.rows and wishes.photos is None:  # a chosen photograph may be gone by now
        raise _no_product(catalogue, wishes)
    products = len(np.unique(np.frombuffer(skus, np.int64))) if skus else 0
    return Summary(planner.rows, products, len(slots), (*catalogue.notices, *planner.notices()))


def _no_product(catalogue: Catalogue, wishes: Wishes) -> SettingError:
    if wishes.only is not None:
        return WrongValueError("only", wishes.only, "must be like the sku of a product of the catalogue")
    return SettingError(f"{catalogue.source} asks for no product: there is no row below its header")


def plan_orders(catalogue: Catalogue, wishes: Wishes) -> Iterator[Order]:
    """Give the pictures that a catalogue asks for, in the order of its rows.

    Whether photographs are there, and whether two orders have one name, is found by `check_catalogue` only.

    Raises:
        SheetError: At the first row with a fault.
        SettingError: If the sheet cannot be read on.
    """
    planner = RowPlanner(catalogue, wishes, looks=False)
    for order in planner.orders():
        planner.faults.raise_any(catalogue.source)
        yield order
    planner.faults.raise_any(catalogue.source)


def _twice(hashes: array[int]) -> frozenset[int]:
    """Return the hashes that occur more than once."""
    if not hashes:
        return frozenset()
    values, times = np.unique(np.frombuffer(hashes, np.int64), return_counts=True)
    return frozenset(map(int, values[times > 1]))


def _find_clashes(
    catalogue: Catalogue, wishes: Wishes, slots: frozenset[int], outputs: frozenset[int], faults: FaultList
) -> None:
    """Add a fault for each order that has the slot or the file of one before it."""
    if not (slots or outputs):
        return
    first: dict[str, Order] = {}

    def before(name: str, order: Order) -> Order:
        return first.setdefault(name, order) if len(first) < MOST_KNOWN else first.get(name, order)

    sku_column = catalogue.spelling("sku")
    for order in RowPlanner(catalogue, wishes, looks=False).orders():
        seen = as_disks_see(order.output)
        if hash(order.slot) in slots:
            one = before(f"slot {order.slot}", order)
            if one is not order:
                what = f"{order.sku!r} stands in row {one.row} already"
                remedy = "give it another sku, or each row its own scene in a column 'scene'"
                faults.add(SheetFault(order.row, sku_column, what, remedy))
        elif hash(seen) in outputs:
            one = before(f"file {seen}", order)
            if one is not order:
                faults.add(SheetFault(order.row, "", *_same_file(one, order)))


def _same_file(before: Order, order: Order) -> tuple[str, str]:
    if before.output != order.output:
        what = f"its file {order.output!r} and that of row {before.row} differ only in case or accents"
        return what, "rename one of them: many disks take both for one file"
    what = f"its file {order.output!r} would be that of row {before.row}, too"
    return what, "put {sku}, {scene} and {seed} or {number} into the pattern of names"
