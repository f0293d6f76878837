"""Having a server load the checkpoint that a relighting needs before it is asked to relight.

IC-Light patches the model that is loaded when a call comes in. If the call itself brings another checkpoint,
or another caller's did before it, the server changes models afterwards and the patch is lost without a word.
A tiny plain picture with the same options loads the model; it also clears what IC-Light keeps of an earlier
call. Options are left as they are: they belong to all callers.
"""

from __future__ import annotations

import logging
from collections.abc import Callable

from prodgen.client.knowledge.known_server import KnownServer
from prodgen.client.reaching.connection import WholeAnswer
from prodgen.client.work import relight_proof, tasks
from prodgen.client.work.calling import Call
from prodgen.dialects import Payload
from prodgen.errors import BackendError
from prodgen.schema import Applied, Capabilities, Drawing, Img2Img, Txt2Img

log = logging.getLogger(__name__)

SIDE_PX = 64
"""Side of the picture that loads a model: the smallest that every server draws."""

BRIDGE = "prodgen bridge"
"""Title of prodgen's bridge extension among a server's scripts."""

BRIDGE_RENEWS = (1, 1)
"""Version of the bridge from which on it has IC-Light patch the model that draws."""


class ModelLoading:
    """Knows which checkpoint one server drew with last, as far as its answers tell."""

    def __init__(
        self,
        server: KnownServer,
        do: Callable[[Call, list[str]], WholeAnswer],
        settle: Callable[[Payload], None],
    ) -> None:
        self._server = server
        self._do = do
        self._settle = settle
        self._last: str | None = None

    def learn(self, applied: Applied) -> None:
        """Take note of the checkpoint that drew a picture."""
        self._last = applied.checkpoint or self._last

    def before(self, request: Drawing) -> None:
        """Load the checkpoint that a relighting asks for, where the patch would be lost otherwise."""
        if renews_patches(self._server.capabilities):
            return
        if not (self._asks_for_another(request) or self._cannot_be_seen(request)):
            return
        try:
            self.load(request)
        except BackendError as error:
            log.info("the checkpoint could not be loaded beforehand: %s", error)

    def _asks_for_another(self, request: Drawing) -> bool:
        """Whether the call will be drawn with another checkpoint than the last, as far as is known."""
        have = self._server.capabilities
        asked = request.checkpoint or request.override_settings.get("sd_model_checkpoint")
        wanted = have.find_checkpoint(str(asked or have.checkpoint))
        loaded = have.find_checkpoint(str(self._last or have.checkpoint))
        return None not in (wanted, loaded) and wanted != loaded

    def _cannot_be_seen(self, request: Drawing) -> bool:
        """Whether the picture could not show that the patch was lost, since it starts with the product."""
        if self._server.connection.address.is_embedded or not isinstance(request, Img2Img):
            return False
        return relight_proof.is_init(self._server.capabilities)

    def load(self, request: Drawing) -> None:
        """Draw a tiny plain picture with the checkpoint and options of `request`.

        Raises:
            BackendError: If the server cannot.
        """
        plain = Txt2Img(
            prompt="",
            seed=0,
            width=SIDE_PX,
            height=SIDE_PX,
            steps=1,
            checkpoint=request.checkpoint,
            vae=request.vae,
            override_settings=request.override_settings,
        )
        task_id = tasks.new_task_id()
        payload = self._server.dialect.txt2img(plain, self._server.capabilities, task_id=task_id)
        self._settle(payload)
        log.info("a tiny plain picture is drawn, so that the checkpoint is loaded before it relights")
        self._do(Call(payload, task_id, SIDE_PX * SIDE_PX), [])


def renews_patches(capabilities: Capabilities) -> bool:
    """Whether the server has a bridge extension that has IC-Light patch the model that draws."""
    script = capabilities.script(BRIDGE, is_img2img=False)
    told = str(script.args[0].value or "") if script is not None and script.args else ""
    numbers = tuple(int(part) for part in told.split(".") if part.isdigit())
    return numbers >= BRIDGE_RENEWS
