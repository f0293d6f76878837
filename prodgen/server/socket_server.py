"""A server behind a socket: for other programs, other processes and load tests.

The standard library's threading HTTP server is enough: one thread a connection, all drawing behind one lock.
It listens on this computer only, unless names and passwords are given. Who may speak to it is `admission`'s
business and is asked before a body is read; how long a client may take is `patient_reading`'s.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import socket
import struct
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prodgen import stopping
from prodgen.errors import SettingError
from prodgen.server.admission import MAX_BODY_BYTES, body_length, is_loopback, refusal, too_large
from prodgen.server.app import ApiServer, HttpRequest
from prodgen.server.patient_reading import (
    BODY_GRACE_S,
    HEAD_S,
    IDLE_S,
    MAX_HEAD_BYTES,
    SLOWEST_BYTES_S,
    CutOffError,
    PatientReader,
    read_chunks,
)
from prodgen.server.wire import HttpAnswer

PORT = 7860
"""A1111's own, where clients look by themselves."""

GZIP_FROM_BYTES = 1000
"""Answers of this size are compressed for clients that accept it, as the real server does."""

MAX_CONNECTIONS = 256
"""Connections at once, hence threads. When more come, the one that has kept us waiting longest is closed.
Guard: six times the requests that are worked on at once."""

ANSWER_GRACE_S = 60.0
"""Seconds that a client may take to read an answer, beside what its size needs at `SLOWEST_BYTES_S`."""

LINGER_S = 1.0
"""Seconds in which the body of a refused request is read and dropped, so that the refusal arrives."""

LINGER_BYTES = 4 * 1024 * 1024
"""Bytes of such a body that are dropped; after these the connection is cut."""


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other, hands it over, writes the answer in one go."""

    protocol_version = "HTTP/1.1"
    server_version = "prodgen-embedded"
    sys_version = ""
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Listener

    def setup(self) -> None:
        """Put the clock between the socket and the base class, which reads from `rfile`."""
        super().setup()
        self.rfile.close()
        self._reader = PatientReader(self.connection)
        self.rfile = self._stream = io.BufferedReader(self._reader)

    def handle_one_request(self) -> None:
        """Wait for a request and read its head; a dead server hangs up at once."""
        if self.server.api.is_dead:
            self._hang_up()
            return
        self._reader.expect(IDLE_S)
        with contextlib.suppress(CutOffError, ConnectionError):
            if self._stream.peek(1):
                self._reader.expect(HEAD_S, max_bytes=MAX_HEAD_BYTES)
                super().handle_one_request()
                return
        self.close_connection = True

    def handle_expect_100(self) -> bool:
        """Ask for no body yet: `_answer` does, once the request is let in."""
        return True

    def _answer(self) -> None:
        head = HttpRequest.of(self.command, self.path, dict(self.headers.items()), b"")
        api = self.server.api
        refused = refusal(self.headers, is_open=api.auth is None) or api.refusal(head)
        length = body_length(self.headers)
        if isinstance(length, HttpAnswer):
            refused = refused or length
        if refused is not None:
            self._refuse(refused, has_body=length != 0)
            return
        body = self._read_body(length if isinstance(length, int) else None)
        if body is None:
            return
        with self.server.working(self.connection):
            result = api.answer(HttpRequest(head.method, head.path, head.query, head.headers, body))
        self._write(result)

    # The base class looks these names up, one for each method; which of them are allowed is the server's.
    do_GET = do_POST = do_HEAD = _answer  # noqa: N815
    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815

    def _refuse(self, refused: HttpAnswer, *, has_body: bool) -> None:
        """Answer without having read the body, drop a little of it, and close."""
        self.close_connection = self.close_connection or has_body
        self._write(refused)
        if not has_body:
            return
        self.wfile.flush()
        # Closing with unread bytes resets the connection, and the client may lose the answer.
        self._reader.expect(LINGER_S, max_bytes=LINGER_BYTES)
        with contextlib.suppress(CutOffError, OSError):
            self.connection.shutdown(socket.SHUT_WR)
            while self._stream.read(65536):
                pass

    def _read_body(self, length: int | None) -> bytes | None:
        """Return a body of this length, or of chunks (None); None if it was refused or cut off."""
        if self.headers.get("expect", "").lower() == "100-continue":
            self.send_response_only(100)
            self.end_headers()
            self.wfile.flush()
        self._reader.expect(BODY_GRACE_S, slowest=SLOWEST_BYTES_S)
        if length is None:
            body = read_chunks(self._stream, MAX_BODY_BYTES)
            if body is None:
                self._refuse(too_large(), has_body=True)
            return body
        body = self._stream.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return body

    def _write(self, result: HttpAnswer) -> None:
        if result.cut in ("refuse", "before", "after"):
            self._hang_up()
            return
        body = result.body
        zips = len(body) > GZIP_FROM_BYTES and "gzip" in self.headers.get("accept-encoding", "")
        if zips:
            body = gzip.compress(body, compresslevel=1)
        self.connection.settimeout(ANSWER_GRACE_S + len(body) / SLOWEST_BYTES_S)
        self.send_response(result.status)
        self.send_header("content-type", result.content_type)
        self.send_header("content-length", str(len(body)))
        self.send_header("x-content-type-options", "nosniff")
        self.send_header("cross-origin-resource-policy", "same-origin")
        if zips:
            self.send_header("content-encoding", "gzip")
            self.send_header("vary", "Accept-Encoding")
        for name, value in result.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        self.wfile.flush()
        if self.command == "HEAD":
            return
        # `sendall` counts the whole time, however slowly the client reads.
        self.connection.sendall(body[: len(body) // 2] if result.cut == "during" else body)
        if result.cut == "during":
            self._hang_up()

    def _hang_up(self) -> None:
        """Reset the connection, so that the client sees it at once."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Write no line a request: the render log and the client's own log say more."""


