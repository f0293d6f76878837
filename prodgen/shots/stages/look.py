"""A look: words and LoRAs for the backend, a grade for the scene."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import Field

from prodgen.errors import UnknownNameError
from prodgen.refusals import CheckedValue
from prodgen.schema import Lora
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Brief, Drawn, Grade


class Look(CheckedValue):
    """What a built-in look is made of."""

    prompt: str = ""
    """Words that are added to the prompt."""

    negative_prompt: str = ""
    """Words that are added to the negative prompt."""

    loras: tuple[Lora, ...] = ()
    """LoRAs that the backend must have."""

    grade: Grade = Field(default_factory=Grade)
    """Tone and colour of the scene."""


@cache
def looks() -> dict[str, Look]:
    """Return the built-in looks by name."""
    text = (files("prodgen.shots.stages") / "looks.toml").read_text("utf-8")
    return {name: Look.model_validate(fields) for name, fields in tomllib.loads(text).items()}


class LookStage(Stage):
    """Add a look's words and LoRAs to what is asked for, and its grade to the scene."""

    takes = (Brief,)
    gives = (Brief,)
    precedes = (Drawn,)

    stage: Literal["look"] = "look"

    look: str | None = None
    """A built-in look; unset: none."""

    def check(self) -> None:
        """Refuse a look that there is not."""
        if self.look is not None and self.look not in looks():
            raise UnknownNameError("look", self.look, looks())

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the look's words, LoRAs and grade."""
        if self.look is None:
            return frame
        look, brief = looks()[self.look], frame[Brief]
        return frame.holding(
            replace(
                brief,
                prompt=", ".join(filter(None, [brief.prompt, look.prompt])),
                negative_prompt=", ".join(filter(None, [brief.negative_prompt, look.negative_prompt])),
                loras=(*brief.loras, *look.loras),
                grade=look.grade,
            )
        )
