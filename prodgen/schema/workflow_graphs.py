"""A ComfyUI workflow as a program takes it: the API's format, told from that of ComfyUI's editor.

Reads graphs only; what the nodes of a server can be given is not known here.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prodgen.errors import SettingError

WORKFLOW_SCRIPT = "prodgen workflow"
"""Title of the always-on script that carries a workflow over A1111's API; only a server that has ComfyUI draw
lists it."""

Graph = Mapping[str, Mapping[str, Any]]
"""A workflow in the API's format: {"id": {"class_type": ..., "inputs": {...}}}."""

Place = tuple[str, str]
"""Id of a node and name of one of its inputs."""

_SEEDS = ("seed", "noise_seed")
_VALUES = ("value", "text", "string", "prompt", "int", "seed", "number", "float")
"""Inputs of nodes that hold one value for others to take."""

EXPORT = (
    "in ComfyUI choose Workflow > Export (API), in older versions 'Save (API Format)' after switching on the "
    "dev mode in the settings, and give that file"
)


def api_graph(value: object) -> dict[str, dict[str, Any]]:
    """Return the nodes of a workflow in the API's format, alone or below the key "prompt".

    Raises:
        SettingError: If it is something else; for the editor's format with the way to export it.
    """
    if isinstance(value, Mapping) and isinstance(value.get("prompt"), Mapping):
        value = value["prompt"]
    if isinstance(value, Mapping) and isinstance(value.get("nodes"), list):
        raise SettingError(f"this workflow is in the format of ComfyUI's editor: {EXPORT}")
    nodes = value if isinstance(value, Mapping) else {}
    graph = {
        str(name): dict(node)
        for name, node in nodes.items()
        if isinstance(node, Mapping) and isinstance(node.get("class_type"), str)
    }
    if not graph or len(graph) < len(nodes):
        raise SettingError(f"this is no ComfyUI workflow in the API's format: {EXPORT}")
    return {
        name: {**node, "inputs": dict(node["inputs"]) if isinstance(node.get("inputs"), Mapping) else {}}
        for name, node in graph.items()
    }


def is_link(value: object) -> bool:
    """Whether an input's value is a link to another node: its id, and the number of its output."""
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str) and type(value[1]) is int


def source_of(graph: Graph, place: Place, kind: type | tuple[type, ...]) -> Place | None:
    """Return where the value of an input stands: there, or in the node that it is taken from.

    Args:
        graph: The workflow.
        place: The input.
        kind: Types that the value may have; None is returned for others.
    """
    for _ in range(len(graph)):
        value = graph[place[0]]["inputs"].get(place[1])
        if isinstance(value, kind) and not isinstance(value, bool):
            return place
        if not is_link(value) or value[0] not in graph:
            return None
        inputs = graph[value[0]]["inputs"]
        given = next((name for name in _VALUES if name in inputs), None)
        if given is None:
            return None
        place = value[0], given
    return None


def seed_places(graph: Graph) -> tuple[Place, ...]:
    """Return where the seeds of a workflow stand, each once; without any it draws the same picture always."""
    inputs = [(node, name) for name in _SEEDS for node in graph if name in graph[node]["inputs"]]
    found = [source_of(graph, place, int) for place in inputs]
    return tuple(place for place in dict.fromkeys(found) if place is not None)
