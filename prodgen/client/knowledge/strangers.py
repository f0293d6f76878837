"""Recognises what answers at an address that is no A1111 API, so that an error names it and the way to go.

Asks a few cheap questions, once, and only after the first real one has failed; see `signs` for what is known.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from prodgen.client.knowledge.signs import ASKED, IMITATORS, SIGNS, Kind, Sign
from prodgen.client.reaching.connection import Connection
from prodgen.client.reaching.seen_answer import SeenAnswer
from prodgen.errors import (
    BackendAuthError,
    BackendBusyError,
    BackendCertificateError,
    BackendError,
    BackendGatewayError,
    BackendTimeoutError,
    BackendUnreachableError,
    NotABackendError,
)

LOOK_S = 3.0
"""Seconds for one question. Chosen: as for the question whether a backend is there at all."""

LOOKING_S = 10.0
"""Seconds for all questions together. Chosen: worth a better sentence than "another service"."""

_TELL_NOTHING = (
    BackendUnreachableError,
    BackendTimeoutError,
    BackendCertificateError,
    BackendBusyError,
    BackendGatewayError,
)
"""Errors without an answer of what is there: nothing came, or a proxy says why nothing came."""


@dataclass(frozen=True)
class Stranger:
    """What was recognised, in words for people."""

    what: str
    remedy: str
    kind: Kind


def named(connection: Connection, error: BackendError) -> BackendError:
    """Return the error to raise in place of `error`: it names what answers, if that can be recognised.

    Args:
        connection: To the address whose first question failed.
        error: How that failed.
    """
    if isinstance(error, _TELL_NOTHING) or connection.address.is_inside:
        return error
    found = recognise(connection)
    if found is None:
        return error
    if found.kind == "gate":
        return BackendAuthError(error.url, found.what, remedy=found.remedy)
    says = found.what if found.kind == "tunnel" else f"{found.what} answers there, not the API of A1111"
    return NotABackendError(error.url, says, remedy=found.remedy)


def recognise(connection: Connection) -> Stranger | None:
    """Return what answers there; None if it is like A1111's own API, or unknown."""
    looks = _Looks(connection)
    first = looks.at(ASKED)
    if first is None or _is_a1111s_own(first):
        return None
    for sign in SIGNS:
        if first.location and sign.path != ASKED:
            continue  # all else is redirected as well: the error about the redirect says it best
        if not sign.first(first):
            continue
        seen = looks.at(sign.path, sign.method)
        if seen is not None and sign.shows(seen):
            return _told(sign, seen, connection.url)
    return None


def imitator(connection: Connection) -> str:
    """Return name and version of a program that imitates A1111's API and says who it is; "" if none does."""
    looks = _Looks(connection)
    for sign in IMITATORS:
        seen = looks.at(sign.path)
        if seen is not None and sign.shows(seen):
            return _told(sign, seen, connection.url).what
    return ""


class _Looks:
    """Answers to questions, each asked once, until the time is up."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._seen: dict[tuple[str, str], SeenAnswer | None] = {}
        self._until = time.monotonic() + LOOKING_S

    def at(self, path: str, method: Literal["GET", "POST"] = "GET") -> SeenAnswer | None:
        """Return the answer to one question; None if there is none in time."""
        if (path, method) not in self._seen:
            self._seen[path, method] = self._ask(path, method)
        return self._seen[path, method]

    def _ask(self, path: str, method: Literal["GET", "POST"]) -> SeenAnswer | None:
        within_s = min(LOOK_S, self._until - time.monotonic())
        if within_s <= 0:
            return None
        try:
            return self._connection.look(path, within_s=within_s, fields={} if method == "POST" else None)
        except BackendError:
            return None


def _is_a1111s_own(first: SeenAnswer) -> bool:
    """Whether the answer is one that A1111 or its relatives give: samplers, or an error in their shape."""
    if isinstance(first.json, list):
        return bool(first.json)
    if first.status >= 500:
        return first.at("error") is not None or first.at("detail") is not None
    return first.status in (401, 403) and isinstance(first.at("detail"), str)


def _told(sign: Sign, seen: SeenAnswer, url: str) -> Stranger:
    version = seen.at(*sign.version) if sign.version else None
    what = sign.what.format(
        title=seen.title or str(seen.at("info", "title") or "untitled"),
        status=seen.status,
        to=seen.location or seen.sends_on_to,
        proxy=seen.proxy or "a web server",
        version=f" {version}" if isinstance(version, str) else "",
    )
    as_comfy = url.replace("https://", "comfys://").replace("http://", "comfy://")
    return Stranger(what, sign.remedy.replace("{as comfy}", as_comfy), sign.kind)
