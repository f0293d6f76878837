"""A typed client of one backend: one method per thing a backend can do.

Owns what holds a call together: names are checked before, proofs after, a picture that the server
cannot send is fetched, an interrupted call is interrupted there too. It is synchronous on purpose:
a backend renders one picture at a time, behind a lock. HTTP is below it, nothing above sees it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from prodgen.client import addresses, advice, choosing, fetching, lists, names, proofs, results, tasks
from prodgen.client.connection import Answer
from prodgen.client.faults import ArrayInResultError
from prodgen.client.options import Options
from prodgen.client.service import ControlNet, PngInfo, Service
from prodgen.client.work import Job, Worker
from prodgen.dialects import A1111, Payload, ReadGeneration, by_name, by_version, infotext_value
from prodgen.errors import AnswerError, BackendFaultError, BackendOutOfMemoryError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, Drawing, Generation, Img2Img, Progress, Txt2Img, Upscale

if TYPE_CHECKING:
    import httpx

TIMEOUT_S = 1800.0
"""Between a request and its answer. Nothing is sent until the run ends, so it covers the server's
queue as well as the run itself."""

EMBEDDED_CHECKPOINT = "prodgen-ibl"
"""The embedded backend's checkpoint begins with this, here or behind `prodgen serve`."""


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
            headers: More headers, for proxies.
            timeout_s: Between a request to draw and its answer, the server's queue included.
            transport: In place of a network connection.
            dialect: Name of the dialect, if it should not be found out.
            verify: False, or the file of a certificate authority of your own.
            previews: Whether progress carries preview pictures.
            sleep: What waiting means; for tests.

        Raises:
            SettingError: If address, auth or dialect are wrong.
            NotABackendError: If PRODGEN_BACKEND names something that is no backend.
        """
        self._dialect = by_name(dialect) if isinstance(dialect, str) else dialect
        settings = choosing.Settings(addresses.parse_auth(auth), headers, timeout_s, transport, verify, sleep)
        self._connection, self.notices = choosing.choose(address, settings)
        """`notices`: one sentence each on how the backend was chosen."""
        self._worker = Worker(self._connection, previews=previews, sleep=sleep)
        self._options = Options(self._connection)
        self.service = Service(self._connection)
        """Everything that the server offers beside drawing."""
        self.controlnet = ControlNet(self._connection)
        """What the ControlNet extension offers beside its units."""
        self._capabilities: Capabilities | None = None
        self._version: str | None = None
        self._controlnet_names: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._asking = threading.Lock()
        self._sends_arrays = False

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
        if self._connection.address.is_embedded:
            return True
        return (self.capabilities.checkpoint or "").startswith(EMBEDDED_CHECKPOINT)

    @property
    def name(self) -> str:
        """The backend in words, as for a report."""
        if self.is_embedded:
            where = "" if self._connection.address.is_embedded else f" at {self.address}"
            return f"embedded backend ({EMBEDDED_CHECKPOINT}, no diffusion){where}"
        version = f" {self._version}" if self._version else ""
        return f"{self.dialect.title}{version} at {self.address}"

    @property
    def capabilities(self) -> Capabilities:
        """What the server has; asked once, at first use.

        Raises:
            BackendError: If it cannot be asked.
        """
        with self._asking:
            if self._capabilities is None:
                self._capabilities, self._dialect = lists.ask(self._connection, self._dialect)
            return self._capabilities

    @property
    def dialect(self) -> A1111:
        """How this kind of server wants things spelled."""
        if self._dialect is None:
            _ = self.capabilities
        assert self._dialect is not None  # noqa: S101 - asking sets it
        return self._dialect

    def refresh(self) -> Capabilities:
        """Ask again what the server has.

        Raises:
            BackendError: If it cannot be asked.
        """
        self._capabilities = self._controlnet_names = None
        self._sends_arrays = False
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
        names.check_drawing(request, self.capabilities)
        return self._draw(
            request,
            lambda task_id: self.dialect.txt2img(request, self.capabilities, task_id=task_id),
            on_progress,
        )

    def img2img(
        self, request: Img2Img, *, on_progress: Callable[[Progress], None] | None = None
    ) -> Generation:
        """Draw over a picture; arguments, result and errors as for `txt2img`."""
        names.check_drawing(request, self.capabilities)
        return self._draw(
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
        told = self._connection.parsed(payload.path, self._do(job, []))
        if not isinstance(told, dict) or not isinstance(told.get("image"), str):
            raise AnswerError(self.address, f"{payload.path} answered no picture")
        picture, _ = results.decode(self.address, told["image"], "the enlarged picture")
        proofs.check_enlarged(self.address, request, picture)
        return picture

    def _draw(
        self,
        request: Drawing,
        spell: Callable[[str], Payload],
        on_progress: Callable[[Progress], None] | None,
    ) -> Generation:
        self._check_controlnet(request)
        notices = [] if self.is_embedded else advice.about_comments(request)
        task_id = tasks.new_task_id()
        payload = spell(task_id)
        if "options" in self.capabilities.answered:
            self._options.settle(payload.fields.get("override_settings") or ())
        if request.ic_light is not None and self._sends_arrays:
            return self._draw_and_fetch(request, payload, on_progress, notices)
        try:
            answer = self._do(Job(payload, task_id, results.pixels(request), on_progress), notices)
        except BackendOutOfMemoryError as error:
            raise BackendOutOfMemoryError(error.url, f"{error.reason}; {advice.smaller(request)}") from error
        except BackendFaultError as error:
            if not self._is_about_arrays(request, error):
                raise
            self._sends_arrays = True
            return self._draw_and_fetch(request, payload, on_progress, notices)
        read = results.read(self._connection, payload.path, answer, count=request.count)
        pictures, is_lossless = results.decode_all(self.address, read.results, "result")
        extras, _ = results.decode_all(self.address, read.extras, "extra picture")
        if not is_lossless:
            notices.append(advice.LOSSY)
        if "progress" in self.capabilities.answered and tasks.was_interrupted(self._connection):
            notices.append(advice.INTERRUPTED)
        return self._proven(request, read, pictures, extras, notices, task_id, is_lossless=is_lossless)

    def _check_controlnet(self, request: Drawing) -> None:
        """Refuse units that the extension would ignore silently."""
        if not request.controlnet or not self.capabilities.controlnet:
            return
        if self._controlnet_names is None:
            self._controlnet_names = (self.controlnet.models(), self.controlnet.modules())
        names.check_controlnet(request.controlnet, *self._controlnet_names)

    def _is_about_arrays(self, request: Drawing, error: BackendFaultError) -> bool:
        """Whether the picture was drawn but could not be sent, as happens with IC-Light alone."""
        # Without its page, the server cannot hand out files either.
        if request.ic_light is None or not self.capabilities.has_task_progress:
            return False
        nameless = not self.dialect.names_its_errors and "Internal Server Error" in error.reason
        return nameless or isinstance(error, ArrayInResultError)

    def _draw_and_fetch(
        self,
        request: Drawing,
        payload: Payload,
        on_progress: Callable[[Progress], None] | None,
        notices: list[str],
    ) -> Generation:
        """Draw one result a call, saved by the server under our name and fetched from its page."""
        options = self.options()
        self._options.settle(fetching.OPTIONS)
        folder = fetching.folder_of(options, payload.path)
        pictures: list[RgbImage] = []
        reads: list[ReadGeneration] = []
        for number in range(request.count):
            token, task_id = fetching.new_token(), tasks.new_task_id()
            single = fetching.payload_for(payload, number, token).with_fields(**self.dialect.task(task_id))
            tell = fetching.part_of(on_progress, number, request.count)
            answer = self._do(Job(single, task_id, 0, tell), notices)
            reads.append(results.read(self._connection, payload.path, answer, count=1))
            limit = 4 * results.pixels(request) + (1 << 20)
            data = fetching.fetch(self._connection, folder, token, limit=limit)
            pictures.append(results.decode_file(self.address, data, f"result {number + 1}"))
        notices.append(
            "This server cannot send IC-Light's results (a known fault), so they were saved there and "
            f"fetched; the files prodgen-*.png stay in its folder {folder!r}"
        )
        whole = fetching.together(reads)
        return self._proven(request, whole, pictures, [], notices, task_id, can_see_extras=False)

    def _proven(
        self,
        request: Drawing,
        read: ReadGeneration,
        pictures: list[RgbImage],
        extras: list[RgbImage],
        notices: list[str],
        task_id: str,
        *,
        is_lossless: bool = True,
        can_see_extras: bool = True,
    ) -> Generation:
        self._learn_version(read)
        applied, doubts = proofs.check(
            proofs.Asked(request, self.capabilities, self.dialect, self.address),
            read,
            pictures,
            extras,
            is_lossless=is_lossless,
            can_see_extras=can_see_extras,
        )
        return Generation(
            images=tuple(pictures),
            seeds=read.seeds[: len(pictures)] or tuple(request.seed + i for i in range(len(pictures))),
            infotexts=read.infotexts[: len(pictures)],
            info=read.info,
            extras=tuple(extras),
            applied=applied,
            notices=(*notices, *doubts),
            backend=self.name,
            task_id=task_id,
        )

    def _learn_version(self, read: ReadGeneration) -> None:
        """Take the version from the first answer; nothing else tells it cheaply."""
        told = read.info.get("version") or (
            infotext_value(read.infotexts[0], "Version") if read.infotexts else None
        )
        if self._version is None and told:
            self._version = str(told)
            better = by_version(self._version)
            # The routes cannot tell reForge from A1111; the version can.
            if better is not None and type(self._dialect) is A1111:
                self._dialect = better

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

    def _do(self, job: Job, notices: list[str]) -> Answer:
        return self._worker.do(
            job,
            formats=self.dialect.picture_formats,
            knows_tasks=self.capabilities.has_task_progress,
            notices=notices,
        )
