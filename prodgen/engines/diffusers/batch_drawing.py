"""One batch of pictures, from words to pixels: the first pass, the hires pass, the decoding.

Owns the order of things that A1111 has; the mathematics of a pass is `denoising`'s, the models are the
shelf's.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch

from prodgen.engines.diffusers import starting_latents, vae_tiling
from prodgen.engines.diffusers.active_controls import ActiveControl
from prodgen.engines.diffusers.checkpoints import LoadedModel
from prodgen.engines.diffusers.denoising import KeptLatents, denoise
from prodgen.engines.diffusers.families import LATENT_CHANNELS
from prodgen.engines.diffusers.guidance import Guide, Network
from prodgen.engines.diffusers.latent_previews import PREVIEW_STEPS, latent_preview
from prodgen.engines.diffusers.model_shelf import ModelShelf
from prodgen.engines.diffusers.noise import PictureNoise
from prodgen.engines.diffusers.samplers import SAMPLERS
from prodgen.engines.diffusers.seamless import edges_met
from prodgen.engines.diffusers.sigmas import Sigmas, sigmas, sigmas_for_strength
from prodgen.engines.diffusers.upscaler_networks import enlarged_to
from prodgen.server.engine import BatchOrder, ReportProgress
from prodgen.server.ic_light_script import Conditions, crop_to
from prodgen.server.inpainting import LATENT_CELL_PX
from prodgen.server.listings import LATENT_MODES, PLAIN_UPSCALERS
from prodgen.server.listings import SAMPLERS as LISTED
from prodgen.server.plain_upscaling import resampled
from prodgen.server.wire import Pixels, Refused


@dataclass(frozen=True)
class _Pass:
    """One run of the sampler: its size, its noise levels, and what its words and guidance are."""

    width: int
    height: int
    sigmas: tuple[float, ...]
    sampler: str
    cfg_scale: float
    prompts: tuple[str, ...]
    negative_prompts: tuple[str, ...]
    whole_calls: int
    """Calls of the network in a run from pure noise, by which prompts that change on the way are timed: as
    A1111 counts, two for each step of a sampler of second order."""

    calls_before: int | None = None
    """Those of the first pass, where this is the hires pass."""

    @property
    def is_second(self) -> bool:
        """Whether it is the hires pass."""
        return self.calls_before is not None


class BatchDrawing:
    """Draws one batch with a model that is loaded.

    Args:
        shelf: Has the model of the order on the device, and loads what else it names.
        model: That model.
        order: What to draw.
        report: Told the share that is done after each step.
    """

    def __init__(
        self, shelf: ModelShelf, model: LoadedModel, order: BatchOrder, report: ReportProgress
    ) -> None:
        self._shelf, self._model, self._order, self._report = shelf, model, order, report
        self._vae, self._refiner = shelf.vae_for(order, model), shelf.refiner_for(order)
        self._encode = partial(self._encoded, self._vae)
        self._maps: dict[tuple[int, bool], Pixels] = {}

    def pictures(self) -> tuple[list[Pixels], bool]:
        """Return the pictures, (H, W, 3) of the order's final size, and whether an interrupt ended it early.

        Raises:
            Refused: For what the model cannot do.
            Stopped: If it was interrupted before the first step.
        """
        if not self._order.finer.tiling:
            return self._pictures()
        callers = [self._shelf.caller, *([self._refiner[1]] if self._refiner else [])]
        controls = [self._shelf.controlnet(unit.model, self._model) for unit in self._order.finer.controls]
        unets = [self._model.unet, *([self._refiner[0].unet] if self._refiner else [])]
        with edges_met([*unets, self._vae, *controls], callers):
            return self._pictures()

    def _pictures(self) -> tuple[list[Pixels], bool]:
        order = self._order
        first, second = self._first_pass(), self._second_pass()
        work = [len(one.sigmas) * one.width * one.height for one in (first, second) if one is not None]
        share = work[0] / sum(work)
        start, kept = self._start(first)
        latents, is_partial = self._run(first, start, kept, lambda x: x * share)
        if second is None:
            return self._decoded(latents), is_partial
        if is_partial:  # A1111 leaves the second pass out as well
            return [crop_to(x, *order.final_size) for x in self._decoded(latents)], True
        latents = self._enlarged(latents, second)
        if len(second.sigmas) > 1:
            latents = latents + self._noise(second).first().to(latents) * second.sigmas[0]
            latents, is_partial = self._run(second, latents, None, lambda x: share + x * (1 - share))
        return self._decoded(latents), is_partial

    def shown_maps(self) -> tuple[Pixels, ...]:
        """Return the maps of ControlNet that are handed back, in the extension's order.

        Unit by unit, and of each the second pass' first.
        """
        return tuple(self._maps[key] for key in sorted(self._maps, key=lambda key: (key[0], not key[1])))

    def _first_pass(self) -> _Pass:
        order, method = self._order, SAMPLERS[self._order.sampler]
        whole = _floats(sigmas(order.schedule, order.steps, sampler=method, is_xl=self._model.family.is_xl))
        levels = whole
        if order.starts:
            levels = _floats(
                sigmas_for_strength(
                    order.schedule,
                    order.steps,
                    order.denoising_strength,
                    sampler=method,
                    is_xl=self._model.family.is_xl,
                )
            )
        return _Pass(
            order.width,
            order.height,
            levels,
            order.sampler,
            order.cfg_scale,
            order.prompts,
            order.negative_prompts,
            _calls(order.sampler, order.steps),
        )

    def _second_pass(self) -> _Pass | None:
        order, hires = self._order, self._order.hires
        if hires is None:
            return None
        sampler = hires.sampler or order.sampler
        levels = _floats(
            sigmas_for_strength(
                hires.schedule or order.schedule,
                hires.steps or order.steps,
                hires.denoising_strength,
                sampler=SAMPLERS[sampler],
                is_xl=self._model.family.is_xl,
                fixed_steps=True,
            )
        )
        count = len(order.seeds)
        return _Pass(
            hires.width,
            hires.height,
            levels,
            sampler,
            order.cfg_scale,
            order.prompts if hires.prompt is None else (hires.prompt,) * count,
            order.negative_prompts if hires.negative_prompt is None else (hires.negative_prompt,) * count,
            _calls(sampler, hires.steps or order.steps),
            calls_before=_calls(order.sampler, order.steps),
        )

    def _start(self, one: _Pass) -> tuple[torch.Tensor, KeptLatents | None]:
        """Return the noisy latents that the first pass begins with, and what a mask keeps."""
        order, noise = self._order, self._noise(one)
        first = noise.first().to(self._shelf.device)
        if not order.starts:
            return SAMPLERS[one.sampler].start(first, one.sigmas[0]), None
        light_map = self._light_map(one)
        if light_map is not None:
            begun = self._encode(starting_latents.as_pictures([light_map]))
            latents = begun.expand(len(order.seeds), -1, -1, -1)
        else:
            latents = starting_latents.begun_with(
                order.starts, order.inpainting_fill, self._encode, noise=self._noise(one).first
            )
        repaint = starting_latents.repainted(order.starts)
        kept = None if repaint is None else KeptLatents(latents, repaint.to(latents))
        return latents + first * one.sigmas[0] * order.finer.initial_noise_multiplier, kept

    def _light_map(self, one: _Pass) -> Pixels | None:
        """Return the picture whose light IC-Light begins with in img2img, if there is one."""
        light, unit = self._light(one), self._order.relight
        if light is None or unit is None:
            return None
        return starting_latents.light_map(light, reinforce=unit.reinforce)

    def _run(
        self,
        one: _Pass,
        start: torch.Tensor,
        kept: KeptLatents | None,
        share_of: Callable[[float], float],
    ) -> tuple[torch.Tensor, bool]:
        """Return the latents of a pass, and whether an interrupt ended it early."""
        steps = 0

        def report(share: float, estimate: torch.Tensor) -> None:
            nonlocal steps
            steps += 1
            is_shown = steps % PREVIEW_STEPS == 0
            preview = latent_preview(estimate[0], is_xl=self._model.family.is_xl) if is_shown else None
            self._report(share_of(share), preview)

        noise = self._noise(one)
        done = denoise(
            self._guides(one),
            start,
            one.sigmas,
            SAMPLERS[one.sampler],
            noise=noise,
            eta=self._order.finer.eta,
            kept=kept,
            report=report,
        )
        return done.latents, done.is_partial

    def _guides(self, one: _Pass) -> tuple[tuple[float, Guide], ...]:
        """Return what is asked, and from which share of the noise scale on.

        With a hires pass the refiner belongs to that one alone, as A1111's setting is unless it is changed.
        """
        first = (0.0, self._guide(one, self._model, self._shelf.caller))
        if self._refiner is None or (self._order.hires is not None and not one.is_second):
            return (first,)
        return first, (self._order.finer.refiner_switch_at, self._guide(one, *self._refiner))

    def _guide(self, one: _Pass, model: LoadedModel, network: Network) -> Guide:
        """Return what tells the sampler, at each step, what the finished picture looks like to a model."""
        encoder = self._shelf.encoder_for(model, (*one.prompts, *one.negative_prompts))
        encode = partial(
            encoder.encode,
            calls=one.whole_calls,
            calls_before=one.calls_before,
            clip_skip=self._order.clip_skip,
        )
        return Guide(
            network,
            positive=encode(one.prompts),
            negative=encode(one.negative_prompts, is_negative=True),
            cfg_scale=one.cfg_scale,
            prediction=model.prediction,
            dtype=model.dtype,
            conditions=self._conditions(one, model),
            channels=model.unet.config.in_channels,
            controls=[self._control(number, one) for number in range(len(self._order.finer.controls))],
        )

    def _conditions(self, one: _Pass, model: LoadedModel) -> torch.Tensor | None:
        """Return the channels beside the noisy latents: IC-Light's, or an inpainting model's."""
        light = self._light(one)
        if light is not None:
            seen = starting_latents.light_conditions(light, self._encode)
            return seen.expand(len(self._order.seeds), -1, -1, -1)
        if model.input_channels != starting_latents.CHANNELS_WITH_MASK:
            return None
        plans = self._order.starts
        return starting_latents.inpainting_conditions(
            plans, len(self._order.seeds), one.width, one.height, self._encode
        )

    def _light(self, one: _Pass) -> Conditions | None:
        """Return IC-Light's pictures at this size.

        Raises:
            Refused: If the model is none that IC-Light was trained for, or the product is missing.
        """
        if self._order.relight is None:
            return None
        if self._model.input_channels == starting_latents.CHANNELS_WITH_MASK:
            raise Refused(422, "IC-Light runs on no inpainting checkpoint: choose a plain one of SD 1.5")
        conditions = self._order.relight.conditions(one.width, one.height)
        if conditions is None:
            raise Refused(422, "IC-Light has no picture of the product: send input_fg")
        return conditions

    def _control(self, number: int, one: _Pass) -> ActiveControl:
        """Return a ControlNet with its map at this size, by the number of its unit."""
        unit = self._order.finer.controls[number]
        network = self._shelf.controlnet(unit.model, self._model)
        active = ActiveControl(network, unit, one.width, one.height, is_second_pass=one.is_second)
        if unit.shows_map:
            self._maps[number, one.is_second] = active.map
        return active

    def _enlarged(self, latents: torch.Tensor, one: _Pass) -> torch.Tensor:
        """Return the first pass' latents at the second's size: enlarged to cover it, then cropped."""
        order = self._order
        width = max(one.width, one.height * order.width // order.height // LATENT_CELL_PX * LATENT_CELL_PX)
        height = max(one.height, one.width * order.height // order.width // LATENT_CELL_PX * LATENT_CELL_PX)
        left, top = (width - one.width) // LATENT_CELL_PX // 2, (height - one.height) // LATENT_CELL_PX // 2
        whole = self._enlarged_to(latents, width, height)
        return whole[..., top : top + one.height // LATENT_CELL_PX, left : left + one.width // LATENT_CELL_PX]

    def _enlarged_to(self, latents: torch.Tensor, width: int, height: int) -> torch.Tensor:
        hires = self._order.hires
        name = LATENT_MODES[0] if hires is None or hires.upscaler is None else hires.upscaler
        if name in LATENT_MODES:
            return vae_tiling.latents_resized(latents, width, height, name)
        pictures = [self.enlarged(x, width, height, name) for x in self._decoded(latents)]
        return self._encode(starting_latents.as_pictures(pictures))

    def enlarged(self, pixels: Pixels, width: int, height: int, name: str) -> Pixels:
        """Return a picture, (H, W, 3), enlarged by a filter or a network of that name."""
        if name in PLAIN_UPSCALERS:
            return resampled(pixels, width, height, name)
        return enlarged_to(pixels, width, height, self._shelf.upscaler(name))

    def _noise(self, one: _Pass) -> PictureNoise:
        order = self._order
        return PictureNoise(
            order.seeds,
            (LATENT_CHANNELS, one.height // LATENT_CELL_PX, one.width // LATENT_CELL_PX),
            subseeds=order.subseeds,
            subseed_strength=order.subseed_strength,
            eta_noise_seed_delta=order.finer.eta_noise_seed_delta,
            seed_resize=order.finer.seed_resize,
        )

    def _encoded(self, vae: Any, pictures: torch.Tensor) -> torch.Tensor:
        pictures = pictures.to(self._shelf.device)
        scale, edges_meet = self._model.family.vae_scale, self._order.finer.tiling
        return vae_tiling.encode(vae, pictures, vae_scale=scale, edges_meet=edges_meet).float()

    def _decoded(self, latents: torch.Tensor) -> list[Pixels]:
        """Return the pictures of some latents, one decoded after the other so that memory stays small."""
        scale, edges_meet = self._model.family.vae_scale, self._order.finer.tiling
        decode = partial(vae_tiling.decode, self._vae, vae_scale=scale, edges_meet=edges_meet)
        return [_pixels(decode(one[None])[0]) for one in latents]


def _calls(sampler: str, steps: int) -> int:
    """Return the calls of the network that A1111 counts prompts by."""
    return steps * (2 if "second_order" in LISTED[sampler][1] else 1)


def _floats(levels: Sigmas) -> tuple[float, ...]:
    return tuple(float(level) for level in levels)


def _pixels(picture: torch.Tensor) -> Pixels:
    """Return (3, H, W) in -1 to 1 as (H, W, 3) uint8."""
    levels = ((picture.float() + 1) * 127.5).round().clamp(0, 255).to(torch.uint8)
    return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())


def part_of(order: BatchOrder, places: slice) -> BatchOrder:
    """Return the order for some of its pictures: a batch's pictures are what they would be by themselves."""
    prompts, negatives = order.prompts[places], order.negative_prompts[places]
    return replace(
        order,
        prompt=prompts[0],
        negative_prompt=negatives[0],
        prompts=prompts,
        negative_prompts=negatives,
        seeds=order.seeds[places],
        subseeds=order.subseeds[places],
        starts=order.starts[places],
    )
