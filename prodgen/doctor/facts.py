"""What is known of a set-up before anything is judged: the server's answers, and this machine.

Filled by `gathering` and `trials`, judged by the checks, which are pure functions of it. None means
that it was not, or could not be, found out.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prodgen.client import Extension, Memory
from prodgen.dialects import A1111
from prodgen.errors import ProdgenError
from prodgen.schema import Capabilities


@dataclass(frozen=True)
class Relit:
    """How one attempt to relight ended."""

    error: ProdgenError | None = None
    is_proven: bool = False
    """Whether our own foreground came back with the picture."""
    is_plain: bool = False
    """Whether the picture is the one that comes without IC-Light."""
    was_fetched: bool = False
    """Whether the server could not send the picture, and it was saved there and fetched."""
    is_patched: bool = False
    """Whether the text "False" came in a picture's place, as from an old patch of api.py."""


@dataclass(frozen=True)
class Trials:
    """What came of a few tiny pictures."""

    why_not: str = ""
    """Why none was drawn; "" if they were."""
    error: ProdgenError | None = None
    """Why a plain picture failed; the others were then not tried."""
    version: str | None = None
    """As the server names itself in its answer."""
    tried_options: tuple[str, ...] = ()
    """Those that were overridden for one call."""
    has_leaked: bool = False
    """Whether one was still overridden after the call (and was put back by us)."""
    relit: Mapping[str, Relit] = field(default_factory=dict)
    """By mode: fc, fbc."""


@dataclass(frozen=True)
class Here:
    """This machine."""

    outputs: Path
    outputs_error: str = ""
    """Why pictures cannot be written there."""
    free_bytes: int | None = None
    segmenters: tuple[str, ...] = ()
    """Those that would run now, without a download."""
    has_rembg: bool = False
    ocr: str | None = None
    """The program that reads print, as it names itself; "" if one is there but does not run; None: none."""
    scenes: int = 0
    """How many panoramas the embedded backend could read."""
    scene_errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class Facts:
    """Everything that the checks look at."""

    address: str
    here: Here
    is_embedded: bool = False
    notices: tuple[str, ...] = ()
    """Why a server was passed over."""
    was_looked_for: bool = False
    """Whether no address was named, and the backend was chosen by what is there."""
    error: ProdgenError | None = None
    """Why no usable server answers; then everything below is unknown."""
    hint: str = ""
    """What a second look found, such as a server at the neighbouring port."""
    answered_in_s: float = 0.0
    dialect: A1111 | None = None
    capabilities: Capabilities | None = None
    options: Mapping[str, Any] | None = None
    options_error: str = ""
    extensions: tuple[Extension, ...] | None = None
    memory: Memory | None = None
    is_idle: bool | None = None
    clock_ahead_s: float | None = None
    """Of the server's clock, against ours."""
    trials: Trials = field(default_factory=Trials)

    @property
    def backend(self) -> str:
        """Name and version in words; "" if nothing usable answers."""
        if self.dialect is None:
            return ""
        if self.is_embedded:
            return "embedded backend (no diffusion)"
        return f"{self.dialect.title} {self.trials.version or ''}".strip()
