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

MOST_BYTES = 1 << 20
"""Most bytes of an answer that are looked at; a title or a version stands in the first few thousand."""

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
