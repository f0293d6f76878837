"""What told settings are called in a `PictureJob`, and which of them cannot be repeated from words.

Source of the keys: A1111 1.10.1, modules/infotext_utils.py and the `extra_generation_params` of its scripts.
A value that is no number or out of range is left out and named; only what decides the picture is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError

from prodgen.errors import ImageError, shortened
from prodgen.replaying.makers import ToldSettings
from prodgen.replaying.makers.told_settings import size_of
from prodgen.replaying.numbers_told import number_of, whole_number_of
from prodgen.replaying.sampler_names import with_schedule_split
from prodgen.schema import LARGEST_SEED, prompts
from prodgen.text2image import PictureJob

_PLAIN: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "Steps": ("steps", whole_number_of),
    "CFG scale": ("cfg_scale", number_of),
    "Seed": ("seed", whole_number_of),
    "Sampler": ("sampler_name", str),
    "Schedule type": ("scheduler", str),
    "VAE": ("vae", str),
    "Clip skip": ("clip_skip", whole_number_of),
    "Variation seed": ("subseed", whole_number_of),
    "Variation seed strength": ("subseed_strength", number_of),
    "Eta": ("eta", number_of),
    "Eta DDIM": ("eta", number_of),
    "NGMS": ("s_min_uncond", number_of),
    "Denoising strength": ("denoising_strength", number_of),
    "Hires upscale": ("hires", number_of),
    "Hires upscaler": ("hires_upscaler", str),
    "Hires steps": ("hires_steps", whole_number_of),
    "Hires prompt": ("hires_prompt", str),
    "Hires negative prompt": ("hires_negative_prompt", str),
    "Hires sampler": ("hires_sampler", str),
    "Hires schedule type": ("hires_scheduler", str),
    "Hires checkpoint": ("hires_checkpoint", str),
    "Refiner": ("refiner", str),
    "Refiner switch at": ("refiner_at", number_of),
}

_OPTIONS: Mapping[str, tuple[str, Callable[[str], Any]]] = {
    "ENSD": ("eta_noise_seed_delta", whole_number_of),
    "RNG": ("randn_source", str),
    "Emphasis": ("emphasis", str),
    "Token merging ratio": ("token_merging_ratio", number_of),
    "Token merging ratio hr": ("token_merging_ratio_hr", number_of),
    "Discard penultimate sigma": ("always_discard_next_to_last_sigma", lambda text: text == "True"),
    "Face restoration": ("face_restoration_model", str),
}
"""Settings of the server that decide the picture, and how their values are read."""

_PASSED_OVER = {
    "Clip skip": ("CLIP_stop_at_last_layers", 1),
    "RNG": ("randn_source", "GPU"),
    "ENSD": ("eta_noise_seed_delta", 0),
    "Token merging ratio": ("token_merging_ratio", 0),
}
"""Options that A1111 and Forge write down only where they are not as installed, and how they are then.

Source: their create_infotext (modules/processing.py) and parse_generation_parameters, which fills them in."""

_HANDLED_ELSEWHERE = {
    "Size", "Model", "Model hash", "VAE hash", "Lora hashes", "TI hashes", "Embeddings", "Hashes", "Version",
    "Tiling", "Hires resize", "Batch size", "Batch pos", "User", "Civitai resources", "Civitai metadata",
    "Created Date", "Scene", "Floor", "Unknown words", "Out of view", "Default scene",
    "Product shadow",
    "VAE encoder",
}  # fmt: skip

_NEEDS_A_PICTURE = (
    "Mask blur", "Mask mode", "Masked content", "Inpaint area", "Image CFG scale", "Masked area padding",
    "Mask weight", "Inpaint mode", "Init image hash", "Init image size", "Noise multiplier",
    "Soft inpainting", "SD upscale", "Ultimate SD upscale",
)  # fmt: skip
"""What keys begin with that only img2img, inpainting and their scripts write.

