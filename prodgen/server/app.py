"""An A1111-compatible server as an object: requests in, answers out, no sockets.

Owns routing, authentication and the way in which every error becomes an answer. `transport` puts it
behind httpx inside one process, `socket_server` behind a socket; both hand over whole requests. What it draws
comes from the engine; the fault switches make it as bad as real servers get.
"""

from __future__ import annotations

import atexit
import base64
import contextlib
import hmac
import logging
import threading
import time
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from urllib.parse import parse_qsl, unquote

from prodgen.errors import ProdgenError
from prodgen.server import control_net, docs_page, drawing_routes, extras, openapi, status
from prodgen.server.admission import MAX_BODY_BYTES, too_large
from prodgen.server.behaviour import Behaviour
from prodgen.server.engine import Engine, EngineInventory
from prodgen.server.engine_faults import engine_fault
from prodgen.server.injected_faults import answer_without_work, spoil
from prodgen.server.queueing import CallerLeft
from prodgen.server.request_json import read_body
from prodgen.server.state import Machine, RenderRecord
from prodgen.server.wire import (
    Crashed,
    HttpAnswer,
    Invalid,
    NoRoute,
    Refused,
    answer,
    crash_answer,
    error_answer,
)

_log = logging.getLogger(__name__)

STOP_S = 5.0
"""Longest wait for drawing to end when a server stops. Guard: a picture reports its progress several times a
second."""

OPEN_PATHS = ("/sdapi/v1/loras", "/sdapi/v1/refresh-loras", "/openapi.json", "/internal/", "/file=")
"""Not covered by authentication, there as here."""


_servers: weakref.WeakSet[ApiServer] = weakref.WeakSet()


@atexit.register
def _stop_all() -> None:
    """End what is drawn for callers who have given up: Python aborts if it ends while OpenCV is at work."""
    for server in list(_servers):
        server.close()


@dataclass(frozen=True)
class HttpRequest:
    """One request, as both ways in hand it over."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Names in lower case."""

    body: bytes
    left: threading.Event = field(default_factory=threading.Event, compare=False)
    """Set once the caller has hung up, where that can be seen."""

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes) -> HttpRequest:
        """Return the request for a raw target such as "/sdapi/v1/progress?skip_current_image=true"."""
        # Not `urlsplit`, for which "//sdapi/v1/options" is a server's name and a path.
        path, _, query = target.partition("#")[0].partition("?")
        lower = {name.lower(): value for name, value in headers.items()}
        return cls(method, unquote(path), dict(parse_qsl(query)), lower, body)


class ApiServer:
    """The A1111 API over one engine.

    Args:
        engine: What draws.
        behaviour: Which A1111 the server resembles, whom it lets in, and what goes wrong on purpose.
    """

    def __init__(self, engine: Engine, behaviour: Behaviour | None = None) -> None:
        self.behaviour = behaviour or Behaviour()
        self.machine = Machine.of(engine, self.behaviour)
        self.auth = dict(self.behaviour.auth) if self.behaviour.auth else None
        self.faults = self.behaviour.faults
        self.is_dead = False
        """While true, nobody listens."""

        _servers.add(self)

        threads = self.behaviour.worker_threads
        self._workers = contextlib.nullcontext() if threads is None else threading.BoundedSemaphore(threads)

    @property
    def render_log(self) -> list[RenderRecord]:
        """Every picture that was rendered, in order, received or not."""
        return self.machine.render_log

    def stop(self) -> None:
        """Hang up on everybody, and end what is drawn."""
        self.is_dead = True
        self.end_drawing()

    def close(self) -> None:
        """Stop, and have the engine let go of everything."""
        self.stop()
        self.machine.engine.close()

    def end_drawing(self) -> None:
        """Interrupt what is drawn and what waits for it, and wait until that has ended, `STOP_S` at most."""
        end = time.monotonic() + STOP_S
        while self.machine.lock.is_held and time.monotonic() < end:
            self.machine.state.ask_to_stop(skip=False)  # again and again: those in the queue begin afresh
            time.sleep(0.02)

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """Answer one request; blocks while another one renders, as the real server does.

        Never raises: what goes wrong is an answer too.
        """
        if self.is_dead:
            return HttpAnswer(cut="refuse")
        fault = self.faults(request.path) if self.faults else None
        refused = answer_without_work(fault)
        if refused is not None:
            return refused
        started = time.perf_counter()
        with self._workers:
            result = spoil(self._work(request), fault)
        if fault is not None and fault.kind == "hang":
            time.sleep(fault.hang_s)
        took = {"x-process-time": f"{time.perf_counter() - started:.4f}", **result.headers}
        return replace(result, headers=took)

    def refusal(self, request: HttpRequest) -> HttpAnswer | None:
        """Return the answer to a request that is not let in, from its head alone; None lets it in.

        So no stranger's body is ever read, and no request for a route that is not there.
        """
        try:
            self._route(request)
            self._authenticate(request)
        except Refused as error:
            return error_answer(error)
        return None

    def waits_for_drawing(self, request: HttpRequest) -> bool:
        """Whether a request may have to wait for the lock under which pictures are drawn."""
        return request.method == "POST" and request.path.rstrip("/") in QUEUED_PATHS

    def someone_left(self) -> None:
        """Have those that wait for the lock look whether their caller has hung up (`HttpRequest.left`)."""
        self.machine.lock.recheck()

    def _work(self, request: HttpRequest) -> HttpAnswer:
        try:
            route = self._route(request)
            self._authenticate(request)
            if len(request.body) > MAX_BODY_BYTES:
                return too_large()
            return route(request)
        except (Refused, Crashed, Invalid) as error:
            return error_answer(error)
        except CallerLeft:
            return error_answer(Refused(503, "the caller hung up before its turn came"))
        except ProdgenError as error:  # an engine that says what it cannot draw
            return replace(engine_fault(error), error=error)
        except Exception as error:  # noqa: BLE001 - a server answers 500 with the exception's name, it does not die
            _log.debug("an error that nobody meant, at %s", request.path, exc_info=True)
            return crash_answer(error)

    def _route(self, request: HttpRequest) -> Callable[[HttpRequest], HttpAnswer]:
        path = request.path
        if self.behaviour.nowebui and not path.startswith(("/sdapi/", "/openapi.json", "/docs")):
            raise NoRoute(404, "Not Found")
        if path.startswith("/file="):
            return lambda request: status.saved_file(self.machine, request.path)
        methods = ROUTES.get(path) or ROUTES.get(path.rstrip("/") or "/")
        if methods is None and self.machine.inventory.controlnets:
            methods = CONTROL_ROUTES.get(path)
        if methods is None:
            raise NoRoute(404, "Not Found")
        handler = methods.get("GET" if request.method == "HEAD" else request.method)
        if handler is None:
            raise NoRoute(405, "Method Not Allowed", headers={"allow": ", ".join(methods)})
        return lambda request: handler(self.machine, request)

    def _authenticate(self, request: HttpRequest) -> None:
        if self.auth is None or not request.path.startswith(("/sdapi/", "/controlnet/")):
            return
        if request.path.startswith(OPEN_PATHS):
            return
        scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            raise Refused(401, "Not authenticated")
        try:
            user, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except ValueError:  # no base64, or no text in it
            raise Refused(401, "Invalid authentication credentials") from None
        if not colon:
            raise Refused(401, "Invalid authentication credentials")
        is_right = hmac.compare_digest(self.auth.get(user, "").encode(), password.encode())
        if user not in self.auth or not is_right:
            raise Refused(401, "Incorrect username or password")


