"""A typed client of one backend: one method per thing a backend can do.

Owns the connection and puts its parts together; what each does is theirs. It is synchronous on
purpose: a backend renders one picture at a time, behind a lock. HTTP is below it, nothing above
sees it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from prodgen.client.knowledge import names
from prodgen.client.knowledge.options import Options
from prodgen.client.knowledge.server import Server
from prodgen.client.knowledge.service import PngInfo, Service
from prodgen.client.reaching import addresses, choosing
from prodgen.client.work import proofs, results
from prodgen.client.work.draw import Drawer
from prodgen.client.work.worker import Job, Worker
from prodgen.dialects import A1111, by_name
from prodgen.errors import AnswerError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, Generation, Img2Img, Progress, Txt2Img, Upscale

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 1800.0
"""Between a request and its answer. Nothing is sent until the run ends, so it covers the server's
queue as well as the run itself."""


class Client:
    """A connection to one backend.

        with Client() as client:
            generation = client.txt2img(Txt2Img(prompt="a bag", seed=1, width=512, height=512))

    One call at a time; a second thread waits for the first. Only `progress`, `interrupt` and
    questions may come in between.
    """

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
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Prepare a connection; except for "auto", nothing is asked of the server yet.

        Args:
            address: URL, `host:port`, `unix:///path.sock`, "embedded://", or "auto": the server at
                PRODGEN_BACKEND or http://127.0.0.1:7860 if one answers, else the embedded one.
            auth: (user, password), "user:password" or "Bearer TOKEN"; unset: PRODGEN_AUTH, then the URL.
            headers: More headers, for proxies; those of PRODGEN_HEADERS are added.
            timeout_s: Between a request to draw and its answer, the server's queue included.
            transport: In place of a network connection.
            dialect: Name of the dialect, if it should not be found out.
            verify: False, or the file of a certificate authority of your own; unset: PRODGEN_CA_FILE.
            previews: Whether progress carries preview pictures.
            sleep: What waiting means; for tests.

        Raises:
            SettingError: If address, auth, headers, certificate file or dialect are wrong.
            NotABackendError: If PRODGEN_BACKEND names something that is no backend.
        """
        settings = choosing.Settings(addresses.parse_auth(auth), headers, timeout_s, transport, verify, sleep)
        spoken = by_name(dialect) if isinstance(dialect, str) else dialect
        self._connection, self.notices = choosing.choose(address, settings)
        """`notices`: one sentence each on how the backend was chosen."""
        self._worker = Worker(self._connection, previews=previews, sleep=sleep)
        self._options = Options(self._connection)
        self._server = Server(self._connection, spoken)
        self._drawer = Drawer(self._server, self._worker, self._options)
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
        return f"Client({self.address!r})"

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()

    # Who it is.

    @property
    def address(self) -> str:
        """Where the backend is, without user and password."""
        return self._connection.url

    @property
    def is_embedded(self) -> bool:
        """Whether it is prodgen's own backend, here or behind a socket: light and scene, but no diffusion."""
        return self._server.is_embedded

    @property
    def name(self) -> str:
        """The backend in words, as for a report."""
        return self._server.name

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

    # Drawing.

    def txt2img(
        self, request: Txt2Img, *, on_progress: Callable[[Progress], None] | None = None
    ) -> Generation:
        """Draw from a prompt.

        Args:
            request: What to draw.
            on_progress: Called every half second from another thread while the server works.

        Returns:
            The pictures, with what provably ran.

        Raises:
            SettingError: If it names something that this server does not have; nothing was sent.
            UnsupportedFeatureError: If this kind of server cannot do it; nothing was sent.
            NotAppliedError: If something asked for did not run.
            BackendError: If the server fails or cannot be reached.
        """
        return self._drawer.draw(
            request,
            lambda task_id: self.dialect.txt2img(request, self.capabilities, task_id=task_id),
            on_progress,
        )

    def img2img(
        self, request: Img2Img, *, on_progress: Callable[[Progress], None] | None = None
    ) -> Generation:
        """Draw over a picture; arguments, result and errors as for `txt2img`."""
        return self._drawer.draw(
            request,
            lambda task_id: self.dialect.img2img(request, self.capabilities, task_id=task_id),
            on_progress,
        )

    def upscale(self, request: Upscale, *, on_progress: Callable[[Progress], None] | None = None) -> RgbImage:
        """Enlarge a picture with one of the server's upscalers.

        Raises:
            SettingError: If there is no such upscaler; nothing was sent.
            NotAppliedError: If the result is not larger as asked.
            BackendError: If the server fails or cannot be reached.
        """
        names.check_upscale(request, self.capabilities)
        payload = self.dialect.upscale(request)
        wanted_w, wanted_h = proofs.wanted_size(request)
        job = Job(payload, "", int(4 * wanted_w * wanted_h), on_progress)
        told = self._connection.parsed(payload.path, self._drawer.do(job, []))
        if not isinstance(told, dict) or not isinstance(told.get("image"), str):
            raise AnswerError(self.address, f"{payload.path} answered no picture")
        picture, _ = results.decode(self.address, told["image"], "the enlarged picture")
        proofs.check_enlarged(self.address, request, picture)
        return picture

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

    # Meanwhile, and beside.

    def progress(self) -> Progress:
        """Return how far our own call is, or whatever runs if none of ours does.

        Raises:
            BackendError: If the server cannot be asked.
        """
        return self._worker.progress(knows_tasks=self.capabilities.has_task_progress)

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

    def png_info(self, data: bytes) -> PngInfo:
        """Return what the server reads out of a picture file; `infotext` is "" if it holds nothing.

        Raises:
            BackendError: If the server cannot read the file.
        """
        return self.service.png_info(data)
