"""Everything that decides pictures drawn from words, as one immutable value.

A `PictureJob` is made of a TOML file, of a command line's options or of a Python call; it knows no server.
What it leaves unset is decided later: by the preset that fits the checkpoint, or by the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, JsonValue

from prodgen.errors import SettingError, UnknownNameError, WrongValueError
from prodgen.files import read_toml
from prodgen.placement import Size
from prodgen.schema import LARGEST_SEED, Lora, Request
from prodgen.schema.prompts import read_lora
from prodgen.text2image.controls import Control, read_control
from prodgen.text2image.presets import AUTO

ALIASES = {
    "sampler": "sampler_name",
    "lora": "loras",
    "server_style": "server_styles",
    "num_inference_steps": "steps",
    "guidance_scale": "cfg_scale",
    "num_images": "count",
    "num_images_per_prompt": "count",
    "model_id": "model",
}
"""Other spellings of fields, which a TOML file may use: those of the command line's options that are not like
the field that they set, and those of diffusers' pipelines."""

NOT_OF_THE_JOB = ("backend", "output")
"""What a TOML file may hold besides: where a picture is drawn and written, which does not change it."""


class PictureJob(Request):
    """One or several pictures to be drawn from a prompt."""

    prompt: str = Field(default="", max_length=8000)
    """What to draw. `{a|b}` and `__name__` are filled in, `<lora:NAME:WEIGHT>` asks for a LoRA."""

    negative_prompt: str = Field(default="", max_length=8000)
    """What should not be seen; without effect at cfg_scale 1."""

    size: str | None = None
    """What is delivered: 2048x2048, 4:5, 2k; unset: the model's native size."""

    upscale: str | None = None
    """Final enlargement, beyond `size`, by the upscaler: a factor ("2") or a size ("4096x4096")."""

    first_pass: str | None = None
    """Size that the model composes at; unset: its native area in the proportions of `size`."""

    hires: float | None = Field(default=None, ge=1, le=8)
    """Factor by which the picture is enlarged and drawn once more (hires fix); 1: no second pass.
    Unset: up to 2, as far as `size` asks for more than the model draws well at once."""

    hires_size: str | None = None
    """Size of the second pass, in place of the factor `hires`."""

    hires_upscaler: str | None = Field(default=None, min_length=1)
    """Upscaler between the two passes; unset: the best known that the server has."""

    hires_steps: int | None = Field(default=None, ge=0, le=1000)
    """Steps of the second pass; unset: as many as `steps`."""

    denoising_strength: float | None = Field(default=None, ge=0, le=1)
    """How much the second pass may change; unset: 0.35, or 0.55 after a latent enlargement."""

    hires_prompt: str | None = None
    """Prompt of the second pass; unset: that of the first."""

    hires_negative_prompt: str | None = None
    """Negative prompt of the second pass; unset: that of the first."""

    hires_sampler: str | None = None
    """Sampler of the second pass; unset: that of the first."""

    hires_scheduler: str | None = None
    """Noise schedule of the second pass; unset: that of the first."""

    hires_checkpoint: str | None = None
    """Checkpoint of the second pass; unset: that of the first."""

    upscaler: str = Field(default=AUTO, min_length=1)
    """Upscaler of the finished picture, as the server lists it; auto: the best known; none: interpolation."""

    count: int = Field(default=1, ge=1, le=1000)
    """Number of pictures; their seeds are `seed`, `seed` + 1 ..."""

    seed: int | None = Field(default=None, ge=0, le=LARGEST_SEED)
    """Seed of the first picture; unset: drawn at random and recorded."""

    preset: str = Field(default=AUTO, min_length=1)
    """Family of checkpoints that steps, cfg_scale, sampler and size suit; auto: by the checkpoint's name."""

    steps: int | None = Field(default=None, ge=1, le=1000)
    """Sampling steps; unset: the preset's."""

    cfg_scale: float | None = Field(default=None, ge=0, le=30)
    """Classifier-free guidance: weight of the prompt; unset: the preset's."""

    sampler_name: str | None = Field(default=None, min_length=1)
    """Sampler, as the server lists it; unset: the preset's."""

    scheduler: str | None = Field(default=None, min_length=1)
    """Noise schedule, as the server lists it; unset: the preset's, or the sampler's own."""

    model: str | None = Field(default=None, min_length=1)
    """A model of the table: which checkpoint of the server it is, and how it wants to be asked."""

    style: str | None = Field(default=None, min_length=1)
    """A prompt style of the table, whose words are written around the prompt."""

    tables: Path | None = None
    """TOML file with models and styles of the user's own."""

    checkpoint: str | None = Field(default=None, min_length=1)
    """Checkpoint of the server; unset: the model's, or the one that the server has configured."""

    vae: str | None = Field(default=None, min_length=1)
    """A VAE of the server, "Automatic" or "None"."""

    loras: tuple[Lora, ...] = ()
    """LoRAs of the server, beside those that the prompt has tags for."""

    controlnet: tuple[Control, ...] = ()
    """Control pictures, each with its ControlNet model."""

    server_styles: tuple[str, ...] = ()
    """Prompt styles that are saved on the server, by name."""

    restore_faces: bool = False
    """Run the server's face restoration over the result."""

    tiling: bool = False
    """Draw a picture that tiles without a seam."""

    clip_skip: int | None = Field(default=None, ge=1, le=12)
    """Layers of the text encoder left out at its end, counted from 1 (none)."""

    subseed: int | None = Field(default=None, ge=0, le=LARGEST_SEED)
    """A second seed, whose noise is mixed in by `subseed_strength`."""

    subseed_strength: float | None = Field(default=None, ge=0, le=1)
    """Share of the second seed's noise."""

    refiner: str | None = Field(default=None, min_length=1)
    """Checkpoint that takes over at `refiner_at`."""

    refiner_at: float | None = Field(default=None, ge=0, le=1)
    """Share of the steps after which the refiner takes over."""

    eta: float | None = Field(default=None, ge=0, le=1)
    """Noise multiplier of ancestral samplers."""

    s_min_uncond: float | None = Field(default=None, ge=0, le=15)
    """Skip the negative prompt on steps below this sigma."""

    wildcards: Path | None = None
    """Folder of NAME.txt for `__NAME__` in the prompts."""

    literal: bool = False
    """Leave `{a|b}` and `__name__` in the prompts as they are."""

    override_settings: dict[str, JsonValue] = Field(default_factory=dict)
    """Settings of the server that hold for this job only, by the server's own names."""

    def check(self) -> None:
        """Refuse settings that exclude or need each other."""
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
                raise WrongValueError(name, text, "must be WIDTHxHEIGHT in multiples of 8, such as 768x512")
        if (self.subseed is None) != (self.subseed_strength is None):
            raise ValueError("subseed and subseed_strength must be given together")
        if (self.refiner is None) != (self.refiner_at is None):
            raise ValueError("refiner and refiner_at must be given together")

    def story(self) -> dict[str, Any]:
        """Return the settings that are not defaults, as JSON and without any folder of this machine."""
        fields = self.model_dump(mode="json", exclude_defaults=True, exclude={"wildcards", "tables"})
        for control in fields.get("controlnet", ()):
            control["picture"] = Path(control["picture"]).name
        return fields


