"""A worker of a Dask cluster as a place: a window of orders that are with it, and what becomes of them."""

from __future__ import annotations

import itertools
import pickle
import threading
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from prodgen.catalogue import Order
from prodgen.cluster import errand as there
from prodgen.dispatch import OnStep, Step
from prodgen.errors import ClusterError, Interrupted, ProdgenError, RemoteWorkerLostError
from prodgen.ledger import PictureRecord

if TYPE_CHECKING:
    from distributed import Client as Scheduler

WINDOW = 2
"""Orders not drawn yet that a worker has until it says how many keep its backend busy: one is drawn, and the
next gets ready meanwhile."""

MOST = 60
"""Orders that a worker has in all; those that are completed count too."""

THREADS = MOST + 4
"""Threads of a worker for Dask's tasks: an order only waits in one, and probes must not wait for orders."""

PROBE_S = 30.0
"""Seconds for the answer to a probe, which goes to the backend too."""

SCHEDULER_AWAY = "the scheduler went away; the run goes on when it is back at this address, and its workers"
"""Why a place is lost without its worker having done anything."""

_numbers = itertools.count(1)


@dataclass(eq=False, slots=True)
class _Asked:
    """An order that is with the worker."""

    order: Order
    on_step: OnStep
    future: Future[PictureRecord]
    """What dispatch waits for."""
    remote: Any = None
    """The future of Dask."""
    is_drawn: bool = False


class WorkerPlace:
    """A worker of a cluster, by its name; `attach` says where it is, each time that it joins."""

    def __init__(self, name: str, cluster: str, errand: there.Errand, lost: set[str]) -> None:
        self.name = name
        self._cluster = cluster
        self._errand = errand
        self._lost = lost
        """Slots of orders that were with a worker that went away; shared by all places."""
        self._scheduler: Scheduler | None = None
        self._address = ""
        self._why_away = ""
        self._window = WINDOW
        self._asked: dict[str, _Asked] = {}
        self._lock = threading.Lock()

    def attach(self, scheduler: Scheduler, address: str) -> None:
        """Note that the worker is there, at an address of Dask's."""
        with self._lock:
            self._scheduler, self._address = scheduler, address

    def detach(self, error: ClusterError) -> None:
        """Note that the worker went away, which is not the fault of the orders that it had."""
        with self._lock:
            self._scheduler, self._why_away = None, error.reason
            asked = tuple(self._asked.values())
        for one in asked:
            self._lost.add(one.order.slot)
            self._settle(one, error=error)
            _give_up(one.remote)

    @property
    def address(self) -> str:
        """Where it is, by Dask; "" while it is away."""
        return self._address if self._scheduler is not None else ""

    def room(self) -> int:
        """Say how many more orders it can take."""
        with self._lock:
            undrawn = sum(not asked.is_drawn for asked in self._asked.values())
            return min(self._window - undrawn, MOST - len(self._asked))

    def submit(self, order: Order, on_step: OnStep) -> Future[PictureRecord]:
        """Send an order to the worker, and to no other."""
        asked = _Asked(order, on_step, Future())
        with self._lock:
            self._asked[order.slot] = asked
        try:
            call = partial(there.make_picture, look_first=order.slot in self._lost)
            packed = pickle.dumps((self._errand, order))
            asked.remote = self._send(f"shoot-{order.slot}", call, packed)
        except ProdgenError:
            self._asked.pop(order.slot, None)
            raise
        asked.future.add_done_callback(partial(self._on_settled, asked))
        asked.remote.add_done_callback(partial(self._on_answer, asked))
        return asked.future

    def probe(self) -> None:
        """Ask whether the worker is there and its backend answers."""
        remote = self._send(f"probe-{self.name}", there.probe, pickle.dumps(self._errand))
        try:
            remote.result(timeout=PROBE_S)
        except ProdgenError:
            raise
        except Exception as error:  # whatever Dask says, the worker did not answer
            raise ClusterError(
                self._cluster, f"worker {self.name!r} did not answer a probe: {error}"
            ) from error
        finally:
            remote.release()

    def close(self, *, now: bool = False) -> None:
        """Close what the worker keeps for this run; `now` interrupts what it makes."""
        with self._lock:
            asked = tuple(self._asked.values())
        self._tell(there.dismiss, self._errand.run)
        for one in asked if now else ():
            self._settle(one, error=Interrupted())

    def heard(self, slot: str, step: Step, window: int) -> None:
        """Note how far the worker is with an order, and how many not drawn yet it should have."""
        self._window = window
        asked = self._asked.get(slot)
        if asked is None:
            return
        if step == "complete":
            asked.is_drawn = True
            if not asked.future.running() and not asked.future.set_running_or_notify_cancel():
                return
        asked.on_step(self.name, asked.order, step)

    def _send(self, title: str, call: Any, *arguments: object) -> Any:
        scheduler = self._scheduler
        if scheduler is None or scheduler.status != "running":
            raise ClusterError(self._cluster, self._why_away or f"worker {self.name!r} is not there")
        return submit_to(scheduler, self._address, title, call, *arguments)

    def _tell(self, call: Any, *arguments: object) -> None:
        """Have something done there that nobody waits for."""
        from distributed import fire_and_forget

        with suppress(ClusterError):
            fire_and_forget(self._send(f"end-{self.name}", call, *arguments))

    def _on_answer(self, asked: _Asked, remote: Any) -> None:
        """Take over what became of the future of Dask; called in a thread of Dask's."""
        try:
            record: PictureRecord = remote.result(timeout=PROBE_S)
            self._settle(asked, record=replace(record, place=self.name))
        except Exception as error:  # noqa: BLE001 - the order's own, or whatever Dask says of its loss
            is_of_order = remote.status == "error" and not type(error).__module__.startswith("distributed")
            self._settle(asked, error=error if is_of_order else self._away(asked, str(error)))
        _give_up(remote)

    def _away(self, asked: _Asked, reason: str) -> ClusterError:
        """Return what to say when Dask has lost an answer; it cancels all if its scheduler goes away."""
        self._lost.add(asked.order.slot)
        if asked.remote.status == "cancelled":
            return ClusterError(self._cluster, SCHEDULER_AWAY)
        return RemoteWorkerLostError(self._cluster, f"worker {self.name!r} is lost: {reason}")

    def _settle(
        self, asked: _Asked, *, record: PictureRecord | None = None, error: BaseException | None = None
    ) -> None:
        """Say what became of an order; what is said first holds."""
        with suppress(InvalidStateError):
            if record is not None:
                asked.future.set_result(record)
            else:
                asked.future.set_exception(error)

    def _on_settled(self, asked: _Asked, future: Future[PictureRecord]) -> None:
        with self._lock:
            if self._asked.get(asked.order.slot) is asked:
                del self._asked[asked.order.slot]
        if future.cancelled():
            self._tell(there.take_back, self._errand.run, asked.order.slot)
            _give_up(asked.remote)


def submit_to(scheduler: Scheduler, address: str, title: str, call: Any, *arguments: object) -> Any:
    """Have one worker call a function once, and no other; the dashboard shows the title."""
    return scheduler.submit(
        call,
        *arguments,
        key=f"{title}-{next(_numbers)}",  # the same may be asked for again
        workers=[address],
        allow_other_workers=False,
        pure=False,
        retries=0,
    )


def _give_up(remote: Any) -> None:
    """Let Dask forget a task at once: it would compute again a result whose worker is gone."""
    if remote is not None:
        remote.release()
