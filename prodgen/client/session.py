"""A connection to one backend, and everything about it but drawing: who it is, its options, its progress.

It is synchronous on purpose: a backend renders one picture at a time, behind a lock. HTTP is below it,
nothing above sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from prodgen.client.knowledge import choosing
from prodgen.client.knowledge.known_server import KnownServer
from prodgen.client.knowledge.options import Options
from prodgen.client.knowledge.service import Service
from prodgen.client.reaching import addresses
from prodgen.client.reaching.access import Access
from prodgen.client.work import tasks
from prodgen.client.work.calling import Turn, Worker
from prodgen.client.work.draw import Drawer
from prodgen.client.work.leaving import cancel_task
from prodgen.client.work.tasks import TaskState
from prodgen.dialects import A1111, by_name
from prodgen.errors import LeftOnServer
from prodgen.schema import Capabilities, Progress

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 1800.0
"""Seconds between a request and its answer. Nothing is sent until the run ends, so it covers the server's
queue as well as the run itself."""


class Session:
    """What is asked of a backend beside pictures; `Client` adds the drawing."""

    def __init__(
        self,
        address: str = "auto",
        *,
        auth: tuple[str, str] | str | None = None,
        headers: Mapping[str, str] | None = None,
        timeout_s: float = TIMEOUT_S,
        transport: httpx.BaseTransport | None = None,
        dialect: str | A1111 | None = None,
        verify: str | bool = True,
        previews: bool = False,
        guards_options: bool = True,
        sleep: Callable[[float], None] = time.sleep,
        turn: Turn = nullcontext,
    ) -> None:
        """Prepare a connection; except for "auto", nothing is asked of the server yet.

        Args:
            address: URL, `host:port`, `unix:///path.sock`, "embedded://", "engine://" (this computer's GPU),
                "comfy://host:8188" and "comfys://host" (a ComfyUI server), or "auto": the server at
                PRODGEN_BACKEND or http://127.0.0.1:7860 if one answers, else the embedded one.
            auth: (user, password), "user:password" or "Bearer TOKEN"; unset: PRODGEN_AUTH. What the URL
                itself holds comes first.
            headers: More headers, for proxies; those of PRODGEN_HEADERS are added.
            timeout_s: Between a request to draw and its answer, the server's queue included.
            transport: In place of a network connection.
            dialect: Name of the dialect, if it should not be found out.
            verify: False, or the file of a certificate authority of your own; unset: PRODGEN_CA_FILE.
            previews: Whether progress carries preview pictures.
            guards_options: Whether options that a call overrides are saved first, as they are, so that the
                server restores them; `prodgen doctor` turns it off to see whether they leak.
            sleep: What waiting means; for tests.
            turn: Gives what is entered when a call could be sent and left when its answer is here, for
                whoever shares the server among several clients.

        Raises:
            SettingError: If address, auth, headers, certificate file or dialect are wrong.
            NotABackendError: If PRODGEN_BACKEND names something that is no backend.
        """
        self._access = access = Access(
            addresses.parse_auth(auth), headers, timeout_s, transport, verify, sleep
        )
        spoken = by_name(dialect) if isinstance(dialect, str) else dialect
        self._connection, self.notices = choosing.choose(address, access)
        """`notices`: one sentence each on how the backend was chosen."""
        self._worker = Worker(self._connection, previews=previews, sleep=sleep, turn=turn)
        self._options = Options(self._connection)
        self._server = KnownServer(self._connection, spoken)
        self._drawer = Drawer(self._server, self._worker, self._options, guards_options=guards_options)
        self.service = Service(self._connection)
        """Everything that the server offers beside drawing."""
        self.controlnet = self._server.controlnet
        """What the ControlNet extension offers beside its units."""

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connection."""
        self.close()

    def __repr__(self) -> str:
        """Show the address, without a password."""
        return f"{type(self).__name__}({self.address!r})"

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    def sibling(self, *, timeout_s: float, guards_options: bool = True) -> Self:
        """Return another client of the same server, with a time-out of its own.

        Args:
            timeout_s: Between a request to draw and its answer.
            guards_options: As for `Client`.
        """
        auth = self._connection.auth
        return type(self)(
            self.address,
            auth=f"Bearer {auth}" if isinstance(auth, str) else auth,
            headers=self._access.headers,
            timeout_s=timeout_s,
            # An engine in this process is one server, whoever speaks to it.
            transport=self._connection.transport,
            dialect=self._server.known_dialect,
            verify=self._access.verify,
            guards_options=guards_options,
            sleep=self._access.sleep,
        )

    # Who it is.

    @property
    def address(self) -> str:
        """Where the backend is, without user and password."""
        return self._connection.url

    @property
    def is_inside(self) -> bool:
        """Whether an engine in this process answers, and no server is spoken to by HTTP."""
        return self._connection.address.is_inside

    @property
    def is_embedded(self) -> bool:
        """Whether it is prodgen's own backend, here or behind a socket: light and scene, but no diffusion."""
        return self._server.is_embedded

    @property
    def name(self) -> str:
        """The backend in words, as for a report."""
        return self._server.name

    @property
    def version(self) -> str | None:
        """Version of the server's program; known once it has drawn, None before."""
        return self._server.version

    @property
    def capabilities(self) -> Capabilities:
        """What the server has; asked once, at first use.

        Raises:
            BackendError: If it cannot be asked.
        """
        return self._server.capabilities

    @property
    def dialect(self) -> A1111:
        """How this kind of server wants things spelled."""
        return self._server.dialect

    def refresh(self) -> Capabilities:
        """Ask again what the server has.

        Raises:
            BackendError: If it cannot be asked.
        """
        self._server.forget()
        return self.capabilities

    # Its options.

    def options(self) -> dict[str, Any]:
        """Return the server's options.

        Raises:
            BackendError: If it does not tell them.
        """
        return self._options.get()

    def set_options(self, options: Mapping[str, Any]) -> None:
        """Change options for all callers, until they are changed again.

        Raises:
            SettingError: If there is no such option, or its values are of another type.
            BackendError: If the server refuses them.
        """
        self._options.set(options)

    def put_options_back(self, options: Mapping[str, Any]) -> None:
        """Set options to values that were read before; unlike `set_options`, asks for nothing first.

        Raises:
            BackendError: If the server refuses them.
        """
        self._options.put_back(options)

    def save_options(self) -> int:
        """Have the server save every option as it is, so that overrides of one call end with it.

        Returns:
            The number of options.

        Raises:
            BackendError: If the server does not list its options, or refuses them.
        """
        return self._options.save_all()

    # Meanwhile, and beside.

    def progress(self) -> Progress:
        """Return how far our own call is, or whatever runs if none of ours does.

        Raises:
            BackendError: If the server cannot be asked.
        """
        return self._worker.progress(knows_tasks=self.capabilities.has_task_progress)

    @property
    def idle_upscalers(self) -> frozenset[str]:
        """Upscalers that this client saw to resize by a formula only, their weights being missing."""
        return frozenset(self._server.idle_upscalers)

    def is_idle(self) -> bool:
        """Whether the server works on nothing at all, for whomever.

        Raises:
            BackendError: If the server cannot be asked.
        """
        return tasks.is_idle(self._connection)

    def interrupt(self) -> bool:
        """Stop our own call, if the server works on it; never another caller's.

        Returns:
            Whether the server was told to stop. False if nothing of ours runs there, or the server
            cannot tell whose work it does (started with --nowebui).

        Raises:
            BackendError: If the server cannot be asked.
        """
        return self._worker.interrupt()

    def cancel(self) -> bool:
        """Stop our own call from another thread, even while it waits in the server's queue.

        The call then raises `Interrupted`. Another caller's work is never touched.

        Returns:
            Whether there is a call to stop.
        """
        return self._worker.cancel()

    def left_on_server(self) -> LeftOnServer | None:
        """Return the call that was cancelled and goes on all the same until now; None if there is none."""
        return self._worker.left_on_server()

    def cancel_task(self, task_id: str) -> TaskState:
        """Stop a call of a program that has ended, by its task id; waits until it begins, if it is queued.

        Returns:
            RUNNING if it was stopped, DONE if it is over, UNKNOWN if the server knows no such task.

        Raises:
            BackendError: If the server cannot be asked, or does not know tasks.
        """
        return cancel_task(self._connection, task_id)
