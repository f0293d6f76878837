"""One drawing from request to proven pictures, by way of everything that a server may get wrong.

Names are checked before, proofs after; a picture that the server cannot send is saved there and
fetched. What happens between one request and its answer is the worker's business.
"""

from __future__ import annotations

from collections.abc import Callable

from prodgen.client.knowledge import names
from prodgen.client.knowledge.known_server import KnownServer
from prodgen.client.knowledge.options import Options
from prodgen.client.reaching import decoding
from prodgen.client.reaching.connection import WholeAnswer
from prodgen.client.work import advice, fetching, mask_proof, proofs, relight_proof, results, tasks
from prodgen.client.work.calling import TRIES_AFTER_A_BREAK, Call, Worker, asked_again
from prodgen.client.work.mask_proof import KeptMask
from prodgen.client.work.model_loading import ModelLoading
from prodgen.client.work.relight_proof import Relighting
from prodgen.client.work.results import DrawnPictures
from prodgen.client.work.tried_out import TriedOut
from prodgen.dialects import Payload, ReadGeneration
from prodgen.errors import (
    AnswerError,
    BackendError,
    BackendFaultError,
    BackendGatewayError,
    BackendLostError,
    BackendOutOfMemoryError,
    NotAppliedError,
    ResultNotSentError,
)
from prodgen.schema import Drawing, Generation, ICLight, Img2Img, Progress


