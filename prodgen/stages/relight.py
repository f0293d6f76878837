"""The scene is drawn and the product relit in it by IC-Light, at the size its model was made for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen import light
from prodgen.errors import UnsupportedFeatureError
from prodgen.images import Matte, RgbImage, resize
from prodgen.schema import (
    IC_LIGHT_CFG_SCALE,
    IC_LIGHT_SAMPLER,
    IC_LIGHT_SCHEDULER,
    IC_LIGHT_STEPS,
    Generation,
    ICLight,
    Img2Img,
    Progress,
    Txt2Img,
)
from prodgen.stages.drawing import draw_within_memory
from prodgen.stages.frame import Frame, Origin, Stage, Tools

LIGHT_MAP_DENOISING_STRENGTH = 0.9
"""How far the light map is redrawn; IC-Light's own demo (`lowres_denoise`) uses 0.9."""


class Relight(Stage):
    """Ask the backend for IC-Light: FC draws a scene from the prompt, FBC lights for a given background."""

    stage: Literal["relight"] = "relight"

    is_seeded = True

    steps: int = Field(default=IC_LIGHT_STEPS, ge=1, le=150)
    """Sampling steps."""

    cfg_scale: float = Field(default=IC_LIGHT_CFG_SCALE, ge=0, le=30)
    """Weight of the prompt; at 1 the negative prompt does nothing, above 3 IC-Light burns."""

    sampler_name: str = IC_LIGHT_SAMPLER
    """As `/sdapi/v1/samplers` lists it."""

    scheduler: str = IC_LIGHT_SCHEDULER
    """As `/sdapi/v1/schedulers` lists it."""

    denoising_strength: float = Field(default=LIGHT_MAP_DENOISING_STRENGTH, ge=0, le=1)
    """How much of a light map may be redrawn; without `light` it has nothing to act on."""

    megapixels: float | None = Field(default=None, ge=0.1, le=4)
    """Size of the backend's picture; unset: what the checkpoint was made for."""

    may_shrink: bool = True
    """Whether a backend that runs out of memory may be asked again for a smaller scene; it is announced."""

    checkpoint: str | None = None
    """A checkpoint's name; unset: the one the backend has loaded."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the backend's scene and relit product."""
        original, matte = frame.on_canvas("relight")
        client = tools.client()
        have = client.capabilities
        if have.ic_light is None:
            raise UnsupportedFeatureError(
                "IC-Light (its extension is not installed there; install it with install_backend.sh,"
                " or use --recipe inpaint)",
                client.name,
            )

        def report(progress: Progress) -> None:
            tools.progress("relight", progress.fraction)

        def draw(width: int, height: int) -> Generation:
            request = self._request(frame, resize(original, width, height), resize(matte, width, height))
            if isinstance(request, Img2Img):
                return client.img2img(request, on_progress=report)
            return client.txt2img(request, on_progress=report)

        drawn, smaller = draw_within_memory(
            draw,
            (matte.shape[1], matte.shape[0]),
            megapixels=self.megapixels or have.native_megapixels,
            may_shrink=self.may_shrink,
        )
        scene = drawn.image if frame.backdrop is None else frame.backdrop
        return frame.replace(
            relit=drawn.image, scene=scene, origin=Origin.of(drawn, is_diffusion=have.is_diffusion)
        ).noting(*client.notices, smaller, *drawn.notices)

    def _request(self, frame: Frame, foreground: RgbImage, matte: Matte) -> Txt2Img | Img2Img:
        height, width = matte.shape
        background = None if frame.backdrop is None else resize(frame.backdrop, width, height)
        unit = ICLight(
            mode="fc" if background is None else "fbc",
            foreground=foreground,
            matte=matte,
            background=background,
        )
        prompt = frame.prompt if frame.light is None else f"{frame.prompt}, {light.words(frame.light)}"
        common = {
            "prompt": prompt,
            "negative_prompt": frame.negative_prompt or None,
            "seed": frame.seed,
            "steps": self.steps,
            "cfg_scale": self.cfg_scale,
            "sampler_name": self.sampler_name,
            "scheduler": self.scheduler,
            "width": width,
            "height": height,
            "loras": frame.loras,
            "checkpoint": self.checkpoint,
            "ic_light": unit,
        }
        given = {name: value for name, value in common.items() if value is not None}
        if frame.light is None or background is not None:
            return Txt2Img.model_validate(given)
        return Img2Img.model_validate(
            {
                **given,
                "init_image": light.light_map(frame.light, width, height),
                "denoising_strength": self.denoising_strength,
            }
        )
