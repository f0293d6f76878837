"""One connection: a request is read, let in or refused, answered, and then the next one.

How a client may speak is `request_head`'s business, how long it may take `patient_reading`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import socket
import struct
import threading
from collections.abc import Awaitable, Callable
from dataclasses import replace
from email.utils import formatdate
from http import HTTPStatus

from prodgen.server import patient_reading
from prodgen.server.admission import MAX_BODY_BYTES, body_length, refusal, too_large
from prodgen.server.app import ApiServer, HttpRequest
from prodgen.server.crowd import Crowd, FullError
from prodgen.server.patient_reading import Allowance, CutOffError, PatientReader, TooLargeError
from prodgen.server.request_head import MalformedError, RequestHead, parse_head
from prodgen.server.wire import HttpAnswer, answer

GZIP_FROM_BYTES = 1000
"""Answers of this size are compressed for clients that accept it, as the real server does."""

ANSWER_GRACE_S = 60.0
"""Seconds that a client may take to read an answer, or fall behind `SLOWEST_BYTES_S` in reading it."""

LINGER_S = 1.0
"""Seconds in which the body of a refused request is read and dropped, so that the refusal arrives."""

LINGER_BYTES = 4 * 1024 * 1024
"""Bytes of such a body that are dropped; after these the connection is cut."""

RETRY_AFTER_S = 5
"""Seconds that a client is asked to wait when there is no room. Guard: a picture or two on a CPU."""

FULL = f"too much is going on here; come again in {RETRY_AFTER_S} seconds"


def _full() -> HttpAnswer:
    return replace(answer({"detail": FULL}, 503), headers={"retry-after": str(RETRY_AFTER_S)})


Work = Callable[[HttpRequest, bool], Awaitable[HttpAnswer]]
"""Has a request answered, and is told whether it waits for drawing; raises FullError where nobody can."""


class Incoming(asyncio.StreamReader):
    """The bytes of one connection.

    Attributes:
        left: Set once the client has closed its side.
        on_left: Called then.
    """

    def __init__(self) -> None:
        super().__init__(limit=patient_reading.READ_BYTES)
        self.left = threading.Event()
        self.on_left: Callable[[], None] = lambda: None

    def feed_eof(self) -> None:
        """Note that nothing more comes."""
        super().feed_eof()
        self._leave()

    def set_exception(self, exc: BaseException) -> None:
        """Note that the connection broke."""
        super().set_exception(exc)  # type: ignore[arg-type]  # typeshed has the narrower Exception
        self._leave()

    def _leave(self) -> None:
        self.left.set()
        self.on_left()


class Speaker:
    """One connection: reads a request, has it answered, writes the answer, and again."""

    def __init__(
        self, api: ApiServer, crowd: Crowd, work: Work, incoming: Incoming, writer: asyncio.StreamWriter
    ) -> None:
        self._api, self._crowd, self._work = api, crowd, work
        self._incoming, self._writer = incoming, writer
        self._reader = PatientReader(incoming)
        writer.transport.set_write_buffer_limits(high=0)

    def close(self) -> None:
        """Close the connection; its reader then ends."""
        self._writer.close()

    def reset(self) -> None:
        """Reset the connection, so that the client sees it at once."""
        with contextlib.suppress(OSError):
            linger = struct.pack("ii", 1, 0)
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self._writer.transport.abort()

    async def speak(self) -> None:
        """Serve this connection until it ends."""
        try:
            self._crowd.enter(self)
        except FullError:
            await self._refuse(None, _full(), has_body=True)
            return
        while await self._serve_one():
            self._crowd.move(self, "silent")

    async def _serve_one(self) -> bool:
        """Serve one request; return whether the connection stays open."""
        if self._api.is_dead:
            self.reset()
            return False
        self._reader.expect(patient_reading.IDLE_S)
        if not await self._reader.has_more():
            return False
        self._reader.expect(patient_reading.HEAD_S)
        try:
            head = parse_head(await self._reader.head())
        except MalformedError as error:
            return await self._refuse(None, answer({"detail": error.detail}, error.status), has_body=True)
        asked = HttpRequest.of(head.method, head.target, dict(head.headers), b"")
        refused = refusal(head, is_open=self._api.auth is None) or self._api.refusal(asked)
        length = body_length(head)
        if isinstance(length, HttpAnswer):
            refused = refused or length
        draws = self._api.waits_for_drawing(asked)
        if draws and self._crowd.is_full:
            refused = refused or _full()
        if refused is not None:
            return await self._refuse(head, refused, has_body=length != 0)
        self._crowd.move(self, "sending")
        body = await self._body(head, length if isinstance(length, int) else None)
        if isinstance(body, HttpAnswer):
            return await self._refuse(head, body, has_body=True)
        self._crowd.move(self, "working")
        if draws:  # all that wait are woken to look, so that others who come and go must not do it
            self._incoming.on_left = self._api.someone_left
        try:
            result = await self._work(replace(asked, body=body, left=self._incoming.left), draws)
        except FullError:
            result = _full()
        finally:
            self._crowd.drop_body(self)
        return await self._write(head, result)

    async def _body(self, head: RequestHead, length: int | None) -> bytes | HttpAnswer:
        """Return a body of this length, or of chunks (None), or the answer that refuses it."""
        if head.asks_first and length != 0:
            self._writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        self._reader.expect(patient_reading.BODY_GRACE_S, slowest=patient_reading.SLOWEST_BYTES_S)

        def keep(size: int) -> None:
            self._crowd.hold(self, size)

        try:
            if length is None:
                return await self._reader.chunks(MAX_BODY_BYTES, keep)
            return await self._reader.body(length, keep)
        except TooLargeError:
            return too_large()
        except FullError:
            return _full()
        except MalformedError as error:
            return answer({"detail": error.detail}, error.status)

    async def _refuse(self, head: RequestHead | None, refused: HttpAnswer, *, has_body: bool) -> bool:
        """Answer without having read the body, drop a little of it, and close."""
        self._crowd.drop_body(self)
        stays_open = await self._write(head, refused, closes=has_body)
        if has_body:
            # Closing with unread bytes resets the connection, and the client may lose the answer.
            self._reader.expect(LINGER_S)
            with contextlib.suppress(OSError):
                self._writer.write_eof()
            await self._reader.drop(LINGER_BYTES)
        return stays_open

    async def _write(self, head: RequestHead | None, result: HttpAnswer, *, closes: bool = False) -> bool:
        """Write an answer; return whether the connection stays open."""
        if result.cut in ("refuse", "before", "after"):
            self.reset()
            return False
        closes = closes or head is None or not head.stays_open
        self._crowd.move(self, "reading")
        body = b"" if head is not None and head.method == "HEAD" else result.body
        self._crowd.owe(self, len(body))
        self._writer.write(_first_lines(result, closes=closes, is_old=head is not None and head.is_http_1_0))
        self._writer.write(body[: len(body) // 2] if result.cut == "during" else body)
        await self._is_read(len(body))
        self._crowd.settle(self)
        if result.cut == "during":
            self.reset()
            return False
        return not closes

    async def _is_read(self, size: int) -> None:
        """Wait until the client has taken the answer, as long as it is quick enough."""
        transport, taken = self._writer.transport, 0
        allowance = Allowance(ANSWER_GRACE_S, slowest=patient_reading.SLOWEST_BYTES_S)
        while unread := transport.get_write_buffer_size():
            allowance.reward(max(0, size - unread - taken))
            taken = max(0, size - unread)
            if allowance.left_s <= 0:
                self.reset()
                raise CutOffError("reads too slowly")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(allowance.left_s, 1.0)):
                    await self._writer.drain()


def _first_lines(result: HttpAnswer, *, closes: bool, is_old: bool) -> bytes:
    """Return an answer's status line and headers."""
    fields = {
        "server": "prodgen-embedded",
        "date": formatdate(usegmt=True),
        "content-type": result.content_type,
        "content-length": str(len(result.body)),
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "same-origin",
        **result.headers,
    }
    if closes or is_old:
        fields["connection"] = "close" if closes else "keep-alive"
    try:
        phrase = HTTPStatus(result.status).phrase
    except ValueError:
        phrase = ""
    lines = [f"HTTP/1.1 {result.status} {phrase}", *(f"{name}: {value}" for name, value in fields.items())]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


def zipped(result: HttpAnswer, accepted: str) -> HttpAnswer:
    """Return an answer compressed, where that is worth it and the client takes it."""
    if len(result.body) <= GZIP_FROM_BYTES or "gzip" not in accepted or result.cut is not None:
        return result
    headers = {**result.headers, "content-encoding": "gzip", "vary": "Accept-Encoding"}
    return replace(result, body=gzip.compress(result.body, compresslevel=1), headers=headers)
