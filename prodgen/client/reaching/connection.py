"""One connection to one backend: what is asked again, for how long, and how much of an answer is read.

A call has one deadline, from its first connection to the last byte of its answer, all tries included. It is
tried again only where that cannot render twice: it is a question, or nothing was reached. What a broken
answer means for a render is decided by whoever can ask after the task.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from prodgen.client.reaching import decoding, encoding, entries, faults, inside
from prodgen.client.reaching.addresses import Address
from prodgen.client.reaching.patience import TRIES, Patience
from prodgen.client.reaching.seen_answer import MOST_BYTES, SeenAnswer
from prodgen.connections.bodies import Body
from prodgen.connections.deadlines import Deadline
from prodgen.connections.lines import Lines, too_late
from prodgen.errors import (
    AnswerError,
    BackendBusyError,
    BackendError,
    BackendGatewayError,
    BackendLostError,
    BackendStartingError,
    BackendTimeoutError,
    BackendUnreachableError,
)

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

LIST_READ_S = 600.0
"""Seconds for quick questions. They are answered at once, but A1111 has 40 threads in all: while more calls
than that wait for the GPU, even a list waits until some of them are done."""

QUICK_S = 10.0
"""Seconds for a question that is asked while work is going on."""

MAX_LIST_BYTES = 64 << 20
"""Most bytes of an answer that holds no pictures."""

Worth = Callable[[BackendError], bool]
"""Whether a call is tried again after an error, by the error alone."""


@dataclass(frozen=True)
class WholeAnswer:
    """A whole answer with a good status."""

    content_type: str
    body: bytes
    date: str = ""
    """Its Date header: the server's clock when it answered."""
    entries: list[Any] | None = None
    """The entries of a list that was made small while it came, and is not in `body`; None otherwise."""


