"""One connection to one backend: time-outs, retries, limits, and httpx's errors turned into ours.

The only module that sends anything over a network; besides it, only the server's transport knows httpx
(a contract in pyproject.toml). A call is tried again only where that cannot render twice: nothing was
reached, or the server said "later". What a broken answer means for a render is decided by whoever can ask
after the task.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import tenacity

from prodgen.client.reaching import decoding, encoding, faults
from prodgen.client.reaching.addresses import Address
from prodgen.client.reaching.deadlines import Deadline
from prodgen.client.reaching.seen_answer import MOST_BYTES, SeenAnswer
from prodgen.errors import (
    AnswerError,
    BackendBusyError,
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

LIST_READ_S = 600.0
"""Seconds for quick questions. They are answered at once, but A1111 has 40 threads in all: while more calls
than that wait for the GPU, even a list waits until some of them are done."""

MAX_LIST_BYTES = 64 << 20
"""Most bytes of an answer that holds no pictures."""

WORTH_A_SECOND_TRY = (BackendUnreachableError, BackendBusyError)
"""Errors after which a call is sent again. A time-out or a broken answer is none of them: the backend may be
rendering, and would render twice."""

TRIES = 4
"""How often a call is sent in all, with waits of about 0.3, 0.6 and 1.2 s: enough for a restarting proxy,
short for a wrong address."""

LONGEST_WAIT_S = 30.0
"""Most seconds that a busy server is left alone. It may ask for more, but then another backend is better."""


@dataclass(frozen=True)
class WholeAnswer:
    """A whole answer with a good status."""

    content_type: str
    body: bytes
    date: str = ""
    """Its Date header: the server's clock when it answered."""


