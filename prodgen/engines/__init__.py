"""What draws behind the wire of `prodgen.server`: one engine a package, and the table that names them.

An engine fulfils `prodgen.server.engine.Engine`. Nothing is imported before it is asked for: an engine may
bring a great deal along.
"""

from __future__ import annotations

import importlib
import threading
from typing import TYPE_CHECKING, cast

from prodgen.errors import UnknownNameError

if TYPE_CHECKING:
    from prodgen.server.app import ApiServer
    from prodgen.server.behaviour import Behaviour
    from prodgen.server.engine import Engine, EngineSettings
    from prodgen.server.transport import ApiTransport

__all__ = [
    "EMBEDDED_ENGINE",
    "ENGINES",
    "embedded_server",
    "embedded_transport",
    "engine_server",
    "load_engine",
    "shared_transport",
]

ENGINES = {
    "ibl": "prodgen.engines.ibl.ibl_engine:ibl_engine",
    "diffusers": "prodgen.engines.diffusers.diffusers_engine:DiffusersEngine",
    "comfy": "prodgen.engines.comfy.comfy_engine:ComfyEngine",
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


def engine_server(
    engine: str, settings: EngineSettings | None = None, behaviour: Behaviour | None = None
) -> ApiServer:
    """Return a new server that speaks the API of AUTOMATIC1111 and has an engine of `ENGINES` draw.

    Raises:
        UnknownNameError: If there is no engine of that name.
        SettingError: If a setting means nothing to it, or it has nothing to draw with.
        BackendError: If it has another program draw, and that cannot be asked what it has.
    """
    from prodgen.server.app import ApiServer

    made = load_engine(engine, settings)
    try:
        return ApiServer(made, behaviour)
    except BaseException:
        made.close()
        raise


def embedded_server(behaviour: Behaviour | None = None) -> ApiServer:
    """Return a new embedded backend, which draws without a model."""
    return engine_server(EMBEDDED_ENGINE, behaviour=behaviour)


def embedded_transport(behaviour: Behaviour | None = None) -> ApiTransport:
    """Return a transport for `httpx.Client` to a new embedded backend."""
    from prodgen.server.transport import ApiTransport

    return ApiTransport(embedded_server(behaviour))


class _Shared:
    """One server that is made when it is first asked for; who waits for another one does not wait for it."""

    def __init__(self, engine: str, settings: EngineSettings) -> None:
        self.engine, self.settings = engine, settings
        self._server: ApiServer | None = None
        self._making = threading.Lock()

    def server(self) -> ApiServer:
        """Return it, made anew if it is dead."""
        with self._making:
            if self._server is None or self._server.is_dead:
                self._server = engine_server(self.engine, self.settings)
            return self._server


_shared: list[_Shared] = []
_sharing = threading.Lock()


def shared_transport(engine: str, settings: EngineSettings) -> ApiTransport:
    """Return a transport to the one server of this process that has these settings.

    A model is loaded once, whoever asks. The server is made at the first request; errors of its engine reach
    the caller as they are.
    """
    from prodgen.server.transport import ApiTransport

    def server() -> ApiServer:
        with _sharing:
            alike = (one for one in _shared if (one.engine, one.settings) == (engine, settings))
            place = next(alike, None)
            if place is None:
                place = _Shared(engine, settings)
                _shared.append(place)
        return place.server()

    return ApiTransport(server, raises_errors=True)
