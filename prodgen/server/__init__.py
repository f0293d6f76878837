"""The API of AUTOMATIC1111 as an object: routes, lax fields, quirks, the queue, infotexts.

It draws nothing. An engine does (`prodgen.server.engine.Engine`); `prodgen.engines` has them, and puts the
two together.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prodgen.server.app import ApiServer
    from prodgen.server.behaviour import Behaviour
    from prodgen.server.transport import ApiTransport

__all__ = ["ApiServer", "ApiTransport", "Behaviour"]

_HOMES = {
    "ApiServer": "prodgen.server.app",
    "ApiTransport": "prodgen.server.transport",
    "Behaviour": "prodgen.server.behaviour",
}


def __getattr__(name: str) -> object:
    """Load the server only where it is used: it brings OpenCV and Pillow along."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
