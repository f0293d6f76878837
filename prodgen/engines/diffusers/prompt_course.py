"""Encoded prompts: what is asked for each picture of a batch, call by call of the network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class EncodedText:
    """One text for one picture, and how much it counts."""

    context: Tensor
    """(77 for each chunk, width)."""

    pooled: Tensor | None
    """(1280,): the whole text as one vector, for SDXL alone."""

    weight: float = 1.0


PictureTexts = tuple[EncodedText, ...]
"""What is asked for one picture: one text, or several that "AND" joins."""


@dataclass(frozen=True)
class PromptCourse:
    """What is asked for each picture of a batch, call by call."""

    spans: tuple[tuple[int, tuple[PictureTexts, ...]], ...]
    """The last call of each span, counted from 0, and the pictures' texts; mostly there is one span."""

    def at(self, call: int) -> tuple[PictureTexts, ...]:
        """Return the pictures' texts at one call of the network; the same object throughout a span."""
        return next((texts for last, texts in self.spans if call <= last), self.spans[-1][1])
