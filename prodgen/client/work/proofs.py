"""What provably ran: the server's answer held against what was asked for.

A1111 swallows what goes wrong in scripts, replaces unknown names and answers 200 all the same. The
proof is in the answer: sampler, schedule, checkpoint and LoRA hashes are named. Where a server says
nothing, nothing is claimed. Relighting and enlarging have proofs of their own, beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from prodgen.client.knowledge.names import scheduler_key
from prodgen.client.reaching.faults import NANS_REMEDY
from prodgen.dialects import A1111, ReadGeneration, infotexts
from prodgen.errors import AnswerError, BackendFaultError, NotAppliedError
from prodgen.images import RgbImage
from prodgen.schema import Applied, Capabilities, Checkpoint, Drawing, Img2Img, Txt2Img, model_names


@dataclass(frozen=True, eq=False)
class Asked:
    """The request and the server that it went to, for comparison with the answer."""

    request: Drawing
    capabilities: Capabilities
    dialect: A1111
    url: str


def check(
    asked: Asked,
    read: ReadGeneration,
    results: Sequence[RgbImage],
) -> tuple[Applied, list[str]]:
    """Return what ran, and a sentence on each thing that could not be proven; relighting has its own proof.

    Args:
        asked: The request and the server.
        read: The server's answer.
        results: Its results, decoded.

    Raises:
        NotAppliedError: If something that was asked for did not run.
        AnswerError: If pictures are missing or have another size than asked for.
        BackendFaultError: If a picture is all black, as broken numbers are.
    """
    notices = _check_pictures(asked, results)
    applied = Applied(
        sampler=_text(read.info.get("sampler_name")),
        scheduler=read.scheduler,
        checkpoint=_text(read.info.get("sd_model_name")),
        checkpoint_hash=_text(read.info.get("sd_model_hash")),
        vae=_text(read.info.get("sd_vae_name")),
        loras=read.lora_hashes,
        controlnet_units=sum(key.startswith("ControlNet ") for key in read.parameters),
    )
    _check_names(asked, applied)
    if asked.dialect.tells_extra_parameters:
        if not asked.capabilities.tells_lora_hashes and asked.request.loras:
            notices.append(
                "Whether the LoRAs were applied is not told by this server; turn on its option "
                "'Add Lora hashes to infotext' to know"
            )
        _check_parameters(asked, applied, read.parameters)
        _check_faces(asked, read, notices)
    return applied, notices


def _text(value: object) -> str | None:
    return str(value) if value else None


def _check_pictures(asked: Asked, results: Sequence[RgbImage]) -> list[str]:
    count = asked.request.count
    if not results:
        raise AnswerError(asked.url, "no picture came back", remedy="The server's console says why.")
    notices = []
    if len(results) < count:
        notices.append(f"{len(results)} of {count} pictures came back: the run was interrupted on the server")
    size = _expected_size(asked.request)
    for number, picture in enumerate(results, 1):
        height, width = picture.shape[:2]
        if size is not None and (abs(width - size[0]) >= 8 or abs(height - size[1]) >= 8):
            raise AnswerError(
                asked.url, f"picture {number} is {width}x{height}, but {size[0]}x{size[1]} was asked for"
            )
        if not picture.any():
            raise BackendFaultError(
                asked.url,
                f"picture {number} is all black, as broken numbers (NaN) are",
                remedy=NANS_REMEDY,
            )
    return notices


def _expected_size(request: Drawing) -> tuple[float, float] | None:
    """Width and height of the results; None where a script or a second pass decides."""
    if request.scripts:
        return None
    if isinstance(request, Img2Img) and request.inpaint_full_res and request.inpaint_mask is not None:
        height, width = request.init_image.shape[:2]
        return width, height
    if isinstance(request, Txt2Img) and request.enable_hr:
        if request.hr_resize_x or request.hr_resize_y:
            sized = (request.hr_resize_x, request.hr_resize_y)
            return (sized[0], sized[1]) if sized[0] and sized[1] else None
        scale = request.hr_scale or 2.0
        return request.width * scale, request.height * scale
    return request.width, request.height


def _check_names(asked: Asked, applied: Applied) -> None:
    request, url = asked.request, asked.url
    wanted = request.sampler_name
    if wanted and applied.sampler and not _same_sampler(wanted, request.scheduler, applied.sampler):
        raise NotAppliedError(
            url,
            f"sampler {wanted!r} was asked for, {applied.sampler!r} ran",
            feature="sampler",
            remedy="`prodgen list samplers` shows what the server has.",
        )
    if request.checkpoint and not _can_be(request.checkpoint, applied, asked.capabilities):
        drew = repr(applied.checkpoint) if applied.checkpoint else "another one"
        drew += f" ({applied.checkpoint_hash})" if applied.checkpoint_hash else ""
        raise NotAppliedError(
            url,
            f"checkpoint {request.checkpoint!r} was asked for, {drew} drew the picture",
            feature="checkpoint",
            remedy="`prodgen list checkpoints` shows what the server has.",
        )
    vae = request.vae if asked.dialect.tells_extra_parameters else None
    if vae not in (None, "Automatic", "None") and not model_names.same_file(vae, applied.vae or ""):
        raise NotAppliedError(
            url,
            f"VAE {vae!r} was asked for, {applied.vae or 'none'} was used",
            feature="VAE",
            remedy="`prodgen list vaes` shows what the server has.",
        )


def _can_be(wanted: str, applied: Applied, have: Capabilities) -> bool:
    """Whether the checkpoint that an answer names is the one that was asked for as `wanted`."""
    meant = have.find_checkpoint(wanted) or Checkpoint(
        title=wanted, model_name=wanted, sha256=model_names.hash_in(wanted) or wanted
    )
    return meant.is_it(applied.checkpoint, applied.checkpoint_hash)


def _same_sampler(wanted: str, scheduler: str | None, ran: str) -> bool:
    # Dialects without a scheduler field carry it in the sampler's name.
    return ran in (wanted, f"{wanted} {scheduler}") or wanted.startswith(f"{ran} ")


def _check_parameters(asked: Asked, applied: Applied, parameters: Mapping[str, Any]) -> None:
    request, url = asked.request, asked.url
    wanted = request.scheduler if "schedulers" in asked.capabilities.answered else None
    if wanted and scheduler_key(wanted) not in ("automatic", scheduler_key(applied.scheduler or "")):
        raise NotAppliedError(
            url,
            f"scheduler {wanted!r} was asked for, {applied.scheduler or 'none'} ran",
            feature="scheduler",
            remedy=f"The sampler {applied.sampler!r} may have its own: leave the scheduler open, or choose "
            "another sampler.",
        )
    for lora in request.loras if asked.capabilities.tells_lora_hashes else ():
        if not any(asked.capabilities.is_lora(lora.name, name) for name in applied.loras):
            raise NotAppliedError(
                url,
                f"LoRA {lora.name!r} was not applied: the server cannot load it, or it is made for another "
                "kind of model",
                feature="LoRA",
            )
    if request.refiner_checkpoint and "Refiner" not in parameters:
        raise NotAppliedError(url, f"refiner {request.refiner_checkpoint!r} did not run", feature="refiner")
    wanted_units, ran_units = len(request.controlnet), applied.controlnet_units or 0
    if wanted_units > ran_units:
        raise NotAppliedError(
            url,
            f"{wanted_units} ControlNet units were asked for, {ran_units} ran",
            feature="ControlNet",
            remedy="Check the model's name and the control picture.",
        )
    for number, unit in enumerate(request.controlnet):
        told = infotexts.pairs(str(parameters.get(f"ControlNet {number}")).lower()).get("model", "")
        if unit.model and not model_names.same_file(unit.model, told):
            raise NotAppliedError(
                url,
                f"ControlNet unit {number} ran without its model {unit.model!r}",
                feature="ControlNet",
            )


def _check_faces(asked: Asked, read: ReadGeneration, notices: list[str]) -> None:
    """ADetailer and the server's own face restoration: both are named by an answer if they were to run."""
    request = asked.request
    # One entry a pass ("ADetailer model", "ADetailer model 2nd" ...), made when its arguments were read.
    passes = sum(key.startswith("ADetailer model") for key in read.parameters)
    if passes < len(request.adetailer):
        raise NotAppliedError(
            asked.url,
            f"{len(request.adetailer)} ADetailer passes were asked for, {passes} ran",
            feature="ADetailer",
            remedy="The server's console says why (a mask that is missing, or an option that skips img2img).",
        )
    if not request.restore_faces:
        return
    named = read.info.get("face_restoration_model") or read.infotext_value("Face restoration")
    if not named:
        raise NotAppliedError(
            asked.url,
            "faces were to be restored, but this server names no model that did",
            feature="face restoration",
        )
    notices.append(
        f"Whether {named} restored any face cannot be known: the server names it also when its weights are "
        "missing; its console says so then"
    )
