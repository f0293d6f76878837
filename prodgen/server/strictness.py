"""What a model's server refuses: the names and settings that A1111 passes over in silence.

A1111 draws without what it does not know, and says so in its log at most. Whoever draws with a model must not
take such a picture for the one that was asked for: the request is answered with 404 or 422 and the reason.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from prodgen.schema.prompts import NetworkTag, network_tags
from prodgen.server.fields import without_comments
from prodgen.server.listings import SAMPLERS, SCHEDULERS
from prodgen.server.options_store import OptionsStore
from prodgen.server.state import Machine
from prodgen.server.wire import Refused

_NEUTRAL: Mapping[str, tuple[object, ...]] = {
    "s_churn": (None, 0),
    "s_noise": (None, 0, 1),
    "s_min_uncond": (None, 0),
    "firstpass_image": (None, ""),
    "styles": (None, []),
    "hr_checkpoint_name": (None, "", "None", "Use same checkpoint"),
    "firstphase_width": (None, 0),
    "firstphase_height": (None, 0),
    "image_cfg_scale": (None, 0, 1, 1.5),
    "resize_mode": (None, 0, 1, 2),
}
"""Fields of a request that no engine heeds, each with the values that change nothing."""

_OPTIONS = (
    *("img2img_extra_noise", "img2img_fix_steps", "sigma_min", "sigma_max", "rho", "s_churn", "s_noise"),
    *("s_min_uncond", "skip_early_cond", "sd_noise_schedule", "sgm_noise_multiplier", "emphasis"),
    *("always_discard_next_to_last_sigma", "use_old_emphasis_implementation", "use_old_scheduling"),
    *("use_old_karras_scheduler_sigmas", "token_merging_ratio", "token_merging_ratio_img2img"),
    *("token_merging_ratio_hr", "refiner_switch_by_sample_steps", "sd_lora", "beta_dist_alpha"),
    *("beta_dist_beta", "sdxl_crop_top", "sdxl_crop_left", "sdxl_clip_l_skip", "comma_padding_backtrack"),
    *("img2img_color_correction", "inpainting_mask_weight", "sd_vae_encode_method", "sd_vae_decode_method"),
    *("overlay_inpaint", "hires_fix_use_firstpass_conds", "upscaler_for_img2img"),
    "use_downcasted_alpha_bar",
)
"""Options that change A1111's pictures and that no engine heeds."""

_NOISE_SOURCES = ("GPU", "NV")
"""Where A1111 may take its noise from, of those whose numbers an engine draws as well."""


_SCRIPTS_OF_FIELDS = ("refiner", "sampler", "seed")
"""A1111's scripts whose arguments stand in the request's own fields as well."""

MAX_STEPS = 1000
"""Most steps of a run: a network was trained at that many noise levels, and a longer list has some twice."""


def check_script(title: str, arguments: object) -> None:
    """Refuse a script's arguments that A1111 would pass over.

    Args:
        title: The script's name in "alwayson_scripts".
        arguments: What stands there as its "args"; only a list is heeded.

    Raises:
        Refused: With the form that is heeded.
    """
    if not isinstance(arguments, list):
        raise Refused(422, f'the arguments of {title} are a list, in an object: {{"args": [...]}}')
    if arguments and title.lower() in _SCRIPTS_OF_FIELDS:
        raise Refused(422, f"the arguments of {title} have no effect here; use the request's own fields")


def check_sampler(fields: Mapping[str, Any], machine: Machine) -> None:
    """Refuse a sampler or a schedule that the engine does not draw with.

    Raises:
        Refused: With those that there are.
    """
    samplers = machine.inventory.samplers or tuple(SAMPLERS)
    labels = machine.inventory.schedulers or tuple(SCHEDULERS)
    words = {word: label for label, (low, _, _) in SCHEDULERS.items() for word in (label, low)}
    words |= {label: label for label in labels}
    asked = fields["sampler_name"] or None
    if asked is None and fields["sampler_index"] != "Euler":  # its default says nothing of a wish
        asked = fields["sampler_index"]
    if asked is not None and asked not in samplers:
        stem = next((asked[: -len(word) - 1] for word in words if asked.endswith(f" {word}")), asked)
        if stem not in samplers:
            raise Refused(404, f"Sampler not found: there is no {asked!r}; there are {', '.join(samplers)}")
    schedule = fields["scheduler"]
    if schedule and words.get(schedule) not in labels:
        raise Refused(404, f"Scheduler not found: there is no {schedule!r}; there are {', '.join(labels)}")


def check_overrides(overrides: Mapping[str, Any], options: OptionsStore) -> None:
    """Refuse a checkpoint that is not there.

    Raises:
        Refused: With those that there are.
    """
    name = overrides.get("sd_model_checkpoint")
    if name and options.find_checkpoint(name) is None:
        raise _unknown("checkpoint", name, [model.name for model in options.checkpoints])


