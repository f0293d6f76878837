"""What a prompt holds beside words: LoRA tags as A1111 writes them. The one grammar for all of prodgen."""

from __future__ import annotations

import re

from prodgen.schema.units import Lora

_SIMPLE_TAG = re.compile(r"<lora:([^<>:]+)(?::(-?\d*\.?\d+))?>")
_ANY_TAG = re.compile(r"<(lora|lyco|hypernet):([^<>:]+)[^<>]*>")


def split_tags(prompt: str) -> tuple[str, tuple[Lora, ...]]:
    """Return a prompt without its plain LoRA tags, and the LoRAs that they name.

    A tag with more than one weight stays where it is: only the server knows what it means. A LoRA that
    is named twice gets the sum of its weights, as on the server.
    """
    weights: dict[str, float] = {}
    for name, weight in _SIMPLE_TAG.findall(prompt):
        weights[name] = weights.get(name, 0.0) + (float(weight) if weight else 1.0)
    if not weights:
        return prompt, ()
    rest = re.sub(r"[ \t]{2,}", " ", _SIMPLE_TAG.sub("", prompt)).strip()
    return rest, tuple(Lora(name=name, weight=weight) for name, weight in weights.items())


def tagged_names(prompt: str) -> tuple[str, ...]:
    """Return the names in all network tags that are left in a prompt, LoRAs only."""
    return tuple(name for kind, name in _ANY_TAG.findall(prompt) if kind in ("lora", "lyco"))
