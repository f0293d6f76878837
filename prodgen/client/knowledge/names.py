"""Names that a user chose, checked against the server's lists before anything is sent.

A1111 replaces an unknown sampler, ignores an unknown LoRA and keeps its checkpoint, all with 200.
A list that the server does not have is no reason to refuse.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from prodgen.errors import UnknownNameError, WrongValueError
from prodgen.schema import Capabilities, ControlNetUnit, Drawing, Txt2Img, Upscale, prompts


def scheduler_key(name: str) -> str:
    """Return what both names of a schedule ("SGM Uniform", "sgm_uniform") have in common."""
    return "".join(c for c in name.lower() if c.isalnum())


def sampler_key(name: str) -> str:
    """Return what spellings of a sampler ("DPM++ 2M", "dpmpp_2m") have in common."""
    return scheduler_key(name.replace("++", "pp"))


D = TypeVar("D", bound=Drawing)


def as_listed(request: D, capabilities: Capabilities) -> D:
    """Return the request with checkpoints, LoRAs and VAE under the names that this server lists.

    A user may write a file with or without its folder and ending; only some servers take all of that. What
    the server does not list stays as it is.
    """
    have = capabilities
    changed: dict[str, Any] = {}
    for field in ("checkpoint", "refiner_checkpoint", "hr_checkpoint_name"):
        name = getattr(request, field, None)
        meant = have.find_checkpoint(name) if name else None
        if meant is not None and name not in meant.names:
            changed[field] = meant.title
    if request.vae and (vae := have.find_vae(request.vae) or request.vae) != request.vae:
        changed["vae"] = vae
    loras = tuple(
        lora.model_copy(update={"name": have.find_lora(lora.name) or lora.name}) for lora in request.loras
    )
    if loras != request.loras:
        changed["loras"] = loras
    for tag in prompts.network_tags(request.prompt):
        listed = have.find_lora(tag.name) if tag.is_lora else None
        if listed and listed != tag.name:
            prompt = changed.get("prompt", request.prompt)
            changed["prompt"] = prompt.replace(tag.text, tag.text.replace(f":{tag.name}", f":{listed}", 1))
    return request.model_copy(update=changed) if changed else request


def check_drawing(request: Drawing, capabilities: Capabilities) -> None:
    """Refuse a request that names something which this server does not have.

    Raises:
        UnknownNameError: For the first such name; it carries the field and the nearest known ones.
    """
    have = capabilities
    _one_of("sampler_name", "sampler", request.sampler_name, "samplers", have.samplers, have)
    _scheduler("scheduler", request.scheduler, have)
    known_loras = (*have.loras, *have.lora_aliases)
    in_tags = [tag.name for tag in prompts.network_tags(request.prompt) if tag.is_lora]
    for name in (*(lora.name for lora in request.loras), *in_tags):
        _one_of("loras", "LoRA", name, "loras", known_loras, have)
    for style in request.styles:
        _one_of("styles", "style", style, "styles", have.styles, have)
    _checkpoint("checkpoint", request.checkpoint, have)
    _checkpoint("refiner_checkpoint", request.refiner_checkpoint, have)
    vaes = ("Automatic", "None", *have.vaes)
    _one_of("vae", "VAE", request.vae, "vaes" if "vaes" in have.answered else "modules", vaes, have)
    if isinstance(request, Txt2Img):
        _second_pass(request, have)


def unchecked(request: Drawing, capabilities: Capabilities) -> list[str]:
    """Return a sentence for each list that could not be read although the request names something of it."""
    tags = [tag.name for tag in prompts.network_tags(request.prompt) if tag.is_lora]
    named: dict[str, list[str | None]] = {
        "loras": [*(lora.name for lora in request.loras), *tags],
        "styles": [*request.styles],
        "checkpoints": [request.checkpoint, request.refiner_checkpoint],
        "vaes": [request.vae],
        "modules": [request.vae],
        "schedulers": [request.scheduler],
        "upscalers": [request.hr_upscaler if isinstance(request, Txt2Img) else None],
    }
    return [
        f"The server's list of {listed} cannot be read ({capabilities.unread[listed]}), so that it is not "
        f"checked whether it has {', '.join(map(repr, filter(None, asked)))}"
        for listed, asked in named.items()
        if listed in capabilities.unread and any(asked)
    ]


def check_upscale(request: Upscale, capabilities: Capabilities) -> None:
    """Refuse an upscaler that this server does not have, and "None", which enlarges nothing.

    Raises:
        SettingError: If so.
    """
    for setting in ("upscaler_1", "upscaler_2"):
        name = getattr(request, setting)
        if name == "None":
            reason = "must enlarge (`prodgen list upscalers` shows those that do)"
            raise WrongValueError(setting, name, reason)
        _one_of(setting, "upscaler", name, "upscalers", capabilities.upscalers, capabilities)


def check_controlnet(
    units: Iterable[ControlNetUnit], models: tuple[str, ...], modules: tuple[str, ...]
) -> None:
    """Refuse units whose model or preprocessor the extension does not have.

    Raises:
        UnknownNameError: If there is one; with a model's name, its hash in brackets may be left out.
    """
    stems = {model.split(" [")[0] for model in models}
    for unit in units:
        if unit.model is not None and unit.model not in models and unit.model not in stems:
            raise UnknownNameError("ControlNet model", unit.model, models)
        if unit.module not in ("none", *modules):
            raise UnknownNameError("ControlNet module", unit.module, modules)


def _second_pass(request: Txt2Img, have: Capabilities) -> None:
    both = (*have.latent_upscale_modes, *have.upscalers)
    _one_of("hr_upscaler", "upscaler", request.hr_upscaler, "upscalers", both, have)
    if request.hr_checkpoint_name != "Use same checkpoint":
        _checkpoint("hr_checkpoint_name", request.hr_checkpoint_name, have)
    if request.hr_sampler_name != "Use same sampler":
        _one_of("hr_sampler_name", "sampler", request.hr_sampler_name, "samplers", have.samplers, have)
    if request.hr_scheduler != "Use same scheduler":
        _scheduler("hr_scheduler", request.hr_scheduler, have)


def _one_of(
    setting: str, kind: str, name: str | None, listed_as: str, known: Iterable[str], have: Capabilities
) -> None:
    choices = tuple(known)
    if name is None or listed_as not in have.answered or name in choices:
        return
    hint = ""
    if kind == "sampler" and any(name.startswith(f"{choice} ") for choice in choices):
        hint = "(the schedule, such as Karras, is a setting of its own: scheduler)"
    raise UnknownNameError(kind, name, choices, hint, setting=setting)


def _scheduler(setting: str, name: str | None, have: Capabilities) -> None:
    if name is None or "schedulers" not in have.answered:
        return
    if scheduler_key(name) not in map(scheduler_key, have.schedulers):
        raise UnknownNameError("scheduler", name, have.schedulers, setting=setting)


def _checkpoint(setting: str, name: str | None, have: Capabilities) -> None:
    if name is None or "checkpoints" not in have.answered:
        return
    if have.find_checkpoint(name) is None:
        known = [x.model_name for x in have.checkpoints]
        raise UnknownNameError("checkpoint", name, known, setting=setting)
