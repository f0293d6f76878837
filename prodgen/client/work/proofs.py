"""What provably ran: the server's answer held against what was asked for.

A1111 swallows what goes wrong in scripts, replaces unknown names and answers 200 all the same. The
proof is in the answer: sampler, schedule, checkpoint and LoRA hashes are named. Where a server says
nothing, nothing is claimed. Relighting and enlarging have proofs of their own, beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from prodgen.client.knowledge.names import sampler_key, scheduler_key
from prodgen.client.work import relight_proof
from prodgen.dialects import A1111, ReadGeneration, infotexts
from prodgen.errors import NotAppliedError
from prodgen.schema import Applied, Capabilities, Checkpoint, Drawing, Proof, model_names

SILENT = (
    "This server says nothing of how it drew: seed and settings are told as they were asked for, and whether "
    "model, sampler and LoRAs were those cannot be checked"
)
"""Said once of an answer that holds pictures and no report, neither beside them nor in their files."""


@dataclass(frozen=True, eq=False)
class Asked:
    """The request and the server that it went to, for comparison with the answer."""

    request: Drawing
    capabilities: Capabilities
    dialect: A1111
    url: str
    effects: Mapping[str, bool] = field(default_factory=dict)
    """Whether a LoRA, by name, changes pictures there; of those that the answer does not name and that were
    tried."""


def check(asked: Asked, read: ReadGeneration) -> tuple[Applied, list[str]]:
    """Return what ran, and a sentence on each thing that could not be proven; relighting has its own proof.

    Args:
        asked: The request and the server.
        read: The server's answer.

    Raises:
        NotAppliedError: If something that was asked for did not run.
    """
    notices: list[str] = []
    applied = Applied(
        sampler=read.sampler,
        scheduler=read.scheduler,
        checkpoint=read.checkpoint,
        checkpoint_hash=read.checkpoint_hash,
        vae=read.vae,
        loras=read.lora_hashes,
        controlnet_units=sum(key.startswith("ControlNet ") for key in read.parameters),
    )
    if idle := next((name for name, does in asked.effects.items() if not does), None):
        raise _idle_lora(asked.url, idle)
    if read.is_silent:
        notices.append(SILENT)
        return applied, notices
    _check_names(asked, applied, tells_vae=read.tells_vae)
    if untold := _untold(asked, read):
        notices.append(f"Whether what was asked for ran is not told by this server of: {', '.join(untold)}")
    if asked.dialect.tells_extra_parameters and read.tells_parameters:
        untried = [lora for lora in asked.request.loras if lora.name not in asked.effects]
        if untried and not _tells_lora_hashes(asked, applied):
            notices.append(
                "Whether the LoRAs were applied is not told by this server; turn on its option "
                "'Add Lora hashes to infotext', and start it without --no-hashing, to know"
            )
        _check_parameters(asked, applied, read.parameters)
        _check_faces(asked, read, notices)
    return applied, notices


def _untold(asked: Asked, read: ReadGeneration) -> list[str]:
    """Name what was asked for and the report has no word on, be it that it ran or that it did not."""
    request, dialect = asked.request, asked.dialect
    named: dict[str, object] = {
        "sampler": request.sampler_name and not read.sampler,
        "checkpoint": request.checkpoint and not (read.checkpoint or read.checkpoint_hash),
        "VAE": request.vae and dialect.tells_extra_parameters and not read.tells_vae,
    }
    extra: dict[str, object] = {
        "scheduler": request.scheduler and "schedulers" in asked.capabilities.answered,
        "LoRA": [lora for lora in request.loras if lora.name not in asked.effects],
        "refiner": request.refiner_checkpoint,
        "ControlNet": request.controlnet,
        "ADetailer": request.adetailer,
        "face restoration": request.restore_faces,
    }
    if dialect.tells_extra_parameters and not read.tells_parameters:
        named |= extra
    return [name for name, is_open in named.items() if is_open]


def _check_names(asked: Asked, applied: Applied, *, tells_vae: bool) -> None:
    request, url, have = asked.request, asked.url, asked.capabilities
    wanted = request.sampler_name
    if wanted and applied.sampler and not _same_sampler(wanted, request.scheduler, applied.sampler, have):
        raise NotAppliedError(
            url,
            f"sampler {wanted!r} was asked for, {applied.sampler!r} ran",
            feature="sampler",
            remedy="`prodgen list samplers` shows what the server has.",
        )
    if request.checkpoint and not _can_be(request.checkpoint, applied, have):
        drew = repr(applied.checkpoint) if applied.checkpoint else "another one"
        drew += f" ({applied.checkpoint_hash})" if applied.checkpoint_hash else ""
        raise NotAppliedError(
            url,
            f"checkpoint {request.checkpoint!r} was asked for, {drew} drew the picture",
            feature="checkpoint",
            remedy="`prodgen list checkpoints` shows what the server has.",
        )
    vae = request.vae if asked.dialect.tells_extra_parameters and tells_vae else None
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


def _same_sampler(wanted: str, scheduler: str | None, ran: str, have: Capabilities) -> bool:
    """Whether a sampler can be the one asked for: by its name, an alias, or with its schedule behind it."""
    ran = have.sampler_aliases.get(ran, ran)
    if sampler_key(ran) in (sampler_key(wanted), sampler_key(f"{wanted} {scheduler}")):
        return True
    # Servers without a scheduler field, and infotexts of older ones, carry it in the sampler's name.
    schedules = {scheduler_key(name) for name in ("Karras", "Exponential", *have.schedulers)}
    behind = scheduler_key(ran[len(wanted) :]) if ran.startswith(f"{wanted} ") else None
    return wanted.startswith(f"{ran} ") or (ran not in have.samplers and behind in schedules)


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
    for lora in request.loras:
        is_named = any(asked.capabilities.is_lora(lora.name, name) for name in applied.loras)
        # Where the picture shows its effect, a missing word counts for nothing.
        if not is_named and not asked.effects.get(lora.name, not _tells_lora_hashes(asked, applied)):
            raise _idle_lora(url, lora.name)
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


def _tells_lora_hashes(asked: Asked, applied: Applied) -> bool:
    """Whether an answer would name a LoRA that ran: by its hash, which no server tells that makes none.

    With --no-hashing A1111 makes none of the checkpoint either, and names no LoRA.
    """
    return asked.capabilities.tells_lora_hashes and bool(applied.loras or applied.checkpoint_hash)


def _idle_lora(url: str, name: str) -> NotAppliedError:
    return NotAppliedError(
        url,
        f"LoRA {name!r} was not applied: the server cannot load it, or it is made for another kind of model",
        feature="LoRA",
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


def with_proofs(
    applied: Applied, request: Drawing, shown: Mapping[str, Proof], *, effects: Mapping[str, bool]
) -> Applied:
    """Return what ran with how each of it is known: by the server's words, where no picture shows it.

    Args:
        applied: What the answer told.
        request: What was asked for.
        shown: By feature, how it is known of what was looked at.
        effects: Whether a LoRA, by name, was seen to change pictures there.
    """
    told = {
        "sampler": request.sampler_name and applied.sampler,
        "scheduler": request.scheduler and applied.scheduler,
        "checkpoint": request.checkpoint and applied.checkpoint,
        "VAE": request.vae and applied.vae,
        "ControlNet": request.controlnet and applied.controlnet_units,
        **{f"LoRA {lora.name}": applied.loras.get(lora.name) for lora in request.loras},
    }
    known = {name: Proof("words") for name, word in told.items() if word}
    known |= {f"LoRA {name}": Proof("picture") for name, does in effects.items() if does}
    known |= shown
    return replace(applied, ic_light=True if relight_proof.IC_LIGHT in shown else None, proofs=known)
