"""InvokeAI: "invokeai_metadata" since version 3, "sd-metadata" in 2, and the line "Dream" before.

Source: InvokeAI's own writers of metadata, and its command line of version 1 for "Dream".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from prodgen.replaying.makers.told_settings import (
    ToldSettings,
    json_object,
    left_out,
    loras,
    model_name,
    renamed,
    words,
)

_NAMES = {
    "steps": "Steps", "cfg_scale": "CFG scale", "guidance": "Distilled CFG Scale", "seed": "Seed",
    "scheduler": "Sampler", "model": "Model", "vae": "VAE", "refiner_model": "Refiner",
    "refiner_start": "Refiner switch at", "app_version": "Version",
}  # fmt: skip

_OLD_NAMES = {"steps": "Steps", "cfg_scale": "CFG scale", "seed": "Seed", "sampler": "Sampler"}

_LEFT_OUT = {
    "controlnets": "ControlNet", "controlLayers": "ControlNet", "ipAdapters": "IP-Adapter",
    "t2iAdapters": "T2I-Adapter", "hrf_enabled": "Second pass", "cfg_rescale_multiplier": "CFG rescale",
    "regions": "Regional prompts", "regionalGuidance": "Regional prompts", "ref_images": "Reference pictures",
    "referenceImages": "Reference pictures", "upscale_model": "Enlargement",
}  # fmt: skip

_SWITCH = re.compile(r"(?<!\S)-([sSWHCA])\s*([^\s\"]+)")
_SWITCHES = {"s": "Steps", "S": "Seed", "C": "CFG scale", "A": "Sampler"}


def invokeai(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read a picture of InvokeAI's, of any of its versions."""
    if (record := json_object(texts.get("invokeai_metadata", ""))) is not None:
        return _since_3(record)
    if (record := json_object(texts.get("sd-metadata", ""))) is not None and isinstance(
        record.get("image"), dict
    ):
        return _of_2(record, record["image"])
    if "Dream" in texts:
        return _of_1(texts["Dream"])
    return None


def _since_3(record: Mapping[str, Any]) -> ToldSettings:
    values = renamed(record, _NAMES)
    _split_karras(values)
    skipped = record.get("clip_skip")
    if isinstance(skipped, int) and skipped > 0:
        values["Clip skip"] = str(skipped + 1)  # it counts the layers that are left out, from 0
    if record.get("seamless_x") and record.get("seamless_y"):
        values["Tiling"] = "True"
    layers = record.get("canvas_v2_metadata")  # since version 5: what lay on the canvas, in lists
    not_repeated = left_out({**layers, **record} if isinstance(layers, dict) else record, _LEFT_OUT)
    style = words(record.get("positive_style_prompt"))
    if style and style != words(record.get("positive_prompt")):
        not_repeated["Style prompt"] = (
            f"the prompt for SDXL's second encoder, {style[:60]!r}, is not repeated"
        )
    listed = record.get("loras")
    pairs = [one for one in listed if isinstance(one, dict)] if isinstance(listed, list) else []
    mode = words(record.get("generation_mode"))
    return ToldSettings(
        "InvokeAI",
        words(record.get("positive_prompt")),
        words(record.get("negative_prompt")),
        values,
        loras=loras((one.get("model") or one.get("lora"), one.get("weight")) for one in pairs),
        not_repeated=not_repeated,
        is_over_a_picture=mode.endswith(("img2img", "inpaint", "outpaint"))
        or bool(record.get("init_image") or record.get("upscale_initial_image")),
    )


def _of_2(record: Mapping[str, Any], image: Mapping[str, Any]) -> ToldSettings:
    told = image.get("prompt")
    parts = [one.get("prompt") for one in told if isinstance(one, dict)] if isinstance(told, list) else [told]
    prompt, negative = _split_negative(words(parts))
    values = renamed(image, _OLD_NAMES)
    if name := model_name(record.get("model_weights")):
        values["Model"] = name
    if words(record.get("model_hash")):
        values["Model hash"] = words(record["model_hash"])
    if image.get("seamless"):
        values["Tiling"] = "True"
    names = {"hires_fix": "Second pass", "postprocessing": "Postprocessing", "variations": "Variations"}
    return ToldSettings(
        "InvokeAI",
        prompt,
        negative,
        values,
        not_repeated=left_out(image, {**names, "threshold": "Threshold", "perlin": "Perlin noise"}),
        is_over_a_picture=words(image.get("type")) not in ("", "txt2img"),
    )


def _of_1(line: str) -> ToldSettings:
    quoted = re.match(r'\s*"((?:[^"\\]|\\.)*)"', line)
    switches = dict(_SWITCH.findall(line[quoted.end() if quoted else 0 :]))
    prompt, negative = _split_negative(quoted[1].replace('\\"', '"') if quoted else line.partition(" -")[0])
    values = {ours: switches[theirs] for theirs, ours in _SWITCHES.items() if theirs in switches}
    if {"W", "H"} <= switches.keys():
        values["Size"] = f"{switches['W']}x{switches['H']}"
    return ToldSettings(
        "InvokeAI",
        prompt,
        negative,
        values,
        is_over_a_picture=bool(re.search(r"(?<!\S)(?:-I|--init_img)\b", line)),
    )


def _split_negative(prompt: str) -> tuple[str, str]:
    """Return prompt and negative prompt; the latter stood in square brackets within the former."""
    found = re.findall(r"\[([^\[\]]*)\]", prompt)
    return re.sub(r" ?\[[^\[\]]*\]", "", prompt).strip(), ", ".join(found)


def _split_karras(values: dict[str, str]) -> None:
    """Split "dpmpp_2m_k", a sampler with its schedule in one name."""
    if values.get("Sampler", "").endswith("_k"):
        values["Sampler"] = values["Sampler"].removesuffix("_k")
        values["Schedule type"] = "Karras"
