"""Which backend it is to be: the one that was named, the one that is there, or the embedded one."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prodgen.client.knowledge import lists
from prodgen.client.reaching import addresses
from prodgen.client.reaching.connection import Connection
from prodgen.errors import BackendAuthError, BackendError, BackendUnreachableError

if TYPE_CHECKING:
    import httpx

log = logging.getLogger(__name__)

PROBE_S = 3.0
"""For the question whether a backend is at an address, from the connection to the last byte."""


@dataclass(frozen=True)
class Settings:
    """How to connect, wherever it is."""

    auth: tuple[str, str] | str | None = field(repr=False)
    headers: Mapping[str, str] | None = field(repr=False)
    timeout_s: float
    transport: httpx.BaseTransport | None
    verify: str | bool
    sleep: Callable[[float], None] = time.sleep

    def open(self, address: str) -> Connection:
        """Return a connection to `address`; nothing is sent yet.

        Raises:
            SettingError: If it is no address, or headers or certificates cannot be used.
        """
        where = addresses.parse(address)
        return Connection(
            where,
            # What stands in the address belongs to it; PRODGEN_AUTH may be meant for another.
            auth=where.auth or self.auth,
            headers=addresses.parse_headers(self.headers),
            timeout_s=self.timeout_s,
            transport=self.transport,
            verify=addresses.verification(self.verify),
            sleep=self.sleep,
        )


def choose(address: str, settings: Settings) -> tuple[Connection, tuple[str, ...]]:
    """Return a connection, and a sentence if a server was passed over.

    Args:
        address: As written, or "auto".
        settings: How to connect.

    Raises:
        SettingError: If it is no address.
        BackendError: If PRODGEN_BACKEND names something that does not answer as a backend.
    """
    if address != "auto":
        return settings.open(address), ()
    if settings.transport is not None:
        return settings.open(addresses.DEFAULT_URL), ()
    named = os.environ.get(addresses.BACKEND_VARIABLE)
    if named:
        connection = settings.open(named)
        if not connection.address.is_embedded:
            # It was named on purpose: if it is no backend, that must be known before any work.
            _ask(connection)
        return connection, ()
    connection = settings.open(addresses.DEFAULT_URL)
    try:
        _ask(connection)
    except BackendUnreachableError:
        notices: tuple[str, ...] = ()
    except BackendAuthError:
        notices = (
            f"The server at {addresses.DEFAULT_URL} is not used: it wants a password. "
            f"Set {addresses.AUTH_VARIABLE}=user:password.",
        )
    except BackendError as error:
        notices = (
            f"{addresses.DEFAULT_URL} is not used: what answers there is no usable A1111 API "
            f"({error.reason}).",
        )
    else:
        return connection, ()
    connection.close()
    for notice in notices:
        log.warning("%s", notice)
    return settings.open(addresses.EMBEDDED), notices


def _ask(connection: Connection) -> None:
    lists.require_samplers(connection.probe("/sdapi/v1/samplers", within_s=PROBE_S), connection.url)