class Connection:
    """Sends one request at a time and returns whole answers."""

    def __init__(
        self,
        address: Address,
        *,
        auth: tuple[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float,
        transport: httpx.BaseTransport | None = None,
        verify: str | bool = True,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.address = address
        self.timeout_s = timeout_s
        self.transport = transport or _transport(address)
        """The transport in place of a network connection; None where there is a network."""
        self._sleep = sleep
        self._wanted_wait_s = 0.0
        sent = {"Accept": "application/json", "User-Agent": "prodgen", **(headers or {})}
        if address.is_local:
            # Compressing base64 of a PNG saves its overhead of a quarter, and takes longer than the rest.
            sent["Accept-Encoding"] = "identity"
        self.auth = auth
        if isinstance(auth, str):
            sent["Authorization"] = f"Bearer {auth}"
        self._http = httpx.Client(
            base_url=_base_url(address),
            # Pre-emptively: A1111 sends no challenge that would make a client authenticate.
            auth=httpx.BasicAuth(*auth) if isinstance(auth, tuple) else None,
            headers=sent,
            timeout=httpx.Timeout(CONNECT_S, read=timeout_s, write=WRITE_S, pool=timeout_s),
            transport=self.transport,
            verify=_certificates(address, verify),
            follow_redirects=False,
            # HTTP_PROXY is meant for the way out; a server on this machine would not be found through it.
            trust_env=not address.is_local,
        )

    def close(self) -> None:
        """Close all sockets."""
        self._http.close()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed here."""
        return self._http.is_closed

    @property
    def url(self) -> str:
        """The address as it may be shown."""
        return self.address.url

    def get(self, path: str, *, timeout_s: float | None = None, tries: int = TRIES) -> Any:
        """Ask a quick question and return the parsed answer.

        Raises:
            BackendError: If there is no good answer.
        """
        return self.parsed(path, self._quick("GET", path, None, timeout_s, tries))

    def post(
        self, path: str, fields: Any = None, *, timeout_s: float | None = None, tries: int = TRIES
    ) -> Any:
        """Tell something that is quickly done, and return the parsed answer.

        Raises:
            BackendError: If there is no good answer.
        """
        body = encoding.encode_body(fields, formats=("png",), is_local=False) if fields is not None else None
        answer = self._quick("POST", path, body, timeout_s, tries)
        # Commands answer null, {}, a word such as "Stopping.", or nothing at all.
        is_word = not answer.body or answer.content_type.startswith("text/plain")
        return None if is_word else self.parsed(path, answer)

    def clock(self, path: str) -> datetime | None:
        """Return the server's time, which comes with the answer to any question; None if it says none.

        Raises:
            BackendError: If there is no good answer.
        """
        answer = self._quick("GET", path, None, None, TRIES)
        try:
            return parsedate_to_datetime(answer.date)
        except ValueError:
            return None

    def probe(self, path: str, *, within_s: float) -> Any:
        """Ask the first question on a new connection, and have all of the answer within some seconds.

        This holds even for a server that sends a drop now and then for ever, which no time-out between two
        drops ends. Only a connection that is made within the call can be cut that way.

        Raises:
            BackendTimeoutError: If there is no whole answer by then.
            BackendError: If there is no good one.
        """
        with Deadline(within_s) as deadline:
            try:
                answer = self._once("GET", path, None, MAX_LIST_BYTES, within_s, trace=deadline.watch)
            except BackendError as error:
                if not (deadline.has_passed or isinstance(error, BackendTimeoutError)):
                    raise
                raise BackendTimeoutError(self.url, f"no whole answer within {within_s:g} s") from error
        return self.parsed(path, answer)

    def look(self, path: str, *, within_s: float) -> SeenAnswer:
        """Return the first MiB of an answer as it came, whatever its status; if there is none, raise."""
        try:
            with self._http.stream("GET", path.lstrip("/"), timeout=within_s) as response:
                body = next(response.iter_bytes(MOST_BYTES), b"")
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise translate(self.url, error, within_s) from error
        return SeenAnswer(self.url, response.status_code, dict(response.headers), body)

    def fetch(self, path: str, *, limit: int) -> bytes:
        """Return a file that the server hands out.

        Raises:
            BackendError: If it does not.
        """
        return self._tried("GET", path, None, limit, LIST_READ_S).body

    def render(self, path: str, body: encoding.Body, *, limit: int) -> WholeAnswer:
        """Have work done that takes minutes; never sent twice once it may have begun.

        Raises:
            BackendLostError: If the connection broke and the work may be going on or done.
            BackendError: If there is no good answer.
        """
        return self._tried("POST", path, body, limit, self.timeout_s)

    def parsed(self, path: str, answer: WholeAnswer) -> Any:
        """Return the JSON of an answer.

        Raises:
            NotABackendError: If it is a web page.
            AnswerError: If it is not JSON, or only half of it.
        """
        try:
            return decoding.decode_json(answer.body)
        except ValueError as error:
            if "html" in answer.content_type or answer.body.lstrip()[:1] == b"<":
                raise NotABackendError(self.url, f"{path} answered a web page, not an API") from error
            raise AnswerError(
                self.url, f"{path} answered what is not whole JSON ({len(answer.body)} bytes): {error}"
            ) from error

    def _quick(
        self, method: str, path: str, body: encoding.Body | None, timeout_s: float | None, tries: int
    ) -> WholeAnswer:
        read_s = min(LIST_READ_S, self.timeout_s) if timeout_s is None else timeout_s
        try:
            return self._tried(method, path, body, MAX_LIST_BYTES, read_s, tries)
        except BackendLostError:
            # A kept connection that the server closed meanwhile; asking again changes nothing there.
            return self._tried(method, path, body, MAX_LIST_BYTES, read_s, tries)

    def _tried(
        self,
        method: str,
        path: str,
        body: encoding.Body | None,
        limit: int,
        read_s: float,
        tries: int = TRIES,
    ) -> WholeAnswer:
        trying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(WORTH_A_SECOND_TRY),
            stop=tenacity.stop_after_attempt(tries),
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        return trying(self._once, method, path, body, limit, read_s)

    def _wait(self, state: tenacity.RetryCallState) -> float:
        """Wait as long as the server asked for, else longer each time."""
        usual = tenacity.wait_exponential(multiplier=0.3, max=10) + tenacity.wait_random(0, 0.1)
        return max(usual(state), self._wanted_wait_s)

    def _once(
        self,
        method: str,
        path: str,
        body: encoding.Body | None,
        limit: int,
        read_s: float,
        *,
        trace: Callable[[str, Mapping[str, Any]], None] | None = None,
    ) -> WholeAnswer:
        headers = {}
        if body is not None:
            headers = {"Content-Type": "application/json", "Content-Length": str(body.size)}
        timeout = httpx.Timeout(min(CONNECT_S, read_s), read=read_s, write=WRITE_S, pool=read_s)
        try:
            with self._http.stream(
                method,
                path.lstrip("/"),
                content=body,
                headers=headers,
                timeout=timeout,
                extensions={"trace": trace} if trace else None,
            ) as response:
                received = self._read(response, limit, time.monotonic() + read_s, path)
                content_type = response.headers.get("content-type", "").lower()
                status = response.status_code
                date = response.headers.get("date", "")
                self._wanted_wait_s = _retry_after(response)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
            raise translate(self.url, error, read_s) from error
        except RuntimeError as error:  # what httpx raises where another thread has closed it
            if not self.is_closed:
                raise
            raise BackendLostError(self.url, "the connection was closed here") from error
        if 300 <= status < 400:
            raise NotABackendError(self.url, f"{path} is redirected; give the address it leads to")
        if status >= 400:
            faults.raise_for(self.url, status, content_type, received, path=path)
        return WholeAnswer(content_type, received, date)

    def _read(self, response: httpx.Response, limit: int, deadline: float, path: str) -> bytes:
        """Read at most `limit` bytes until `deadline`: an answer may be endless or come in drops."""
        pieces: list[bytes] = []
        size = 0
        for piece in response.iter_bytes():
            size += len(piece)
            if size > limit:
                raise AnswerError(
                    self.url, f"{path} answered more than {limit >> 20} MiB, which cannot be meant"
                )
            if time.monotonic() > deadline:
                raise BackendTimeoutError(self.url, f"{path} did not finish answering in time")
            pieces.append(piece)
        return b"".join(pieces)


def _retry_after(response: httpx.Response) -> float:
    """Seconds that a busy server asks to wait, up to a limit; 0 if it does not say."""
    text = response.headers.get("retry-after", "")
    return min(float(text), LONGEST_WAIT_S) if text.isdecimal() else 0.0


def _base_url(address: Address) -> str:
    if address.is_embedded:
        return "http://embedded"
    return "http://socket" if address.socket else address.url


def _transport(address: Address) -> httpx.BaseTransport | None:
    if address.is_embedded:
        from prodgen.engines import embedded_transport

        return embedded_transport()
    return httpx.HTTPTransport(uds=address.socket) if address.socket is not None else None


def _certificates(address: Address, verify: str | bool) -> ssl.SSLContext | bool:
    """Whose certificates are believed; with a file of one's own, those that it signed alone."""
    if not isinstance(verify, str) or not address.url.startswith("https:"):
        return bool(verify)
    try:
        return ssl.create_default_context(cafile=verify)
    except OSError as error:
        raise SettingError(f"the certificate file {verify!r} cannot be read: {error}") from error


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
    while below is not None:
        yield below
        below = below.__cause__ or below.__context__


def is_listening(host: str, port: int, *, within_s: float = 1.0) -> bool:
    """Whether anything accepts connections there; nothing is sent."""
    try:
        with socket.create_connection((host, port), timeout=within_s):
            return True
    except OSError:
        return False
