"""Backends as places know them; an engine in this process gets a door that other processes can use.

A crew draws from several processes, and a model is loaded once: so the engine of an address such as
engine:// is served at the loopback, behind a password that nobody else knows.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from urllib.parse import urlsplit

from prodgen.client import Address, Client, engine_settings, parse_address
from prodgen.places.workplace import Backend


def backend_at(address: str, dialect: str | None, doors: ExitStack) -> Backend:
    """Return the backend at an address.

    Args:
        address: What `Client` takes.
        dialect: The kind of server, if it should not be found out.
        doors: What keeps a served engine until the crew ends.

    Raises:
        SettingError: If it is no address, or the engine has nothing to draw with.
        BackendError: If the engine has another program draw, and that does not answer.
    """
    with Client(address, dialect=dialect) as client:
        url = client.address
        if address == "auto":  # what is found once holds for the whole run, and may hold a password
            address = url if client.is_inside else os.environ.get("PRODGEN_BACKEND") or url
    there = parse_address(address)
    if there.is_embedded:
        return Backend("embedded", address, dialect, is_inside=True)
    name = urlsplit(url)._replace(scheme="").geturl().removeprefix("//")
    if there.engine is None:
        return Backend(name, address, dialect)
    shown = f"engine{name}" if there.program is None else name
    return Backend(shown, doors.enter_context(_served(there)), dialect)


@contextmanager
def _served(there: Address) -> Iterator[str]:
    """Serve an engine for other processes of this machine; gives the address, with its password."""
    from prodgen.engines import engine_server
    from prodgen.server import Behaviour
    from prodgen.server.socket_server import listening

    password = secrets.token_urlsafe(32)
    server = engine_server(str(there.engine), engine_settings(there), Behaviour(auth={"prodgen": password}))
    try:
        with listening(server) as url:
            yield url.replace("://", f"://prodgen:{password}@", 1)
    finally:
        server.close()
