"""What a user's workflow drew with, told in the words of A1111's infotext."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from prodgen.engines.comfy.sampling_names import scheduled_names
from prodgen.engines.comfy.user_workflow import FilledWorkflow
from prodgen.schema.workflow_graphs import Graph
from prodgen.server.wire import Pixels

_INPUTS = {
    "Steps": ("steps",),
    "CFG scale": ("cfg",),
    "Distilled CFG Scale": ("guidance",),  # Forge's word for the guidance of Flux
    "Model": ("ckpt_name", "unet_name"),
}


def run_story(graph: Graph, picture: Pixels, filled: FilledWorkflow) -> dict[str, Any]:
    """Return entries for the infotext, in the place of what the request's unused fields would say.

    Args:
        graph: The graph that ran.
        picture: What it drew.
        filled: What the picture's seed was put into.

    Returns:
        Entries under A1111's keys; None takes one away. "Workflow" is a digest of all but the seed.
    """
    told: dict[str, Any] = {key: _first(graph, names) for key, names in _INPUTS.items()}
    sampler, scheduler = (str(_first(graph, (name,)) or "") for name in ("sampler_name", "scheduler"))
    method, schedule = scheduled_names(sampler, scheduler)
    height, width = picture.shape[:2]
    nodes = {name: (node["class_type"], node["inputs"]) for name, node in filled.graph.items()}
    digest = hashlib.sha256(json.dumps(nodes, sort_keys=True).encode()).hexdigest()
    return {
        **told,
        "Sampler": method or None,
        "Schedule type": schedule or None,
        "Size": f"{width}x{height}",
        "Model hash": None,
        **({} if filled.seeds else {"Seed": None}),
        "Workflow": digest[:10],
    }


def _first(graph: Graph, names: tuple[str, ...]) -> Any:
    """Return the first plain value that an input of one of these names has."""
    values = (node.get("inputs", {}).get(name) for node in graph.values() for name in names)
    return next((value for value in values if isinstance(value, str | int | float)), None)
