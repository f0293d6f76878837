"""One job: from request fields to pictures, with progress, delay, interrupts and the failures of sampling.

Owns the order of things inside the global lock. Knows the renderer as a function; draws nothing.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from prodgen.engines.ibl.looks import apply_looks
from prodgen.images import RgbImage, from_uint8, to_uint8
from prodgen.server import inpainting
from prodgen.server.ic_light_script import OFF, IcLightUnit, background_pixels, crop_to, detail_picture
from prodgen.server.infotext import Facts
from prodgen.server.inventory import LATENT_MODES, UPSCALERS, ModelFile
from prodgen.server.order import Rendering, RenderOrder
from prodgen.server.queueing import Stopped
from prodgen.server.state import Machine, RenderRecord
from prodgen.server.wire import Crashed, Picture, Pixels

MODEL_WIDTH = 320
"""Channels of Stable Diffusion 1.5's first convolution; stands in the text of IC-Light's n_iter failure."""

MAX_SAMPLED_PX = 64_000_000
"""Larger requests fail as an allocator does."""

PREVIEW_SHRINK = 4
"""The cheap preview has a quarter of the result's size."""


@dataclass
class Job:
    """What is to be sampled, and what came of it."""

    route: str
    task: str
    fields: dict[str, Any]
    prompt: str
    """Without tags, for the renderer."""

    negative_prompt: str
    seeds: Sequence[int]
    size: tuple[int, int]
    loras: list[tuple[ModelFile, float]] = field(default_factory=list)
    unit: IcLightUnit = OFF
    inits: Sequence[Picture] = ()
    mask: inpainting.Mask | None = None
    results: list[Pixels] = field(default_factory=list)
    after: list[list[Pixels]] = field(default_factory=list)
    """Pictures that follow each result at once: its mask and composite, where asked for."""

    details: list[Pixels] = field(default_factory=list)
    scene: Rendering | None = None
    _facts: Facts | None = None

    @property
    def facts(self) -> Facts:
        """What is said about the pictures; there once they were sampled."""
        if self._facts is None:
            raise Crashed("RuntimeError", "nothing was sampled")
        return self._facts

    @facts.setter
    def facts(self, facts: Facts) -> None:
        self._facts = facts


def floored(fields: dict[str, Any]) -> tuple[int, int]:
    """Return the sampled size: each side floored to a multiple of 8, silently.

    Raises:
        Crashed: As the network or the allocator does, for sizes that cannot be sampled.
    """
    width, height = fields["width"] // 8, fields["height"] // 8
    if width < 0 or height < 0:
        negative = min(width, height)
        text = f"Trying to create tensor with negative dimension {negative}: [4, {height}, {width}]"
        raise Crashed("RuntimeError", text)
    if width == 0 or height == 0:
        text = (
            f"Calculated padded input size per channel: ({height + 2} x {width + 2})."
            " Kernel size: (3 x 3). Kernel size can't be greater than actual input size"
        )
        raise Crashed("RuntimeError", text)
    if width * height * 64 * max(1, fields["batch_size"]) > MAX_SAMPLED_PX:
        text = (
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory:"
            f" you tried to allocate {width * height * 16} bytes. Error code 12 (Cannot allocate memory)"
        )
        raise Crashed("RuntimeError", text)
    return width * 8, height * 8


def check_numbers(fields: dict[str, Any]) -> None:
    """Fail for numbers that no sampler works with, in the words that the real server has for them.

    Raises:
        Crashed: For steps, batches or guidance out of range.
    """
    for name in ("steps", "cfg_scale", "width", "height", "batch_size", "n_iter", "subseed_strength"):
        if fields[name] is None:
            raise Crashed("TypeError", "unsupported operand type(s) for *: 'NoneType' and 'int'")
    if fields["batch_size"] < 1 or fields["n_iter"] < 1:
        raise Crashed("IndexError", "list index out of range")
    if fields["steps"] == 0:
        raise Crashed("ZeroDivisionError", "integer division or modulo by zero")
    if fields["steps"] < 0:
        raise Crashed("RuntimeError", "number of steps must be non-negative")
    if math.isnan(fields["cfg_scale"]):
        text = (
            "A tensor with NaNs was produced in Unet."
            " Use --disable-nan-check commandline argument to disable this check."
        )
        raise Crashed("NansException", text)


