"""ControlNets: from a file to the network that steers a loaded checkpoint by a map.

Owns which names its file may use: the original's ("control_model...") or diffusers'.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from prodgen.engines.diffusers.checkpoints import LoadedModel
from prodgen.engines.diffusers.companions import (
    CONTROLNET_MARK,
    CONTROLNET_PREFIX,
    controlnet_family,
    is_controlnet,
)
from prodgen.engines.diffusers.module_shapes import controlnet_config
from prodgen.engines.diffusers.original_names import Original, unet_name
from prodgen.engines.diffusers.tensor_files import Network, TensorFile, on_meta


def load(path: Path, model: LoadedModel) -> Any:
    """Load a ControlNet for a model, as `diffusers.ControlNetModel`, with the model's type and device.

    Raises:
        ModelFileError: If it is none, not whole, or made for another family.
    """
    from diffusers import ControlNetModel

    file = TensorFile(path)
    if not is_controlnet(file.header):
        file.header.refuse("it is no ControlNet; T2I adapters and Control-LoRAs are not supported")
    network = _network(file)
    config = controlnet_config(model.family, network.shape_of, file.header)
    if config["cross_attention_dim"] != model.unet.config.cross_attention_dim:
        made_for = controlnet_family(file.header) or "another family"
        file.header.refuse(f"it was made for {made_for}, and {model.path.name!r} is {model.family.title}")
    module = on_meta(file.header, partial(ControlNetModel, **config))
    network.fill(module, dtype=model.dtype, device=model.device)
    return module


def _network(file: TensorFile) -> Network:
    if CONTROLNET_MARK in file.header.tensors:
        return Network(file, Original)
    return Network(file, lambda name: Original(unet_name(name, ())), CONTROLNET_PREFIX)
