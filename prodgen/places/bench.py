"""Where orders are made, step by step, in one process or beside others in a thread.

The CPU does one step at a time; drawings wait for their backends in threads of their own, each with its call
encoded, so that a backend has the next one as soon as it has answered. A step of the CPU that has a backend
enlarge the scene lets the next one work meanwhile. What an order needs between its steps stays here: pictures
never travel.
"""

from __future__ import annotations

import hashlib
import pickle
import sys
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from prodgen.catalogue import Order, order_shot
from prodgen.client import Client
from prodgen.errors import (
    BackendError,
    BackendOutOfMemoryError,
    ImageError,
    Interrupted,
    ProdgenError,
    StorageError,
    WorkerLostError,
)
from prodgen.places.filing import file_away
from prodgen.places.messages import (
    AtTheGate,
    Command,
    Delivered,
    Done,
    Enter,
    Failed,
    Forget,
    Go,
    Left,
    Prepare,
    Prepared,
    Report,
)
from prodgen.places.workplace import Backend, Workplace
from prodgen.shots import Result, Tries, check, complete, draw, preparation, prepare
from prodgen.shots.frame import Tools
from prodgen.shots.handing_over import DrawnShot, PreparedShot
from prodgen.shots.layers import Placed

KEPT = 2
"""Preparations kept for the next orders of their products: about 130 MB each at 1300x2000."""

READ_BYTES = 1 << 20


@dataclass(eq=False, slots=True)
class _Job:
    order: Order
    backend: Backend
    held: ExitStack = field(default_factory=ExitStack)
    """Holds fetched photographs until the order has left."""
    digests: Mapping[str, str] = field(default_factory=dict)
    prepared: PreparedShot = field(init=False)
    tries: Tries = field(init=False)
    drawing: DrawnShot = field(init=False)
    result: Result = field(init=False)
    client: Client | None = None
    """The client that draws for it now; others may wait for their turn with the same one."""
    is_calling: bool = False
    """Whether the call that its client makes is its own."""
    may_enter: threading.Event = field(default_factory=threading.Event)
    """Set when its call may go to the backend, or will not any more."""


_Work = Callable[[int, _Job], Report]
"""A step: takes an order's number and the order, and reports what came of it."""


