"""The places of a run, from what the user names: backends of this machine's crew, or workers of a cluster."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager

from prodgen.client import Client
from prodgen.dispatch import Place
from prodgen.errors import ProdgenError
from prodgen.places import Crew, Workplace

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
) -> Iterator[list[Place]]:
    """Give the places of a run, at least one of which answers; they are closed at the end.

    Raises:
        ProdgenError: If none answers; the reason of the first that refused.
    """
    crew = Crew(workplace, workers=workers, memory=memory)
    try:
        places: list[Place] = [crew.place(_found(address), dialect=dialect) for address in backends]
        _await_one(places)
        yield places
    finally:
        crew.close()


def _found(address: str) -> str:
    """Return the address that "auto" stands for: what is found once holds for the whole run."""
    if address != "auto":
        return address
    with Client(address) as client:
        if client.is_inside:
            return client.address
        return os.environ.get("PRODGEN_BACKEND") or client.address


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
