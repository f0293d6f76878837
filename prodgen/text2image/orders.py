"""From a job and a server to requests: names looked up, sizes planned, prompts filled; nothing is sent.

What a preset suggests and a server lacks is left out and told; what a user named is never replaced.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from prodgen.client.knowledge.names import find_checkpoint, scheduler_key
from prodgen.client.work.enlarging import PREFERRED
from prodgen.errors import SettingError, UnknownNameError
from prodgen.placement.canvas_sizes import parse_ratio
from prodgen.schema import Capabilities, ControlNetUnit, Txt2Img, prompts
from prodgen.text2image import controls, plan
from prodgen.text2image.job import Job, as_size
from prodgen.text2image.presets import AUTO, Preset, choose
from prodgen.text2image.wildcards import Filled, Wildcards

if TYPE_CHECKING:
    from prodgen.client import Client

DENOISING_STRENGTH = 0.35
"""Of a second pass after a true enlargement: details are drawn, the composition stays."""

LATENT_DENOISING_STRENGTH = 0.55
"""After a latent enlargement, which is blurred: below 0.5 the blur stays (A1111's wiki on hires fix)."""


@dataclass(frozen=True, eq=False)
class Order:
    """One picture, ready to be asked for."""

    request: Txt2Img
    plan: plan.Plan
    preset: Preset
    job: Job
    """With everything decided: the same job on the same server draws the same picture."""
    template: str
    """The prompt before it was filled."""
    filled: Filled
    filled_negative: Filled
    notices: tuple[str, ...] = ()


def orders_for(job: Job, seeds: list[int], client: Client) -> list[Order]:
    """Return one order for each seed.

    Raises:
        SettingError: If the job cannot be done as asked.
        ImageError: If a control picture cannot be read.
    """
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
        _order(job, seed, words, negative, units, client)
        for seed, (words, negative) in zip(seeds, filled, strict=True)
    ]


def _order(
    job: Job, seed: int, words: Filled, negative: Filled, units: tuple[ControlNetUnit, ...], client: Client
) -> Order:
    have = client.capabilities
    read = prompts.read_prompt(words.text, loras=job.loras)
    prompt, loras = read.words, read.loras
    _check_loras(read, have)
    preset = choose(job.preset, checkpoint=_drawer(job.model, have), loras=[lora.name for lora in loras])
    notices = [] if job.preset != AUTO else _announced(preset, job, have)
    sampler, scheduler = _sampling(job, preset, have, notices)
    wanted = plan.wanted_size(job.size, side=preset.side)
    first = None if job.first_pass is None else as_size(job.first_pass)
    if job.hires is not None and first is None and job.size is not None and parse_ratio(job.size):
        wanted, first = None, wanted  # a ratio says nothing of how large: the factor does
    way = plan.plan(
        wanted,
        side=preset.side,
        first=first,
        second=None if job.hires_size is None else as_size(job.hires_size),
        hires=job.hires,
        grow=job.grow,
        is_free=preset.is_free,
    )
    cfg_scale = preset.cfg_scale if job.cfg_scale is None else job.cfg_scale
    if negative.text and cfg_scale == 1:
        notices.append("the negative prompt has no effect at cfg_scale 1")
    second = _second_pass(job, way, have)
    request = Txt2Img(
        prompt=prompt,
        negative_prompt=negative.text or None,
        seed=seed,
        width=way.first[0],
        height=way.first[1],
        steps=job.steps or preset.steps,
        cfg_scale=cfg_scale,
        sampler_name=sampler,
        scheduler=scheduler,
        checkpoint=job.model,
        refiner_checkpoint=job.refiner,
        refiner_switch_at=job.refiner_at,
        loras=loras,
        controlnet=units,
        restore_faces=job.restore_faces or None,
        tiling=job.tiling or None,
        **{name: getattr(job, name) for name in _SAME},
        **second,
    )
    decided = _decided(job, request, way)
    return Order(request, way, preset, decided, job.prompt, words, negative, tuple(notices))