class Bench:
    """Makes orders step by step; `report` is called from its threads."""

    def __init__(self, workplace: Workplace, report: Callable[[Report], None]) -> None:
        self._workplace, self._report = workplace, report
        self._jobs: dict[int, _Job] = {}
        self._kept: OrderedDict[Hashable, PreparedShot] = OrderedDict()
        self._clients: dict[Backend, Client] = {}
        self._borrowed: Counter[Client] = Counter()
        """How many jobs have each client; calls wait for their turn with it."""
        self._running: set[int] = set()
        self._thread = threading.local()
        self._lock = threading.Lock()
        self._cpu = threading.Lock()
        """Held by whoever works, and by nobody who waits for a backend."""

    def take(self, command: Command) -> None:
        """Begin what is asked, and return at once; every step but a dropping is answered by one report."""
        number = command.job
        match command:
            case Prepare(order=order, backend=backend, packed=packed):
                self._jobs[number] = _Job(order, backend)
                self._begin(self._do_by_cpu, number, partial(self._prepare, packed=packed))
            case Go(step=step):
                work = {"draw": self._draw, "complete": self._complete, "deliver": self._deliver}[step]
                self._begin(self._do_by_cpu if command.is_cpu_work else self._do, number, work)
            case Enter():
                if number in self._jobs:
                    self._jobs[number].may_enter.set()
            case Forget():
                self._drop(number)

    def close(self) -> None:
        """Interrupt what backends draw, and close their connections; waits for no backend."""
        for number in tuple(self._jobs):
            self._drop(number)
        for client in self._clients.values():  # those that draw were retired, and close themselves
            client.close()

    def wait(self, seconds: float) -> None:
        """Wait until what runs has ended, but not for long."""
        end = time.monotonic() + seconds
        while self._running and time.monotonic() < end:
            time.sleep(0.02)

    def tell_what_is_left(self) -> None:
        """Say on stderr which calls could not be ended, and will be drawn by their servers all the same."""
        for client in tuple(self._borrowed):
            if (left := client.left_on_server()) is not None and sys.stderr is not None:
                with suppress(OSError, ValueError):  # nobody reads it
                    print(f"prodgen: {left}", file=sys.stderr, flush=True)  # noqa: T201 - the process ends; no command is left to say it

    def wait_for_cpu(self) -> None:
        """Wait until the CPU's step has ended: Python must not end while a thread is inside OpenCV."""
        with self._cpu:
            pass

    def _begin(self, do: Callable[[int, _Work], None], number: int, work: _Work) -> None:
        """Do a step in a thread of its own; one that waits for a dead backend keeps no program alive."""
        threading.Thread(target=do, args=(number, work), name="prodgen-bench", daemon=True).start()

    def _do_by_cpu(self, number: int, work: _Work) -> None:
        with self._cpu:
            self._thread.has_cpu = True
            self._do(number, work)
            self._thread.has_cpu = False

    def _do(self, number: int, work: _Work) -> None:
        job = self._jobs.get(number)
        # Where the backend is elsewhere, the calls of all processes to it take turns.
        self._thread.job = number if job is not None and not job.backend.is_inside else None
        self._running.add(number)
        report: Report
        try:
            report = Failed(number, Interrupted("dropped")) if job is None else work(number, job)
        except MemoryError:
            report = Failed(number, WorkerLostError("the worker", _slot(job), "its memory is too small"))
        except ProdgenError as error:
            report = Failed(number, error)
        except Exception as error:  # noqa: BLE001 - a fault of prodgen in one order must not end the run
            report = Failed(number, _portable(error))
        if isinstance(report, Delivered | Failed):
            self._leave(number)
        self._running.discard(number)
        self._report(report)

    def _leave(self, number: int) -> None:
        job = self._jobs.pop(number, None)
        if job is not None:
            job.held.close()

    def _drop(self, number: int) -> None:
        job = self._jobs.get(number)
        if job is not None and job.client is not None and job.is_calling:
            self._retire(job.backend, job.client)
            job.client.cancel()
        self._leave(number)
        if job is not None:
            job.may_enter.set()  # and finds that it was dropped

    # The steps.

    def _prepare(self, number: int, job: _Job, *, packed: bytes | None) -> Report:
        order, pictures = job.order, self._workplace.pictures
        try:
            paths = job.held.enter_context(pictures.held(order.pictures))
        except StorageError as error:  # of this row's picture, and not of the run's folder
            raise ImageError(str(error)) from error
        job.digests = {address: _digest(path) for address, path in paths.items()}
        shot = order_shot(order, root=self._workplace.root, pictures=paths)
        check(shot)
        key = (preparation(shot), tuple(job.digests.values()))
        kept = self._kept.pop(key, None) or _unpacked(packed, job.digests)
        is_new = kept is None
        kept = self._kept[key] = kept or prepare(shot)
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        job.prepared, job.tries = kept.for_shot(shot), Tries(shot)
        place = kept.frame[Placed].placement
        pixels = max(place.width * place.height, place.photo_width * place.photo_height)
        packed = pickle.dumps((job.digests, kept)) if is_new else None
        return Prepared(number, pixels, shot.recipe.asks_backend, packed)

    def _draw(self, number: int, job: _Job) -> Report:
        with self._lent(job) as client:
            tools = Tools(client=lambda: client)
            try:
                job.drawing = draw(job.prepared, tools, seed=job.tries.seed)
            except BackendOutOfMemoryError:
                with suppress(BackendError):
                    client.service.unload_checkpoint()
                job.drawing = draw(job.prepared, tools, seed=job.tries.seed)
        return Done(number, "draw")

    def _complete(self, number: int, job: _Job) -> Report:
        with self._lent(job) as client:
            tools = Tools(client=lambda: client)
            result = job.tries.settle(complete(job.drawing, tools))
        del job.drawing
        if result is not None:
            job.result = result
        return Done(number, "complete", is_kept=result is not None)

    def _deliver(self, number: int, job: _Job) -> Report:
        store, name = self._workplace.store, job.backend.name
        return Delivered(
            number, file_away(job.order, job.result, store, place=name, photo_sha256=job.digests)
        )

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Wait until the backend is free for the call that this thread is about to send."""
        number: int | None = getattr(self._thread, "job", None)
        if number is None:
            yield
            return
        with self._without_cpu():
            job = self._jobs.get(number)
            if job is not None:
                self._report(AtTheGate(number))
                job.may_enter.wait()
                job.may_enter.clear()
            if number not in self._jobs:
                raise Interrupted("dropped")
            if job is not None:
                job.is_calling = True
            try:
                yield
            finally:
                if job is not None:
                    job.is_calling = False
                self._report(Left(number))

    @contextmanager
    def _without_cpu(self) -> Iterator[None]:
        """Let another step work while this thread waits."""
        if not getattr(self._thread, "has_cpu", False):
            yield
            return
        self._cpu.release()
        try:
            yield
        finally:
            self._cpu.acquire()

    # Its connections.

    @contextmanager
    def _lent(self, job: _Job) -> Iterator[Client]:
        """Give a job its backend's client; one that was retired is closed by the last that has it."""
        client = job.client = self._client(job.backend)
        # The embedded backend has no turns: one thread draws, so that each call is the job's own.
        job.is_calling = job.backend.is_inside
        try:
            yield client
        except BackendError:
            self._retire(job.backend, client)  # it may come back as another server
            raise
        finally:
            job.client = None
            with self._lock:
                self._borrowed[client] -= 1
                is_last = not self._borrowed[client]
                if is_last:
                    del self._borrowed[client]
                is_retired = self._clients.get(job.backend) is not client
            if is_last and is_retired:
                client.close()

    def _client(self, backend: Backend) -> Client:
        with self._lock:
            client = self._clients.get(backend)
            if client is None:
                client = Client(backend.address, dialect=backend.dialect, turn=self._turn)
                self._clients[backend] = client
            self._borrowed[client] += 1
            return client

    def _retire(self, backend: Backend, client: Client) -> None:
        """Let the next drawing open a connection of its own: this one hangs, or knows another server."""
        with self._lock:
            if self._clients.get(backend) is client:
                del self._clients[backend]


def _digest(path: Path) -> str:
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while part := file.read(READ_BYTES):
                digest.update(part)
    except OSError:
        return ""  # whoever reads it next says why, in a sentence
    return digest.hexdigest()


def _unpacked(packed: bytes | None, digests: Mapping[str, str]) -> PreparedShot | None:
    """Return a preparation that another process made, if the files are still those that it was made of."""
    if packed is None:
        return None
    made_of, prepared = pickle.loads(packed)  # noqa: S301 - our own
    return prepared if made_of == digests else None


def _slot(job: _Job | None) -> str:
    return "" if job is None else job.order.slot


def _portable(error: Exception) -> Exception:
    """Return an error that another process can read, whatever it holds."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - whatever its class does wrong
        return RuntimeError(f"{type(error).__name__}: {error}")
    return error
