"""A1111's infotext, whoever wrote it: which program did, and its own keys in A1111's words.

Source of the keys: the writers of A1111 1.0 to 1.10, Forge, SD.Next, Fooocus and stable-diffusion.cpp.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping

from prodgen.dialects import infotexts
from prodgen.errors import ImageError
from prodgen.replaying.makers.told_settings import ToldSettings, json_object, loras, size_of
from prodgen.replaying.numbers_told import number_of
from prodgen.schema import Lora

_ALIASES = {
    "Hires scale": "Hires upscale", "Hires fixed": "Hires resize", "Hires strength": "Denoising strength",
    "Variation strength": "Variation seed strength", "Sampler sigma": "Schedule type",
    "Scheduler": "Schedule type", "Refiner start": "Refiner switch at", "Guidance": "Distilled CFG Scale",
    "Guidance Scale": "CFG scale", "Sampling method": "Sampler", "CFG Scale": "CFG scale",
    "Clip Skip": "Clip skip", "Sampler eta delta": "ENSD",
}  # fmt: skip
"""Keys of SD.Next, Fooocus, stable-diffusion.cpp and of some sites, and what A1111 calls the same."""

_WORDLESS = {
    "Operations", "Pipeline", "Parser", "Backend", "App", "Index", "Batch", "Refine", "Styles",
    "Performance", "Raw prompt", "Raw negative prompt", "Lora weights", "Refiner hash", "First pass size",
    "Hires size", "HiRes mode", "Hires force", "Original prompt", "Original negative", "Sampler type",
    "Scheduler class",
}  # fmt: skip
"""Keys that say nothing which the others do not say, or which were put into effect in the prompt already."""

_DRAWN_ON_OLD_AREA = 512 * 512
"""Area of the first pass, pixels, where "First pass size" is 0x0. Source: A1111 of 2022, which computed it
so, and 1.10, which still reads it."""


def a1111_kin(texts: Mapping[str, str]) -> ToldSettings | None:
    """Read an infotext, whoever wrote it."""
    for text in _candidates(texts):
        try:
            read = infotexts.read(text)
        except ImageError:
            continue
        maker = _maker(read.values)
        values: dict[str, str] = {}
        for key, value in read.values.items():
            if key not in _WORDLESS and not (maker != "Fooocus" and key == "Scheduler"):
                values.setdefault(_ALIASES.get(key, key), value)
        _restore_old_second_pass(read.values, values)
        if maker == "SD.Next":
            _restore_enlargement(read.values, values)
        strength = number_of(values.pop("Strength", "")) if maker == "Draw Things" else None
        not_repeated = _modules(values)
        return ToldSettings(
            maker,
            read.prompt,
            read.negative_prompt,
            values,
            loras=_weighted(read.values.get("Lora weights", "")),
            not_repeated=not_repeated,
            is_over_a_picture=strength is not None and strength < 1,
            draws_like_a1111=maker not in ("Fooocus", "ComfyUI", "Draw Things"),
        )
    return None


def _candidates(texts: Mapping[str, str]) -> Iterator[str]:
    """Yield the texts that may be an infotext, the likeliest first."""
    for name in sorted(texts, key=lambda name: name != "parameters"):
        text = texts[name].removeprefix("parameters:")
        if not name.startswith("XML:") and json_object(text) is None:
            yield text


def _maker(values: Mapping[str, str]) -> str:
    """Return the program that wrote these values; "A1111" where nothing speaks for another one."""
    version = values.get("Version", "")
    for name, is_it in (
        ("SD.Next", values.get("App") == "SD.Next" or "Backend" in values or "Operations" in values),
        ("Fooocus", "Fooocus" in version or ("ADM Guidance" in values and "Sharpness" in values)),
        ("stable-diffusion.cpp", version.startswith("stable-diffusion.cpp")),
        ("ComfyUI", version.startswith("ComfyUI")),
        ("prodgen's embedded engine", version.startswith("prodgen-embedded")),
        ("Forge Classic", version.startswith(("classic", "neo"))),
        ("Forge", version.startswith(("f0.", "f1.", "f2.")) or "Module 1" in values),
        ("Draw Things", "Seed Mode" in values),
        ("Civitai", "Civitai resources" in values and not version),
    ):
        if is_it:
            return name
    return "A1111"


def _weighted(text: str) -> tuple[Lora, ...]:
    """Return the LoRAs of "NAME: WEIGHT, NAME: WEIGHT", as Fooocus has them beside the prompt."""
    parts = (item.rpartition(":") for item in text.split(",") if ":" in item)
    return loras((name.strip(), weight.strip()) for name, _, weight in parts)


def _modules(values: dict[str, str]) -> dict[str, str]:
    """Make Forge's one module the VAE that it stands for; return a sentence where there are several."""
    keys = [key for key in values if re.fullmatch(r"(?:Hires )?Module \d+", key)]
    names = [values.pop(key) for key in keys if not key.startswith("Hires")]
    for key in keys:
        values.pop(key, None)
    if len(names) == 1:
        values.setdefault("VAE", names[0])
    elif names:
        shown = ", ".join(names)
        return {"Module": f"Forge's modules {shown} are not asked for: the server must have them selected"}
    return {}


def _restore_old_second_pass(said: Mapping[str, str], values: dict[str, str]) -> None:
    """Put the second pass of 2022 into today's words: there the size was that of the result."""
    first, whole = size_of(said.get("First pass size", "")), size_of(said.get("Size", ""))
    if first is None or whole is None:
        return
    if not all(first):
        scale = math.sqrt(_DRAWN_ON_OLD_AREA / max(whole[0] * whole[1], 1))
        first = (math.ceil(scale * whole[0] / 64) * 64, math.ceil(scale * whole[1] / 64) * 64)
    values |= {"Size": f"{first[0]}x{first[1]}", "Hires resize": f"{whole[0]}x{whole[1]}"}
    values.setdefault("Hires upscaler", "Latent")


def _restore_enlargement(said: Mapping[str, str], values: dict[str, str]) -> None:
    """Leave out SD.Next's second pass where it only enlarged and drew nothing: it has no strength then."""
    if "Hires strength" not in said:
        for key in ("Hires upscale", "Hires resize", "Hires upscaler", "Hires steps"):
            values.pop(key, None)
        if said.get("Hires upscaler"):
            values["Enlarged by"] = said["Hires upscaler"]
