"""What model files a recipe uses, what their owners allow, and which file on disk is which.

Reads the list in `prodgen.weights`; a file is recognised by its SHA-256, whatever it is called. It says what
owners say, as far as that could be read; it is no legal advice. It looks inside no picture and at no backend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from prodgen.errors import SettingError
from prodgen.schema import prompts
from prodgen.weights import UNVERIFIED, Weight
from prodgen.weights.checks import sha256
from prodgen.weights.record import Record

MODEL_SUFFIXES = (".safetensors", ".ckpt", ".pth", ".pt", ".onnx")
"""What counts as a model file in a folder."""


@dataclass(frozen=True)
class FoundFile:
    """One model file on disk, and what it is known to be."""

    file: str
    """Below the models folder, with forward slashes."""
    sha256: str
    weight: Weight | None
    """None where no entry of the list has this hash."""


def used_by(recipe: Mapping[str, object], weights: Sequence[Weight]) -> tuple[Weight, ...]:
    """Return the weights that a recipe uses or may use, in the order of the list.

    A weight is used when a stage of the recipe names it (a LoRA, a segmentation model, a checkpoint). A stage
    that names none of the weights made for it may use any default one of them, so all those count.

    Args:
        recipe: What the recipe says, as plain values: tables with a `stage` key, at any depth.
        weights: The list of weights.
    """
    used: set[str] = set()
    for table in _stages(recipe):
        spoken_of = {text.casefold() for text in (*_strings(table), *_loras_of_look(table))}
        named = [weight for weight in weights if spoken_of & {name.casefold() for name in weight.names}]
        used.update(weight.name for weight in named)
        for_stage = [weight for weight in weights if table.get("stage") in weight.stages]
        kinds_named = {_purpose(weight) for weight in named}
        used.update(w.name for w in for_stage if w.default and _purpose(w) not in kinds_named)
    return tuple(weight for weight in weights if weight.name in used)


def found_in(folder: Path, weights: Sequence[Weight]) -> tuple[FoundFile, ...]:
    """Hash the model files below `folder` and say which they are.

    Files that the download program has checked and that have not changed since are not hashed again.

    Raises:
        SettingError: If `folder` is no folder.
    """
    if not folder.is_dir():
        raise SettingError(f"{str(folder)!r} is no folder; give the models folder of the backend")
    record = Record(folder)
    by_hash = {weight.sha256: weight for weight in weights if weight.sha256 != UNVERIFIED}
    by_file = {weight.file: weight for weight in weights}
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in MODEL_SUFFIXES or not path.is_file():
            continue
        file = path.relative_to(folder).as_posix()
        recorded = record.sha256_of(file, path)
        digest = recorded or sha256(path)
        weight = by_hash.get(digest)
        if weight is None and recorded and file in by_file and not by_file[file].verified:
            weight = by_file[file]  # its user took it under this name without a known hash
        found.append(FoundFile(file, digest, weight))
    return tuple(found)


def refuse_what_forbids_commerce(weights: Iterable[Weight]) -> None:
    """Do nothing if every one of these may be used commercially, or if its owner must be asked.

    Raises:
        SettingError: If any forbids commercial use; names them, their licences and where to read them.
    """
    forbidden = [weight for weight in weights if weight.commercial == "no"]
    if forbidden:
        what = "; ".join(f"{weight.name} ({weight.licence}, {weight.licence_url})" for weight in forbidden)
        raise SettingError(
            f"commercial use is forbidden by {what}. Take another model, or a licence from its owner"
        )


def _purpose(weight: Weight) -> str:
    """Weights in one folder stand for one another: a checkpoint for a checkpoint, a LoRA for a LoRA."""
    return weight.file.partition("/")[0]


def _stages(value: object) -> Iterator[Mapping[str, object]]:
    """Every table with a `stage` key, at any depth."""
    if isinstance(value, Mapping):
        if isinstance(value.get("stage"), str):
            yield value
        for inner in value.values():
            yield from _stages(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _stages(inner)


def _loras_of_look(table: Mapping[str, object]) -> list[str]:
    """The LoRAs that a style stage's look brings along, which the recipe itself does not name."""
    if not isinstance(table.get("style"), str):
        return []
    # Here, not at the top: stages bring in the image libraries, which nothing else here needs.
    from prodgen.shots.stages.style import looks

    look = looks().get(str(table["style"]))
    return [lora.name for lora in look.loras] if look else []


def _strings(value: object) -> Iterator[str]:
    """Every string below `value`, and the names inside `<lora:name:weight>` tags."""
    if isinstance(value, str):
        yield value
        yield from (tag.name for tag in prompts.network_tags(value) if tag.is_lora)
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strings(inner)
