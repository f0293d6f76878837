"""By which rules a run goes on, waits, and ends."""

from __future__ import annotations

from dataclasses import dataclass, field

from prodgen.dispatch.stop_button import StopButton


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a run ends, and how patient it is until then."""

    max_failures: int | None = None
    """Orders that may be set aside; one more ends the run. None: any number."""

    max_failure_share: float | None = None
    """Share of all orders, 0 to 1, that may be set aside. None: any share."""

    deadline: float | None = None
    """Seconds since 1970; nothing is begun that would not be finished before. None: no end."""

    attempts: int = 3
    """How often an order is tried, on different places if there are, before it is set aside."""

    still_waiting_s: float = 60.0
    """Seconds without anything happening after which the run says what it waits for."""

    give_up_s: float = 600.0
    """Seconds without any place that works after which the run ends."""

    lease_s: float = 300.0
    """Seconds for which an order is claimed; renewed while it is worked on."""

    stop: StopButton = field(default_factory=StopButton)
    """The user's wish to end the run."""
