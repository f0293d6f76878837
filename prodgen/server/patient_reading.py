"""Reading from a client that may be slow on purpose: every part of a request has limits in time and bytes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable

from prodgen.server.request_head import MalformedError

IDLE_S = 30.0
"""Seconds that a connection is kept between two requests."""

HEAD_S = 15.0
"""Seconds for a request's first line and headers together, from their first byte. Guard: programs send them
in one packet; nginx, which serves phones as well, gives 60."""

MAX_HEAD_BYTES = 64 * 1024
"""Bytes of a request's first line and headers together. Guard: A1111's clients send less than one KiB."""

BODY_GRACE_S = 20.0
"""Seconds that a body may take whatever its size, and that one may fall behind `SLOWEST_BYTES_S`."""

SLOWEST_BYTES_S = 50_000
"""Bytes a second below which a body is cut off once the grace is used up. Guard: a dripping client sends far
less, and at this speed a request of 20 MB still has seven minutes."""

MAX_FRAMING_BYTES = 1024 * 1024
"""Bytes that the sizes of chunks may take beyond as many as the body has. Guard: each chunk costs time
whatever its size; this allows 200 000 chunks of a byte each, and chunks of six bytes without end."""

READ_BYTES = 256 * 1024
"""Bytes taken from the system at once."""

_CHUNK_SIZE = re.compile(rb"([0-9A-Fa-f]{1,8})[ \t]*(?:;[^\r]*)?")
_HEAD_ENDS = re.compile(rb"\r?\n\r?\n")


class CutOffError(Exception):
    """The client was too slow, went away in the middle, or sent something else than it said."""


class TooLargeError(Exception):
    """A body is larger than its limit."""


class Allowance:
    """The time that a client has left for one part of its request, or for taking its answer.

    What it saves by being quick is kept up to the grace only: who sends a large body at once and then stops
    would otherwise hold its memory for as long as the whole could have taken.

    Args:
        grace_s: Seconds that it has at first, and at most.
        slowest: Bytes that give it a second more; None gives nothing for them.
    """

    def __init__(self, grace_s: float, *, slowest: float | None = None) -> None:
        self._grace_s, self._slowest = grace_s, slowest
        self.ends = _now() + grace_s
        """When it is over, by the clock of the loop."""

    @property
    def left_s(self) -> float:
        """Seconds until then."""
        return self.ends - _now()

    def reward(self, size: int) -> None:
        """Give more time for bytes that were sent or taken."""
        if self._slowest is not None:
            self.ends = min(self.ends + size / self._slowest, _now() + self._grace_s)


def _now() -> float:
    return asyncio.get_running_loop().time()


class PatientReader:
    """The bytes that come from a client, for as long as it is quick enough.

    Args:
        reader: What the loop fills.
    """

    def __init__(self, reader: asyncio.StreamReader) -> None:
        self._reader = reader
        self._buffer = bytearray()
        self.expect(IDLE_S)

    def expect(self, grace_s: float, *, slowest: float | None = None) -> None:
        """Start the clock of the next part; see `Allowance`."""
        self._received, self._allowance = 0, Allowance(grace_s, slowest=slowest)

    async def has_more(self) -> bool:
        """Wait for the next byte; False if the client closes in its place, or sends none in time."""
        try:
            if not self._buffer:
                await self._receive()
        except CutOffError:
            return False
        return True

    async def head(self) -> bytes:
        """Return a request's first line and headers, without the empty line behind them.

        Raises:
            MalformedError: If there is more than `MAX_HEAD_BYTES` of it.
            CutOffError: If it does not come in time.
        """
        while self._buffer.startswith(b"\r\n"):  # behind the last body: RFC 9112, section 2.2
            await self._take(2)
            if not self._buffer:
                await self._receive()
        seen = 0
        while (end := _HEAD_ENDS.search(self._buffer, max(0, seen - 3))) is None:
            seen = len(self._buffer)
            if seen > MAX_HEAD_BYTES:
                raise MalformedError(431, f"the head of a request has at most {MAX_HEAD_BYTES} bytes")
            await self._receive()
        stop = end.start() if end[0] == b"\r\n\r\n" else end.end()  # whose bare \n is then malformed
        return (await self._take(end.end()))[:stop]

    async def body(self, length: int, keep: Callable[[int], None]) -> bytes:
        """Return a body of this length; `keep` is told of each piece's size, and may raise.

        Raises:
            CutOffError: If it does not come whole and in time.
        """
        body = bytearray()
        await self._into(body, length, keep)
        return bytes(body)

    async def chunks(self, max_bytes: int, keep: Callable[[int], None]) -> bytes:
        """Return a body that comes in chunks (RFC 9112, section 7.1); see `body`.

        Raises:
            CutOffError: If it does not come in time, or something else than chunks does.
            TooLargeError: If it has more than `max_bytes`.
            MalformedError: If its chunks are too many for their size.
        """
        body = bytearray()
        framing = 0
        while True:
            line = await self._line()
            found = _CHUNK_SIZE.fullmatch(line)
            if found is None:
                raise CutOffError("no chunk's size")
            size = int(found[1], 16)
            framing += len(line) + 4
            if framing > len(body) + MAX_FRAMING_BYTES:
                raise MalformedError(400, "these chunks are too many and too small")
            if len(body) + size > max_bytes:
                raise TooLargeError
            if size == 0:
                await self._skip_trailers()
                return bytes(body)
            await self._into(body, size, keep)
            if await self._take(2) != b"\r\n":
                raise CutOffError("a chunk is longer or shorter than it says")

    async def drop(self, max_bytes: int) -> None:
        """Read and forget what comes, until that many bytes, the end, or the time that is allowed."""
        try:
            while self._received < max_bytes:
                self._buffer.clear()
                await self._receive()
        except CutOffError:
            return

    async def _skip_trailers(self) -> None:
        left = MAX_HEAD_BYTES
        while line := await self._line():
            left -= len(line)
            if left < 0:
                raise CutOffError("too many trailers")

    async def _line(self) -> bytes:
        """Return a line of at most `MAX_HEAD_BYTES`, without its end."""
        seen = 0
        while (end := self._buffer.find(b"\n", seen)) < 0:
            seen = len(self._buffer)
            if seen > MAX_HEAD_BYTES:
                raise CutOffError("a line without end")
            await self._receive()
        line = await self._take(end + 1)
        if not line.endswith(b"\r\n"):
            raise CutOffError("a line that ends otherwise than others read it")
        return line[:-2]

    async def _into(self, body: bytearray, count: int, keep: Callable[[int], None]) -> None:
        """Append the next `count` bytes to a body."""
        while count:
            if not self._buffer:
                await self._receive()
            piece = self._buffer[:count] if len(self._buffer) > count else self._buffer
            size = len(piece)
            keep(size)
            body += piece
            del self._buffer[:size]
            count -= size

    async def _take(self, count: int) -> bytes:
        while len(self._buffer) < count:
            await self._receive()
        data = bytes(self._buffer[:count])
        del self._buffer[:count]
        return data

    async def _receive(self) -> None:
        """Wait for more, no longer than the clock allows."""
        try:
            async with asyncio.timeout_at(self._allowance.ends):
                data = await self._reader.read(READ_BYTES)
        except TimeoutError:
            raise CutOffError("too slow") from None
        except ConnectionError:
            raise CutOffError("gone") from None
        if not data:
            raise CutOffError("closed")
        self._received += len(data)
        self._allowance.reward(len(data))
        self._buffer += data
