"""The embedded backend: an A1111-compatible server inside this process, drawing by image-based lighting."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prodgen.server.app import EmbeddedServer
    from prodgen.server.transport import EmbeddedTransport

__all__ = ["EmbeddedServer", "EmbeddedTransport"]

_HOMES = {"EmbeddedServer": "prodgen.server.app", "EmbeddedTransport": "prodgen.server.transport"}


def __getattr__(name: str) -> object:
    """Load the server only where it is used: it brings OpenCV and Pillow along."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(_HOMES[name]), name)
