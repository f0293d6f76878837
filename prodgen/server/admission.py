"""Who may speak to a server behind a socket: decided from a request's head, before any of its body is read.

A web page anywhere can make the browser of whoever reads it send requests to 127.0.0.1. So a request that
says it comes from another site is refused, and so is a Host that is not this computer's (which stops pages
that point a name of their own here, "DNS rebinding"). No CORS header is ever sent: no page of another site
may read an answer. What A1111's clients send has none of these headers.
"""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from prodgen.server.request_head import RequestHead
from prodgen.server.wire import HttpAnswer, answer

MAX_BODY_BYTES = 256 * 1024 * 1024
"""Larger requests are refused with 413. A1111 has no limit; ten init images of 24 megapixels fit."""

FOREIGN = "this request comes from another web site; programs and this server's own pages may use it"
WRONG_HOST = "this Host is not served; use 127.0.0.1 or --api-auth"
NO_WEB_SOCKETS = "there are no web sockets here; poll /sdapi/v1/progress"


def refusal(head: RequestHead, *, is_open: bool) -> HttpAnswer | None:
    """Return the answer to a request that must not be worked on, or None if it may go on.

    Args:
        head: The request's.
        is_open: Whether everybody is let in without a password: then only this computer's names are served.
    """
    host = head.first("host", "127.0.0.1")
    if is_open and not is_loopback(_name_of(host)):
        return answer({"detail": WRONG_HOST}, 403)
    if is_from_another_site(head, host):
        return answer({"detail": FOREIGN}, 403)
    if "websocket" in head.first("upgrade").lower():
        return answer({"detail": NO_WEB_SOCKETS}, 400)
    return None


def is_from_another_site(head: RequestHead, host: str) -> bool:
    """Whether a browser says that a page of another site makes this request to `host`."""
    # "none" is an address that somebody typed; "same-site" is another port or a sister domain.
    sites = (site.lower() for site in head.all("sec-fetch-site"))
    if any(site not in ("none", "same-origin") for site in sites):
        return True
    origins = head.all("origin") or head.all("referer")  # from browsers that leave out the Origin
    return not all(_is_at(origin, host) for origin in origins)


def body_length(head: RequestHead) -> int | HttpAnswer | None:
    """Return the length of a request's body in bytes, None for one in chunks, or the answer that refuses it.

    A request that states its length in two ways is refused: a proxy might have read it otherwise.
    """
    lengths = set(head.all("content-length"))
    codings = [value.lower() for value in head.all("transfer-encoding")]
    if codings:
        if lengths or codings != ["chunked"] or head.is_http_1_0:
            return answer({"detail": "cannot tell where this body ends"}, 400)
        return None
    if len(lengths) > 1 or not all(_is_plain_number(value) for value in lengths):
        return answer({"detail": "Content-Length is no number"}, 400)
    length = int(lengths.pop()) if lengths else 0
    return length if length <= MAX_BODY_BYTES else too_large()


def too_large() -> HttpAnswer:
    """Return the answer to a body over `MAX_BODY_BYTES`."""
    text = f"a request has at most {MAX_BODY_BYTES // 2**20} MiB; send fewer or smaller pictures"
    return answer({"detail": text}, 413)


def is_loopback(host: str) -> bool:
    """Whether an address or name means this computer."""
    name = host.lower().removesuffix(".")
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _name_of(host: str) -> str:
    """Return a Host header's name or address, without its port."""
    name, colon, port = host.rpartition(":")
    return (name if colon and _is_plain_number(port) else host).removeprefix("[").removesuffix("]")


def _is_at(address: str, host: str) -> bool:
    """Whether a page's address or origin is served under this Host header."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    if parts.scheme not in ("http", "https"):
        return False  # "null", a file, an extension's page
    usual = {"http": 80, "https": 443}[parts.scheme]
    of_page = (parts.hostname or "", port or usual)
    colon, number = host.rpartition(":")[1:]
    of_host = (_name_of(host).lower(), int(number) if colon and _is_plain_number(number) else usual)
    return of_page == of_host


def _is_plain_number(text: str) -> bool:
    """Whether a text is digits only; `int` alone would take "+5", "1_0" and "٣"."""
    return text.isascii() and text.isdigit() and len(text) < 20
