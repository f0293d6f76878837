"""Calls that wait and agree in all but words and seeds are drawn together, as one batch of the engine.

A GPU draws four small pictures in little more than the time of two. Whoever has the lock takes the calls that
agree with its own out of the queue, and each gets its own pictures, infotext and answer.

They share one run of the GPU: progress is one for all. An interrupt that names no task stops them all, as on
A1111, where it stops whatever runs; one that names its task takes that call out, and the others go on.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prodgen.schema.prompts import network_tags
from prodgen.server.fields import Fields
from prodgen.server.wire import Crashed, Invalid, Refused

if TYPE_CHECKING:
    from prodgen.server.infotext import FinishedCall
    from prodgen.server.sampling import DrawingCall

_log = logging.getLogger(__name__)

MOST_PICTURES = 4
"""Pictures of one batch that was gathered. Measured on an H100 at half a megapixel, full-size random weights:
0.56 s a picture in a batch of two, 0.43 s in one of four, 0.39 s in one of eight, which takes 10 GB."""

_THEIR_OWN = ("prompt", "negative_prompt", "seed", "subseed", "force_task_id")
"""Fields in which calls of one batch may differ."""


@dataclass(eq=False)
class WaitingCall:
    """One call from its coming to its answer."""

    route: str
    task: str
    fields: Fields
    read: Callable[[Callable[[], None]], DrawingCall]
    """Reads its pictures and checks it, under the lock; calls what it is given once the task begins."""

    served: threading.Event = field(default_factory=threading.Event)
    """Set once it was drawn with another call."""

    done: FinishedCall | None = None
    """What came of that."""

    def agrees_with(self, other: WaitingCall) -> bool:
        """Whether both can be one batch."""
        return self.route == other.route and self._shared() == other._shared()

    def _shared(self) -> tuple[Fields, list[str]]:
        shared = {name: value for name, value in self.fields.items() if name not in _THEIR_OWN}
        return shared, [tag.text for tag in network_tags(self.fields["prompt"] or "")]


class Gathering:
    """The calls of one server that wait to be drawn."""

    def __init__(self) -> None:
        self._waiting: list[WaitingCall] = []
        self._lock = threading.Lock()
        self._most = MOST_PICTURES

    @contextmanager
    def waits(self, one: WaitingCall) -> Iterator[None]:
        """Have a call be found by others while it waits."""
        with self._lock:
            self._waiting.append(one)
        try:
            yield
        finally:
            self._take([one])

    def _take(self, calls: Sequence[WaitingCall]) -> None:
        with self._lock:
            self._waiting = [other for other in self._waiting if other not in calls]

    def companions(self, one: WaitingCall) -> list[tuple[WaitingCall, DrawingCall]]:
        """Take out a call whose turn it is, and those that are to be drawn with it, each read and checked.

        What cannot be drawn is left to its own turn, where it fails with its own reason.
        """
        self._take([one])
        if one.fields["n_iter"] != 1:
            return []
        with self._lock:
            others = [other for other in self._waiting if other is not one and other.agrees_with(one)]
        found = []
        for other in others[: max(0, self._most // one.fields["batch_size"] - 1)]:
            try:
                found.append((other, other.read(lambda: None)))
            except (Refused, Crashed, Invalid) as error:
                _log.debug("a call that waits cannot be drawn: %s", error)
        self._take([other for other, _ in found])
        return found

    def was_too_much(self, others: Sequence[WaitingCall], batch_size: int) -> None:
        """Put calls back whose batch failed; later batches have half as many pictures."""
        self._most = max(1, (1 + len(others)) * batch_size // 2)
        with self._lock:
            self._waiting[:0] = others
