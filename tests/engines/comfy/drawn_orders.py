"""Orders as the recorded workflows draw them, and the models of the server that ran them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from prodgen.engines.comfy.comfy_inventory import ComfyModels, read_models
from prodgen.engines.comfy.node_catalogue import NodeCatalogue
from prodgen.server.engine import BatchOrder, ModelFile
from prodgen.server.ic_light_script import IcLightUnit
from prodgen.server.wire import UploadedPicture

WORKFLOWS = Path(__file__).parents[2] / "captures" / "comfyui" / "workflows"
INFO = json.loads((WORKFLOWS.parent / "core" / "object_info-needed.json").read_text("utf-8"))["response"][
    "json"
]

PHOTO = np.full((128, 128, 3), 90, np.uint8)
MASK = np.zeros((128, 128), np.uint8)
MASK[32:96, 32:96] = 255
PRODUCT = np.dstack([np.full((128, 128, 3), 200, np.uint8), np.full((128, 128), 255, np.uint8)])
BACKGROUND = np.full((128, 128, 3), 30, np.uint8)
LIGHT_MAP = np.full((128, 128, 3), 250, np.uint8)


def recorded_workflow(name: str) -> dict[str, Any]:
    return json.loads((WORKFLOWS / f"{name}.json").read_text("utf-8"))


def server_models(*without: str, info: Mapping[str, Any] = INFO) -> ComfyModels:
    """The models of the recorded server, less these node classes."""
    return read_models(NodeCatalogue({name: one for name, one in info.items() if name not in without}))


def plain_order(**changes: Any) -> BatchOrder:
    usual: dict[str, Any] = {
        "prompt": "a lamp on a table",
        "negative_prompt": "blurry",
        "seeds": (5,),
        "width": 128,
        "height": 128,
        "checkpoint": ModelFile("sd15_random"),
        "steps": 2,
        "cfg_scale": 5.0,
        "sampler": "Euler",
    }
    return BatchOrder(**{**usual, **changes})


def relit_unit(model: str = "FC", **changes: Any) -> IcLightUnit:
    unit = IcLightUnit(
        enabled=True,
        model_type=f"IC-Light.SD15.{model}",
        subject=UploadedPicture(PRODUCT, "RGBA"),
        shows_subject=True,
        relights=True,
    )
    return replace(unit, **changes)


class Uploads:
    """Names for pictures in the order in which they are uploaded, each content once."""

    def __init__(self) -> None:
        self.pictures: dict[str, np.ndarray] = {}

    def __call__(self, pixels: np.ndarray) -> str:
        for name, known in self.pictures.items():
            if known.shape == pixels.shape and np.array_equal(known, pixels):
                return name
        name = f"{len(self.pictures)}.png"
        self.pictures[name] = pixels
        return name
