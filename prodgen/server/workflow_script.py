"""A user's own ComfyUI workflow on the wire: an always-on script of one argument.

Owns the reading of the argument, `{"workflow": {...}, "settings": {...}, "set": {"node.input": value},
"pictures": {"node": base64}}`. Where in the workflow these belong is the engine's business.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prodgen.errors import SettingError
from prodgen.schema.workflow_graphs import WORKFLOW_SCRIPT, Graph, api_graph, seed_places
from prodgen.server.wire import Pixels, Refused, read_pictures

SETTINGS: Mapping[str, type | tuple[type, ...]] = {
    "prompt": str,
    "negative_prompt": str,
    "size": list,
    "steps": int,
    "cfg_scale": (int, float),
    "sampler_name": str,
    "scheduler": str,
    "checkpoint": str,
}
"""What a program may set without naming a node, and the JSON type of each; "size" is [width, height]."""

_PARTS = ("workflow", "settings", "set", "pictures")


@dataclass(frozen=True)
class WorkflowOrder:
    """A workflow, and what is to be put into it."""

    graph: Graph
    """Its nodes in the API's format, "_meta" included."""

    settings: Mapping[str, Any] = field(default_factory=dict)
    """Values under the names of `SETTINGS`, for the inputs that are found to mean them."""

    values: Mapping[str, Any] = field(default_factory=dict)
    """Values for inputs that are named, "node.input"."""

    pictures: Mapping[str, Pixels] = field(default_factory=dict)
    """Pictures, (H, W, 3 or 4), by the node that loads each; "" is the only such node."""


def read_workflow(arguments: object, *, count: int = 1) -> WorkflowOrder | None:
    """Return the workflow that a call's script arguments hold; None where there are none.

    Args:
        arguments: As they came.
        count: How many pictures of it are asked for.

    Raises:
        Refused: If they cannot be understood, or several pictures would all be equal.
    """
    given = arguments[0] if isinstance(arguments, list) and len(arguments) == 1 else arguments
    if given is None or given == [] or given == {}:
        return None
    if not isinstance(given, Mapping) or not set(given) <= set(_PARTS):
        raise Refused(422, f"{WORKFLOW_SCRIPT} takes one object with the keys {', '.join(_PARTS)}")
    parts = {name: given.get(name) or {} for name in _PARTS[1:]}
    for name, part in parts.items():
        if not isinstance(part, Mapping):
            raise Refused(422, f"{WORKFLOW_SCRIPT}: {name} must be an object")
    try:
        graph = api_graph(given.get("workflow"))
    except SettingError as error:
        raise Refused(422, str(error)) from None
    for name, value in parts["settings"].items():
        _check(name, value)
    if not all(isinstance(picture, str) for picture in parts["pictures"].values()):
        raise Refused(422, f"{WORKFLOW_SCRIPT}: each of the pictures is a text in base64")
    pictures = read_pictures(list(parts["pictures"].values()))
    found = {name: one.pixels for name, one in zip(parts["pictures"], pictures, strict=True)}
    if count > 1 and not seed_places(graph):
        raise Refused(422, "this workflow has no seed: all its pictures are equal; ask for one")
    return WorkflowOrder(graph, dict(parts["settings"]), dict(parts["set"]), found)


def _check(name: str, value: object) -> None:
    if name not in SETTINGS:
        raise Refused(
            422, f"{WORKFLOW_SCRIPT}: there is no setting {name!r}; there are {', '.join(SETTINGS)}"
        )
    sides = value if name == "size" and isinstance(value, list) else [1, 1]
    is_size = len(sides) == 2 and all(isinstance(side, int) and side > 0 for side in sides)
    if not isinstance(value, SETTINGS[name]) or isinstance(value, bool) or not is_size:
        raise Refused(422, f"{WORKFLOW_SCRIPT}: {name} cannot be {value!r}")
