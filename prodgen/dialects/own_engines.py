"""prodgen's engines with a model: the routes of A1111, but what is missing is got in another way."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import ClassVar

from prodgen.dialects.a1111 import A1111, WITHOUT_IC_LIGHT, WITHOUT_REFERENCE_UNIT
from prodgen.schema import Capabilities
from prodgen.schema.workflow_graphs import WORKFLOW_SCRIPT
from prodgen.weights.folders import getting, models_folder

SERVED_FOLDER = "/prodgen-engine/"
"""The folder that a server of prodgen with a model names for its files, in place of a path of theirs."""


_GET = "prodgen weights get"


class OwnEngine(A1111):
    """The engine on this machine's GPU, which draws with files of one folder."""

    name: ClassVar[str] = "engine"
    title: ClassVar[str] = "prodgen engine"
    version_marks: ClassVar[tuple[str, ...]] = ("prodgen-engine",)
    has_console: ClassVar[bool] = False
    remedies: ClassVar[Mapping[str, str]] = {
        "IC-Light": f"`{_GET} iclight-fc iclight-fbc` fetches it, {WITHOUT_IC_LIGHT}",
        "ControlNet": f"`{_GET} controlnet-canny controlnet-openpose --accept-unverified` "
        "fetches models of it; others go into the folder ControlNet of its models",
        "ADetailer": "it finds no faces; repaint them behind a mask, by img2img",
        "reference pictures": f"it has no such unit; {WITHOUT_REFERENCE_UNIT}",
        "relighting": f"`{_GET} iclight-fc iclight-fbc` fetches its weights, and "
        "`prodgen doctor` with its address says what else is missing.",
        "something idle": "`prodgen doctor` with its address says what it has; if that is there, please "
        "report it, for this engine refuses what it cannot do.",
        "a bad answer": "Try again; if it stays so, look for a proxy that cuts answers short.",
    }

    def __init__(self, models: str | None = None) -> None:
        self._models = models
        """The folder of its files, where that is known and this computer's."""

    def remedy(self, lack: str) -> str:
        """Return what to do about one of `remedies`, for the folder that this engine reads."""
        folder = models_folder() if self._models is None else Path(self._models)
        return self.remedies[lack].replace(_GET, getting("", folder).strip())


class ThroughComfy(A1111):
    """A ComfyUI server as an engine, which draws with its own node packs and files."""

    name: ClassVar[str] = "comfy"
    title: ClassVar[str] = "ComfyUI"
    version_marks: ClassVar[tuple[str, ...]] = ("prodgen-comfy",)
    has_console: ClassVar[bool] = False
    remedies: ClassVar[Mapping[str, str]] = {
        "IC-Light": "install the node pack ComfyUI-IC-Light (https://github.com/kijai/ComfyUI-IC-Light) with "
        "ComfyUI-Manager or into custom_nodes, put iclight_sd15_fc.safetensors and "
        f"iclight_sd15_fbc.safetensors into models/unet, and restart it, {WITHOUT_IC_LIGHT}",
        "ControlNet": "put a ControlNet model into its folder models/controlnet; its preprocessors come "
        "with the node pack comfyui_controlnet_aux (https://github.com/Fannovel16/comfyui_controlnet_aux), "
        "which goes into custom_nodes",
        "reference pictures": "`prodgen generate --workflow` draws a workflow of your own with an "
        f"IP-Adapter's nodes; here {WITHOUT_REFERENCE_UNIT}",
        "ADetailer": "it finds no faces; a workflow of your own with the node pack ComfyUI-Impact-Pack does "
        "(--workflow)",
        "relighting": "The node pack ComfyUI-IC-Light has to be in its custom_nodes, and the weights in "
        "models/unet; `prodgen doctor` with its address says which is missing.",
        "something idle": "ComfyUI's console says why.",
        "a bad answer": "Try again; if it stays so, look at ComfyUI's console, or for a proxy that cuts "
        "answers short.",
    }


def engine_behind(have: Capabilities, models: str | None = None) -> A1111 | None:
    """Return the dialect of the engine whose lists a server gives; None if it is none of prodgen's.

    Args:
        have: What the server has.
        models: The folder of its files, where its address names one.
    """
    if not any((file.filename or "").startswith(SERVED_FOLDER) for file in have.checkpoints):
        return None
    runs_workflows = have.script(WORKFLOW_SCRIPT, is_img2img=False) is not None
    return ThroughComfy() if runs_workflows else OwnEngine(models)
