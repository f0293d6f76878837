"""Who is in a Dask cluster, and whether they are fit: they join, leave and come back while a run goes on."""

from __future__ import annotations

import logging
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from prodgen.cluster import errand as there
from prodgen.cluster.worker_place import SCHEDULER_AWAY, WorkerPlace, submit_to
from prodgen.dispatch import Newcomers, Step
from prodgen.errors import ClusterError, RemoteWorkerLostError, SettingError
from prodgen.places.crew import default_workers
from prodgen.places.memory import default_memory
from prodgen.storage import Store, is_url

if TYPE_CHECKING:
    from distributed import Client as Scheduler

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""Seconds between two looks at who is there: a place that is gone is noticed within them."""

CONNECT_S = 10.0
"""Seconds in which a scheduler answers, or is not there."""

ANSWER_S = 15.0
"""Seconds in which a worker that joins says what it sees."""

START_S = 60.0
"""Seconds in which the workers of "local:N" have to be there: each imports prodgen, on busy processors."""


class Cluster:
    """The workers of one scheduler, as places of one run."""

    def __init__(self, address: str, errand: there.Errand, photo: str | None) -> None:
        self.address = address
        self.newcomers = Newcomers(
            f"a worker to join: on another machine, start prodgen worker --scheduler {address}"
        )
        self._errand, self._photo = errand, photo
        self._places: dict[str, WorkerPlace] = {}
        self._refused: set[str] = set()
        """Addresses of workers that are unfit."""
        self._lost: set[str] = set()
        self._is_over = threading.Event()
        self._scheduler = self._connect()
        self._heard_by = ""
        """Identity of the scheduler that sends us how far workers are."""

    @property
    def places(self) -> tuple[WorkerPlace, ...]:
        """The workers that were there at the start."""
        return tuple(self._places.values())

    def names(self) -> set[str]:
        """Return the names of the workers that the scheduler has, fit or not."""
        return {str(facts["name"]) for facts in self._identity()["workers"].values()}

    def _identity(self) -> Mapping[str, Any]:
        """Ask the scheduler who it is and who is there; `Client.scheduler_info` may give old news."""
        told: Mapping[str, Any] = self._scheduler.sync(self._scheduler.scheduler.identity, n_workers=-1)
        return told

    def _connect(self) -> Scheduler:
        from distributed import Client

        try:
            return Client(self.address, timeout=CONNECT_S, set_as_default=False, name="prodgen-batch")
        except (OSError, ValueError) as error:  # a time-out is an OSError too
            reason = "no Dask scheduler answers there; start one with: dask scheduler --host 127.0.0.1"
            raise ClusterError(self.address, reason) from error

    def look(self, *, is_start: bool = False) -> None:
        """See who is there: places of new workers are made, and those of missing ones say so.

        Raises:
            ClusterError: At the start, if a worker that is there is unfit.
        """
        if self._scheduler.status != "running":
            self._wait_for_the_scheduler()
            return
        info = self._identity()
        if info["id"] != self._heard_by:
            self._scheduler.subscribe_topic(self._errand.run, self._on_step)
            self._heard_by = info["id"]
        here = {str(x["name"]): {**x, "address": address} for address, x in info["workers"].items()}
        for name, known in self._places.items():
            if known.address and here.get(name, {}).get("address") != known.address:
                known.detach(RemoteWorkerLostError(self.address, f"worker {name!r} went away"))
        for name, facts in here.items():
            place = self._places.get(name)
            if facts["address"] not in self._refused and (place is None or not place.address):
                self._welcome(name, facts, is_start=is_start)

    def _wait_for_the_scheduler(self) -> None:
        for place in self._places.values():
            if place.address:
                place.detach(ClusterError(self.address, SCHEDULER_AWAY))
        if self._scheduler.status == "closed":
            with suppress(ClusterError):
                self._scheduler = self._connect()

    def _welcome(self, name: str, facts: Mapping[str, Any], *, is_start: bool) -> None:
        why_not = self._unfit(name, facts)
        if why_not:
            self._refused.add(facts["address"])
            if is_start:
                raise ClusterError(self.address, why_not)
            log.warning("%s: %s", self.address, why_not)
            return
        place = self._places.get(name)
        is_new = place is None
        if place is None:
            place = self._places[name] = WorkerPlace(name, self.address, self._errand, self._lost)
        place.attach(self._scheduler, facts["address"])
        if is_new and not is_start:
            self.newcomers.join(place)

    def _unfit(self, name: str, facts: Mapping[str, Any]) -> str:
        """Say why a worker cannot work for this run; "": it can."""
        ours, theirs = there.versions(), facts.get("prodgen")
        if theirs is None:
            return f"worker {name!r} was not started by prodgen worker, so that it has no backend; stop it"
        different = [what for what in ours if ours[what] != theirs.get(what)]
        if different:
            told = "; ".join(f"{what} {theirs.get(what)} there, {ours[what]} here" for what in different)
            return f"worker {name!r} has other versions, which cannot work together; install the same: {told}"
        return self._unseen(name, str(facts["address"]))

    def _unseen(self, name: str, address: str) -> str:
        outputs, token = self._errand.outputs, secrets.token_hex(16)
        mark = f".seen-{token[:12]}"
        outputs.put(mark, token.encode())
        try:
            if not self._ask(address, there.sees, outputs, mark, token.encode()):
                return (
                    f"worker {name!r} does not see the output {outputs.address!r} as this machine does; "
                    "mount the same folder at the same place there, or write into an object store"
                )
        finally:
            outputs.delete(mark)
        photo = self._photo
        if photo is not None and not is_url(photo) and not self._ask(address, there.reads, photo):
            return f"worker {name!r} cannot read the photograph {photo!r}; mount its folder there too"
        return ""

    def _ask(self, address: str, call: Any, *arguments: object) -> Any:
        try:
            return submit_to(self._scheduler, address, "look", call, *arguments).result(timeout=ANSWER_S)
        except Exception as error:  # whatever Dask says, the worker did not answer
            raise ClusterError(self.address, f"the worker at {address} does not answer: {error}") from error

    def _on_step(self, event: tuple[float, Mapping[str, Any]]) -> None:
        told = event[1]
        place = self._places.get(str(told["place"]))
        if place is not None:
            step: Step = told["step"]
            place.heard(str(told["slot"]), step, int(told["window"]))

    def watch(self) -> None:
        """Look again and again until `close`; what Dask says meanwhile ends no run."""
        while not self._is_over.wait(LOOK_S):
            try:
                self.look()
            except Exception as error:  # noqa: BLE001 - whatever Dask raises when a connection breaks: the next look decides
                log.debug("a look at the cluster failed: %r", error)

    def close(self) -> None:
        """Leave the cluster; its workers stay for the next run."""
        self._is_over.set()
        self._scheduler.close(timeout=5)


@contextmanager
def open_cluster(
    address: str,
    *,
    outputs: Store,
    make_place: there.MakePlace,
    photo: str | None = None,
    backends: Sequence[str] = ("auto",),
    workers: int | None = None,
    memory: int | None = None,
) -> Iterator[Cluster]:
    """Give the workers of a cluster as places; more may join while the block lasts.

    Args:
        address: Of a Dask scheduler, such as "tcp://farm:8786"; or "local:N", which starts N workers here.
        outputs: Where pictures are written; every worker must see it.
        make_place: What a worker makes its place with.
        photo: One of the photographs, to find out whether the workers see them.
        backends: What the workers of "local:N" draw with, in turn; others have brought theirs.
        workers: Processes that those of "local:N" have together; None: one for each core.
        memory: Bytes that those may take together; None: half of what is free.

    Raises:
        SettingError: If Dask is not installed, or "local:N" is wrong.
        ClusterError: If the scheduler does not answer, or a worker is unfit.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        message = "a cluster needs the library distributed: pip install 'prodgen[cluster]'"
        raise SettingError(message) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it is an event of the run
    with _scheduler_at(address, backends, workers, memory) as (found, started):
        cluster = Cluster(found, there.Errand(secrets.token_hex(8), outputs, make_place), photo)
        try:
            if started:
                _wait_for(cluster, started)
            cluster.look(is_start=True)
            threading.Thread(target=cluster.watch, name="prodgen-cluster", daemon=True).start()
            yield cluster
        finally:
            cluster.close()


