"""One file from one address into one partial file: resumed, retried, and never mistaken for something else.

Owns HTTP for the downloads (standard library: this runs before prodgen is installed). Knows nothing of lists,
hashes or final names. Proxies are taken from HTTPS_PROXY and NO_PROXY; a private certificate authority from
SSL_CERT_FILE, REQUESTS_CA_BUNDLE or CURL_CA_BUNDLE.
"""

from __future__ import annotations

import errno
import http.client
import json
import os
import shutil
import socket
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any
from urllib.parse import urlsplit

from prodgen.weights.checks import web_page_in
from prodgen.weights.manifest import Source

TIMEOUT_S = 60.0
"""Without a byte for so long, the connection counts as broken. Hubs pause for seconds, not for minutes."""

CONNECT_S = 6.0
"""So long a source has to take the connection, all its addresses together. Where there is no network, packets
vanish without an answer: the user must know within seconds."""

LONGEST_PAUSE_S = 60.0
"""However long a server asks us to wait, no longer: the next source may answer at once."""

SPARE_BYTES = 64 << 20
"""What a disk must have left beside the files themselves."""

_CHUNK = 1 << 18
_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class TransferError(Exception):
    """This source did not give the file; `again` says whether the same source is worth another try.

    `unreached` says that nothing answered there.
    """

    def __init__(
        self, reason: str, *, again: bool = False, pause_s: float = 0.0, unreached: bool = False
    ) -> None:
        super().__init__(reason)
        self.reason = reason
        self.again = again
        self.pause_s = pause_s
        self.unreached = unreached


class DiskFullError(Exception):
    """The disk is full; no source can help."""


class StoppedError(Exception):
    """The user stopped the run. What has arrived stays, and the next run goes on from there."""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects, but never from https down to http."""

    def redirect_request(self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str) -> Any:
        if urlsplit(req.full_url).scheme == "https" and urlsplit(newurl).scheme != "https":
            raise TransferError(f"{req.host} redirects to an unencrypted address")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


class _QuickConnection(http.client.HTTPSConnection):
    """Gives up an address that does not answer sooner than one that is slow to send."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        # The hook by which http.client opens its socket, to a proxy as to the source itself.
        self._create_connection = _open_socket

    def connect(self) -> None:
        wait, self.timeout = self.timeout, CONNECT_S
        super().connect()
        self.sock.settimeout(wait)


def _open_socket(address: tuple[str, int], _wait: object, origin: Any = None) -> socket.socket:
    known = socket.getaddrinfo(*address, type=socket.SOCK_STREAM)
    return socket.create_connection(address, max(1.0, CONNECT_S / len(known)), origin)


class _QuickHTTPS(urllib.request.HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._own_context = context

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_QuickConnection, req, context=self._own_context)


def opener() -> urllib.request.OpenerDirector:
    """Return an opener that knows the proxy and the certificate authorities of the environment."""
    context = ssl.create_default_context()
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        bundle = os.environ.get(variable)
        if bundle and Path(bundle).is_file():
            context.load_verify_locations(bundle)
    return urllib.request.build_opener(_Redirects, _QuickHTTPS(context))


def fetch(
    source: Source,
    partial: Path,
    *,
    size: int | None,
    retries: int,
    waits_for_network: bool,
    pause_s: float,
    on_start: Callable[[int, int | None], None],
    on_bytes: Callable[[int], None],
    stop: Event,
) -> None:
    """Bring `source` into `partial`, going on from what is there.

    Args:
        source: Where from.
        partial: File that grows; beside it a `.json` remembers which address it is from.
        size: Expected bytes, or None.
        retries: How often to try again after a fault that may pass.
        waits_for_network: Whether that no answer came at all counts as such a fault.
        pause_s: First pause between tries; it doubles.
        on_start: Told bytes already here and bytes in all (or None), at each try.
        on_bytes: Told the size of each block that arrives.
        stop: Set to end at the next block.

    Raises:
        TransferError: If the source does not give the file.
        DiskFullError: If the disk is full.
        StoppedError: If `stop` was set.
    """
    director = opener()
    for attempt in range(retries + 1):
        try:
            _fetch_once(director, source, partial, size=size, on_start=on_start, on_bytes=on_bytes, stop=stop)
        except TransferError as error:
            if not error.again or attempt == retries or (error.unreached and not waits_for_network):
                raise
            wait = min(max(error.pause_s, pause_s * 2**attempt), LONGEST_PAUSE_S)
            if stop.wait(wait):
                raise StoppedError from error
        else:
            return


def _fetch_once(
    director: urllib.request.OpenerDirector,
    source: Source,
    partial: Path,
    *,
    size: int | None,
    on_start: Callable[[int, int | None], None],
    on_bytes: Callable[[int], None],
    stop: Event,
) -> None:
    have, etag = _resumable(partial, source.url, size)
    if size is not None and have == size:
        on_start(have, size)
        return
    request = urllib.request.Request(source.url, headers=_headers(have, etag))  # noqa: S310 - the list allows https only
    token = os.environ.get(source.token, "").strip() if source.token else ""
    if source.token_needed and not token:
        raise TransferError(f"needs an access token: set {source.token} in the environment")
    if token:
        # Unredirected: the token is for this host, not for the storage it redirects to.
        request.add_unredirected_header("Authorization", f"Bearer {token}")
    try:
        with director.open(request, timeout=TIMEOUT_S) as answer:
            have, total = _check_answer(answer, have, size)
            _remember(partial, source.url, answer.headers.get("ETag"))
            on_start(have, total)
            _check_space(partial, None if total is None else total - have)
            _write(answer, partial, have, on_bytes=on_bytes, stop=stop)
    except urllib.error.HTTPError as error:
        raise _http_error(error, source, partial, token_sent=bool(token)) from error
    except urllib.error.URLError as error:
        raise _network_error(error.reason, source.url, unreached=True) from error
    except (TimeoutError, ConnectionError, http.client.HTTPException, ssl.SSLError) as error:
        raise _network_error(error, source.url) from error
    got = partial.stat().st_size
    if total is not None and got < total:
        raise TransferError(f"the connection broke at {got:,} of {total:,} bytes", again=True, pause_s=0)


