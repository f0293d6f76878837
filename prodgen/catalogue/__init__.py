"""Catalogues: sheets of products (folder, CSV, XLSX, JSON, Parquet), read into orders, lazily.

    catalogue = read_catalogue("products.csv")
    wishes = Wishes(prompt="{name} on a wooden table")
    summary = check_catalogue(catalogue, wishes)
    for order in plan_orders(catalogue, wishes): ...

Names are imported when they are first used: whoever only carries orders needs no recipes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from prodgen.catalogue.order import Order

if TYPE_CHECKING:
    from prodgen.catalogue.failed_rows import write_failed
    from prodgen.catalogue.order_planning import Summary, check_catalogue, plan_orders
    from prodgen.catalogue.order_shots import order_shot
    from prodgen.catalogue.sheet_opening import Catalogue, read_catalogue
    from prodgen.catalogue.sheet_rows import Row
    from prodgen.catalogue.wishes import Wishes

__all__ = [
    "Catalogue",
    "Order",
    "Row",
    "Summary",
    "Wishes",
    "check_catalogue",
    "order_shot",
    "plan_orders",
    "read_catalogue",
    "write_failed",
]

_HOMES = {
    "failed_rows": "write_failed",
    "order_shots": "order_shot",
    "order_planning": "Summary check_catalogue plan_orders",
    "sheet_opening": "Catalogue read_catalogue",
    "sheet_rows": "Row",
    "wishes": "Wishes",
}
"""The names that come from each module, with spaces between them."""

if not TYPE_CHECKING:  # a type checker that saw this would believe any name to be there

    def __getattr__(name: str) -> object:
        """Import a name when it is first used."""
        from prodgen.lazy_names import imported

        return imported(__name__, _HOMES, name)
