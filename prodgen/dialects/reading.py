"""Reading the answer to a generation: which pictures are results, and what the server says of them.

Tolerant: keys that are missing get what A1111 means by leaving them out, unknown ones are ignored.
Decodes no picture.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from prodgen.dialects import infotexts

PLACEHOLDER = "False"
"""What some patched servers put into `images` in place of a picture that they could not encode."""

_SHORTEST_PICTURE = 32
"""Characters of base64; nothing shorter is a picture of any format."""


class AnswerShapeError(ValueError):
    """An answer has not the shape of a generation's; the message says in which way."""


@dataclass(frozen=True, eq=False)
class ReadGeneration:
    """The parts of an answer, pictures still as base64 text."""

    results: tuple[str, ...]
    extras: tuple[str, ...]
    seeds: tuple[int, ...]
    infotexts: tuple[str, ...]
    info: Mapping[str, Any]
    is_missing_a_picture: bool
    """True if the server could not encode one of them (see `PLACEHOLDER`)."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the server reports beyond its fixed keys."""
        found = self.info.get("extra_generation_params")
        return found if isinstance(found, dict) else {}

    def infotext_value(self, key: str) -> str | None:
        """Return one value of the first infotext's last line, unquoted; None if it is not there."""
        last = self.infotexts[0].strip().rsplit("\n", 1)[-1] if self.infotexts else ""
        return infotexts.pairs(last).get(key)

    @property
    def scheduler(self) -> str | None:
        """The noise schedule that ran; None if the answer does not name it."""
        named = self.parameters.get("Schedule type") or self.infotext_value("Schedule type")
        return str(named) if named else None

    @property
    def lora_hashes(self) -> dict[str, str]:
        """Name -> hash of every LoRA that was loaded."""
        text = self.parameters.get("Lora hashes") or self.infotext_value("Lora hashes") or ""
        pairs = (item.rpartition(":") for item in str(text).split(","))
        return {name.strip(): digest.strip() for name, colon, digest in pairs if colon}


def read_generation(answer: object, *, count: int) -> ReadGeneration:
    """Take an answer apart.

    The results are `images[k : k + n]`: k is `index_of_first_image` (1 where a grid comes first),
    n the number of seeds, or what was asked for where none are named.

    Args:
        answer: The parsed JSON.
        count: How many results were asked for.

    Raises:
        AnswerShapeError: If it has no list of images or no readable info.
    """
    if not isinstance(answer, dict) or not isinstance(answer.get("images"), list):
        raise AnswerShapeError("it has no list of images")
    info = _info(answer.get("info"))
    seeds = _whole_numbers(info.get("all_seeds")) or _whole_numbers([info.get("seed")])
    first = max([0, *_whole_numbers([info.get("index_of_first_image")])])
    last = first + (len(seeds) or count)
    images = [str(image) for image in answer["images"] if image]
    results, extras = images[first:last], images[last:] + images[:first]
    listed = info.get("infotexts")
    texts = [str(text) for text in listed] if isinstance(listed, list) else []
    return ReadGeneration(
        results=tuple(image for image in results if _is_picture(image)),
        extras=tuple(image for image in extras if _is_picture(image)),
        seeds=seeds,
        infotexts=tuple(texts[first:last] or texts),
        info=info,
        is_missing_a_picture=any(not _is_picture(image) for image in images),
    )


def _whole_numbers(values: object) -> tuple[int, ...]:
    """Return the numbers in a list; whatever else is in it, or in place of it, is left out."""
    if not isinstance(values, list):
        return ()
    return tuple(int(x) for x in values if isinstance(x, int | float) and not isinstance(x, bool))


def _is_picture(text: str) -> bool:
    return text != PLACEHOLDER and len(text) >= _SHORTEST_PICTURE


def _info(text: object) -> dict[str, Any]:
    if isinstance(text, dict):
        return text
    try:
        info = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError) as error:
        raise AnswerShapeError("its info is not JSON") from error
    if not isinstance(info, dict):
        raise AnswerShapeError("it has no info")
    return info
