"""A shot: everything that decides one picture, small enough to travel to a worker."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from prodgen.errors import ImageError, SettingError
from prodgen.schema import Lora, prompts, seeds
from prodgen.shots.recipe import Recipe, first_fault


class Shot(BaseModel):
    """One picture to be made. No arrays, no open files: paths and words."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    source: Path
    """The product's photograph."""

    prompt: str = Field(default="", max_length=8000)
    """The scene, in words."""

    negative_prompt: str | None = Field(default=None, max_length=8000)
    """What should not be seen; unset: the recipe's."""

    seed: int = Field(default_factory=seeds.draw, ge=0, le=seeds.MAX_SEED)
    """Decides the scene; drawn if not given, always recorded."""

    output: Path | None = None
    """Where the picture goes, with "{seed}" for the seed that was used; unset: it stays in memory."""

    recipe: Recipe = Field(default_factory=lambda: Recipe.load("relight"))
    """How it is made."""

    background: Path | None = None
    """A picture of the user's to put the product into."""

    light: str | None = None
    """A direction, as `prodgen.light.Light.parse` reads it; unset: the scene's own."""

    loras: tuple[Lora, ...] = ()
    """LoRAs by the backend's names."""

    @field_validator("prompt", "negative_prompt")
    @classmethod
    def _clean(cls, value: str | None) -> str | None:
        return None if value is None else value.replace("\0", "").strip()

    @property
    def key(self) -> str:
        """Digest of everything that decides the pixels, the files' content included; not of where they are.

        Raises:
            ImageError: If a file cannot be read.
        """
        words: dict[str, Any] = self.model_dump(mode="json", exclude={"source", "output", "background"})
        stages = [dict(stage) for stage in words["recipe"]["stages"]]
        masks = [stage.pop("matte_file", None) for stage in stages]
        words["recipe"]["stages"] = stages
        digest = hashlib.sha256(repr(sorted(words.items())).encode())
        files = (self.source, self.background, *(Path(mask) for mask in masks if mask is not None))
        for path in files:
            try:
                digest.update(b"-" if path is None else hashlib.sha256(path.read_bytes()).digest())
            except OSError as error:
                raise ImageError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
        return digest.hexdigest()


def new_shot(**fields: Any) -> Shot:
    """Return a shot of these fields; those that are None keep their default.

    LoRA tags in the prompt (`<lora:name:0.5>`) become LoRAs: a server ignores unknown tags without a word,
    but an unknown LoRA is refused.

    Raises:
        SettingError: If a field is wrong; says which.
    """
    loras = tuple(Lora.model_validate(lora) for lora in fields.get("loras") or ())
    read = prompts.read_prompt(str(fields.get("prompt") or ""), loras=loras)
    fields = {**fields, "prompt": read.words, "loras": read.loras}
    try:
        return Shot.model_validate({name: value for name, value in fields.items() if value is not None})
    except ValidationError as error:
        raise SettingError(first_fault(error)) from error