_SAME = (
    "vae", "clip_skip", "subseed", "subseed_strength", "eta", "s_min_uncond", "styles", "override_settings",
)  # fmt: skip


def _decided(job: Job, request: Txt2Img, way: plan.Plan) -> Job:
    return job.model_copy(
        update={
            "prompt": request.prompt,
            "negative_prompt": request.negative_prompt or "",
            "loras": request.loras,
            "seed": request.seed,
            "count": 1,
            "wildcards": None,
            "literal": False,
            "size": "{}x{}".format(*way.final),
            "first_pass": "{}x{}".format(*way.first),
            "hires_size": "{}x{}".format(*way.second) if way.second and job.hires is None else None,
            "grow": job.grow if way.second else ("none" if job.grow == "none" else "upscale"),
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
    known = (*have.loras, *have.lora_aliases)
    for name in (*(lora.name for lora in read.loras), *read.kept_names) if "loras" in have.answered else ():
        if name not in known:
            raise UnknownNameError("LoRA", name, known)


def _check_options(job: Job, client: Client) -> None:
    """Some servers ignore an unknown option, others fail after the work."""
    if not job.override_settings or "options" not in client.capabilities.answered:
        return
    known = client.options()
    for name in job.override_settings:
        if name not in known:
            raise UnknownNameError("option of the server", name, known)


def _check_upscaler(job: Job, have: Capabilities) -> None:
    """A wrong name would only be noticed after the drawing, or never where nothing is left to enlarge."""
    if job.upscaler != AUTO and "upscalers" in have.answered and job.upscaler not in have.upscalers:
        raise UnknownNameError("upscaler", job.upscaler, have.upscalers)


def _drawer(model: str | None, have: Capabilities) -> str | None:
    """Return the name of the checkpoint that will draw."""
    if model is None:
        return have.checkpoint
    found = find_checkpoint(model, have)
    return found.model_name if found else model


def _announced(preset: Preset, job: Job, have: Capabilities) -> list[str]:
    decided = (job.steps, job.cfg_scale, job.sampler_name, job.first_pass)
    if preset.is_free or None not in decided:
        return []  # nothing of it has an effect
    if preset.chosen_by:
        return [f"preset {preset.name} by the name {preset.chosen_by!r}: {preset.summary()}"]
    drawer = _drawer(job.model, have) or "the server's checkpoint"
    return [
        f"no preset is known for {drawer!r}; {preset.name} is used: {preset.summary()} (--preset chooses)"
    ]


def _sampling(
    job: Job, preset: Preset, have: Capabilities, notices: list[str]
) -> tuple[str | None, str | None]:
    """Return sampler and schedule: the user's as they are, the preset's as this server spells them."""
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
    """Return the known name that differs in case, spaces and dashes only."""
    if name in known:
        return name

    def key(text: str) -> str:
        return scheduler_key(text.replace("++", "pp"))

    return next((other for other in known if key(other) == key(name)), None)


def _second_pass(job: Job, way: plan.Plan, have: Capabilities) -> dict[str, Any]:
    if way.second is None:
        asked = [name for name in type(job).model_fields if name.startswith("hires_") and getattr(job, name)]
        asked += ["denoising_strength"] if job.denoising_strength is not None else []
        if asked:
            raise SettingError(
                f"{', '.join(asked)}: without effect, for there is no second pass; --hires 2 asks for one"
            )
        return {}
    upscaler = job.hires_upscaler or next(
        (name for name in PREFERRED if name in have.upscalers),
        have.latent_upscale_modes[0] if have.latent_upscale_modes else None,
    )
    is_latent = upscaler is None or upscaler.startswith("Latent")
    usual = LATENT_DENOISING_STRENGTH if is_latent else DENOISING_STRENGTH
    sized = (
        {"hr_scale": job.hires}
        if job.hires is not None
        else {"hr_resize_x": way.second[0], "hr_resize_y": way.second[1]}
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
