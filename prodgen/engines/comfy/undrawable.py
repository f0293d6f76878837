"""What an order asks for that ComfyUI has no node for: each is one sentence, said before anything is sent."""

from __future__ import annotations

from collections.abc import Iterator

from prodgen.engines.comfy.comfy_inventory import ComfyModels
from prodgen.engines.comfy.picture_graphs import LATENT_METHODS, LATENT_NOISE
from prodgen.engines.comfy.relight_nodes import missing_relighting
from prodgen.engines.comfy.sampling_names import SCHEDULE_NODES
from prodgen.engines.comfy.sampling_nodes import first_step
from prodgen.server.engine import BatchOrder, HiresPass
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.wire import Refused

NO_CHECKPOINT = "this ComfyUI lists no checkpoint: put one into its folder models/checkpoints"


def refuse_undrawable(order: BatchOrder, models: ComfyModels) -> None:
    """Refuse an order that this server cannot draw as it is meant.

    Raises:
        Refused: With the first reason, and what to do.
    """
    for reason in _reasons(order, models):
        raise Refused(422, reason)


def _reasons(order: BatchOrder, models: ComfyModels) -> Iterator[str]:
    if not models.checkpoints:
        yield NO_CHECKPOINT
    if order.checkpoint.name not in models.checkpoints:
        yield f"this ComfyUI no longer lists the checkpoint {order.checkpoint.name!r}"
        return
    yield from _lacking(order)
    yield from _names(order.sampler, order.schedule, models)
    if order.hires is not None:
        yield from _second_pass(order.hires, order, models)
    for unit in order.finer.controls:
        yield from _control(unit, models)
    if order.finer.refiner is not None and order.finer.refiner.name not in models.checkpoints:
        yield f"this ComfyUI has no checkpoint {order.finer.refiner.name!r} for a refiner"
    if order.finer.refiner is not None and order.schedule in SCHEDULE_NODES:
        yield f"a refiner does not go with the schedule {order.schedule!r} on ComfyUI: choose another"
    has_zone = any(plan.zone is not None for plan in order.starts)
    if (
        has_zone
        and order.inpainting_fill == LATENT_NOISE
        and first_step(order.steps, order.denoising_strength)
    ):
        yield (
            "ComfyUI fills a mask with latent noise only where the picture is drawn from the first step on: "
            "use denoising_strength 1, or another inpainting_fill (fill, original)"
        )
    if order.relight is not None:
        yield from _relighting(order, models)


def refuse_beside_workflow(order: BatchOrder) -> None:
    """Refuse what is asked for beside a user's own workflow, which would have no effect.

    Raises:
        Refused: With all of it.
    """
    asked = {
        "IC-Light": order.relight is not None,
        "ControlNet": bool(order.finer.controls),
        "a second pass (enable_hr)": order.hires is not None,
        "a refiner": order.finer.refiner is not None,
        "LoRAs of the prompt": bool(order.loras),
        "init_images and a mask (give them as pictures of the workflow)": bool(order.starts),
        "restore_faces": order.finer.restore_faces is not None,
        "tiling": order.finer.tiling,
        "subseed_strength": order.subseed_strength > 0,
    }
    if idle := [what for what, is_asked in asked.items() if is_asked]:
        raise Refused(422, f"a workflow of your own decides the picture alone: leave out {', '.join(idle)}")


def _lacking(order: BatchOrder) -> Iterator[str]:
    """Say what A1111 does and no node of ComfyUI's own does."""
    finer = order.finer
    asked = {
        "restore faces; leave restore_faces out": finer.restore_faces is not None,
        "draw tiles (tiling)": finer.tiling,
        "mix the noise of two seeds; leave subseed_strength out": order.subseed_strength > 0,
        "keep the noise of another size; leave seed_resize_from out": finer.seed_resize is not None,
        "change eta; leave it out": finer.eta is not None,
        "shift the seed of the step noise; leave eta_noise_seed_delta at 0": finer.eta_noise_seed_delta != 0,
        "scale the first noise; leave initial_noise_multiplier at 1": finer.initial_noise_multiplier != 1,
    }
    for what, is_asked in asked.items():
        if is_asked:
            yield f"ComfyUI cannot {what}"


def _names(sampler: str, schedule: str, models: ComfyModels) -> Iterator[str]:
    if sampler not in models.samplers:
        yield f"this ComfyUI has no sampler {sampler!r}; it has {', '.join(models.samplers)}"
    if schedule not in models.schedules:
        yield f"this ComfyUI has no schedule {schedule!r}; it has {', '.join(models.schedules)}"


def _second_pass(hires: HiresPass, order: BatchOrder, models: ComfyModels) -> Iterator[str]:
    yield from _names(hires.sampler or order.sampler, hires.schedule or order.schedule, models)
    is_latent = (hires.upscaler or "").startswith("Latent")
    if is_latent and hires.upscaler not in LATENT_METHODS:
        yield (
            f"ComfyUI has no enlargement {hires.upscaler!r} on latents; it has "
            f"{', '.join(LATENT_METHODS)}, and upscalers"
        )


def _control(unit: ControlOrder, models: ComfyModels) -> Iterator[str]:
    if unit.model not in models.controlnets:
        yield f"this ComfyUI has no ControlNet model {unit.model!r}"
    yield from lacking_module(unit, models)
    if unit.control_mode:
        yield "ComfyUI weighs prompt and control picture alike: leave control_mode at 'Balanced' (0)"


def lacking_module(unit: ControlOrder, models: ComfyModels) -> Iterator[str]:
    """Say which node is missing for the preprocessor of a unit, if one is."""
    if unit.module != "none" and unit.module not in models.control_modules:
        yield (
            f"this ComfyUI has no node for the preprocessor {unit.module!r}: install the node pack "
            "comfyui_controlnet_aux (https://github.com/Fannovel16/comfyui_controlnet_aux), or give the "
            "finished map with the preprocessor 'none'"
        )


def _relighting(order: BatchOrder, models: ComfyModels) -> Iterator[str]:
    assert order.relight is not None  # noqa: S101 - who calls this has one
    wanted = "FBC" if order.relight.is_fbc else "FC"
    if wanted not in models.ic_light:
        yield missing_relighting(models, is_fbc=order.relight.is_fbc)
    family = models.checkpoints[order.checkpoint.name].family
    if order.finer.refiner is not None:
        yield "IC-Light does not go with a refiner, which draws the end without it: leave one out"
    if family != "sd15":
        yield (
            f"IC-Light works with checkpoints of Stable Diffusion 1.5 only, and {order.checkpoint.name!r} "
            f"looks like {family}: choose another checkpoint"
        )
