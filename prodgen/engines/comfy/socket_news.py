"""What a ComfyUI server's websocket tells while a prompt runs, made into a share done and a preview.

No sockets here: messages and frames in, state out. Everything counts for one prompt alone: others' prompts
are told to all sockets if they were sent without a client_id.
"""

from __future__ import annotations

import json
import struct
import threading
from collections.abc import Mapping
from typing import Any

from prodgen.server import wire

PREVIEW, PREVIEW_WITH_METADATA = 1, 4
"""Event types of binary frames that hold a picture; 3 is text."""

MAX_PREVIEW_PX = 4_000_000
"""Pixels of a preview; a server makes 512 on the longer side unless it is told otherwise (--preview-size)."""


MOST_STEPS = 10**9
"""More steps than any node has; a number of hundreds of digits is none that can be counted with."""


class News:
    """How far one prompt is; written by the thread that listens, read by the one that waits."""

    def __init__(self, graph: Mapping[str, Mapping[str, Any]], prompt_id: str) -> None:
        self.prompt_id = prompt_id
        """The prompt that counts; a server from before 2025 gives it another id than was asked for."""
        self.changed = threading.Event()
        """Set at whatever is told about the prompt."""
        self.is_over = False
        """Whether its end was told; the entry in the history was written before that."""
        self.is_running = False
        """Whether the server works on this prompt now, by what was told last."""
        self.preview: wire.Pixels | None = None
        self._weights = {node_id: _weight(node) for node_id, node in graph.items()}
        self._done: dict[str, float] = {}
        self._now = ""

    @property
    def share(self) -> float:
        """Share of the work that is done, 0 to 1: a sampler counts as many times as it has steps."""
        total = sum(self._weights.values()) or 1.0
        done = dict(self._done)
        return min(1.0, sum(self._weights.get(node, 0.0) * part for node, part in done.items()) / total)

    def hear(self, message: str | bytes) -> None:
        """Take one message or frame; what cannot be read tells nothing."""
        if isinstance(message, bytes):
            self._see(message)
            return
        try:
            told = json.loads(message)
        except (ValueError, RecursionError):
            return
        inside = told.get("data") if isinstance(told, Mapping) else None
        if isinstance(inside, Mapping) and inside.get("prompt_id") == self.prompt_id:
            self._note(str(told.get("type")), inside)
            self.changed.set()

    def _note(self, kind: str, told: Mapping[str, Any]) -> None:
        node = told.get("node")
        self.is_running = True
        match kind:
            case "execution_cached" if isinstance(told.get("nodes"), list):
                self._done.update((str(name), 1.0) for name in told["nodes"])
            case "executing" if node is None:
                self.is_over, self.is_running = True, False
            case "executing":
                self._finish(self._now)
                self._now = str(node)
            case "executed":
                self._finish(str(node))
            case "progress":
                self._done[str(node)] = _part(told)
            case "progress_state" if isinstance(told.get("nodes"), Mapping):
                for name, state in told["nodes"].items():
                    if isinstance(state, Mapping):
                        is_done = state.get("state") == "finished"
                        self._done[name] = 1.0 if is_done else _part(state)

    def _finish(self, node: str) -> None:
        if node:
            self._done[node] = 1.0

    def _see(self, frame: bytes) -> None:
        """Take a picture of the prompt; a frame of type 1 names none, and is that of what runs."""
        if len(frame) < 8:
            return
        kind, second = struct.unpack(">II", frame[:8])
        if kind == PREVIEW and self.is_running:
            self._show(frame[8:])
        elif kind == PREVIEW_WITH_METADATA:
            try:
                about = json.loads(frame[8 : 8 + second])
            except (ValueError, RecursionError):
                return
            if isinstance(about, Mapping) and about.get("prompt_id") == self.prompt_id:
                self._show(frame[8 + second :])

    def _show(self, file: bytes) -> None:
        try:
            pixels = wire.decode_picture(file).pixels[..., :3]
        except wire.Refused:  # half a picture, or none
            return
        if pixels.shape[0] * pixels.shape[1] <= MAX_PREVIEW_PX:
            self.preview = pixels
            self.changed.set()


def _weight(node: Mapping[str, Any]) -> float:
    """Return how many units of work a node is: its steps, if it has any."""
    inputs = node.get("inputs")
    steps = inputs.get("steps") if isinstance(inputs, Mapping) else None
    return float(min(steps, MOST_STEPS)) if isinstance(steps, int) and steps > 0 else 1.0


def _part(told: Mapping[str, Any]) -> float:
    value, most = told.get("value"), told.get("max")
    if not (isinstance(value, int | float) and isinstance(most, int | float) and 0 < most <= MOST_STEPS):
        return 0.0
    return min(value, most) / most if value > 0 else 0.0
