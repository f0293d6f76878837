"""A job: everything that decides pictures drawn from words, as one immutable value.

Made of a TOML file and of what a command line adds to it; knows no server. What is unset is decided
later: by the preset that fits the checkpoint, or by the server.
"""

from __future__ import annotations

import re
import secrets
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, JsonValue

from prodgen.errors import SettingError, UnknownNameError
from prodgen.placement import Size
from prodgen.schema import MAX_SEED, Lora, Request
from prodgen.text2image.controls import Control, read_control
from prodgen.text2image.plan import Growth
from prodgen.text2image.presets import AUTO

MAX_CONFIG_BYTES = 1 << 20

ALIASES = {
    "negative": "negative_prompt",
    "cfg": "cfg_scale",
    "sampler": "sampler_name",
    "lora": "loras",
    "denoise": "denoising_strength",
    "checkpoint": "model",
}
"""Names of options, in a file, for the fields that they set."""

NOT_OF_THE_JOB = ("backend", "output")
"""A file may hold these; they decide where, not what."""


class Job(Request):
    """One or several pictures to be drawn from a prompt."""

    prompt: str = Field(default="", max_length=8000)
    """What to draw; with `{a|b}` and `__name__` to be filled, and LoRA tags if you like."""

    negative_prompt: str = Field(default="", max_length=8000)
    """What should not be seen; without effect at cfg_scale 1."""

    size: str | None = None
    """What is delivered: 2048x2048, 4:5, 2k; unset: the model's native size."""

    first_pass: str | None = None
    """Size that the model composes at; unset: its native area in the proportions of `size`."""

    grow: Growth = "auto"
    """How it grows to `size`: hires draws once more, upscale uses an upscaler, none interpolates;
    auto draws once more up to factor 2 and leaves the rest to an upscaler."""

    hires: float | None = Field(default=None, gt=1, le=8)
    """Factor of the second pass, chosen by hand."""

    hires_size: str | None = None
    """Size of the second pass, chosen by hand; instead of `hires`."""

    hires_upscaler: str | None = Field(default=None, min_length=1)
    """What enlarges between the passes; unset: the best known that the server has."""

    hires_steps: int | None = Field(default=None, ge=0, le=1000)
    """Steps of the second pass; unset: as many as `steps`."""

    denoising_strength: float | None = Field(default=None, ge=0, le=1)
    """How much the second pass may change; unset: 0.35, or 0.55 after a latent enlargement."""

    hires_prompt: str | None = None
    """Another prompt for the second pass."""

    hires_negative_prompt: str | None = None
    """Another negative prompt for the second pass."""

    hires_sampler: str | None = None
    """Another sampler for the second pass."""

    hires_scheduler: str | None = None
    """Another schedule for the second pass."""

    hires_checkpoint: str | None = None
    """Another checkpoint for the second pass."""

    upscaler: str = Field(default=AUTO, min_length=1)
    """What enlarges after drawing, as the server lists it; auto: the best known."""

    count: int = Field(default=1, ge=1, le=1000)
    """Pictures, of seed, seed + 1, ..."""

    seed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    """Of the first picture; unset: drawn, and told."""

    preset: str = Field(default=AUTO, min_length=1)
    """Family of checkpoints whose steps, cfg, sampler and size are used; auto: by the name."""

    steps: int | None = Field(default=None, ge=1, le=1000)
    """Sampling steps; unset: the preset's."""

    cfg_scale: float | None = Field(default=None, ge=0, le=30)
    """Weight of the prompt; unset: the preset's."""

    sampler_name: str | None = Field(default=None, min_length=1)
    """As the server lists it; unset: the preset's."""

    scheduler: str | None = Field(default=None, min_length=1)
    """As the server lists it; unset: the preset's, or the sampler's own."""

    model: str | None = Field(default=None, min_length=1)
    """A checkpoint of the server; unset: the one that it has configured."""

    vae: str | None = Field(default=None, min_length=1)
    """A VAE of the server, "Automatic" or "None"."""

    loras: tuple[Lora, ...] = ()
    """LoRAs of the server; tags in the prompt are added to them."""

    controlnet: tuple[Control, ...] = ()
    """Control pictures."""

    styles: tuple[str, ...] = ()
    """The server's saved prompt styles."""

    restore_faces: bool = False
    """Run the server's face restoration over the result."""

    tiling: bool = False
    """Draw a picture that tiles without a seam."""

    clip_skip: int | None = Field(default=None, ge=1, le=12)
    """Layers of the text encoder left out at its end, counted from 1 (none)."""

    subseed: int | None = Field(default=None, ge=0, le=MAX_SEED)
    """A second seed, mixed in by `subseed_strength`."""

    subseed_strength: float | None = Field(default=None, ge=0, le=1)
    """Share of the second seed."""

    refiner: str | None = Field(default=None, min_length=1)
    """A checkpoint that takes over at `refiner_at`."""

    refiner_at: float | None = Field(default=None, ge=0, le=1)
    """Share of the steps after which the refiner takes over."""

    eta: float | None = Field(default=None, ge=0, le=1)
    """Noise multiplier of ancestral samplers."""

    s_min_uncond: float | None = Field(default=None, ge=0, le=15)
    """Skip the negative prompt on steps below this sigma."""

    wildcards: Path | None = None
    """Folder of NAME.txt for `__NAME__` in the prompts."""

    literal: bool = False
    """Take braces and `__` in the prompts as they are."""

    override_settings: dict[str, JsonValue] = Field(default_factory=dict)
    """Options of the server for this job only, by its own names."""

    def check(self) -> None:
        """Refuse what would not run, or be ignored."""
        super().check()
        if self.hires is not None and self.hires_size is not None:
            raise ValueError("hires and hires_size exclude each other")
        for name in ("first_pass", "hires_size"):
            text = getattr(self, name)
            sides = [] if text is None else text.split("x")
            if text is not None and not (
                len(sides) == 2
                and all(x.isascii() and x.isdigit() and len(x) < 6 and int(x) % 8 == 0 for x in sides)
            ):
                raise ValueError(f"{name} {text!r} is not WIDTHxHEIGHT in multiples of 8, such as 768x512")
        if (self.subseed is None) != (self.subseed_strength is None):
            raise ValueError("subseed and subseed_strength are of use only together")
        if (self.refiner is None) != (self.refiner_at is None):
            raise ValueError("refiner and refiner_at are of use only together")

    def story(self) -> dict[str, Any]:
        """Return what is set, ready for JSON; no folder of this machine is in it."""
        told = self.model_dump(mode="json", exclude_defaults=True, exclude={"wildcards"})
        for control in told.get("controlnet", ()):
            control["picture"] = Path(control["picture"]).name
        return told


