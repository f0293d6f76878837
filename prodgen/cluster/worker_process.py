"""A worker: a process with one backend, which joins a scheduler and makes what it is sent.

It has no guardian process (Dask's nanny): what may die, the work on pictures, runs in processes of its own
below it, and a scheduler that is started again is joined again.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import tempfile
from collections.abc import Callable, Coroutine

from prodgen import stopping
from prodgen.cluster import errand as there
from prodgen.cluster.worker_place import THREADS
from prodgen.errors import ClusterError, SettingError

AGAIN_S = 2.0
"""Seconds after which a scheduler that is not there is asked again."""


def serve_orders(
    scheduler: str,
    *,
    backend: str,
    name: str,
    workers: int | None = None,
    memory: int | None = None,
    leaves_with_scheduler: bool = False,
    on_state: Callable[[str], None] = lambda state: None,
) -> None:
    """Make what a scheduler's runs ask for, until Ctrl-C, SIGTERM or SIGHUP ends it: that is no failure.

    Args:
        scheduler: The scheduler's address, such as "tcp://farm:8786".
        backend: Address of the backend, as for `shoot`.
        name: What people and the dashboard call this worker.
        workers: Processes for the work on pictures; None: one for each core.
        memory: Bytes that they may take together; None: half of what is free.
        leaves_with_scheduler: Whether to end when the scheduler goes, in place of waiting for it.
        on_state: Told in words when it joins, and when the scheduler is away.

    Raises:
        SettingError: If Dask is not installed, or the name is taken.
        ClusterError: If the scheduler is not there and `leaves_with_scheduler`.
    """
    try:
        import distributed  # noqa: F401
    except ImportError as error:
        message = "a worker needs the library distributed: pip install 'prodgen[cluster]'"
        raise SettingError(message) from error
    logging.getLogger("distributed").setLevel(logging.CRITICAL)  # what matters of it is said by `on_state`
    there.DESK.backend, there.DESK.workers, there.DESK.memory = backend, workers, memory
    with stopping.heeded():
        try:
            with contextlib.suppress(asyncio.CancelledError):
                asyncio.run(_until_ended(_serve(scheduler, name, leaves_with_scheduler, on_state)))
        finally:
            there.dismiss_all()


CONNECT_S = 5.0
"""Seconds in which a scheduler answers, or is not there."""


async def _until_ended(serving: Coroutine[None, None, None]) -> None:
    """Serve until a signal cancels it; a second one breaks it off."""
    loop, task = asyncio.get_running_loop(), asyncio.ensure_future(serving)
    is_asked = False

    def end() -> bool:
        nonlocal is_asked
        is_asked, before = True, is_asked
        if not before:
            loop.call_soon_threadsafe(task.cancel)
        return not before

    with stopping.answered_by(end, end):
        await task


async def _serve(scheduler: str, name: str, leaves: bool, on_state: Callable[[str], None]) -> None:
    from distributed import Worker
    from distributed.core import connect

    has_joined = False
    while True:
        with tempfile.TemporaryDirectory(prefix="prodgen-worker-") as folder:
            worker = Worker(
                scheduler,
                name=name,
                nthreads=THREADS,
                local_directory=folder,
                memory_limit=0,  # the place bounds its own; Dask would stop work at a share of the machine's
                dashboard=False,
                startup_information={"prodgen": lambda worker: there.versions()},
            )
            try:
                await (
                    await connect(scheduler, timeout=CONNECT_S)
                ).close()  # a worker itself waits in silence
                async with worker:
                    has_joined = True
                    on_state(f"joined {scheduler} as {name!r}")
                    await worker.finished()
            except (OSError, RuntimeError) as error:
                # Later the name may be this worker's own, from before its connection broke.
                if isinstance(error.__cause__, ValueError) and not has_joined:
                    message = f"{scheduler} has a worker named {name!r} already; give another --name"
                    raise SettingError(message) from error
                if leaves:
                    raise ClusterError(scheduler, f"no scheduler answers there: {error}") from error
        if leaves:
            return
        on_state(f"no scheduler at {scheduler}; it is asked again every {AGAIN_S:.0f} s")
        await asyncio.sleep(AGAIN_S)
