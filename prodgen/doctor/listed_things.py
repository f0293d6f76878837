"""The things that a server only names in a list, and which of them an examination tries.

A name in a list proves no weights: they may be missing, damaged, or made for another kind of model.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from prodgen.client import has_weights, upscalers_in_turn
from prodgen.schema import Capabilities

ListedKind = Literal["upscaler", "LoRA", "ControlNet model", "VAE"]
"""Kinds of things that a tiny picture shows to work."""

KINDS: tuple[ListedKind, ...] = get_args(ListedKind)

OPTIONAL_LORAS = ("more_details", "SDXLrender_v2.0")
"""LoRAs that `run.py` applies where the server has them."""

USUALLY_TRIED: Mapping[ListedKind, int] = {"upscaler": 2, "LoRA": 2, "ControlNet model": 1, "VAE": 1}
"""Most things of each kind that are tried unless all are asked for.

Chosen: what recipes and `run.py` use by name, and one of each other kind to see that the kind works at all.
"""


def listed(have: Capabilities, controlnet_models: Iterable[str]) -> dict[ListedKind, tuple[str, ...]]:
    """Return the names that the server lists, by kind, those first that prodgen uses by itself."""
    loras = [name for name in map(have.find_lora, OPTIONAL_LORAS) if name is not None]
    upscalers = (x for x in (*upscalers_in_turn(have), *have.upscalers) if has_weights(x))
    return {
        "upscaler": tuple(dict.fromkeys(upscalers)),
        "LoRA": tuple(dict.fromkeys((*loras, *have.loras))),
        "ControlNet model": tuple(name for name in controlnet_models if name.lower() != "none"),
        # Forge lists text encoders under the same name, which are no VAEs.
        "VAE": have.vaes if "vaes" in have.answered else (),
    }


def to_try(names: Mapping[ListedKind, tuple[str, ...]], *, everything: bool) -> list[tuple[ListedKind, str]]:
    """Return what is tried, in this order: the first ones of each kind, before all others."""
    first = [(kind, name) for kind in KINDS for name in names[kind][: USUALLY_TRIED[kind]]]
    if not everything:
        return first
    return [*first, *((kind, name) for kind in KINDS for name in names[kind][USUALLY_TRIED[kind] :])]
