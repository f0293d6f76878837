"""A request's first line and headers, read strictly: what two programs could read in two ways is refused.

A proxy in front of the server and the server itself must see the same requests in the same bytes; where they
do not, one caller's bytes become another caller's request ("request smuggling", RFC 9112, section 11.2).
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/(\d)\.(\d)")
"""Method, target and version (RFC 9112, section 3)."""

_FIELD = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*?)[ \t]*")
"""A header: no blank before the colon, no control character, no line that goes on (RFC 9112, section 5)."""

_ABSOLUTE = re.compile(r"https?://([^/?#]*)([/?].*)?", re.IGNORECASE)
"""A target that names the server too, as clients send it to a proxy (RFC 9112, section 3.2.2)."""


class MalformedError(Exception):
    """A head that is not read: the status of its answer, and why."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(status, detail)
        self.status = status
        self.detail = detail


@dataclass(frozen=True)
class RequestHead:
    """The first line and the headers of one request."""

    method: str
    """Unchanged: methods are case-sensitive."""

    target: str
    """Path and query, unchanged."""

    is_http_1_0: bool
    headers: tuple[tuple[str, str], ...]
    """Names in lower case, and values, in the order in which they came."""

    def all(self, name: str) -> list[str]:
        """Return every value of a header."""
        return [value for key, value in self.headers if key == name]

    def first(self, name: str, default: str = "") -> str:
        """Return the first value of a header, or `default` without one."""
        return next((value for key, value in self.headers if key == name), default)

    @property
    def stays_open(self) -> bool:
        """Whether the client wants the connection to go on after the answer."""
        wishes = {wish.strip().lower() for value in self.all("connection") for wish in value.split(",")}
        return "keep-alive" in wishes if self.is_http_1_0 else "close" not in wishes

    @property
    def asks_first(self) -> bool:
        """Whether the client waits for leave to send its body."""
        return not self.is_http_1_0 and self.first("expect").lower() == "100-continue"


def parse_head(data: bytes) -> RequestHead:
    """Return the head in these bytes, which end before the empty line.

    Raises:
        MalformedError: If a line is not what HTTP/1.1 has there.
    """
    first, *lines = data.split(b"\r\n")
    line = _LINE.fullmatch(first)
    if line is None:
        raise MalformedError(400, "the first line of this request is not that of HTTP/1.1")
    method, target, major, minor = (part.decode("ascii") for part in line.groups())
    if major != "1":
        raise MalformedError(505, "this server speaks HTTP/1.1")
    headers = []
    for text in lines:
        field = _FIELD.fullmatch(text)
        if field is None:
            raise MalformedError(400, "a line of this request's head is no header")
        headers.append((field[1].decode("ascii").lower(), field[2].decode("latin-1")))
    head = RequestHead(method, target, minor == "0", tuple(headers))
    hosts = head.all("host")
    if len(hosts) > 1 or not (hosts or head.is_http_1_0):
        raise MalformedError(400, "a request has one Host")
    if any(value.lower() != "100-continue" for value in head.all("expect")):
        raise MalformedError(417, "nothing but 100-continue can be expected")
    return RequestHead(method, _path_of(target, hosts), head.is_http_1_0, head.headers)


def _path_of(target: str, hosts: list[str]) -> str:
    """Return path and query of a target.

    Raises:
        MalformedError: If it names another server than Host does, or is no path.
    """
    if target.startswith("/") or target == "*":
        return target
    absolute = _ABSOLUTE.fullmatch(target)
    if absolute is None:
        raise MalformedError(400, "the target of this request is no path")
    if hosts and absolute[1].lower() != hosts[0].lower():
        raise MalformedError(400, "the target of this request names another Host")
    path = absolute[2] or "/"
    return path if path.startswith("/") else f"/{path}"
