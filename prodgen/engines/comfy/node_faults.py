"""What ComfyUI says of a graph that it refuses, or that fails: its answers and sentences as our errors.

This is the one module that reads a ComfyUI server's sentences: it tells a missing node, a value that is not
listed and a failing node by kinds of its own, but out of memory, and what IC-Light wants, by text alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from prodgen.errors import (
    BackendError,
    BackendFaultError,
    BackendOutOfMemoryError,
    GraphRefusedError,
    MissingExtensionError,
    NodeFault,
)

DIALECT = "ComfyUI"
"""The name of this kind of server in errors about what it lacks."""


@dataclass(frozen=True)
class NodePack:
    """An extension of ComfyUI that brings node classes."""

    name: str
    address: str
    """Where it is to be had."""
    classes: str
    """Regular expression that fits the names of its classes as a whole."""


PACKS = (
    NodePack(
        "ComfyUI-IC-Light",
        "https://github.com/kijai/ComfyUI-IC-Light",
        r"LoadAndApplyICLightUnet|ICLightConditioning|LightSource|BackgroundScaler|DetailTransfer"
        r"|CalculateNormalsFromImages|LoadHDRImage",
    ),
    NodePack(
        "ComfyUI-IC-Light-Native",
        "https://github.com/huchenlei/ComfyUI-IC-Light-Native",
        r"ICLightAppply|ICLightApplyMaskGrey|VAEEncodeArgMax",
    ),
    NodePack(
        "comfyui_controlnet_aux",
        "https://github.com/Fannovel16/comfyui_controlnet_aux",
        r"\w+Preprocessor(_\w+)?|AIO_Preprocessor",
    ),
    NodePack("ComfyUI-RMBG", "https://github.com/1038lab/ComfyUI-RMBG", r"(BiRefNet)?RMBG"),
    NodePack("ComfyUI-KJNodes", "https://github.com/kijai/ComfyUI-KJNodes", r"\w+KJ(v2)?"),
    NodePack("comfyui-tooling-nodes", "https://github.com/Acly/comfyui-tooling-nodes", r"ETN_\w+"),
)
"""Packs that are known here, by what their sources register; for others ComfyUI-Manager finds out."""

_OUT_OF_MEMORY = re.compile(r"OutOfMemory|out of memory|alloc(ate)?\w* .*memory", re.IGNORECASE)
"""Torch's classes for a GPU, and the words of other devices: Apple's, DirectML's, a CPU's allocator."""

_NO_SUCH_CLASS = re.compile(r"because node (.+?) does not exist")
"""How 0.3.64 names a class that it lacks, in the message alone; newer servers have a kind for it."""

_IC_LIGHT = re.compile(
    r"'opt_background' latent input|expected input\[\d+, (8|12), .*to have (8|12) channels"
    r"|Input channels \d+ does not match"
)
_LAYOUT = re.compile(r"Could not detect model type of")
_NO_MODEL = re.compile(r"Could not patch model|VAE is invalid|IC-Light is only compatible|invalid load key")
_NO_PICTURE = re.compile(r"cannot identify image file|UnidentifiedImageError")

_KNOWN_CAUSES = (
    (
        _IC_LIGHT,
        "IC-Light's model does not fit its inputs: iclight_sd15_fc takes a foreground alone, "
        "iclight_sd15_fbc a foreground and a background.",
    ),
    (
        _LAYOUT,
        "That file has another layout than its loader reads: ComfyUI-IC-Light-Native wants "
        "iclight_sd15_*_unet_ldm.safetensors.",
    ),
    (_NO_MODEL, "That file is another kind of model, or broken: choose another, or get it anew."),
    (_NO_PICTURE, "That file is no picture: send it again as PNG."),
)
"""What to do about failures of nodes, by what their exceptions say."""

_SHOWN = 300
"""Characters of a server's text that a message repeats."""


