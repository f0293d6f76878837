"""Calls that wait and agree in all but words and seeds are drawn together, as one batch of the engine.

A GPU draws four small pictures in little more than the time of two. Whoever has the lock takes the calls that
agree with its own out of the queue, and each gets its own pictures, infotext and answer.

When a batch ends, its callers are answered together and often ask again at once. Whoever comes first would be
drawn alone while the others are on their way, so it waits a moment for them.

They share one run of the GPU: progress is one for all. An interrupt that names no task stops them all, as on
A1111, where it stops whatever runs; one that names its task takes that call out, and the others go on.
"""

from __future__ import annotations

import hashlib
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prodgen.schema.prompts import network_tags, without_tags
from prodgen.server.fields import Fields, without_comments
from prodgen.server.wire import Crashed

if TYPE_CHECKING:
    from prodgen.server.infotext import FinishedCall
    from prodgen.server.sampling import DrawingCall

_log = logging.getLogger(__name__)

MOST_PICTURES = 4
"""Pictures of one batch that was gathered. Measured on an H100 at half a megapixel, full-size random weights:
0.56 s a picture in a batch of two, 0.43 s in one of four, 0.39 s in one of eight, which takes 10 GB."""

WAIT_SHARE = 0.08
"""Share of the last drawing's time that a GPU waits, at most, for callers who were just answered.

Measured on an H200 at half a megapixel: 0.60 s for one picture, 1.08 s for two, 1.92 s for four. To draw four
as one and three takes 0.2 s more than together, two as one and one 0.12 s: 9 and 11 % of the shared drawing.
A wait below that costs less than it saves where they come, and no more than a second run where they do not.
"""

MOST_VAIN = 6
"""What failed so often in a row is tried no more rarely: a wait at one drawing in 32, a batch of
`MOST_PICTURES` at one in 64. Guard."""

DRAWN_SEEDS = 2**32 - 2
"""A seed that is drawn is below this."""

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

    beside: Callable[[DrawingCall], DrawingCall]
    """Makes of a call of its kind, which is read and checked, itself: their pictures are the same."""

    served: threading.Event = field(default_factory=threading.Event)
    """Set once it was drawn with another call."""

    done: FinishedCall | None = None
    """What came of that."""

    is_awaited: bool = True
    """Whether its caller is still there."""

    @cached_property
    def kind(self) -> str:
        """What it has in common with calls that can be one batch with it, as a digest: bodies are large."""
        shared = {name: value for name, value in self.fields.items() if name not in _THEIR_OWN}
        words = (without_comments(self.fields[name] or "") for name in ("prompt", "negative_prompt"))
        tags = [[tag.text for tag in network_tags(text)] for text in words]
        return hashlib.sha256(repr((self.route, shared, tags)).encode("utf-8", "replace")).hexdigest()


