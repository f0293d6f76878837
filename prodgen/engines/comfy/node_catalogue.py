"""What a ComfyUI server says about its nodes: GET /object_info, read in both of its shapes.

Owns the reading alone: classes, inputs, choices, limits. What they mean is `comfy_inventory`'s business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class NodeInput:
    """One input of a node class."""

    kind: str
    """Type of its value ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO") or of its link ("MODEL", "IMAGE")."""

    choices: tuple[Any, ...] = ()
    """For a "COMBO": the values that it takes."""

    default: Any = None
    is_required: bool = True

    @property
    def is_value(self) -> bool:
        """Whether a plain value goes in, not a link."""
        return self.kind in ("INT", "FLOAT", "STRING", "BOOLEAN", "COMBO")

    def filled(self) -> object:
        """Return what stands there if nobody says anything: its default, or the first choice."""
        return self.default if self.default is not None or not self.choices else self.choices[0]


@dataclass(frozen=True)
class NodeCatalogue:
    """The node classes of one server."""

    info: Mapping[str, Any]
    """The answer of GET /object_info."""

    def has(self, *classes: str) -> bool:
        """Whether the server has all of these node classes."""
        return all(isinstance(self.info.get(name), Mapping) for name in classes)

    def inputs(self, class_type: str) -> dict[str, NodeInput]:
        """Return the inputs of a class by name; none for one that is not there."""
        given = self.info.get(class_type)
        groups = given.get("input") if isinstance(given, Mapping) else None
        found: dict[str, NodeInput] = {}
        for group in ("required", "optional"):
            listed = groups.get(group) if isinstance(groups, Mapping) else None
            for name, declared in listed.items() if isinstance(listed, Mapping) else ():
                found[name] = _read(declared, is_required=group == "required")
        return found

    def choices(self, class_type: str, name: str) -> tuple[str, ...]:
        """Return the texts that an input of a class may be, as the server spells them."""
        one = self.inputs(class_type).get(name)
        return () if one is None else tuple(value for value in one.choices if isinstance(value, str))

    def is_output(self, class_type: str) -> bool:
        """Whether a node of this class gives results, such as saved pictures."""
        given = self.info.get(class_type)
        return isinstance(given, Mapping) and given.get("output_node") is True


def _read(declared: object, *, is_required: bool) -> NodeInput:
    """Return an input from `[type, facts]`, where a choice is either a list or "COMBO" with options."""
    parts = declared if isinstance(declared, list) else []
    kind = parts[0] if parts else ""
    facts = parts[1] if len(parts) > 1 and isinstance(parts[1], Mapping) else {}
    default = facts.get("default")
    if isinstance(kind, list):
        return NodeInput("COMBO", tuple(kind), default, is_required)
    options = facts.get("options")
    choices = tuple(options) if kind == "COMBO" and isinstance(options, list) else ()
    return NodeInput(str(kind), choices, default, is_required)
