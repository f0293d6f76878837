"""What a network is asked at one noise level, and what its answer means: guidance by two prompts.

Owns the arithmetic between a sampler (clean latents at unit scale and sigmas) and a network (scaled latents,
a timestep, the noise or the velocity in them): classifier-free guidance (Ho and Salimans, arXiv 2207.12598),
v-prediction (Salimans and Ho, arXiv 2202.00512), the further channels of IC-Light and inpainting models, and
ControlNets. How the network runs, eagerly or as a CUDA graph, is not its business.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from prodgen.engines.diffusers.families import LATENT_CHANNELS
from prodgen.engines.diffusers.prompt_course import EncodedText, PictureTexts, PromptCourse
from prodgen.server.inpainting import LATENT_CELL_PX

if TYPE_CHECKING:
    import torch
    from torch import Tensor


@dataclass(frozen=True)
class NetworkInput:
    """One call of a network, for m rows: each picture with its prompt, then each with its negative prompt."""

    latents: Tensor
    """(m, channels, h, w), scaled, in the network's type; conditions follow the picture's four channels."""

    timestep: float
    """0 to 999, unrounded."""

    context: Tensor
    """(m, 77 for each chunk, width); one object for as long as the words stay the same."""

    pooled: Tensor | None = None
    """(m, 1280), for SDXL."""

    down: tuple[Tensor, ...] | None = None
    """What ControlNets add to the way down, one for each skip connection."""

    mid: Tensor | None = None
    """What ControlNets add in the middle."""

    @property
    def added(self) -> dict[str, Tensor] | None:
        """What SDXL is told beside the words: pooled texts and sizes, as diffusers names them; else None."""
        if self.pooled is None:
            return None
        height, width = (side * LATENT_CELL_PX for side in self.latents.shape[-2:])
        sizes = self.pooled.new_tensor([[height, width, 0, 0, height, width]])  # size, crop, size to be
        return {"text_embeds": self.pooled, "time_ids": sizes.expand(len(self.pooled), -1)}

    def parts(self, most_rows: int) -> list[NetworkInput]:
        """Return the call as several of so many rows at most, in their order; itself where it is small."""
        if len(self.latents) <= most_rows:
            return [self]

        def of(rows: slice) -> NetworkInput:
            return NetworkInput(
                self.latents[rows],
                self.timestep,
                self.context[rows],
                None if self.pooled is None else self.pooled[rows],
                None if self.down is None else tuple(one[rows] for one in self.down),
                None if self.mid is None else self.mid[rows],
            )

        return [of(slice(first, first + most_rows)) for first in range(0, len(self.latents), most_rows)]


Network = Callable[[NetworkInput], "Tensor"]
"""Returns (m, 4, h, w): the noise or the velocity."""


class SteersNetwork(Protocol):
    """A ControlNet with its map."""

    def residuals(
        self, asked: NetworkInput, *, is_positive: Sequence[bool], share: float
    ) -> tuple[tuple[Tensor, ...], Tensor] | None:
        """Return what is added on the way down and in the middle, or None where it rests.

        Args:
            asked: The network's input, with the picture's own four channels alone.
            is_positive: For each row, whether it has the prompt or the negative prompt.
            share: How much of the steps is over, 0 to 1.
        """
        ...


@dataclass(frozen=True)
class _Row:
    """One text asked for one picture."""

    picture: int
    text: EncodedText
    weight: float
    is_positive: bool = True


@dataclass(frozen=True)
class _Rows:
    """Rows that the network can take at once: their contexts are of one length."""

    places: Tensor
    """Which of all rows they are."""

    pictures: Tensor
    """The picture of each."""

    context: Tensor
    pooled: Tensor | None
    is_positive: tuple[bool, ...]


@dataclass(frozen=True)
class _Question:
    """All rows of one span of the words, and how their answers are put together."""

    groups: tuple[_Rows, ...]
    pictures: Tensor
    """The picture of each row."""

    weights: Tensor
    """(rows, 1, 1, 1): a picture's answer is the sum of its rows', each times its weight."""


class Guide:
    """A network with the words that it is asked for.

    Args:
        network: Says what the noise is.
        positive: The prompts.
        negative: The negative prompts; with a scale of 1 they count nothing, and are not asked for.
        cfg_scale: How far past the negative prompt's answer the prompt's is taken.
        dtype: What the network calculates with.
        prediction: What the network says: the noise, or the velocity.
        channels: What its first convolution takes: 4, or more with conditions.
        conditions: (pictures, at most channels - 4, h, w): the further channels; missing ones are 0.
        controls: ControlNets.
    """

    def __init__(
        self,
        network: Network,
        positive: PromptCourse,
        negative: PromptCourse,
        *,
        cfg_scale: float,
        dtype: torch.dtype,
        prediction: Literal["epsilon", "v_prediction"] = "epsilon",
        channels: int = LATENT_CHANNELS,
        conditions: Tensor | None = None,
        controls: Sequence[SteersNetwork] = (),
    ) -> None:
        self._network, self._positive, self._negative = network, positive, negative
        self._scale, self._dtype, self._prediction = cfg_scale, dtype, prediction
        self._channels, self._conditions, self._controls = channels, conditions, tuple(controls)
        self._questions: dict[tuple[int, int], _Question] = {}

    def estimate(self, latents: Tensor, sigma: float, *, timestep: float, call: int, share: float) -> Tensor:
        """Return the clean latents that the network sees under the noise ("x0"), guided.

        Args:
            latents: (pictures, 4, h, w) float32, with noise of standard deviation `sigma`.
            sigma: The noise level.
            timestep: What the network is told of it.
            call: How many calls of the whole run came before.
            share: How much of the steps is over, 0 to 1.
        """
        import torch

        question = self._question(call, latents)
        scaled = latents / math.sqrt(sigma**2 + 1)
        answers = latents.new_empty((len(question.pictures), *latents.shape[1:]))
        for rows in question.groups:
            answers[rows.places] = self._asked(scaled, rows, timestep, share)
        guided = torch.zeros_like(latents).index_add_(0, question.pictures, answers * question.weights)
        if self._prediction == "epsilon":
            return latents - guided * sigma
        return (scaled - guided * sigma) / math.sqrt(sigma**2 + 1)

    def _asked(self, scaled: Tensor, rows: _Rows, timestep: float, share: float) -> Tensor:
        own = scaled[rows.pictures].to(self._dtype)
        asked = NetworkInput(own, timestep, rows.context, rows.pooled)
        down: tuple[Tensor, ...] | None = None
        mid: Tensor | None = None
        for control in self._controls:
            more = control.residuals(asked, is_positive=rows.is_positive, share=share)
            if more is not None:
                down = more[0] if down is None else tuple(a + b for a, b in zip(down, more[0], strict=True))
                mid = more[1] if mid is None else mid + more[1]
        full = self._with_conditions(own, rows.pictures)
        return self._network(NetworkInput(full, timestep, rows.context, rows.pooled, down, mid)).float()

    def _with_conditions(self, own: Tensor, pictures: Tensor) -> Tensor:
        import torch

        missing = self._channels - LATENT_CHANNELS
        parts = [own]
        if self._conditions is not None:
            parts.append(self._conditions[pictures].to(own))
            missing -= self._conditions.shape[1]
        if missing:
            parts.append(own.new_zeros((len(own), missing, *own.shape[2:])))
        return torch.cat(parts, dim=1)

    def _question(self, call: int, latents: Tensor) -> _Question:
        positive, negative = self._positive.at(call), self._negative.at(call)
        key = (id(positive), id(negative))
        if key not in self._questions:
            self._questions[key] = _question(positive, negative, self._scale, self._dtype, latents.device)
        return self._questions[key]


def _question(
    positive: Sequence[PictureTexts],
    negative: Sequence[PictureTexts],
    scale: float,
    dtype: torch.dtype,
    device: torch.device,
) -> _Question:
    """Return the rows of a span of words, grouped by the length of their contexts.

    A1111's guidance: the negative prompt's answer, and from there `scale` times the way to the prompt's; with
    "AND" the ways add up, each with its weight. A negative prompt that counts nothing is not asked for.
    """
    import torch

    rows = [_Row(place, text, text.weight * scale) for place, texts in enumerate(positive) for text in texts]
    for place, texts in enumerate(negative):
        rest = 1 - sum(row.weight for row in rows if row.picture == place)
        rows += [_Row(place, texts[0], rest, is_positive=False)] if rest else []

    by_length: dict[int, list[int]] = {}
    for number, row in enumerate(rows):
        by_length.setdefault(len(row.text.context), []).append(number)
    groups = []
    for places in by_length.values():
        chosen = [rows[number] for number in places]
        pooled = [row.text.pooled for row in chosen if row.text.pooled is not None]
        groups.append(
            _Rows(
                places=torch.tensor(places, device=device),
                pictures=torch.tensor([row.picture for row in chosen], device=device),
                context=torch.stack([row.text.context for row in chosen]).to(device, dtype),
                pooled=torch.stack(pooled).to(device, dtype) if pooled else None,
                is_positive=tuple(row.is_positive for row in chosen),
            )
        )
    weights = torch.tensor([row.weight for row in rows], device=device)
    pictures = torch.tensor([row.picture for row in rows], device=device)
    return _Question(tuple(groups), pictures, weights[:, None, None, None])