class Drawer:
    """Draws on one server."""

    def __init__(
        self, server: KnownServer, worker: Worker, options: Options, *, guards_options: bool = True
    ) -> None:
        self._server = server
        self._worker = worker
        self._options = options
        self._guards_options = guards_options
        self._model_loading = ModelLoading(server, self.do, self._settle)
        self._tried_out = TriedOut(server, self.do)

    def draw(
        self,
        request: Drawing,
        spell: Callable[[str], Payload],
        on_progress: Callable[[Progress], None] | None,
    ) -> Generation:
        """Draw what `request` asks for and `spell` makes a payload of, given a task id.

        Raises:
            SettingError: If it names something that this server does not have; nothing was sent.
            UnsupportedFeatureError: If this kind of server cannot do it; nothing was sent.
            NotAppliedError: If something asked for did not run.
            BackendError: If the server fails or cannot be reached.
        """
        names.check_drawing(request, self._server.capabilities)
        self._server.check_controlnet(request.controlnet)
        notices = names.unchecked(request, self._server.capabilities)
        notices += [] if self._server.is_embedded else advice.about_comments(request)
        if request.ic_light is not None:
            self._model_loading.before(request)
        generation, relighting = self._drawn(request, spell, on_progress, notices)
        if request.ic_light is None or relighting.failure is None:
            return generation
        if relighting.failure == "reported":
            raise self._not_relit(request.ic_light, relighting, was_redrawn=False)
        self._model_loading.load(request)
        notices = [*generation.notices, advice.REDRAWN]
        generation, relighting = self._drawn(request, spell, on_progress, notices)
        if relighting.failure is not None:
            raise self._not_relit(request.ic_light, relighting, was_redrawn=True)
        return generation

    def _not_relit(self, unit: ICLight, found: Relighting, *, was_redrawn: bool) -> NotAppliedError:
        needs = self._server.dialect.remedy("relighting")
        return relight_proof.error(self._server.url, unit, found, needs=needs, was_redrawn=was_redrawn)

    def _drawn(
        self,
        request: Drawing,
        spell: Callable[[str], Payload],
        on_progress: Callable[[Progress], None] | None,
        notices: list[str],
    ) -> tuple[Generation, Relighting]:
        """Draw once; what did not run is an error, but for IC-Light, which can be mended."""
        task_id = tasks.new_task_id()
        payload = spell(task_id)
        if "options" in self._server.capabilities.answered:
            self._options.check(request.override_settings)
        self._settle(payload)
        if self._server.cuts_long_answers or (request.ic_light is not None and self._server.sends_arrays):
            return self._draw_and_fetch(request, payload, on_progress, notices)
        try:
            call = Call(payload, task_id, results.pixels(request), on_progress, self._is_better_fetched)
            answer = self.do(call, notices)
            read = results.read(
                self._server.connection,
                payload.path,
                answer,
                count=request.count,
                has_maps=bool(request.controlnet),
            )
        except BackendOutOfMemoryError as error:
            remedy = f"{BackendOutOfMemoryError.remedy} {advice.smaller(request)}"
            raise BackendOutOfMemoryError(
                error.url, error.reason, remedy=remedy, server_text=error.server_text
            ) from error
        except BackendFaultError as error:
            if isinstance(error, BackendLostError) and self._is_better_fetched(error):
                self._server.cuts_long_answers = True
                notices.append(asked_again(error))
            elif self._is_about_arrays(request, error):
                self._server.sends_arrays = True
            else:
                raise
            return self._draw_and_fetch(request, payload, on_progress, notices)
        has_faults = not self._server.is_embedded
        drawn = results.decoded(self._server.connection, request, read, has_faults=has_faults)
        if not drawn.is_lossless:
            notices.append(advice.LOSSY)
        tells_state = "progress" in self._server.capabilities.answered
        if tells_state and tasks.was_interrupted(self._server.connection):
            notices.append(advice.INTERRUPTED)
        return self._proven(request, drawn, notices, task_id)

    def _settle(self, payload: Payload) -> None:
        """Have the options that a call overrides saved as they are, so that the server restores them."""
        if self._guards_options and "options" in self._server.capabilities.answered:
            self._options.settle(payload.fields.get("override_settings") or ())

    def _is_about_arrays(self, request: Drawing, error: BackendFaultError) -> bool:
        """Whether the picture was drawn but could not be sent, as happens with IC-Light alone."""
        # Without its page, the server cannot hand out files either.
        if request.ic_light is None or not self._server.capabilities.has_task_progress:
            return False
        is_nameless = (
            not self._server.dialect.names_its_errors and error.server_text == "Internal Server Error"
        )
        return is_nameless or isinstance(error, ResultNotSentError)

    def _is_better_fetched(self, error: BackendLostError) -> bool:
        """Whether a proxy did not wait for the picture, and would not wait the next time, but files come."""
        have = self._server.capabilities
        hands_out = have.has_task_progress and "options" in have.answered
        return hands_out and isinstance(error, BackendGatewayError) and error.gave_up

    def _draw_and_fetch(
        self,
        request: Drawing,
        payload: Payload,
        on_progress: Callable[[Progress], None] | None,
        notices: list[str],
    ) -> tuple[Generation, Relighting]:
        """Draw one result a call, saved by the server under our name and fetched from its page."""
        options = self._options.get()
        self._options.settle(fetching.OPTIONS)
        folder = fetching.folder_of(options, payload.path)
        files: list[bytes] = []
        reads: list[ReadGeneration] = []
        for number in range(request.count):
            tell = fetching.part_of(on_progress, number, request.count)
            task_id, read, data = self._saved(request, payload, number, folder, tell, notices)
            reads.append(read)
            files.append(data)
        why = "This server cannot send IC-Light's results (a known fault)"
        if self._server.cuts_long_answers:
            why = "A proxy before this server does not wait until a picture is drawn"
        notices.append(
            f"{why}, so they were saved there and fetched; the files prodgen-*.png stay in {folder!r} there"
        )
        drawn = results.whole(self._server.url, request, fetching.together(reads), files)
        return self._proven(request, drawn, notices, task_id, was_fetched=True)

    def _saved(
        self,
        request: Drawing,
        payload: Payload,
        number: int,
        folder: str,
        on_progress: Callable[[Progress], None] | None,
        notices: list[str],
    ) -> tuple[str, ReadGeneration, bytes]:
        """Return task, answer and file of result `number`; if the answer is lost, the file says it all."""
        connection = self._server.connection
        sends = self._server.cuts_long_answers  # what a proxy let through need not be fetched
        limit = results.pixels(request)
        tries = TRIES_AFTER_A_BREAK
        while True:
            tries -= 1
            task_id = tasks.new_task_id()
            single = fetching.payload_for(payload, number, task_id).with_fields(
                send_images=sends, **self._server.dialect.task(task_id)
            )
            call = Call(single, task_id, limit if sends else 0, on_progress, is_kept=lambda _: True)
            lost: BackendError | None = None
            try:
                answer = self.do(call, notices)
                read = results.read(connection, payload.path, answer, count=1, has_pictures=sends)
                if sends:
                    file = decoding.file_behind(connection.url, read.results[0], f"result {number + 1}")
                    return task_id, read, file
            except (BackendLostError, AnswerError) as error:
                lost, read = error, fetching.UNANSWERED
            try:
                file = fetching.fetch(connection, folder, task_id, limit=4 * limit + (1 << 20))
            except ResultNotSentError:
                if lost is None:
                    raise
                if not tries:
                    raise lost from None
                continue  # the server was restarted before it had drawn, or hands out no files
            return task_id, read, file

    def _proven(
        self,
        request: Drawing,
        drawn: DrawnPictures,
        notices: list[str],
        task_id: str,
        *,
        was_fetched: bool = False,
    ) -> tuple[Generation, Relighting]:
        read = drawn.read
        self._server.learn_version(read)
        have = self._server.capabilities
        effects = self._tried_out.effects(request, read.lora_hashes) if request.loras else {}
        applied, doubts = proofs.check(
            proofs.Asked(request, have, self._server.dialect, self._server.url, effects), read
        )
        relighting = self._relighting(request, drawn, was_fetched=was_fetched)
        mask = self._mask(request, drawn)
        doubts += [*relighting.notices, *([mask.notice] if mask.notice else [])]
        looked_at = {relight_proof.IC_LIGHT: relighting.proof, mask_proof.MASK: mask.proof}
        shown = {feature: proof for feature, proof in looked_at.items() if proof is not None}
        applied = proofs.with_proofs(applied, request, shown, effects=effects)
        self._model_loading.learn(applied)
        if self._server.is_embedded:
            doubts += advice.about_the_scene(read.parameters, request.prompt)
        generation = Generation(
            images=tuple(picture.rgb for picture in drawn.results),
            mattes=tuple(picture.matte for picture in drawn.results),
            seeds=drawn.seeds,
            infotexts=read.infotexts,
            info=read.info,
            extras=drawn.extras,
            applied=applied,
            # Once each: what a server says of a drawing, it says again of a second one.
            notices=tuple(dict.fromkeys((*notices, *drawn.notices, *doubts))),
            backend=self._server.name,
            task_id=task_id,
            was_fetched=was_fetched,
            is_missing_a_picture=read.is_missing_a_picture,
        )
        return generation, relighting

    def _relighting(self, request: Drawing, drawn: DrawnPictures, *, was_fetched: bool) -> Relighting:
        """Return what pictures and answer tell of IC-Light; nothing if it was not asked for."""
        if request.ic_light is None:
            return Relighting()
        return relight_proof.judge(
            request,
            self._server.capabilities,
            drawn.read,
            [picture.rgb for picture in drawn.results],
            drawn.extras,
            is_lossless=drawn.is_lossless,
            can_see_extras=not was_fetched,
        )

    def _mask(self, request: Drawing, drawn: DrawnPictures) -> KeptMask:
        """Return what pictures tell of an inpaint mask; nothing if there was none.

        Raises:
            NotAppliedError: If it was ignored, though the server drew the size that was asked for.
        """
        if not isinstance(request, Img2Img) or request.inpaint_mask is None:
            return KeptMask()
        pictures = [picture.rgb for picture in drawn.results]
        mask = mask_proof.judge(request, pictures, is_lossless=drawn.is_lossless)
        if not mask.is_ignored:
            return mask
        if not drawn.is_fitted:
            raise mask_proof.ignored(self._server.url)
        return KeptMask(notice=mask_proof.NOT_KEPT)

    def do(self, call: Call, notices: list[str]) -> WholeAnswer:
        """Make any call that this server's dialect spelled.

        Raises:
            Interrupted: If it was cancelled meanwhile.
            BackendError: If there is no good answer.
        """
        return self._worker.do(
            call,
            formats=self._server.dialect.picture_formats,
            knows_tasks=self._server.capabilities.has_task_progress,
            notices=notices,
        )
