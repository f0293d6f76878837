"""The coordinator of a run: one loop that hands out orders, hears what becomes of them, and writes it down.

Everything that happens elsewhere comes as a message into one inbox; the loop sleeps until there is one, or
until something is due. It starts no thread of its own, except a few that wait for the answers to probes.
"""

from __future__ import annotations

import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from queue import Empty, SimpleQueue

from prodgen.catalogue import Order
from prodgen.dispatch.blame import Blame, blame_for
from prodgen.dispatch.events import (
    End,
    Event,
    Notice,
    PictureDone,
    PictureFailed,
    PlaceBack,
    PlaceLost,
    RunEnded,
    StepBegun,
)
from prodgen.dispatch.free_first import soonest_first, takers
from prodgen.dispatch.lane import FAULTS_IN_A_ROW, Flight, Lane
from prodgen.dispatch.newcomers import Newcomers
from prodgen.dispatch.overseeing import Overseer
from prodgen.dispatch.place import Place, Step
from prodgen.dispatch.rules import Rules
from prodgen.errors import BackendTimeoutError, Interrupted, NoWorkerError, ProdgenError, StorageError
from prodgen.ledger import Claim, Ledger, OrderFailure, PictureRecord

PROBES_AT_ONCE = 8
"""Threads that wait for probes; a dead server is found out in some seconds, and probed once a minute."""

RENEWALS = 3
"""Times that a lease is renewed before it would end: two may be late."""


def run(
    ledger: Ledger, places: Sequence[Place], rules: Rules, *, newcomers: Newcomers | None = None
) -> Generator[Event, None, None]:
    """Have all orders made that wait in the ledger, and close the places at the end.

    Leaving the iterator interrupts what runs; it is claimed again by the next run.

    Args:
        ledger: What is asked and what became of it.
        places: Where pictures can be made from the start; there may be none yet.
        rules: When the run ends, and how patient it is.
        newcomers: Brings places that join later.

    Raises:
        LedgerError: If the ledger cannot be written any more.
    """
    return _Run(ledger, places, rules, newcomers or Newcomers()).events()


@dataclass(slots=True)
class _Moved:
    """An order that one place gave back and another is to get; it stays claimed."""

    claim: Claim
    tried: frozenset[str] = frozenset()
    """Names of the places that failed with it."""
    failures: int = 0


