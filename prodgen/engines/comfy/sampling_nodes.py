"""Samplers as nodes: which steps of which schedule run, with which noise."""

from __future__ import annotations

from dataclasses import dataclass, replace

from prodgen.engines.comfy.graph_nodes import Link
from prodgen.engines.comfy.loading_nodes import DrawingContext, Loaded, guide, load
from prodgen.engines.comfy.relight_nodes import Guided
from prodgen.engines.comfy.sampling_names import AUTOMATIC, SAMPLERS, SCHEDULE_NODES, scheduler_of
from prodgen.server.engine import ModelFile

LAST_STEP = 10_000
"""KSamplerAdvanced's number for "to the end": the largest that it takes."""

WHOLE_STRENGTH = 0.999
"""A1111's ceiling of the denoising strength when steps are counted (modules/sd_samplers_common.py)."""

_AYS_MODELS = {"sd15": "SD1", "sdxl": "SDXL"}


@dataclass(frozen=True)
class Sampling:
    """How one pass samples."""

    sampler: str
    """A1111's name."""

    schedule: str
    """A1111's label."""

    cfg_scale: float
    steps: int
    """Steps of the whole schedule."""

    first_step: int = 0
    """Those before it are left out."""

    refiner: ModelFile | None = None
    """Checkpoint that draws the last steps."""

    words: tuple[str, str] | None = None
    """Prompt and negative prompt of this pass for the refiner; None: the picture's."""

    size: tuple[int, int] | None = None
    """Width and height of this pass for the refiner; None: the order's."""


def first_step(steps: int, denoising_strength: float) -> int:
    """Return where A1111's img2img begins: of `steps` it runs int(strength * steps) + 1 at the end."""
    return max(0, steps - int(min(denoising_strength, WHOLE_STRENGTH) * steps) - 1)


def stretched_steps(steps: int, denoising_strength: float) -> tuple[int, int]:
    """Return schedule and first step of a pass that runs all its steps, as A1111's second pass does."""
    whole = int(steps / min(denoising_strength, WHOLE_STRENGTH))
    return whole, max(0, whole - steps)


def sample(context: DrawingContext, loaded: Loaded, guided: Guided, latent: Link, sampling: Sampling) -> Link:
    """Add the samplers of one pass and return the latent that they give.

    Args:
        context: The picture, and its graph.
        loaded: The checkpoint.
        guided: Its model, as it is to be sampled.
        latent: What it begins with.
        sampling: How.
    """
    if sampling.refiner is not None:
        return _refined(context, loaded, guided, latent, sampling, sampling.refiner)
    if sampling.schedule in SCHEDULE_NODES:
        return _by_sigmas(context, loaded, guided, latent, sampling)
    inputs = _sampler_inputs(loaded, guided, latent, sampling)
    if sampling.first_step == 0:
        return context.graph.add("sampler", "KSampler", {**inputs, "seed": context.seed, "denoise": 1.0})[0]
    return _advanced(context, inputs, sampling.first_step, LAST_STEP)


def _sampler_inputs(loaded: Loaded, guided: Guided, latent: Link, sampling: Sampling) -> dict[str, object]:
    return {
        "model": guided.model,
        "positive": guided.positive,
        "negative": guided.negative,
        "latent_image": latent,
        "steps": sampling.steps,
        "cfg": 1.0 if loaded.checkpoint.family == "flux" else sampling.cfg_scale,
        "sampler_name": SAMPLERS[sampling.sampler],
        "scheduler": scheduler_of(sampling.sampler, sampling.schedule),
    }


def _advanced(
    context: DrawingContext,
    inputs: dict[str, object],
    first: int,
    last: int,
    *,
    adds_noise: bool = True,
    keeps_noise: bool = False,
) -> Link:
    """Add a sampler that runs some of the steps."""
    span = {
        "noise_seed": context.seed,
        "add_noise": "enable" if adds_noise else "disable",
        "start_at_step": first,
        "end_at_step": last,
        "return_with_leftover_noise": "enable" if keeps_noise else "disable",
    }
    return context.graph.add("sampler", "KSamplerAdvanced", {**inputs, **span})[0]


def _refined(
    context: DrawingContext,
    loaded: Loaded,
    guided: Guided,
    latent: Link,
    sampling: Sampling,
    refiner: ModelFile,
) -> Link:
    """Add two samplers: the refiner's takes over on the way, with the noise that the first one left."""
    switch = max(sampling.first_step, round(context.order.finer.refiner_switch_at * sampling.steps))
    if switch >= sampling.steps:
        return sample(context, loaded, guided, latent, replace(sampling, refiner=None))
    finisher = load(context, refiner)
    size = sampling.size or (context.order.width, context.order.height)
    finishing = guide(context, finisher, sampling.words or context.words, size)
    if switch == sampling.first_step:  # nothing is left for the first one
        return sample(context, finisher, finishing, latent, replace(sampling, refiner=None))
    inputs = _sampler_inputs(loaded, guided, latent, sampling)
    begun = _advanced(context, inputs, sampling.first_step, switch, keeps_noise=True)
    inputs = _sampler_inputs(finisher, finishing, begun, sampling)
    return _advanced(context, inputs, switch, LAST_STEP, adds_noise=False)


def _by_sigmas(
    context: DrawingContext, loaded: Loaded, guided: Guided, latent: Link, sampling: Sampling
) -> Link:
    """Add a sampler for a schedule that only a node of its own makes."""
    add, node = context.graph.add, SCHEDULE_NODES[sampling.schedule]
    given = context.models.nodes.inputs(node)
    values: dict[str, object] = {name: one.filled() for name, one in given.items() if one.is_value}
    values["steps"] = sampling.steps
    if "model_type" in values:
        values["model_type"] = _AYS_MODELS.get(loaded.checkpoint.family, "SD1")
    sigmas = add("sig", node, values)[0]
    if sampling.first_step:
        sigmas = add("split", "SplitSigmas", {"sigmas": sigmas, "step": sampling.first_step})[1]
    plain = _sampler_inputs(loaded, guided, latent, replace(sampling, schedule=AUTOMATIC))
    method = add("ksel", "KSamplerSelect", {"sampler_name": plain["sampler_name"]})
    kept = {name: plain[name] for name in ("model", "positive", "negative", "cfg", "latent_image")}
    noise = {"add_noise": True, "noise_seed": context.seed}
    return add("sampler", "SamplerCustom", {**kept, **noise, "sampler": method[0], "sigmas": sigmas})[0]