def _headers(have: int, etag: str | None) -> dict[str, str]:
    headers = {"User-Agent": "prodgen-weights", "Accept-Encoding": "identity"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if etag and not etag.startswith("W/"):
            headers["If-Range"] = etag
    return headers


def _check_answer(answer: Any, have: int, size: int | None) -> tuple[int, int | None]:
    """Return (bytes to keep, bytes in all); raise if the answer is not the file."""
    kind = (answer.headers.get_content_type() or "").lower()
    if kind in ("text/html", "application/json", "application/xml", "text/xml"):
        page = web_page_in(answer.read(4096)) or f"is {kind}, not weights"
        raise TransferError(f"the answer {page}. A log-in or an error page: is an access token needed?")
    length = answer.headers.get("Content-Length")
    total = int(length) if length and length.isdigit() else None
    if answer.status == http.HTTPStatus.PARTIAL_CONTENT:
        start = answer.headers.get("Content-Range", "").removeprefix("bytes ").partition("-")[0]
        if start != str(have):
            raise TransferError("the source answers another range than the one asked for")
        total = None if total is None else total + have
    else:
        have = 0  # the source does not resume, or its file has changed: from the beginning
    if size is not None and total is not None and total != size:
        raise TransferError(f"the source has {total:,} bytes, {size:,} were expected")
    return have, total


def _check_space(partial: Path, missing: int | None) -> None:
    free = shutil.disk_usage(partial.parent).free
    if missing is not None and free < missing + SPARE_BYTES:
        raise DiskFullError(f"{missing:,} bytes are still to come, {free:,} are free")


def _write(answer: Any, partial: Path, have: int, *, on_bytes: Callable[[int], None], stop: Event) -> None:
    try:
        with partial.open("r+b" if have else "wb") as out:
            out.seek(have)
            out.truncate()
            while block := answer.read(_CHUNK):
                out.write(block)
                on_bytes(len(block))
                if stop.is_set():
                    raise StoppedError
            out.flush()
            os.fsync(out.fileno())
    except OSError as error:
        if error.errno in _DISK_FULL:
            raise DiskFullError(error.strerror or "no space left") from error
        raise


def _http_error(
    error: urllib.error.HTTPError, source: Source, partial: Path, *, token_sent: bool
) -> TransferError:
    if error.code in (http.HTTPStatus.UNAUTHORIZED, http.HTTPStatus.FORBIDDEN):
        if token_sent:
            return TransferError(
                f"refuses the token in {source.token} ({error.code}): is it valid, and the licence agreed to?"
            )
        hint = f": set {source.token} in the environment" if source.token else ""
        return TransferError(f"refuses access without a token ({error.code}){hint}")
    if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
        partial.unlink(missing_ok=True)
        return TransferError("the partial file is longer than the source's; it starts anew", again=True)
    passing = error.code in (408, 425, 429) or error.code >= http.HTTPStatus.INTERNAL_SERVER_ERROR
    asked = error.headers.get("Retry-After", "")
    return TransferError(
        f"answers {error.code} {error.reason}",
        again=passing,
        pause_s=float(asked) if asked.isdigit() else 0.0,
    )


def _network_error(reason: object, url: str, *, unreached: bool = False) -> TransferError:
    host = urlsplit(url).hostname
    if isinstance(reason, ssl.SSLCertVerificationError):
        return TransferError(
            f"the certificate of {host} is not trusted ({reason.verify_message}). "
            "Behind a proxy that opens TLS, set SSL_CERT_FILE to its certificate authority"
        )
    proxy = os.environ.get("HTTPS_PROXY") or os.environ.get("https_proxy")
    via = f" (proxy: {urlsplit(proxy).hostname})" if proxy and url.startswith("https") else ""
    said = getattr(reason, "strerror", None) or reason
    return TransferError(f"no answer{via}: {said}", again=True, unreached=unreached)


def _resumable(partial: Path, url: str, size: int | None) -> tuple[int, str | None]:
    """Return (bytes worth keeping, their ETag); drop a partial file of another address, or one too long."""
    if not partial.exists():
        return 0, None
    try:
        origin = json.loads(_note(partial).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        origin = {}
    have = partial.stat().st_size
    if origin.get("url") != url or (size is not None and have > size):
        partial.unlink()
        return 0, None
    return have, origin.get("etag")


def _remember(partial: Path, url: str, etag: str | None) -> None:
    _note(partial).write_text(
        json.dumps({"url": url, "etag": etag, "at": int(time.time())}), encoding="utf-8"
    )


def forget(partial: Path) -> None:
    """Remove a partial file and its note."""
    partial.unlink(missing_ok=True)
    _note(partial).unlink(missing_ok=True)


def _note(partial: Path) -> Path:
    return partial.with_name(partial.name + ".json")
