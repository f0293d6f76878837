"""What each family of checkpoints needs: steps, cfg, sampler, schedule and native size, and which one it is.

The numbers and where they come from stand in presets.toml. Asks no server: names come in, a preset
goes out. What a user sets always wins over it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from prodgen.errors import UnknownNameError

FALLBACK = "sd15"
"""For names that say nothing: most such files are finetunes of it, and 512 x 512 is safe on all others."""

AUTO = "auto"

_STEPS = re.compile(r"(?<![\d.])(\d{1,2})[-_ ]?steps?")


@dataclass(frozen=True)
class Preset:
    """One family's settings; None leaves a setting to the server."""

    name: str
    title: str
    names: tuple[str, ...]
    side: int
    """Its native pictures are side x side pixels."""
    steps: int
    cfg_scale: float | None = None
    sampler_name: str | None = None
    scheduler: str | None = None
    by_lora: bool = False
    """A LoRA can make any checkpoint of it; then the checkpoint's own native size holds."""
    takes_steps_from_name: bool = False
    """Distilled for one number of steps, which stands in the file's name."""
    chosen_by: str = ""
    """The name that it was recognised by; "" where nothing was."""

    @property
    def is_free(self) -> bool:
        """Whether it draws any size equally well: the embedded backend."""
        return self.name == "embedded"

    def summary(self) -> str:
        """Return the settings in a few words."""
        said = [f"{self.steps} steps", f"{self.side}x{self.side}"]
        if self.cfg_scale is not None:
            said.append(f"cfg {self.cfg_scale:g}")
        if self.sampler_name:
            said.append(" ".join(filter(None, [self.sampler_name, self.scheduler])))
        return ", ".join(said)


@cache
def presets() -> dict[str, Preset]:
    """Return all presets by name, in the order in which they are tried."""
    text = (files("prodgen.text2image") / "presets.toml").read_text("utf-8")
    return {
        name: Preset(name=name, **{**fields, "names": tuple(fields["names"])})
        for name, fields in tomllib.loads(text).items()
    }


def choose(wanted: str, *, checkpoint: str | None, loras: Iterable[str] = ()) -> Preset:
    """Return the preset called `wanted`, or with "auto" the one that the names tell.

    A distilled LoRA decides how to sample, the checkpoint decides the native size.

    Args:
        wanted: A preset's name, or "auto".
        checkpoint: Name of the checkpoint that will draw, if known.
        loras: Names of the LoRAs that are asked for.

    Raises:
        UnknownNameError: If there is no preset of that name.
    """
    known = presets()
    if wanted != AUTO and wanted not in known:
        raise UnknownNameError("preset", wanted, [AUTO, *known])
    given = tuple(loras)
    fitting = [
        (preset, name)
        for preset in known.values()
        for name in (checkpoint, *(given if preset.by_lora else ()))
        if name and _hit(preset, name)
    ]
    if wanted == AUTO:
        chosen, clue = fitting[0] if fitting else (known[FALLBACK], "")
    else:
        chosen = known[wanted]
        clue = next((name for preset, name in fitting if preset is chosen), "")
    is_xl = any(_hit(known["sdxl"], name) for name in (checkpoint, clue) if name)
    side = known["sdxl"].side if chosen.by_lora and is_xl else chosen.side
    return replace(chosen, chosen_by=clue, side=side, steps=_steps(chosen, clue))


def _hit(preset: Preset, name: str) -> bool:
    return any(re.search(pattern, name.lower()) for pattern in preset.names)


def _steps(preset: Preset, clue: str) -> int:
    told = _STEPS.search(clue.lower()) if preset.takes_steps_from_name else None
    return int(told[1]) if told and int(told[1]) else preset.steps
