"""The parts of one embedded server that its routes share: one renderer, one lock, one store of everything.

Owns state only. Saved pictures are kept in memory under the names a real server would give them;
nothing is written to a disk.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from prodgen.server.ic_light_script import IcLightScript
from prodgen.server.inventory import ModelFile
from prodgen.server.order import Rendering, RenderOrder
from prodgen.server.queueing import FifoLock, JobState, Tasks
from prodgen.server.settings import Settings

Renderer = Callable[[RenderOrder], Rendering]
"""Draws one picture; calls `order.progress` with 0 to 1, and lets through what that raises."""

Release = Literal["1.10", "1.9"]
"""Whose quirks are shown: 1.10.1, or 1.9.4, where IC-Light does nothing and unknown samplers are 404."""

KEPT_FILES = 64
"""Saved pictures kept for /file=, the oldest go first."""

KEPT_RECORDS = 100_000
"""Entries of the render log, so that a server that runs for weeks does not grow."""


@dataclass(frozen=True)
class RenderRecord:
    """One picture that was rendered, whether or not anybody received it."""

    task: str
    route: str
    seed: int
    width: int
    height: int
    outcome: Literal["done", "interrupted"] = "done"
    at: float = field(default_factory=time.time, compare=False)


class SavedFiles:
    """Pictures "saved" by save_images, by path."""

    def __init__(self) -> None:
        self._files: OrderedDict[str, tuple[str, bytes]] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, path: str, content_type: str, data: bytes) -> None:
        """Keep a picture; an older one of the same name is replaced."""
        with self._lock:
            self._files.pop(path, None)
            self._files[path] = (content_type, data)
            while len(self._files) > KEPT_FILES:
                self._files.popitem(last=False)

    def get(self, path: str) -> tuple[str, bytes] | None:
        """Return content type and bytes, if there is such a picture."""
        with self._lock:
            return self._files.get(path)

    def next_number(self) -> int:
        """Return the number that a numbered file name gets."""
        with self._lock:
            return len(self._files)


@dataclass
class Machine:
    """Everything that the routes of one server work on."""

    renderer: Renderer
    checkpoints: tuple[ModelFile, ...]
    loras: tuple[ModelFile, ...]
    settings: Settings
    ic_light: IcLightScript
    version: str
    release: Release = "1.10"
    ndarray_bug: bool = False
    false_strings: bool = False
    delay_s: float = 0.0
    png_level: int = 1
    state: JobState = field(default_factory=JobState)
    tasks: Tasks = field(default_factory=Tasks)
    lock: FifoLock = field(default_factory=FifoLock)
    files: SavedFiles = field(default_factory=SavedFiles)
    render_log: list[RenderRecord] = field(default_factory=list)

    def note(self, record: RenderRecord) -> None:
        """Write into the render log."""
        self.render_log.append(record)
        del self.render_log[:-KEPT_RECORDS]
