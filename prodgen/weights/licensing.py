"""What model files a recipe uses, what their owners allow, and which file on disk is which.

Reads the list in `prodgen.weights`; a file is recognised by its SHA-256, whatever its name. It repeats what
owners say, as far as that could be read; it is no legal advice. It knows no recipe: the names that stages
use are handed in.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from prodgen.errors import SettingError
from prodgen.weights.checks import sha256
from prodgen.weights.manifest import Weight
from prodgen.weights.record import Record

MODEL_SUFFIXES = (".safetensors", ".ckpt", ".pth", ".pt", ".onnx")
"""Endings of the files that count as model files in a folder."""


@dataclass(frozen=True)
class NamedModels:
    """The models that one stage of a recipe names."""

    stage: str
    """The stage's name, such as "segment"."""
    names: frozenset[str] = frozenset()
    """Every text in the stage that may be a model's name; other texts do no harm."""


@dataclass(frozen=True)
class FoundFile:
    """One model file on disk, and the weight that it is."""

    file: str
    """Path below the models folder, with forward slashes."""
    sha256: str
    weight: Weight | None
    """None where no entry of the list has this hash."""


def used_by(stages: Iterable[NamedModels], weights: Sequence[Weight]) -> tuple[Weight, ...]:
    """Return the weights that a recipe's stages use or may use, in the order of the list.

    A weight is used when a stage names it (a LoRA, a segmentation model, a checkpoint). A stage that names
    none of the weights made for it may use any that is in the default set or comes with prodgen, so all
    those count.

    Args:
        stages: Each stage of the recipe, with the names in it.
        weights: The list of weights.
    """
    used: set[str] = set()
    for stage in stages:
        names = {name.casefold() for name in stage.names}
        named = [weight for weight in weights if names & {name.casefold() for name in weight.names}]
        kinds_named = {_folder(weight) for weight in named}
        used.update(weight.name for weight in named)
        used.update(
            weight.name
            for weight in weights
            if (weight.default or weight.packaged)
            and stage.stage in weight.stages
            and _folder(weight) not in kinds_named
        )
    return tuple(weight for weight in weights if weight.name in used)


def found_in(folder: Path, weights: Sequence[Weight]) -> tuple[FoundFile, ...]:
    """Hash the model files below `folder` and say which weights they are.

    Files that the download program has checked and that have not changed since are not hashed again.

    Raises:
        SettingError: If `folder` is no folder.
    """
    if not folder.is_dir():
        raise SettingError(f"{str(folder)!r} is no folder; give the models folder of the backend")
    record = Record(folder)
    by_hash = {weight.sha256: weight for weight in weights if weight.sha256_is_known}
    by_file = {weight.file: weight for weight in weights}
    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in MODEL_SUFFIXES or not path.is_file():
            continue
        file = path.relative_to(folder).as_posix()
        recorded = record.sha256_of(file, path)
        digest = recorded or sha256(path)
        weight = by_hash.get(digest)
        if weight is None and recorded and file in by_file and not by_file[file].sha256_is_known:
            weight = by_file[file]  # accepted under this name without a known hash
        found.append(FoundFile(file, digest, weight))
    return tuple(found)


def refuse_what_forbids_commerce(weights: Iterable[Weight]) -> None:
    """Do nothing if each of these may be used commercially, or if its owner must be asked.

    Raises:
        SettingError: If any forbids commercial use; names them, their licences and where to read them.
    """
    forbidden = [weight for weight in weights if weight.commercial == "no"]
    if forbidden:
        what = "; ".join(f"{weight.name} ({weight.licence}, {weight.licence_url})" for weight in forbidden)
        raise SettingError(
            f"commercial use is forbidden by {what}. Take another model, or a licence from its owner"
        )


def _folder(weight: Weight) -> str:
    """Return the folder of a weight's kind: a checkpoint replaces a checkpoint, a LoRA a LoRA."""
    return weight.file.partition("/")[0]
