"""The photograph's own surroundings are continued beyond its edges; the old pixels and the product stay."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from pydantic import Field

from prodgen import outpainting
from prodgen.images import Matte, RgbImage, resize
from prodgen.outpainting import Expansion
from prodgen.schema import Generation, Img2Img, Progress, seeds
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Brief, Drawn, Origin, Placed
from prodgen.shots.stages.scene import draw_within_memory, full_prompt, origin_of

SECOND_DENOISING_STRENGTH = 0.35
"""Strength of the second pass, which only smooths the joint. Source: practice with masked img2img."""

SECOND_BAND = 3
"""Width of the second pass's band over that of the first. Source: practice with masked img2img."""

MASK_BLUR_PX = 4
"""Working pixels over which repainted and kept mix. Standard: A1111's own."""

PLAIN_WORDS = "seamless continuation of the background, empty, no objects"
"""What is asked for where the shot has no prompt. Chosen."""


class OutpaintStage(Stage):
    """Have the new room drawn by masked img2img, or go on with a plain backdrop where nothing diffuses."""

    takes = (Brief, Placed)
    gives = (Drawn,)
    asks_backend = True
    needs_prompt = False

    stage: Literal["outpaint"] = "outpaint"

    steps: int = Field(default=30, ge=1, le=150)
    """Sampling steps."""

    cfg_scale: float = Field(default=6.0, ge=0, le=30)
    """Weight of the prompt."""

    sampler_name: str = "DPM++ 2M"
    """A name from `/sdapi/v1/samplers`."""

    scheduler: str = "Karras"
    """A name from `/sdapi/v1/schedulers`."""

    denoising_strength: float = Field(default=1.0, ge=0.1, le=1)
    """How much of what is beyond the edges is drawn anew; it starts from the mirrored, blurred picture."""

    megapixels: float | None = Field(default=None, ge=0.1, le=4)
    """Size of the backend's picture; unset: what the checkpoint was made for."""

    may_shrink: bool = True
    """Whether a backend that runs out of memory may be asked again for a smaller picture; it is announced."""

    checkpoint: str | None = None
    """A checkpoint's name (an inpainting one does best); unset: the one the backend has loaded."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the photograph's surroundings continued, and the joint measured.

        Raises:
            BackendError: If the backend cannot do it.
        """
        brief, placed, client = frame[Brief], frame[Placed], tools.client()
        place = placed.placement
        left, top = round(place.offset_x), round(place.offset_y)
        width, height = place.photo_width, place.photo_height
        room = Expansion(left, top, place.width - left - width, place.height - top - height)
        rows, columns = room.inner(width, height)
        photo, matte = placed.original[rows, columns], placed.matte[rows, columns]
        notices: list[str | None] = [*client.notices]
        if client.capabilities.is_diffusion:
            scene, origin, told = self._drawn(frame, tools, photo, matte, room)
            notices += told
        else:
            scene = outpainting.continue_backdrop(photo, matte, room)
            origin = Origin(client.name, is_generated=False, prompt=brief.prompt)
            if not outpainting.is_plain(photo, matte):
                notices.append(
                    "the surroundings are no plain backdrop, and were only smeared outwards; a Stable"
                    " Diffusion server draws what is beyond the edges (--backend URL)"
                )
            if brief.asked:
                notices.append(
                    "the surroundings were continued without a model; without effect then:"
                    f" {', '.join(brief.asked)}; a Stable Diffusion server takes that"
                )
        seam = outpainting.measure_seam(scene, room)
        if seam.is_seen:
            remedy = "; another seed may hide it" if origin.is_generated else ""
            looks = "a line" if seam.ratio > 1 else "a line without grain"
            notices.append(
                f"the photograph's old edge shows as {looks} ({seam.ratio:.2f} times the gradient beside it)"
                f"{remedy}"
            )
        return frame.holding(Drawn(scene, None, origin)).noting(*notices)

    def _drawn(
        self, frame: Frame, tools: Tools, photo: RgbImage, matte: Matte, room: Expansion
    ) -> tuple[RgbImage, Origin, list[str | None]]:
        """Return the expanded picture as a diffusion model draws it, step by step, each in two passes."""
        brief, client = frame[Brief], tools.client()
        steps = list(room.steps(matte.shape[1], matte.shape[0]))
        done, notices, origin = 0, list[str | None](), None
        # A step that had the noise of the one before would repeat its pattern.
        for step, seed in zip(steps, seeds.siblings(brief.seed, len(steps)), strict=True):
            joint = outpainting.Joint.of(matte, step)
            old = outpainting.start_picture(photo, matte, step, seed=seed)
            grown = np.zeros(joint.share.shape, np.float32)
            grown[joint.inner] = matte
            wide = outpainting.Joint.of(matte, step, band_share=SECOND_BAND * outpainting.BAND_SHARE)
            passes = (
                (joint.inpaint_mask, self.denoising_strength, "latent_noise"),
                (wide.inpaint_mask, min(SECOND_DENOISING_STRENGTH, self.denoising_strength), "original"),
            )
            picture = old
            for mask, strength, fill in passes:
                fields = {"seed": seed, "denoising_strength": strength, "inpainting_fill": fill}

                def report(progress: Progress, done: int = done) -> None:
                    tools.progress(self.stage, (done + progress.fraction) / (2 * len(steps)))

                drawn, smaller = self._pass(frame, tools, picture, mask, fields, report)
                done += 1
                notices += [*drawn.notices, smaller]
                picture = resize(drawn.image, old.shape[1], old.shape[0])
            photo = outpainting.join(old, picture, joint)
            matte = grown
            origin = origin or origin_of(drawn, brief, client)
        assert origin is not None  # noqa: S101 - an expansion has one step at least
        return photo, origin, notices

    def _pass(
        self,
        frame: Frame,
        tools: Tools,
        start: RgbImage,
        mask: Matte,
        fields: Mapping[str, Any],
        report: Callable[[Progress], None],
    ) -> tuple[Generation, str | None]:
        """Have what the mask marks repainted, at the size that the checkpoint was made for."""
        client, brief = tools.client(), frame[Brief]

        def draw(width: int, height: int) -> Generation:
            given = {
                "prompt": full_prompt(replace(brief, prompt=brief.prompt or PLAIN_WORDS)),
                "negative_prompt": brief.negative_prompt or None,
                "steps": self.steps,
                "cfg_scale": self.cfg_scale,
                "sampler_name": self.sampler_name,
                "scheduler": self.scheduler,
                "width": width,
                "height": height,
                "loras": brief.loras,
                "checkpoint": self.checkpoint,
                "init_image": resize(start, width, height),
                "inpaint_mask": resize(mask, width, height),
                "mask_blur": MASK_BLUR_PX,
                **fields,
            }
            wanted = {name: value for name, value in given.items() if value is not None}
            return client.img2img(Img2Img.model_validate(wanted), on_progress=report)

        native = client.capabilities.with_checkpoint(self.checkpoint).native_megapixels
        return draw_within_memory(
            draw,
            (mask.shape[1], mask.shape[0]),
            megapixels=self.megapixels or native,
            may_shrink=self.may_shrink,
        )
