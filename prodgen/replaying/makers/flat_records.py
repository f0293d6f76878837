"""Programs that write their settings as one flat JSON object: a table of keys for each of them.

Keys and meanings were read in the programs' own sources, or in those of programs that read their pictures.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prodgen.replaying.makers.told_settings import (
    ToldSettings,
    json_object,
    json_objects,
    left_out,
    loras,
    renamed,
    words,
)
from prodgen.replaying.numbers_told import number_of

_FOOOCUS = {
    "steps": "Steps", "guidance_scale": "CFG scale", "seed": "Seed", "sampler": "Sampler",
    "scheduler": "Schedule type", "resolution": "Size", "base_model": "Model",
    "base_model_hash": "Model hash", "vae": "VAE", "clip_skip": "Clip skip", "refiner_model": "Refiner",
    "refiner_switch": "Refiner switch at", "version": "Version", "cfg": "CFG scale",
    "base_clip_skip": "Clip skip",
}  # fmt: skip

_RUINED_FOOOCUS = {
    "steps": "Steps", "cfg": "CFG scale", "seed": "Seed", "sampler_name": "Sampler",
    "scheduler": "Schedule type", "base_model_name": "Model", "base_model_hash": "Model hash",
    "clip_skip": "Clip skip",
}  # fmt: skip

_EASY_DIFFUSION = {
    "num_inference_steps": "Steps", "guidance_scale": "CFG scale", "seed": "Seed",
    "sampler_name": "Sampler", "scheduler_name": "Schedule type", "use_stable_diffusion_model": "Model",
    "use_vae_model": "VAE", "clip_skip": "Clip skip", "distilled_guidance_scale": "Distilled CFG Scale",
}  # fmt: skip

_EASY_DIFFUSION_LABELS = {
    "Prompt": "prompt", "Negative Prompt": "negative_prompt", "Seed": "seed",
    "Steps": "num_inference_steps", "Guidance Scale": "guidance_scale", "Sampler": "sampler_name",
    "Scheduler": "scheduler_name", "Width": "width", "Height": "height",
    "Stable Diffusion model": "use_stable_diffusion_model", "VAE model": "use_vae_model",
    "Clip Skip": "clip_skip", "Prompt Strength": "prompt_strength", "LoRA model": "use_lora_model",
    "LoRA Strength": "lora_alpha", "Use Upscaling": "use_upscale",
    "Use Face Correction": "use_face_correction", "Seamless Tiling": "tiling",
}  # fmt: skip
"""Keys of Easy Diffusion's other form, which its text files have too."""

_DRAW_THINGS = {
    "steps": "Steps", "scale": "CFG scale", "seed": "Seed", "sampler": "Sampler", "size": "Size",
    "model": "Model", "refiner": "Refiner", "refiner_start": "Refiner switch at", "clip_skip": "Clip skip",
}  # fmt: skip

_SWARM_UI = {
    "steps": "Steps", "cfgscale": "CFG scale", "seed": "Seed", "sampler": "Sampler",
    "comfyuisampler": "Sampler", "scheduler": "Schedule type", "comfyuischeduler": "Schedule type",
    "model": "Model", "vae": "VAE", "fluxguidancescale": "Distilled CFG Scale",
    "clipstopatlayer": "Clip skip", "swarm_version": "Version",
}  # fmt: skip

_CIVITAI = {
    "steps": "Steps", "cfgScale": "CFG scale", "seed": "Seed", "sampler": "Sampler",
    "clipSkip": "Clip skip",
}  # fmt: skip

_ANY_PROGRAM = {
    "steps": "Steps", "num_inference_steps": "Steps", "cfg_scale": "CFG scale", "cfgScale": "CFG scale",
    "guidance_scale": "CFG scale", "guidance": "CFG scale", "cfg": "CFG scale", "scale": "CFG scale",
    "seed": "Seed", "sampler_name": "Sampler", "sampler": "Sampler", "scheduler": "Schedule type",
    "size": "Size", "resolution": "Size", "model": "Model", "model_name": "Model", "checkpoint": "Model",
    "vae": "VAE", "clip_skip": "Clip skip", "clipSkip": "Clip skip",
}  # fmt: skip
"""What these settings are mostly called, for programs that nobody has a table of."""


