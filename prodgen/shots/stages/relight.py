"""The scene is drawn and the product relit in it by IC-Light, at the size its model was made for."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen import light
from prodgen.errors import MissingExtensionError
from prodgen.images import Matte, RgbImage, resize
from prodgen.schema import (
    IC_LIGHT_CFG_SCALE,
    IC_LIGHT_SAMPLER,
    IC_LIGHT_SCHEDULER,
    IC_LIGHT_STEPS,
    ICLight,
    Img2Img,
    Txt2Img,
)
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import Brief, Given, Placed
from prodgen.shots.stages.scene import SceneStage

LIGHT_MAP_DENOISING_STRENGTH = 0.9
"""How far the light map is redrawn; IC-Light's own demo (`lowres_denoise`) uses 0.9."""


class RelightStage(SceneStage):
    """Ask the backend for IC-Light: FC draws a scene from the prompt, FBC lights for a given background."""

    takes_background = True

    stage: Literal["relight"] = "relight"

    steps: int = Field(default=IC_LIGHT_STEPS, ge=1, le=150)
    """Sampling steps."""

    cfg_scale: float = Field(default=IC_LIGHT_CFG_SCALE, ge=0, le=30)
    """Weight of the prompt; at 1 the negative prompt does nothing, above 3 IC-Light burns."""

    sampler_name: str = IC_LIGHT_SAMPLER
    """A name from `/sdapi/v1/samplers`."""

    scheduler: str = IC_LIGHT_SCHEDULER
    """A name from `/sdapi/v1/schedulers`."""

    denoising_strength: float = Field(default=LIGHT_MAP_DENOISING_STRENGTH, ge=0, le=1)
    """How much of a light map may be redrawn; without `light` it has nothing to act on."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the backend's scene and relit product."""
        client = tools.client()
        if client.capabilities.ic_light is None:
            raise MissingExtensionError("IC-Light", client.name, client.dialect.remedy("IC-Light"))
        idle = None
        if self.denoising_strength != LIGHT_MAP_DENOISING_STRENGTH and not _is_mapped(frame):
            idle = "denoising_strength is without effect: it acts on a light map, which --light asks for"
        return super().apply(frame, tools).noting(idle)

    def scene_and_relit(self, frame: Frame, image: RgbImage) -> tuple[RgbImage, RgbImage]:
        """Return the user's own background if there is one, and the product as IC-Light lit it."""
        backdrop = frame[Placed].backdrop
        return image if backdrop is None else backdrop, image

    def request(self, frame: Frame, product: RgbImage, matte: Matte) -> Txt2Img | Img2Img:
        """Return the request: from noise, or from a light map where a direction is asked for."""
        height, width = matte.shape
        mapped, backdrop = _mapped_lights(frame), frame[Placed].backdrop
        background = None if backdrop is None else resize(backdrop, width, height)
        unit = ICLight(
            mode="fc" if background is None else "fbc",
            foreground=product,
            matte=matte,
            background=background,
        )
        given = {**self.shared_fields(frame, matte), "ic_light": unit}
        own = frame[Given].light_map
        if not mapped and own is None:
            return Txt2Img.model_validate(given)
        return Img2Img.model_validate(
            {
                **given,
                "init_image": (
                    light.light_map(mapped, width, height) if own is None else resize(own, width, height)
                ),
                "denoising_strength": self.denoising_strength,
            }
        )


def _is_mapped(frame: Frame) -> bool:
    return bool(_mapped_lights(frame)) or frame[Given].light_map is not None


def _mapped_lights(frame: Frame) -> tuple[light.Light, ...]:
    """Return the lights whose map the backend starts from; a background of the user's has its own light."""
    return frame[Brief].lights if frame[Placed].backdrop is None else ()
