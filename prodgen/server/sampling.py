"""One drawing call, from checked fields to pictures: batches, progress, delay, interrupts, failures.

Owns the order of things inside the global lock. What a picture looks like is the engine's business.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np

from prodgen.codecs import MAX_SIDE_PX
from prodgen.server import inpainting
from prodgen.server.engine import BatchOrder, HiresPass, ModelFile
from prodgen.server.finer_settings import NOTHING_FINER, FinerSettings
from prodgen.server.ic_light_script import OFF, IcLightUnit, detail_picture
from prodgen.server.listings import LATENT_MODES, PLAIN_UPSCALERS
from prodgen.server.queueing import JobState, Stopped
from prodgen.server.state import Machine, RenderRecord
from prodgen.server.wire import Crashed, Pixels, UploadedPicture, nan_crash, resized
from prodgen.server.workflow_script import WorkflowOrder

MODEL_WIDTH = 320
"""Channels of Stable Diffusion 1.5's first convolution; stands in the text of IC-Light's n_iter failure."""

MAX_SAMPLED_PX = 4 * 4096 * 4096
"""Pixels of one batch; larger requests fail as an allocator does."""

SHORTEST_STEP_S = 0.001
"""Seconds of one step with a delay, so that steps without number cost no time of the processor."""

PREVIEW_SHRINK = 4
"""The cheap preview has a quarter of the result's size."""


@dataclass(frozen=True)
class DrawingCall:
    """What one call asks for, read and checked."""

    route: str
    """"txt2img" or "img2img"."""

    task: str
    fields: Mapping[str, Any]
    """The request's fields with their defaults, as they are echoed."""

    prompt: str
    """Without comments, with its tags: what infotexts show."""

    negative_prompt: str
    words: str
    """The prompt without comments and tags: what is drawn."""

    negative_words: str
    loras: tuple[tuple[ModelFile, float], ...]
    seeds: Sequence[int]
    subseeds: Sequence[int]
    size: tuple[int, int]
    """Width and height of the first pass."""

    hires: HiresPass | None
    sampler: str
    schedule: str | None
    clip_skip: int
    checkpoint: ModelFile
    vae: ModelFile | None
    unit: IcLightUnit = OFF
    finer: FinerSettings = NOTHING_FINER
    workflow: WorkflowOrder | None = None
    """A user's own workflow, which decides the picture."""

    inits: Sequence[UploadedPicture] = ()
    mask: inpainting.Mask | None = None


@dataclass
class CallResults:
    """The pictures of one call; they grow in number while it runs."""

    pictures: list[Pixels] = field(default_factory=list)
    after: list[list[Pixels]] = field(default_factory=list)
    """Pictures that follow each result at once: its mask and composite, where asked for."""

    details: list[Pixels] = field(default_factory=list)
    """IC-Light's pictures with the foreground's detail, after all results."""

    maps: tuple[Pixels, ...] = ()
    """ControlNet's maps, after all else."""

    story: Mapping[str, object] = field(default_factory=dict)
    """The engine's own entries for the infotext, from the last picture."""


def floored(fields: Mapping[str, Any]) -> tuple[int, int]:
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
    area_px = width * height * 64 * max(1, fields["batch_size"])
    if area_px > MAX_SAMPLED_PX or max(width, height) * 8 > MAX_SIDE_PX:
        text = (
            "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory:"
            f" you tried to allocate {width * height * 16} bytes. Error code 12 (Cannot allocate memory)"
        )
        raise Crashed("RuntimeError", text)
    return width * 8, height * 8


def check_numbers(fields: Mapping[str, Any]) -> None:
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
    if not math.isfinite(fields["cfg_scale"]):
        raise nan_crash()


def hires_pass(fields: Mapping[str, Any], upscalers: Sequence[str]) -> HiresPass | None:
    """Return the second pass, or None without one.

    Args:
        fields: The request's fields; those of img2img have no second pass.
        upscalers: Names that the engine enlarges by, beside the server's own.

    Raises:
        Crashed: Without a denoising strength, or for an unknown upscaler.
    """
    if not fields.get("enable_hr"):
        return None
    name = fields["hr_upscaler"]
    if name is not None and name not in (*LATENT_MODES, *PLAIN_UPSCALERS, *upscalers):
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
    width, height = floored({**fields, "width": x, "height": y})
    return HiresPass(width, height, name, fields["hr_second_pass_steps"] or 0, fields["denoising_strength"])


