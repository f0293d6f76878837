"""The lines to one server: httpx's clients, each with one socket, and httpx's errors turned into ours.

Client and engines speak through these, and know no httpx themselves. A line carries one request at a time,
so that the deadline of a call knows which kept socket the request goes out on; as many are open as calls were
ever under way at once.
"""

from __future__ import annotations

import contextlib
import importlib.util
import socket
import ssl
import threading
import urllib.request
from collections.abc import Iterator, Mapping

import httpx

from prodgen.connections.bodies import Body
from prodgen.connections.deadlines import Deadline
from prodgen.errors import (
    AnswerError,
    BackendCertificateError,
    BackendError,
    BackendLostError,
    BackendTimeoutError,
    BackendUnreachableError,
    NotABackendError,
    SettingError,
    UnreachableCause,
)

CONNECT_S = 5.0
"""Seconds. A server that is there accepts a connection at once; one that is not should be known soon."""

WRITE_S = 120.0
"""Seconds between two accepted pieces of a request; generous, for slow uplinks."""


class _Line:
    """One httpx client, and the socket that its last answer came by."""

    def __init__(self, http: httpx.Client) -> None:
        self.http = http
        self._kept: socket.socket | None = None

    @contextlib.contextmanager
    def stream(
        self, method: str, path: str, body: Body | None, deadline: Deadline
    ) -> Iterator[httpx.Response]:
        headers = {}
        if body is not None:
            headers = {"Content-Type": body.content_type, "Content-Length": str(body.size)}
        left_s = max(0.001, deadline.left_s)  # httpx takes 0 for "do not wait at all", in words of its own
        times = httpx.Timeout(min(CONNECT_S, left_s), read=left_s, write=min(WRITE_S, left_s), pool=left_s)
        with (
            deadline.guarding(self._kept),
            self.http.stream(
                method,
                path.lstrip("/"),
                content=body,
                headers=headers,
                timeout=times,
                extensions={"trace": deadline.watch},
            ) as response,
        ):
            network = response.extensions.get("network_stream")
            self._kept = network.get_extra_info("socket") if network is not None else None
            yield response


class Lines:
    """All lines to one server."""

    def __init__(
        self,
        url: str,
        *,
        base_url: str | None = None,
        socket_path: str | None = None,
        is_local: bool,
        auth: tuple[str, str] | None,
        headers: Mapping[str, str],
        transport: httpx.BaseTransport | None = None,
        verify: str | bool,
    ) -> None:
        """Open the first line; nothing is sent yet.

        Args:
            url: The address as it may be shown.
            base_url: What paths are added to; unset: `url`.
            socket_path: A unix socket to go by.
            is_local: Whether the server is on this machine.
            auth: Name and password, sent with each request.
            headers: Sent with each request.
            transport: In place of a network.
            verify: Whether certificates are verified, or the file of an authority of one's own.

        Raises:
            SettingError: If address, headers or certificates cannot be used.
        """
        reached = url if base_url is None else base_url
        certificates = certificates_for(reached, verify, is_local=is_local)
        if transport is None and not is_local and socket_path is None:
            _check_proxies()
        if transport is None and socket_path is not None:
            transport = httpx.HTTPTransport(uds=socket_path)

        def open_one() -> _Line:
            return _Line(
                httpx.Client(
                    base_url=reached,
                    # Pre-emptively: A1111 sends no challenge that would make a client authenticate.
                    auth=httpx.BasicAuth(*auth) if auth else None,
                    headers=headers,
                    limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
                    transport=transport,
                    verify=certificates,
                    follow_redirects=False,
                    # HTTP_PROXY is meant for the way out; a server on this machine is not found through it.
                    trust_env=not is_local,
                )
            )

        self.is_closed = False
        """Whether they were closed here."""
        self._url = url
        self._open_one = open_one
        try:
            self._idle = [open_one()]  # at once, so that headers which cannot be sent are known at once
        except httpx.InvalidURL as error:
            raise SettingError(f"the backend's address is no URL: {url!r} ({error})") from error
        self._all = list(self._idle)
        self._lock = threading.Lock()

    def close(self) -> None:
        """Close all sockets, also those that are in use."""
        with self._lock:
            self.is_closed = True
            for line in self._all:
                line.http.close()

    @contextlib.contextmanager
    def stream(
        self, method: str, path: str, body: Body | None, deadline: Deadline
    ) -> Iterator[httpx.Response]:
        """Send a request, and have the answer as far as its headers.

        Raises:
            BackendTimeoutError: If the deadline passes, in the body of the `with` as well.
            BackendError: If there is no connection, or it breaks.
        """
        try:
            with self._one() as line, line.stream(method, path, body, deadline) as response:
                yield response
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            if deadline.has_passed and deadline.was_connected:
                raise too_late(self._url, deadline) from error
            raise translate(self._url, error, deadline.seconds) from error
        except RuntimeError as error:  # what httpx raises where another thread has closed it
            if not self.is_closed:
                raise
            raise BackendLostError(self._url, "the connection was closed here") from error

    @contextlib.contextmanager
    def _one(self) -> Iterator[_Line]:
        with self._lock:
            if not self._idle:
                self._idle.append(self._open_one())
                self._all.append(self._idle[-1])
            line = self._idle.pop()
        try:
            yield line
        finally:
            with self._lock:
                self._idle.append(line)


