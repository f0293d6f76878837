"""Prompts as the numbers that a network reads, as A1111 makes them: weights, clip skip, textual inversion.

Owns the way through the text encoders, one for Stable Diffusion 1.5 and 2.1, two for SDXL. Each text is
encoded by itself and never filled up to another one's length, so a picture of a batch has the numbers that it
would have alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from prodgen.engines.diffusers.prompt_chunks import (
    CHUNK_TOKENS,
    EmbeddingNames,
    LearnedWord,
    Slot,
    chunks,
)
from prodgen.engines.diffusers.prompt_course import EncodedText, PromptCourse
from prodgen.schema import prompt_schedules
from prodgen.schema.prompt_attention import Piece, weighted
from prodgen.schema.prompt_schedules import PromptShare
from prodgen.server.wire import Refused

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import CLIPTextModel, CLIPTextModelWithProjection

    from prodgen.engines.diffusers.families import Family

SMALLEST_MEAN = 1e-6
"""Mean of a chunk below which it is not rescaled to its former mean: the ratio would be noise.

Trained encoders have means of some hundredths; those of a network with fresh random weights are 0.
"""

MAX_WEIGHT = 1000
"""Largest weight of a word, in either direction. Guard: half precision ends at 65504, and the numbers that a
weight multiplies go up to some 30."""

PENULTIMATE = 2
"""Counted from the end: the layer that SD 2.1 and SDXL were trained with, whatever "clip skip" says."""


class CutsText(Protocol):
    """Makes tokens of words."""

    def ids(self, text: str) -> Sequence[int]:
        """Return the tokens, without begin and end."""
        ...


class PromptEncoder:
    """Encodes prompts with one model's text encoders.

    Args:
        text_encoders: One, or SDXL's two, on the device where they are to run.
        tokenizer: Makes tokens of words; all families have one vocabulary.
        family: Says which layer counts and what short chunks are filled up with.
        embeddings: Textual inversions that prompts may call by their names.
    """

    def __init__(
        self,
        text_encoders: Sequence[CLIPTextModel | CLIPTextModelWithProjection],
        tokenizer: CutsText,
        family: Family,
        embeddings: Sequence[LearnedWord] = (),
    ) -> None:
        self._encoders, self._tokenizer, self._family = tuple(text_encoders), tokenizer, family
        self._names = EmbeddingNames.of(embeddings, tokenizer.ids)

    def encode(
        self,
        prompts: Sequence[str],
        *,
        calls: int,
        calls_before: int | None = None,
        clip_skip: int = 1,
        is_negative: bool = False,
    ) -> PromptCourse:
        """Return what the network is asked for, picture by picture and call by call.

        Args:
            prompts: One for each picture, without LoRA tags.
            calls: How often the network is asked in a whole run: "[from:to:0.5]" counts by it.
            calls_before: That of the first pass, where this is the hires pass.
            clip_skip: 1 takes the last layer, 2 the one before; SD 1.5 alone heeds it, as in A1111.
            is_negative: "AND" is a word like any other, as in A1111; and SDXL gets zeros for an empty one: so
                it was trained.

        Raises:
            Refused: For a weight that the network cannot calculate with.
        """
        made: dict[str, EncodedText] = {}

        def encoded(text: str, weight: float) -> EncodedText:
            if text not in made:
                is_blank = is_negative and self._family.is_xl and not text
                made[text] = self._encoded(text, clip_skip, is_blank=is_blank)
            return EncodedText(made[text].context, made[text].pooled, weight)

        spans = [
            [
                (share.weight, prompt_schedules.schedule(share.text, calls, calls_before=calls_before))
                for share in shares
            ]
            for shares in (_shares(prompt, is_negative=is_negative) for prompt in prompts)
        ]
        ends = sorted({last for picture in spans for _, schedule in picture for last, _ in schedule})
        return PromptCourse(
            tuple(
                (
                    end,
                    tuple(
                        tuple(encoded(_said(schedule, end), weight) for weight, schedule in picture)
                        for picture in spans
                    ),
                )
                for end in ends
            )
        )

    def embeddings_in(self, prompt: str) -> tuple[str, ...]:
        """Return the names of the embeddings that a prompt calls, each once, in its order."""
        from prodgen.engines.diffusers.tokenizer import COMMA

        laid_out = chunks(weighted(prompt), self._tokenizer.ids, comma=COMMA, names=self._names)
        slots = (slot for chunk in laid_out for slot in chunk)
        return tuple(dict.fromkeys(slot.embedding.name for slot in slots if slot.embedding is not None))

    def _encoded(self, text: str, clip_skip: int, *, is_blank: bool) -> EncodedText:
        import torch

        from prodgen.engines.diffusers.tokenizer import COMMA

        laid_out = chunks(_checked(weighted(text)), self._tokenizer.ids, comma=COMMA, names=self._names)
        with torch.no_grad():
            contexts, pooled = [], None
            for place in range(len(self._encoders)):
                context, pooled = self._through(place, laid_out, clip_skip)
                contexts.append(context)
            whole = torch.cat(contexts, dim=-1).flatten(0, 1)
            if is_blank:
                whole = torch.zeros_like(whole)
                pooled = None if pooled is None else torch.zeros_like(pooled)
        return EncodedText(whole, pooled)

    def _through(
        self, place: int, laid_out: Sequence[Sequence[Slot]], clip_skip: int
    ) -> tuple[Tensor, Tensor | None]:
        """Return one encoder's (chunks, 77, width) with weights, and the first chunk's pooled vector."""
        import torch

        from prodgen.engines.diffusers.checkpoints import final_norm

        encoder = self._encoders[place]
        pad = self._family.pad_ids[place]
        tokens = torch.tensor([_filled(chunk, pad) for chunk in laid_out], device=encoder.device)
        with _inverted(encoder, place, laid_out):
            answer = encoder(input_ids=tokens, output_hidden_states=True)
        layer = PENULTIMATE if self._family.penultimate_layer else clip_skip
        if layer <= 1:
            hidden = answer.last_hidden_state  # behind the final norm
        else:
            hidden = answer.hidden_states[-min(layer, len(answer.hidden_states))]
            hidden = hidden if self._family.is_xl else final_norm(encoder)(hidden)
        pooled = answer.text_embeds[0] if self._family.is_xl and place == len(self._encoders) - 1 else None
        return _emphasised(hidden, laid_out), pooled


def _shares(prompt: str, *, is_negative: bool) -> tuple[PromptShare, ...]:
    shares = (PromptShare(prompt, 1.0),) if is_negative else prompt_schedules.split_shares(prompt)
    for share in shares:
        _check_weight(share.weight)
    return shares


def _checked(pieces: Sequence[Piece]) -> Sequence[Piece]:
    for piece in pieces:
        if piece is not None:
            _check_weight(piece.weight)
    return pieces


def _check_weight(weight: float) -> None:
    if not abs(weight) <= MAX_WEIGHT:
        text = f"a word of the prompt has the weight {weight:g}; weights go up to {MAX_WEIGHT}"
        raise Refused(422, text)


def _said(schedule: Sequence[tuple[int, str]], call: int) -> str:
    return next((text for last, text in schedule if call <= last), schedule[-1][1])


def _filled(chunk: Sequence[Slot], pad: int) -> list[int]:
    from prodgen.engines.diffusers.tokenizer import BEGIN, END

    return [BEGIN, *(slot.token for slot in chunk), END, *[pad] * (CHUNK_TOKENS - len(chunk))]


def _emphasised(hidden: Tensor, laid_out: Sequence[Sequence[Slot]]) -> Tensor:
    """Return the chunks with each token times its weight; a chunk's mean stays what it was."""
    import torch

    if all(slot.weight == 1 for chunk in laid_out for slot in chunk):
        return hidden
    weights = torch.ones(hidden.shape[:2])
    for row, chunk in enumerate(laid_out):
        weights[row, 1 : 1 + len(chunk)] = torch.tensor([slot.weight for slot in chunk])
    exact = hidden.float()
    changed = exact * weights.to(hidden.device)[..., None]
    before, after = (x.mean(dim=(1, 2), keepdim=True) for x in (exact, changed))
    ratio = torch.where(after.abs() < SMALLEST_MEAN, 1.0, before / after)
    return (changed * ratio).to(hidden.dtype)


@contextmanager
def _inverted(encoder: Any, place: int, laid_out: Sequence[Sequence[Slot]]) -> Iterator[None]:
    """Let an encoder look up learned vectors where a chunk has some, for the time of the block."""
    learned = [
        (row, column + 1, slot.embedding.vectors[place][slot.row])
        for row, chunk in enumerate(laid_out)
        for column, slot in enumerate(chunk)
        if slot.embedding is not None
    ]

    def put_in(_module: object, _args: object, looked_up: Tensor) -> Tensor:
        result = looked_up.clone()
        for row, column, vector in learned:
            result[row, column] = vector.to(result)
        return result

    hook = encoder.get_input_embeddings().register_forward_hook(put_in) if learned else None
    try:
        yield
    finally:
        if hook is not None:
            hook.remove()