@dataclass(frozen=True)
class _Part:
    """What one call has in a batch."""

    call: DrawingCall
    indices: range
    """Places of its pictures among all of the call."""

    results: CallResults


def run(machine: Machine, calls: Sequence[DrawingCall]) -> list[CallResults]:
    """Draw all pictures of a call, and of those that are drawn with it.

    Args:
        machine: The server's.
        calls: The call, and those that are drawn with it (`shared_batches`); then each has one
            iteration.

    Returns:
        The results of each.

    Raises:
        Crashed: Where sampling fails.
    """
    call, state = calls[0], machine.state
    fields, results = call.fields, [CallResults() for _ in calls]
    batch, rounds = fields["batch_size"], fields["n_iter"]
    passes = 1 if call.hires is None else 2
    state.sampling_steps = fields["steps"]
    state.job_count = rounds * passes
    for iteration in range(rounds):
        if state.interrupted:
            break
        if iteration and call.unit.relights and not machine.is_strict:
            _fail_second_iteration(call)
        indices = range(iteration * batch, (iteration + 1) * batch)
        _run_batch(machine, [_Part(one, indices, its) for one, its in zip(calls, results, strict=True)])
        for _ in range(passes):
            state.next_picture()
    return results


def _fail_second_iteration(call: DrawingCall) -> None:
    channels = call.unit.channels
    extra = channels - 4  # what the extension concatenates, a second time now
    height, width = call.size[1] // 8, call.size[0] // 8
    shape = f"{2 * call.fields['batch_size']}, {channels + extra}, {height}, {width}"
    text = (
        f"Given groups=1, weight of size [{MODEL_WIDTH}, {channels}, 3, 3], expected input[{shape}]"
        f" to have {channels} channels, but got {channels + extra} channels instead"
    )
    raise Crashed("RuntimeError", text)


def _run_batch(machine: Machine, parts: Sequence[_Part]) -> None:
    order = _order(machine, parts)
    progress = _Progress(machine.state, order.steps, len(order.seeds), machine.behaviour.delay_s)
    timed = machine.pace.begins(order, machine.inventory.description)
    if machine.state.job_no == 0 and timed.expected_s is not None:
        machine.state.expected_s = timed.expected_s * parts[0].call.fields["n_iter"]
    drawn = machine.engine.draw(order, timed.watched(progress.report))
    is_stopped = False
    pictures = [(part, index) for part in parts for index in part.indices]
    for place, (part, index) in enumerate(pictures):
        call, results = part.call, part.results
        start = order.starts[place] if order.starts else None
        picture = _unfinished(order) if start is None else start.start
        is_partial = is_stopped
        if not is_stopped:
            try:
                one = next(drawn, None)
                if one is None:
                    raise Crashed("RuntimeError", "the engine drew fewer pictures than were asked for")
                results.story = one.story or results.story
                results.details += one.more
                results.maps = one.maps or results.maps
                is_partial = one.is_partial
                is_stopped = not is_partial and progress.finish(place, one.pixels)
                picture = one.pixels
            except Stopped:
                is_stopped = is_partial = True
                preview = machine.state.preview
                if preview is not None:
                    picture = resized(preview, picture.shape[1], picture.shape[0], cv2.INTER_LINEAR)
        final = picture if start is None else start.finish(picture)
        _keep(machine, call, final, start, results)
        record = RenderRecord(call.task, call.route, call.seeds[index], final.shape[1], final.shape[0])
        machine.note(replace(record, outcome="interrupted") if is_partial else record)
    if not is_stopped and not is_partial:
        machine.pace.ends(timed)


