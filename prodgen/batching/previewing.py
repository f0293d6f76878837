"""What a run would make, without making anything: the sheet checked, and compared with what is there."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from prodgen.batching.reading_options import check_out
from prodgen.catalogue import Summary, Wishes, check_catalogue, plan_orders, read_catalogue
from prodgen.errors import LedgerError
from prodgen.ledger import Planned, read_status
from prodgen.ledger import preview as planned_of
from prodgen.storage import Store, open_store


@dataclass(frozen=True)
class Preview:
    """What a run would make."""

    summary: Summary
    """What the catalogue asks for."""
    planned: Planned
    """What of it is done, and why the rest is not."""
    eta_s: float | None
    """Seconds that it would take at the pace of the last run in that folder; None without one."""


def preview(
    catalogue: str | Path,
    out: str | Path,
    wishes: Wishes,
    *,
    sheet: str | None = None,
    verify: bool = False,
) -> Preview:
    """Say what a run would make; nothing is written, and no backend is asked.

    Args:
        catalogue: A folder of photographs, or a sheet.
        out: The run's folder; it need not be there.
        wishes: What is asked of every row.
        sheet: The sheet of a workbook; None takes the first that is not empty.
        verify: Whether everything that is done is proved by its content again.

    Raises:
        SheetError: If the sheet has faults.
        ProdgenError: If it cannot be read, or a wish is wrong.
    """
    opened = read_catalogue(catalogue, sheet=sheet)
    summary = check_catalogue(opened, wishes)
    store = open_store(check_out(out))
    planned = planned_of(store, plan_orders(opened, wishes), verify=verify)
    return Preview(summary, planned, _eta_s(store, planned.total - planned.done))


def _eta_s(out: Store, pictures: int) -> float | None:
    try:
        pace = read_status(out).pictures_a_minute
    except LedgerError:
        return None
    return 60 * pictures / pace if pace else None
