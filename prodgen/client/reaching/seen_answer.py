"""An answer as it came, whatever its status: the evidence by which a stranger at an address is recognised."""

from __future__ import annotations

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import urlsplit

from prodgen.client.reaching.decoding import decode_json
from prodgen.connections.gateways import product_of

MOST_BYTES = 1 << 20
"""Most bytes of an answer that are looked at; a title or a version stands in the first few thousand."""

_SENDS_ON = re.compile(
    r"""<meta[^>]+http-equiv\s*=\s*["']?refresh[^>]+url\s*=\s*["']?([^"'\s>]+)"""
    r"""|\blocation(?:\.href)?\s*(?:=|\.(?:replace|assign)\()\s*["']([^"']+)""",
    re.IGNORECASE,
)
"""A refresh in a page's head, or a script that sets the browser's address."""

LONGEST_TITLE = 60
"""Characters of a page's title that a sentence repeats."""


@dataclass(frozen=True)
class SeenAnswer:
    """Status, headers and the first part of the body of one answer."""

    url: str
    status: int
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes

    @property
    def host(self) -> str:
        """The host that was asked, without its port; "" if it was a socket."""
        return (urlsplit(self.url).hostname or "").lower()

    @property
    def location(self) -> str:
        """Where a redirect leads, without its query, which may hold a secret; "" if it is none."""
        return self.headers.get("location", "").partition("?")[0] if 300 <= self.status < 400 else ""

    @cached_property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace").strip()

    @cached_property
    def json(self) -> Any:
        """The parsed body; None if it is not JSON."""
        try:
            return decode_json(self.body)
        except ValueError:
            return None

    @cached_property
    def title(self) -> str:
        """The title of a web page, in one line; "" if it has none or is no page."""
        found = re.search(r"<title[^>]*>(.*?)</title>", self.text, re.IGNORECASE | re.DOTALL)
        return " ".join(html.unescape(found.group(1)).split())[:LONGEST_TITLE] if found else ""

    @property
    def proxy(self) -> str:
        """Name of the proxy or web server that shows in the answer; "" if none does."""
        return product_of(self.url, self.headers, self.body)[0]

    @property
    def sends_on_to(self) -> str:
        """Where a page without a redirect sends a browser on, by a refresh or a script; "" if nowhere."""
        found = _SENDS_ON.search(self.text)
        return (found.group(1) or found.group(2)).partition("?")[0] if found else ""

    @property
    def asks_for_password(self) -> bool:
        """Whether it is a web page with a field for a password."""
        return bool(re.search(r"<input[^>]+type\s*=\s*[\"']?password", self.text, re.IGNORECASE))

    def at(self, *keys: str) -> Any:
        """Return what stands in the JSON under these keys, one inside the other; None if nothing does."""
        found = self.json
        for key in keys:
            if not isinstance(found, dict):
                return None
            found = found.get(key)
        return found
