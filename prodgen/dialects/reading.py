"""Reading the answer to a generation: which pictures are results, and what the server says of them.

Tolerant: a drawn picture is not given up because of the form of what is said about it. Keys that are missing
get what A1111 means by leaving them out, unknown ones are ignored, and a number that is none tells nothing.
Decodes no picture.
"""

from __future__ import annotations

import ast
import json
import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prodgen.dialects import infotexts, wrapped_pictures

_REMARKS = ("error", "errors", "warning", "warnings", "comments", "comment")
"""Keys under which servers say something in sentences."""

_LONGEST_REMARK = 300
"""Characters of a server's sentence that are repeated."""

_LONGEST_REPORT = 1 << 20
"""Characters of a report in Python's spelling that are parsed; that parser's memory grows with them."""


class AnswerShapeError(ValueError):
    """An answer has not the shape of a generation's; the message says in which way."""


@dataclass(frozen=True, eq=False)
class ReadGeneration:
    """The parts of an answer, pictures still as base64 text."""

    results: tuple[str, ...]
    """In seed order; "" in place of one that the server could not encode."""
    extras: tuple[str, ...]
    seeds: tuple[int | None, ...]
    """One for each result; None where the server does not say."""
    infotexts: tuple[str, ...]
    """One for each result, "" where the server gives none; empty if it gives none at all."""
    info: Mapping[str, Any]
    is_missing_a_picture: bool
    """True if the server could not encode one of them (see `wrapped_pictures.PLACEHOLDER`)."""
    remarks: tuple[str, ...] = ()
    """What the server says in sentences."""
    marked_unsafe: tuple[bool, ...] = ()
    """For each result, whether the server calls it not safe for work; empty: it does not say."""
    names_first: bool = True
    """Whether the server says which of its pictures is the first result."""

    @property
    def parameters(self) -> Mapping[str, Any]:
        """What the server reports beyond its fixed keys."""
        found = self.info.get("extra_generation_params")
        return found if isinstance(found, dict) else self._written

    @property
    def tells_parameters(self) -> bool:
        """Whether the server reports such things at all, so that what is missing there did not run."""
        return isinstance(self.info.get("extra_generation_params"), dict) or bool(self._written)

    @property
    def tells_vae(self) -> bool:
        """Whether the server reports the VAE, so that none named is none used."""
        return "sd_vae_name" in self.info or self.vae is not None

    @property
    def is_silent(self) -> bool:
        """Whether the server says nothing of how it drew."""
        return not (self.tells_parameters or self.sampler or self.checkpoint)

    @property
    def _written(self) -> Mapping[str, str]:
        """The values in the last line of the first infotext."""
        text = next(filter(None, self.infotexts), "").strip()
        return infotexts.pairs(text.rsplit("\n", 1)[-1])

    def infotext_value(self, key: str) -> str | None:
        """Return one value of the first infotext's last line, unquoted; None if it is not there."""
        return self._written.get(key)

    def _said(self, key: str, written: str) -> str | None:
        value = self.info.get(key) or self.infotext_value(written)
        return str(value) if isinstance(value, str | int) and value else None

    @property
    def sampler(self) -> str | None:
        """The sampler that ran; None if the answer does not name it."""
        return self._said("sampler_name", "Sampler")

    @property
    def checkpoint(self) -> str | None:
        """The checkpoint that drew; None if the answer does not name it."""
        return self._said("sd_model_name", "Model")

    @property
    def checkpoint_hash(self) -> str | None:
        """Its short hash; None if the answer does not tell it."""
        return self._said("sd_model_hash", "Model hash")

    @property
    def vae(self) -> str | None:
        """The VAE that was used in place of the checkpoint's own; None if the answer names none."""
        return self._said("sd_vae_name", "VAE")

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


def read_generation(answer: object, *, count: int, has_maps: bool = False) -> ReadGeneration:
    """Take an answer apart.

    The results are `images[k : k + n]`: k is `index_of_first_image` (1 where a grid comes first), n the
    number of seeds, or what was asked for where fewer are named.

    Args:
        answer: The parsed JSON.
        count: How many results were asked for.
        has_maps: Whether maps of ControlNet may follow. Then, where an interrupt left fewer pictures than
            there are seeds, only those with an infotext are results: a map has none.

    Raises:
        AnswerShapeError: If it has no place for pictures.
    """
    images = wrapped_pictures.pictures_in(answer)
    if images is None:
        raise AnswerShapeError("it has no list of images")
    place = wrapped_pictures.unwrapped(answer)
    report = _report(place.get("info"))
    info, texts = report.info, report.infotexts
    seeds = next(filter(None, (_whole_numbers(x) for x in _seeds(info, place))), ())
    # More seeds than asked for are believed where there are as many infotexts: a script drew more.
    count = len(seeds) if count < len(seeds) <= len(texts) else count
    named = _whole(info.get("index_of_first_image"))
    first = named if named is not None and 0 < named < len(images) else 0
    if has_maps and 0 < len(texts) - first < count:
        count = len(texts) - first
    if len(images) - first < count <= len(images):
        first = 0
    last = first + count
    results = images[first:last]
    drawn = len(results) or count  # told also where the pictures themselves were not to be sent
    return ReadGeneration(
        results=results,
        extras=tuple(filter(None, images[last:] + images[:first])),
        seeds=_each(seeds, drawn, None),
        infotexts=_each(tuple(texts[first:last] or texts), drawn, "") if any(texts) else (),
        info=info,
        is_missing_a_picture=not all(images),
        remarks=tuple(dict.fromkeys((*report.words, *_sentences(place), *_sentences(info)))),
        marked_unsafe=_each(tuple(_marks(place, info, first, count)), drawn, False),
        names_first=named is not None,
    )


