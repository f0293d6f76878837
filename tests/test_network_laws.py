"""Who may open a connection: import-linter knows httpx, http, socket and ssl, but no part of urllib."""

from __future__ import annotations

import ast
from pathlib import Path

import prodgen

HOME = Path(prodgen.__file__).parent

MAY_FETCH = {"weights/transfer.py"}
"""The downloader runs before anything is installed, so with the standard library alone."""


READS_PROXIES = {"connections/lines.py"}
"""Asks the standard library which proxies the environment names, as httpx does; it opens nothing by it."""


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{name.name}" for name in node.names)}
    return found


def test_only_the_downloader_opens_urls_by_itself():
    fetching = {
        str(path.relative_to(HOME)) for path in HOME.rglob("*.py") if "urllib.request" in imported(path)
    } - READS_PROXIES

    assert fetching == MAY_FETCH


def test_nobody_brings_another_http_library():
    others = {"requests", "urllib3", "aiohttp", "websockets", "pycurl"}
    using = {
        str(path.relative_to(HOME))
        for path in HOME.rglob("*.py")
        if others & {name.split(".")[0] for name in imported(path)}
    }

    # The web socket of a ComfyUI server, with the extra "comfy": its HTTP is httpx's like all others'.
    assert using == {"engines/comfy/comfy_socket.py"}
