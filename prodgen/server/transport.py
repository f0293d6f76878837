"""A server behind httpx, inside one process: same client, same requests, no socket.

Time-outs, broken connections and the server going on after its client gave up are as over a network,
because the same retry code meets them.
"""

from __future__ import annotations

import contextlib
import math
import queue
import threading
import time
from collections.abc import Callable, Iterator

import httpx

from prodgen.server.app import ApiServer, HttpRequest
from prodgen.server.wire import HttpAnswer

SIGNALS_S = 0.5
"""Seconds of one wait. A signal that comes just before Python waits for a lock does not end the wait, and its
handler, such as that of Ctrl-C, runs only after it: no wait may be long."""


class ApiTransport(httpx.BaseTransport):
    """A transport for `httpx.Client` that hands every request to a server in this process.

    Args:
        server: The server, or what gives it when the first request comes. Several clients may share one.
        raises_errors: Whether an error of the engine is raised here as it is, and not made an answer: nothing
            is gained by putting it into the words of HTTP and reading it out of them again.
    """

    def __init__(self, server: ApiServer | Callable[[], ApiServer], *, raises_errors: bool = False) -> None:
        self._server = server
        self._raises_errors = raises_errors

    @property
    def server(self) -> ApiServer:
        """The server; made now, if nobody asked before."""
        return self._server if isinstance(self._server, ApiServer) else self._server()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Return the server's response.

        Raises:
            httpx.ConnectError: If the server is dead.
            httpx.ReadTimeout: If the answer takes longer than the request allows. What is drawn goes on, what
                waits for it leaves the queue.
            httpx.RemoteProtocolError: If the connection breaks.
            ProdgenError: The engine's own, where they are raised.
        """
        target = request.url.raw_path.decode("ascii")
        asked = HttpRequest.of(request.method, target, dict(request.headers), request.read())
        server = self.server
        is_quick = self._is_quick(server, asked)  # then it is not worth a thread
        answer = server.answer(asked) if is_quick else self._wait(server, asked, request)
        if answer.error is not None and self._raises_errors:
            raise answer.error
        return _response(answer, request)

    def _is_quick(self, server: ApiServer, asked: HttpRequest) -> bool:
        """Whether nothing can keep the answer waiting: no drawing, no fault, no want of threads."""
        is_free = server.faults is None and server.behaviour.worker_threads is None
        return is_free and not server.waits_for_drawing(asked)

    def _wait(self, server: ApiServer, asked: HttpRequest, request: httpx.Request) -> HttpAnswer:
        """Let another thread work, so that this one can stop waiting while the server goes on."""
        box: queue.SimpleQueue[HttpAnswer] = queue.SimpleQueue()
        threading.Thread(target=lambda: box.put(server.answer(asked)), daemon=True).start()
        limit = request.extensions.get("timeout", {}).get("read")
        end = math.inf if limit is None else time.monotonic() + limit
        try:
            while (left_s := end - time.monotonic()) > 0:
                with contextlib.suppress(queue.Empty):
                    return box.get(timeout=min(left_s, SIGNALS_S))
            raise httpx.ReadTimeout("The read operation timed out", request=request)
        finally:  # nobody waits for it any more: where it is not its turn yet, it leaves the queue
            asked.left.set()
            server.someone_left()


class _Broken(httpx.SyncByteStream):
    """Half of a body, then the end of the connection."""

    def __init__(self, body: bytes, request: httpx.Request) -> None:
        self._body = body
        self._request = request

    def __iter__(self) -> Iterator[bytes]:
        yield self._body[: len(self._body) // 2]
        message = "peer closed connection without sending complete message body"
        raise httpx.RemoteProtocolError(message, request=self._request)


def _response(answer: HttpAnswer, request: httpx.Request) -> httpx.Response:
    if answer.cut == "refuse":
        raise httpx.ConnectError("[Errno 111] Connection refused", request=request)
    if answer.cut in ("before", "after"):
        message = "Server disconnected without sending a response."
        raise httpx.RemoteProtocolError(message, request=request)
    headers = {
        "server": "prodgen-embedded",
        "content-type": answer.content_type,
        "content-length": str(len(answer.body)),
        **answer.headers,
    }
    if answer.cut == "during":
        return httpx.Response(answer.status, headers=headers, stream=_Broken(answer.body, request))
    return httpx.Response(answer.status, headers=headers, content=answer.body)
