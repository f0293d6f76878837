"""What a server's refusal means: status, headers and body turned into our errors, with the remedy.

A1111 answers 500 for its own faults and for the caller's alike, so that only its text tells them apart: this
is the one module that reads a server's sentences. Forge answers plain text, proxies answer pages.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import urljoin, urlsplit, urlunsplit

from prodgen.client.reaching.addresses import EMBEDDED, is_inside
from prodgen.client.reaching.decoding import as_object, decode_json
from prodgen.connections import gateways
from prodgen.errors import (
    BackendAuthError,
    BackendBusyError,
    BackendError,
    BackendFaultError,
    BackendOutOfMemoryError,
    BackendStartingError,
    NotABackendError,
    ResultNotSentError,
)

_OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|can't allocate memory|cannot allocate memory|DefaultCPUAllocator"
    r"|CUBLAS_STATUS_ALLOC_FAILED|ErrorOutOfDeviceMemory",
    re.IGNORECASE,
)
_ARRAY_IN_THE_RESULT = re.compile(r"numpy\.ndarray' object has no attribute 'info'")

_API_IS_BEING_MADE = re.compile(r"'Api' object has no attribute 'default_script_arg_")
"""What A1111 answers to a drawing between the moment when its routes are there and when its scripts are."""

_SAYS_IT_STARTS = re.compile(
    r"\b(is|are|still|currently|now) (loading|starting|booting|initiali[sz]ing|warming|waking|preparing)\b"
    r"|\bbeing (loaded|started|prepared|provisioned|built)\b"
    r"|\b(starting|booting|warming|waking|spinning) up\b"
    r"|^\W*(loading|starting|booting|initiali[sz]ing|preparing|please wait)\b"
    r"|\bloading (the )?(model|weights|checkpoint)"
    r"|\bnot (yet )?ready\b",
    re.IGNORECASE,
)
"""How loading pages, and servers that load a model, say that they will answer later."""

_MAY_SAY_IT_STARTS = frozenset({200, 404, 425, 429, 502, 503, 504, *range(520, 531)})
"""Statuses with which they say so. In the text of a 500, "loading" means what failed."""

_WANTS_A_TOKEN = re.compile(
    r"\bbearer\b|\btoken\b|\bapi[ _-]?key\b|\bauthentication key\b|\bauthorization key\b", re.IGNORECASE
)

_CHALLENGE = re.compile(r"just a moment|attention required|checking your browser|captcha", re.IGNORECASE)
"""Titles of pages by which a proxy keeps programs out."""

_LOGIN = re.compile(r"\b(log|sign)[ -]?(in|on)\b|\bpassword\b|\bauthenticat", re.IGNORECASE)
"""Titles of login pages."""

NANS_REMEDY = "Start the server with --no-half-vae or --no-half, or choose another VAE."
"""What helps where the model's numbers break."""

LACKING = "The embedded backend cannot do that; a Stable Diffusion server may (--backend URL)."
"""What to do about a route that the embedded backend lacks: its address and its start are no matter."""

LONGEST_WAIT_S = 30.0
"""Most seconds that a busy server is left alone. It may ask for more, but then another backend is better."""

_SHOWN = 300
"""Characters of a server's text that our message repeats."""


_LONGEST_WORDS = 2_000
"""Bytes; a good answer that is longer holds more than an excuse."""


@dataclass(frozen=True)
class Refusal:
    """An answer in place of what was asked for, and what is known of the question."""

    url: str
    path: str
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    """Names in lower case."""
    elapsed_s: float = 0.0
    """From the request to this answer."""
    worked_before: bool = False
    """Whether this very route gave a good answer before."""

    @property
    def is_page(self) -> bool:
        """Whether it is a web page; some servers send JSON under the name of one."""
        if self.body[:99].lstrip()[:1] == b"<":
            return True
        return "html" in self.headers.get("content-type", "").lower() and not _is_json(self.body)