class _Run:
    def __init__(self, ledger: Ledger, places: Sequence[Place], rules: Rules, newcomers: Newcomers) -> None:
        now = time.monotonic()
        self.ledger, self.rules = ledger, rules
        self.lanes = [Lane(place, now) for place in places]
        self.inbox: SimpleQueue[Callable[[], Iterator[Event]]] = SimpleQueue()
        self.moved: deque[_Moved] = deque()
        self.tried: dict[str, _Moved] = {}
        """What failed before and is under way again, by slot."""
        counts = ledger.counts()
        self.waiting = counts.waiting
        self.total = counts.waiting + counts.claimed + counts.done + counts.failed
        self.failed = 0
        self.end: End | None = None
        self.deadline = math.inf if rules.deadline is None else rules.deadline
        """By the clock on the wall, which people mean."""
        self.token = uuid.uuid4().hex[:8]
        self.renew_at = now + rules.lease_s / RENEWALS
        self.overseer = Overseer(rules, ledger, self.lanes, now, newcomers.waits_for)
        self.probes = ThreadPoolExecutor(PROBES_AT_ONCE, thread_name_prefix="prodgen-probe")
        rules.stop.on_press(partial(self.inbox.put, self._on_press))
        newcomers.on_join(lambda place: self.inbox.put(partial(self._on_join, place)))
        newcomers.on_note(lambda text: self.inbox.put(lambda: iter((Notice(text),))))

    # The loop.

    def events(self) -> Generator[Event, None, None]:
        is_whole = False
        try:
            yield from self._on_press()
            while True:
                self._hand_out()
                if self._is_over():
                    break
                yield from self._next_message()
                yield from self._what_is_due(time.monotonic())
            is_whole = True
        finally:
            self._close(now=not is_whole)
        counts = self.ledger.counts()
        yield self.overseer.standing(counts, time.monotonic(), is_over=True)
        idle = {lane.name: lane.idle_share(time.monotonic(), is_over=True) for lane in self.lanes}
        yield RunEnded(self.end or "complete", counts, idle)

    def _is_over(self) -> bool:
        if any(lane.flights for lane in self.lanes):
            return False
        return self.end is not None or (self.waiting <= 0 and not self.moved)

    def _next_message(self) -> Iterator[Event]:
        due = [self.overseer.due_at(), self.renew_at]
        if self.end is None:
            due += [*self.overseer.give_up_at(), time.monotonic() + self.deadline - time.time()]
        due += [lane.probe_at for lane in self.lanes if lane.probe_at is not None]
        due += [limit for lane in self.lanes for _, limit in self._limits(lane)]
        try:
            message = self.inbox.get(timeout=max(0.0, min(due) - time.monotonic()))
        except Empty:
            return
        yield from message()
        while not self.inbox.empty():
            yield from self.inbox.get()()

    def _close(self, *, now: bool) -> None:
        for lane in self.lanes:
            for flight in tuple(lane.flights.values()):
                flight.future.cancel()
            lane.place.close(now=now)
        under_way = [flight.claim for lane in self.lanes for flight in lane.flights.values()]
        self.probes.shutdown(wait=False, cancel_futures=True)
        self.ledger.release([*under_way, *(moved.claim for moved in self.moved)])
        self.moved.clear()

    # Handing out.

    def _hand_out(self) -> None:
        # First of all: whoever looks at an event for long lets leases end, and a claim would take them.
        self._renew(time.monotonic())
        while self.end is None and (self._hand_out_a_moved_one() or self._hand_out_a_new_one()):
            pass

    def _renew(self, now: float) -> None:
        if now >= self.renew_at:
            claims = [flight.claim for lane in self.lanes for flight in lane.flights.values()]
            self.ledger.renew([*claims, *(x.claim for x in self.moved)], lease_s=self.rules.lease_s)
            self.renew_at = now + self.rules.lease_s / RENEWALS

    def _hand_out_a_moved_one(self) -> bool:
        """Give an order that a place gave back to one that has not failed with it, if there is such a one."""
        live = {lane.name for lane in self.lanes if not lane.is_lost}
        for moved in self.moved:
            for lane in soonest_first(self.lanes, time.monotonic()):
                if (lane.name not in moved.tried or live <= moved.tried) and not self._is_too_late(lane):
                    self.moved.remove(moved)
                    if moved.failures:
                        self.tried[moved.claim.order.slot] = moved
                    self._submit(lane, moved.claim)
                    return True
        return False

    def _hand_out_a_new_one(self) -> bool:
        for lane in takers(self.lanes, self.waiting, time.monotonic()):
            if self.waiting <= 0 or self._is_too_late(lane):
                continue
            holder = f"{lane.name}/{self.token}"
            claim = self.ledger.claim(holder, lease_s=self.rules.lease_s, prefer=lane.kin)
            if claim is None:
                self.waiting = 0
                return False
            self.waiting -= 1
            self._submit(lane, claim)
            return True
        return False

    def _submit(self, lane: Lane, claim: Claim) -> None:
        def on_step(_place: str, order: Order, step: Step) -> None:
            self.inbox.put(partial(self._on_step, lane, order.slot, step, time.monotonic()))

        try:
            future = lane.place.submit(claim.order, on_step)
        except ProdgenError as error:
            future = Future()
            future.set_exception(error)
        may_load = not lane.pictures or claim.kin != lane.kin
        flight = Flight(claim, future, time.monotonic(), may_load)
        lane.kin, lane.flights[claim.order.slot] = claim.kin, flight
        future.add_done_callback(lambda _: self.inbox.put(partial(self._on_done, lane, flight)))

    def _is_too_late(self, lane: Lane) -> bool:
        return time.time() + (lane.whole_s or 0.0) > self.deadline

    # Messages.

    def _on_step(self, lane: Lane, slot: str, step: Step, now: float) -> Iterator[Event]:
        flight = lane.flights.get(slot)
        if flight is not None:
            lane.step(flight, step, now)
            self.overseer.something_happened(now)
            yield StepBegun(lane.name, flight.claim.order, step)

    def _on_done(self, lane: Lane, flight: Flight) -> Iterator[Event]:
        if lane.flights.get(flight.claim.order.slot) is not flight:
            return  # it was taken away, and its late answer counts no more
        now = time.monotonic()
        error = Interrupted() if flight.future.cancelled() else flight.future.exception()
        lane.land(flight, now, is_picture=error is None)
        self.overseer.something_happened(now)
        if error is None:
            yield self._keep(flight.claim, flight.future.result(), now)
        else:
            yield from self._settle(lane, flight.claim, error, now)

    def _on_press(self) -> Iterator[Event]:
        if self.rules.stop.presses:
            self._finish_what_runs("stopped")
        if self.rules.stop.presses > 1:
            for lane in self.lanes:
                lane.place.close(now=True)
        yield from ()

    def _on_join(self, place: Place) -> Iterator[Event]:
        now = time.monotonic()
        self.lanes.append(Lane(place, now))
        self.overseer.something_happened(now)
        yield Notice(f"{place.name} joins")
        if self.rules.stop.presses > 1:
            place.close(now=True)

    def _on_probed(self, lane: Lane, reason: str) -> Iterator[Event]:
        lane.probed(time.monotonic(), answers=not reason)
        if not reason:
            self.overseer.something_happened(time.monotonic())
            yield PlaceBack(lane.name)

    # What becomes of orders.

    def _keep(self, claim: Claim, record: PictureRecord, now: float) -> Event:
        self.ledger.finish(claim, record)
        self.tried.pop(claim.order.slot, None)
        self.overseer.picture_made(now)
        return PictureDone(claim.order, record)

    def _settle(self, lane: Lane, claim: Claim, error: BaseException, now: float) -> Iterator[Event]:
        """Decide what follows from an error: for the order, for its place, for the run."""
        blame, slot = blame_for(error), claim.order.slot
        before = self.tried.pop(slot, _Moved(claim))
        tried = before.tried | {lane.name} if blame.counts else before.tried
        moved = _Moved(claim, tried, before.failures + blame.counts)
        is_final = self._is_final(blame, moved)
        if isinstance(error, Interrupted | NoWorkerError):
            self.moved.append(moved)
        else:
            failure = OrderFailure(type(error).__name__, _reason(error, moved), blame.whose)
            if is_final:
                self.ledger.fail(claim, failure, is_final=True)
                self.failed += 1
            else:
                self.moved.append(moved)
            yield PictureFailed(claim.order, failure, lane.name, is_final)
        yield from self._blame_place(lane, blame, error, now)
        if self._are_too_many_failed():
            self._finish_what_runs("failures")
        if isinstance(error, StorageError):
            self._finish_what_runs("storage")

    def _is_final(self, blame: Blame, moved: _Moved) -> bool:
        if blame.again == "never" or moved.failures >= self.rules.attempts:
            return True
        places = {other.name for other in self.lanes if not other.is_lost}
        return blame.again == "elsewhere" and places <= moved.tried

    def _blame_place(self, lane: Lane, blame: Blame, error: BaseException, now: float) -> Iterator[Event]:
        if blame.place == "fine":
            return
        lane.faults += 1
        is_sure = blame.place in ("lost", "gone")
        if not lane.is_lost and (is_sure or lane.is_on_trial or lane.faults >= FAULTS_IN_A_ROW):
            yield from self._lose(lane, str(error), now, for_good=blame.place == "gone")

    def _lose(self, lane: Lane, reason: str, now: float, *, for_good: bool) -> Iterator[Event]:
        """Give a place up until it answers a probe, or for good, and take back what it has not drawn."""
        lane.lose(now, for_good=for_good)
        self.overseer.reasons[lane.name] = reason
        for flight in lane.undrawn:
            self._take_back(lane, flight, now)
        yield PlaceLost(lane.name, reason)

    def _take_back(self, lane: Lane, flight: Flight, now: float) -> None:
        if flight.future.cancel():
            lane.land(flight, now, is_picture=False)
            self.moved.append(self.tried.pop(flight.claim.order.slot, _Moved(flight.claim)))

    def _finish_what_runs(self, end: End) -> None:
        """Begin nothing new, and give back what no backend draws yet."""
        self.end = self.end or end
        now = time.monotonic()
        for lane in self.lanes:
            for flight in lane.undrawn:
                if lane.tells_steps and flight.step != "draw":
                    self._take_back(lane, flight, now)

    def _are_too_many_failed(self) -> bool:
        most, share = self.rules.max_failures, self.rules.max_failure_share
        too_many = most is not None and self.failed > most
        return too_many or (share is not None and self.failed > share * self.total)

    # What is due.

    def _what_is_due(self, now: float) -> Iterator[Event]:
        for lane in self.lanes:
            if lane.probe_at is not None and now >= lane.probe_at:
                lane.probe_at = None
                self.probes.submit(self._probe, lane)
            for flight, limit in self._limits(lane):
                if now >= limit and lane.flights.get(flight.claim.order.slot) is flight:
                    yield from self._move_from_hanging(lane, flight, now)
        live = [lane for lane in self.lanes if not lane.is_lost]
        if time.time() >= self.deadline or (live and all(map(self._is_too_late, live))):
            self._finish_what_runs("deadline")
        if self.overseer.is_given_up(now):
            self._finish_what_runs("no place")
        yield from self.overseer.due(now, self.waiting + len(self.moved))

    def _probe(self, lane: Lane) -> None:
        try:
            lane.place.probe()
            reason = ""
        except Exception as error:  # noqa: BLE001 - a probe that broke is no answer, and must be repeated
            reason = str(error) or type(error).__name__
        self.inbox.put(partial(self._on_probed, lane, reason))

    def _limits(self, lane: Lane) -> Iterator[tuple[Flight, float]]:
        """Give each order that a backend draws, and when that will have taken too long."""
        others = [other for other in self.lanes if other is not lane and not other.is_lost]
        usual_s = max((other.draw_s for other in others if other.draw_s is not None), default=None)
        nothing_waits = self.waiting + len(self.moved) == 0
        others_idle = nothing_waits and any(not other.undrawn for other in others)
        for flight in tuple(lane.flights.values()):
            if flight.step == "draw" or not lane.tells_steps:
                patience_s = lane.patience_s(flight, usual_s, others_idle=others_idle)
                if patience_s is not None:
                    yield flight, (flight.step_begun or flight.begun) + patience_s

    def _move_from_hanging(self, lane: Lane, flight: Flight, now: float) -> Iterator[Event]:
        begun = flight.step_begun or flight.begun
        if not flight.future.cancel():
            return
        lane.land(flight, now, is_picture=False)
        error = BackendTimeoutError(lane.name, f"no picture for {now - begun:.0f} s, and others take less")
        yield from self._settle(lane, flight.claim, error, now)


def _reason(error: BaseException, moved: _Moved) -> str:
    """Return the sentence for ledger, report and failed.csv; pictures are named without their folders."""
    said = str(error) or type(error).__name__
    for picture in moved.claim.order.pictures:
        said = said.replace(picture, PurePath(picture).name)
    if not isinstance(error, ProdgenError):
        said = f"a fault of prodgen: {type(error).__name__}: {said}"
    return f"{said} (tried {moved.failures} times)" if moved.failures > 1 else said
