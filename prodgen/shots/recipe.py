"""A recipe: named, ordered stages with their parameters, read from TOML. Knows no picture."""

from __future__ import annotations

import tomllib
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from prodgen.errors import SettingError, UnknownNameError
from prodgen.schema.refusals import refusal
from prodgen.shots.stages import AnyStage

MAX_RECIPE_BYTES = 1 << 20


class Recipe(BaseModel):
    """Ordered stages that make one picture."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(min_length=1)
    """What `--recipe` calls it."""

    description: str = ""
    """One line for `prodgen list recipes`."""

    negative_prompt: str = ""
    """Used where none is given with the shot."""

    stages: tuple[AnyStage, ...] = Field(min_length=1)
    """In the order in which they are applied."""

    @classmethod
    def load(cls, name: str | Path) -> Self:
        """Return a built-in recipe by name, or the recipe in a TOML file.

        Raises:
            SettingError: If there is none of that name, or the file is no recipe; says which field is wrong.
        """
        known = builtin_recipes()
        if str(name) in known:
            return cls.model_validate(known[str(name)])
        path = Path(name)
        if path.suffix != ".toml" and not path.is_file():
            raise UnknownNameError("recipe", str(name), known, "(or give the path of a .toml file)")
        try:
            if path.stat().st_size > MAX_RECIPE_BYTES:
                raise SettingError(f"recipe {str(path)!r} is too large to be one")
            fields = tomllib.loads(path.read_text("utf-8"))
        except OSError as error:
            raise SettingError(f"recipe {str(path)!r} cannot be read: {error.strerror or error}") from error
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"recipe {str(path)!r} is not TOML: {error}") from error
        try:
            return cls.model_validate({"name": path.stem, **fields})
        except ValidationError as error:
            raise SettingError(f"recipe {str(path)!r}: {first_fault(error)}") from error

    def with_settings(self, settings: dict[str, Any]) -> Self:
        """Return the recipe with these parameters changed in every stage that has them.

        Raises:
            SettingError: If no stage has one of them, or a value is out of range.
        """
        for name in settings:
            if not any(name in type(stage).model_fields for stage in self.stages):
                having = sorted(
                    {field for stage in self.stages for field in type(stage).model_fields} - {"stage"}
                )
                raise UnknownNameError(f"setting of recipe {self.name!r}", name, having)
        try:
            return self.model_copy(
                update={"stages": tuple(stage.with_settings(settings) for stage in self.stages)}
            )
        except ValidationError as error:
            raise refusal(error) from error


_PLAINER = {
    "union_tag_not_found": 'it does not say which stage it is; add a line such as stage = "segment"',
    "extra_forbidden": "there is no such setting; see docs/recipes.md for those that there are",
    "missing": "it is missing",
    "too_short": "there must be at least one",
    "tuple_type": "it must be a list",
}
"""What pydantic says in its own terms, in ours."""


def first_fault(error: ValidationError) -> str:
    """Return the first fault that pydantic found, as one sentence with the field's name."""
    fault = error.errors(include_url=False)[0]
    where = ".".join(str(part) for part in fault["loc"])
    if fault["type"] in _PLAINER:
        return f"{where}: {_PLAINER[fault['type']]}"
    if fault["type"] == "union_tag_invalid":
        known = [name.strip("' ") for name in fault["ctx"]["expected_tags"].split(",")]
        return f"{where}: {UnknownNameError('stage', fault['ctx']['tag'], known)}"
    message = fault["msg"].removeprefix("Value error, ")
    shown = repr(fault["input"])
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    given = f" (given: {shown})" if isinstance(fault["input"], str | int | float) else ""
    return f"{where}: {message}{given}" if where else message


@cache
def builtin_recipes() -> dict[str, dict[str, Any]]:
    """Return the recipes that come with prodgen, as their TOML says, by name."""
    folder = files("prodgen.shots") / "recipes"
    found = [
        tomllib.loads(item.read_text("utf-8")) for item in folder.iterdir() if item.name.endswith(".toml")
    ]
    return {fields["name"]: fields for fields in sorted(found, key=lambda fields: str(fields["name"]))}
