"""The processes of this machine that do the CPU's work for all its places, and who does what in them.

An order stays in one process from its preparation to its files, so that its pictures never travel. Here is
only the book about it: which process works on which step, what waits for which backend, what memory it takes.
One lock guards the book; what is done under it takes microseconds.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack
from functools import partial
from itertools import count

from prodgen.catalogue import Order
from prodgen.dispatch import OnStep
from prodgen.errors import NoWorkerError, SettingError, WorkerLostError
from prodgen.ledger import PictureRecord
from prodgen.places.backend_doors import backend_at
from prodgen.places.job import CPU_STEPS, CpuStep, CrewMember, Job, product_of
from prodgen.places.links import Link, ProcessLink, ThreadLink
from prodgen.places.local_place import LocalPlace
from prodgen.places.memory import default_memory
from prodgen.places.messages import (
    AtTheGate,
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
from prodgen.places.workplace import Workplace

PROCESS_BYTES = 200 << 20
"""What a process takes that works on nothing: its libraries, and the network that cuts out."""

STEP_BYTES_A_PIXEL = 400
"""Most that a step of the CPU's work takes at once: 1071 MB for 1300x2000, by docs/benchmarks.md."""

HELD_BYTES_A_PIXEL = 60
"""What an order takes between its steps: photograph, foreground and product in floats, mattes, the scene."""

PIXELS_AT_FIRST = 4_000_000
"""Size of a picture before the first was seen."""

SIZES = 32
"""Pictures whose sizes are remembered: one large one among small ones counts until so many have followed."""

PACKED = 64
"""Preparations kept for other processes, of about 40 kB each."""


DEATHS = 3
"""Processes that may end one after another before any has done a step; from then on none is replaced. Twice
may be chance, such as another program that took the memory for a moment."""

log = logging.getLogger(__name__)