"Conditional mask weight" is none of them: A1111 writes it for every picture of an inpainting checkpoint."""

UNSAID = {"", "none", "null", "undefined", "nan", "n/a", "unknown", "default", "default (model)"}
"""Names in place of a name where a program or a site knew none."""


def job_fields(told: ToldSettings) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings of a job that a picture tells of, and a sentence on what is not repeated.

    Raises:
        ImageError: If the picture was certainly drawn over another, or its seed is larger than servers take.
    """
    values = told.values
    if told.is_over_a_picture or any(key.startswith(_NEEDS_A_PICTURE) for key in values):
        raise ImageError("it was drawn over another picture (img2img), which is not in the file")
    rest: dict[str, str] = dict(told.not_repeated)
    fields: dict[str, Any] = {}
    for key, (name, kind) in _PLAIN.items():
        if key in values and (value := _possible(key, name, kind, values[key], rest)) is not None:
            fields[name] = value
    for key in ("Steps", "CFG scale", "Sampler"):
        if _PLAIN[key][0] not in fields and key not in rest:
            rest[key] = f"no {key} is told; what suits the checkpoint is used"
    _seed(fields, values, rest)
    if told.size is not None:
        # Servers round a size down to multiples of 8, but write down what was asked for.
        fields["first_pass"] = "x".join(str(side // 8 * 8) for side in told.size)
    else:
        rest["Size"] = "no size is told; that of the checkpoint is used"
    _tidy(fields, values, rest)
    options = {name: kind(values[key]) for key, (name, kind) in _OPTIONS.items() if key in values}
    fields["override_settings"] = {name: value for name, value in options.items() if value is not None}
    # A server drops a tag that it cannot read: whoever drew the picture did so without it.
    tagged = prompts.read_prompt(prompts.without_unreadable_tags(told.prompt))
    in_tags = {lora.name for lora in tagged.loras} | set(tagged.kept_names)
    loras = (*tagged.loras, *(lora for lora in told.loras if lora.name not in in_tags))
    fields |= {"prompt": tagged.words, "negative_prompt": told.negative_prompt, "loras": loras}
    dropped = {
        tag: f"{tag!r} is no tag that a server can read" for tag in prompts.unreadable_tags(told.prompt)
    }
    if not told.draws_like_a1111:
        rest["maker"] = f"{told.maker} drew it, whose noise and weights of words are its own"
    return fields, {**dropped, **rest, **_not_repeated(values)}


def passed_over(told: ToldSettings) -> dict[str, Any]:
    """Return the options of the server that go without saying where a picture does not tell them."""
    if told.maker not in ("A1111", "Forge"):
        return {}
    return dict(option for key, option in _PASSED_OVER.items() if key not in told.values)


def _possible(key: str, name: str, kind: Callable[[str], Any], text: str, rest: dict[str, str]) -> Any:
    """Return a setting's value; None, with a sentence, where it is no number or out of range."""
    value = kind(text)
    if kind is str:
        is_name = name in ("vae", "hires_upscaler") and text == "None"  # a choice like others in A1111
        return value if is_name or text.strip().lower() not in UNSAID else None
    if name == "clip_skip" and isinstance(value, int):
        value = abs(value)  # ComfyUI counts from the end, by negative numbers
    if value is None:
        rest[key] = f"{key}: {shortened(text)} is no number; what suits the checkpoint is used"
        return None
    field = PictureJob.model_fields[name]
    if name != "seed":
        bounded: Any = Annotated[field.annotation, field]
        try:
            TypeAdapter(bounded).validate_python(value)
        except ValidationError:
            rest[key] = f"{key}: {value} is more or less than can be asked for; what is usual is used"
            return None
    return value


def _seed(fields: dict[str, Any], values: Mapping[str, str], rest: dict[str, str]) -> None:
    """Check the seed, which decides the picture.

    Raises:
        ImageError: If it is larger than any server takes.
    """
    seed = fields.get("seed")
    if seed is not None and seed > LARGEST_SEED:
        raise ImageError(f"its seed is {seed}; the largest that servers take is {LARGEST_SEED}")
    if seed is None or seed < 0:
        fields.pop("seed", None)
        said = f"the seed is {shortened(values['Seed'])}" if "Seed" in values else "no seed is told"
        rest["Seed"] = f"{said}; another one is drawn, and gives another picture"


def _tidy(fields: dict[str, Any], values: Mapping[str, str], rest: dict[str, str]) -> None:
    """Correct the settings that depend on several keys: second pass, sampler, refiner."""
    if "hires" in fields or "Hires resize" in values or "hires_upscaler" in fields:
        _tidy_second_pass(fields, values)
    elif strength := fields.pop("denoising_strength", None):
        # Up to 1.6 A1111 wrote the strength that an API call had sent, needed or not; 0 is no img2img.
        rest["Denoising strength"] = (
            f"Denoising strength: {strength:g} without a second pass: it may have been drawn over another"
            " picture (img2img); it is drawn from its words"
        )
    if str(fields.get("scheduler", "")).lower() == "automatic":
        del fields["scheduler"]
    sampler, schedule = with_schedule_split(fields.get("sampler_name", ""))
    if schedule is not None and fields.get("scheduler", schedule).lower() == schedule.lower():
        fields |= {"sampler_name": sampler, "scheduler": schedule}
    for whole, half in (("Variation seed strength", "Variation seed"), ("Refiner", "Refiner switch at")):
        ours, other = _PLAIN[whole][0], _PLAIN[half][0]
        if fields.get(ours) and other in fields:
            continue
        if fields.get(ours):
            rest[whole] = f"{whole}: {fields[ours]} is not repeated, since {half} is not told"
        fields.pop(ours, None)
        fields.pop(other, None)
    for name, unset in (("hires_sampler", "Use same sampler"), ("hires_scheduler", "Use same scheduler")):
        if fields.get(name) == unset:
            del fields[name]
    fields["restore_faces"] = "Face restoration" in values
    fields["tiling"] = values.get("Tiling") == "True"


def _tidy_second_pass(fields: dict[str, Any], values: Mapping[str, str]) -> None:
    fields.setdefault("hires_upscaler", "Latent")  # what A1111 uses, and does not write down
    if (resized := _resized(values)) is not None:
        fields.pop("hires", None)
        fields["hires_size"] = resized
    elif fields.get("hires", 2.0) <= 1:
        fields.pop("hires", None)
        if "first_pass" in fields:
            fields["hires_size"] = fields["first_pass"]
    else:
        fields.setdefault("hires", 2.0)


def _resized(values: Mapping[str, str]) -> str | None:
    """Return the second pass's size where it is given in pixels; a side of 0 follows the other."""
    first, second = size_of(values.get("Size", "")), size_of(values.get("Hires resize", ""))
    if first is None or second is None or not all(first) or not any(second):
        return None
    width = second[0] or second[1] * first[0] // first[1]
    height = second[1] or second[0] * first[1] // first[0]
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
