"""What a LoRA does on a server that does not say whether it ran: a tiny picture drawn with it and without it.

The same seed draws the same picture, so what differs beyond the server's own noise is the LoRA's doing. Where
other words change nothing either, or the LoRA changes hardly more than noise, nothing is concluded.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping

import numpy as np

from prodgen.client.knowledge.known_server import KnownServer
from prodgen.client.reaching.connection import WholeAnswer
from prodgen.client.work import results, tasks
from prodgen.client.work.calling import Call
from prodgen.errors import BackendError
from prodgen.images import RgbImage
from prodgen.schema import Drawing, Lora, Txt2Img

log = logging.getLogger(__name__)

SIDE_PX = 64
"""Side of the pictures: the smallest that every server draws."""

STEPS = 2
"""Sampling steps; what a LoRA changes shows from the first step on."""

PROMPT, OTHER_PROMPT = "a wooden table by a window", "a red car in the snow at night"
"""What is drawn, and what shows that pictures depend on words there at all."""

BEYOND_NOISE = 3.0
"""How much more than two pictures without the LoRA one with it must differ, to show that it acted."""

LEAST_LEVELS = 0.25
"""Mean 8-bit levels by which it must differ all the same. Chosen: two pictures of one seed may happen to be
equal on a server that rounds otherwise the next time; a smaller difference decides nothing.
"""


class TriedOut:
    """What was found on one server; each LoRA is tried once with each checkpoint."""

    def __init__(self, server: KnownServer, do: Callable[[Call, list[str]], WholeAnswer]) -> None:
        self._server = server
        self._do = do
        self._plain: dict[str, tuple[RgbImage, float]] = {}
        """By checkpoint: a picture without any LoRA, and by how much it differs when it is drawn again."""
        self._found: dict[tuple[str, str], bool | None] = {}

    def effects(self, request: Drawing, told: Mapping[str, str]) -> dict[str, bool]:
        """Return, for each LoRA that a server did not tell of, whether it changes pictures there.

        A LoRA that could not be tried is not among them: a finished picture is not thrown away for that.

        Args:
            request: What was drawn.
            told: The LoRAs that the answer names.
        """
        have = self._server.capabilities
        found: dict[str, bool] = {}
        for lora in request.loras:
            if not lora.weight or any(have.is_lora(lora.name, name) for name in told):
                continue
            try:
                does = self._changes(request, lora)
            except BackendError as error:
                log.info("LoRA %r could not be tried: %s", lora.name, error)
                continue
            if does is not None:
                found[lora.name] = does
        return found

    def _changes(self, request: Drawing, lora: Lora) -> bool | None:
        checkpoint = request.checkpoint or str(request.override_settings.get("sd_model_checkpoint", ""))
        key = lora.name, checkpoint
        if key not in self._found:
            if checkpoint not in self._plain:
                plain, again = self._drawn(request), self._drawn(request)
                self._plain[checkpoint] = plain, _distance(plain, again)
            plain, noise = self._plain[checkpoint]
            least = max(LEAST_LEVELS, BEYOND_NOISE * noise)
            # By its full weight, be it asked for as a trace.
            whole = lora.model_copy(update={"weight": 1.0})
            change = _distance(self._drawn(request, (whole,)), plain)
            does: bool | None = None
            if change > least:
                does = True
            elif change <= noise and _distance(self._drawn(request, prompt=OTHER_PROMPT), plain) > least:
                does = False
            self._found[key] = does
        return self._found[key]

    def _drawn(self, request: Drawing, loras: tuple[Lora, ...] = (), *, prompt: str = PROMPT) -> RgbImage:
        tiny = Txt2Img(
            prompt=prompt,
            seed=1,
            width=SIDE_PX,
            height=SIDE_PX,
            steps=STEPS,
            checkpoint=request.checkpoint,
            override_settings=request.override_settings,
            loras=loras,
        )
        task_id = tasks.new_task_id()
        payload = self._server.dialect.txt2img(tiny, self._server.capabilities, task_id=task_id)
        answer = self._do(Call(payload, task_id, results.pixels(tiny)), [])
        connection = self._server.connection
        read = results.read(connection, payload.path, answer, count=1)
        return results.decoded(connection, tiny, read).results[0].rgb


def _distance(one: RgbImage, other: RgbImage) -> float:
    """Return the mean difference of two pictures in 8-bit levels; infinite for other sizes."""
    return float(np.abs(one - other).mean()) * 255 if one.shape == other.shape else float("inf")
