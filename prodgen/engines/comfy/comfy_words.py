"""A1111's prompts as ComfyUI understands them: weights, "BREAK", textual inversions.

ComfyUI reads "(word:1.2)" as A1111 does, but takes "[word]" and "BREAK" for plain text, lets an inner weight
replace the outer one, and calls a textual inversion "embedding:name". So a prompt is read by A1111's rules
and written anew. What ComfyUI has no counterpart of is refused.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from prodgen.schema.prompt_attention import weighted
from prodgen.schema.prompt_schedules import schedule, split_shares
from prodgen.server.wire import Refused

_LETTERS = str.maketrans({"(": r"\(", ")": r"\)"})

_ANY_CALLS = 1000
"""Network calls for which a prompt's schedule is looked up: as many as any run has."""


def comfy_texts(prompt: str, embeddings: Sequence[str] = ()) -> tuple[str, ...]:
    """Return a prompt in ComfyUI's spelling, in the parts that "BREAK" divides it into.

    Args:
        prompt: In A1111's spelling, without tags of LoRAs.
        embeddings: Names of the server's textual inversions.

    Raises:
        Refused: For "AND", "[one:other:0.5]" and "[one|other]".
    """
    if len(split_shares(prompt)) > 1:
        raise Refused(422, "ComfyUI cannot join prompts by AND: write one prompt")
    (_, said), *changes = schedule(prompt, _ANY_CALLS)
    if changes:
        raise Refused(
            422,
            "ComfyUI cannot change a prompt on the way ([one:other:0.5], [one|other]): write one prompt, or "
            "draw with a workflow of your own (prodgen generate --workflow)",
        )
    parts = [""]
    for piece in weighted(said):
        if piece is None:
            parts.append("")
            continue
        text = _with_embeddings(piece.text.translate(_LETTERS), embeddings)
        is_plain = piece.weight == 1 or not text.strip()
        parts[-1] += text if is_plain else f"({text}:{piece.weight:.4g})"
    return tuple(part for part in parts if part.strip()) or ("",)


def _with_embeddings(text: str, names: Sequence[str]) -> str:
    """Return the text with each textual inversion's name as ComfyUI calls it, in the server's own letters."""
    if not names:
        return text
    listed = {name.lower(): name for name in names}
    pattern = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))  # the longest that fits
    return re.sub(
        rf"(?<![\w:/-])({pattern})(?![\w-])(?=(\S?))",
        lambda found: f"embedding:{listed[found[1].lower()]}" + (" " if found[2] else ""),
        text,
        flags=re.IGNORECASE,
    )