def hires_size(fields: dict[str, Any]) -> tuple[int, int] | None:
    """Return the size of the second pass, or None without one.

    Raises:
        Crashed: Without a denoising strength, or for an unknown upscaler.
    """
    if not fields.get("enable_hr"):
        return None
    name = fields["hr_upscaler"]
    if name is not None and name not in (*LATENT_MODES, *UPSCALERS):
        raise Crashed("Exception", f"could not find upscaler named {name}")
    if fields["denoising_strength"] is None:
        raise Crashed("TypeError", "'>' not supported between instances of 'NoneType' and 'int'")
    width, height = fields["width"], fields["height"]
    x, y = fields["hr_resize_x"] or 0, fields["hr_resize_y"] or 0
    if not x and not y:
        x, y = int(width * fields["hr_scale"]), int(height * fields["hr_scale"])
    elif not y:
        y = x * height // width
    elif not x:
        x = y * width // height
    return floored({**fields, "width": x, "height": y})


def run(machine: Machine, job: Job) -> None:
    """Sample all pictures of a job, into it.

    Raises:
        Crashed: Where sampling fails.
    """
    fields, state = job.fields, machine.state
    batch, rounds = fields["batch_size"], fields["n_iter"]
    passes = 2 if fields.get("enable_hr") else 1
    state.sampling_steps = fields["steps"]
    state.job_count = rounds * passes
    for iteration in range(rounds):
        if state.interrupted:
            break
        if iteration and job.unit.relights:
            _fail_second_iteration(job)
        _run_batch(machine, job, range(iteration * batch, (iteration + 1) * batch))
        for _ in range(passes):
            state.next_picture()


def _fail_second_iteration(job: Job) -> None:
    channels = job.unit.channels
    extra = channels - 4  # what the extension concatenates, a second time now
    height, width = job.size[1] // 8, job.size[0] // 8
    shape = f"{2 * job.fields['batch_size']}, {channels + extra}, {height}, {width}"
    text = (
        f"Given groups=1, weight of size [{MODEL_WIDTH}, {channels}, 3, 3], expected input[{shape}]"
        f" to have {channels} channels, but got {channels + extra} channels instead"
    )
    raise Crashed("RuntimeError", text)


def _run_batch(machine: Machine, job: Job, indices: range) -> None:
    stopped = False
    for place, index in enumerate(indices):
        ready = _plan(machine, job, index)
        picture = _unfinished(job, ready)
        if not stopped:
            try:
                picture = _paint(machine, job, ready, job.seeds[index], (place, len(indices)))
            except Stopped:
                stopped = True
                preview = machine.state.preview
                if preview is not None:
                    picture = np.asarray(cv2.resize(preview, picture.shape[1::-1]), np.uint8)
        final = ready.finish(picture) if ready else picture
        _keep(machine, job, final, ready)
        record = RenderRecord(job.task, job.route, job.seeds[index], final.shape[1], final.shape[0])
        machine.note(replace(record, outcome="interrupted") if stopped else record)


def _plan(machine: Machine, job: Job, index: int) -> inpainting.Plan | None:
    if not job.inits:
        return None
    init = job.inits[index % job.fields["batch_size"] % len(job.inits)]
    ground = str(machine.settings["img2img_background_color"])
    return inpainting.plan(init, job.mask, job.fields, job.size, ground)


def _unfinished(job: Job, ready: inpainting.Plan | None) -> Pixels:
    """Return what an interrupted picture looks like before anything was drawn."""
    width, height = hires_size(job.fields) or job.size
    return np.full((height, width, 3), 127, np.uint8) if ready is None else ready.start


