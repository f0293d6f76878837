"""A graph on its way into a ComfyUI server's queue: made fit to be found again, sent once, perhaps refused.

Each sending has an id of its own, a UUID as new servers demand, and saves its pictures under a prefix of its
own: a graph that equals an earlier one is not run again, and its answer names the earlier one's files.
"""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from prodgen.engines.comfy import node_faults
from prodgen.engines.comfy.cancelling import cancel
from prodgen.engines.comfy.comfy_connection import ComfyConnection, ServerAnswer
from prodgen.engines.comfy.standing import Standings
from prodgen.errors import AnswerError
from prodgen.schema.workflow_graphs import Graph

BY_SOCKET_ALONE = frozenset({"SaveImageWebsocket", "ETN_SendImageWebSocket"})
"""Classes that send pictures over a websocket and keep none: a lost connection would lose the picture."""

POST_S = 120.0
"""Seconds for a graph to be sent and looked through; the check reads every checkpoint's folder."""


@dataclass(frozen=True)
class Posting:
    """One graph on its way, and the names by which it is found."""

    graph: dict[str, dict[str, Any]]
    """The copy that is sent."""
    prompt_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    client_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    """Whose websocket is told about it; without one some servers leave cached results out."""
    picture_info: Mapping[str, Any] | None = None
    """Text chunks of the saved PNG files: each value as JSON."""


def prepared(graph: Graph, *, saves_previews: bool = False) -> dict[str, dict[str, Any]]:
    """Return a copy of a graph whose pictures can be found again, and are its own.

    Args:
        graph: In API format; it is not modified.
        saves_previews: Whether previews, too, are saved under a prefix of their own, so that none is taken
            from the cache, whose file may be gone.
    """
    mark = uuid.uuid4().hex[:12]
    copied: dict[str, dict[str, Any]] = {}
    for node_id, node in graph.items():
        sent = dict(node)
        inputs = dict(node.get("inputs", {}))
        if sent.get("class_type") in BY_SOCKET_ALONE:
            sent["class_type"], inputs = "PreviewImage", {"images": inputs.get("images")}
        if saves_previews and sent.get("class_type") == "PreviewImage":
            sent["class_type"], inputs = "SaveImage", {**inputs, "filename_prefix": "prodgen/preview"}
        prefix = inputs.get("filename_prefix")
        if isinstance(prefix, str):
            inputs["filename_prefix"] = f"{prefix}-{mark}"
        copied[str(node_id)] = {**sent, "inputs": inputs}
    return copied


def post(connection: ComfyConnection, posting: Posting, standings: Standings) -> str:
    """Put a graph into the queue, and return the id that the server knows it by.

    Args:
        connection: To the server.
        posting: What is sent.
        standings: Where prompts stand there: one of which only a part is run is ended again.

    Raises:
        GraphRefusedError: If any node of it is refused; what was begun of it is ended.
        MissingExtensionError: If the server has no such node.
        BackendError: If it cannot be sent.
    """
    extra: dict[str, Any] = {"preview_method": "auto"}
    if posting.picture_info:
        extra["extra_pnginfo"] = dict(posting.picture_info)
    body = {
        "prompt": posting.graph,
        "client_id": posting.client_id,
        "prompt_id": posting.prompt_id,
        "extra_data": extra,
    }
    answer = connection.send("/prompt", body, within_s=POST_S)
    told = _refusal_in(answer)
    if answer.status == 400 and told:
        raise node_faults.refused(connection.url, told, posting.graph)
    parsed = connection.parsed(answer)
    prompt_id = parsed.get("prompt_id") if isinstance(parsed, dict) else None
    if not isinstance(prompt_id, str):
        # A redirect that something on the way followed made the POST a GET, which tells the queue's length.
        raise AnswerError(
            connection.url,
            "/prompt answered as if it had only been asked how long the queue is",
            remedy="A proxy before it turns POST into GET: give the address that it leads to (comfys:// for "
            "https).",
        )
    if parsed.get("node_errors"):  # what is without fault would run all the same
        cancel(connection, standings, prompt_id)
        raise node_faults.refused(connection.url, parsed, posting.graph)
    return prompt_id


def _refusal_in(answer: ServerAnswer) -> dict[str, Any]:
    with contextlib.suppress(ValueError):
        told = json.loads(answer.body)
        if isinstance(told, dict) and "error" in told:
            error = told["error"]
            return told if isinstance(error, dict) else {**told, "error": {"message": str(error)}}
    return {}
