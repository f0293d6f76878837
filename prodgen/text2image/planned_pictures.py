"""From a job and a server to requests: names looked up, sizes planned, prompts filled; nothing is sent.

A setting that a preset suggests and the server lacks is left out, with a notice; a setting that the user
named is never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from prodgen.client import PREFERRED_UPSCALERS, sampler_key, target_size
from prodgen.errors import IdleSettingError, SettingError, UnknownNameError
from prodgen.placement.canvas_sizes import parse_ratio
from prodgen.schema import Capabilities, ControlNetUnit, Txt2Img, prompts
from prodgen.text2image import controls
from prodgen.text2image.model_table import NamedModel, Tables, missing, preset_of, tables
from prodgen.text2image.picture_job import PictureJob, as_size
from prodgen.text2image.presets import AUTO, Preset, choose
from prodgen.text2image.size_plan import SizePlan, plan_sizes, wanted_size
from prodgen.text2image.wildcards import Filled, Wildcards

if TYPE_CHECKING:
    from prodgen.client import Client

DENOISING_STRENGTH = 0.35
"""Denoising strength of a second pass after an upscaler: details are redrawn, the composition stays.

Chosen by eye, no measurement."""

LATENT_DENOISING_STRENGTH = 0.55
"""Denoising strength of a second pass after a latent enlargement, which leaves the picture blurred.

A1111's wiki on hires fix: below 0.5 the blur stays."""


INTERPOLATION = "none"
"""In place of an upscaler's name."""


@dataclass(frozen=True, eq=False)
class PlannedPicture:
    """One picture of a job, with everything decided that has to be sent."""

    request: Txt2Img
    sizes: SizePlan
    preset: Preset
    job: PictureJob
    """The job of this picture alone, with nothing left unset: the same server draws it again from this."""
    template: str
    """The prompt before it was filled."""
    filled: Filled
    filled_negative: Filled
    notices: tuple[str, ...] = ()


def planned_pictures(job: PictureJob, seeds: list[int], client: Client) -> list[PlannedPicture]:
    """Return one planned picture for each seed.

    Raises:
        SettingError: If the job cannot be done as asked.
        ImageError: If a control picture cannot be read.
    """
    table = tables(job.tables)
    model = None if job.model is None else table.model(job.model)
    job = _by_tables(job, table, model, client)
    if not job.prompt.strip() and not job.loras:
        raise SettingError(
            "the prompt is empty; say what to draw, such as --prompt 'a cup on a wooden table'"
        )
    cards = Wildcards(job.wildcards)
    if job.wildcards is not None:
        cards.names()
    _check_options(job, client)
    _check_upscaler(job, client.capabilities)
    # Everything that can be refused is looked at before the first picture is drawn.
    holes = (job.prompt, job.negative_prompt)
    filled = [
        tuple(Filled(text) if job.literal else cards.fill(text, seed=seed) for text in holes)
        for seed in seeds
    ]
    units = tuple(controls.unit(control, client) for control in job.controlnet)
    return [
        _planned(job, seed, words, negative, units, client, model)
        for seed, (words, negative) in zip(seeds, filled, strict=True)
    ]


def _by_tables(job: PictureJob, table: Tables, model: NamedModel | None, client: Client) -> PictureJob:
    """Return a job that needs no table: with its style's words, and its model's checkpoint.

    Raises:
        SettingError: If the server has no such checkpoint.
    """
    changed: dict[str, Any] = {"model": None, "style": None, "tables": None}
    if job.style is not None:
        words = table.styled(job.prompt, job.negative_prompt, job.style)
        changed.update(zip(("prompt", "negative_prompt"), words, strict=True))
    if model is not None and job.checkpoint is None:
        found = model.checkpoint_of(client.capabilities)
        if found is None:
            raise missing(model, client.capabilities, client.address)
        changed["checkpoint"] = found.title
    return job.model_copy(update=changed)


