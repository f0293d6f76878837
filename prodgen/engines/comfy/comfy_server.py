"""A ComfyUI server as something that runs graphs: pictures and a graph in, pictures out.

Knows no sampler, model or prompt: what a graph means is its maker's business. ComfyUI has no call that draws:
a graph is queued, asked after, and its pictures are files that are fetched one by one.
"""

from __future__ import annotations

import contextlib
import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import quote

import numpy as np
from numpy.typing import NDArray

from prodgen.engines.comfy import node_faults
from prodgen.engines.comfy.cancelling import cancel, forget
from prodgen.engines.comfy.comfy_connection import CHECK_ADDRESS, ComfyConnection
from prodgen.engines.comfy.comfy_socket import ComfySocket
from prodgen.engines.comfy.posting import Posting, post, prepared
from prodgen.engines.comfy.prompt_watch import PromptLostError, PromptWatch
from prodgen.engines.comfy.run_results import ComfyRun, fetched
from prodgen.engines.comfy.socket_news import News
from prodgen.engines.comfy.standing import Standings, is_known
from prodgen.engines.comfy.uploads import Uploads
from prodgen.errors import (
    AnswerError,
    BackendError,
    BackendLostError,
    BackendTimeoutError,
    BackendUnreachableError,
    GraphRefusedError,
    NotABackendError,
)
from prodgen.schema.workflow_graphs import Graph
from prodgen.server.engine import EngineSettings, ReportProgress

log = logging.getLogger(__name__)

POLL_S = 0.5
"""Seconds between two questions after a prompt. Asking takes a server's thread for HTTP some milliseconds."""

DRAWN_AGAIN = "the server forgot the picture in mid-run (was it restarted?), so it was drawn again"
"""What is told where a prompt was lost."""

CLOSING_S = 5.0
"""Seconds that the end of a prompt under way may take before its connections are closed all the same: two
commands and a look at a server that answers take well below one."""

LOST_TWICE = "it forgot the picture in mid-run, twice"
LOST_REMEDY = "Look at ComfyUI's console: it ends while it draws, or somebody empties its queue."


@dataclass
class _Tries:
    """For which reasons a graph was run once more; each is one once."""

    was_lost: bool = False
    has_sent_again: bool = False
    """Whether pictures that the server had lost were sent once more."""
    saves_previews: bool = False
    """Whether previews are saved under names of their own; see `prepared`."""