def error_of(refusal: Refusal) -> BackendError:
    """Return what an answer means whose status is no good one, or that is a page where JSON should be."""
    url, path, status = refusal.url, refusal.path, refusal.status
    text = readable(refusal)
    if _OUT_OF_MEMORY.search(text):
        return fault(url, status, text)
    if says_it_starts(refusal, text):
        return BackendStartingError(
            url, f"it is still starting ({status}: {text})", retry_after_s=_wanted_wait_s(refusal)
        )
    if 300 <= status < 400:
        return _redirected(refusal)
    if status in (401, 403):
        return _no_access(refusal, text)
    if status == 413:
        return BackendFaultError(
            url,
            "the request is too large for a proxy before it",
            remedy="Raise the proxy's limit on request bodies.",
        )
    if status in gateways.NOT_REACHED | gateways.GAVE_UP | gateways.NO_GOOD_ANSWER:
        return gateways.error_of(
            url, status, refusal.headers, refusal.body, said=text, elapsed_s=refusal.elapsed_s
        )
    if status in (429, 503):
        reason = f"it refuses work for now ({status}): {text}" if text else f"busy ({status})"
        return BackendBusyError(url, reason, retry_after_s=_wanted_wait_s(refusal))
    # What the API itself does not find, such as a sampler, it tells in JSON.
    is_missing = status in (404, 405) and (
        text in ("Not Found", "Method Not Allowed", "") or not _as_object(refusal.body)
    )
    if refusal.worked_before and refusal.is_page and _LOGIN.search(text):
        return BackendAuthError(
            url,
            f"{path} worked before, and now a login page answers in its place ({text})",
            remedy="Log in anew, and renew what PRODGEN_AUTH or PRODGEN_HEADERS hold for that proxy.",
        )
    if refusal.worked_before and status < 500 and (is_missing or refusal.is_page):
        what = f"{path} worked before, and now a page answers in its place ({status}: {text or 'no title'})"
        return BackendStartingError(url, what, retry_after_s=_wanted_wait_s(refusal))
    if is_missing and not refusal.is_page:
        return NotABackendError(url, f"it has no {path}", remedy=LACKING if url == EMBEDDED else None)
    if refusal.is_page and status < 500:
        title = f": {text}" if text else ""
        return NotABackendError(url, f"{path} answered a web page, not an API ({status}{title})")
    return fault(url, status, text)


def fault(url: str, status: int, text: str) -> BackendError:
    """Return the error that a server's own text stands for."""
    if _ARRAY_IN_THE_RESULT.search(text):
        return ResultNotSentError(
            url,
            "IC-Light ran, but A1111 cannot send a result with its extra picture (a known fault)",
            server_text=text,
        )
    if _OUT_OF_MEMORY.search(text):
        return BackendOutOfMemoryError(url, f"it ran out of memory ({text[:_SHOWN]})", server_text=text)
    if "NansException" in text or "NaNs was produced" in text:
        return BackendFaultError(
            url,
            "the model's numbers broke (NaN), as half precision does on some cards",
            remedy=NANS_REMEDY,
            server_text=text,
        )
    if status == 422:
        # What is wrong with it is said; a console says no more.
        return BackendFaultError(url, f"it does not accept the request: {text}", remedy="", server_text=text)
    return BackendFaultError(
        url,
        f"it failed{f' ({status})' if status >= 400 else ''}: {text or 'it does not say why'}",
        # An engine in this process has no console, and says itself what to do about the program that draws.
        remedy="" if is_inside(url) else None,
        server_text=text,
    )


def says_it_starts(refusal: Refusal, text: str) -> bool:
    """Whether an answer says that the server is starting; `text` is what can be read in it."""
    if refusal.status == 500:
        return _API_IS_BEING_MADE.search(text) is not None
    return refusal.status in _MAY_SAY_IT_STARTS and _SAYS_IT_STARTS.search(text) is not None


def is_no_answer(refusal: Refusal) -> bool:
    """Whether what came with a good status is a page, or says that the server is starting, and no JSON."""
    if refusal.is_page:
        return True
    if len(refusal.body) > _LONGEST_WORDS or not (
        refusal.headers.get("content-type", "").startswith("text/plain")
        or _as_object(refusal.body).keys() & {"error", "message", "detail", "status"}
    ):
        return False
    return says_it_starts(refusal, readable(refusal))


def _wanted_wait_s(refusal: Refusal) -> float:
    """Seconds that a busy or starting server asks to wait, up to a limit; 0 if it does not say."""
    asked = refusal.headers.get("retry-after", "")
    wanted = _as_object(refusal.body).get("estimated_time")  # Hugging Face's word for it
    if asked.isdecimal():
        wanted = float(asked)
    elif (then := moment(asked)) is not None:
        # By its own clock, which may be wrong.
        now = moment(refusal.headers.get("date", "")) or datetime.now(UTC)
        wanted = (then - now).total_seconds()
    return min(max(0.0, wanted), LONGEST_WAIT_S) if isinstance(wanted, int | float) else 0.0


def moment(date: str) -> datetime | None:
    """Return the time that a header such as Date tells; None if it tells none."""
    try:
        told = parsedate_to_datetime(date)
    except (ValueError, OverflowError):
        return None
    return told if told.tzinfo is not None else told.replace(tzinfo=UTC)  # HTTP knows no other zone


