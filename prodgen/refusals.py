"""Values that are right or were refused: one base class, and one sentence for whatever is wrong.

A refusal names the setting, the value that was given, and what is possible. Pydantic finds the fault; none
of its own sentences reaches a user.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, ModelWrapValidatorHandler, ValidationError, model_validator
from pydantic_core import ErrorDetails

from prodgen.errors import SettingError, UnknownNameError, WrongValueError

_BOUNDS = ("ge", "gt", "le", "lt")

_KINDS = {
    "int": "must be a whole number",
    "float": "must be a number",
    "finite": "must be a number",
    "bool": "must be true or false",
    "string": "must be text",
    "path": "must be a path",
    "tuple": "must be a list",
    "list": "must be a list",
    "dict": "must be a table of settings",
    "model": "must be a table of settings",
    "none": "must be left out",
}
"""What is possible, by the first word of pydantic's type of fault."""

_OTHERS = {
    "missing": "must be given",
    "union_tag_not_found": 'does not say which stage it is; add a line such as stage = "segment"',
}
"""What is wrong, by pydantic's type of fault; there is no value to show."""


class CheckedValue(BaseModel):
    """An immutable value, refused with a `SettingError` where it is wrong."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        protected_namespaces=(),
    )

    @model_validator(mode="wrap")
    @classmethod
    def _refuse_in_one_sentence(cls, values: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:
        try:
            made = handler(values)
            made.check()
        except ValidationError as error:
            raise refusal(error, cls) from error
        except ValueError as error:
            raise SettingError(str(error)) from error
        return made

    def check(self) -> None:
        """Check what concerns several fields at once; each is right by itself by now.

        Raises:
            ValueError: If they do not go together.
        """


def refusal(error: ValidationError, model: type[BaseModel] | None = None) -> SettingError:
    """Return the error to raise for what pydantic found; with several faults, one of all their sentences.

    Args:
        error: What pydantic found.
        model: The type that was to be made; its fields say which names and ranges there are.
    """
    found = error.errors(include_url=False)
    # A list that holds a wrong item counts as too short as well.
    holders = {fault["loc"][:-1] for fault in found if fault["loc"]}
    faults = [_refusal_of(fault, model) for fault in found if fault["loc"] not in holders]
    if len(faults) == 1:
        return faults[0]
    return SettingError("; ".join(dict.fromkeys(map(str, faults))))


def _refusal_of(fault: ErrorDetails, model: type[BaseModel] | None) -> SettingError:
    kind, facts, value = fault["type"], fault.get("ctx", {}), fault["input"]
    path = [str(part) for part in fault["loc"]]
    setting = ".".join(path)
    if kind == "extra_forbidden":
        known = model.model_fields if model is not None and len(path) == 1 else ()
        hint = "" if known else f"(there is no setting {setting!r})"
        return UnknownNameError("setting", path[-1], known, hint, setting=setting)
    if kind == "union_tag_invalid":
        tags = [name.strip("' ") for name in str(facts["expected_tags"]).split(",")]
        return UnknownNameError("stage", str(facts["tag"]), tags, f"(in {setting})" if setting else "")
    if kind == "missing" and path and path[-1].isdecimal():
        return SettingError(f"{'.'.join(path[:-1])} must have more than {path[-1]} values")
    if kind in _OTHERS:
        return SettingError(f"{setting or 'it'} {_OTHERS[kind]}")
    if kind in ("value_error", "assertion_error"):
        reason = str(facts.get("error", "is not possible"))
        return SettingError(f"{setting}: {reason}" if setting else reason)
    if not setting and model is not None:
        setting = model.__name__
    return WrongValueError(setting, value, _reason(kind, facts, _range(model, path)))


def _reason(kind: str, facts: Mapping[str, Any], limits: Mapping[str, Any]) -> str:
    """Say what is possible in place of a value."""
    if kind.startswith(("greater_than", "less_than")):
        lowest, highest = limits.get("ge"), limits.get("le")
        if lowest is not None and highest is not None:
            return f"must be from {_shown(lowest)} to {_shown(highest)}"
        ((bound, value),) = [(name, facts[name]) for name in _BOUNDS if name in facts]
        words = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}[bound]
        return f"must be {words} {_shown(value)}"
    if kind == "multiple_of":
        return f"must be a multiple of {facts['multiple_of']:g}"
    if kind == "literal_error":
        return f"must be {facts['expected']}"
    if kind == "string_too_long":
        return f"must have at most {facts['max_length']} characters"
    if kind in ("string_too_short", "too_short"):
        return "must not be empty" if facts["min_length"] == 1 else f"must have {facts['min_length']} or more"
    if kind == "too_long":
        return f"must have at most {facts['max_length']}"
    return _KINDS.get(kind.partition("_")[0], "has a value that is not possible")


def _shown(bound: float) -> str:
    """Return a bound as a sentence has it: whole numbers with all their digits."""
    return str(bound) if isinstance(bound, int) else f"{bound:.10g}"


def _range(model: type[BaseModel] | None, path: list[str]) -> Mapping[str, Any]:
    """Return the bounds of a field by their names."""
    field = model.model_fields.get(path[0]) if model is not None and len(path) == 1 else None
    metadata = () if field is None else field.metadata
    return {name: getattr(item, name) for item in metadata for name in _BOUNDS if hasattr(item, name)}
