"""A look: words and LoRAs for the backend, a grade for the scene."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from prodgen.errors import UnknownNameError
from prodgen.schema import Lora
from prodgen.shots.frame import Frame, Grade, Stage, Tools


class Look(BaseModel):
    """What a style preset is made of."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

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
    """Return the built-in styles by name."""
    text = (files("prodgen.shots.stages") / "styles.toml").read_text("utf-8")
    return {name: Look.model_validate(fields) for name, fields in tomllib.loads(text).items()}


class Style(Stage):
    """Add a look's words and LoRAs to the request, and its grade to the scene."""

    stage: Literal["style"] = "style"

    style: str | None = None
    """A built-in look; unset: none."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the look's words, LoRAs and grade."""
        if self.style is None:
            return frame
        if self.style not in looks():
            raise UnknownNameError("style", self.style, looks())
        look = looks()[self.style]
        return frame.replace(
            prompt=", ".join(filter(None, [frame.prompt, look.prompt])),
            negative_prompt=", ".join(filter(None, [frame.negative_prompt, look.negative_prompt])),
            loras=(*frame.loras, *look.loras),
            grade=look.grade,
        )
