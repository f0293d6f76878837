"""Where a prompt stands on a ComfyUI server: waiting, running, done, or nowhere.

/history answers `{}` for a prompt that waits, runs, was deleted or was lost alike, so the history is looked
into, then the queue, then the history once more: a prompt that is in none of them is lost. Newer servers
answer for one prompt at /api/jobs, without sending everybody's graphs along.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import quote

from prodgen.connections.deadlines import Deadline
from prodgen.engines.comfy.comfy_connection import ComfyConnection
from prodgen.errors import BackendError, NotABackendError

ASKED_S = 10.0
"""Seconds for finding out where a prompt is, by all questions together; it is asked again soon."""

LEAST_S = 0.1
"""Seconds that each of them has at least."""

_JOB_GOES_ON: Mapping[str, Literal["waiting", "running"]] = {"pending": "waiting", "in_progress": "running"}
"""Statuses of the jobs API that are no end."""


@dataclass(frozen=True)
class PromptStanding:
    """Where one prompt is."""

    where: Literal["waiting", "running", "done", "lost"]
    ahead: int = 0
    """Prompts that run or wait before it, as far as that is known."""
    entry: Mapping[str, Any] = field(default_factory=dict)
    """Its entry in the history, once it is done."""


class Standings:
    """Asks one server after prompts, in the way that this server knows."""

    def __init__(self, connection: ComfyConnection) -> None:
        self._connection = connection
        self.has_jobs: bool | None = None
        """Whether it has the jobs API; None until that was asked."""

    def of(self, prompt_id: str) -> PromptStanding:
        """Return where a prompt is.

        Raises:
            BackendError: If the server does not tell.
        """
        deadline = Deadline(ASKED_S)
        if self.knows_jobs():
            with contextlib.suppress(NotABackendError):  # no such job: perhaps lost, perhaps no API any more
                job = self._get(f"/api/jobs/{quote(prompt_id)}", deadline)
                where = _JOB_GOES_ON.get(job.get("status", "")) if isinstance(job, Mapping) else None
                if where is not None:
                    return PromptStanding(where)
        return self._looked_up(prompt_id, deadline)

    def knows_jobs(self) -> bool:
        """Whether the server has the jobs API, which is asked once.

        Raises:
            BackendError: If the server does not answer.
        """
        if self.has_jobs is None:
            self.has_jobs = self._connection.has("/api/jobs?limit=1")
        return self.has_jobs

    def running(self) -> str | None:
        """Return the id of the prompt that runs; None if none does.

        Raises:
            BackendError: If the server does not tell.
        """
        items = _items(self._get("/queue", Deadline(ASKED_S)), "queue_running")
        return items[0][1] if items else None

    def _looked_up(self, prompt_id: str, deadline: Deadline) -> PromptStanding:
        entry = self._entry(prompt_id, deadline)
        if entry is not None:
            return PromptStanding("done", entry=entry)
        queue = self._get("/queue", deadline)
        running, pending = _items(queue, "queue_running"), _items(queue, "queue_pending")
        if any(item[1] == prompt_id for item in running):
            return PromptStanding("running")
        own = next((item for item in pending if item[1] == prompt_id), None)
        if own is not None:  # the list is a heap: sorted by nothing but its first number
            return PromptStanding("waiting", len(running) + sum(item[0] < own[0] for item in pending))
        entry = self._entry(prompt_id, deadline)  # it may have ended between the two
        return PromptStanding("lost") if entry is None else PromptStanding("done", entry=entry)

    def _entry(self, prompt_id: str, deadline: Deadline) -> Mapping[str, Any] | None:
        history = self._get(f"/history/{quote(prompt_id)}", deadline)
        entry = history.get(prompt_id) if isinstance(history, Mapping) else None
        return entry if isinstance(entry, Mapping) else None

    def _get(self, path: str, deadline: Deadline) -> Any:
        return self._connection.get(path, within_s=max(LEAST_S, deadline.left_s), tries=1)


def is_known(standings: Standings, prompt_id: str) -> bool:
    """Whether the server knows a prompt, whose sending had no good end; False if it cannot be asked."""
    try:
        return standings.of(prompt_id).where != "lost"
    except BackendError:
        return False


def _items(queue: Any, key: str) -> list[tuple[float, str]]:
    """Return number and id of each item of a queue; others' graphs are not looked at."""
    items = queue.get(key) if isinstance(queue, Mapping) else None
    whole = (item for item in items or () if isinstance(item, list) and len(item) > 1)
    return [(item[0], str(item[1])) for item in whole if isinstance(item[0], int | float)]
