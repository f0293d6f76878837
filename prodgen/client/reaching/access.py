"""How to get access to a server, whichever it is: password, headers, certificates, time-outs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from prodgen.client.reaching import addresses
from prodgen.client.reaching.connection import Connection

if TYPE_CHECKING:
    import httpx


@dataclass(frozen=True)
class Access:
    """Everything about a connection but the address."""

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
            # A password in the address belongs to it; PRODGEN_AUTH may be meant for another server.
            auth=where.auth or self.auth,
            headers=addresses.parse_headers(self.headers),
            timeout_s=self.timeout_s,
            transport=self.transport,
            verify=addresses.verification(self.verify),
            sleep=self.sleep,
        )