def as_size(text: str) -> Size:
    """Return (width, height) of a "WxH" that `PictureJob.check` has accepted."""
    width, _, height = text.partition("x")
    return int(width), int(height)


def new_job(fields: Mapping[str, Any], *, folder: Path | None = None) -> PictureJob:
    """Return the job that these settings mean; a setting that is None stays unset.

    Args:
        fields: Settings by the names of `PictureJob` or of the command line's options, as in a TOML file:
            `lora` and `controlnet` are lists of texts or tables.
        folder: Folder that relative paths start from; None: the current one.

    Raises:
        SettingError: If a setting is unknown or wrong; the message names it.
    """
    known: dict[str, Any] = {}
    for name, value in fields.items():
        field = ALIASES.get(name.replace("-", "_"), name.replace("-", "_"))
        if field not in PictureJob.model_fields:
            raise UnknownNameError(
                "setting", name, sorted([*PictureJob.model_fields, *ALIASES, *NOT_OF_THE_JOB])
            )
        if value is not None:
            known[field] = value
    if "loras" in known:
        known["loras"] = tuple(_read_each("lora", known["loras"], read_lora))
    if "controlnet" in known:
        controls = _read_each("controlnet", known["controlnet"], read_control)
        known["controlnet"] = tuple(_below(folder, Control.model_validate(x)) for x in controls)
    for name in ("wildcards", "tables"):
        if folder is not None and isinstance(known.get(name), str):
            known[name] = folder / known[name]
    return PictureJob.model_validate(known)


def read_config(path: Path) -> dict[str, Any]:
    """Return the settings in a TOML file; relative paths in it start from the file's own folder.

    Settings may stand in sections of any name, and may be spelled as diffusers spells them: there,
    guidance_scale 0 is no guidance, which is cfg_scale 1, and the size is given as width and height.

    Raises:
        SettingError: If it cannot be read, or a setting is unknown or wrong.
    """
    fields = read_toml(path, called="config")
    try:
        fields = _from_diffusers(_without_sections(fields))
    except SettingError as error:
        raise SettingError(f"config {str(path)!r}: {error}") from error
    where = {name: fields.pop(name) for name in NOT_OF_THE_JOB if name in fields}
    for name, value in where.items():
        if not isinstance(value, str):
            raise SettingError(f"config {str(path)!r}: {name} must be a text, not {value!r}")
    try:
        job = new_job(fields, folder=path.parent)
    except SettingError as error:
        raise SettingError(f"config {str(path)!r}: {error}") from error
    return {**{name: getattr(job, name) for name in job.model_fields_set}, **where}


def _without_sections(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings with those of sections, such as [generation], at the top."""
    flat: dict[str, Any] = {}
    for name, value in fields.items():
        is_section = isinstance(value, dict) and name not in PictureJob.model_fields
        for inner, given in value.items() if is_section else [(name, value)]:
            if inner in flat:
                raise SettingError(f"{inner} stands there twice")
            flat[inner] = given
    return flat


def _from_diffusers(fields: dict[str, Any]) -> dict[str, Any]:
    """Return settings in which width, height and guidance_scale mean what they mean in diffusers."""
    if "width" in fields or "height" in fields:
        sides = fields.pop("width", None), fields.pop("height", None)
        if not all(isinstance(side, int) for side in sides) or "size" in fields:
            raise SettingError("width and height must both be given, as whole numbers, and size not")
        fields["size"] = "{}x{}".format(*sides)
    guidance = fields.get("guidance_scale")
    if isinstance(guidance, int | float) and 0 <= guidance < 1:
        fields["guidance_scale"] = 1.0
    return fields


def _read_each(what: str, values: Any, read: Any) -> list[Any]:
    if not isinstance(values, list | tuple):
        raise SettingError(f"{what} must be a list, not {values!r}")
    return [read(value) if isinstance(value, str) else value for value in values]


def _below(folder: Path | None, control: Control) -> Control:
    return control if folder is None else control.model_copy(update={"picture": folder / control.picture})
