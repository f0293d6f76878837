"""A ComfyUI workflow as a program takes it: the API's format, told from that of ComfyUI's editor."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prodgen.errors import SettingError

WORKFLOW_SCRIPT = "prodgen workflow"
"""Title of the always-on script that carries a workflow over A1111's API; only a server that has ComfyUI draw
lists it."""

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
