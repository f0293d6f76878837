"""What a finished graph made: its pictures fetched from the server, its other files and its texts named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from prodgen.engines.comfy.comfy_connection import ComfyConnection
from prodgen.errors import AnswerError, NotABackendError
from prodgen.server import wire

PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".tif", ".tiff")
"""Endings of the files that are fetched as pictures; others are only named."""


@dataclass(frozen=True)
class SavedFile:
    """A file on the server that a graph made."""

    filename: str
    subfolder: str = ""
    folder: str = "output"
    """Which of the server's folders: "output", "temp" or "input"."""

    @property
    def path(self) -> str:
        """The question that it is the answer to."""
        asked = {"filename": self.filename, "subfolder": self.subfolder, "type": self.folder}
        return f"/view?{urlencode(asked)}"


@dataclass(frozen=True)
class ComfyRun:
    """What came of one graph."""

    prompt_id: str
    pictures: Mapping[str, tuple[wire.Pixels, ...]]
    """For each node that saved or previewed pictures, these in the batch's order, RGB or RGBA."""

    files: Mapping[str, tuple[SavedFile, ...]]
    """For each node, all its files, videos and sounds too."""

    texts: Mapping[str, tuple[str, ...]]
    """For each node that showed text, that text."""

    graph: Mapping[str, Any]
    """The graph that ran, by the server's own history: numbers are coerced there."""

    seconds: float = 0.0
    notices: tuple[str, ...] = ()
    """Sentences about what did not go as asked."""


def fetched(connection: ComfyConnection, prompt_id: str, entry: Mapping[str, Any]) -> ComfyRun | None:
    """Return what a prompt made, by its entry in the history; None if a picture's file is not there.

    Raises:
        BackendError: If the server does not hand the pictures out.
    """
    shown = {node_id: tuple(_items(told)) for node_id, told in _object(entry.get("outputs")).items()}
    files = {node_id: tuple(_files(items)) for node_id, items in shown.items()}
    texts = {node_id: tuple(x for x in items if isinstance(x, str)) for node_id, items in shown.items()}
    try:
        pictures = {
            node_id: tuple(
                _picture(connection, file) for file in saved if file.filename.lower().endswith(PICTURES)
            )
            for node_id, saved in files.items()
        }
    except NotABackendError:  # 404: the cache remembers a file that somebody deleted
        return None
    ran = entry.get("prompt")
    graph = _object(ran[2] if isinstance(ran, list) and len(ran) > 2 else {})
    if not all(isinstance(_object(node).get("inputs"), Mapping) for node in graph.values()):
        raise AnswerError(connection.url, "its history holds no graph of the prompt")
    return ComfyRun(prompt_id, _filled(pictures), _filled(files), _filled(texts), graph)


def _items(told: Any) -> Iterator[Any]:
    """Yield what a node showed, under whatever key: images, gifs, audio, text."""
    for each in _object(told).values():
        if isinstance(each, list):
            yield from each


def _files(items: tuple[Any, ...]) -> Iterator[SavedFile]:
    for item in items:
        name = _object(item).get("filename")  # what a websocket sent has none
        if isinstance(name, str):
            yield SavedFile(name, str(item.get("subfolder") or ""), str(item.get("type") or "output"))


def _picture(connection: ComfyConnection, file: SavedFile) -> wire.Pixels:
    try:
        return wire.decode_picture(connection.fetch(file.path)).pixels
    except wire.Refused:
        raise AnswerError(connection.url, f"its file {file.filename!r} is no picture") from None


def _filled(found: dict[str, tuple[Any, ...]]) -> dict[str, tuple[Any, ...]]:
    return {node_id: items for node_id, items in found.items() if items}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
