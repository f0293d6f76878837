"""What a server offers beside drawing: its lists, its memory, its state, and how to stop it.

Everything here is a quick question or a command; nothing renders but `extras_batch` and
`interrogate`, which wait in the server's queue as drawing does.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import pybase64

from prodgen.client.knowledge import lists, strangers
from prodgen.client.reaching import decoding, encoding
from prodgen.client.reaching.connection import Connection
from prodgen.client.reaching.decoding import as_object
from prodgen.dialects import SentPicture, pictures_in
from prodgen.errors import AnswerError, BackendLostError, BackendUnreachableError, NotABackendError
from prodgen.images import RgbImage
from prodgen.schema import Checkpoint, LoraFile, Sampler, Scheduler, ScriptInfo, Upscaler

Refreshable = Literal["checkpoints", "vae", "loras", "embeddings"]
"""Folders that a server reads again on request."""


@dataclass(frozen=True)
class PngInfo:
    """What a server reads out of a picture file."""

    infotext: str
    """The generation parameters; "" if there are none, whatever `parameters` says."""
    items: Mapping[str, Any] = field(default_factory=dict)
    """Other text in the file."""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    """The infotext taken apart, all strings; with defaults that the server makes up."""


@dataclass(frozen=True)
class Memory:
    """Memory of a server, in bytes; None where it does not say."""

    ram_used: int | None
    ram_total: int | None
    vram_used: int | None
    vram_total: int | None


@dataclass(frozen=True)
class Extension:
    """An extension of a server that came with a git remote; others are not listed."""

    name: str
    version: str | None = None
    remote: str | None = None
    commit_hash: str | None = None
    is_enabled: bool = True


class Service:
    """The rest of one server's API, a method each."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def samplers(self) -> tuple[Sampler, ...]:
        """Return the samplers; their aliases are listed but not accepted as names."""
        return lists.samplers(self._get("samplers"))

    def schedulers(self) -> tuple[Scheduler, ...]:
        """Return the noise schedules."""
        return lists.schedulers(self._get("schedulers"))

    def upscalers(self) -> tuple[Upscaler, ...]:
        """Return the upscalers."""
        return lists.upscalers(self._get("upscalers"))

    def latent_upscale_modes(self) -> tuple[str, ...]:
        """Return the names that only `hr_upscaler` takes."""
        return lists.names(self._get("latent-upscale-modes"))

    def checkpoints(self) -> tuple[Checkpoint, ...]:
        """Return the models; hashes are None until the server has computed them."""
        return lists.checkpoints(self._get("sd-models"), is_local=self._connection.address.is_local)

    def vaes(self) -> tuple[str, ...]:
        """Return the VAEs by file name."""
        return lists.names(self._get("sd-vae"), "model_name")

    def loras(self) -> tuple[LoraFile, ...]:
        """Return the LoRAs; of their metadata what is short."""
        return lists.loras(self._connection.get_list("/sdapi/v1/loras", lists.with_short_metadata))

    def embeddings(self) -> tuple[str, ...]:
        """Return the textual inversions that fit the model which is loaded now."""
        return lists.embeddings(self._get("embeddings"))

    def styles(self) -> Mapping[str, tuple[str, str]]:
        """Return the saved styles: name -> prompt, negative prompt."""
        answer = self._get("prompt-styles")
        items = answer if isinstance(answer, list) else []
        return {
            str(x["name"]): (str(x.get("prompt") or ""), str(x.get("negative_prompt") or ""))
            for x in items
            if isinstance(x, dict) and x.get("name")
        }

    def face_restorers(self) -> tuple[str, ...]:
        """Return the face restoration models."""
        return lists.names(self._get("face-restorers"))

    def scripts(self) -> tuple[ScriptInfo, ...]:
        """Return all scripts with their arguments, once for txt2img and once for img2img."""
        return lists.scripts(self._get("script-info"))

    def extensions(self) -> tuple[Extension, ...]:
        """Return the extensions that were installed by git."""
        answer = self._get("extensions")
        items = [x for x in answer if isinstance(x, dict)] if isinstance(answer, list) else []
        return tuple(
            Extension(
                str(x.get("name")),
                x.get("version"),
                x.get("remote"),
                x.get("commit_hash"),
                bool(x.get("enabled", True)),
            )
            for x in items
        )

    def command_line(self) -> dict[str, Any]:
        """Return the flags that the server was started with."""
        return as_object(self._get("cmd-flags"))

    def memory(self) -> Memory:
        """Return how much memory is used; on a CPU there is no VRAM."""
        answer = as_object(self._get("memory"))
        ram, cuda = as_object(answer.get("ram")), as_object(answer.get("cuda"))
        system = as_object(cuda.get("system"))
        return Memory(
            _bytes(ram.get("used")),
            _bytes(ram.get("total")),
            _bytes(system.get("used")),
            _bytes(system.get("total")),
        )

    def clock_ahead_s(self) -> float | None:
        """Return by how many seconds the server's clock is ahead of ours; None if it does not say."""
        theirs = self._connection.clock("/sdapi/v1/samplers")
        return None if theirs is None else (theirs - datetime.now(UTC)).total_seconds()

    def program(self) -> str:
        """Return name and version of a program that imitates A1111 and says so elsewhere; "" for others."""
        return strangers.imitator(self._connection)

    def pending_tasks(self) -> int | None:
        """Return how many calls wait; None where the server has no page, and so does not say."""
        try:
            answer = as_object(self._connection.get("/internal/pending-tasks"))
        except NotABackendError:
            return None
        size = answer.get("size")
        return int(size) if isinstance(size, int) else len(answer.get("tasks") or ())

    def refresh(self, kind: Refreshable) -> None:
        """Make the server read a folder again, after a file was put there."""
        self._connection.post(f"/sdapi/v1/refresh-{kind}")

    def unload_checkpoint(self) -> None:
        """Free the model's memory; the next drawing loads it again by itself."""
        self._connection.post("/sdapi/v1/unload-checkpoint")

    def reload_checkpoint(self) -> None:
        """Load the model into the GPU again."""
        self._connection.post("/sdapi/v1/reload-checkpoint")

    def skip_iteration(self) -> None:
        """End the present iteration of whatever runs now, whoever's it is; its pictures come early."""
        self._connection.post("/sdapi/v1/skip")

    def png_info(self, data: bytes) -> PngInfo:
        """Return what the server reads out of a picture file.

        Args:
            data: The file as it is; a decoded picture has lost its text.

        Raises:
            BackendError: If the server cannot read the file.
        """
        fields = {"image": pybase64.b64encode_as_string(data)}
        answer = as_object(self._connection.post("/sdapi/v1/png-info", fields))
        return PngInfo(
            str(answer.get("info") or ""), as_object(answer.get("items")), as_object(answer.get("parameters"))
        )

    def interrogate(self, picture: RgbImage, *, model: str = "clip") -> str:
        """Return a caption of a picture; "clip" or "deepdanbooru"."""
        fields = {"image": SentPicture(picture), "model": model}
        return str(as_object(self._connection.post("/sdapi/v1/interrogate", fields)).get("caption") or "")

    def extras_batch(
        self, pictures: Sequence[RgbImage], *, upscaler_1: str, upscaling_resize: float
    ) -> tuple[RgbImage, ...]:
        """Enlarge several pictures in one call.

        Raises:
            AnswerError: If not as many come back.
        """
        fields = {
            "upscaler_1": upscaler_1,
            "upscaling_resize": upscaling_resize,
            # Both keys are needed; the list's name is in another case than everything else.
            "imageList": [{"data": SentPicture(x), "name": f"{i}.png"} for i, x in enumerate(pictures)],
        }
        path = "/sdapi/v1/extra-batch-images"
        area = sum(x.shape[0] * x.shape[1] for x in pictures) * upscaling_resize**2
        body = encoding.encode_body(fields, formats=("png",), is_local=self._connection.address.is_local)
        limit = decoding.answer_limit(body.size, area)
        answer = self._connection.parsed(path, self._connection.render(path, body, limit=limit))
        images = pictures_in(answer) or ()
        if len(images) != len(pictures):
            raise AnswerError(self._connection.url, f"{path} did not answer {len(pictures)} pictures")
        return tuple(decoding.decode_all(self._connection.url, images, "enlarged picture"))

    def stop(self) -> None:
        """Stop the server; it must have been started with --api-server-stop."""
        self._connection.post("/sdapi/v1/server-stop")

    def restart(self) -> None:
        """Restart the server; needs --api-server-stop and a start through webui.sh."""
        self._connection.post("/sdapi/v1/server-restart")

    def kill(self) -> None:
        """End the server's process at once; running calls get no answer, and neither does this."""
        try:
            self._connection.post("/sdapi/v1/server-kill", tries=1)
        except (BackendLostError, BackendUnreachableError):
            return

    def _get(self, name: str) -> Any:
        return self._connection.get(f"/sdapi/v1/{name}")