def missing_classes(graph: Mapping[str, Any], object_info: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the node classes of a graph that a server does not have, by its /object_info."""
    wanted = (str(node.get("class_type", "")) for node in graph.values() if isinstance(node, Mapping))
    return tuple(dict.fromkeys(name for name in wanted if name and name not in object_info))


def missing_nodes(classes: Iterable[str]) -> MissingExtensionError:
    """Return the error that names classes which a server lacks, and the packs that bring them."""
    names = tuple(classes)
    packs = {pack.name: pack for name in names for pack in PACKS if re.fullmatch(pack.classes, name)}
    if packs:
        which = " and ".join(f"{pack.name} ({pack.address})" for pack in packs.values())
        remedy = f"install {which} on the server, with ComfyUI-Manager or into custom_nodes, and restart it"
    else:
        remedy = (
            "install the pack that brings it (ComfyUI-Manager: Install Missing Custom Nodes), or update it"
        )
    return MissingExtensionError(f"node {', '.join(names)}", DIALECT, remedy)


def refused(
    url: str, answer: Mapping[str, Any], graph: Mapping[str, Any]
) -> BackendError | MissingExtensionError:
    """Return what it means that POST /prompt answered 400, or 200 with errors of some nodes.

    Args:
        url: The server's address.
        answer: What it answered.
        graph: What was sent.
    """
    error = _object(answer.get("error"))
    kind, message = str(error.get("type", "")), str(error.get("message", ""))
    found = _NO_SUCH_CLASS.search(message)
    if kind == "missing_node_type" or found:
        extra = _object(error.get("extra_info"))
        name = extra.get("class_type") or (found.group(1) if found else "?")
        return missing_nodes([str(name)])
    faults = tuple(_faults(_object(answer.get("node_errors")), graph))
    if faults:
        reason = "it refuses the graph: " + "; ".join(_sentence(fault) for fault in faults)
    else:
        details = str(error.get("details") or "")
        reason = f"it refuses the graph ({kind or 'no reason given'}): {message} {details}".strip()
    remedy = _OWN_REMEDIES.get(kind) if not faults else None
    if "Node ID '#nodes'" in str(error.get("details")) or {"nodes", "links"} <= set(graph):
        remedy = "That is a workflow as the UI saves it: export it with Workflow > Export (API)."
    return GraphRefusedError(url, reason, remedy=remedy, server_text=message, node_faults=faults)


_OWN_REMEDIES = {
    "prompt_no_outputs": "Add a node that saves or previews a picture.",
    "prompt_outputs_failed_validation": "The graph may have a cycle: look for a node that depends on itself.",
    "dependency_cycle": "Look for a node that depends on itself.",
}
"""What to do about a graph where no node of it is named."""


def _faults(node_errors: Mapping[str, Any], graph: Mapping[str, Any]) -> Iterable[NodeFault]:
    for node_id, told in node_errors.items():
        class_type = str(_object(told).get("class_type") or _object(graph.get(node_id)).get("class_type", ""))
        errors = _object(told).get("errors")
        for error in errors if isinstance(errors, list) else ():
            extra = _object(_object(error).get("extra_info"))
            said = _line(f"{_object(error).get('message', '')}: {_object(error).get('details', '')}")
            missing = str(extra.get("exception_message", "")).strip("'")
            if extra.get("exception_type") == "KeyError" and missing not in {*graph, "inputs"}:
                said = f"a link behind it leads to node {missing!r}, which the graph does not have"
            yield NodeFault(
                node_id,
                class_type,
                str(_object(error).get("type", "")),
                str(extra.get("input_name", "")),
                said,
            )


def _sentence(fault: NodeFault) -> str:
    return f"{fault.class_type or 'node'} {fault.node_id!r}: {fault.said}"


Ending = Literal["done", "failed", "interrupted"]
"""What became of a prompt that is in the history."""


def ending_of(entry: Mapping[str, Any]) -> Ending:
    """Return how a prompt of the history ended: an interruption has the same status as a failure."""
    status = _object(entry.get("status"))
    last = _last_message(entry)[0]
    if last == "execution_interrupted":
        return "interrupted"
    if last == "execution_error" or status.get("status_str") == "error" or status.get("completed") is False:
        return "failed"
    return "done"


def failure(url: str, entry: Mapping[str, Any]) -> BackendError:
    """Return what it means that a prompt of the history failed or was interrupted."""
    name, told = _last_message(entry)
    if name == "execution_interrupted":
        return BackendFaultError(
            url,
            "somebody interrupted the picture on the server",
            remedy="Draw it again; everybody who reaches a ComfyUI server can interrupt what it does.",
        )
    kind, text = str(told.get("exception_type", "")), str(told.get("exception_message", "")).strip()
    said = _line(text)
    where = f"{told.get('node_type', 'a node')} {str(told.get('node_id', '?'))!r}"
    if _OUT_OF_MEMORY.search(f"{kind} {text}"):
        return BackendOutOfMemoryError(
            url, f"it ran out of memory in {where} ({_line(text.partition(chr(10))[0])})", server_text=text
        )
    remedy = next((remedy for pattern, remedy in _KNOWN_CAUSES if pattern.search(f"{kind} {text}")), None)
    return BackendFaultError(
        url,
        f"its node {where} failed: {kind}: {said}"
        if kind
        else "the graph failed, and the server tells no cause",
        remedy=remedy or "ComfyUI's console says more.",
        server_text=text,
    )


def _last_message(entry: Mapping[str, Any]) -> tuple[str, Mapping[str, Any]]:
    """Return name and data of what was said last; old servers keep no messages."""
    messages = _object(entry.get("status")).get("messages")
    last = messages[-1] if isinstance(messages, list) and messages else ()
    if isinstance(last, list) and len(last) == 2:
        return str(last[0]), _object(last[1])
    return "", {}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _line(text: str) -> str:
    line = " ".join(text.split()).strip(": ")
    return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."
