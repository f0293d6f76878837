"""Backends as places know them; an engine in this process gets a door that other processes can use.

A crew draws from several processes, and a model is loaded once: so the engine of an address such as
engine:// is served at the loopback, behind a password that nobody else knows.
"""

from __future__ import annotations

import os
import secrets
import threading
from collections.abc import Callable
from contextlib import ExitStack, suppress
from urllib.parse import urlsplit

from prodgen.client import Address, Client, engine_settings, parse_address
from prodgen.errors import BackendError
from prodgen.places.workplace import Backend


def backend_at(
    address: str, dialect: str | None, doors: ExitStack, *, tell: Callable[[str], None]
) -> tuple[Backend, Door | None]:
    """Return the backend at an address, and the door to its engine where that draws in this process.

    Args:
        address: What `Client` takes.
        dialect: The kind of server, if it should not be found out.
        doors: What keeps the door until the crew ends.
        tell: Gets a sentence where the engine is slow, before its first picture.

    Raises:
        SettingError: If it is no address, or the engine has nothing to draw with.
    """
    with Client(address, dialect=dialect) as client:
        url = client.address
        if address == "auto":  # what is found once holds for the whole run, and may hold a password
            address = url if client.is_inside else os.environ.get("PRODGEN_BACKEND") or url
    there = parse_address(address)
    if there.is_embedded:
        return Backend("embedded", address, dialect, is_inside=True), None
    name = urlsplit(url)._replace(scheme="").geturl().removeprefix("//")
    if there.engine is None:
        return Backend(name, address, dialect), None
    shown = f"engine{name}" if there.program is None else name
    door = Door(there, tell)
    doors.callback(door.close)
    with suppress(BackendError):  # it is asked again when its place is probed
        door.open()
    return Backend(shown, door.address, dialect), door


class Door:
    """The way in to an engine in this process for other processes, at an address of this machine.

    An engine that draws by another program cannot be made while that is away. Until then nobody listens here,
    as at the address of any server that is away.
    """

    def __init__(self, there: Address, tell: Callable[[str], None]) -> None:
        from prodgen.server.socket_server import KeptPort

        self._there, self._tell = there, tell
        self._password = secrets.token_urlsafe(32)
        self._opening = threading.Lock()
        self._behind = ExitStack()
        self._port = KeptPort()
        self._is_open = False

    @property
    def address(self) -> str:
        """What `Client` takes; it holds the password."""
        return f"http://prodgen:{self._password}@127.0.0.1:{self._port.number}"

    def open(self) -> None:
        """Make the engine and listen, if that was not done yet.

        Raises:
            SettingError: If the engine has nothing to draw with.
            BackendError: If another program is to draw for it, and that does not answer.
        """
        from prodgen.engines import engine_server
        from prodgen.server import Behaviour
        from prodgen.server.socket_server import listening

        with self._opening:
            if self._is_open:
                return
            behaviour = Behaviour(auth={"prodgen": self._password})
            server = engine_server(str(self._there.engine), engine_settings(self._there), behaviour)
            server.machine.pace.tell = self._tell
            self._behind.callback(server.close)
            self._port.free()
            self._behind.enter_context(listening(server, port=self._port.number))
            self._is_open = True

    def close(self) -> None:
        """Let go of the engine; nobody listens any more."""
        with self._opening:
            self._port.free()
            self._behind.close()
