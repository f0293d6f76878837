"""Everything but the product is repainted by inpainting, for servers without IC-Light."""

from __future__ import annotations

from typing import Literal

import numpy as np
from pydantic import Field

from prodgen import light, relighting
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import composite, erode
from prodgen.schema import Generation, Img2Img, Progress
from prodgen.stages.drawing import draw_within_memory
from prodgen.stages.frame import Frame, Origin, Stage, Tools

EDGE_PX = 1.5
"""Working pixels of the product's edge that are repainted too: they still hold the old background."""


class Background(Stage):
    """Segmentation-guided inpainting: the mask is white everywhere but on the product."""

    stage: Literal["background"] = "background"

    is_seeded = True

    steps: int = Field(default=30, ge=1, le=150)
    """Sampling steps."""

    cfg_scale: float = Field(default=6.0, ge=0, le=30)
    """Weight of the prompt."""

    sampler_name: str = "DPM++ 2M"
    """As `/sdapi/v1/samplers` lists it."""

    scheduler: str = "Karras"
    """As `/sdapi/v1/schedulers` lists it."""

    denoising_strength: float = Field(default=1.0, ge=0, le=1)
    """How much of what is not product may change; the start is pure latent noise, so 1."""

    mask_blur: int = Field(default=4, ge=0, le=64)
    """Working pixels over which repainted and kept mix."""

    megapixels: float | None = Field(default=None, ge=0.1, le=4)
    """Size of the backend's picture; unset: what the checkpoint was made for."""

    may_shrink: bool = True
    """Whether a backend that runs out of memory may be asked again for a smaller scene; it is announced."""

    checkpoint: str | None = None
    """A checkpoint's name (an inpainting one does best); unset: the one the backend has loaded."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with an inpainted scene, and the product as that scene would light it."""
        original, matte = frame.on_canvas("background")
        client = tools.client()
        have = client.capabilities

        def report(progress: Progress) -> None:
            tools.progress("background", progress.fraction)

        def draw(width: int, height: int) -> Generation:
            request = self._request(frame, resize(original, width, height), resize(matte, width, height))
            return client.img2img(request, on_progress=report)

        drawn, smaller = draw_within_memory(
            draw,
            (matte.shape[1], matte.shape[0]),
            megapixels=self.megapixels or have.native_megapixels,
            may_shrink=self.may_shrink,
        )
        # The model kept the product as it was; how this scene would light it is computed from the scene.
        size = (drawn.image.shape[1], drawn.image.shape[0])
        relit = relighting.relight_on(
            resize(original, *size), resize(matte, *size), drawn.image, holds_product=True
        )
        return frame.replace(
            scene=drawn.image, relit=relit, origin=Origin.of(drawn, is_diffusion=have.is_diffusion)
        ).noting(*client.notices, smaller, *drawn.notices)

    def _request(self, frame: Frame, product: RgbImage, matte: Matte) -> Img2Img:
        grey = np.full_like(product, 0.5)
        words = [frame.prompt] + ([] if frame.light is None else [light.words(frame.light)])
        given = {
            "prompt": ", ".join(words),
            "negative_prompt": frame.negative_prompt or None,
            "seed": frame.seed,
            "steps": self.steps,
            "cfg_scale": self.cfg_scale,
            "sampler_name": self.sampler_name,
            "scheduler": self.scheduler,
            "width": matte.shape[1],
            "height": matte.shape[0],
            "loras": frame.loras,
            "checkpoint": self.checkpoint,
            "init_image": composite(product, grey, matte),
            "inpaint_mask": 1 - erode(matte, EDGE_PX),
            "inpainting_fill": "latent_noise",
            "inpaint_full_res": False,
            "mask_blur": self.mask_blur,
            "denoising_strength": self.denoising_strength,
        }
        return Img2Img.model_validate({name: value for name, value in given.items() if value is not None})
