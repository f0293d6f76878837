"""Ways for the embedded server to be slow, busy, wrong or dead, on purpose.

Clients are tested against these, and people can see what their own tool does. A fault is decided
before a request is worked on; what it does to the answer is done here, what it does to the
connection is done by the transport or the socket.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from prodgen.server.wire import Crashed, HttpAnswer, error_answer, nan_crash

FaultKind = Literal[
    "refuse",  # nobody listens
    "cut_before",  # the connection closes before any work
    "cut_during",  # half of the answer arrives
    "cut_after",  # the work is done, the answer never comes
    "busy",  # 503 from a proxy, before any work
    "too_many",  # 429, before any work
    "bad_gateway",  # 502 with a proxy's page, before any work
    "gateway_timeout",  # 504 with a proxy's page, and the work is done behind it
    "lost_at_cloudflare",  # 524 in plain text, and the work is done behind it
    "origin_down",  # 521 with Cloudflare's page, before any work
    "not_routed",  # 404 with a proxy's page, as while a pod starts, before any work
    "loading",  # 503 with JSON that says that a model is loading, before any work
    "half_made",  # 500 as of A1111 whose routes are there and whose scripts are not, before any work
    "html",  # 200 with a login page, before any work
    "garbage",  # 200 with bytes that are no JSON, after the work
    "half_json",  # 200 with half a JSON text, properly framed, after the work
    "no_images",  # 200 without pictures, after the work
    "out_of_memory",  # 500 as CUDA's, before any work
    "nan",  # 500 as of a half-precision model that breaks, before any work
    "hang",  # no answer for `hang_s`, the work is done at once
]
"""What can go wrong. Whether the picture was rendered by then is part of the meaning."""

EVERY_KIND: tuple[FaultKind, ...] = FaultKind.__args__  # type: ignore[attr-defined]  # typing's own way
_PAGE = b"<!DOCTYPE html><html><head><title>%s</title></head><body><h1>%s</h1></body></html>"


@dataclass(frozen=True)
class Fault:
    """One fault for one request."""

    kind: FaultKind
    hang_s: float = 30.0
    """Seconds, for "hang" only."""


Faults = Callable[[str], Fault | None]
"""Asked once per request with its path; None lets the request pass."""


def in_turn(faults: Iterable[Fault | FaultKind | None], *, paths: Sequence[str] = ("2img",)) -> Faults:
    """Return faults given out in that order, one for each request whose path ends in one of `paths`.

    None lets one request pass; when all are used up, everything passes.
    """
    left = iter([Fault(item) if isinstance(item, str) else item for item in faults])
    return _one_at_a_time(lambda: next(left, None), paths)


def at_random(
    *, share: float, seed: int, kinds: Sequence[FaultKind] = EVERY_KIND, paths: Sequence[str] = ("2img",)
) -> Faults:
    """Return faults that hit a `share` (0 to 1) of the requests, the same ones for the same `seed`."""
    source = random.Random(seed)  # noqa: S311 - to be repeatable is the point

    def choose() -> Fault | None:
        return Fault(source.choice(kinds), hang_s=0.2) if source.random() < share else None

    return _one_at_a_time(choose, paths)


def _one_at_a_time(choose: Callable[[], Fault | None], paths: Sequence[str]) -> Faults:
    """Return faults that `choose` gives out for these ends of paths, to one thread after the other."""
    lock = threading.Lock()

    def decide(path: str) -> Fault | None:
        if not path.endswith(tuple(paths)):
            return None
        with lock:
            return choose()

    return decide


def answer_without_work(fault: Fault | None) -> HttpAnswer | None:
    """Return the answer of a fault that keeps the server from working, or None if it works."""
    if fault is None:
        return None
    match fault.kind:
        case "refuse":
            return HttpAnswer(cut="refuse")
        case "cut_before":
            return HttpAnswer(cut="before")
        case "busy":
            return _page(503, "Service Unavailable", {"retry-after": "1"})
        case "too_many":
            return _page(429, "Too Many Requests", {"retry-after": "1"})
        case "bad_gateway":
            return _page(502, "Bad Gateway")
        case "origin_down":
            return _page(521, "example.org | 521: Web server is down", {"cf-ray": "0-AMS"})
        case "not_routed":
            return _page(404, "404 Not Found")
        case "loading":
            body = b'{"error":"Model is currently loading","estimated_time":1.0}'
            return HttpAnswer(503, body, "application/json")
        case "half_made":
            text = "'Api' object has no attribute 'default_script_arg_txt2img'"
            return error_answer(Crashed("AttributeError", text))
        case "html":
            return _page(200, "Please log in")
        case "out_of_memory":
            text = "CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 8.00 GiB total capacity)"
            return error_answer(Crashed("OutOfMemoryError", text))
        case "nan":
            return error_answer(nan_crash())
        case _:
            return None


def _page(status: int, title: str, headers: dict[str, str] | None = None) -> HttpAnswer:
    body = _PAGE % (title.encode(), title.encode())
    return HttpAnswer(status, body, "text/html; charset=utf-8", headers or {})


def spoil(answer: HttpAnswer, fault: Fault | None) -> HttpAnswer:
    """Return what becomes of an answer whose work was done."""
    if fault is None:
        return answer
    match fault.kind:
        case "cut_after":
            return replace(answer, cut="after")
        case "cut_during":
            return replace(answer, cut="during")
        case "gateway_timeout":
            return _page(504, "504 Gateway Time-out", {"server": "nginx"})
        case "lost_at_cloudflare":
            return HttpAnswer(524, b"error code: 524", "text/plain", {"server": "cloudflare"})
        case "garbage":
            return replace(answer, body=b"\x00\xff\xfe not json")
        case "half_json":
            return replace(answer, body=answer.body[: max(1, len(answer.body) // 2)])
        case "no_images":
            return replace(answer, body=b'{"parameters":{},"info":"{}"}')
        case _:
            return answer