def _order(machine: Machine, parts: Sequence[_Part]) -> BatchOrder:
    """Return what the engine is asked for one batch: what is not words or seeds is the first call's."""
    call = parts[0].call
    fields = call.fields
    ground = str(machine.options["img2img_background_color"])
    starts = tuple(
        inpainting.plan(part.call.inits[place % len(part.call.inits)], call.mask, fields, call.size, ground)
        for part in parts
        for place in (range(len(part.indices)) if part.call.inits else ())
    )
    return BatchOrder(
        prompt=call.words,
        negative_prompt=call.negative_words,
        prompts=tuple(part.call.words for part in parts for _ in part.indices),
        negative_prompts=tuple(part.call.negative_words for part in parts for _ in part.indices),
        seeds=tuple(part.call.seeds[index] % 2**64 for part in parts for index in part.indices),
        width=call.size[0],
        height=call.size[1],
        checkpoint=call.checkpoint,
        steps=fields["steps"],
        cfg_scale=fields["cfg_scale"],
        sampler=call.sampler,
        schedule=call.schedule or "Automatic",
        subseeds=tuple(part.call.subseeds[index] % 2**64 for part in parts for index in part.indices),
        subseed_strength=fields["subseed_strength"],
        clip_skip=call.clip_skip,
        vae=call.vae,
        loras=tuple(x for x in call.loras if x[0].name not in machine.behaviour.idle_loras),
        hires=call.hires,
        starts=starts,
        denoising_strength=float(fields["denoising_strength"]) if starts else 1.0,
        inpainting_fill=(fields["inpainting_fill"] or 0) if starts else 0,
        relight=call.unit if call.unit.relights else None,
        finer=call.finer,
        workflow=call.workflow,
    )


def _unfinished(order: BatchOrder) -> Pixels:
    """Return what an interrupted picture looks like before anything was drawn."""
    width, height = order.final_size
    return np.full((height, width, 3), 127, np.uint8)


class _Progress:
    """Turns the share of a batch that is drawn into A1111's sampling steps, and takes the time that is due.

    With a delay a picture is as far as its drawing or its clock, whichever is behind.
    """

    def __init__(self, state: JobState, steps: int, count: int, delay_s: float) -> None:
        self._state, self._steps, self._count, self._delay_s = state, steps, count, delay_s
        self._done = 0
        self._begun = state.started if state.job_no == 0 else time.monotonic()

    def report(self, share: float, preview: Pixels | None = None) -> None:
        """Note how much of the batch is drawn, and show the picture under way.

        Raises:
            Stopped: If the call was interrupted or skipped.
        """
        of_picture = min(max(share * self._count - self._done, 0.0), float(self._count - self._done))
        if self._delay_s:
            of_picture = min(of_picture, self._of_delay())
        self._state.advance(self._step(of_picture), preview)

    def finish(self, place: int, pixels: Pixels) -> bool:
        """Note that the picture at `place` is drawn, show its preview, and wait for the rest of the delay.

        Returns:
            Whether the call was interrupted or skipped so late that the picture is whole all the same.

        Raises:
            Stopped: If that happened within the delay, before the picture is said to be drawn.
        """
        self._done = place
        preview: Pixels | None = np.ascontiguousarray(pixels[::PREVIEW_SHRINK, ::PREVIEW_SHRINK])
        while (of_picture := self._of_delay()) < 1.0:  # step by step, as a slow GPU would
            self._state.advance(self._step(of_picture), preview)
            preview = None
            self._state.stop.wait(
                max(min(1.0 - of_picture, 1.0 / self._steps) * self._delay_s, SHORTEST_STEP_S)
            )
        try:
            self._state.advance(self._step(1.0), preview)
        except Stopped:  # it came after the last step, as while the VAE decoded
            return True
        self._done = place + 1
        self._begun = time.monotonic()
        return False

    def _of_delay(self) -> float:
        """Return the share of a picture's delay that is over; 1 without a delay."""
        if not self._delay_s:
            return 1.0
        return min((time.monotonic() - self._begun) / self._delay_s, 1.0)

    def _step(self, of_picture: float) -> int:
        return int(self._steps * (self._done + of_picture) / self._count)


def _keep(
    machine: Machine,
    call: DrawingCall,
    final: Pixels,
    start: inpainting.RepaintPlan | None,
    results: CallResults,
) -> None:
    results.pictures.append(final)
    following = []
    if start is not None and start.overlay is not None:
        if machine.options["return_mask"]:
            following.append(np.repeat(start.overlay[..., None], 3, axis=2))
        if machine.options["return_mask_composite"]:
            following.append(np.dstack([final, start.overlay]))
    results.after.append(following)
    if call.unit.enabled and call.unit.detail:
        detail = detail_picture(call.unit, final)
        results.details += [] if detail is None else [detail]