def _planned(
    job: PictureJob,
    seed: int,
    words: Filled,
    negative: Filled,
    units: tuple[ControlNetUnit, ...],
    client: Client,
    model: NamedModel | None,
) -> PlannedPicture:
    have = client.capabilities
    read = prompts.read_prompt(words.text, loras=job.loras)
    prompt, loras = read.words, read.loras
    _check_loras(read, have)
    preset = choose(job.preset, checkpoint=_drawer(job.checkpoint, have), loras=[lora.name for lora in loras])
    if model is not None and job.preset == AUTO:
        preset = preset_of(model, choose(AUTO, checkpoint=None, loras=[lora.name for lora in loras]))
    notices = [] if job.preset != AUTO else _announced(preset, job, have)
    sampler, scheduler = _sampling(job, preset, have, notices)
    sizes = _sizes(job, preset)
    cfg_scale = preset.cfg_scale if job.cfg_scale is None else job.cfg_scale
    if negative.text and cfg_scale == 1:
        notices.append("the negative prompt has no effect at cfg_scale 1")
    second = _second_pass(job, sizes, client)
    request = Txt2Img(
        prompt=prompt,
        negative_prompt=negative.text or None,
        seed=seed,
        width=sizes.first[0],
        height=sizes.first[1],
        steps=job.steps or preset.steps,
        cfg_scale=cfg_scale,
        sampler_name=sampler,
        scheduler=scheduler,
        checkpoint=job.checkpoint,
        refiner_checkpoint=job.refiner,
        refiner_switch_at=job.refiner_at,
        loras=loras,
        controlnet=units,
        restore_faces=job.restore_faces or None,
        tiling=job.tiling or None,
        styles=job.server_styles,
        **{name: getattr(job, name) for name in _SENT_AS_THEY_ARE},
        **second,
    )
    decided = _decided(job, request, sizes)
    return PlannedPicture(request, sizes, preset, decided, job.prompt, words, negative, tuple(notices))


def _sizes(job: PictureJob, preset: Preset) -> SizePlan:
    """Return the sizes of both passes and of the finished picture."""
    wanted = wanted_size(job.size, side=preset.side)
    first = None if job.first_pass is None else as_size(job.first_pass)
    if job.hires is not None and first is None and job.size is not None and parse_ratio(job.size):
        wanted, first = None, wanted  # a ratio leaves the size open, which the factor then decides
    sizes = plan_sizes(
        wanted,
        side=preset.side,
        first=first,
        second=None if job.hires_size is None else as_size(job.hires_size),
        hires=job.hires,
        is_free=preset.is_free,
    )
    sizes = replace(sizes, final=target_size(job.upscale, *sizes.final))
    if job.upscaler != AUTO and sizes.final == (sizes.second or sizes.first):
        raise IdleSettingError(["upscaler"], "nothing is enlarged after drawing")
    return sizes


JOB_FIELDS = {
    "styles": "server_styles",
    "refiner_checkpoint": "refiner",
    "hr_upscaler": "hires_upscaler",
    "hr_sampler_name": "hires_sampler",
    "hr_scheduler": "hires_scheduler",
    "hr_checkpoint_name": "hires_checkpoint",
}
"""Fields of the request that a job has under another name."""

_SENT_AS_THEY_ARE = (
    "vae", "clip_skip", "subseed", "subseed_strength", "eta", "s_min_uncond", "override_settings",
)  # fmt: skip


def _decided(job: PictureJob, request: Txt2Img, sizes: SizePlan) -> PictureJob:
    return job.model_copy(
        update={
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt or "",
            "loras": request.loras,
            "seed": request.seed,
            "count": 1,
            "wildcards": None,
            "literal": False,
            "size": "{}x{}".format(*sizes.final),
            "first_pass": "{}x{}".format(*sizes.first),
            "hires_size": "{}x{}".format(*sizes.second) if sizes.second and job.hires is None else None,
            "hires": job.hires if sizes.second else 1.0,
            "upscale": None,
            "hires_upscaler": request.hr_upscaler,
            "denoising_strength": request.denoising_strength,
            "steps": request.steps,
            "cfg_scale": request.cfg_scale,
            "sampler_name": request.sampler_name,
            "scheduler": request.scheduler,
            "controlnet": tuple(
                control.model_copy(update={"digest": controls.digest_of(control.picture)})
                for control in job.controlnet
            ),
        }
    )


def _check_loras(read: prompts.TaggedPrompt, have: Capabilities) -> None:
    """Refuse unknown LoRAs before the first picture is drawn, not when their own picture is due."""
    for name in (*(lora.name for lora in read.loras), *read.kept_names) if "loras" in have.answered else ():
        if have.find_lora(name) is None:
            known = (*have.loras, *have.lora_aliases)
            raise UnknownNameError("LoRA", name, known, setting="loras")


def _check_options(job: PictureJob, client: Client) -> None:
    """Refuse unknown settings of the server: some servers ignore them, others fail after drawing."""
    if not job.override_settings or "options" not in client.capabilities.answered:
        return
    known = client.options()
    for name in job.override_settings:
        if name not in known:
            raise UnknownNameError("option of the server", name, known)


