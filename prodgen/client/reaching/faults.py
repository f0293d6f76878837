"""What a server's refusal means: status and body turned into our errors, with the remedy.

A1111 answers 500 for its own faults and for the caller's alike, so that only its text tells them apart: this
is the one module that reads a server's sentences. Forge answers plain text, proxies answer pages.
"""

from __future__ import annotations

import re
from typing import NoReturn

from prodgen.client.reaching.addresses import EMBEDDED
from prodgen.client.reaching.decoding import decode_json
from prodgen.errors import (
    BackendAuthError,
    BackendBusyError,
    BackendError,
    BackendFaultError,
    BackendLostError,
    BackendOutOfMemoryError,
    NotABackendError,
    ResultNotSentError,
)

_OUT_OF_MEMORY = re.compile(
    r"out of memory|OutOfMemoryError|can't allocate memory|cannot allocate memory|DefaultCPUAllocator"
    r"|CUBLAS_STATUS_ALLOC_FAILED|ErrorOutOfDeviceMemory",
    re.IGNORECASE,
)
_ARRAY_IN_THE_RESULT = re.compile(r"numpy\.ndarray' object has no attribute 'info'")

NANS_REMEDY = "Start the server with --no-half-vae or --no-half, or choose another VAE."
"""What helps where the model's numbers break."""

LACKING = "The embedded backend cannot do that; a Stable Diffusion server may (--backend URL)."
"""What to do about a route that the embedded backend lacks: its address and its start are no matter."""

_SHOWN = 300
"""Characters of a server's text that our message repeats."""


def raise_for(url: str, status: int, content_type: str, body: bytes, *, path: str) -> NoReturn:
    """Raise what an answer with an error status means.

    Raises:
        BackendError: Always; the subclass says which kind.
    """
    text = readable(content_type, body)
    if status in (401, 403):
        raise BackendAuthError(url, text or f"it refuses access ({status})")
    if status in (429, 503):
        raise BackendBusyError(
            url, f"it refuses work for now ({status}): {text}" if text else f"busy ({status})"
        )
    if status == 413:
        raise BackendFaultError(
            url,
            "the request is too large for a proxy before it",
            remedy="Raise the proxy's limit on request bodies.",
        )
    if status == 502:
        # The server may never have seen it, or died of it; as with any broken connection, ask it.
        raise BackendLostError(url, "a proxy before it got no answer from it (502)")
    if status == 504:
        raise BackendFaultError(
            url, "a proxy before it gave up waiting (504)", remedy="Raise the proxy's time-out."
        )
    if status in (404, 405) and text in ("Not Found", "Method Not Allowed", ""):
        raise NotABackendError(url, f"it has no {path}", remedy=LACKING if url == EMBEDDED else None)
    if "html" in content_type:
        raise NotABackendError(url, f"{path} answered a web page ({status})")
    raise fault(url, status, text)


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
        return BackendFaultError(url, f"it does not accept the request: {text}", server_text=text)
    return BackendFaultError(
        url,
        f"it failed ({status}): {text or 'it does not say why'}",
        remedy="" if url == EMBEDDED else None,  # it has no console
        server_text=text,
    )


def readable(content_type: str, body: bytes) -> str:
    """Return the part of an error's body that a person can read, in one line."""
    text = body[:20_000].decode("utf-8", "replace").strip()
    if "html" in content_type or text[:1] == "<":
        title = re.search(r"<title>(.*?)</title>", text, re.IGNORECASE | re.DOTALL)
        return _one_line(title.group(1)) if title else ""
    try:
        answer = decode_json(body)
    except ValueError:
        return _one_line(text)
    if not isinstance(answer, dict):
        return _one_line(text)
    detail = answer.get("detail")
    if isinstance(detail, list):
        return _one_line("; ".join(_field_fault(fault) for fault in detail))
    name = str(answer.get("error") or "")
    message = str(detail or answer.get("errors") or answer.get("message") or "")
    if message and name not in ("", "HTTPException", "server_error"):
        message = f"{name}: {message}"
    return _one_line(message or name)


def _field_fault(fault: object) -> str:
    if not isinstance(fault, dict):
        return str(fault)
    field = ".".join(str(part) for part in fault.get("loc", ()) if part != "body")
    return f"{field}: {fault.get('msg')}" if field else str(fault.get("msg"))


def _one_line(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 2 * _SHOWN else f"{line[: 2 * _SHOWN]}..."