def draw_seed() -> int:
    """Draw a seed; ours, so that it is known before anything is sent. A1111 draws from the same range."""
    return secrets.randbelow(2**32 - 2)


def as_size(text: str) -> Size:
    """Return (width, height) of a "WxH" that was checked before."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def read_lora(text: str) -> Lora:
    """Return the LoRA that NAME or NAME:WEIGHT means.

    Raises:
        SettingError: If the weight is no number in range.
    """
    match = re.fullmatch(r"([^:]+)(?::(-?\d*\.?\d+))?", text.strip())
    if match is None:
        raise SettingError(f"lora {text!r} is not NAME:WEIGHT, such as more_details:0.5")
    return Lora(name=match[1], weight=float(match[2]) if match[2] else 1.0)


def new_job(fields: Mapping[str, Any], *, folder: Path | None = None) -> Job:
    """Return the job of these fields, by their own names or those of options; None is unset.

    Args:
        fields: As in a TOML file: `lora` and `controlnet` are lists of texts or tables.
        folder: What relative paths are relative to.

    Raises:
        SettingError: If one is unknown or wrong; says which.
    """
    known: dict[str, Any] = {}
    for name, value in fields.items():
        field = ALIASES.get(name.replace("-", "_"), name.replace("-", "_"))
        if field not in Job.model_fields:
            raise UnknownNameError("setting", name, sorted([*Job.model_fields, *ALIASES, *NOT_OF_THE_JOB]))
        if value is not None:
            known[field] = value
    if "loras" in known:
        known["loras"] = tuple(_read_each("lora", known["loras"], read_lora))
    if "controlnet" in known:
        controls = _read_each("controlnet", known["controlnet"], read_control)
        known["controlnet"] = tuple(_below(folder, Control.model_validate(x)) for x in controls)
    if folder is not None and isinstance(known.get("wildcards"), str):
        known["wildcards"] = folder / known["wildcards"]
    return Job.model_validate(known)


def read_config(path: Path) -> dict[str, Any]:
    """Return the fields in a TOML file; paths in it are relative to where it is.

    Raises:
        SettingError: If it cannot be read, or a setting is unknown or wrong.
    """
    try:
        if path.stat().st_size > MAX_CONFIG_BYTES:
            raise SettingError(f"config {str(path)!r} is too large to be one")
        fields = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingError(f"config {str(path)!r} cannot be read: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingError(f"config {str(path)!r} is not TOML: {error}") from error
    where = {name: fields.pop(name) for name in NOT_OF_THE_JOB if name in fields}
    for name, value in where.items():
        if not isinstance(value, str):
            raise SettingError(f"config {str(path)!r}: {name} must be a text, not {value!r}")
    try:
        job = new_job(fields, folder=path.parent)
    except SettingError as error:
        raise SettingError(f"config {str(path)!r}: {error}") from error
    return {**{name: getattr(job, name) for name in job.model_fields_set}, **where}


def _read_each(what: str, values: Any, read: Any) -> list[Any]:
    if not isinstance(values, list | tuple):
        raise SettingError(f"{what} must be a list, not {values!r}")
    return [read(value) if isinstance(value, str) else value for value in values]


def _below(folder: Path | None, control: Control) -> Control:
    return control if folder is None else control.model_copy(update={"picture": folder / control.picture})
