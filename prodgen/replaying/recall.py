"""A picture once more: its job from our story or from any A1111 infotext, fitted to the server at hand.

Everything that cannot be the same is said: a checkpoint, LoRA or sampler that is not there, another
version, pixels that differ. Draws nothing itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from prodgen import codecs, files, images, provenance
from prodgen.client.knowledge.names import find_checkpoint, scheduler_key
from prodgen.dialects import infotexts
from prodgen.errors import ImageError, SettingError, UnknownNameError
from prodgen.replaying.meanings import job_fields
from prodgen.schema import Capabilities
from prodgen.text2image.controls import Control
from prodgen.text2image.generating import KIND, Picture
from prodgen.text2image.job import Job, new_job

if TYPE_CHECKING:
    from prodgen.client import Client

MAX_TEXT_BYTES = 1 << 20

OF_A_LOSSY_FILE_DB = 35.0
"""PSNR that a JPEG or WebP of usual quality has to its own original."""


_INSTEAD = {
    "sampler_name": "what suits the checkpoint is used",
    "hires_sampler": "that of the first pass is used",
    "scheduler": "the sampler's own is used",
    "hires_scheduler": "that of the first pass is used",
    "hires_upscaler": "the best known one here is used",
    "vae": "the server's own is used",
}


_KEYS = {
    "sampler": "Sampler",
    "scheduler": "Schedule type",
    "hires sampler": "Hires sampler",
    "hires scheduler": "Hires schedule type",
    "hires upscaler": "Hires upscaler",
    "vae": "VAE",
}
"""What the infotext calls them, so that a difference is told once."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    """A key of the infotext where there is one for it, such as "Model"."""
    words: str
    """A sentence."""


@dataclass(frozen=True, eq=False)
class Recalled:
    """What a picture tells of how it was made."""

    job: Job | None
    """None for a product shot, whose story is for `prodgen shoot`'s own code."""
    checkpoint: str | None = None
    checkpoint_hash: str | None = None
    values: Mapping[str, str] = field(default_factory=dict)
    """The infotext's pairs, for comparison; empty where there is none."""
    story: Mapping[str, Any] = field(default_factory=dict)
    """Ours, if it is one of ours."""
    source: Path | None = None
    differences: tuple[Difference, ...] = ()
    """What is known to differ on any server, such as a control picture that is not in the file."""

    @property
    def is_shot(self) -> bool:
        """Whether it is a product in a scene, which needs its photograph."""
        return self.job is None


def recall(path: Path) -> Recalled:
    """Read how a picture was made.

    Args:
        path: A picture, or a .txt file with an infotext.

    Raises:
        ImageError: If it cannot be read, or tells nothing that a picture can be drawn from.
        SettingError: If what it tells is out of range.
    """
    if path.suffix.lower() == ".txt":
        return replace(_from_infotext(_text_of(path)), source=None)
    chunks = files.read_text(path)
    try:
        story = provenance.read_story(chunks)
    except ImageError:
        story = {}
    if story.get("kind") == KIND:
        return _from_story(story, chunks.get("parameters", ""), path)
    if isinstance(story.get("recipe"), dict):
        return Recalled(job=None, story=story, source=path)
    if not chunks.get("parameters"):
        if {"workflow", "prompt"} & chunks.keys():
            raise ImageError(
                f"{str(path)!r} was made by ComfyUI: its workflow is no A1111 infotext; run it there"
            )
        raise ImageError(f"{str(path)!r} does not tell how it was made; its text may have been removed")
    try:
        return replace(_from_infotext(chunks["parameters"]), source=path)
    except ImageError as error:
        raise ImageError(f"{str(path)!r}: {error}") from error