def _paint(
    machine: Machine, job: Job, ready: inpainting.Plan | None, seed: int, share: tuple[int, int]
) -> Pixels:
    """Draw one picture; `share` is its place in the batch and the batch's size, for the progress."""
    steps, state = job.fields["steps"], machine.state
    place, count = share
    drawing = 0.5 if machine.delay_s else 1.0

    def step(fraction: float) -> int:
        return int(steps * (place + min(max(fraction, 0.0), 1.0)) / count)

    def report(fraction: float) -> None:
        state.advance(step(fraction * drawing))

    report(0.0)
    width, height = hires_size(job.fields) or job.size
    order = RenderOrder(
        prompt=job.prompt,
        negative_prompt=job.negative_prompt,
        seed=seed % 2**64,
        width=width,
        height=height,
        progress=report,
    )
    if ready is None or job.unit.relights:
        picture = _draw(machine, job, _lit(order, job.unit, ready))
    else:
        strength = float(job.fields["denoising_strength"])
        like = ready

        def draw(start: Pixels) -> Pixels:
            return _draw(machine, job, _around(order, like, start))

        picture = inpainting.repaint(
            ready, draw, fill=job.fields["inpainting_fill"] or 0, denoising_strength=strength
        )
    preview = np.ascontiguousarray(picture[::PREVIEW_SHRINK, ::PREVIEW_SHRINK])
    if machine.delay_s:
        _wait(machine, [step(0.5 + 0.5 * (n + 1) / steps) for n in range(steps)], preview)
    else:
        state.advance(step(1.0), preview)
    return picture


def _wait(machine: Machine, steps: Sequence[int], preview: Pixels) -> None:
    """Take the delay, step by step, as a slow GPU would."""
    for step in steps:
        machine.state.advance(step, preview)
        machine.state.stop.wait(machine.delay_s / len(steps))
    machine.state.advance(steps[-1])


def _draw(machine: Machine, job: Job, order: RenderOrder) -> Pixels:
    job.scene = machine.renderer(order)
    image = apply_looks(job.scene.image, job.loras) if job.loras else job.scene.image
    return to_uint8(image)


def _lit(order: RenderOrder, unit: IcLightUnit, ready: inpainting.Plan | None) -> RenderOrder:
    """Return the order with IC-Light's pictures in it."""
    if not unit.relights or unit.subject is None:
        return order
    width, height = order.width, order.height
    subject = crop_to(unit.subject.pixels, width, height)
    opaque = subject.shape[2] == 3
    background = background_pixels(unit, width, height)
    light_map: RgbImage | None = None
    if unit.light_map is not None and ready is not None:
        light_map = from_uint8(crop_to(unit.light_map.over(255, 255, 255), width, height))
    return replace(
        order,
        foreground=from_uint8(np.ascontiguousarray(subject[..., :3])),
        matte=np.ones((height, width), np.float32) if opaque else from_uint8(subject[..., 3]),
        background=None if background is None else from_uint8(background),
        light_map=light_map,
    )


def _around(order: RenderOrder, ready: inpainting.Plan, start: Pixels) -> RenderOrder:
    """Return the order for a repaint: what is kept is the product, so that the scene fits around it."""
    height, width = start.shape[:2]
    order = replace(order, width=width, height=height)
    if ready.zone is None:
        return replace(order, light_map=from_uint8(start))
    return replace(order, foreground=from_uint8(start), matte=1 - from_uint8(ready.zone))


def _keep(machine: Machine, job: Job, final: Pixels, ready: inpainting.Plan | None) -> None:
    job.results.append(final)
    following = []
    if ready is not None and ready.overlay is not None:
        if machine.settings["return_mask"]:
            following.append(np.repeat(ready.overlay[..., None], 3, axis=2))
        if machine.settings["return_mask_composite"]:
            following.append(np.dstack([final, ready.overlay]))
    job.after.append(following)
    if job.unit.enabled and job.unit.detail:
        detail = detail_picture(job.unit, final)
        job.details += [] if detail is None else [detail]
