"""Reading from a client that may be slow on purpose: every part of a request has limits in time and bytes."""

from __future__ import annotations

import io
import re
import socket
import time

IDLE_S = 30.0
"""Seconds that a connection is kept between two requests."""

HEAD_S = 15.0
"""Seconds for a request's first line and headers together, from their first byte. Guard: programs send them
in one packet; nginx, which serves phones as well, gives 60."""

MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a request's first line and headers together. Guard: A1111's clients send less than one KiB."""

BODY_GRACE_S = 20.0
"""Seconds that a body may take whatever its size; beyond it `SLOWEST_BYTES_S` counts."""

SLOWEST_BYTES_S = 50_000
"""Bytes a second below which a body is cut off once the grace is over. Guard: a dripping client sends far
less, and at this speed a request of 20 MB still has seven minutes."""

_CHUNK_SIZE = re.compile(rb"[0-9A-Fa-f]{1,8}")


class CutOffError(TimeoutError):
    """The client was too slow or sent too much; nothing more is read from it.

    It is a TimeoutError because the standard library's HTTP server ends a connection quietly for that.
    """


class PatientReader(io.RawIOBase):
    """The bytes that come from a socket, for as long as the client is quick enough."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self.expect(IDLE_S)

    def expect(self, grace_s: float, *, max_bytes: int | None = None, slowest: float | None = None) -> None:
        """Start the clock of the next part.

        Args:
            grace_s: Seconds that it may take.
            max_bytes: How much may come; None is without a limit.
            slowest: Bytes a second that lengthen the time allowed; None gives only the grace.
        """
        self._started, self._received = time.monotonic(), 0
        self._grace_s, self._max_bytes, self._slowest = grace_s, max_bytes, slowest

    def readable(self) -> bool:
        """Return True, as `io` asks."""
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]  # a buffer, as `io` hands it over
        """Read what there is, waiting no longer than the clock allows.

        Raises:
            CutOffError: If the time is over, or too much came.
        """
        if self._max_bytes is not None and self._received > self._max_bytes:
            raise CutOffError("too many bytes")
        allowed_s = self._grace_s + (self._received / self._slowest if self._slowest else 0.0)
        left_s = self._started + allowed_s - time.monotonic()
        if left_s <= 0:
            raise CutOffError("too slow")
        self._connection.settimeout(left_s)
        try:
            count = self._connection.recv_into(buffer)
        except TimeoutError:
            raise CutOffError("too slow") from None
        self._received += count
        return count


def read_chunks(stream: io.BufferedIOBase, max_bytes: int) -> bytes | None:
    """Return a body that comes in chunks, or None if it is larger than `max_bytes`.

    Raises:
        CutOffError: If the client is too slow, stops in the middle, or sends something else than chunks.
    """
    parts: list[bytes] = []
    total = 0
    while True:
        size_text = stream.readline(64).split(b";")[0].strip()
        if not _CHUNK_SIZE.fullmatch(size_text):
            raise CutOffError("no chunk's size")
        size = int(size_text, 16)
        total += size
        if total > max_bytes:
            return None
        if size == 0:
            _skip_trailers(stream)
            return b"".join(parts)
        part = stream.read(size)
        if len(part) < size or stream.readline(8).strip():
            raise CutOffError("a chunk is longer or shorter than it says")
        parts.append(part)


def _skip_trailers(stream: io.BufferedIOBase) -> None:
    left = MAX_HEAD_BYTES
    while (line := stream.readline(8192)).strip():
        left -= len(line)
        if left < 0:
            raise CutOffError("too many bytes")
