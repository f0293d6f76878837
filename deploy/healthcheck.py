"""Whether a server is up and can relight: its API must list IC-Light and the prodgen bridge.

For the container's health check, for cron and by hand; standard library only, any Python 3.8 or later. One
line is printed, never a traceback. Exit status: 0 if both are loaded, 1 if not or without an answer, 2 for
wrong usage.
"""

from __future__ import annotations

import argparse
import base64
import http.client
import json
import os
import signal
import ssl
import sys
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import unquote, urlsplit

NEEDED = {"ic light": "IC-Light", "prodgen bridge": "the prodgen bridge"}
"""Scripts as the API lists them, with the names that people know them by."""

LIST = "/sdapi/v1/script-info"

NO_LIST = "its answer is no list of scripts"

MOST_BYTES = 16 * 1024 * 1024
"""Longest answer that is read. A web UI with 40 extensions lists its scripts in 0.3 MB."""


class UsageError(ValueError):
    """What was asked for cannot be asked of any server."""


class NoRedirects(urllib.request.HTTPRedirectHandler):
    """Follows no redirect: the password belongs to the address that was given."""

    def redirect_request(self, *_args: Any, **_more: Any) -> None:
        """Make the redirect an error of its status."""


def main() -> int:
    """Ask the server; print one line; return the exit status."""
    parser = argparse.ArgumentParser(
        description="Ask a server whether it has IC-Light and the prodgen bridge.",
        epilog="Exit status: 0 if it has both, 1 if not or without an answer, 2 for wrong usage. "
        "The password is the one in the address, else PRODGEN_AUTH, else PRODGEN_BACKEND_AUTH "
        "(user:password, or 'Bearer TOKEN').",
    )
    parser.add_argument(
        "url",
        nargs="?",
        help="its address; unset: PRODGEN_BACKEND, else this machine at PRODGEN_BACKEND_PORT or 7860",
    )
    parser.add_argument("--timeout", type=seconds, default=15, help="seconds for everything (default: 15)")
    options = parser.parse_args()
    try:
        url, auth = server(options.url)
    except ValueError as error:
        return say(f"healthcheck.py: {error}", 2, sys.stderr)
    try:
        scripts = within(options.timeout, url, auth)
    except urllib.error.HTTPError as error:
        return say(f"no answer from {url}: status {error.code}{meaning(error)}", 1)
    except (OSError, http.client.HTTPException, ValueError) as error:
        return say(f"no answer from {url}: {' '.join(str(error).split()) or type(error).__name__}", 1)
    names = {str(script.get("name")).lower() for script in scripts}
    if missing := [name for script, name in NEEDED.items() if script not in names]:
        return say(f"{url} lacks {' and '.join(missing)}: its log says why the extension did not load", 1)
    return say(f"IC-Light and the prodgen bridge{version_of_bridge(scripts)} are loaded", 0)


def seconds(text: str) -> float:
    """Return a time limit, which must be one that a clock can count."""
    value = float(text)
    if not 0 < value <= 3600:
        raise argparse.ArgumentTypeError("must be more than 0 and at most 3600 seconds")
    return value


def server(given: str | None) -> tuple[str, str | None]:
    """Return the server's address without its password, and the header that signs in there."""
    port = os.environ.get("PRODGEN_BACKEND_PORT") or "7860"
    written = (given or os.environ.get("PRODGEN_BACKEND") or f"http://127.0.0.1:{port}").strip()
    if written.startswith(("embedded:", "unix:")):
        raise UsageError(f"{written} is no server with an address; give one, like http://127.0.0.1:7860")
    parts = urlsplit(written if "://" in written else f"http://{written}")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError("that is no http address; write it like http://127.0.0.1:7860")
    _ = parts.port  # a ValueError, with a sentence of its own
    path = parts.path.rstrip("/")
    for ending in ("/docs", "/sdapi/v1"):
        path = path[: -len(ending)] if path.endswith(ending) else path
    secret = os.environ.get("PRODGEN_AUTH") or os.environ.get("PRODGEN_BACKEND_AUTH")
    if parts.username is not None:
        secret = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{path}", header(secret)


def header(secret: str | None) -> str | None:
    """Return what to send as Authorization for user:password or a bearer token."""
    if not secret:
        return None
    if secret.lower().startswith("bearer "):
        token = secret[len("bearer ") :].strip()
        if not (token.isascii() and token.isprintable()):
            raise UsageError("the bearer token has characters that no header can carry")
        return f"Bearer {token}"
    if ":" not in secret:
        raise UsageError("the password must be user:password or 'Bearer TOKEN'")
    return "Basic " + base64.b64encode(secret.encode()).decode()


def within(timeout_s: float, url: str, auth: str | None) -> list[dict[str, Any]]:
    """Return the scripts that the server lists, or raise a TimeoutError however slowly it answers."""

    def too_late(*_args: object) -> None:
        raise TimeoutError(f"nothing whole came within {timeout_s:g} seconds")

    if hasattr(signal, "setitimer"):
        signal.signal(signal.SIGALRM, too_late)
        signal.setitimer(signal.ITIMER_REAL, timeout_s)
    try:
        return ask(url, auth, timeout_s)
    finally:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)


def ask(url: str, auth: str | None, timeout_s: float) -> list[dict[str, Any]]:
    """Return the scripts that the server lists."""
    request = urllib.request.Request(f"{url}{LIST}")  # noqa: S310 - http(s) only, by `server`
    if auth:
        request.add_header("Authorization", auth)
    trust = ssl.create_default_context(cafile=os.environ.get("PRODGEN_CA_FILE") or None)
    # Not through a proxy: the servers that this asks are near.
    opener = urllib.request.build_opener(
        urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust), NoRedirects
    )
    with opener.open(request, timeout=timeout_s) as answer:
        content = answer.read(MOST_BYTES + 1)
    if len(content) > MOST_BYTES:
        raise ValueError("its answer is too long to be a list of scripts")
    try:
        scripts = json.loads(content)
    except (ValueError, RecursionError):
        raise ValueError(NO_LIST) from None
    if not isinstance(scripts, list) or not all(isinstance(script, dict) for script in scripts):
        raise ValueError(NO_LIST)
    return scripts


def meaning(error: urllib.error.HTTPError) -> str:
    """Return what a status says about the server, where that is known."""
    if error.code in (401, 403):
        return ": it wants a password; set PRODGEN_AUTH=user:password"
    if 300 <= error.code < 400:
        # What follows a question mark may be a secret.
        target = str(error.headers.get("Location")).partition("?")[0][:200]
        there = target[: -len(LIST)] if target.endswith(LIST) else ""
        return f": it sends on to {target}" + (
            f"; give {there}" if there else ", which is no list of scripts"
        )
    return ": it may still be starting" if error.code >= 500 else ": this is no web UI started with --api"


def version_of_bridge(scripts: list[dict[str, Any]]) -> str:
    """Return the version that the bridge's one argument tells, with a blank before it."""
    for script in scripts:
        if str(script.get("name")).lower() == "prodgen bridge":
            arguments = script.get("args")
            first = arguments[0] if isinstance(arguments, list) and arguments else None
            version = first.get("value") if isinstance(first, dict) else None
            return f" {version}" if version else ""
    return ""


def say(text: str, status: int, stream: Any = None) -> int:
    """Print a line and pass the status on."""
    print(text, file=stream or sys.stdout)  # the one line that Docker keeps of a check
    return status


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