def _text_of(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise ImageError(f"{str(path)!r} is too large to be an infotext")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ImageError(f"{str(path)!r} is no UTF-8 text") from error


def _from_story(story: Mapping[str, Any], infotext: str, path: Path) -> Recalled:
    told = story.get("job")
    if not isinstance(told, dict):
        raise ImageError(f"the prodgen story in {str(path)!r} is damaged")
    # A story comes with a file from anywhere: it must not name folders of this machine.
    fields = {name: value for name, value in told.items() if name not in ("wildcards", "literal")}
    job = new_job(fields)
    controls = tuple(_found_again(control, path) for control in job.controlnet)
    return Recalled(
        job=job.model_copy(update={"controlnet": controls, "literal": True}),
        checkpoint=_text(story.get("checkpoint")),
        checkpoint_hash=_text(story.get("checkpoint_hash")),
        values=_values(infotext),
        story=story,
        source=path,
    )


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _values(infotext: str) -> Mapping[str, str]:
    try:
        return infotexts.read(infotext).values
    except ImageError:
        return {}


def _found_again(control: Control, path: Path) -> Control:
    """A story keeps the name of a control picture: it is looked for here and beside the picture."""
    name = control.picture.name
    for folder in (Path(), path.parent):
        if (folder / name).is_file():
            return control.model_copy(update={"picture": folder / name})
    return control.model_copy(update={"picture": Path(name)})


def _from_infotext(text: str) -> Recalled:
    read = infotexts.read(text)
    fields, unknown = job_fields(read)
    job = new_job(fields)
    return Recalled(
        job=job.model_copy(update={"literal": True}),
        checkpoint=read.values.get("Model"),
        checkpoint_hash=read.values.get("Model hash"),
        values=read.values,
        differences=tuple(Difference(name, words) for name, words in unknown.items()),
    )


def adapt(
    recalled: Recalled, client: Client, *, controls: Sequence[Control] = ()
) -> tuple[Job, tuple[Difference, ...]]:
    """Return the job as this server can do it, and what had to be changed.

    Args:
        recalled: What the picture tells.
        client: The server.
        controls: Control pictures, where the file has none.

    Raises:
        SettingError: If the picture is a product shot.
        BackendError: If the server cannot be asked.
    """
    if recalled.job is None:
        raise SettingError("this is a product shot; it is made again from its photograph")
    job, have = recalled.job, client.capabilities
    changed: dict[str, Any] = {}
    found = [x for x in recalled.differences if not (controls and x.what.startswith("ControlNet"))]
    if controls:
        changed["controlnet"] = tuple(controls)
    changed["model"] = _checkpoint(recalled, have, found)
    for name, known, listed in (
        ("sampler_name", have.samplers, "samplers"),
        ("hires_sampler", have.samplers, "samplers"),
        ("scheduler", have.schedulers, "schedulers"),
        ("hires_scheduler", have.schedulers, "schedulers"),
        ("hires_upscaler", (*have.latent_upscale_modes, *have.upscalers), "upscalers"),
        ("vae", ("Automatic", "None", *have.vaes), "vaes" if "vaes" in have.answered else "modules"),
    ):
        value = getattr(job, name)
        if value is not None and listed in have.answered:
            kind = name.removesuffix("_name").replace("_", " ")
            changed[name] = _named(kind, value, known, found, nothing=_INSTEAD[name])
    changed["loras"] = tuple(
        lora
        for lora in job.loras
        if "loras" not in have.answered
        or _named("LoRA", lora.name, (*have.loras, *have.lora_aliases), found, nothing="it is left out")
    )
    if job.refiner is not None and find_checkpoint(job.refiner, have) is None:
        found.append(
            Difference("Refiner", f"refiner {job.refiner!r} is not here: the picture is drawn without")
        )
        changed |= {"refiner": None, "refiner_at": None}
    found += _embeddings(recalled.values.get("TI hashes", ""), have)
    changed["override_settings"] = _overrides(job.override_settings, client, found)
    return job.model_copy(update=changed), tuple(found)


def _checkpoint(recalled: Recalled, have: Capabilities, found: list[Difference]) -> str | None:
    """Return the checkpoint to ask for; None if it is the one that the server has configured."""
    name, digest = recalled.checkpoint, recalled.checkpoint_hash
    if not (name or digest) or not have.checkpoints:
        return None
    same = _by_hash(digest, have) if digest else None
    if same is None and name:
        same = find_checkpoint(name, have) or next(
            (x for x in have.checkpoints if x.model_name.replace(",", "").replace(":", "") == name), None
        )
        here = same and (same.hash or (same.sha256 or "")[:10])
        if same is not None and digest and here and len(digest) == len(here):
            found.append(
                Difference("Model", f"checkpoint {name!r} was {digest}, and is {here} here: another file")
            )
    if same is None:
        known = [x.model_name for x in have.checkpoints]
        nearest = UnknownNameError("checkpoint", name or "", known).nearest
        used = nearest[0] if nearest else (have.checkpoint or known[0])
        which = "the nearest by name" if nearest else "the server's own"
        told = f"{name or 'of that hash'!r}" + (f" ({digest})" if digest else "")
        found.append(Difference("Model", f"checkpoint {told} is not here; {which}, {used!r}, is used"))
        same = find_checkpoint(used, have)
    configured = find_checkpoint(have.checkpoint or "", have)
    return None if same is None or same is configured else same.title


def _by_hash(digest: str, have: Capabilities) -> Any:
    return next(
        (x for x in have.checkpoints if digest in (x.hash, x.sha256, (x.sha256 or "")[: len(digest)])), None
    )


def _named(
    kind: str,
    name: str,
    known: Sequence[str],
    found: list[Difference],
    *,
    nothing: str,
) -> str | None:
    """Return the server's spelling of a name, or None if it has no such thing, which is told."""
    if name in known:
        return name
    same = next((x for x in known if scheduler_key(x) == scheduler_key(name)), None)
    if same is not None and kind != "LoRA":
        return same
    nearest = UnknownNameError(kind, name, known).nearest
    hint = f" (there is {nearest[0]!r})" if nearest else ""
    found.append(Difference(_KEYS.get(kind, kind), f"{kind} {name!r} is not here; {nothing}{hint}"))
    return None


def _embeddings(hashes: str, have: Capabilities) -> list[Difference]:
    """Say which textual inversions are missing; their words then mean what they mean in plain text."""
    names = [item.rpartition(":")[0].strip() for item in hashes.split(",") if ":" in item]
    missing = [name for name in names if "embeddings" in have.answered and name not in have.embeddings]
    return [
        Difference("TI hashes", f"embedding {x!r} is not here: its name is read as words") for x in missing
    ]


def _overrides(wanted: Mapping[str, Any], client: Client, found: list[Difference]) -> dict[str, Any]:
    """Return the options that are there and differ from what is set anyway."""
    if not wanted:
        return {}
    have = client.options() if "options" in client.capabilities.answered else {}
    found += [
        Difference(name, f"option {name}={value!r} is not known here; it is left out")
        for name, value in wanted.items()
        if name not in have
    ]
    return {name: value for name, value in wanted.items() if name in have and have[name] != value}


def compare(
    recalled: Recalled, picture: Picture, *, told: Sequence[Difference] = ()
) -> tuple[Difference, ...]:
    """Return what differs between the picture as it was and as it is now.

    Args:
        recalled: What the old one told.
        picture: The new one.
        told: What was said before; it is not said twice.
    """
    said = {x.what for x in told}
    said |= {f"{what} hash" for what in ("Model", "VAE") if what in said}
    now = _values(picture.infotext)
    if recalled.values.get("Sampler") == f"{now.get('Sampler')} {now.get('Schedule type')}":
        said.add("Sampler")  # one name for both, as before 1.9
    found = [
        Difference(key, f"{key}: {recalled.values.get(key, 'not said')} then, {now.get(key, 'not said')} now")
        for key in recalled.values
        if now
        and key not in said
        and not _same(recalled.values.get(key), now.get(key))
        and not key.startswith(("Hires resize", "Hires upscale", "ADetailer "))
    ]
    if recalled.source is not None:
        found += pixels_differ(recalled.source, files.load(recalled.source).rgb, picture.image)
    return tuple(found)


def _same(one: str | None, other: str | None) -> bool:
    if one is None or other is None:
        return one == other
    try:
        return one == other or float(one) == float(other)
    except ValueError:
        return False


def pixels_differ(path: Path, then: images.RgbImage, now: images.RgbImage) -> list[Difference]:
    """Return how far the pixels of two pictures are from one another; nothing if they are the same in 8 bit.

    Args:
        path: The file of the old one, whose ending tells whether it was stored with a loss.
        then: The old one, (H, W, 3), sRGB.
        now: The new one.
    """
    if then.shape != now.shape:
        sizes = f"{then.shape[1]}x{then.shape[0]} then, {now.shape[1]}x{now.shape[0]} now"
        return [Difference("pixels", f"size: {sizes}; it may have been enlarged or cut afterwards")]
    error = float(np.mean(np.square(images.to_uint8(then).astype(np.float32) - images.to_uint8(now))))
    if error == 0:
        return []
    is_lossy = codecs.FORMATS.get(path.suffix.lower()) in ("JPEG", "WEBP")
    psnr = 10 * np.log10(255**2 / error)
    by_itself = "; JPEG and WebP lose as much by themselves" if is_lossy and psnr > OF_A_LOSSY_FILE_DB else ""
    return [Difference("pixels", f"the pixels differ: PSNR {psnr:.1f} dB{by_itself}")]
