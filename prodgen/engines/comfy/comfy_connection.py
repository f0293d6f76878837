"""HTTP to one ComfyUI server: questions and commands in, parsed answers out, refusals as our errors.

ComfyUI knows no passwords: name, token and headers are for a proxy before it. A question is asked again after
a failure that may pass; a command is sent once, as nobody knows whether it arrived.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit, urlunsplit

from prodgen.connections import gateways
from prodgen.connections.bodies import Body
from prodgen.connections.deadlines import Deadline
from prodgen.connections.lines import Lines, too_late
from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendBusyError,
    BackendError,
    BackendFaultError,
    BackendGatewayError,
    BackendLostError,
    BackendTimeoutError,
    BackendUnreachableError,
    NotABackendError,
    SettingError,
    UnreachableCause,
)
from prodgen.server.engine import EngineSettings

DEFAULT_PORT = 8188
"""Where ComfyUI listens unless it is started with another --port."""

QUESTION_S = 30.0
"""Seconds for an answer without pictures. The slowest, /object_info of several hundred classes,
takes 0.1 s on an idle server, but its one thread for HTTP waits while a node holds Python's lock."""

FILE_S = 300.0
"""Seconds for a picture to be sent or fetched: 60 MB take so long at 1.6 Mbit/s."""

TRIES = 4
"""How often a question is asked in all, with waits of 0.3, 0.6 and 1.2 s: a proxy restarts meanwhile."""

MAX_ANSWER_BYTES = 64 << 20
"""Most bytes of an answer that holds no pictures; /object_info has several MB with many node packs."""

MAX_FILE_BYTES = 512 << 20
"""Most bytes of a picture: 100 megapixels of 8-bit RGBA, not compressed at all, are 400 MB."""

_SHOWN = 300
"""Characters of a server's text that a message repeats."""

CHECK_ADDRESS = "Check the address: is it ComfyUI that listens there?"
LET_IN = (
    "Give it what lets programs in: PRODGEN_AUTH=user:password or 'Bearer TOKEN', or a header in "
    "PRODGEN_HEADERS (Cloudflare Access, for one, takes those of a service token)."
)

_REMEDIES: dict[UnreachableCause, str] = {
    "refused": "Start ComfyUI (with --listen, if it is on another machine), or correct the port, "
    f"usually {DEFAULT_PORT}.",
    "no TLS": "Use comfy:// instead of comfys://: what answers there speaks no TLS.",
    "other": "Is ComfyUI running at this address? If it was started with --tls-keyfile, use comfys://.",
}


@dataclass(frozen=True)
class ServerAnswer:
    """A whole answer, whatever its status."""

    path: str
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes
    elapsed_s: float = 0.0

    @property
    def text(self) -> str:
        """What a person can read in it, in one line: a page's title, or its beginning."""
        text = self.body[:20_000].decode("utf-8", "replace")
        if self.is_page:
            found = re.search(r"<(title|h1)\b[^>]*>(.*?)</\1>", text, re.IGNORECASE | re.DOTALL)
            text = re.sub(r"<[^>]*>", " ", found.group(2)) if found else ""
        line = " ".join(text.split())
        return line if len(line) <= _SHOWN else f"{line[:_SHOWN]}..."

    @property
    def is_page(self) -> bool:
        """Whether it is a web page."""
        return "html" in self.headers.get("content-type", "").lower() or self.body[:99].lstrip()[:1] == b"<"