class _Listener(ThreadingHTTPServer):
    """Accepts connections for one server, not more than `MAX_CONNECTIONS` at once."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, host: str, port: int, api: ApiServer) -> None:
        self.api = api
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self._waited_for: OrderedDict[socket.socket, None] = OrderedDict()
        """Connections from which something is awaited, the longest first."""

        self._count = 0
        self._changed = threading.Lock()
        super().__init__((host, port), _Handler)

    def process_request(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Start a thread for a connection; make room for it first."""
        with self._changed:
            self._count += 1
            self._waited_for[request] = None
            crowded = self._count > MAX_CONNECTIONS
            oldest = self._waited_for.popitem(last=False)[0] if crowded else None
        if oldest is not None:
            with contextlib.suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)  # wakes its thread, which then ends
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # the system has no thread to spare
            self._gone(request)
            self.shutdown_request(request)

    def process_request_thread(self, request: socket.socket, client_address: object) -> None:  # type: ignore[override]
        """Serve one connection until it ends."""
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._gone(request)

    def _gone(self, request: socket.socket) -> None:
        with self._changed:
            self._count -= 1
            self._waited_for.pop(request, None)

    @contextmanager
    def working(self, connection: socket.socket) -> Iterator[None]:
        """Inside, the connection waits for us, and is not the one to close."""
        with self._changed:
            self._waited_for.pop(connection, None)
        try:
            yield
        finally:
            with self._changed:
                self._waited_for[connection] = None

    def handle_error(self, request: object, client_address: object) -> None:
        """Take a client's hanging up for what it is; everything else is answered already."""


def read_api_auth(text: str) -> dict[str, str]:
    """Return names and passwords as A1111's --api-auth spells them: "user:password,user2:password2".

    Raises:
        SettingError: If an entry has no colon, no name or no password.
    """
    pairs = [entry.partition(":") for entry in text.split(",") if entry.strip()]
    if not pairs or not all(name.strip() and password for name, _, password in pairs):
        raise SettingError("--api-auth is user:password, several separated by commas")
    return {name.strip(): password for name, _, password in pairs}


@contextmanager
def listening(server: ApiServer, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in the background for the length of a with block, and give its address.

    Args:
        server: The server.
        host: Where to listen; other than this computer's own addresses need `auth` in the server.
        port: 0 takes any free one.

    Yields:
        The URL, such as "http://127.0.0.1:40123".

    Raises:
        SettingError: If the address is open to others without authentication, or cannot be had.
    """
    listener = _listen(server, host, port)
    thread = threading.Thread(target=listener.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield _url(listener)
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def serve(
    server: ApiServer,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C, SIGTERM (`docker stop`, systemd) or SIGHUP ends it; see `listening`.

    A signal that is ignored, or that the program answers itself, does not end it.

    Args:
        server: The server.
        host: Where to listen.
        port: A1111's 7860, if not given; 0 takes any free one.
        on_ready: Called with the address once connections are accepted.

    Raises:
        SettingError: As for `listening`.
    """
    ended = threading.Event()

    def end() -> bool:
        ended.set()
        return True

    try:
        with (
            stopping.heeded(),
            stopping.answered_by(end, end),
            listening(server, host=host, port=port) as url,
        ):
            if on_ready is not None:
                on_ready(url)
            while not ended.wait(0.5):
                pass  # Windows delivers Ctrl-C between two waits only
    finally:
        server.stop()


def _listen(server: ApiServer, host: str, port: int) -> _Listener:
    if server.auth is None and not is_loopback(host):
        raise SettingError(
            f"{host} is open to other computers: give names and passwords with --api-auth user:password,"
            " or listen on 127.0.0.1"
        )
    try:
        return _Listener(host, port, server)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingError(f"cannot listen on {host}:{port} ({reason}); choose another --port") from error


def _url(listener: _Listener) -> str:
    name, port = str(listener.server_address[0]), listener.server_port
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
