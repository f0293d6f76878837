"""The client of one backend: the only place besides the embedded backend that knows HTTP.

`Client` is all that the rest of prodgen uses; the modules beside it are its parts: addresses,
connection, deadlines and faults (reaching a server), wire (bytes), server, lists and names (who it
is and what it has), drawing (a request and its proofs), work and tasks (one call), results and
proofs (what came of it), fetching (a way round a known fault), options and service (everything
that is not drawing).
"""

from __future__ import annotations

from prodgen.client.client import TIMEOUT_S, Client
from prodgen.client.knowledge.server import EMBEDDED_CHECKPOINT
from prodgen.client.knowledge.service import ControlNet, Extension, Memory, PngInfo, Service

__all__ = [
    "EMBEDDED_CHECKPOINT",
    "TIMEOUT_S",
    "Client",
    "ControlNet",
    "Extension",
    "Memory",
    "PngInfo",
    "Service",
]