QUEUED_PATHS = (
    *(f"/sdapi/v1/{name}" for name in ("txt2img", "img2img", "extra-single-image", "extra-batch-images")),
    *(f"/sdapi/v1/{name}" for name in ("options", "unload-checkpoint", "refresh-checkpoints", "refresh-vae")),
    "/sdapi/v1/refresh-embeddings",
    "/controlnet/detect",
)
"""What waits for the lock, when it is posted."""

Handler = Callable[[Machine, HttpRequest], HttpAnswer]


def _json(route: Callable[[Machine, dict[str, object]], HttpAnswer]) -> Handler:
    """Return a handler for a route that takes a JSON body."""

    def handle(machine: Machine, request: HttpRequest) -> HttpAnswer:
        return route(machine, read_body(request.body, request.headers.get("content-type")))

    return handle


def _interrupt(machine: Machine, request: HttpRequest) -> HttpAnswer:
    """Stop what runs; A1111 reads no body here, so that nothing in one may fail."""
    try:
        task = read_body(request.body, request.headers.get("content-type")).get("id_task")
    except (Refused, Crashed, Invalid):
        task = None
    return answer(status.interrupt(machine, task))


def _queued(route: Callable[[Machine, dict[str, object], threading.Event], HttpAnswer]) -> Handler:
    """Return a handler for a route that takes a JSON body, and waits for the lock."""

    def handle(machine: Machine, request: HttpRequest) -> HttpAnswer:
        return route(machine, read_body(request.body, request.headers.get("content-type")), request.left)

    return handle


def _plain(route: Callable[[Machine], object]) -> Handler:
    """Return a handler for a route that takes nothing and answers JSON."""
    return lambda machine, request: answer(route(machine))


ROUTES: dict[str, dict[str, Handler]] = {
    "/sdapi/v1/txt2img": {"POST": _queued(drawing_routes.txt2img)},
    "/sdapi/v1/img2img": {"POST": _queued(drawing_routes.img2img)},
    "/sdapi/v1/extra-single-image": {"POST": _queued(extras.single)},
    "/sdapi/v1/extra-batch-images": {"POST": _queued(extras.batch)},
    "/sdapi/v1/png-info": {"POST": _json(lambda machine, body: extras.png_info(body))},
    "/sdapi/v1/interrogate": {"POST": _json(lambda machine, body: extras.interrogate(body))},
    "/sdapi/v1/options": {"GET": _plain(status.options), "POST": _json(status.post_options)},
    "/sdapi/v1/progress": {"GET": lambda machine, request: status.progress(machine, request.query)},
    "/internal/progress": {"POST": _json(status.task_progress)},
    **{path: {"GET": _plain(route)} for path, route in status.LISTS.items()},
    **{path: {"POST": _plain(route)} for path, route in status.ACTIONS.items()},
}
ROUTES["/openapi.json"] = {"GET": lambda machine, request: answer(_described(machine))}
ROUTES["/docs"] = {"GET": lambda machine, request: status.html_page(docs_page.page(_described(machine)))}
ROUTES["/sdapi/v1/interrupt"] = {"POST": _interrupt}
ROUTES["/"] = {"GET": lambda machine, request: status.front_page(machine)}


def _of_inventory(listed: Callable[[EngineInventory], object]) -> Handler:
    """Return a handler for a list of what the engine has."""
    return _plain(lambda machine: listed(machine.inventory))


CONTROL_ROUTES: dict[str, dict[str, Handler]] = {
    path: {"GET": _of_inventory(listed)} for path, listed in control_net.LISTS.items()
}
CONTROL_ROUTES["/controlnet/detect"] = {"POST": _queued(control_net.detect)}
"""Routes of the ControlNet extension, where the engine has models for it."""


def _described(machine: Machine) -> dict[str, object]:
    return openapi.document(ROUTES, machine)
