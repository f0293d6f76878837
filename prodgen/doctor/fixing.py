"""What can be put right over the server's own API, and nothing else: `--fix`.

Acts only while the server works for nobody. What a fix did is told in one sentence each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prodgen.client import Service
from prodgen.client.knowledge import options
from prodgen.client.knowledge.service import Refreshable
from prodgen.client.reaching.connection import Connection
from prodgen.client.work import tasks
from prodgen.doctor.report import FixName
from prodgen.errors import BackendError

FOLDERS: tuple[Refreshable, ...] = ("checkpoints", "vae", "loras", "embeddings")


def save_options(connection: Connection) -> str:
    """Save every option with the value that it has, so that overrides of one call end with it."""
    told = options.Options(connection).get()
    connection.post(options.PATH, {key: value for key, value in told.items() if value is not None})
    return f"saved the server's {len(told)} options as they are; overrides of one call now end with it"


def refresh_lists(connection: Connection) -> str:
    """Have the server read its model folders again."""
    done = []
    for folder in FOLDERS:
        try:
            Service(connection).refresh(folder)
        except BackendError:
            continue  # not every kind of server has every one of these
        done.append(folder)
    return f"had the server read its folders again: {', '.join(done) or 'it cannot'}"


def free_memory(connection: Connection) -> str:
    """Have the server drop its model; the next picture loads it again."""
    Service(connection).unload_checkpoint()
    return "had the server unload its model; the next picture loads it again"


FIXES: Mapping[FixName, Callable[[Connection], str]] = {
    "save options": save_options,
    "refresh lists": refresh_lists,
    "free memory": free_memory,
}


def fix(connection: Connection, names: Iterable[FixName]) -> tuple[str, ...]:
    """Do these fixes, each once, and return what was done or why not."""
    done = []
    for name in dict.fromkeys(names):
        try:
            if not tasks.is_idle(connection):
                # Saving options now would save another caller's overrides for good.
                done.append(f"did not {name}: the server works for another caller")
                continue
            done.append(FIXES[name](connection))
        except BackendError as error:
            done.append(f"could not {name}: {error.reason}")
    return tuple(done)
