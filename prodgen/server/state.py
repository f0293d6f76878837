"""The parts of one server that its routes share: one engine, one lock, one store of everything.

Owns state only. Saved pictures are kept in memory under the names a real server would give them;
nothing is written to a disk.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Literal

from prodgen.errors import SettingError
from prodgen.server.behaviour import Behaviour
from prodgen.server.engine import Engine, EngineInventory, ModelFile
from prodgen.server.ic_light_script import IcLightScript
from prodgen.server.options_store import OptionsStore
from prodgen.server.pace import Pace
from prodgen.server.queueing import FifoLock, JobState, Tasks
from prodgen.server.shared_batches import Gathering

KEPT_FILES = 64
"""Saved pictures kept for /file=, the oldest go first."""

KEPT_BYTES = 256 * 1024 * 1024
"""Bytes of saved pictures that are kept, together. Guard: 64 pictures of 1024 x 1024 in noise."""

BRIDGE_OF_ENGINES = "1.1.0"
"""Version of prodgen's bridge from which on a client knows that a change of checkpoint loses no light."""

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
        self._count = 0

    def add(self, path: str, content_type: str, data: bytes) -> None:
        """Keep a picture; an older one of the same name is replaced."""
        with self._lock:
            self._files.pop(path, None)
            self._files[path] = (content_type, data)
            self._count += 1
            while len(self._files) > KEPT_FILES or self._bytes() > KEPT_BYTES:
                self._files.popitem(last=False)

    def _bytes(self) -> int:
        return sum(len(data) for _, data in self._files.values())

    def get(self, path: str) -> tuple[str, bytes] | None:
        """Return content type and bytes, if there is such a picture."""
        with self._lock:
            return self._files.get(path)

    def next_number(self) -> int:
        """Return the number that a numbered file name gets."""
        with self._lock:
            return self._count


@dataclass
class Machine:
    """Everything that the routes of one server work on."""

    engine: Engine
    inventory: EngineInventory
    behaviour: Behaviour
    options: OptionsStore
    ic_light: IcLightScript
    loaded: ModelFile
    """The checkpoint in memory; it changes when a call needs another one, or the option is posted."""
    pace: Pace
    """How long its pictures take."""
    state: JobState = field(default_factory=JobState)
    tasks: Tasks = field(default_factory=Tasks)
    gathering: Gathering = field(default_factory=Gathering)
    """What waits to be drawn."""
    lock: FifoLock = field(default_factory=FifoLock)
    """Whoever draws has it."""
    encoding: FifoLock = field(default_factory=FifoLock)
    """Whoever makes an answer of what was drawn has it."""
    files: SavedFiles = field(default_factory=SavedFiles)
    render_log: list[RenderRecord] = field(default_factory=list)

    @classmethod
    def of(cls, engine: Engine, behaviour: Behaviour) -> Machine:
        """Return the machine of a server that was just started.

        Raises:
            SettingError: If the engine has no checkpoint.
        """
        inventory = _listed(engine, behaviour)
        if not inventory.checkpoints:
            raise SettingError(
                next(iter(inventory.notes), "the engine has no checkpoint; it needs at least one")
            )
        store = OptionsStore(
            inventory.checkpoints,
            leaky=behaviour.leaky_overrides,
            has_control_net=not inventory.imitates_flaws,
        )
        script = IcLightScript(behaviour.ic_light, behaviour.segment)
        machine = cls(engine, inventory, behaviour, store, script, store.checkpoint, Pace(engine))
        machine._fit_ic_light()
        return machine

    @property
    def version(self) -> str:
        """What `info.version` says."""
        return self.behaviour.version or self.inventory.version

    @property
    def bridge(self) -> str | None:
        """Version of prodgen's bridge; an engine that relights does what the bridge is there for."""
        if self.behaviour.bridge is None and self.is_strict and self.ic_light.dialect is not None:
            return BRIDGE_OF_ENGINES
        return self.behaviour.bridge

    @property
    def bridge_checks(self) -> bool:
        """Whether prodgen's bridge is there in a version that has IC-Light patch the model that draws."""
        return self.bridge not in (None, "1.0.0")

    @property
    def is_strict(self) -> bool:
        """Whether what cannot be done is refused, where A1111 draws without it."""
        return not self.inventory.imitates_flaws

    def refresh(self) -> None:
        """Ask the engine again what it has."""
        self.inventory = _listed(self.engine, self.behaviour)
        self.options.checkpoints = self.inventory.checkpoints
        self._fit_ic_light()

    def _fit_ic_light(self) -> None:
        """List IC-Light only where something can relight."""
        self.ic_light.dialect = self.behaviour.ic_light if self.inventory.ic_light else None
        self.ic_light.models = self.inventory.ic_light if self.is_strict else None

    def note(self, record: RenderRecord) -> None:
        """Write into the render log."""
        self.render_log.append(record)
        del self.render_log[:-KEPT_RECORDS]


def _listed(engine: Engine, behaviour: Behaviour) -> EngineInventory:
    """Return what the server lists: what the engine has, and what is a name without its weights."""
    inventory = engine.inventory()
    return replace(
        inventory,
        upscalers=(*inventory.upscalers, *behaviour.weightless_upscalers),
        loras=(*inventory.loras, *map(ModelFile, behaviour.idle_loras)),
    )