def _check_upscaler(job: PictureJob, have: Capabilities) -> None:
    """Refuse an unknown upscaler before drawing: the server would notice it afterwards, or never."""
    given = job.upscaler not in (AUTO, INTERPOLATION)
    if given and "upscalers" in have.answered and job.upscaler not in have.upscalers:
        raise UnknownNameError("upscaler", job.upscaler, have.upscalers, setting="upscaler")


def _drawer(checkpoint: str | None, have: Capabilities) -> str | None:
    """Return the model name of the checkpoint that will draw; None if it is not known."""
    if checkpoint is None:
        return have.checkpoint
    known = have.find_checkpoint(checkpoint)
    return known.model_name if known else checkpoint


_BY_PRESET = ("steps", "first_pass", "cfg_scale", "sampler_name")
"""Settings of a job that a preset decides where the user does not."""


def _announced(preset: Preset, job: PictureJob, have: Capabilities) -> list[str]:
    summary = preset.summary(without=[name for name in _BY_PRESET if getattr(job, name) is not None])
    if preset.is_free or not summary:
        return []  # the preset decides nothing
    if preset.chosen_by:
        return [f"preset {preset.name} by the name {preset.chosen_by!r}: {summary}"]
    drawer = _drawer(job.checkpoint, have) or "the server's checkpoint"
    return [f"no preset is known for {drawer!r}; {preset.name} is used: {summary} (--preset chooses)"]


def _sampling(
    job: PictureJob, preset: Preset, have: Capabilities, notices: list[str]
) -> tuple[str | None, str | None]:
    """Return (sampler, schedule): the user's as they are, the preset's as this server spells them."""
    if job.sampler_name is not None:
        return job.sampler_name, job.scheduler  # another sampler brings its own schedule
    wanted, schedule = preset.sampler_name, job.scheduler or preset.scheduler
    if wanted is None:
        return None, job.scheduler
    sampler = _like(wanted, have.samplers) if "samplers" in have.answered else wanted
    if "schedulers" not in have.answered:
        # Servers without schedules as a setting have them in the sampler's name.
        both = _like(f"{wanted} {schedule}", have.samplers) if schedule else None
        if schedule and both is None:
            notices.append(
                f"this server has no schedule {schedule!r} for {wanted!r}; the sampler's own is used"
            )
        return both or sampler, job.scheduler
    if sampler is None:
        notices.append(f"this server has no sampler {wanted!r}, which {preset.title} wants; its own is used")
        return None, job.scheduler
    scheduler = job.scheduler or (_like(schedule, have.schedulers) if schedule else None)
    if schedule and scheduler is None:
        notices.append(f"this server has no schedule {schedule!r}, which {preset.title} wants")
    return sampler, scheduler


def _like(name: str, known: tuple[str, ...]) -> str | None:
    """Return the known name that is the same but for case, spaces and dashes; None if there is none."""
    if name in known:
        return name

    return next((other for other in known if sampler_key(other) == sampler_key(name)), None)


def _second_pass(job: PictureJob, sizes: SizePlan, client: Client) -> dict[str, Any]:
    if sizes.second is None:
        asked = [name for name in type(job).model_fields if name.startswith("hires_") and getattr(job, name)]
        asked += ["denoising_strength"] if job.denoising_strength is not None else []
        if asked:
            raise IdleSettingError(asked, "there is no second pass, which hires 2 would ask for")
        return {}
    have = client.capabilities
    working = set(have.upscalers) - client.idle_upscalers
    upscaler = job.hires_upscaler or next(
        (name for name in PREFERRED_UPSCALERS if name in working),
        have.latent_upscale_modes[0] if have.latent_upscale_modes else None,
    )
    is_latent = upscaler is None or upscaler.startswith("Latent")
    usual = LATENT_DENOISING_STRENGTH if is_latent else DENOISING_STRENGTH
    sized = (
        {"hr_scale": job.hires}
        if job.hires is not None
        else {"hr_resize_x": sizes.second[0], "hr_resize_y": sizes.second[1]}
    )
    return {
        "enable_hr": True,
        "denoising_strength": usual if job.denoising_strength is None else job.denoising_strength,
        "hr_upscaler": upscaler,
        "hr_second_pass_steps": job.hires_steps,
        "hr_prompt": job.hires_prompt,
        "hr_negative_prompt": job.hires_negative_prompt,
        "hr_sampler_name": job.hires_sampler,
        "hr_scheduler": job.hires_scheduler,
        "hr_checkpoint_name": job.hires_checkpoint,
        **sized,
    }