def fooocus(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read Fooocus' own scheme, or that of its kin MRE: JSON in "parameters", or in a comment."""
    for _, record in json_objects(texts):
        if record.get("metadata_scheme") == "fooocus" or "full_prompt" in record or "base_model" in record:
            full, negative = (
                words(record.get(f"full_{name}") or record.get(f"real_{name}") or record.get(name))
                for name in ("prompt", "negative_prompt")
            )
            values = renamed(record, _FOOOCUS)
            names = {
                "sharpness": "Sharpness", "adm_guidance": "ADM Guidance", "freeu": "FreeU",
                "adaptive_cfg": "Adaptive CFG", "inpaint_engine_version": "Inpaint Engine",
            }  # fmt: skip
            return ToldSettings(
                "Fooocus",
                full,
                negative,
                values,
                loras=_fooocus_loras(record),
                not_repeated=left_out(record, names),
                is_over_a_picture=bool(record.get("inpaint_method") or record.get("img2img")),
            )
    return None


def _fooocus_loras(record: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return LoRAs from the list of [name, weight, hash], texts "NAME : WEIGHT", or MRE's pairs l1 and w1."""
    listed = record.get("loras")
    if isinstance(listed, list):
        return loras((one[0], one[1]) for one in listed if isinstance(one, list) and len(one) > 1)
    texts = [words(value) for key, value in record.items() if key.startswith("lora_combined_")]
    pairs = [(text.rpartition(" : ")[0], text.rpartition(" : ")[2]) for text in texts]
    of_mre = [(record.get(f"l{k}"), record.get(f"w{k}")) for k in range(1, 6)]
    return loras([*pairs, *((name, weight) for name, weight in of_mre if name != "None")])


def ruined_fooocus(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read RuinedFooocus: JSON in "parameters", with keys of its own."""
    for _, record in json_objects(texts):
        if record.get("software") == "RuinedFooocus" or "base_model_name" in record:
            listed = record.get("loras")
            pairs = [one for one in listed if isinstance(one, list)] if isinstance(listed, list) else []
            return ToldSettings(
                "RuinedFooocus",
                words(record.get("Prompt")),
                words(record.get("Negative")),
                renamed(record, _RUINED_FOOOCUS),
                loras=loras((one[-2], one[-1]) for one in pairs if len(one) > 1),
            )
    return None


def easy_diffusion(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read Easy Diffusion: a text or a line for each setting, or one JSON object, in two spellings."""
    lines = [line.partition(": ") for line in texts.get("parameters", "").split("\n")[:100]]
    records = ({**texts}, {key: text for key, _, text in lines}, *(found for _, found in json_objects(texts)))
    for record in records:
        own: dict[str, Any] = {
            _EASY_DIFFUSION_LABELS.get(key, key): value
            for key, value in record.items()
            if value not in ("None", "none", "False")  # how PNG has what JSON leaves empty
        }
        if not {"prompt", "num_inference_steps"} <= own.keys():
            continue
        if isinstance(own.get("use_lora_model"), list):
            names, weights = own["use_lora_model"], own.get("lora_alpha")
            weights = weights if isinstance(weights, list) else [None] * len(names)
        else:
            names, weights = [own.get("use_lora_model")], [own.get("lora_alpha") or None]
        names_of_rest = {"use_upscale": "Upscaling", "use_face_correction": "Face correction"}
        values = renamed(own, _EASY_DIFFUSION)
        if words(own.get("tiling")):
            values["Tiling"] = "True"
        return ToldSettings(
            "Easy Diffusion",
            words(own.get("prompt")),
            words(own.get("negative_prompt")),
            values,
            loras=loras(zip(names, weights, strict=False)),
            not_repeated=left_out(own, names_of_rest),
            is_over_a_picture="prompt_strength" in own or "init_image" in own,
        )
    return None


def draw_things(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read Draw Things: JSON in the user comment of XMP, or of EXIF."""
    for _, record in json_objects(texts):
        if "c" in record and "uc" in record:
            listed = record.get("lora")
            pairs = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
            names = {
                "hires_fix": "Second pass", "controls": "ControlNet", "control": "ControlNet",
                "upscaler": "Upscaler", "face_restoration": "Face restoration", "shift": "Shift",
            }  # fmt: skip
            rest = {key: value for key, value in record.items() if key != "shift" or value != 1}
            strength = number_of(words(record.get("strength", 1)))
            return ToldSettings(
                "Draw Things",
                words(record["c"]),
                words(record["uc"]),
                renamed(record, _DRAW_THINGS),
                loras=loras((one.get("model") or one.get("file"), one.get("weight")) for one in pairs),
                not_repeated=left_out(rest, names),
                is_over_a_picture=strength is not None and strength < 1,
            )
    return None


def swarm_ui(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read SwarmUI: JSON in "parameters" or EXIF's comment, the settings below "sui_image_params"."""
    for _, record in json_objects(texts):
        own = record.get("sui_image_params")
        if isinstance(own, dict):
            names, weights = own.get("loras"), own.get("loraweights")
            names = names.split(",") if isinstance(names, str) else names if isinstance(names, list) else []
            weights = weights.split(",") if isinstance(weights, str) else weights
            weights = weights if isinstance(weights, list) else [None] * len(names)
            rest = {key: key for key in own if key.startswith(("refiner", "controlnet", "freeu", "segment"))}
            return ToldSettings(
                "SwarmUI",
                words(own.get("prompt")),
                words(own.get("negativeprompt")),
                renamed(own, _SWARM_UI),
                loras=loras(zip(names, weights, strict=False)),
                not_repeated=left_out(own, rest),
                is_over_a_picture="initimage" in own or "initimagecreativity" in own,
            )
    return None


def civitai(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read a picture that Civitai drew: the settings are a JSON text within its JSON."""
    for _, record in json_objects(texts):
        extra = record.get("extraMetadata")
        own = json_object(extra) if isinstance(extra, str) else extra
        if isinstance(own, dict):
            kind = words(own.get("workflowId")) or words(own.get("workflow"))
            return ToldSettings(
                "Civitai",
                words(own.get("prompt")),
                words(own.get("negativePrompt")),
                renamed(own, _CIVITAI),
                not_repeated=left_out(own, {"resources": "Resources, by numbers of Civitai's"}),
                is_over_a_picture=kind.startswith("img2img"),
            )
    return None


def any_program(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read JSON of an unknown program, where prompt, seed and steps have their usual names."""
    for name, record in json_objects(texts):
        prompt = next(
            (record[key] for key in ("prompt", "Prompt", "positive_prompt") if record.get(key)), None
        )
        values = renamed(record, _ANY_PROGRAM)
        if isinstance(prompt, str) and {"Steps", "Seed"} & values.keys():
            negative = next(
                (record[x] for x in ("negative_prompt", "negativePrompt", "uc") if x in record), ""
            )
            return ToldSettings(
                f"a program that is not known (JSON in {name!r})",
                prompt,
                words(negative),
                values,
                is_over_a_picture=any(record.get(x) for x in ("init_image", "init_images", "image", "mask")),
            )
    return None
