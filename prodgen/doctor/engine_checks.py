"""Checks of the engine of prodgen's own (engine://): its packages, the GPU, the models.

Each check is a pure function of the facts; it returns None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Mapping

from prodgen.doctor.facts import SetupFacts
from prodgen.doctor.findings import Finding
from prodgen.doctor.health import GIB, MIN_VRAM
from prodgen.engines.diffusers.device import FIT_TORCHVISION, INSTALL
from prodgen.errors import EngineLack
from prodgen.weights.folders import getting

CHECKPOINT = "sd15-photo"
GET_IC_LIGHT: Mapping[str, str] = {"FC": "iclight-fc", "FBC": "iclight-fbc"}

SHOWN_LEFT_OUT = 5
"""Files left out that are named one by one. Chosen: what a person reads."""

FAULTS: Mapping[EngineLack, tuple[str, str]] = {
    "torchvision mismatch": (
        "the torchvision that is installed does not fit this PyTorch, so that no network loads",
        FIT_TORCHVISION,
    ),
    "library broken": ("a package is installed, but does not load", f"{INSTALL} --force-reinstall"),
    "library missing": ("a package is missing", INSTALL),
}
"""Why packages do not load -> what to say, and the remedy."""


def packages(facts: SetupFacts) -> Finding | None:
    """Is everything installed, and does it load?"""
    engine = facts.engine
    if engine is None:
        return None
    lacks = [f"{name} is not installed" for name in engine.missing]
    lacks += [f"{name} is another release than the engine was made for" for name in engine.unfit]
    if lacks:
        return Finding("packages", "broken", "; ".join(lacks), INSTALL)
    if engine.fault is not None:
        what, remedy = FAULTS[engine.fault.lack]
        said = f" ({engine.fault.reason})" if engine.fault.lack == "library broken" else ""
        return Finding("packages", "broken", f"{what}{said}", remedy)
    return Finding("packages", "OK", "PyTorch, diffusers and transformers load")


def gpu(facts: SetupFacts) -> Finding | None:
    """Is there a GPU that it draws on?"""
    if facts.engine is None or facts.engine.device is None:
        return None
    device, seconds = facts.engine.device, facts.engine.seconds
    if not device.is_gpu:
        return Finding(
            "GPU",
            "warning",
            f"the CPU draws: about {seconds or 0:.0f} s for a picture of 0.5 megapixels in 25 steps",
            device.remedy or "use a machine with an NVIDIA GPU, or embedded://, which needs none",
        )
    memory = device.memory_bytes or 0
    what = f"{device.title}, {memory / GIB:.1f} GiB"
    if memory < MIN_VRAM:
        return Finding("GPU", "warning", what, "keep to 0.4 megapixels, and close what else uses the GPU")
    return Finding("GPU", "OK", what)


def models(facts: SetupFacts) -> Finding | None:
    """Is there a model to draw with?"""
    engine = facts.engine
    if engine is None:
        return None
    if engine.checkpoints:
        families = sorted({family for family in engine.checkpoints.values() if family})
        what = f"{len(engine.checkpoints)} in {engine.models} ({', '.join(families)})"
        return Finding("models", "OK", what)
    if not engine.has_folder:
        what = f"there is no folder {engine.models}"
    elif engine.checkpoints is None:
        what = f"{engine.models} cannot be read"
    else:
        what = f"{engine.models / 'Stable-diffusion'} has no checkpoint that can be used"
    get = getting(CHECKPOINT, engine.models)
    return Finding("models", "broken", what, f"{get}, or name the folder that has one: engine:///srv/models")


def ic_light(facts: SetupFacts) -> Finding | None:
    """Can it relight: are IC-Light's weights there, and a checkpoint of their family?"""
    engine = facts.engine
    if engine is None:
        return None
    missing = [kind for kind in GET_IC_LIGHT if kind not in engine.ic_light]
    if missing:
        what = f"the weights for {' and '.join(missing)} are not in {engine.models / 'ic-light'}"
        remedy = getting(" ".join(GET_IC_LIGHT[kind] for kind in missing), engine.models)
        return Finding("IC-Light", "broken" if len(missing) == len(GET_IC_LIGHT) else "warning", what, remedy)
    if engine.checkpoints and "sd15" not in engine.checkpoints.values():
        what = "its weights are there, and no checkpoint of the family SD 1.5, which they belong to"
        return Finding("IC-Light", "broken", what, getting(CHECKPOINT, engine.models))
    return Finding("IC-Light", "OK", "its weights are there: FC and FBC")


def left_out(facts: SetupFacts) -> Finding | None:
    """Which files of the models folder cannot be used?"""
    if facts.engine is None or not facts.engine.left_out:
        return None
    files = facts.engine.left_out
    told = [f"{one.file}: {one.reason}" for one in files[:SHOWN_LEFT_OUT]]
    more = f"; and {len(files) - SHOWN_LEFT_OUT} more" if len(files) > SHOWN_LEFT_OUT else ""
    what = f"{'; '.join(told)}{more}"
    return Finding("left out", "warning", what, "get them as .safetensors, whole, or move them away")


CHECKS = (packages, gpu, models, ic_light, left_out)
