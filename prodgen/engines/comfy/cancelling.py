"""The end of a prompt of ours, and of no other: everybody shares a ComfyUI server's queue.

Newer servers end a job by its id in one step. Others delete it from the queue, which does nothing if it runs,
and then interrupt it; servers from before September 2025 interrupt whatever runs, whoever's it is, so that is
asked for only while the prompt that runs is ours.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable
from urllib.parse import quote

from prodgen.engines.comfy.comfy_connection import ComfyConnection
from prodgen.engines.comfy.standing import Standings
from prodgen.errors import BackendError

log = logging.getLogger(__name__)

ENDING_S = 3.0
"""Seconds that an interrupted prompt is given to end. A sampler looks between two steps; a node without
progress is not interrupted before it ends, and nobody waits for that."""

COMMAND_S = 3.0
"""Seconds for each command: whoever presses Ctrl-C does not wait for a server that is stuck."""

BY_ID = (0, 3, 64)
"""Version of ComfyUI from which on an interrupt is known to leave other prompts alone: the oldest that was
tried (pull request 9607 of Comfy-Org/ComfyUI)."""

LOOK_S = 0.1
"""Seconds between two looks whether it has ended."""


def cancel(
    connection: ComfyConnection,
    standings: Standings,
    prompt_id: str,
    *,
    sleep: Callable[[float], None] = time.sleep,
) -> bool:
    """End a prompt, wherever it is, and forget it; return whether it has ended.

    Never raises a BackendError: whoever cancels has something better to tell.
    """
    try:
        if not _by_job(connection, standings, prompt_id):
            connection.post("/queue", {"delete": [prompt_id]}, within_s=COMMAND_S)
            if _may_interrupt(connection, standings, prompt_id):
                connection.post("/interrupt", {"prompt_id": prompt_id}, within_s=COMMAND_S)
        end = time.monotonic() + ENDING_S
        while standings.of(prompt_id).where in ("waiting", "running"):
            if time.monotonic() >= end:
                return False
            sleep(LOOK_S)
        forget(connection, prompt_id)
    except BackendError as error:
        log.debug("%s: the prompt %s could not be cancelled: %s", connection.url, prompt_id, error)
        return False
    return True


def _may_interrupt(connection: ComfyConnection, standings: Standings, prompt_id: str) -> bool:
    """Whether an interrupt would end this prompt alone: it runs, or the server looks at the id."""
    try:
        return standings.running() == prompt_id
    except BackendError:
        stats = connection.get("/system_stats", within_s=COMMAND_S, tries=1)
        system = stats.get("system") if isinstance(stats, dict) else None
        told = str(system.get("comfyui_version", "")) if isinstance(system, dict) else ""
        return tuple(int(part) for part in re.findall(r"\d+", told)[:3]) >= BY_ID


def forget(connection: ComfyConnection, prompt_id: str) -> None:
    """Delete a prompt's entry in the history, which holds its whole graph for everybody to see."""
    with contextlib.suppress(BackendError):  # it goes with the server's next restart
        connection.post("/history", {"delete": [prompt_id]}, within_s=COMMAND_S)


def _by_job(connection: ComfyConnection, standings: Standings, prompt_id: str) -> bool:
    """Cancel by the jobs API; False if the server has none, or one from before it could cancel."""
    if not standings.knows_jobs():
        return False
    answer = connection.send(f"/api/jobs/{quote(prompt_id)}/cancel", {}, within_s=COMMAND_S)
    return answer.status == 200
