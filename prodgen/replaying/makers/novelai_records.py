"""NovelAI: the prompt in "Description", the settings as JSON in "Comment" (PNG) or in EXIF's comment (WebP).

Source: the texts of NovelAI's pictures, as novelai-image-metadata and readers of others describe them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from prodgen.replaying.makers.told_settings import ToldSettings, json_objects, left_out, renamed, words

_NAMES = {
    "steps": "Steps", "scale": "CFG scale", "seed": "Seed", "sampler": "Sampler",
    "noise_schedule": "Schedule type",
}  # fmt: skip

_LEFT_OUT = {
    "sm": "SMEA", "sm_dyn": "SMEA DYN", "cfg_rescale": "CFG rescale", "dynamic_thresholding": "Decrisper",
    "skip_cfg_above_sigma": "Variety", "reference_image_multiple": "Vibe transfer",
    "reference_strength_multiple": "Vibe transfer", "reference_strength": "Vibe transfer",
    "director_reference_strengths": "Character reference",
}  # fmt: skip

_OVER_A_PICTURE = ("Img2ImgRequest", "NativeInfillingRequest", "InfillRequest", "AugmentRequest")

_WEIGHTS = re.compile(r"[{}\[\]]|\d::")


def novelai(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read a picture of NovelAI's; in EXIF the user comment holds all that stands in texts of PNG."""
    for _, record in json_objects(texts):
        if "Comment" in record:
            texts = {**texts, **{key: text for key, text in record.items() if isinstance(text, str)}}
            break
    made_there = "NovelAI" in texts.get("Software", "") + texts.get("exif.Software", "") + texts.get(
        "Title", ""
    )
    for _, record in json_objects(texts):
        if not (("uc" in record and "scale" in record) or "v4_prompt" in record or "signed_hash" in record):
            continue
        if not (made_there or "signed_hash" in record or "v4_prompt" in record or "request_type" in record):
            continue
        described = texts.get("Description") or texts.get("exif.ImageDescription") or ""
        prompt = _captions(record, "v4_prompt") or words(record.get("prompt")) or described
        negative = _captions(record, "v4_negative_prompt") or words(record.get("uc"))
        values = renamed(record, _NAMES)
        if values.get("Schedule type") == "native":
            del values["Schedule type"]
        if source := texts.get("Source") or texts.get("exif.Software"):
            values["Model"] = source.strip()
        not_repeated = left_out(record, _LEFT_OUT)
        if _WEIGHTS.search(prompt + negative):
            not_repeated["Prompt weights"] = (
                "NovelAI weights words by {}, [] and 1.2::, which weigh otherwise or nothing here"
            )
        return ToldSettings(
            "NovelAI",
            prompt,
            negative,
            values,
            not_repeated=not_repeated,
            is_over_a_picture=words(record.get("request_type")) in _OVER_A_PICTURE
            or bool(record.get("image")),
        )
    return None


def _captions(record: Mapping[str, Any], key: str) -> str:
    """Return the words of a prompt of version 4: those of the scene, then those of each character."""
    whole = record.get(key)
    caption = whole.get("caption") if isinstance(whole, dict) else None
    if not isinstance(caption, dict):
        return ""
    listed = caption.get("char_captions")
    figures = (
        [one.get("char_caption") for one in listed if isinstance(one, dict)]
        if isinstance(listed, list)
        else []
    )
    return words([caption.get("base_caption"), *figures])