class Crew:
    """Processes for the CPU's work, shared by all places of this machine."""

    def __init__(
        self,
        workplace: Workplace,
        *,
        workers: int | None = None,
        memory: int | None = None,
        tell: Callable[[str], None] = log.warning,
    ) -> None:
        """Make a crew; its processes are started when there is work for them.

        Args:
            workplace: Where pictures come from and where they go.
            workers: Processes; None: one for each core that this process may use; 0: a thread of this
                process, for few pictures.
            memory: Bytes that all may take together; None: half of what is free.
            tell: Gets a sentence where an engine in this process is slow, before its first picture.
        """
        self._tell = tell
        self._workplace, self._is_apart = workplace, workers != 0
        self._memory = default_memory() if memory is None else memory
        self._lock = threading.RLock()
        self._numbers = count(1)
        self._jobs: dict[int, Job] = {}
        self._waiting: deque[Job] = deque()
        """Orders that nobody has begun."""
        self._places: list[LocalPlace] = []
        self._packed: OrderedDict[str, bytes] = OrderedDict()
        """Preparations by product, for processes that have not made them."""
        self._sizes: deque[int] = deque(maxlen=SIZES)
        """Pixels of the last pictures; one that is not read yet may be as large as the largest of them."""
        self._doors = ExitStack()
        """Ways in to the engines that draw in this process."""
        self._is_closed = False
        self._has_worked = False
        """Whether any process has done a step of an order."""
        self._deaths = 0
        """Processes that ended by no order's fault, since a step was done."""
        self._broken: NoWorkerError | None = None
        """Why nothing can be made any more."""
        most = max(1, default_workers() if workers is None else workers)
        self._workers = [CrewMember(f"worker {number}", self._start) for number in range(1, most + 1)]

    def place(self, address: str, *, dialect: str | None = None) -> LocalPlace:
        """Return the place of a backend.

        Raises:
            SettingError: If it is no address, or has a place already; if an engine has nothing to draw with.
        """
        backend, door = backend_at(address, dialect, self._doors, tell=self._tell)
        if any(place.name == backend.name for place in self._places):
            raise SettingError(f"the backend {backend.name} is named twice; name each once")
        place = LocalPlace(self, backend, door)
        self._places.append(place)
        return place

    def close(self) -> None:
        """End all processes; what they work on is interrupted."""
        with self._lock:
            self._is_closed = True
            for place in self._places:
                self.interrupt(place)
            links = [worker.link for worker in self._workers if worker.link is not None]
        for link in links:
            link.hang_up()  # all of them first, so that they end at the same time
        for link in links:
            link.close()
        self._doors.close()

    # What places ask.

    def room(self, place: LocalPlace) -> int:
        """Return how many more orders a place can take."""
        with self._lock:
            # More renders would only wait for the CPU, and be lost if the machine fails.
            behind = sum(worker.behind() for worker in self._workers)
            is_behind = behind > 2 * len(self._workers) + len(self._places)
            if place.jobs and (is_behind or not self._fits_one_more()):
                return 0
            undrawn = sum(not job.is_drawn for job in place.jobs)
            return place.window(len(self._workers)) - undrawn

    def submit(self, place: LocalPlace, order: Order, on_step: OnStep) -> Future[PictureRecord]:
        """Begin an order as soon as there is a process for it."""
        job = Job(next(self._numbers), order, place, on_step, product_of(order))
        job.submitted = time.monotonic()
        with self._lock:
            if self._broken is not None:
                job.fail(self._broken)
                return job.future
            self._enter(job)
            self._waiting.append(job)
            job.future.add_done_callback(lambda future: self._drop(job) if future.cancelled() else None)
            self._go_on()
        return job.future

    def interrupt(self, place: LocalPlace) -> None:
        """Give up all orders of a place; what is being written already is finished."""
        with self._lock:
            for job in tuple(place.jobs):
                if not job.is_committed or self._is_closed:
                    job.give_up()
                    self._drop(job)

    # What happens.

    def _on_report(self, report: Report) -> None:
        with self._lock:
            for worker in self._workers if not isinstance(report, Left) else ():
                if worker.works_on is not None and worker.works_on.number == report.job:
                    worker.works_on = None
            if not isinstance(report, Failed):
                self._has_worked, self._deaths = True, 0
            job = self._jobs.get(report.job)
            if job is not None:  # otherwise it was dropped meanwhile
                self._note(job, report)
            self._go_on()

    def _note(self, job: Job, report: Report) -> None:
        took = time.monotonic() - job.begun
        match report:
            case Prepared():
                job.pixels = report.pixels
                self._sizes.append(report.pixels)
                self._keep_packed(job.product, report.packed)
                job.is_prepared, job.asks_backend = True, report.asks_backend
                self._await_drawing(job)
            case AtTheGate():
                job.place.at_the_gate(job)
                job.is_enlarging = job.is_drawn
                if not job.is_drawn:
                    job.place.came_to_gate(time.monotonic() - job.submitted)
            case Left():
                job.place.drawing = None
                self._note_drawn(job, took)
            case Done(step="draw"):
                if job.draws_by_cpu:
                    self._note_drawn(job, took)
                self._await_cpu(job, "complete")
            case Done(is_kept=False):
                job.is_enlarging = False
                self._await_drawing(job)
            case Done():
                job.is_enlarging = False
                # From here on it cannot be cancelled: nobody else may write the same file.
                if job.is_committed or job.future.set_running_or_notify_cancel():
                    job.is_committed = True
                    self._await_cpu(job, "deliver")
            case Delivered():
                self._leave(job)
                job.future.set_result(report.record)
            case Failed():
                self._leave(job)
                job.fail(report.error)

    def _note_drawn(self, job: Job, took: float) -> None:
        if not job.is_drawn:  # otherwise a scene was enlarged, which tells nothing of how fast it draws
            job.place.drew(took)
            job.is_drawn = True
        job.tell("complete")

    def _on_end(self, worker: CrewMember, reason: str, is_up: bool) -> None:
        """Have a new process in place of one that ended; only what it was working on is suspect.

        No order is, if the process never came to it, or if none has ever come to the end of a step: then the
        order goes behind the others, so that one that kills its process does not pass for a broken machine.
        """
        with self._lock:
            if self._is_closed:
                return
            is_of_none = not is_up or (bool(self._waiting) and not self._has_worked)
            self._deaths += is_of_none
            self._workers.remove(worker)
            if self._deaths < DEATHS:
                self._workers.append(CrewMember(worker.name, self._start))
            drawn = {job for job in worker.jobs if job.place.drawing is job}
            suspects = drawn if worker.works_on is None else {worker.works_on}
            suspects |= {job for job in worker.jobs if job.is_enlarging}
            for job in tuple(worker.jobs):
                self._leave(job)
                if job in suspects and not is_of_none:
                    job.fail(WorkerLostError(worker.name, job.order.slot, reason))
                else:
                    job.worker, job.is_prepared, job.is_drawn = None, False, False
                    self._enter(job)
                    (self._waiting.append if job in suspects else self._waiting.appendleft)(job)
            if self._deaths >= DEATHS:
                self._go_on_without_it(reason)
            self._go_on()

    def _go_on_without_it(self, reason: str) -> None:
        """Say that a worker is missing; give all orders back if nobody is left to make them."""
        if self._workers:
            log.warning("one process less for the CPU's work, %d left: %s", len(self._workers), reason)
            return
        self._broken = NoWorkerError(reason)
        for job in tuple(self._jobs.values()):
            self._leave(job)
            job.fail(self._broken)

    # The book.

    def _enter(self, job: Job) -> None:
        self._jobs[job.number] = job
        job.place.jobs.add(job)

    def _drop(self, job: Job) -> None:
        with self._lock:
            if job.number in self._jobs:
                worker = job.worker
                self._leave(job)
                if worker is not None:
                    worker.reach().send(Forget(job.number))
                self._go_on()

    def _leave(self, job: Job) -> None:
        self._jobs.pop(job.number, None)
        job.place.leave(job)
        if job in self._waiting:
            self._waiting.remove(job)
        if job.worker is not None:
            job.worker.dismiss(job)

    def _keep_packed(self, product: str, packed: bytes | None) -> None:
        if packed is not None:
            self._packed[product] = packed
            if len(self._packed) > PACKED:
                self._packed.popitem(last=False)

    def _await_drawing(self, job: Job) -> None:
        job.is_drawn = False
        if job.draws_by_cpu:
            self._await_cpu(job, "draw")
        else:
            self._begin(job, "draw", is_cpu_work=False)

    def _await_cpu(self, job: Job, step: CpuStep) -> None:
        job.holder.ready[step].append(job)

    def _fits_one_more(self) -> bool:
        """Whether there is memory for one more step of the CPU's work."""
        processes = sum(worker.link is not None for worker in self._workers) * self._is_apart
        unknown = max(self._sizes, default=PIXELS_AT_FIRST)
        held = sum(job.pixels or unknown for job in self._jobs.values() if job.worker is not None)
        worked_on = [worker.works_on for worker in self._workers]
        worked_on += [job for job in self._jobs.values() if job.is_enlarging]
        steps = unknown + sum(job.pixels or unknown for job in worked_on if job is not None)
        taken = processes * PROCESS_BYTES + held * HELD_BYTES_A_PIXEL + steps * STEP_BYTES_A_PIXEL
        return taken <= self._memory

    # Going on.

    def _go_on(self) -> None:
        """Begin whatever can be begun now."""
        if self._is_closed:
            return
        for place in self._places:
            job = place.next_to_draw()
            if job is not None:
                job.begun = time.monotonic()
                job.tell("enlarge" if job.is_drawn else "draw")
                job.holder.reach().send(Enter(job.number))
        # The one that holds the fewest orders first: they stay where they begin.
        for worker in sorted(self._workers, key=lambda worker: len(worker.jobs)):
            # However little memory there is, one may always work.
            is_only = not any(other.works_on for other in self._workers)
            if worker.works_on is None and (is_only or self._fits_one_more()):
                self._employ(worker)

    def _employ(self, worker: CrewMember) -> None:
        """Give a worker its next step: preparations before completions, so that no backend waits for them."""
        step: CpuStep | None = "deliver" if worker.ready["deliver"] else None
        job = None if step else self._next_for(worker)
        if job is not None:
            if self._is_reached(worker):
                self._prepare(worker, job)
            return
        step = step or next((one for one in CPU_STEPS if worker.ready[one]), None)
        if step is not None:
            worker.works_on = worker.ready[step].popleft()
            self._begin(worker.works_on, step, is_cpu_work=True)

    def _is_reached(self, worker: CrewMember) -> bool:
        """Start a worker that is not started yet; where the system refuses that, do without it."""
        try:
            worker.reach()
        except (OSError, RuntimeError) as error:  # no memory for a process, or for the thread that listens
            self._workers.remove(worker)
            self._go_on_without_it(f"none can be started: {getattr(error, 'strerror', None) or error}")
            return False
        return True

    def _prepare(self, worker: CrewMember, job: Job) -> None:
        self._waiting.remove(job)
        worker.works_on, job.worker = job, worker
        worker.jobs.add(job)
        packed = None if job.product in worker.products else self._packed.get(job.product)
        worker.products.append(job.product)
        job.tell("prepare")
        worker.reach().send(Prepare(job.number, job.order, job.place.backend, packed))

    def _next_for(self, worker: CrewMember) -> Job | None:
        """Return the order to begin: rather of a product that it has, never of one that another cuts out."""
        under_way = {
            other.works_on.product
            for other in self._workers
            if other.works_on is not None and not other.works_on.is_prepared
        }
        free = [job for job in self._waiting if job.product in self._packed or job.product not in under_way]
        return next((job for job in free if job.product in worker.products), free[0] if free else None)

    def _begin(self, job: Job, step: CpuStep, *, is_cpu_work: bool) -> None:
        job.begun = time.monotonic()
        if step == "draw" and is_cpu_work:
            job.tell("draw")
        job.holder.reach().send(Go(job.number, step, is_cpu_work))

    def _start(self, worker: CrewMember) -> Link:
        kind = ProcessLink if self._is_apart else ThreadLink
        return kind(self._workplace, self._on_report, partial(self._on_end, worker))


def default_workers() -> int:
    """Return the number of processes for the CPU's work if nobody says: the cores that this one may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
