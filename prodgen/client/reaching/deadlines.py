"""An end to waiting for a whole answer, however slowly and steadily it comes.

Time-outs of a connection count from one received piece to the next; here the socket itself is shut
when the time is up, so that whoever reads from it gets an end. Knows no request.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Any, Self

_CONNECTED = frozenset({"connection.connect_tcp.complete", "connection.connect_unix_socket.complete"})
"""Events of httpcore's trace extension that bring a new connection."""


class Deadline:
    """Shuts the connections that are made within it when its time is up."""

    def __init__(self, seconds: float) -> None:
        self.has_passed = False
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._pass)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Begin to count."""
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop counting; connections that are still open stay so."""
        self._timer.cancel()
        with self._lock:
            for line in self._sockets:
                line.close()
            self._sockets.clear()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of a new connection; to be given to httpcore as `trace`."""
        if event not in _CONNECTED:
            return
        line = info["return_value"].get_extra_info("socket")
        if not isinstance(line, socket.socket):
            return
        with self._lock:
            # A second handle: TLS takes the first one over, and closes it as it likes.
            self._sockets.append(line.dup())
            if self.has_passed:
                self._shut()

    def _pass(self) -> None:
        with self._lock:
            self.has_passed = True
            self._shut()

    def _shut(self) -> None:
        for line in self._sockets:
            with contextlib.suppress(OSError):  # the other side was faster
                line.shutdown(socket.SHUT_RDWR)