def check_settings(machine: Machine, fields: Mapping[str, Any], tags: Sequence[NetworkTag]) -> None:
    """Refuse what a call asks for and would not get.

    Args:
        machine: The server's, with the call's options.
        fields: The request's.
        tags: The tags of its prompt.

    Raises:
        Refused: With the reason.
    """
    _check_numbers(fields)
    for name, neutral in _NEUTRAL.items():
        if name in fields and fields[name] not in neutral:
            raise Refused(422, f"{name} has no effect here; leave it out")
    options = machine.options
    for name in _OPTIONS:
        if options[name] != options.defaults[name]:
            raise Refused(422, f"the option {name} has no effect here; set it to {options.defaults[name]!r}")
    if options["randn_source"] not in _NOISE_SOURCES:
        raise Refused(422, "noise is drawn as A1111 draws it on a GPU; set the option randn_source to 'GPU'")
    vae = options["sd_vae"]
    if vae not in (None, "", "Automatic", "None") and vae not in [x.name for x in machine.inventory.vaes]:
        raise _unknown("VAE", vae, [model.name for model in machine.inventory.vaes])
    refiner = fields["refiner_checkpoint"]
    if refiner not in (None, "", "None") and not fields["refiner_switch_at"]:
        text = "refiner_checkpoint has no effect without refiner_switch_at: the share of the steps before it"
        raise Refused(422, text)
    if not fields["disable_extra_networks"]:
        _check_tags(machine, tags)
        _check_hires_tags(fields, tags)
        _check_negative_tags(fields)


def _check_numbers(fields: Mapping[str, Any]) -> None:
    """Refuse numbers that no run can be made of, or only one that nobody waits for.

    Raises:
        Refused: With the range.
    """
    steps, hires_steps = fields["steps"], fields.get("hr_second_pass_steps") or 0
    for name, value in (("steps", steps), ("hr_second_pass_steps", hires_steps)):
        if not 0 <= value <= MAX_STEPS:
            raise Refused(422, f"{name} is {value}; at most {MAX_STEPS} steps are made")
    if not (fields["eta"] or 0) >= 0:
        raise Refused(422, f"eta is {fields['eta']}; it is a share of noise, 0 or more")
    strength = fields["denoising_strength"]
    if strength is None:
        return
    if not 0 <= strength <= 1:
        raise Refused(422, f"denoising_strength is {strength}; it goes from 0 to 1")
    made = hires_steps or steps
    if fields.get("enable_hr") and strength and made / strength > MAX_STEPS:
        least = math.ceil(100 * made / MAX_STEPS) / 100
        text = (
            f"denoising_strength is {strength}: {made} steps at its end belong to a run of more than"
            f" {MAX_STEPS}; ask for {least} or more, for 0, or for fewer steps"
        )
        raise Refused(422, text)


def _check_negative_tags(fields: Mapping[str, Any]) -> None:
    for tag in network_tags(without_comments(fields["negative_prompt"])):
        raise Refused(422, f"networks are named in the prompt; take {tag.text} out of the negative prompt")


def _check_tags(machine: Machine, tags: Sequence[NetworkTag]) -> None:
    known = [model.name for model in machine.inventory.loras]
    for tag in tags:
        if not tag.is_lora:
            raise Refused(422, f"there are no networks here but LoRAs, and {tag.name!r} is none")
        if tag.name not in known:
            raise _unknown("LoRA", tag.name, known)
        if tag.weight is None:
            raise Refused(422, f"LoRA {tag.name!r} takes one weight, a number: <lora:{tag.name}:1>")


def _check_hires_tags(fields: Mapping[str, Any], tags: Sequence[NetworkTag]) -> None:
    wanted = {tag.name for tag in network_tags(fields.get("hr_prompt") or "")}
    if wanted - {tag.name for tag in tags}:
        raise Refused(422, "both passes are drawn with the prompt's LoRAs; name them in the prompt")


def face_restorer(machine: Machine, fields: Mapping[str, Any]) -> str | None:
    """Return the name of what shall restore faces in a call, None without.

    Raises:
        Refused: If there is no such restorer.
    """
    wanted = fields["restore_faces"]
    if not (machine.options["face_restoration"] if wanted is None else wanted):
        return None
    there = machine.inventory.face_restorers
    name = str(machine.options["face_restoration_model"])
    if name in there:
        return name
    if not there:
        remedy = machine.inventory.face_remedy or "leave restore_faces out"
        raise Refused(422, f"nothing restores faces here: {remedy}")
    if name == machine.options.defaults["face_restoration_model"]:
        return there[0]
    raise _unknown("face restorer", name, there)


def _unknown(what: str, name: object, known: Sequence[str]) -> Refused:
    there = f"there are {', '.join(known)}" if known else "there are none"
    return Refused(422, f"there is no {what} {str(name)[:200]!r}; {there}")
