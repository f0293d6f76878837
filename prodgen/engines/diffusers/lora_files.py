"""LoRA files: which layers they change, and by how much. Plain low-rank pairs only, never half of a file.

Owns the names under which trainers store pairs: kohya's (with diffusers' or the original's layer names) and
those of diffusers. What is no such pair (LoHa, LoKr, DoRA, whole differences) is refused by its key: leaving
it out would draw another look than the LoRA has.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from prodgen.engines.diffusers.companions import LORA_DOWN

if TYPE_CHECKING:
    import torch

    from prodgen.engines.diffusers.tensor_files import TensorFile

_UP = (".lora_up.weight", ".lora.up.weight", ".lora_B.weight", ".lora_B.default.weight")

_OTHER_KINDS = {
    "hada_": "a LoHa",
    "lokr_": "a LoKr",
    "dora_scale": "a DoRA",
    "lora_magnitude": "a DoRA",
    "lora_mid": "a LoCon with a third factor",
    "oft_": "an OFT",
    ".diff": "a difference of whole layers",
}
"""What a file is, beside plain pairs, by a part of a key."""


@dataclass(frozen=True)
class LowRankPair:
    """One layer's change: strength times alpha / rank times up @ down."""

    file: TensorFile
    down: str
    up: str
    alpha: str | None
    """Key of alpha; without it alpha is the rank."""

    def delta(self, strength: float, shape: tuple[int, ...], device: torch.device) -> torch.Tensor:
        """Return the change for a layer of this shape, in float32; channels that it does not know stay."""
        from torch.nn.functional import pad

        down = self.file.raw(self.down).to(device).float()
        up = self.file.raw(self.up).to(device).float()
        alpha = down.shape[0] if self.alpha is None else float(self.file.raw(self.alpha))
        change = (up.flatten(1) @ down.flatten(1)) * (strength * alpha / down.shape[0])
        missing = math.prod(shape[1:]) - change.shape[1]  # IC-Light's and inpainting's channels come last
        return pad(change, (0, missing)).reshape(shape)


def pairs_in(file: TensorFile) -> Mapping[str, LowRankPair]:
    """Return each layer's pair under the layer's name, whose dots are underscores.

    Raises:
        ModelFileError: If anything in the file is no plain pair.
    """
    names = file.header.tensors
    downs: dict[str, str] = {}
    ups: dict[str, str] = {}
    alphas: dict[str, str] = {}
    for key in names:
        for ends, found in ((LORA_DOWN, downs), (_UP, ups), ((".alpha",), alphas)):
            end = next((end for end in ends if key.endswith(end)), None)
            if end is not None:
                found[_layer(key.removesuffix(end))] = key
                break
        else:
            kind = next((kind for part, kind in _OTHER_KINDS.items() if part in key), "no LoRA")
            file.header.refuse(f"it is {kind}, as {key!r} shows; this engine merges plain LoRAs only")
    if not downs:
        file.header.refuse("it holds no LoRA")
    for layer in downs.keys() ^ ups.keys():
        file.header.refuse(f"{downs.get(layer) or ups.get(layer)!r} has no second factor; download it again")
    for layer, key in alphas.items():
        if layer not in downs or math.prod(names[key].shape) != 1:
            file.header.refuse(f"{key!r} belongs to no layer that it changes")
    return {layer: LowRankPair(file, downs[layer], ups[layer], alphas.get(layer)) for layer in downs}


def _layer(name: str) -> str:
    return name.removeprefix("base_model.model.").replace(".", "_")


def fits(pair: LowRankPair, shape: tuple[int, ...]) -> bool:
    """Whether a pair's factors make a layer of this shape."""
    down, up = pair.file.header.tensors[pair.down].shape, pair.file.header.tensors[pair.up].shape
    return (
        len(down) > 1
        and len(up) > 1
        and down[0] > 0
        and math.prod(up) == shape[0] * down[0] == up[0] * up[1]
        and math.prod(down[1:]) == math.prod(shape[1:])
    )
