"""The job that a picture tells of, fitted to the server at hand: every name looked up in the server's lists.

A checkpoint, sampler or LoRA that is not there is replaced or left out, and that is a `Difference`. Asks the
server for its lists; draws nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from prodgen.client import scheduler_key
from prodgen.errors import UnknownNameError, UnsupportedFeatureError
from prodgen.replaying.differences import Difference
from prodgen.replaying.recorded import RecordedJob
from prodgen.replaying.sampler_names import sampler_key, with_schedule_split
from prodgen.schema import Capabilities, Checkpoint, Lora, Txt2Img, model_names
from prodgen.text2image import Control, PictureJob

if TYPE_CHECKING:
    from prodgen.client import Client

_REPLACED_BY = {
    "sampler_name": "what suits the checkpoint is used",
    "hires_sampler": "that of the first pass is used",
    "scheduler": "the sampler's own is used",
    "hires_scheduler": "that of the first pass is used",
    "hires_upscaler": "the best known one here is used",
    "vae": "the server's own is used",
}


_INFOTEXT_KEYS = {
    "sampler": "Sampler",
    "scheduler": "Schedule type",
    "hires sampler": "Hires sampler",
    "hires scheduler": "Hires schedule type",
    "hires upscaler": "Hires upscaler",
    "vae": "VAE",
}
"""Kinds of names, by the infotext's key for them: comparing infotexts afterwards passes these keys over."""


_NOT_OF_EVERY_KIND: Mapping[str, Mapping[str, str]] = {
    "Schedule type": {"scheduler": "scheduler"},
    "Model": {"checkpoint": "checkpoint"},
    "VAE": {"vae": "vae"},
    "Clip skip": {"clip_skip": "clip_skip"},
    "Variation seed": {"subseed": "subseed", "subseed_strength": "subseed_strength"},
    "Eta": {"eta": "eta"},
    "NGMS": {"s_min_uncond": "s_min_uncond"},
    "Tiling": {"tiling": "tiling"},
    "Face restoration": {"restore_faces": "restore_faces"},
    "Refiner": {"refiner": "refiner_checkpoint", "refiner_at": "refiner_switch_at"},
    "options": {"override_settings": "override_settings"},
}
"""Settings that some kind of server cannot be asked for: by the infotext's key, the job's and the request's
names of them."""


def fit_to_server(
    recorded: RecordedJob, client: Client, *, controls: Sequence[Control] = ()
) -> tuple[PictureJob, tuple[Difference, ...]]:
    """Return the job as this server can do it, and what had to be changed.

    Args:
        recorded: How the picture was drawn.
        client: The server.
        controls: Control pictures, where the file does not hold them.

    Raises:
        BackendError: If the server cannot be asked.
    """
    have = client.capabilities
    changed: dict[str, Any] = {}
    differences = [x for x in recorded.differences if not (controls and x.what.startswith("ControlNet"))]
    job = _schedules_in_names(recorded.job, have, differences)
    if controls:
        changed["controlnet"] = tuple(controls)
    changed["checkpoint"] = _checkpoint(recorded, have, differences)
    for name, known, listed in (
        ("sampler_name", have.samplers, "samplers"),
        ("hires_sampler", have.samplers, "samplers"),
        ("scheduler", have.schedulers, "schedulers"),
        ("hires_scheduler", have.schedulers, "schedulers"),
        ("hires_upscaler", (*have.latent_upscale_modes, *have.upscalers), "upscalers"),
    ):
        value = getattr(job, name)
        if value is not None and listed in have.answered:
            kind = name.removesuffix("_name").replace("_", " ")
            changed[name] = _named(kind, value, known, differences, nothing=_REPLACED_BY[name])
    if job.vae is not None and have.answered & {"vaes", "modules"}:
        found = job.vae if job.vae in ("Automatic", "None") else have.find_vae(job.vae)
        changed["vae"] = found or _named("vae", job.vae, have.vaes, differences, nothing=_REPLACED_BY["vae"])
    if "loras" in have.answered:
        changed["loras"] = tuple(_loras(job.loras, have, differences))
    changed |= _without_missing_checkpoints(job, have, differences)
    differences += _embeddings(recorded.infotext, have)
    changed["override_settings"] = _overrides(
        job.override_settings, recorded.usual_options, client, differences
    )
    return _as_spoken(job.model_copy(update=changed), client, differences), tuple(differences)


def _as_spoken(job: PictureJob, client: Client, differences: list[Difference]) -> PictureJob:
    """Return the job without what this kind of server cannot do at all, such as a choice of VAE."""
    for key, names in _NOT_OF_EVERY_KIND.items():
        usual = {name: PictureJob.model_fields[name].get_default(call_default_factory=True) for name in names}
        if all(getattr(job, name) == value for name, value in usual.items()):
            continue
        asked = {theirs: getattr(job, ours) for ours, theirs in names.items()}
        least = {"prompt": "a", "seed": 1, "width": 64, "height": 64}
        request = Txt2Img.model_validate({**least, **asked})
        try:
            client.dialect.txt2img(request, client.capabilities, task_id="")
        except UnsupportedFeatureError as error:
            differences.append(Difference(key, f"{key} is left out: {error}"))
            job = job.model_copy(update=usual)
    return job


