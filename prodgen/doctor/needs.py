"""Checks of names: does the server have what the built-in recipes and `run.py` ask it for?

Each check is a pure function of the facts; it returns None where it does not apply.
"""

from __future__ import annotations

from dataclasses import replace

from prodgen.client import is_resampling, scheduler_key, upscalers_in_turn
from prodgen.doctor import tried_checks
from prodgen.doctor.facts import SetupFacts
from prodgen.doctor.findings import Finding
from prodgen.doctor.listed_things import OPTIONAL_LORAS
from prodgen.errors import NotAppliedError
from prodgen.shots import Recipe, builtin_recipes
from prodgen.weights.folders import getting, models_folder

GET_UPSCALER = "put RealESRGAN_x4plus.pth into models/RealESRGAN (download_weights.sh does)"
GET_UPSCALER_FOR_ENGINE = "realesrgan-x4plus-safe"
GET_UPSCALER_FOR_COMFY = "put RealESRGAN_x4plus.pth into ComfyUI's models/upscale_models, and restart it"

GET_LORAS = "fetch them with download_weights.sh, or put the files into models/Lora; they are optional"
GET_LORAS_FOR_ENGINE = "more-details sdxlrender --accept-unverified; they are optional"
GET_LORAS_FOR_COMFY = "put the files into ComfyUI's models/loras, and restart it; they are optional"

GET_INPAINTING = "fetch one with download_weights.sh, or go on without; it is optional"
GET_INPAINTING_FOR_ENGINE = "sd15-inpainting-safe, or go on without; it is optional"
GET_INPAINTING_FOR_COMFY = "put one into ComfyUI's models/checkpoints, or go on without; it is optional"


def _for(facts: SetupFacts, a1111: str, engine: str, comfy: str) -> str:
    """Return which of three remedies fits the server; the engine's are what `prodgen weights get` is told."""
    if facts.comfy is not None:
        return comfy
    if not facts.is_own_engine:
        return a1111
    return getting(engine, models_folder() if facts.engine is None else facts.engine.models)


def _asked_for(field: str) -> dict[str, list[str]]:
    """Map every value of `field` in the built-in recipes' stages to the names of these recipes."""
    recipes_by_value: dict[str, list[str]] = {}
    for name in builtin_recipes():
        for stage in Recipe.load(name).stages:
            value = getattr(stage, field, None)
            if isinstance(value, str) and name not in recipes_by_value.setdefault(value, []):
                recipes_by_value[value].append(name)
    return recipes_by_value


def samplers(facts: SetupFacts) -> Finding | None:
    """Are the recipes' samplers and schedules there?"""
    have = facts.capabilities
    if have is None:
        return None
    samplers, schedulers = _asked_for("sampler_name"), _asked_for("scheduler")
    known = {*have.samplers, *(name.removesuffix(f" {s}") for s in schedulers for name in have.samplers)}
    missing = {name: recipes for name, recipes in samplers.items() if name not in known}
    if "schedulers" in have.answered:
        keys = set(map(scheduler_key, have.schedulers))
        missing |= {name: recipes for name, recipes in schedulers.items() if scheduler_key(name) not in keys}
    if missing:
        recipes = sorted({recipe for names in missing.values() for recipe in names})
        return Finding(
            "samplers",
            "broken",
            f"{_names(missing)} is not there, which the recipes {_names(recipes)} ask for",
            "update the server, or choose others of `prodgen list samplers` with --sampler and --scheduler",
        )
    return Finding("samplers", "OK", f"{_names(samplers)} with {_names(schedulers)}")


