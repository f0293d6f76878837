"""Our request and answer types, in A1111's words and in no server's spelling.

A request is an immutable value, checked when it is made: what a server would swallow silently is
refused here with a sentence. What is unset is the backend's default and is not sent.
"""

from __future__ import annotations

from prodgen.schema.answers import (
    Applied,
    Capabilities,
    Checkpoint,
    Enlargement,
    Generation,
    ICLightSpelling,
    LoraFile,
    Progress,
    Proof,
    ProofKind,
    Sampler,
    Scheduler,
    ScriptArgument,
    ScriptInfo,
    Upscaler,
)
from prodgen.schema.drawing import Drawing, Img2Img, Txt2Img
from prodgen.schema.postprocess import Upscale
from prodgen.schema.request import Request
from prodgen.schema.seeds import LARGEST_SEED, MAX_SEED
from prodgen.schema.units import (
    IC_LIGHT_CFG_SCALE,
    IC_LIGHT_SAMPLER,
    IC_LIGHT_SCHEDULER,
    IC_LIGHT_STEPS,
    ADetailer,
    ControlNetUnit,
    ICLight,
    Lora,
    Script,
    SoftInpainting,
)

__all__ = [
    "IC_LIGHT_CFG_SCALE",
    "IC_LIGHT_SAMPLER",
    "IC_LIGHT_SCHEDULER",
    "IC_LIGHT_STEPS",
    "LARGEST_SEED",
    "MAX_SEED",
    "ADetailer",
    "Applied",
    "Capabilities",
    "Checkpoint",
    "ControlNetUnit",
    "Drawing",
    "Enlargement",
    "Generation",
    "ICLight",
    "ICLightSpelling",
    "Img2Img",
    "Lora",
    "LoraFile",
    "Progress",
    "Proof",
    "ProofKind",
    "Request",
    "Sampler",
    "Scheduler",
    "Script",
    "ScriptArgument",
    "ScriptInfo",
    "SoftInpainting",
    "Txt2Img",
    "Upscale",
    "Upscaler",
]
