"""Waiting for one prompt of ours: by asking after it, and sooner where a websocket tells.

The wait ends by the server's word alone: in the history, or lost. A server that does not answer may be
restarting, and is waited for; what it then remembers of the prompt decides.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from prodgen.engines.comfy.comfy_connection import ComfyConnection
from prodgen.engines.comfy.comfy_socket import ComfySocket
from prodgen.engines.comfy.standing import PromptStanding, Standings
from prodgen.errors import (
    BackendBusyError,
    BackendError,
    BackendLostError,
    BackendTimeoutError,
    BackendUnreachableError,
)
from prodgen.server.engine import ReportProgress
from prodgen.server.queueing import Stopped

log = logging.getLogger(__name__)

RESTART_S = 120.0
"""Seconds that a server may be away in the middle of a picture. One with many node packs starts in about one
minute, and a container's image may have to be unpacked first."""

SELDOM_S = 2.0
"""Seconds between two questions while a websocket tells all: it may have gone silent."""


class PromptLostError(Exception):
    """The server knows nothing of a prompt that it took: it restarted, or somebody emptied its queue."""


class PromptWatch:
    """The wait for one prompt."""

    def __init__(
        self,
        connection: ComfyConnection,
        standings: Standings,
        socket: ComfySocket,
        *,
        poll_s: float,
        stop: threading.Event,
    ) -> None:
        """Prepare to wait.

        Args:
            connection: To the server.
            standings: Where prompts stand on it.
            socket: Listens for this prompt, if it is open.
            poll_s: Seconds between two questions.
            stop: Set by another thread to end the wait.
        """
        self._connection = connection
        self._standings = standings
        self._socket = socket
        self._poll_s = poll_s
        self._stop = stop
        self.ahead: int | None = None
        """Prompts before this one; None once it runs."""

    def until_done(self, prompt_id: str, progress: ReportProgress) -> Mapping[str, Any]:
        """Wait until a prompt is in the history, and return its entry there.

        Args:
            prompt_id: The prompt.
            progress: Called every `poll_s`, later only while an answer is waited for, `ASKED_S` at most;
                whatever it raises goes on.

        Raises:
            PromptLostError: If the server knows nothing of it.
            Stopped: If another thread asked for it.
            BackendError: If the server is away for too long, or refuses to tell.
        """
        heard_at = asked_at = time.monotonic()
        is_first = True
        while True:
            if is_first or self._is_time_to_ask(asked_at):
                is_first, asked_at = False, time.monotonic()
                standing = self._ask(prompt_id, heard_at)
                if standing is not None:
                    heard_at = time.monotonic()
                    if standing.where == "done":
                        return standing.entry
                    if standing.where == "lost":
                        raise PromptLostError
                    self.ahead = standing.ahead if standing.where == "waiting" else None
            news = self._socket.news
            progress(news.share, news.preview)
            if self._stop.is_set():
                raise Stopped
            news.changed.wait(self._poll_s)
            news.changed.clear()

    def _is_time_to_ask(self, asked_at: float) -> bool:
        since = time.monotonic() - asked_at
        if self._socket.news.is_over:
            return True
        tells = self._socket.is_open and self._socket.news.is_running
        return since >= (max(SELDOM_S, self._poll_s) if tells else self._poll_s)

    def _ask(self, prompt_id: str, heard_at: float) -> PromptStanding | None:
        """Return where the prompt is; None if the server does not answer just now."""
        try:
            return self._standings.of(prompt_id)
        except BackendError as error:
            if not isinstance(
                error, BackendUnreachableError | BackendLostError | BackendBusyError | BackendTimeoutError
            ):
                raise
            away_s = time.monotonic() - heard_at
            if away_s > RESTART_S:
                raise BackendLostError(
                    self._connection.url,
                    f"it stopped answering while it drew, {away_s:.0f} s ago ({error.reason})",
                    remedy="Start ComfyUI again; its console says why it ended: a picture too large for the "
                    "memory may have ended it.",
                ) from error
            log.info("%s does not answer; it is waited for, up to %.0f s", self._connection.url, RESTART_S)
            return None
