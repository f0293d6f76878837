"""Which backend it is to be: the one that was named, the one that is there, or the embedded one."""

from __future__ import annotations

import logging
import os

from prodgen.client.knowledge import lists, strangers
from prodgen.client.reaching import addresses
from prodgen.client.reaching.access import Access
from prodgen.client.reaching.connection import Connection
from prodgen.errors import BackendAuthError, BackendError, BackendStartingError, BackendUnreachableError

log = logging.getLogger(__name__)

PROBE_S = 3.0
"""Seconds for the question whether a backend is at an address, from the connection to the last byte."""


def choose(address: str, access: Access) -> tuple[Connection, tuple[str, ...]]:
    """Return a connection, and a sentence if a server was passed over.

    Args:
        address: As written, or "auto".
        access: How to connect.

    Raises:
        SettingError: If it is no address.
        BackendError: If PRODGEN_BACKEND names something that does not answer as a backend.
    """
    if address != "auto":
        return access.open(address), ()
    if access.transport is not None:
        return access.open(addresses.DEFAULT_URL), ()
    named = os.environ.get(addresses.BACKEND_VARIABLE)
    if named:
        connection = access.open(named)
        if not connection.address.is_embedded:
            # It was named on purpose: if it is no backend, that must be known before any work.
            _ask(connection)
        return connection, ()
    connection = access.open(addresses.DEFAULT_URL)
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
    return access.open(addresses.EMBEDDED), notices


def _ask(connection: Connection) -> None:
    path = "/sdapi/v1/samplers"
    try:
        try:
            answer = connection.get(path, timeout_s=PROBE_S, tries=1)
        except BackendStartingError:
            answer = connection.get(path)  # it says so itself, so it is worth waiting for
        lists.require_samplers(answer, connection.url)
    except BackendError as error:
        named = strangers.named(connection, error)
        if named is error:
            raise  # from itself it would have a chain of causes without an end
        raise named from error