class ControlNet:
    """The ControlNet extension's own routes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def version(self) -> int:
        """Return the version of its API.

        Raises:
            NotABackendError: If the extension is not installed.
        """
        return int(as_object(self._connection.get("/controlnet/version")).get("version") or 0)

    def models(self) -> tuple[str, ...]:
        """Return the models, by the names that a unit takes."""
        return _strings(self._connection.get("/controlnet/model_list"), "model_list")

    def modules(self) -> tuple[str, ...]:
        """Return the preprocessors, by the names that a unit takes."""
        return _strings(self._connection.get("/controlnet/module_list"), "module_list")

    def detect(
        self,
        pictures: Sequence[RgbImage],
        *,
        module: str,
        processor_res: int = 512,
        threshold_a: float = 64,
        threshold_b: float = 64,
    ) -> tuple[RgbImage, ...]:
        """Return control maps of pictures.

        Raises:
            AnswerError: If not as many come back.
        """
        fields = {
            "controlnet_module": module,
            "controlnet_input_images": [SentPicture(x) for x in pictures],
            "controlnet_processor_res": processor_res,
            "controlnet_threshold_a": threshold_a,
            "controlnet_threshold_b": threshold_b,
        }
        images = pictures_in(self._connection.post("/controlnet/detect", fields)) or ()
        if len(images) != len(pictures):
            raise AnswerError(self._connection.url, f"/controlnet/detect did not answer {len(pictures)} maps")
        return tuple(decoding.decode_all(self._connection.url, images, "control map"))


def _bytes(value: Any) -> int | None:
    return int(value) if isinstance(value, int | float) else None


def _strings(answer: Any, key: str) -> tuple[str, ...]:
    items = as_object(answer).get(key)
    return tuple(map(str, items)) if isinstance(items, list) else ()
