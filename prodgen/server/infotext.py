"""A1111's infotext and the `info` of an answer: written in its exact form, and read back.

The form is the one of A1111 1.10.1: prompt, "Negative prompt: ...", then one line of "Key: value"
pairs, quoted as JSON where a value holds a comma, a colon or a line break.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prodgen.server.sampling import CallResults, DrawingCall

_PAIR = re.compile(r'\s*(\w[\w \-/]+):\s*("(?:\\.|[^\\"])+"|[^,]*)(?:,|$)')
MAX_PAIRS = 10_000
"""Most characters of the line with the pairs; a longer one is text. Guard: the time to find them grows with
its square, and the longest lines have some thousand."""

_SIZE = re.compile(r"^(\d+)x(\d+)$")


@dataclass(frozen=True)
class FinishedCall:
    """A finished call: what was asked, its pictures, and what infotexts state besides."""

    call: DrawingCall
    results: CallResults
    version: str
    job_timestamp: str
    extra: Mapping[str, Any]
    """extra_generation_params: what ran besides, in the order in which it is shown."""
    has_hashes: bool = True
    """Whether the server makes hashes of its models."""
    file_kind: str = "png"
    """What its pictures are encoded as: the option samples_format, in lower case."""
    jpeg_quality: object = 80
    """The option: whatever was set."""


def quote(value: object) -> str:
    """Return a value as it stands in an infotext."""
    text = str(value)
    return json.dumps(text, ensure_ascii=False) if any(c in text for c in ",\n:") else text


def infotext(done: FinishedCall, index: int) -> str:
    """Return the infotext of the picture at `index`."""
    call, fields, extra = done.call, done.call.fields, done.extra
    strength = fields["subseed_strength"] or 0
    pairs: dict[str, Any] = {
        "Steps": fields["steps"],
        "Sampler": call.sampler,
        "Schedule type": call.schedule,
        "CFG scale": fields["cfg_scale"],
        "Image CFG scale": fields.get("image_cfg_scale"),
        "Seed": call.seeds[index],
        "Face restoration": _face_restorer(call),
        "Size": f"{fields['width']}x{fields['height']}",
        "Model hash": (call.checkpoint.short_hash or None) if done.has_hashes else None,
        "Model": call.checkpoint.name.replace(",", "").replace(":", ""),
        "VAE hash": (call.vae.short_hash or None) if call.vae and done.has_hashes else None,
        "VAE": call.vae.name if call.vae else None,
        "Variation seed": call.subseeds[index] if strength else None,
        "Variation seed strength": strength or None,
        "Denoising strength": extra.get("Denoising strength"),
        "Clip skip": call.clip_skip if call.clip_skip > 1 else None,
        "Tiling": "True" if fields["tiling"] or call.finer.tiling else None,
        **extra,
        "Version": done.version,
    }
    line = ", ".join(f"{key}: {quote(value)}" for key, value in pairs.items() if value is not None)
    negative = f"\nNegative prompt: {call.negative_prompt}" if call.negative_prompt else ""
    return f"{call.prompt}{negative}\n{line}".strip()


def _face_restorer(call: DrawingCall) -> str | None:
    return call.finer.restore_faces or ("CodeFormer" if call.fields["restore_faces"] else None)


def info_json(done: FinishedCall, *, infotexts: Sequence[str], first: int) -> str:
    """Return the `info` of an answer: a text that holds JSON, with the keys of 1.10.1 in their order."""
    call, fields = done.call, done.call.fields
    count = len(call.seeds)
    return json.dumps(
        {
            "prompt": call.prompt,
            "all_prompts": [call.prompt] * count,
            "negative_prompt": call.negative_prompt,
            "all_negative_prompts": [call.negative_prompt] * count,
            "seed": call.seeds[0],
            "all_seeds": list(call.seeds),
            "subseed": call.subseeds[0],
            "all_subseeds": list(call.subseeds),
            "subseed_strength": fields["subseed_strength"],
            "width": fields["width"],
            "height": fields["height"],
            "sampler_name": call.sampler,
            "cfg_scale": fields["cfg_scale"],
            "steps": fields["steps"],
            "batch_size": fields["batch_size"],
            "restore_faces": bool(fields["restore_faces"]),
            "face_restoration_model": _face_restorer(call),
            "sd_model_name": call.checkpoint.name,
            "sd_model_hash": (call.checkpoint.short_hash or None) if done.has_hashes else None,
            "sd_vae_name": call.vae.name if call.vae else None,
            "sd_vae_hash": (call.vae.short_hash or None) if call.vae and done.has_hashes else None,
            "seed_resize_from_w": fields["seed_resize_from_w"],
            "seed_resize_from_h": fields["seed_resize_from_h"],
            "denoising_strength": fields["denoising_strength"],
            "extra_generation_params": dict(done.extra),
            "index_of_first_image": first,
            "infotexts": list(infotexts),
            "styles": fields["styles"] or [],
            "job_timestamp": done.job_timestamp,
            "clip_skip": call.clip_skip,
            "is_using_inpainting_conditioning": False,
            "version": done.version,
        },
        ensure_ascii=False,
    )


def read_infotext(text: str) -> dict[str, Any]:
    """Return what an infotext says, values as text; sizes as two entries, "Size-1" and "Size-2"."""
    lines = text.strip().split("\n")
    last = lines.pop() if lines else ""
    if len(last) > MAX_PAIRS or len(_PAIR.findall(last)) < 3:
        lines.append(last)
        last = ""
    result: dict[str, Any] = {}
    for key, value in _PAIR.findall(last):
        plain = _unquoted(value)
        size = _SIZE.match(plain)
        if size:
            result[f"{key}-1"], result[f"{key}-2"] = size.groups()
        else:
            result[key] = plain
    negative = next((i for i, line in enumerate(lines) if line.startswith("Negative prompt:")), len(lines))
    result["Prompt"] = "\n".join(lines[:negative]).strip()
    result["Negative prompt"] = "\n".join(lines[negative:]).removeprefix("Negative prompt:").strip()
    return result


def _unquoted(value: str) -> str:
    if len(value) > 1 and value[0] == value[-1] == '"':
        try:
            return str(json.loads(value))
        except json.JSONDecodeError:
            return value
    return value


def with_invented_defaults(read: Mapping[str, Any]) -> dict[str, Any]:
    """Return what /png-info adds to any picture, even one without infotext: defaults of mixed types."""
    return {**read, **{key: value for key, value in _INVENTED.items() if key not in read}}


_INVENTED: dict[str, Any] = {
    "Clip skip": "1",
    "Hires resize-1": 0,
    "Hires resize-2": 0,
    "Hires sampler": "Use same sampler",
    "Hires schedule type": "Use same scheduler",
    "Hires checkpoint": "Use same checkpoint",
    "Hires prompt": "",
    "Hires negative prompt": "",
    "Mask mode": "Inpaint masked",
    "Masked content": "original",
    "Inpaint area": "Whole picture",
    "Masked area padding": 32,
    "RNG": "GPU",
    "Schedule type": "Automatic",
    "Schedule max sigma": 0,
    "Schedule min sigma": 0,
    "Schedule rho": 0,
    "VAE Encoder": "Full",
    "VAE Decoder": "Full",
    "FP8 weight": "Disable",
    "Refiner switch by sampling steps": False,
}

_FIELDS = {
    "Prompt": "prompt",
    "Negative prompt": "negative_prompt",
    "Steps": "steps",
    "Sampler": "sampler_name",
    "Schedule type": "scheduler",
    "CFG scale": "cfg_scale",
    "Seed": "seed",
    "Size-1": "width",
    "Size-2": "height",
    "Denoising strength": "denoising_strength",
}


def fill_from_infotext(body: dict[str, Any]) -> dict[str, Any]:
    """Return a request whose unset fields are filled from its `infotext`; what was sent wins."""
    text = body.get("infotext")
    if not isinstance(text, str) or not text:
        return body
    read = read_infotext(text)
    filled = dict(body)
    for key, name in _FIELDS.items():
        if key in read and body.get(name) is None:
            filled[name] = read[key]
    sent = body.get("override_settings") or {}
    if read.get("Clip skip", "").isdecimal() and isinstance(sent, Mapping):
        filled["override_settings"] = {"CLIP_stop_at_last_layers": int(read["Clip skip"][:9]), **sent}
    return filled
