"""The client of one backend, and all that the rest of prodgen needs of it.

Three rooms lie behind this face, each importing only from those after it: `work` (a call and its
proofs), `knowledge` (what a server is and has), `reaching` (addresses, the connection, bytes, faults).
Nothing outside imports from a room itself (a contract in pyproject.toml).
"""

from __future__ import annotations

from prodgen.client.client import Client
from prodgen.client.enlarging import enlarge, target_size
from prodgen.client.knowledge.names import sampler_key, scheduler_key
from prodgen.client.knowledge.service import ControlNet, Extension, Memory, Refreshable, Service
from prodgen.client.knowledge.upscalers import PREFERRED_UPSCALERS, has_weights, is_resampling
from prodgen.client.knowledge.upscalers import in_turn as upscalers_in_turn
from prodgen.client.reaching.addresses import (
    AUTH_VARIABLE,
    BACKEND_VARIABLE,
    DEFAULT_URL,
    EMBEDDED,
    Address,
)
from prodgen.client.reaching.addresses import parse as parse_address
from prodgen.client.reaching.connection import is_listening
from prodgen.client.reaching.inside import engine_settings, read_engine
from prodgen.client.session import TIMEOUT_S
from prodgen.client.work.tasks import TaskState

__all__ = [
    "AUTH_VARIABLE",
    "BACKEND_VARIABLE",
    "DEFAULT_URL",
    "EMBEDDED",
    "PREFERRED_UPSCALERS",
    "TIMEOUT_S",
    "Address",
    "Client",
    "ControlNet",
    "Extension",
    "Memory",
    "Refreshable",
    "Service",
    "TaskState",
    "engine_settings",
    "enlarge",
    "has_weights",
    "is_listening",
    "is_resampling",
    "parse_address",
    "read_engine",
    "sampler_key",
    "scheduler_key",
    "target_size",
    "upscalers_in_turn",
]
