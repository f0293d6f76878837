"""What the keys of an infotext are called in a `PictureJob`, and which of them cannot be repeated from words.

Source of the keys: A1111 1.10.1, modules/infotext_utils.py and the `extra_generation_params` of its scripts.
Before 1.9 one key held sampler and schedule ("DPM++ 2M Karras"); that is understood too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from prodgen.dialects import infotexts
from prodgen.errors import ImageError, shortened
from prodgen.schema import prompts

_PLAIN: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "Steps": ("steps", int),
    "CFG scale": ("cfg_scale", float),
    "Seed": ("seed", int),
    "Sampler": ("sampler_name", str),
    "Schedule type": ("scheduler", str),
    "VAE": ("vae", str),
    "Clip skip": ("clip_skip", int),
    "Variation seed": ("subseed", int),
    "Variation seed strength": ("subseed_strength", float),
    "Eta": ("eta", float),
    "NGMS": ("s_min_uncond", float),
    "Denoising strength": ("denoising_strength", float),
    "Hires upscale": ("hires", float),
    "Hires upscaler": ("hires_upscaler", str),
    "Hires steps": ("hires_steps", int),
    "Hires prompt": ("hires_prompt", str),
    "Hires negative prompt": ("hires_negative_prompt", str),
    "Hires sampler": ("hires_sampler", str),
    "Hires schedule type": ("hires_scheduler", str),
    "Hires checkpoint": ("hires_checkpoint", str),
    "Refiner": ("refiner", str),
    "Refiner switch at": ("refiner_at", float),
}

_OPTIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "ENSD": ("eta_noise_seed_delta", int),
    "RNG": ("randn_source", str),
    "Emphasis": ("emphasis", str),
    "Token merging ratio": ("token_merging_ratio", float),
    "Token merging ratio hr": ("token_merging_ratio_hr", float),
    "Discard penultimate sigma": ("always_discard_next_to_last_sigma", lambda text: text == "True"),
    "Face restoration": ("face_restoration_model", str),
}
"""Settings of the server that decide the picture, and how their values are read."""

_HANDLED_ELSEWHERE = {
    "Size", "Model", "Model hash", "VAE hash", "Lora hashes", "TI hashes", "Hashes", "Version", "Tiling",
    "Hires resize", "Batch size", "Batch pos", "User", "Civitai resources", "Civitai metadata",
    "Created Date", "Scene", "Floor", "Unknown words", "Default scene",
}  # fmt: skip

_NEEDS_A_PICTURE = ("Mask blur", "Mask mode", "Masked content", "Inpaint area", "Image CFG scale")

_SCHEDULES = (
    "Karras", "Exponential", "Polyexponential", "SGM Uniform", "Uniform", "KL Optimal", "Align Your Steps",
    "Simple", "Normal", "Beta", "Turbo",
)  # fmt: skip


def job_fields(read: infotexts.Infotext) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings of a job that an infotext means, and a sentence on each key that is not repeated.

    Raises:
        ImageError: If a value is no number where it must be one, or the picture was drawn over another.
    """
    values = read.values
    has_second_pass = any(key in values for key in ("Hires upscale", "Hires resize", "Hires upscaler"))
    if any(key in values for key in _NEEDS_A_PICTURE) or (
        "Denoising strength" in values and not has_second_pass
    ):
        raise ImageError("it was drawn over another picture (img2img), which is not in the file")
    fields: dict[str, Any] = {}
    for key, (name, kind) in _PLAIN.items():
        if key in values:
            fields[name] = _read(key, values[key], kind)
    _tidy(fields, values)
    fields["override_settings"] = {
        name: _read(key, values[key], kind) for key, (name, kind) in _OPTIONS.items() if key in values
    }
    # A server drops a tag that it cannot read: whoever drew the picture did so without it.
    tagged = prompts.read_prompt(prompts.without_unreadable_tags(read.prompt))
    fields |= {"prompt": tagged.words, "negative_prompt": read.negative_prompt, "loras": tagged.loras}
    dropped = {
        tag: f"{tag!r} is no tag that a server can read" for tag in prompts.unreadable_tags(read.prompt)
    }
    return fields, {**dropped, **_not_repeated(values)}


def _read(key: str, text: str, kind: Callable[[str], Any]) -> Any:
    try:
        return kind(text)
    except ValueError as error:
        said = f"its infotext is damaged: {key} is {shortened(text)}, which is no number"
        raise ImageError(said) from error


def _tidy(fields: dict[str, Any], values: Mapping[str, str]) -> None:
    """Correct the settings that depend on several keys: sizes, second pass, sampler, refiner."""
    size = re.fullmatch(r"(\d+)x(\d+)", values.get("Size", ""))
    if size is None:
        raise ImageError("its infotext does not name its size")
    # Servers round a size down to multiples of 8, but write down what was asked for.
    fields["first_pass"] = "x".join(str(int(side) // 8 * 8) for side in size.groups())
    if "hires" in fields or "Hires resize" in values or "hires_upscaler" in fields:
        fields.setdefault("hires_upscaler", "Latent")  # what A1111 uses, and does not write down
        if (resized := _resized(values)) is not None:
            fields.pop("hires", None)
            fields["hires_size"] = resized
        elif fields.get("hires", 2.0) <= 1:
            fields["hires_size"] = fields["first_pass"]
            fields.pop("hires", None)
        else:
            fields.setdefault("hires", 2.0)
    if str(fields.get("scheduler", "")).lower() == "automatic":
        del fields["scheduler"]
    sampler = fields.get("sampler_name", "")
    for schedule in _SCHEDULES:
        if sampler.endswith(f" {schedule}") and "scheduler" not in fields:
            fields |= {"sampler_name": sampler.removesuffix(f" {schedule}"), "scheduler": schedule}
            break
    if "subseed_strength" not in fields or "subseed" not in fields:
        fields.pop("subseed", None)
        fields.pop("subseed_strength", None)
    if "refiner" not in fields or "refiner_at" not in fields:
        fields.pop("refiner", None)
        fields.pop("refiner_at", None)
    for name, unset in (("hires_sampler", "Use same sampler"), ("hires_scheduler", "Use same scheduler")):
        if fields.get(name) == unset:
            del fields[name]
    fields["restore_faces"] = "Face restoration" in values
    fields["tiling"] = values.get("Tiling") == "True"


def _resized(values: Mapping[str, str]) -> str | None:
    """Return the second pass's size where it is given in pixels; a side of 0 follows the other."""
    first = re.fullmatch(r"(\d+)x(\d+)", values.get("Size", ""))
    second = re.fullmatch(r"(\d+)x(\d+)", values.get("Hires resize", ""))
    if first is None or second is None:
        return None
    width, height = int(second[1]), int(second[2])
    if not width and not height:
        return None
    width = width or height * int(first[1]) // int(first[2])
    height = height or width * int(first[2]) // int(first[1])
    return f"{width // 8 * 8}x{height // 8 * 8}"


def _not_repeated(values: Mapping[str, str]) -> dict[str, str]:
    sentences: dict[str, str] = {}
    rest = [key for key in values if key not in {*_PLAIN, *_OPTIONS, *_HANDLED_ELSEWHERE}]
    for key in rest:
        if re.fullmatch(r"ControlNet \d+", key):
            sentences[key] = (
                f"{key} is not repeated: its picture is not in the file; give --controlnet ({values[key]})"
            )
        elif key.startswith("ADetailer"):
            sentences["ADetailer"] = "ADetailer is not repeated"
        else:
            sentences[key] = f"{key}: {values[key]} is not repeated"
    return sentences
