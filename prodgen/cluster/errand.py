"""What happens on a worker: functions that Dask calls there, and what stays between their calls.

A worker is one process with one backend. It keeps a place for each run that it works for, so that pools and
connections are opened once, and the orders that are under way, so that one that is asked for again (its
scheduler was started again, for instance) is waited for and not made twice.
"""

from __future__ import annotations

import pickle
import sys
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass, field

from prodgen import __version__
from prodgen.catalogue import Order
from prodgen.dispatch import Place, Step
from prodgen.errors import StorageError
from prodgen.ledger import PictureRecord, made_before
from prodgen.storage import Store

MakePlace = Callable[[str, int | None, int | None], AbstractContextManager[Place]]
"""Opens a place with a backend's address, a number of processes and bytes for them (None: by the machine).

It is picklable, and called once for each run in each worker's process; its end interrupts what is made there.
"""


@dataclass(frozen=True, slots=True)
class Errand:
    """What all orders of a run have in common; it travels with each."""

    run: str
    """The run's token."""
    outputs: Store
    """Where pictures are written."""
    make_place: MakePlace


@dataclass
class _Desk:
    """What a worker's process keeps."""

    backend: str = "auto"
    """The address of its backend."""
    workers: int | None = None
    """Processes for the work on pictures; None: by its cores."""
    memory: int | None = None
    """Bytes that they may take; None: by its memory."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    places: dict[str, tuple[Place, ExitStack]] = field(default_factory=dict)
    """By the run's token; with what ends it."""
    under_way: dict[tuple[str, str], Future[PictureRecord]] = field(default_factory=dict)
    """By the run's token and the order's slot."""
    undrawn: set[tuple[str, str]] = field(default_factory=set)
    """Those of them whose scene is not drawn yet."""


DESK = _Desk()
"""What this process keeps, if it is a worker."""


def versions() -> dict[str, str]:
    """Return the versions that have to be equal, since orders travel pickled."""
    import distributed

    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    return {"prodgen": __version__, "Python": python, "distributed": distributed.__version__}


def make_picture(packed: bytes, *, look_first: bool) -> PictureRecord:
    """Make the picture of an order, with this worker's backend and processors.

    Args:
        packed: Its run's errand and the order, pickled: what cannot be unpickled here is then an error of
            this call, where Dask itself would break off its connection.
        look_first: Whether it may have been made already, by a worker that was lost before it could say so.
    """
    errand: Errand
    order: Order
    errand, order = pickle.loads(packed)  # noqa: S301 - from the scheduler, which could send any code
    future = DESK.under_way.get((errand.run, order.slot))
    if future is None:
        if look_first and (record := made_before(errand.outputs, order)) is not None:
            return record
        future = _begin(errand, order)
    return future.result()


def _begin(errand: Errand, order: Order) -> Future[PictureRecord]:
    from distributed import get_worker

    worker, key = get_worker(), (errand.run, order.slot)

    def on_step(_place: str, order: Order, step: Step) -> None:
        if step == "complete":
            DESK.undrawn.discard(key)
        # Not "worker": that key is Dask's own, which puts the worker's address there.
        told = {"place": worker.name, "slot": order.slot, "step": step}
        worker.log_event(errand.run, told | {"window": place.room() + len(DESK.undrawn)})

    def on_end(_: Future[PictureRecord]) -> None:
        DESK.under_way.pop(key, None)
        DESK.undrawn.discard(key)

    with DESK.lock:
        place = _place(errand)
        DESK.undrawn.add(key)
        future = DESK.under_way[key] = place.submit(order, on_step)
    future.add_done_callback(on_end)
    return future


def take_back(run: str, slot: str) -> None:
    """Give up an order, if its scene is not drawn yet."""
    future = DESK.under_way.get((run, slot))
    if future is not None:
        future.cancel()


def dismiss(run: str) -> None:
    """Close the place of a run that is over; what it still makes is interrupted."""
    with DESK.lock:
        _, end = DESK.places.pop(run, (None, ExitStack()))
    end.close()


def dismiss_all() -> None:
    """Interrupt all that is made here: the process ends."""
    for run in tuple(DESK.places):
        dismiss(run)


def probe(packed: bytes) -> None:
    """Ask the backend, as `Place.probe` does.

    Raises:
        ProdgenError: If it cannot work.
    """
    errand: Errand = pickle.loads(packed)  # noqa: S301 - as above
    with DESK.lock:
        place = _place(errand)
    place.probe()


def _place(errand: Errand) -> Place:
    if errand.run not in DESK.places:
        end = ExitStack()
        place = end.enter_context(errand.make_place(DESK.backend, DESK.workers, DESK.memory))
        DESK.places[errand.run] = place, end
    return DESK.places[errand.run][0]


def sees(outputs: Store, name: str, content: bytes) -> bool:
    """Say whether a store here is the one in which the run wrote an object."""
    with suppress(StorageError):
        return outputs.get(name) == content
    return False


def reads(photo: str) -> bool:
    """Say whether a photograph can be read here."""
    with suppress(OSError), open(photo, "rb") as file:  # noqa: PTH123 - a path of another machine, as it is spelled
        return bool(file.read(1))
    return False
