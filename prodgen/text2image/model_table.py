"""The table of models and prompt styles: a name stands for a checkpoint and how it wants to be asked.

Both tables are TOML; how a model wants to be asked is its preset's, beside whose numbers presets.toml names
the maker's page that they are from. A user's file adds to them and wins over them, so that a model of one's
own needs no code. Which file of a server a model is, is decided by the names that the server lists.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeVar

from pydantic import Field

from prodgen.errors import SettingError, UnknownNameError
from prodgen.files import read_toml
from prodgen.refusals import CheckedValue
from prodgen.schema import Capabilities
from prodgen.schema.answers import Checkpoint
from prodgen.text2image.presets import Preset, presets

Kind = TypeVar("Kind", bound=CheckedValue)

HOLE = "{prompt}"
"""Stands in a style for the words of the user."""


class ModelEntry(CheckedValue):
    """A model as its table in TOML says it."""

    title: str = ""
    checkpoints: tuple[str, ...] = Field(min_length=1)
    """Regular expressions, searched in the lower-case names of the server's checkpoints in their order."""
    preset: str
    """Family whose settings it takes over."""
    also: tuple[str, ...] = ()
    """Other names for it."""
    weights: str | None = None
    """Its name for `prodgen weights get`."""
    side: int | None = Field(default=None, ge=64, le=4096, multiple_of=8)
    """Its native pictures are side x side pixels; unset, as the following: the preset's."""
    steps: int | None = Field(default=None, ge=1, le=1000)
    cfg_scale: float | None = Field(default=None, ge=0, le=30)
    sampler_name: str | None = Field(default=None, min_length=1)
    scheduler: str | None = Field(default=None, min_length=1)

    def check(self) -> None:
        """Refuse what is no preset or no regular expression."""
        super().check()
        if self.preset not in presets():
            raise ValueError(f"preset {self.preset!r} is unknown; there are: {', '.join(presets())}")
        for pattern in self.checkpoints:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"checkpoints: {pattern!r} is no regular expression: {error}") from error


class StyleEntry(CheckedValue):
    """A prompt style as its table in TOML says it."""

    prompt: str = HOLE
    """What is drawn, with `{prompt}` for the user's words; without it, they stand in front."""
    negative_prompt: str = ""
    """What should not be seen, after the user's own."""


@dataclass(frozen=True)
class NamedModel:
    """A model by name."""

    name: str
    title: str
    checkpoints: tuple[str, ...]
    also: tuple[str, ...]
    weights: str | None
    preset: Preset
    """How it is asked, with what its own table says."""

    @property
    def network_calls(self) -> int:
        """How often the network is called for a picture, which decides how long it takes."""
        return self.preset.steps * (1 if self.preset.cfg_scale == 1 else 2)

    def checkpoint_of(self, have: Capabilities) -> Checkpoint | None:
        """Return the server's checkpoint that is this model; None if there is none."""
        for pattern in self.checkpoints:
            for checkpoint in have.checkpoints:
                if re.search(pattern, checkpoint.model_name.lower()):
                    return checkpoint
        return None


@dataclass(frozen=True)
class Tables:
    """All models and prompt styles that can be named."""

    models: Mapping[str, NamedModel]
    styles: Mapping[str, StyleEntry]

    def model(self, name: str) -> NamedModel:
        """Return the model of this name.

        Raises:
            UnknownNameError: If there is none.
        """
        for model in self.models.values():
            if name in (model.name, *model.also):
                return model
        raise UnknownNameError("model", name, tuple(self.models), setting="model")

    def styled(self, prompt: str, negative_prompt: str, style: str) -> tuple[str, str]:
        """Return a prompt and a negative prompt with the words of a style.

        Raises:
            UnknownNameError: If there is no such style.
        """
        if style not in self.styles:
            raise UnknownNameError("style", style, tuple(self.styles), setting="style")
        entry = self.styles[style]
        around = entry.prompt if HOLE in entry.prompt else f"{HOLE}, {entry.prompt}"
        return around.replace(HOLE, prompt), _joined(negative_prompt, entry.negative_prompt)


def tables(own: Path | None = None) -> Tables:
    """Return prodgen's models and styles, with those of a file of the user's own.

    Raises:
        SettingError: If the file cannot be read, or says something unknown or wrong.
    """
    fields: dict[str, dict[str, Any]] = {"models": {}, "styles": {}}
    for kind in fields:
        text = (files("prodgen.text2image") / f"{kind}.toml").read_text("utf-8")
        fields[kind] = tomllib.loads(text)[kind]
    for kind, entries in _read_own(own).items() if own is not None else ():
        fields[kind] = {**entries, **{k: v for k, v in fields[kind].items() if k not in entries}}
    models = {name: _model(name, entry, own) for name, entry in fields["models"].items()}
    return Tables(
        models, {name: _entry(StyleEntry, name, entry, own) for name, entry in fields["styles"].items()}
    )


def missing(model: NamedModel, have: Capabilities, url: str) -> SettingError:
    """Return the refusal of a server that has no checkpoint of a model."""
    there = ", ".join(x.model_name for x in have.checkpoints[:12]) or "none"
    get = f"`prodgen weights get {model.weights}` fetches it for engine://, " if model.weights else ""
    return SettingError(
        f"{url} has no checkpoint of the model {model.name!r}; it has: {there}. {get}--checkpoint NAME draws"
        " with another one, asked as this model"
    )


def preset_of(model: NamedModel, with_loras: Preset) -> Preset:
    """Return how a model is asked beside LoRAs of which one may make any checkpoint a few-step one."""
    if with_loras.by_lora and with_loras.chosen_by:
        return replace(with_loras, side=model.preset.side)
    return replace(model.preset, chosen_by=model.name)


def _read_own(path: Path) -> dict[str, dict[str, Any]]:
    found = read_toml(path, called="table")
    for kind, entries in found.items():
        if kind not in ("models", "styles") or not _holds_tables(entries):
            raise SettingError(
                f"table {str(path)!r} may hold [models.NAME] and [styles.NAME] tables, not {kind!r}"
            )
    return found


def _holds_tables(entries: object) -> bool:
    return isinstance(entries, dict) and all(isinstance(entry, dict) for entry in entries.values())


def _entry(kind: type[Kind], name: str, fields: Mapping[str, Any], own: Path | None) -> Kind:
    try:
        return kind.model_validate(fields)
    except SettingError as error:
        raise SettingError(f"table {str(own)!r}: {name}: {error}") from error


def _model(name: str, fields: Mapping[str, Any], own: Path | None) -> NamedModel:
    entry = _entry(ModelEntry, name, fields, own)
    changed = entry.model_dump(
        include={"side", "steps", "cfg_scale", "sampler_name", "scheduler"}, exclude_none=True
    )
    preset = replace(presets()[entry.preset], **changed)
    return NamedModel(name, entry.title, entry.checkpoints, entry.also, entry.weights, preset)


def _joined(*texts: str) -> str:
    return ", ".join(text for text in texts if text.strip())
