"""How long pictures take on a slow engine: told before the first, told again by what that one took.

An engine estimates by arithmetic (`Engine.estimate`), and only where a picture takes long enough to be told;
what was drawn corrects it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

from prodgen.server.engine import BatchOrder, Engine, ReportProgress
from prodgen.server.wire import Pixels

_log = logging.getLogger("prodgen")

TOLD_TIMES = 2
"""Batches before which it is told: by the estimate, and by the first picture."""


class Pace:
    """The pace of one engine.

    Args:
        engine: What draws.
        tell: Gets the sentences; left out, they are warnings in the log.
    """

    def __init__(self, engine: Engine, tell: Callable[[str], None] = _log.warning) -> None:
        self.tell = tell
        self._engine = engine
        self._factor = 1.0
        """Seconds that a picture took, by those that were estimated."""
        self._times_told = 0

    def begins(self, order: BatchOrder, how: str) -> TimedBatch:
        """Tell how long a batch will take, where that is worth it, and return what measures it.

        Args:
            order: The batch.
            how: How the engine draws, after "it draws".
        """
        estimated = self._estimated(order)
        if estimated is None:
            return TimedBatch(None, None)
        expected = estimated * self._factor
        if self._times_told < TOLD_TIMES:
            by = ", by the one before" if self._times_told else ""
            self._times_told += 1
            count, (width, height) = len(order.seeds), order.final_size
            what = "this picture" if count == 1 else f"these {count} pictures"
            size = f"{width} x {height} in {order.steps} steps"
            self.tell(f"the engine draws {how}: about {_in_words(expected)} for {what} of {size}{by}")
        return TimedBatch(estimated, expected)

    def ends(self, timed: TimedBatch) -> None:
        """Learn from a batch that was drawn to its end."""
        took = timed.seconds()
        if timed.estimated_s and took is not None:
            self._factor = took / timed.estimated_s

    def _estimated(self, order: BatchOrder) -> float | None:
        steps = order.steps
        if order.starts:
            steps = max(1, round(steps * min(order.denoising_strength, 1.0)))
        passes = [(order.width, order.height, steps)]
        if order.hires is not None:
            passes.append((order.hires.width, order.hires.height, order.hires.steps or order.steps))
        found = [self._engine.estimate(*one) for one in passes]
        known = [seconds for seconds in found if seconds is not None]
        return sum(known) * len(order.seeds) if known else None


class TimedBatch:
    """One batch while it is drawn."""

    def __init__(self, estimated_s: float | None, expected_s: float | None) -> None:
        self.estimated_s = estimated_s
        """By arithmetic; None where it is not worth telling."""
        self.expected_s = expected_s
        """By what was drawn before."""
        self._seen: tuple[float, float] | None = None

    def watched(self, report: ReportProgress) -> ReportProgress:
        """Return what notes when the first step was done, and reports it."""

        def watch(share: float, preview: Pixels | None = None) -> None:
            if share > 0 and self._seen is None:
                self._seen = (share, time.monotonic())
            report(share, preview)

        return watch

    def seconds(self) -> float | None:
        """Return the seconds that all steps take, by those after the first, which may have loaded a model.

        None before the first step.
        """
        if self._seen is None or self._seen[0] >= 1:
            return None
        share, since = self._seen
        return (time.monotonic() - since) / (1 - share)


def _in_words(seconds: float) -> str:
    if seconds < 100:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"
