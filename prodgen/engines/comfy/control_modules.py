"""ControlNet's preprocessors, by A1111's names, as nodes of ComfyUI.

All but Canny come with the node pack comfyui_controlnet_aux, whose nodes fetch their networks at first use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence

from prodgen.engines.comfy.graph_nodes import GraphNodes, Link
from prodgen.engines.comfy.node_catalogue import NodeCatalogue
from prodgen.server.finer_settings import ControlOrder

MODULES: Mapping[str, tuple[str, ...]] = {
    "canny": ("CannyEdgePreprocessor", "Canny"),
    "depth_midas": ("MiDaS-DepthMapPreprocessor",),
    "depth_zoe": ("Zoe-DepthMapPreprocessor",),
    "depth_leres": ("LeReS-DepthMapPreprocessor",),
    "depth_anything_v2": ("DepthAnythingV2Preprocessor",),
    "normal_bae": ("BAE-NormalMapPreprocessor",),
    "openpose": ("OpenposePreprocessor",),
    "dw_openpose_full": ("DWPreprocessor",),
    "lineart_realistic": ("LineArtPreprocessor",),
    "lineart_anime": ("AnimeLineArtPreprocessor",),
    "softedge_hed": ("HEDPreprocessor",),
    "softedge_pidinet": ("PiDiNetPreprocessor",),
    "scribble_pidinet": ("Scribble_PiDiNet_Preprocessor",),
    "mlsd": ("M-LSDPreprocessor",),
    "tile_resample": ("TilePreprocessor",),
}
"""A1111's module: the node classes that do it, the better one first."""

_LARGEST_LEVEL = 255
"""A1111 gives Canny's thresholds in 8-bit levels; ComfyUI's own node wants them as shares of white."""


def map_of(graph: GraphNodes, nodes: NodeCatalogue, unit: ControlOrder, picture: Link) -> Link:
    """Add the preprocessor of a unit to a graph, and return the map that it makes of the picture.

    Args:
        graph: The graph under construction.
        nodes: The server's, with a node for the unit's module.
        unit: What is asked for; its module is one of `MODULES`.
        picture: The unit's picture, loaded.
    """
    class_type = next(name for name in MODULES[unit.module] if nodes.has(name))
    inputs = nodes.inputs(class_type)
    # The packs' versions differ in inputs: all that has a value is sent with its default.
    values = {name: one.filled() for name, one in inputs.items() if one.is_value and one.is_required}
    asked = {
        "resolution": unit.processor_res,
        "low_threshold": _level(class_type, unit.threshold_a),
        "high_threshold": _level(class_type, unit.threshold_b),
    }
    values |= {name: value for name, value in asked.items() if name in inputs and value is not None}
    return graph.add("map", class_type, {"image": picture, **values})[0]


def found_pose(texts: Iterable[Sequence[str]]) -> Mapping[str, object] | None:
    """Return the people that a preprocessor of poses found, in OpenPose's format; None if it tells none.

    The node pack's nodes show them as JSON beside the map: a list with one entry for each picture.
    """
    for text in (text for shown in texts for text in shown):
        try:
            told = json.loads(text)
        except ValueError:
            continue
        first = told[0] if isinstance(told, list) and told else told
        if isinstance(first, dict) and "people" in first:
            return first
    return None


def _level(class_type: str, threshold: float | None) -> float | int | None:
    if threshold is None:
        return None
    return threshold / _LARGEST_LEVEL if class_type == "Canny" else round(threshold)
