"""The embedded server behind a socket: for other programs, other processes and load tests.

The standard library's threading HTTP server is enough: one thread a connection, all rendering behind
one lock. It listens on this computer only, unless names and passwords are given.
"""

from __future__ import annotations

import gzip
import ipaddress
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prodgen.errors import SettingError
from prodgen.server.app import MAX_BODY_BYTES, ApiServer, HttpRequest
from prodgen.server.wire import HttpAnswer, answer

PORT = 7860
"""A1111's own, so that clients find it without being told."""

GZIP_FROM_BYTES = 1000
"""Answers of this size are compressed for clients that accept it, as the real server does."""

IDLE_S = 30.0
"""Seconds that an idle connection is kept."""


class _Handler(BaseHTTPRequestHandler):
    """Reads one request after the other, hands it over, writes the answer in one go."""

    protocol_version = "HTTP/1.1"
    server_version = "prodgen-embedded"
    sys_version = ""
    timeout = IDLE_S
    wbufsize = -1
    disable_nagle_algorithm = True
    server: _Listener

    def handle_one_request(self) -> None:
        """Read a request line; a dead server hangs up at once."""
        if self.server.embedded.is_dead:
            self._hang_up()
            return
        super().handle_one_request()

    def _answer(self) -> None:
        body = self._read_body()
        if body is None:
            return
        if not self._is_meant_for_us():
            self._write(answer({"detail": "this Host is not served; use 127.0.0.1 or --api-auth"}, 403))
            return
        request = HttpRequest.of(self.command, self.path, dict(self.headers.items()), body)
        self._write(self.server.embedded.answer(request))

    # The base class looks these names up, one for each method; which of them are allowed is the server's.
    do_GET = do_POST = do_HEAD = _answer  # noqa: N815
    do_PUT = do_DELETE = do_PATCH = do_OPTIONS = _answer  # noqa: N815

    def _is_meant_for_us(self) -> bool:
        """Whether the Host header names this computer: web pages elsewhere must not get in by DNS tricks."""
        if self.server.embedded.auth is not None:
            return True
        host = self.headers.get("host", "127.0.0.1")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
        return is_loopback(name.strip("[]"))

    def _read_body(self) -> bytes | None:
        """Return the request's body, or None if it was refused or cut off."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._read_chunks()
        try:
            length = int(self.headers.get("content-length", 0))
        except ValueError:
            length = -1
        if not 0 <= length <= MAX_BODY_BYTES:
            self.close_connection = True
            self._write(answer({"detail": "Request Entity Too Large"}, 413))
            return None
        body = self.rfile.read(length)
        if len(body) < length:
            self.close_connection = True
            return None
        return body

    def _read_chunks(self) -> bytes | None:
        parts: list[bytes] = []
        total = 0
        while True:
            try:
                size = int(self.rfile.readline(64).split(b";")[0], 16)
            except ValueError:
                size = -1
            total += size
            if size < 0 or total > MAX_BODY_BYTES:
                self.close_connection = True
                self._write(answer({"detail": "Request Entity Too Large"}, 413))
                return None
            if size == 0:
                while self.rfile.readline(8192).strip():
                    pass  # trailers
                return b"".join(parts)
            parts.append(self.rfile.read(size))
            self.rfile.readline(8)

    def _write(self, result: HttpAnswer) -> None:
        if result.cut in ("refuse", "before", "after"):
            self._hang_up()
            return
        body = result.body
        zipped = len(body) > GZIP_FROM_BYTES and "gzip" in self.headers.get("accept-encoding", "")
        if zipped and self.server.compresses:
            body = gzip.compress(body, compresslevel=1)
        self.send_response(result.status)
        self.send_header("content-type", result.content_type)
        self.send_header("content-length", str(len(body)))
        if zipped and self.server.compresses:
            self.send_header("content-encoding", "gzip")
            self.send_header("vary", "Accept-Encoding")
        for name, value in result.headers.items():
            self.send_header(name, value)
        if self.close_connection:
            self.send_header("connection", "close")
        self.end_headers()
        if self.command == "HEAD":
            return
        if result.cut == "during":
            self.wfile.write(body[: len(body) // 2])
            self.wfile.flush()
            self._hang_up()
            return
        self.wfile.write(body)

    def _hang_up(self) -> None:
        """Reset the connection, so that the client sees it at once."""
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()

    def log_message(self, format: str, *args: object) -> None:
        """Write no line a request: the render log and the client's own log say more."""


class _Listener(ThreadingHTTPServer):
    """Accepts connections for one embedded server."""

    daemon_threads = True
    request_queue_size = 128
    allow_reuse_address = True

    def __init__(self, host: str, port: int, embedded: ApiServer, *, compresses: bool) -> None:
        self.embedded = embedded
        self.compresses = compresses
        self.address_family = socket.AF_INET6 if ":" in host else socket.AF_INET
        super().__init__((host, port), _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Take a client's hanging up for what it is; everything else is answered already."""


def is_loopback(host: str) -> bool:
    """Whether an address or name means this computer."""
    if host.lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


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
def listening(
    server: ApiServer, *, host: str = "127.0.0.1", port: int = 0, compresses: bool = True
) -> Iterator[str]:
    """Serve in the background for the length of a with block, and give its address.

    Args:
        server: The server.
        host: Where to listen; other than this computer's own addresses need `auth` in the server.
        port: 0 takes any free one.
        compresses: Whether answers are gzipped for clients that accept it, as a real server's are.

    Yields:
        The URL, such as "http://127.0.0.1:40123".

    Raises:
        SettingError: If the address is open to others without authentication, or cannot be had.
    """
    listener = _listen(server, host, port, compresses=compresses)
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
    compresses: bool = True,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until interrupted (Ctrl-C); see `listening`.

    Args:
        server: The server.
        host: Where to listen.
        port: A1111's 7860, if not given; 0 takes any free one.
        compresses: Whether answers are gzipped for clients that accept it.
        on_ready: Called with the address once connections are accepted.

    Raises:
        SettingError: As for `listening`.
    """
    listener = _listen(server, host, port, compresses=compresses)
    try:
        if on_ready is not None:
            on_ready(_url(listener))
        listener.serve_forever(poll_interval=0.2)
    except KeyboardInterrupt:
        pass  # the way to stop it
    finally:
        listener.server_close()


def _listen(server: ApiServer, host: str, port: int, *, compresses: bool) -> _Listener:
    if server.auth is None and not is_loopback(host):
        raise SettingError(
            f"{host} is open to other computers: give names and passwords with --api-auth user:password,"
            " or listen on 127.0.0.1"
        )
    try:
        return _Listener(host, port, server, compresses=compresses)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingError(f"cannot listen on {host}:{port} ({reason}); choose another --port") from error


def _url(listener: _Listener) -> str:
    host, port = listener.server_address[:2]
    name = host.decode() if isinstance(host, bytes) else str(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
