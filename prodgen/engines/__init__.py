"""What draws behind the wire of `prodgen.server`: one engine a package, and the table that names them.

An engine fulfils `prodgen.server.engine.Engine`. Nothing is imported before it is asked for: an engine may
bring a great deal along.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, cast

from prodgen.errors import UnknownNameError

if TYPE_CHECKING:
    from prodgen.server.app import ApiServer
    from prodgen.server.behaviour import Behaviour
    from prodgen.server.engine import Engine, EngineSettings
    from prodgen.server.transport import ApiTransport

__all__ = ["EMBEDDED_ENGINE", "ENGINES", "embedded_server", "embedded_transport", "load_engine"]

ENGINES = {
    "ibl": "prodgen.engines.ibl.ibl_engine:ibl_engine",
    "load-test": "prodgen.engines.load_test:load_test_engine",
}
"""Name of each engine, and what makes one of `EngineSettings`: "module:class" or "module:function"."""

EMBEDDED_ENGINE = "ibl"
"""The engine behind the address embedded://: it needs nothing but this package."""


def load_engine(name: str = EMBEDDED_ENGINE, settings: EngineSettings | None = None) -> Engine:
    """Return a new engine by its name in `ENGINES`.

    Raises:
        UnknownNameError: If there is none of that name.
        SettingError: If a setting means nothing to it.
    """
    from prodgen.server.engine import EngineSettings

    if name not in ENGINES:
        raise UnknownNameError("engine", name, tuple(ENGINES))
    module, _, factory = ENGINES[name].partition(":")
    make = getattr(importlib.import_module(module), factory)
    return cast("Engine", make(settings or EngineSettings()))


def embedded_server(behaviour: Behaviour | None = None, *, engine: str = EMBEDDED_ENGINE) -> ApiServer:
    """Return a new embedded backend, which speaks the API of AUTOMATIC1111 and draws without a model.

    Raises:
        UnknownNameError: If there is no engine of that name.
    """
    from prodgen.server.app import ApiServer

    return ApiServer(load_engine(engine), behaviour)


def embedded_transport(behaviour: Behaviour | None = None) -> ApiTransport:
    """Return a transport for `httpx.Client` to a new embedded backend."""
    from prodgen.server.transport import ApiTransport

    return ApiTransport(embedded_server(behaviour))