def too_late(url: str, deadline: Deadline) -> BackendTimeoutError:
    """Return what is to be said when a deadline has passed."""
    return BackendTimeoutError(url, f"no whole answer within {deadline.seconds:g} s")


def certificates_for(url: str, verify: str | bool, *, is_local: bool) -> ssl.SSLContext:
    """Return whose certificates are believed; with a file of one's own, those that it signed alone.

    Raises:
        SettingError: If that file cannot be read.
    """
    if not isinstance(verify, str) or not url.startswith("https:"):
        # One context for all lines: reading a system's certificates takes 40 ms.
        return httpx.create_ssl_context(verify=bool(verify), trust_env=not is_local)
    try:
        return ssl.create_default_context(cafile=verify)
    except OSError as error:
        raise SettingError(f"the certificate file {verify!r} cannot be read: {error}") from error


def _check_proxies() -> None:
    """Refuse proxies of the environment that cannot be used: httpx fails at them, whatever it is to reach.

    Raises:
        SettingError: If the scheme of one is unknown, or a SOCKS proxy's package is not installed.
    """
    found = urllib.request.getproxies()
    for name in ("http", "https", "all"):
        scheme, mark, _ = found.get(name, "").partition("://")
        variable = f"{name.upper()}_PROXY"
        if mark and scheme in ("socks5", "socks5h") and importlib.util.find_spec("socksio") is None:
            raise SettingError(
                f"{variable} names a SOCKS proxy, and its package is missing: pip install 'httpx[socks]', "
                f"or unset {variable}"
            )
        if mark and scheme not in ("http", "https", "socks5", "socks5h"):
            raise SettingError(f"{variable} names a proxy of an unknown kind, {scheme}://; http:// is usual")


def translate(url: str, error: Exception, read_s: float = 0) -> BackendError:
    """Return our error for one of httpx's, which must not be seen above this package."""
    text = f"{error}" or type(error).__name__
    if isinstance(error, httpx.ConnectTimeout):
        return BackendUnreachableError(url, "no answer to a connection", cause="no answer")
    if isinstance(error, httpx.ConnectError | httpx.ProxyError):
        return _not_connected(url, error, text)
    if isinstance(error, httpx.PoolTimeout):
        return BackendTimeoutError(url, "all connections are in use")
    if isinstance(error, httpx.TimeoutException):
        return BackendTimeoutError(url, f"no answer within {read_s:.0f} s")
    if isinstance(error, httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.TooManyRedirects):
        return NotABackendError(url, text)
    if isinstance(error, httpx.DecodingError):
        return AnswerError(url, f"its answer cannot be unpacked ({text})")
    if isinstance(error, httpx.LocalProtocolError):
        # What httpx says of a header repeats its value, which may be a secret.
        return BackendError(
            url,
            "the request cannot be sent",
            remedy="Check headers and password: one holds a character that HTTP forbids.",
        )
    return BackendLostError(url, f"the connection broke before the answer was whole ({text})")


def _not_connected(url: str, error: Exception, text: str) -> BackendError:
    """Return what the operating system's own error at the bottom of httpx's means."""
    cause: UnreachableCause = "proxy" if isinstance(error, httpx.ProxyError) else "other"
    for below in _causes(error):
        match below:
            case ssl.SSLCertVerificationError():
                why = getattr(below, "verify_message", str(below))
                return BackendCertificateError(url, f"its certificate is not trusted ({why})")
            case ssl.SSLError():
                cause = "no TLS"
            case socket.gaierror():
                cause = "unknown host"
            case ConnectionRefusedError():
                cause = "refused"
    return BackendUnreachableError(url, f"no connection ({text})", cause=cause)


def _causes(error: BaseException) -> Iterator[BaseException]:
    below: BaseException | None = error
    seen: set[int] = set()
    while below is not None and id(below) not in seen:  # an error that is raised twice may lie below itself
        yield below
        seen.add(id(below))
        below = below.__cause__ or below.__context__