class Gathering:
    """The calls of one server that wait to be drawn."""

    def __init__(self) -> None:
        self._waiting: list[WaitingCall] = []
        self._changed = threading.Condition()
        self._most = MOST_PICTURES
        self._too_much = 0  # batches in a row that failed, of those that were as large as may be
        self._smaller = 0  # drawings until one of MOST_PICTURES is tried again
        self._last = ""  # kind of the last drawing
        self._expected = 0  # calls of that kind, once all that were answered have asked again
        self._until = 0.0  # when they are waited for no longer, in monotonic seconds
        self._vain = 0  # waits in a row that were
        self._skips = 0

    @contextmanager
    def waits(self, one: WaitingCall) -> Iterator[None]:
        """Have a call be found by others while it waits."""
        with self._changed:
            self._waiting.append(one)
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                one.is_awaited = False
            self._take([one])

    def _take(self, calls: Sequence[WaitingCall]) -> None:
        with self._changed:
            self._waiting = [other for other in self._waiting if other not in calls]

    def drawn(self, one: WaitingCall, others: int, seconds: float) -> None:
        """Note that a call was drawn with so many others in so many seconds: they may soon ask again."""
        with self._changed:
            if (1 + others) * one.fields["batch_size"] >= MOST_PICTURES:
                self._too_much = 0
            self._smaller = max(0, self._smaller - 1)
            if self._smaller == 0:
                self._most = MOST_PICTURES
            if one.fields["n_iter"] == 1:
                self._last = one.kind
                self._expected = 1 + others + self._count(one.kind)
                self._until = time.monotonic() + WAIT_SHARE * seconds

    def wait(self, one: WaitingCall) -> None:
        """Give callers who were just answered the time to ask again, before a call that agrees with theirs.

        It ends with `WAIT_SHARE` of the last drawing's time, counted from that drawing's end. Where it was in
        vain, the next one, two, four... are left out: callers who take their time cost next to nothing.
        """
        with self._changed:
            left_s = self._until - time.monotonic()
            self._until = 0.0
            if left_s <= 0 or one.kind != self._last:
                return
            wanted = min(self._expected, self._most // one.fields["batch_size"])
            if self._count(one.kind) >= wanted:
                return
            if self._skips:
                self._skips -= 1
                return
            have_come = self._changed.wait_for(lambda: self._count(one.kind) >= wanted, left_s)
            self._vain = 0 if have_come else min(self._vain + 1, MOST_VAIN)
            self._skips = 2**self._vain // 2

    def _count(self, kind: str) -> int:
        return sum(other.kind == kind for other in self._waiting)

    def companions(self, one: WaitingCall, call: DrawingCall) -> list[tuple[WaitingCall, DrawingCall]]:
        """Take out a call whose turn it is, and those that are to be drawn with it, each checked as it is.

        What cannot be drawn is left to its own turn, where it fails with its own reason.
        """
        self._take([one])
        if one.fields["n_iter"] != 1:
            return []
        with self._changed:
            others = [other for other in self._waiting if other is not one and other.kind == one.kind]
        found = []
        for other in others[: max(0, self._most // one.fields["batch_size"] - 1)]:
            try:
                found.append((other, other.beside(call)))
            except Exception as error:  # noqa: BLE001 - it fails in its own turn, for its own caller
                _log.debug("a call that waits cannot be drawn: %s", error)
        self._take([other for other, _ in found])
        return found

    def put_back(self, others: Sequence[WaitingCall]) -> None:
        """Have calls wait for their own turn again; those whose callers left meanwhile are forgotten."""
        with self._changed:
            self._waiting[:0] = [other for other in others if other.is_awaited]

    def was_too_much(self, others: Sequence[WaitingCall], batch_size: int) -> None:
        """Put calls back whose batch failed; the next batches have half as many pictures.

        Whether memory was short or one of the calls cannot be drawn is not known, so the full size is tried
        again, after two drawings, then four, eight...
        """
        self.put_back(others)
        with self._changed:
            self._most = max(1, (1 + len(others)) * batch_size // 2)
            self._too_much = min(self._too_much + 1, MOST_VAIN)
            self._smaller = 2**self._too_much


def check_words(fields: Fields) -> None:
    """Fail without a prompt, as the real server does.

    Raises:
        Crashed: For null.
    """
    if fields["prompt"] is None or fields["negative_prompt"] is None:
        raise Crashed("AssertionError", "")


def words_and_seeds(fields: Fields) -> dict[str, Any]:
    """Return what a call has of its own in a batch with others, by the names of `DrawingCall`.

    Raises:
        Crashed: For null in place of a prompt.
    """
    check_words(fields)
    prompt = without_comments(fields["prompt"])
    negative = without_comments(fields["negative_prompt"])
    seeds, subseeds = _seeds(fields, fields["batch_size"] * fields["n_iter"])
    return {
        "prompt": prompt,
        "negative_prompt": negative,
        "words": without_tags(prompt, network_tags(prompt)),
        "negative_words": without_tags(negative, network_tags(negative)),
        "seeds": seeds,
        "subseeds": subseeds,
    }


def _seeds(fields: Fields, count: int) -> tuple[list[int], list[int]]:
    first, second = (
        random.randrange(DRAWN_SEEDS) if value is None or value == -1 else int(value)  # noqa: S311 - no secret
        for value in (fields["seed"], fields["subseed"])
    )
    varies = bool(fields["subseed_strength"])
    return [first + (0 if varies else i) for i in range(count)], [second + i for i in range(count)]