def upscaler(facts: SetupFacts) -> Finding | None:
    """Is there an upscaler that does better than interpolation?"""
    have = facts.capabilities
    if have is None or "upscalers" not in have.answered:
        return None
    best = upscalers_in_turn(have)[0]
    if is_resampling(best):
        what = f"no upscaling model is there; scenes are enlarged by {best}, which invents no detail"
        remedy = _for(facts, GET_UPSCALER, GET_UPSCALER_FOR_ENGINE, GET_UPSCALER_FOR_COMFY)
        return Finding("upscaler", "warning", what, remedy, "refresh lists")
    tried = {attempt.name: attempt for attempt in facts.trials.of_kind("upscaler")}
    if best not in tried:
        return Finding("upscaler", "OK", f"{best!r} is listed for scenes; it was not tried")
    found = tried_checks.judged(
        facts, "upscaler", f"{best!r} enlarges scenes, and does more than resize them"
    )
    if tried[best].works:
        return found
    if not isinstance(tried[best].error, NotAppliedError):
        return replace(found, status="broken")
    lame = [name for name, attempt in tried.items() if not attempt.works]
    return replace(
        found, what=f"{found.what}; {upscalers_in_turn(have, without=lame)[0]!r} enlarges scenes instead"
    )


def loras(facts: SetupFacts) -> Finding | None:
    """Are the LoRAs there that `run.py` uses?"""
    have = facts.capabilities
    if have is None or "loras" not in have.answered:
        return None
    tried = facts.trials.of_kind("LoRA")
    if not all(attempt.works for attempt in tried):
        return tried_checks.judged(facts, "LoRA", "")
    missing = [name for name in OPTIONAL_LORAS if have.find_lora(name) is None]
    if missing:
        what = f"{_names(missing)} missing; run.py leaves out what is not there"
        remedy = _for(facts, GET_LORAS, GET_LORAS_FOR_ENGINE, GET_LORAS_FOR_COMFY)
        return Finding("LoRAs", "warning", what, remedy, "refresh lists")
    if tried:
        return tried_checks.judged(facts, "LoRA", "")
    if not have.tells_lora_hashes:
        return Finding(
            "LoRAs",
            "warning",
            "its answers do not tell which LoRAs were applied",
            "turn on its option 'Add Lora hashes to infotext'",
        )
    return Finding("LoRAs", "OK", f"{_names(OPTIONAL_LORAS)} are listed; they were not tried")


def checkpoint(facts: SetupFacts) -> Finding | None:
    """Is a model loaded, and one for inpainting there?"""
    have = facts.capabilities
    if have is None or "checkpoints" not in have.answered:
        return None
    if not have.checkpoints:
        return Finding(
            "checkpoints",
            "broken",
            "the server has no model at all",
            "put one into models/Stable-diffusion (download_weights.sh does)",
            "refresh lists",
        )
    loaded = f"{have.checkpoint!r} is chosen"
    if facts.is_embedded or not have.is_diffusion:
        return Finding("checkpoints", "OK", loaded)
    if not any("inpaint" in name.lower() for x in have.checkpoints for name in (x.title, x.filename or "")):
        return Finding(
            "checkpoints",
            "warning",
            f"{loaded}; there is none made for inpainting, with which the recipe 'inpaint' does best",
            _for(facts, GET_INPAINTING, GET_INPAINTING_FOR_ENGINE, GET_INPAINTING_FOR_COMFY),
            "refresh lists",
        )
    return Finding("checkpoints", "OK", loaded)


def _names(names: object) -> str:
    return " and ".join(map(repr, names))  # type: ignore[call-overload]  # any iterable of text


def unread_lists(facts: SetupFacts) -> Finding | None:
    """Could all of its lists be read?"""
    have = facts.capabilities
    if have is None:
        return None
    # Options that cannot be read have a line of their own.
    lists = {name: why for name, why in have.unread.items() if name != "options"}
    if not lists:
        return None
    told = "; ".join(f"{name.replace('_', ' ')}: {why}" for name, why in lists.items())
    return Finding(
        "lists",
        "warning",
        f"not read: {told}; names in them are not checked before drawing",
        "ask again when it is idle; a list stays slow or too large while its folder holds thousands of files",
    )


CHECKS = (unread_lists, checkpoint, samplers, upscaler, loras)
