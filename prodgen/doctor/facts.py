"""The facts about a set-up that the checks judge: the server's answers, trial pictures, and this machine.

`gathering` and `trials` fill them in; the checks are pure functions of them. A field that is None is unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prodgen.client import Extension, Memory
from prodgen.dialects import A1111
from prodgen.doctor.comfy_facts import ComfyFacts
from prodgen.doctor.engine_facts import EngineFacts
from prodgen.doctor.listed_things import ListedKind, listed
from prodgen.errors import BackendError, ProdgenError
from prodgen.schema import Capabilities, ProofKind


@dataclass(frozen=True)
class RelightTrial:
    """Outcome of one attempt to relight a tiny picture with IC-Light."""

    error: ProdgenError | None = None
    proof: ProofKind | None = None
    """What the proof that it ran rests on; None: nothing proves it."""
    is_plain: bool = False
    """Whether the picture equals the one drawn without IC-Light."""
    was_fetched: bool = False
    """Whether the server could not send the picture, so that its file was fetched."""
    is_patched: bool = False
    """Whether the text "False" stood in a picture's place, as after an old patch of api.py."""
    patched: str = ""
    """Title of the checkpoint that prodgen's bridge saw drawing relit; "" if it does not say."""


@dataclass(frozen=True)
class Attempt:
    """Outcome of trying one thing that the server lists."""

    kind: ListedKind
    name: str
    error: ProdgenError | None = None
    changes_nothing: bool = False
    """Whether the picture with it is the one that comes without it, or by plain resizing."""

    @property
    def works(self) -> bool:
        """Whether it was seen to do something."""
        return self.error is None and not self.changes_nothing


@dataclass(frozen=True)
class DrawingTrials:
    """Outcome of drawing a few tiny pictures."""

    why_not: str = ""
    """Why no picture was drawn; "" if some were."""
    error: ProdgenError | None = None
    """Why the plain picture failed; no other was tried then."""
    version: str | None = None
    """Version of the server's program, from its answer."""
    tried_options: tuple[str, ...] = ()
    """Server options that were overridden for one call."""
    has_leaked: bool = False
    """Whether an option was still overridden after the call; it was set back then."""
    relit: Mapping[str, RelightTrial] = field(default_factory=dict)
    """IC-Light's mode (fc or fbc) -> outcome."""
    attempts: tuple[Attempt, ...] = ()
    """Things of the server's lists that were tried."""
    cut_short: str = ""
    """Why not everything was tried that was to be; "" if all was."""

    def of_kind(self, kind: ListedKind) -> tuple[Attempt, ...]:
        """Return the attempts with things of that kind."""
        return tuple(attempt for attempt in self.attempts if attempt.kind == kind)


@dataclass(frozen=True)
class LocalFacts:
    """SetupFacts about this machine."""

    outputs: Path
    outputs_error: str = ""
    """Why pictures cannot be written to `outputs`; "" if they can."""
    free_bytes: int | None = None
    segmenters: tuple[str, ...] = ()
    """Segmenters that run now, without a download."""
    segmenter: str = "classical"
    """What `auto` takes of them."""
    better_network: str = ""
    """The command that gets a larger network, with size and licence, where only prodgen's own is here."""
    ocr: str | None = None
    """Name and version of the program that reads print; "": it does not run; None: there is none."""
    scenes: int = 0
    """Number of the embedded backend's panoramas that can be read."""
    scene_errors: tuple[str, ...] = ()


@dataclass(frozen=True)
class SetupFacts:
    """All facts about a set-up."""

    address: str
    here: LocalFacts
    is_embedded: bool = False
    engine: EngineFacts | None = None
    """What prodgen's own engine has, where that is to draw; None elsewhere."""
    comfy: ComfyFacts | None = None
    """What a ComfyUI server has, where that is to draw and answers; None elsewhere."""
    notices: tuple[str, ...] = ()
    """Why another server was not taken."""
    was_looked_for: bool = False
    """Whether the address was "auto"."""
    error: ProdgenError | None = None
    """Why no usable server answers; the fields below are then unknown."""
    hint: str = ""
    """Where a server may be instead, such as at the neighbouring port; "" if nothing is known."""
    answered_in_s: float = 0.0
    dialect: A1111 | None = None
    program: str = ""
    """Name and version of the program, where it says so beside the API that it imitates; "" elsewhere."""
    capabilities: Capabilities | None = None
    options: Mapping[str, Any] | None = None
    options_error: BackendError | None = None
    """Why the options cannot be read; None if they can."""
    extensions: tuple[Extension, ...] | None = None
    controlnet_models: tuple[str, ...] = ()
    memory: Memory | None = None
    is_idle: bool | None = None
    clock_ahead_s: float | None = None
    """Seconds by which the server's clock is ahead of ours."""
    trials: DrawingTrials = field(default_factory=DrawingTrials)

    @property
    def listed(self) -> Mapping[ListedKind, tuple[str, ...]]:
        """Names that the server lists and a picture could try, by kind."""
        return listed(self.capabilities, self.controlnet_models) if self.capabilities else {}

    @property
    def is_own_engine(self) -> bool:
        """Whether prodgen's server with a model's engine draws, in this process or behind a socket."""
        version = self.trials.version or ""
        is_ours = version.startswith("prodgen-") and not self.is_embedded
        return self.engine is not None or self.comfy is not None or is_ours

    @property
    def backend(self) -> str:
        """Name and version in words; "" if nothing usable answers."""
        if self.dialect is None:
            return ""
        if self.is_embedded:
            return "embedded backend (no diffusion)"
        if self.program:
            return self.program
        if self.is_own_engine and self.trials.version:
            return self.trials.version
        if self.comfy is not None:
            return f"ComfyUI {self.comfy.version}".strip()
        return f"{self.dialect.title} {self.trials.version or ''}".strip()