def _redirected(refusal: Refusal) -> BackendError:
    """Return where a redirect leads to, without what may be a secret in it."""
    said = f"{refusal.path} is redirected ({refusal.status})"
    asked = f"{refusal.url.rstrip('/')}/{refusal.path.lstrip('/')}"
    try:
        parts = urlsplit(urljoin(asked, refusal.headers.get("location", "")))
        where = parts.netloc.rpartition("@")[2]
    except ValueError:
        where = ""
    if not where or not refusal.headers.get("location"):
        return NotABackendError(refusal.url, said, remedy="Give the address that it leads to.")
    route = f"/{refusal.path.partition('?')[0].strip('/')}"
    path = parts.path.rstrip("/")
    if path.endswith(route):
        base = urlunsplit((parts.scheme, where, path.removesuffix(route), "", ""))
        if base != refusal.url.rstrip("/"):
            return NotABackendError(
                refusal.url, f"{said} to {base}", remedy=f"Give {base} as the address of the server."
            )
    target = urlunsplit((parts.scheme, where, parts.path, "", ""))
    return NotABackendError(
        refusal.url,
        f"{said} to {target}",
        remedy="Open that in a browser: a login page before the server wants what PRODGEN_AUTH or "
        "PRODGEN_HEADERS can hold, or the server has another address.",
    )


def _no_access(refusal: Refusal, text: str) -> BackendError:
    """Return who refuses access, and what it wants to see."""
    url, status = refusal.url, refusal.status
    said = text or f"it refuses access ({status})"
    challenge = refusal.headers.get("www-authenticate", "")
    if refusal.headers.get("cf-mitigated") == "challenge" or (refusal.is_page and _CHALLENGE.search(text)):
        return BackendAuthError(
            url,
            f"a proxy before it wants proof that a person asks ({status}: {said}); no password helps there",
            remedy="Exempt the API's paths from its protection against bots, or give an address that goes "
            "round it.",
        )
    if re.match(r"(?i)basic\b", challenge):
        return BackendAuthError(url, said, remedy="Set PRODGEN_AUTH=user:password.")
    if re.match(r"(?i)bearer\b", challenge) or _WANTS_A_TOKEN.search(text):
        return BackendAuthError(
            url,
            said,
            remedy="Set PRODGEN_AUTH='Bearer TOKEN' (or user:password, where the server was started with "
            "--api-auth); a key with a header of its own goes into PRODGEN_HEADERS.",
        )
    if status == 403:
        return BackendAuthError(
            url,
            f"access is forbidden (403): {said}",
            remedy="Check the rules of the proxy before it, and PRODGEN_AUTH and PRODGEN_HEADERS.",
        )
    return BackendAuthError(url, said)


def _is_json(body: bytes) -> bool:
    try:
        decode_json(body)
    except ValueError:
        return False
    return True


def _as_object(body: bytes) -> dict[str, Any]:
    try:
        return as_object(decode_json(body))
    except ValueError:
        return {}


def readable(refusal: Refusal) -> str:
    """Return the part of a refusal's body that a person can read, in one line."""
    text = refusal.body[:20_000].decode("utf-8", "replace").strip()
    if refusal.is_page:
        return _one_line(_title(text))
    try:
        answer = decode_json(refusal.body)
    except ValueError:
        return _one_line(text)
    if not isinstance(answer, dict):
        return _one_line(text)
    return _one_line(_words(answer))


def _title(page: str) -> str:
    """Return a page's title, else its first heading."""
    for tag in ("title", "h1", "h2"):
        found = re.search(rf"<{tag}\b[^>]*>(.*?)</{tag}>", page, re.IGNORECASE | re.DOTALL)
        words = re.sub(r"<[^>]*>", " ", found.group(1)).strip() if found else ""
        if words:
            return words
    return ""


def _words(answer: Mapping[str, Any]) -> str:
    """Return what an error's JSON says: A1111's, FastAPI's, and an object within one of these."""
    detail = answer.get("detail")
    if isinstance(detail, list):
        return "; ".join(_field_fault(each) for each in detail)
    for inner in (detail, answer.get("error"), answer.get("errors")):
        if isinstance(inner, dict):
            return _words(inner)
    name = str(answer.get("error") or "")
    message = next(
        (str(answer[key]) for key in ("errors", "message", "msg", "status") if answer.get(key)), ""
    )
    message = str(detail or message)
    if message and name not in ("", "HTTPException", "server_error"):
        return f"{name}: {message}"
    return message or name


def _field_fault(each: object) -> str:
    if not isinstance(each, dict):
        return str(each)
    place = ".".join(str(part) for part in each.get("loc", ()) if part != "body")
    return f"{place}: {each.get('msg')}" if place else str(each.get("msg"))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 2 * _SHOWN else f"{line[: 2 * _SHOWN]}..."
