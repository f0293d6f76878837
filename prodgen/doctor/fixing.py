"""What can be put right over the server's own API, and nothing else: `--fix`.

Acts only while the server works for nobody. Each fix returns one sentence on what it did.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prodgen.client import Client, Refreshable
from prodgen.doctor.findings import FixName
from prodgen.errors import BackendError

FOLDERS: tuple[Refreshable, ...] = ("checkpoints", "vae", "loras", "embeddings")


def save_options(client: Client) -> str:
    """Save every option with the value that it has, so that overrides of one call end with it."""
    count = client.save_options()
    return f"saved the server's {count} options as they are; overrides of one call now end with it"


def refresh_lists(client: Client) -> str:
    """Have the server read its model folders again."""
    done = []
    for folder in FOLDERS:
        try:
            client.service.refresh(folder)
        except BackendError:
            continue  # not every kind of server has every one of these
        done.append(folder)
    return f"had the server read its folders again: {', '.join(done) or 'it cannot'}"


def free_memory(client: Client) -> str:
    """Have the server drop its model; the next picture loads it again."""
    client.service.unload_checkpoint()
    return "had the server unload its model; the next picture loads it again"


FIXES: Mapping[FixName, Callable[[Client], str]] = {
    "save options": save_options,
    "refresh lists": refresh_lists,
    "free memory": free_memory,
}


def fix(client: Client, names: Iterable[FixName]) -> tuple[str, ...]:
    """Do these fixes, each once, and return what was done or why not."""
    done = []
    for name in dict.fromkeys(names):
        try:
            if not client.is_idle():
                # Saving options now would save another caller's overrides for good.
                done.append(f"did not {name}: the server works for another caller")
                continue
            done.append(FIXES[name](client))
        except BackendError as error:
            done.append(f"could not {name}: {error.reason}")
    return tuple(done)