class ComfyConnection:
    """Asks one ComfyUI server; several threads may ask at once."""

    def __init__(self, settings: EngineSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """Take an address apart; nothing is sent yet.

        Raises:
            SettingError: If there is no address, or one that cannot be used.
        """
        self.base_url, in_address = split_address(settings.address)
        self.url = self.base_url.replace("http", "comfy", 1)
        """The address as people write it, without a password."""
        auth = in_address or settings.auth
        self.headers = {"User-Agent": "prodgen", **settings.headers}
        """Sent with each request, and with the websocket's handshake."""
        if isinstance(auth, str):
            self.headers["Authorization"] = f"Bearer {auth.removeprefix('Bearer ').strip()}"
        self.auth = auth if isinstance(auth, tuple) else None
        self.verify = settings.verify
        self.is_local = is_loopback(self.base_url)
        self._sleep = sleep
        self._lines = Lines(
            self.url,
            base_url=self.base_url,
            is_local=self.is_local,
            auth=self.auth,
            headers={"Accept": "application/json, image/*;q=0.9, */*;q=0.5", **self.headers},
            verify=self.verify,
        )

    def close(self) -> None:
        """Close all sockets."""
        self._lines.close()

    def get(self, path: str, *, within_s: float = QUESTION_S, tries: int = TRIES) -> Any:
        """Ask a question, again if need be, and return the parsed answer.

        Raises:
            BackendError: If there is no good answer.
        """
        return self.parsed(self._patiently(path, within_s, MAX_ANSWER_BYTES, tries))

    def fetch(self, path: str) -> bytes:
        """Return a file that the server hands out.

        Raises:
            BackendError: If it does not.
        """
        return self._good(self._patiently(path, FILE_S, MAX_FILE_BYTES, TRIES)).body

    def has(self, path: str) -> bool:
        """Whether the server answers a question at all; older ones lack a few of them.

        Raises:
            BackendError: If it refuses, or cannot be asked.
        """
        answer = self._patiently(path, QUESTION_S, MAX_ANSWER_BYTES, TRIES)
        # A path that is not there leads to the UI's files, whose answer is a page, or not found.
        return answer.status not in (404, 405) and not self._good(answer).is_page

    def post(self, path: str, fields: Any, *, within_s: float = QUESTION_S) -> Any:
        """Give a command, once, and return the parsed answer; None if the answer is empty.

        Raises:
            BackendError: If there is no good answer.
        """
        answer = self._good(self.send(path, _json_body(fields), within_s=within_s))
        return self.parsed(answer) if answer.body.strip() else None

    def send(self, path: str, body: Body | Any, *, within_s: float = QUESTION_S) -> ServerAnswer:
        """Post once, and return whatever comes, whichever its status; JSON, unless it is a body already.

        Raises:
            BackendError: If nothing comes.
        """
        sent = body if isinstance(body, Body) else _json_body(body)
        return self._once("POST", path, sent, Deadline(within_s), MAX_ANSWER_BYTES)

    def error_of(self, answer: ServerAnswer) -> BackendError:
        """Return what an answer with no good status means."""
        return _error_of(self.url, answer)

    def _patiently(self, path: str, within_s: float, limit: int, tries: int) -> ServerAnswer:
        """Ask until there is an answer, or no time."""
        deadline = Deadline(within_s)
        for failed in range(tries):
            pause = 0.3 * 2**failed
            is_last = failed == tries - 1 or pause >= deadline.left_s
            try:
                answer = self._once("GET", path, None, deadline, limit)
            except BackendError as error:
                if is_last or not _may_pass(error):
                    raise
            else:
                if is_last or answer.status < 500 or not _may_pass(self.error_of(answer)):
                    return answer
            self._sleep(pause)
        raise AssertionError("the last try returns or raises")

    def _once(
        self, method: str, path: str, body: Body | None, deadline: Deadline, limit: int
    ) -> ServerAnswer:
        begun = time.monotonic()
        try:
            with self._lines.stream(method, path, body, deadline) as response:
                pieces, size = [], 0
                for piece in response.iter_bytes():
                    pieces.append(piece)
                    size += len(piece)
                    if size > limit:
                        raise AnswerError(self.url, f"{_route(path)} answered more than {limit >> 20} MB")
                    if deadline.has_passed:
                        break
                # An answer without a length ends where its connection ends: our deadline may have done it.
                if deadline.has_passed:
                    raise too_late(self.url, deadline)
        except BackendUnreachableError as error:
            remedy = _REMEDIES.get(error.cause)
            raise BackendUnreachableError(self.url, error.reason, remedy=remedy, cause=error.cause) from error
        headers = {name.lower(): value for name, value in response.headers.items()}
        return ServerAnswer(path, response.status_code, headers, b"".join(pieces), time.monotonic() - begun)

    def _good(self, answer: ServerAnswer) -> ServerAnswer:
        if not 200 <= answer.status < 300:
            raise _error_of(self.url, answer)
        return answer

    def parsed(self, answer: ServerAnswer) -> Any:
        """Return the JSON of a good answer.

        Raises:
            BackendError: If it is no good one, a page, or no JSON.
        """
        good = self._good(answer)
        if good.is_page:
            raise _page_error(self.url, good)
        try:
            return json.loads(good.body)
        except (ValueError, RecursionError) as error:
            said = f"{_route(good.path)} answered what is not whole JSON ({len(good.body)} bytes)"
            raise AnswerError(self.url, said) from error


def split_address(address: str | None) -> tuple[str, tuple[str, str] | None]:
    """Return an address as it may be shown, and the name and password that were in it.

    Raises:
        SettingError: If it is none; the message repeats no password.
    """
    written = (address or "").strip()
    for ours, theirs in (("comfys://", "https://"), ("comfy://", "http://")):
        if written.startswith(ours):
            written = theirs + written.removeprefix(ours)
    try:
        parts = urlsplit(written if "://" in written else f"http://{written}")
        host, port = parts.hostname, parts.port
    except ValueError:
        parts, host, port = urlsplit(""), None, None
    if parts.scheme not in ("http", "https") or not host:
        raise SettingError(
            f"a ComfyUI server's address looks like comfy://box:{DEFAULT_PORT}; this one does not"
        )
    if port is None and parts.scheme == "http":
        port = DEFAULT_PORT
    shown = f"[{host}]" if ":" in host else host
    url = f"{parts.scheme}://{shown}{f':{port}' if port else ''}{parts.path.rstrip('/')}"
    auth = None if parts.username is None else (unquote(parts.username), unquote(parts.password or ""))
    return url, auth


def is_loopback(url: str) -> bool:
    """Whether an address is this machine's own."""
    host = urlsplit(url).hostname or ""
    return host in ("localhost", "::1", "0.0.0.0") or host.startswith("127.")  # noqa: S104 - nothing is bound


def _json_body(fields: Any) -> Body:
    return Body((json.dumps(fields, allow_nan=False).encode(),))


def _may_pass(error: BackendError) -> bool:
    if isinstance(error, BackendGatewayError):
        return not error.gave_up
    return isinstance(
        error, BackendUnreachableError | BackendBusyError | BackendLostError
    ) and not isinstance(error, BackendTimeoutError)


def _route(path: str) -> str:
    return "/" + path.partition("?")[0].strip("/")


def _error_of(url: str, answer: ServerAnswer) -> BackendError:
    status, text = answer.status, answer.text
    said = f": {text}" if text else ""
    if 300 <= status < 400:
        return _redirected(url, answer)
    if status in (401, 407):
        return BackendAuthError(
            url,
            f"a proxy before it wants a password or a token ({status}{said})",
            remedy="Give it: PRODGEN_AUTH=user:password or 'Bearer TOKEN', PRODGEN_HEADERS, or "
            "comfy://user:password@host.",
        )
    if status == 403:
        return BackendAuthError(
            url,
            f"it refuses the request (403{said or ', without a word'})",
            remedy="ComfyUI does so if a proxy before it adds an Origin header or changes Host: let it "
            "pass Host on, or start ComfyUI with --enable-cors-header. A proxy's own rules may be the cause "
            "too.",
        )
    if status == 413:
        return BackendFaultError(
            url,
            f"the request is larger than it takes (413{said})",
            remedy="Start ComfyUI with a larger --max-upload-size (MB), or raise the limit of the proxy "
            "before it.",
            server_text=text,
        )
    if status in gateways.NOT_REACHED | gateways.GAVE_UP | gateways.NO_GOOD_ANSWER:
        return gateways.error_of(
            url, status, answer.headers, answer.body, said=text, elapsed_s=answer.elapsed_s
        )
    if status in (429, 503):
        return BackendBusyError(url, f"it refuses work for now ({status}{said})")
    if status in (404, 405) or (answer.is_page and status < 500):
        return NotABackendError(
            url,
            f"{_route(answer.path)} is not there ({status}{said})",
            remedy=CHECK_ADDRESS,
        )
    # "500 Internal Server Error / Server got itself in trouble" is aiohttp's, and never tells why.
    is_mute = status == 500 and "Server got itself in trouble" in text
    why = "without saying why" if is_mute or not text else text
    return BackendFaultError(
        url,
        f"{_route(answer.path)} failed ({status}): {why}",
        remedy="ComfyUI's console says more.",
        server_text=text,
    )


def _page_error(url: str, answer: ServerAnswer) -> BackendError:
    title = answer.text
    if re.search(r"\b(log|sign)[ -]?(in|on)\b|\bpassword\b|\bauthenticat", title, re.IGNORECASE):
        return BackendAuthError(url, f"a login page answers in its place ({title})", remedy=LET_IN)
    return NotABackendError(
        url,
        f"{_route(answer.path)} answered a web page, not ComfyUI ({title or 'no title'})",
        remedy=CHECK_ADDRESS,
    )


def _redirected(url: str, answer: ServerAnswer) -> BackendError:
    """Return where a redirect leads to, without a query, which may hold a secret.

    Followed blindly, a POST becomes a GET, and GET /prompt has an answer of its own. One that leads to
    another route is a login's: its address is no ComfyUI, and must not be sent a password.
    """
    route = _route(answer.path)
    parts = urlsplit(urljoin(f"{url.rstrip('/')}{route}", answer.headers.get("location", "")))
    there = urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))
    if not parts.path.endswith(route):
        what = f"{route} is redirected ({answer.status}) to {there}: a login stands before it"
        return BackendAuthError(url, what, remedy=LET_IN)
    base = there.removesuffix(route)
    ours = base.replace("https://", "comfys://", 1).replace("http://", "comfy://", 1)
    return NotABackendError(
        url, f"{route} is redirected ({answer.status}) to {base}", remedy=f"Give {ours} as its address."
    )
