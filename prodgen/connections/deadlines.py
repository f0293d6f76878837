"""An end to waiting for a whole answer, however slowly and steadily it comes.

Time-outs of a connection count from one received piece to the next; here the sockets themselves are shut
when the time is up, so that whoever reads from one or writes to it gets an end. Knows no request.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any


class Deadline:
    """The moment by which one call has its whole answer, however many requests the call takes.

    What it shuts are the sockets that a request may use: the one that was kept from the request before, and
    every one that is connected meanwhile. Looking up a host's name is left to the operating system, which has
    its own time-outs.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        """How long the call may take in all."""
        self.was_connected = False
        """Whether there was a connection at any time, kept or new."""
        self._ends = time.monotonic() + seconds
        self._sockets: list[socket.socket] = []
        self._lock = threading.Lock()
        self._timer: threading.Timer | None = None

    @property
    def left_s(self) -> float:
        """Seconds until it passes; 0 afterwards."""
        return max(0.0, self._ends - time.monotonic())

    @property
    def has_passed(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() >= self._ends

    @contextlib.contextmanager
    def guarding(self, kept: socket.socket | None) -> Iterator[None]:
        """Shut the sockets of one request if the time is up before it is done.

        Args:
            kept: The connected socket that the request may go out on; None if there is none.
        """
        if kept is not None:
            self._take(kept)
        try:
            yield
        finally:
            self._let_go()

    def watch(self, event: str, info: Mapping[str, Any]) -> None:
        """Take note of a new connection; to be given to httpcore as `trace`."""
        # "connection.connect_tcp.complete", and so on for a unix socket and for a SOCKS proxy.
        if ".connect_" in event and event.endswith(".complete"):
            line = info["return_value"].get_extra_info("socket")
            if isinstance(line, socket.socket):
                self._take(line)

    def _take(self, line: socket.socket) -> None:
        # A second handle: TLS takes the first one over, and whoever owns it closes it as they like.
        with self._lock, contextlib.suppress(OSError):  # it was closed already
            self._sockets.append(socket.fromfd(line.fileno(), line.family, line.type))
            self.was_connected = True
            if self.has_passed:
                self._shut()
            elif self._timer is None:
                self._timer = threading.Timer(self.left_s, self._pass)
                self._timer.daemon = True
                self._timer.start()

    def _let_go(self) -> None:
        """Stop watching; connections that are still open stay so."""
        with self._lock:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            for line in self._sockets:
                line.close()
            self._sockets.clear()

    def _pass(self) -> None:
        with self._lock:
            self._shut()

    def _shut(self) -> None:
        for line in self._sockets:
            with contextlib.suppress(OSError):  # the other side was faster
                line.shutdown(socket.SHUT_RDWR)