def _wait_for(cluster: Cluster, started: Sequence[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + START_S
    while len(cluster.names()) < len(started):
        if any(worker.poll() is not None for worker in started) or time.monotonic() > until:
            raise ClusterError(cluster.address, "its workers did not start; what they said is above")
        time.sleep(0.1)


def own_program() -> list[str]:
    """Return the command that starts this very prodgen.

    Not `-m prodgen`: Python would look for every module in the folder where the user stands first, and a
    file such as h2.py in a folder of products would be run.
    """
    code = f"import sys; sys.path[:] = {sys.path!r}; from prodgen.__main__ import run; run()"
    return [sys.executable, "-c", code]


@contextmanager
def _scheduler_at(
    address: str, backends: Sequence[str], workers: int | None, memory: int | None
) -> Iterator[tuple[str, Sequence[subprocess.Popen[bytes]]]]:
    """Give the address of a scheduler, and the workers that were started for it."""
    if not address.startswith("local:"):
        yield address, ()
        return
    number = address.removeprefix("local:")
    if not number.isdigit() or not 0 < int(number) <= 256:
        raise SettingError(f"a cluster on this machine is 'local:N' with N from 1 to 256, not {address!r}")
    share_of_workers = max(1, (default_workers() if workers is None else workers) // int(number))
    share_of_memory = (default_memory() if memory is None else memory) // int(number)
    from distributed import LocalCluster

    options: Any = {"n_workers": 0, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with LocalCluster(**options) as scheduler:
        command = [*own_program(), "worker", "--leave-with-scheduler"]
        command += ["--scheduler", scheduler.scheduler_address]
        command += ["--workers", str(share_of_workers), "--memory", f"{max(256, share_of_memory >> 20)}M"]
        started = [
            subprocess.Popen(
                [*command, "--name", f"local-{one + 1}", "--backend", backends[one % len(backends)]],
                stdout=subprocess.DEVNULL,  # what programs read is what the run itself says
                start_new_session=True,  # Ctrl-C is the run's to answer: it first finishes what they make
            )
            for one in range(int(number))
        ]
        try:
            yield scheduler.scheduler_address, started
        finally:
            for worker in started:
                worker.terminate()
            for worker in started:
                worker.wait()
