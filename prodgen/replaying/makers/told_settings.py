"""What a picture says of how it was drawn, whoever drew it: one record, in the words of A1111's infotext.

Readers of single programs make it with the functions here, which take values of any kind out of JSON.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from prodgen.errors import SettingError, shortened
from prodgen.schema import Lora

_NOTHING: tuple[object, ...] = (None, "", [], {}, False)

_ENDING = re.compile(r"\.(?:safetensors|ckpt|pth|pt|bin|gguf|sft)$", re.IGNORECASE)


@dataclass(frozen=True)
class ToldSettings:
    """How a picture was drawn, as its file tells it."""

    maker: str
    """Name of the program, such as "Fooocus"."""
    prompt: str
    negative_prompt: str = ""
    values: Mapping[str, str] = field(default_factory=dict)
    """The other settings, by the keys of A1111's infotext."""
    loras: tuple[Lora, ...] = ()
    """LoRAs that are not in the prompt as tags."""
    not_repeated: Mapping[str, str] = field(default_factory=dict)
    """A sentence on each thing that cannot be asked for, by what it is about."""
    is_over_a_picture: bool = False
    """Whether it was certainly drawn over another picture (img2img, inpainting)."""
    draws_like_a1111: bool = False
    """Whether a server with A1111's API can give the same picture to the bit, of the same settings."""

    @property
    def size(self) -> tuple[int, int] | None:
        """Width and height that it was asked for, 8 pixels or more; None if they are not told."""
        size = size_of(self.values.get("Size", ""))
        return size if size is not None and min(size) >= 8 else None


def json_object(text: str) -> dict[str, Any] | None:
    """Return the JSON object that a text is; None if it is none."""
    if not text.lstrip().startswith("{"):
        return None
    with suppress(ValueError, RecursionError):
        found = json.loads(text)
        return found if isinstance(found, dict) else None
    return None


def json_objects(texts: Mapping[str, str]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the texts that are JSON objects, with their names."""
    for name, text in texts.items():
        if (found := json_object(text)) is not None:
            yield name, found


def words(value: Any) -> str:
    """Return a JSON value as text: parts of a list joined by commas, "" for nothing and for objects."""
    if isinstance(value, list):
        return ", ".join(part for item in value if not isinstance(item, list) and (part := words(item)))
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return ""
    return str(value).encode("utf-8", "replace").decode().strip()  # JSON can hold halves of characters


def model_name(value: Any) -> str:
    """Return the name of a model's file without folder and ending; of an object, its name or model_name."""
    if isinstance(value, dict):
        value = value.get("name") or value.get("model_name") or ""
    stem = words(value).replace("\\", "/").rsplit("/", 1)[-1]
    return _ENDING.sub("", stem)


def renamed(record: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Return settings by the keys of A1111.

    Args:
        record: What the program wrote.
        names: A1111's keys by the program's own; of several for one key the first that says something counts.
    """
    found: dict[str, str] = {}
    for theirs, ours in names.items():
        value = record.get(theirs)
        text = model_name(value) if ours in ("Model", "VAE", "Refiner") else words(value)
        if text and ours not in found:
            found[ours] = text
    if "Size" not in found and words(record.get("width")) and words(record.get("height")):
        found["Size"] = f"{words(record['width'])}x{words(record['height'])}"
    return found


def lora(name: Any, weight: Any) -> Lora | None:
    """Return a LoRA by what a record says of it; None if that is no name, or no possible weight."""
    stem = model_name(name)
    with suppress(ValueError, TypeError, SettingError):
        return Lora(name=stem, weight=1.0 if weight is None else float(weight)) if stem else None
    return None


def loras(pairs: Iterable[tuple[Any, Any]]) -> tuple[Lora, ...]:
    """Return the LoRAs of (name, weight) pairs, each once."""
    found = (lora(name, weight) for name, weight in pairs)
    return tuple({one.name: one for one in found if one is not None}.values())


def left_out(record: Mapping[str, Any], names: Mapping[str, str]) -> dict[str, str]:
    """Return a sentence on each of these settings that is in use; `names` says what each is called."""
    return {
        name: f"{name}: {shortened(words(record[key]) or 'used')} is not repeated"
        for key, name in names.items()
        if record.get(key) not in _NOTHING
    }


def size_of(text: str) -> tuple[int, int] | None:
    """Return the width and height that a text names: 512x768, "512 x 768", "(896, 1152)"; else None."""
    match = re.fullmatch(r"\D{0,3}(\d{1,5})(?:\.0*)?\s*[xX×*,]\s*(\d{1,5})(?:\.0*)?\D{0,3}", text.strip())
    return (int(match[1]), int(match[2])) if match else None