@dataclass
class _Report:
    info: dict[str, Any] = field(default_factory=dict)
    infotexts: list[str] = field(default_factory=list)
    words: list[str] = field(default_factory=list)


def _report(value: object) -> _Report:
    """Return what `info` holds: an object, JSON once or twice over, an infotext, or words."""
    report = _Report()
    for item in value if isinstance(value, list) else [value]:
        parsed = _parsed(item)
        if isinstance(parsed, list):
            parsed = next((part for part in parsed if isinstance(part, dict)), None)
        if isinstance(parsed, dict):
            report.info = report.info or parsed
        elif isinstance(parsed, str) and parsed.strip():
            last = parsed.strip().rsplit("\n", 1)[-1]
            is_infotext = bool({"Seed", "Steps"} & infotexts.pairs(last).keys())
            (report.infotexts if is_infotext else report.words).append(
                parsed if is_infotext else one_line(parsed)
            )
    listed = next(filter(None, (report.info.get(x) for x in ("infotexts", "infotext", "parameters"))), None)
    if isinstance(listed, str):
        listed = [listed]
    if isinstance(listed, list) and not report.infotexts:
        report.infotexts = [text if isinstance(text, str) else "" for text in listed]
    return report


def _parsed(value: object) -> object:
    """Return what text means that may be JSON in JSON, or a dict as Python prints it; other text as it is."""
    for _ in range(4):
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (ValueError, RecursionError):
                value = _printed(str(value))
                break
    return writable(value)


def _printed(text: str) -> object:
    if not text.lstrip().startswith(("{", "[")) or len(text) > _LONGEST_REPORT:
        return text
    try:
        return json.loads(json.dumps(ast.literal_eval(text.strip())))
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return text


def writable(value: object) -> Any:
    """Return parsed JSON with "?" for each half of a surrogate pair, which no file and no terminal takes."""
    return json.loads(json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"))


def _seeds(*places: Mapping[str, Any]) -> Iterable[object]:
    return (place.get(key) for place in places for key in ("all_seeds", "seeds", "seed"))


def _whole_numbers(values: object) -> tuple[int | None, ...]:
    """Return the seeds in a list, or a single one, with None for what is none; nothing if there is none."""
    found = tuple(_whole(x) for x in (values if isinstance(values, list) else [values]))
    seeds = tuple(x if x is not None and x >= 0 else None for x in found)
    return seeds if any(x is not None for x in seeds) else ()


def _whole(value: object) -> int | None:
    """Return a whole number, also written as a float or as text; None for anything else, NaN among it."""
    if isinstance(value, str) and re.fullmatch(r"\s*[-+]?\d{1,30}\s*", value):
        return int(value)
    if isinstance(value, float) and math.isfinite(value) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _each(values: tuple[Any, ...], count: int, missing: Any) -> tuple[Any, ...]:
    """Return one value for each result, or none at all where there is none."""
    return (*values[:count], *[missing] * (count - len(values))) if values else ()


def _sentences(place: Mapping[str, Any]) -> Iterable[str]:
    for key in _REMARKS:
        value = place.get(key)
        for item in value if isinstance(value, list) else [value]:
            said = item.get("message") or item.get("detail") if isinstance(item, dict) else item
            if isinstance(said, str) and said.strip():
                yield one_line(said)


def one_line(text: str) -> str:
    """Return a server's sentence in one line, not longer than a message can hold."""
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST_REMARK else f"{line[:_LONGEST_REMARK]}..."


def _marks(place: Mapping[str, Any], info: Mapping[str, Any], first: int, count: int) -> list[bool]:
    """For each result, whether a key such as "nsfw" or "has_nsfw_concept" is true of it."""
    extra = info.get("extra_generation_params")
    for where in (place, info, extra if isinstance(extra, dict) else {}):
        for key, value in where.items():
            if "nsfw" not in key.lower():
                continue
            if isinstance(value, list):
                marks = [_is_true(x) for x in value]
                return marks[first:] if len(marks) >= first + count else marks
            if _is_true(value):
                return [True] * count
    return []


def _is_true(value: object) -> bool:
    return value is True or (isinstance(value, str) and value.strip().lower() in ("true", "yes"))