def _schedules_in_names(job: PictureJob, have: Capabilities, differences: list[Difference]) -> PictureJob:
    """Return the job as servers want it whose samplers have the schedule in their names: A1111 before 1.9."""
    if "schedulers" in have.answered or not any(with_schedule_split(x)[1] for x in have.samplers):
        return job
    changed: dict[str, Any] = {}
    for name, schedule_name in (("sampler_name", "scheduler"), ("hires_sampler", "hires_scheduler")):
        if (schedule := getattr(job, schedule_name)) is None:
            continue
        both = sampler_key(f"{getattr(job, name) or job.sampler_name} {schedule}")
        found = next((x for x in have.samplers if sampler_key(x) == both), None)
        changed |= {schedule_name: None} if found is None else {schedule_name: None, name: found}
        if found is None:
            kind = schedule_name.replace("_", " ")
            said = f"{kind} {schedule!r} is not here for that sampler; {_REPLACED_BY[schedule_name]}"
            differences.append(Difference(_INFOTEXT_KEYS[kind], said))
    return job.model_copy(update=changed)


def _loras(wanted: Sequence[Lora], have: Capabilities, differences: list[Difference]) -> Iterator[Lora]:
    """Yield the LoRAs that are here, by the server's names for them."""
    for lora in wanted:
        known = (*have.loras, *have.lora_aliases)
        found = have.find_lora(lora.name) or _named(
            "LoRA", lora.name, known, differences, nothing="it is left out"
        )
        if found is not None:
            yield lora.model_copy(update={"name": found})


def _checkpoint(recorded: RecordedJob, have: Capabilities, differences: list[Difference]) -> str | None:
    """Return the checkpoint to ask for; None if it is the one that the server has configured."""
    name, digest = recorded.checkpoint, recorded.checkpoint_hash
    if not (name or digest) or not have.checkpoints:
        return None
    same = _by_hash(digest, have) if digest else None
    if same is None and name:
        same = have.find_checkpoint(name)
        if same is not None and model_names.same_hash(digest, same.sha256 or same.hash) is False:
            here = same.hash or (same.sha256 or "")[:10]
            differences.append(
                Difference("Model", f"checkpoint {name!r} was {digest}, and is {here} here: another file")
            )
    if same is None:
        known = [x.model_name for x in have.checkpoints]
        alike = [x.model_name for x in have.checkpoints if name and x.is_called(name)]
        nearest = alike or UnknownNameError("checkpoint", name or "", known).nearest
        used = nearest[0] if nearest else (have.checkpoint or known[0])
        which = "the first" if alike else "the nearest by name" if nearest else "the server's own"
        shown = " ".join([*([repr(name)] if name else []), *([f"({digest})"] if digest else [])])
        found = f"may be any of {len(alike)} here" if alike else "is not here"
        differences.append(Difference("Model", f"checkpoint {shown} {found}; {which}, {used!r}, is used"))
        same = have.find_checkpoint(used)
    configured = have.find_checkpoint(have.checkpoint or "")
    return None if same is None or same is configured else same.title


def _without_missing_checkpoints(
    job: PictureJob, have: Capabilities, differences: list[Difference]
) -> dict[str, None]:
    """Return the settings to unset because the checkpoint of the second pass or the refiner is not here."""
    changed: dict[str, None] = {}
    second, refiner = job.hires_checkpoint, job.refiner
    if second not in (None, "Use same checkpoint") and have.find_checkpoint(second) is None:
        said = f"hires checkpoint {second!r} is not here; that of the first pass is used"
        differences.append(Difference("Hires checkpoint", said))
        changed["hires_checkpoint"] = None
    if refiner is not None and have.find_checkpoint(refiner) is None:
        said = f"refiner {refiner!r} is not here: the picture is drawn without"
        differences.append(Difference("Refiner", said))
        changed |= {"refiner": None, "refiner_at": None}
    return changed


def _by_hash(digest: str, have: Capabilities) -> Checkpoint | None:
    return next((x for x in have.checkpoints if model_names.same_hash(digest, x.sha256 or x.hash)), None)


def _named(
    kind: str,
    name: str,
    known: Sequence[str],
    differences: list[Difference],
    *,
    nothing: str,
) -> str | None:
    """Return the server's spelling of a name; None, with a difference, if it has no such thing."""
    if name in known:
        return name
    key = sampler_key if "sampler" in kind else scheduler_key
    same = next((x for x in known if key(x) == key(name)), None)
    if same is not None and kind != "LoRA":
        return same
    nearest = UnknownNameError(kind, name, known).nearest
    hint = f" (there is {nearest[0]!r})" if nearest else ""
    differences.append(
        Difference(_INFOTEXT_KEYS.get(kind, kind), f"{kind} {name!r} is not here; {nothing}{hint}")
    )
    return None


def _embeddings(infotext: Mapping[str, str], have: Capabilities) -> list[Difference]:
    """Name the textual inversions that are missing; their names are then read as plain words."""
    hashes, plain = infotext.get("TI hashes", "").split(","), infotext.get("Embeddings", "").split(",")
    names = [item.rpartition(":")[0].strip() for item in hashes if ":" in item]
    names += [item.strip() for item in plain if item.strip()]
    missing = [
        name
        for name in names
        if "embeddings" in have.answered and model_names.find(name, have.embeddings) is None
    ]
    return [
        Difference("TI hashes", f"embedding {x!r} is not here: its name is read as words") for x in missing
    ]


def _overrides(
    wanted: Mapping[str, Any], usual: Mapping[str, Any], client: Client, differences: list[Difference]
) -> dict[str, Any]:
    """Return the settings that this server has and that differ from its present ones.

    Args:
        wanted: Settings that are told; one that this server lacks is a difference.
        usual: Settings that go without saying; one that this server lacks is none.
        client: The server.
        differences: Where differences are added.
    """
    if not (wanted or usual):
        return {}
    have = client.options() if "options" in client.capabilities.answered else {}
    differences += [
        Difference(name, f"option {name}={value!r} is not known here; it is left out")
        for name, value in wanted.items()
        if name not in have
    ]
    both = {**usual, **wanted}
    return {name: value for name, value in both.items() if name in have and have[name] != value}
