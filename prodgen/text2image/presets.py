"""Presets: the steps, cfg_scale, sampler, schedule and native size that each family of checkpoints needs.

The numbers and their sources stand in presets.toml. A preset is chosen by names alone, no server is asked; a
setting of the user's always wins over it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from functools import cache
from importlib.resources import files

from prodgen.errors import UnknownNameError

FALLBACK = "sd15"
"""Preset for names that match none: most such files are finetunes of SD 1.5, and 512 x 512 is safe."""

AUTO = "auto"
"""In place of a preset's name: the preset is chosen by the names of checkpoint and LoRAs."""

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
    """Whether a LoRA turns any checkpoint into this family; the checkpoint's native size then stays."""
    takes_steps_from_name: bool = False
    """Whether it is distilled for one number of steps, which stands in the file's name."""
    chosen_by: str = ""
    """Name of the checkpoint or LoRA that matched; "" where none did."""

    @property
    def is_free(self) -> bool:
        """Whether it draws any size equally well, as the embedded backend does."""
        return self.name == "embedded"

    def summary(self, *, without: Collection[str] = ()) -> str:
        """Return the settings in a few words.

        Args:
            without: Those that somebody else decides: "steps", "first_pass" (the side), "cfg_scale",
                "sampler_name".
        """
        parts = [] if "steps" in without else [f"{self.steps} steps"]
        if "first_pass" not in without:
            parts.append(f"{self.side}x{self.side}")
        if self.cfg_scale is not None and "cfg_scale" not in without:
            parts.append(f"cfg {self.cfg_scale:g}")
        if self.sampler_name and "sampler_name" not in without:
            parts.append(" ".join(filter(None, [self.sampler_name, self.scheduler])))
        return ", ".join(parts)


@cache
def presets() -> dict[str, Preset]:
    """Return all presets by name, in the order in which they are tried."""
    text = (files("prodgen.text2image") / "presets.toml").read_text("utf-8")
    return {
        name: Preset(name=name, **{**fields, "names": tuple(fields["names"])})
        for name, fields in tomllib.loads(text).items()
    }


def names() -> list[str]:
    """Return what a user may name: "auto", or a preset."""
    return [AUTO, *presets()]


def choose(wanted: str, *, checkpoint: str | None, loras: Iterable[str] = ()) -> Preset:
    """Return the preset called `wanted`, or with "auto" the one that the names match.

    A distilled LoRA decides how to sample, the checkpoint decides the native size.

    Args:
        wanted: A preset's name, or "auto".
        checkpoint: Name of the checkpoint that will draw, if known.
        loras: Names of the LoRAs that are asked for.

    Raises:
        UnknownNameError: If there is no preset of that name.
    """
    known = presets()
    if wanted not in names():
        raise UnknownNameError("preset", wanted, names(), setting="preset")
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
    match = _STEPS.search(clue.lower()) if preset.takes_steps_from_name else None
    return int(match[1]) if match and int(match[1]) else preset.steps
