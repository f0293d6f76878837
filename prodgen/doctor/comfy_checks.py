"""Checks of a ComfyUI server that is to draw (comfy://): its models, its node pack for IC-Light, progress.

Each check is a pure function of the facts; it returns None where it does not apply.
"""

from __future__ import annotations

from prodgen.doctor.facts import SetupFacts
from prodgen.doctor.findings import Finding

WEIGHTS = {
    "FC": ("iclight-fc", "iclight_sd15_fc_unet_ldm"),
    "FBC": ("iclight-fbc", "iclight_sd15_fbc_unet_ldm"),
}
"""IC-Light's model -> its name in `prodgen weights`, and the file name by which both node packs know it."""


def comfy(facts: SetupFacts) -> Finding | None:
    """Which ComfyUI is it, and what does it draw on?"""
    if facts.comfy is None:
        return None
    version = f"ComfyUI {facts.comfy.version}".strip()
    return Finding("ComfyUI", "OK", f"{version} draws on {facts.comfy.device or 'what it does not tell'}")


def models(facts: SetupFacts) -> Finding | None:
    """Has it a model to draw with?"""
    if facts.comfy is None:
        return None
    if facts.comfy.checkpoints:
        return Finding("models", "OK", f"it lists {len(facts.comfy.checkpoints)}")
    return Finding(
        "models",
        "broken",
        "it lists no checkpoint",
        "put one into its models/checkpoints (prodgen weights get sd15-photo fetches one), and restart it",
    )


def ic_light(facts: SetupFacts) -> Finding | None:
    """Can it relight: is a node pack for IC-Light there, with the weights?"""
    if facts.comfy is None:
        return None
    if facts.comfy.pack is None:
        return Finding("IC-Light", "broken", "it has no node pack for IC-Light", facts.comfy.get_pack)
    missing = [kind for kind in WEIGHTS if kind not in facts.comfy.ic_light]
    if not missing:
        return Finding(
            "IC-Light", "OK", f"by the nodes of {facts.comfy.pack}, with the weights of FC and FBC"
        )
    what = f"its nodes are there, and no weights for {' and '.join(missing)} that they can load"
    names = " ".join(WEIGHTS[kind][0] for kind in missing)
    files = " and ".join(f"{WEIGHTS[kind][1]}.safetensors" for kind in missing)
    remedy = f"prodgen weights get {names}; put them into ComfyUI's models/unet as {files}, and restart it"
    return Finding("IC-Light", "broken" if len(missing) == len(WEIGHTS) else "warning", what, remedy)


def progress(facts: SetupFacts) -> Finding | None:
    """Are steps and previews heard?"""
    if facts.comfy is None:
        return None
    if facts.comfy.hears_steps:
        return Finding("progress", "OK", "steps and previews are listened for")
    # Optional: pictures come all the same, so its absence is nothing to warn of.
    return Finding(
        "progress", "OK", "of whole pictures; for steps and previews: pip install 'prodgen[comfy]'"
    )


CHECKS = (comfy, models, ic_light, progress)