class ComfyServer:
    """Runs graphs on one ComfyUI server.

    Args:
        settings: Address and access; nothing is sent yet.
        poll_s: Seconds between two questions after a prompt.
        uses_websocket: Whether steps and previews are listened for, if `websockets` is installed.
        sleep: In place of `time.sleep`, between tries.

    Raises:
        SettingError: If the address cannot be used.
    """

    def __init__(
        self,
        settings: EngineSettings,
        *,
        poll_s: float = POLL_S,
        uses_websocket: bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection = ComfyConnection(settings, sleep=sleep)
        self._standings = Standings(self._connection)
        self._uploads = Uploads(self._connection)
        self._poll_s = poll_s
        self._uses_websocket = uses_websocket
        self._sleep = sleep
        self._stop = threading.Event()
        self._is_idle = threading.Event()
        self._is_idle.set()
        self._watch: PromptWatch | None = None

    @property
    def url(self) -> str:
        """The address as it may be shown, without a password."""
        return self._connection.url

    @property
    def ahead(self) -> int | None:
        """How many prompts the server does before the one that `run` waits for; None once it runs."""
        return self._watch.ahead if self._watch is not None else None

    def object_info(self) -> dict[str, Any]:
        """Return the server's node classes with their inputs, choices and limits.

        Raises:
            BackendError: If there is no good answer.
        """
        return self._object("/object_info")

    def system_stats(self) -> dict[str, Any]:
        """Return version, command line, memory and devices; quickly answered, and good as a probe.

        Raises:
            BackendError: If there is no good answer.
        """
        try:
            stats = self._object("/system_stats")
        except NotABackendError as error:
            raise self._named(error) from error
        if "system" not in stats:
            raise NotABackendError(
                self.url, "/system_stats answers something else than ComfyUI's", remedy=CHECK_ADDRESS
            )
        return stats

    def embeddings(self) -> tuple[str, ...]:
        """Return the names of the server's embeddings (textual inversions), without file endings.

        Raises:
            BackendError: If there is no good answer.
        """
        return self._names("/embeddings")

    def models(self, folder: str) -> tuple[str, ...]:
        """Return the files of a folder such as "checkpoints" or "diffusion_models", as graphs name them.

        Raises:
            BackendError: If there is no good answer; NotABackendError if there is no such folder.
        """
        return self._names(f"/models/{quote(folder)}")

    def upload(self, pixels: NDArray[np.uint8]) -> str:
        """Return the name by which LoadImage finds a picture, which is sent if it must be.

        Args:
            pixels: (H, W) grey, (H, W, 3) or (H, W, 4), sRGB. ComfyUI's mask of it is 1 - alpha.

        Raises:
            BackendError: If it cannot be sent.
        """
        return self._uploads.name_of(pixels)

    def run(
        self, graph: Graph, progress: ReportProgress, *, picture_info: Mapping[str, Any] | None = None
    ) -> ComfyRun:
        """Run a graph, and return what it made.

        A prompt that the server loses is sent once more. Whatever ends the wait early, an exception out of
        `progress` or a Ctrl-C, cancels this prompt on the server, and no other.

        Args:
            graph: In API format; it is not modified.
            progress: Called at least every `poll_s` with the share done, and a preview if there is one.
            picture_info: Text chunks for saved PNG files, each value as JSON.

        Raises:
            GraphRefusedError: If the server does not run it.
            MissingExtensionError: If the server lacks a node of it.
            BackendOutOfMemoryError: If the server's memory did not suffice.
            BackendError: If it fails otherwise, or the server is lost.
            queueing.Stopped: If another thread called `cancel`.
        """
        self._stop.clear()
        self._is_idle.clear()
        began = time.monotonic()
        tries = _Tries()
        try:
            while True:
                run = self._tried(graph, progress, picture_info, tries)
                if run is not None:
                    notices = (DRAWN_AGAIN,) if tries.was_lost else ()
                    return replace(run, seconds=time.monotonic() - began, notices=notices)
        finally:
            self._is_idle.set()

    def cancel(self) -> None:
        """End, from another thread, the prompt that `run` waits for; nothing happens if it waits for none."""
        self._stop.set()

    def free(self) -> None:
        """Have the server unload its models and empty its cache once it is idle.

        Raises:
            BackendError: If there is no good answer.
        """
        self._connection.post("/free", {"unload_models": True, "free_memory": True})

    def close(self) -> None:
        """End the prompt that another thread's `run` waits for, and close all connections."""
        self.cancel()
        self._is_idle.wait(CLOSING_S)
        self._connection.close()

    def _tried(
        self, graph: Graph, progress: ReportProgress, picture_info: Mapping[str, Any] | None, tries: _Tries
    ) -> ComfyRun | None:
        """Run a graph once; return None if it is worth another try, for a reason that is new."""
        posting = Posting(prepared(graph, saves_previews=tries.saves_previews), picture_info=picture_info)
        try:
            prompt_id, entry = self._finished(posting, progress)
            run = fetched(self._connection, prompt_id, entry)
        except PromptLostError:
            if tries.was_lost:
                raise BackendLostError(self.url, LOST_TWICE, remedy=LOST_REMEDY) from None
            tries.was_lost = True
            log.warning("%s: %s", self.url, DRAWN_AGAIN)
            return None
        except GraphRefusedError as error:
            if tries.has_sent_again or not self._uploads.send_again(_lost_files(error, posting.graph)):
                raise
            tries.has_sent_again = True
            return None
        forget(self._connection, prompt_id)
        if run is None:  # the cache named a file that somebody deleted
            if tries.saves_previews:
                raise AnswerError(self.url, "its history names pictures that are not there")
            tries.saves_previews = True
        return run

    def _finished(self, posting: Posting, progress: ReportProgress) -> tuple[str, Mapping[str, Any]]:
        """Send a graph, wait for its end, and return its id and its entry in the history.

        Raises:
            PromptLostError: If the server loses it.
        """
        news = News(posting.graph, posting.prompt_id)
        with ComfySocket(self._connection, posting.client_id, news, is_wanted=self._uses_websocket) as socket:
            return self._awaited(posting, socket, progress)

    def _awaited(
        self, posting: Posting, socket: ComfySocket, progress: ReportProgress
    ) -> tuple[str, Mapping[str, Any]]:
        prompt_id = posting.prompt_id
        watch = PromptWatch(self._connection, self._standings, socket, poll_s=self._poll_s, stop=self._stop)
        self._watch = watch
        try:
            prompt_id = socket.news.prompt_id = self._posted(posting)
            entry = watch.until_done(prompt_id, progress)
        except (PromptLostError, GraphRefusedError, BackendUnreachableError):
            raise  # nothing of ours is there
        except BaseException:
            cancel(self._connection, self._standings, prompt_id, sleep=self._sleep)
            raise
        finally:
            self._watch = None
        if node_faults.ending_of(entry) != "done":
            forget(self._connection, prompt_id)
            raise node_faults.failure(self.url, entry)
        return prompt_id, entry

    def _posted(self, posting: Posting) -> str:
        """Send a graph; where no answer came, look whether it arrived.

        Raises:
            PromptLostError: If it did not.
        """
        try:
            return post(self._connection, posting, self._standings)
        except (BackendLostError, BackendTimeoutError) as error:
            if is_known(self._standings, posting.prompt_id):
                return posting.prompt_id
            log.debug("%s: no answer to a graph, and it is not there: %s", self.url, error)
            raise

    def _object(self, path: str) -> dict[str, Any]:
        answer = self._connection.get(path)
        if not isinstance(answer, dict):
            raise NotABackendError(
                self.url, f"{path} answers something else than ComfyUI's", remedy=CHECK_ADDRESS
            )
        return answer

    def _named(self, error: NotABackendError) -> NotABackendError:
        """Return the error to raise in its place: an A1111 is told by its samplers."""
        with contextlib.suppress(BackendError):
            if "k_euler" in json.dumps(self._connection.get("/sdapi/v1/samplers", tries=1)):
                plain = self.url.replace("comfy", "http", 1)
                return NotABackendError(
                    self.url,
                    "the API of A1111 answers there, not ComfyUI's",
                    remedy=f"Give {plain} as its address.",
                )
        return error

    def _names(self, path: str) -> tuple[str, ...]:
        answer = self._connection.get(path)
        return tuple(name for name in answer if isinstance(name, str)) if isinstance(answer, list) else ()


def _lost_files(error: GraphRefusedError, graph: Mapping[str, Any]) -> set[str]:
    """Return the uploaded pictures that a refused graph names and the server does not find."""
    return {
        str(graph[fault.node_id]["inputs"].get(fault.input_name or "image"))
        for fault in error.node_faults
        if fault.kind == "custom_validation_failed" and fault.node_id in graph
    }
