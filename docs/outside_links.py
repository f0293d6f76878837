"""A hook of the documentation site: a link to a file outside docs/ becomes the path of that file.

In a checkout such a link opens the file. The site does not hold it, so the text names where it is.
A path that does not exist in the checkout is left alone, so that the strict build still finds dead links.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
OUTSIDE = re.compile(r"(?<!!)\[([^\]]+)\]\(\.\./([^)#\s]+)\)")


def on_page_markdown(markdown: str, **_: Any) -> str:
    """Return a page's text with such links as `text (path)`; mkdocs calls this for each page."""

    def named(link: re.Match[str]) -> str:
        text, path = link.groups()
        if not (ROOT / path).exists():
            return link.group()
        return f"`{path}`" if text.strip("`") in path else f"{text} (`{path}`)"

    return OUTSIDE.sub(named, markdown)
