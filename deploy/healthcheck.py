"""Whether the server is up and can relight: exit 0 if its API lists IC-Light and the prodgen bridge, else 1.

For the container's health check and for cron; standard library only, any Python 3.
"""

from __future__ import annotations

import base64
import json
import os
import sys
import urllib.error
import urllib.request

NEEDED = {"ic light", "prodgen bridge"}


def main() -> int:
    """Ask the server; print one line; return the exit status."""
    url = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860"
    request = urllib.request.Request(f"{url.rstrip('/')}/sdapi/v1/script-info")  # noqa: S310 - the caller's address
    if auth := os.environ.get("PRODGEN_BACKEND_AUTH"):
        request.add_header("Authorization", "Basic " + base64.b64encode(auth.encode()).decode())
    # Not through a proxy: it is this machine that is asked.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=15) as answer:
            names = {script["name"] for script in json.load(answer)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        return say(f"no answer from {url}: {error}", 1)
    if missing := sorted(NEEDED - names):
        return say(f"{url} lacks {' and '.join(missing)}: its log says why the extension did not load", 1)
    return say("IC-Light and the prodgen bridge are loaded", 0)


def say(text: str, status: int) -> int:
    """Print a line and pass the status on."""
    sys.stdout.write(f"{text}\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