class Connection:
    """Asks one server, and returns whole answers; several threads may ask at once."""

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
        self.transport = transport or inside.transport_of(address, auth=auth, headers=headers, verify=verify)
        """The transport in place of a network connection; None where there is a network."""
        self._sleep = sleep
        self._worked: list[str] = []
        self._has_told_of_a_start = False
        sent = {"Accept": "application/json", "User-Agent": "prodgen", **(headers or {})}
        if address.is_local:
            # Compressing base64 of a PNG saves its overhead of a quarter, and takes longer than the rest.
            sent["Accept-Encoding"] = "identity"
        self.auth = auth
        if isinstance(auth, str):
            sent["Authorization"] = f"Bearer {auth}"
        self._lines = Lines(
            address.url,
            base_url=_base_url(address),
            socket_path=address.socket,
            is_local=address.is_local,
            auth=auth if isinstance(auth, tuple) else None,
            headers=sent,
            transport=self.transport,
            verify=verify,
        )

    def close(self) -> None:
        """Close all sockets."""
        self._lines.close()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed here."""
        return self._lines.is_closed

    @property
    def url(self) -> str:
        """The address as it may be shown."""
        return self.address.url

    def get(self, path: str, *, timeout_s: float | None = None, tries: int = TRIES) -> Any:
        """Ask a quick question and return the parsed answer, whole within `timeout_s`.

        Raises:
            BackendTimeoutError: If there is no whole answer by then.
            BackendError: If there is no good answer.
        """
        return self.parsed(path, self._quick("GET", path, None, timeout_s, tries))

    def get_list(self, path: str, keep: Callable[[Any], Any], *, timeout_s: float | None = None) -> Any:
        """Ask for a list that may be of any length, and return it with each entry as `keep` makes it.

        Raises:
            BackendTimeoutError: If it is not here within `timeout_s`.
            BackendError: If there is no good answer.
        """
        return self.parsed(path, self._quick("GET", path, None, timeout_s, TRIES, keep))

    def post(
        self, path: str, fields: Any = None, *, timeout_s: float | None = None, tries: int = TRIES
    ) -> Any:
        """Tell something that is quickly done, and return the parsed answer, whole within `timeout_s`.

        Raises:
            BackendTimeoutError: If there is no whole answer by then.
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
        return faults.moment(self._quick("GET", path, None, None, TRIES).date)

    def look(self, path: str, *, within_s: float, fields: dict[str, Any] | None = None) -> SeenAnswer:
        """Return the first MiB of an answer as it came, whatever its status; POST if there are fields.

        Raises:
            BackendError: If there is none.
        """
        deadline = Deadline(within_s)
        sent = None if fields is None else encoding.encode_body(fields, formats=(), is_local=True)
        with self._lines.stream("GET" if sent is None else "POST", path, sent, deadline) as response:
            body = next(response.iter_bytes(MOST_BYTES), b"")
        return SeenAnswer(self.url, response.status_code, dict(response.headers), body)

    def fetch(self, path: str, *, limit: int) -> bytes:
        """Return a file that the server hands out.

        Raises:
            BackendError: If it does not.
        """
        deadline = Deadline(min(LIST_READ_S, self.timeout_s))
        return self._tried(
            lambda: self._once("GET", path, None, limit, deadline, wants_json=False),
            deadline,
            _is_worth_asking_again,
        ).body

    def render(self, path: str, body: Body, *, limit: int, deadline: Deadline | None = None) -> WholeAnswer:
        """Have work done that takes minutes; never sent twice once it may have begun.

        Args:
            path: Route of the work.
            body: What to do.
            limit: Most bytes of the answer.
            deadline: Until when the answer is to be whole; unset: the connection's own time from now on.

        Raises:
            BackendTimeoutError: If there is no whole answer by then.
            BackendLostError: If the connection broke and the work may be going on or done.
            BackendError: If there is no good answer.
        """
        until = deadline or Deadline(self.timeout_s)
        answer = self._tried(lambda: self._once("POST", path, body, limit, until), until, _never_got_there)
        self._has_told_of_a_start = False  # it works; another start is news again
        return answer

    def tell_of_a_start(self, error: BackendStartingError, most_s: float) -> None:
        """Tell once that the server is starting and waited for, however many questions find that out."""
        if not self._has_told_of_a_start:
            self._has_told_of_a_start = True
            log.warning("%s: %s; it is waited for, up to %.0f s", error.url, error.reason, most_s)

    def answers_as_before(self) -> bool:
        """Whether a question that was answered before is answered now; asked once, and for a short time."""
        if not self._worked:
            return True
        try:
            self.get(self._worked[0], timeout_s=QUICK_S, tries=1)
        except BackendError as error:
            return not (isinstance(error, BackendTimeoutError) or _is_worth_asking_again(error))
        return True

    def parsed(self, path: str, answer: WholeAnswer) -> Any:
        """Return the JSON of an answer.

        Raises:
            AnswerError: If it is not JSON, or only half of it.
        """
        try:
            value = decoding.decode_json(answer.body) if answer.entries is None else answer.entries
        except ValueError as error:
            raise AnswerError(
                self.url, f"{path} answered what is not whole JSON ({len(answer.body)} bytes): {error}"
            ) from error
        route = path.partition("?")[0]
        if route not in self._worked:
            self._worked.append(route)
        return value

    def _quick(
        self,
        method: str,
        path: str,
        body: Body | None,
        timeout_s: float | None,
        tries: int,
        keep: Callable[[Any], Any] | None = None,
    ) -> WholeAnswer:
        deadline = Deadline(min(LIST_READ_S, self.timeout_s) if timeout_s is None else timeout_s)

        def ask() -> WholeAnswer:
            return self._once(method, path, body, MAX_LIST_BYTES, deadline, keep=keep)

        return self._tried(ask, deadline, _is_worth_asking_again, tries)

    def _tried(
        self, ask: Callable[[], WholeAnswer], deadline: Deadline, worth: Worth, tries: int = TRIES
    ) -> WholeAnswer:
        """Ask until there is an answer, or no patience."""
        patience = Patience(deadline, tries=tries, on_start=self.tell_of_a_start)
        while True:
            try:
                return ask()
            except BackendError as error:
                pause = patience.pause_after(error) if worth(error) else None
                if pause is None:
                    raise
            self._sleep(pause)

    def _once(
        self,
        method: str,
        path: str,
        body: Body | None,
        limit: int,
        deadline: Deadline,
        *,
        wants_json: bool = True,
        keep: Callable[[Any], Any] | None = None,
    ) -> WholeAnswer:
        begun = time.monotonic()
        with self._lines.stream(method, path, body, deadline) as response:
            self._check_packing(response, path)
            is_good = response.status_code < 300
            received = self._read(response, limit, deadline, path, keep if is_good else None)
        answer = WholeAnswer(
            response.headers.get("content-type", "").lower(),
            b"" if isinstance(received, list) else received,
            response.headers.get("date", ""),
            received if isinstance(received, list) else None,
        )
        refusal = faults.Refusal(
            self.url,
            path,
            response.status_code,
            answer.body,
            dict(response.headers),
            time.monotonic() - begun,
            worked_before=path.partition("?")[0] in self._worked,
        )
        if not is_good or (wants_json and answer.entries is None and faults.is_no_answer(refusal)):
            raise faults.error_of(refusal)
        return answer

    def _check_packing(self, response: httpx.Response, path: str) -> None:
        """Refuse an answer that is packed in a way which was not asked for, and is not understood."""
        asked = response.request.headers.get("accept-encoding", "")
        for packing in response.headers.get("content-encoding", "").lower().replace(" ", "").split(","):
            if packing not in ("", "identity", "gzip", "deflate") and packing not in asked:
                raise AnswerError(
                    self.url,
                    f"{path} answered packed as {packing}, which was not asked for and cannot be unpacked",
                    remedy="Switch that compression off in the proxy before it.",
                )

    def _read(
        self,
        response: httpx.Response,
        limit: int,
        deadline: Deadline,
        path: str,
        keep: Callable[[Any], Any] | None,
    ) -> list[Any] | bytes:
        """Read at most `limit` bytes, for an answer may be endless; of a list, as many entries as may be."""
        try:
            if keep is not None:
                return entries.read(self._pieces(response, deadline), keep, most_bytes=limit)
            return entries.whole(self._pieces(response, deadline), most_bytes=limit)
        except entries.TooMuchError as error:
            raise AnswerError(self.url, f"{path} answered {error}, which cannot be meant") from error
        except ValueError as error:
            raise AnswerError(self.url, f"{path} answered what is not whole JSON: {error}") from error

    def _pieces(self, response: httpx.Response, deadline: Deadline) -> Iterator[bytes]:
        for piece in response.iter_bytes():
            if deadline.has_passed:
                break
            yield piece
        # An answer without a length ends where its connection ends, and it may be our deadline that ended it.
        if deadline.has_passed:
            raise too_late(self.url, deadline)


def _is_worth_asking_again(error: BackendError) -> bool:
    """Whether a question is asked again: that changes nothing on the server."""
    if isinstance(error, BackendGatewayError):
        return not error.gave_up  # after a minute, it would do so again
    return isinstance(error, BackendUnreachableError | BackendBusyError | BackendLostError)


def _never_got_there(error: BackendError) -> bool:
    """Whether work is sent again without a look at the server; a proxy's word is no proof."""
    return isinstance(error, BackendUnreachableError) and error.cause != "gateway"


def _base_url(address: Address) -> str:
    if address.engine is not None:
        return f"http://{'embedded' if address.is_embedded else address.engine}"
    return "http://socket" if address.socket else address.url


def is_listening(host: str, port: int, *, within_s: float = 1.0) -> bool:
    """Whether anything accepts connections there; nothing is sent."""
    try:
        with socket.create_connection((host, port), timeout=within_s):
            return True
    except OSError:
        return False
