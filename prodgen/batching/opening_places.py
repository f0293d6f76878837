"""The places of a run, from what the user names: backends of this machine's crew, or workers of a cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace

from prodgen.cluster import HiredCrew, open_cluster
from prodgen.dispatch import Newcomers, Place
from prodgen.errors import IdleSettingError, ProdgenError
from prodgen.places import Crew, Workplace
from prodgen.storage import open_store

ASKED_AT_ONCE = 64
"""Threads that wait for the first answers of backends."""


@contextmanager
def open_places(
    workplace: Workplace,
    backends: Sequence[str],
    *,
    cluster: str | None,
    dialect: str | None,
    workers: int | None,
    memory: int | None,
    photo: str,
) -> Iterator[tuple[Sequence[Place], Newcomers]]:
    """Give the places of a run, and what brings more of them; they are closed at the end.

    At least one of this machine's backends answers. A cluster may have no worker yet.

    Raises:
        ProdgenError: If none answers, the reason of the first that refused; if a cluster is unfit.
    """
    if cluster is not None:
        with _hired(workplace, backends, cluster, dialect, workers, memory, photo) as opened:
            yield opened
        return
    newcomers = Newcomers()
    crew = Crew(workplace, workers=workers, memory=memory, tell=newcomers.note)
    try:
        places: list[Place] = [crew.place(address, dialect=dialect) for address in backends]
        _await_one(places)
        yield places, newcomers
    finally:
        crew.close()


@contextmanager
def _hired(
    workplace: Workplace,
    backends: Sequence[str],
    cluster: str,
    dialect: str | None,
    workers: int | None,
    memory: int | None,
    photo: str,
) -> Iterator[tuple[Sequence[Place], Newcomers]]:
    if not cluster.startswith("local:"):
        given = {"backend": tuple(backends) != ("auto",), "workers": workers, "memory": memory}
        idle = [name for name, value in given.items() if value]
        if idle:
            raise IdleSettingError(idle, "the workers of a cluster say that themselves")
    if workplace.store.folder is not None:  # a worker starts in a folder of its own
        workplace = replace(workplace, store=open_store(workplace.store.folder.absolute()))
    with open_cluster(
        cluster,
        outputs=workplace.store,
        make_place=HiredCrew(workplace, dialect),
        photo=photo,
        backends=backends,
        workers=workers,
        memory=memory,
    ) as found:
        yield found.places, found.newcomers


def _await_one(places: Sequence[Place]) -> None:
    """Return as soon as one answers; those that do not are probed again during the run."""
    threads = ThreadPoolExecutor(ASKED_AT_ONCE, thread_name_prefix="prodgen-probe")
    try:
        error: ProdgenError | None = None
        for asked in as_completed([threads.submit(place.probe) for place in places]):
            try:
                asked.result()
            except ProdgenError as refused:
                error = error or refused
            else:
                return
        if error is not None:
            raise error
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
