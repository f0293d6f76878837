"""The scene is drawn and the product relit in it by IC-Light, at the size its model was made for."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from pydantic import Field

from prodgen import light
from prodgen.client import Client
from prodgen.errors import IdleSettingError, MissingExtensionError
from prodgen.images import Matte, RgbImage, resize
from prodgen.schema import (
    IC_LIGHT_CFG_SCALE,
    IC_LIGHT_SAMPLER,
    IC_LIGHT_SCHEDULER,
    IC_LIGHT_STEPS,
    Generation,
    ICLight,
    Img2Img,
    Proof,
    Txt2Img,
)
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import Brief, Given, Placed
from prodgen.shots.stages.scene import OnProgress, SceneStage

LIGHT_MAP_DENOISING_STRENGTH = 0.9
"""How far the light map is redrawn; IC-Light's own demo (`lowres_denoise`) uses 0.9."""


GRID_PX = 8
"""Sides of pictures are multiples of it. By definition: one cell of Stable Diffusion's latent picture."""

SECOND_PASS_SCALE = 1.5
"""Enlargement before the second pass. Standard: `highres_scale` of IC-Light's own demo."""

SECOND_PASS_DENOISING_STRENGTH = 0.5
"""How far the second pass redraws. Standard: `highres_denoise` of IC-Light's own demo."""

ENLARGED_BY = "Lanczos"
"""What enlarges before the second pass, as in IC-Light's own demo; by A1111's name."""


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

    second_pass: bool = False
    """Whether what was drawn is enlarged and drawn over, with the product at the larger size, as IC-Light's
    own demo does it."""

    second_pass_scale: float = Field(default=SECOND_PASS_SCALE, ge=1.1, le=4)
    """Enlargement before it."""

    second_pass_denoising_strength: float = Field(default=SECOND_PASS_DENOISING_STRENGTH, ge=0.05, le=1)
    """How much of the enlarged picture it may redraw."""

    def check(self) -> None:
        """Refuse numbers of a second pass that is not asked for."""
        changed = {
            "second_pass_scale": self.second_pass_scale != SECOND_PASS_SCALE,
            "second_pass_denoising_strength": self.second_pass_denoising_strength
            != SECOND_PASS_DENOISING_STRENGTH,
        }
        idle = [name for name, is_changed in changed.items() if is_changed]
        if idle and not self.second_pass:
            raise IdleSettingError(idle, "there is no second pass; second_pass asks for one")

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the backend's scene and relit product."""
        client = tools.client()
        if client.capabilities.ic_light is None:
            dialect = client.dialect
            raise MissingExtensionError("IC-Light", dialect.title, dialect.remedy("IC-Light"))
        idle = None
        if self.denoising_strength != LIGHT_MAP_DENOISING_STRENGTH and not _is_mapped(frame):
            idle = "denoising_strength is without effect: it acts on a light map, which --light asks for"
        untaken = None
        if self.second_pass and not client.capabilities.is_diffusion:
            untaken = (
                "second_pass is without effect: this backend draws without a model, in one pass; a Stable"
                " Diffusion server with IC-Light has two (--backend URL)"
            )
        return super().apply(frame, tools).noting(idle, untaken)

    def drawn_at(
        self, frame: Frame, client: Client, width: int, height: int, report: OnProgress
    ) -> Generation:
        """Have the scene drawn at one size, or with a second pass so much larger.

        Raises:
            BackendError: If the backend cannot do it.
        """
        if not self.second_pass or not client.capabilities.is_diffusion:
            return super().drawn_at(frame, client, width, height, report)
        if _is_mapped(frame):
            first = super().drawn_at(frame, client, width, height, report)
            larger = [GRID_PX * round(side * self.second_pass_scale / GRID_PX) for side in (width, height)]
            again = self._over(frame, resize(first.image, *larger))
            drawn = client.img2img(again, on_progress=report)
            drawn = replace(drawn, notices=tuple(dict.fromkeys((*first.notices, *drawn.notices))))
        else:
            placed = frame[Placed]
            given = self._given(
                frame, resize(placed.original, width, height), resize(placed.matte, width, height)
            )
            has_it = ENLARGED_BY in client.capabilities.upscalers
            given |= {
                "enable_hr": True,
                "hr_scale": self.second_pass_scale,
                "denoising_strength": self.second_pass_denoising_strength,
                **({"hr_upscaler": ENLARGED_BY} if has_it else {}),
            }
            drawn = client.txt2img(Txt2Img.model_validate(given), on_progress=report)
        if drawn.image.shape[1] <= width:
            return drawn
        proofs = {**drawn.applied.proofs, "second pass": Proof("picture", 1.0)}
        return replace(drawn, applied=replace(drawn.applied, proofs=proofs))

    def _over(self, frame: Frame, first: RgbImage) -> Img2Img:
        """Return the request to draw over an enlarged picture; a light map leaves no other way to do it.

        A server runs `steps` times the strength of an img2img call, so more are asked for: as many as the
        first pass has are run, as in IC-Light's demo.
        """
        size, placed = (first.shape[1], first.shape[0]), frame[Placed]
        strength = self.second_pass_denoising_strength
        return Img2Img.model_validate(
            {
                **self._given(frame, resize(placed.original, *size), resize(placed.matte, *size)),
                "init_image": first,
                "denoising_strength": strength,
                "steps": round(self.steps / strength),
            }
        )

    def scene_and_relit(self, frame: Frame, image: RgbImage) -> tuple[RgbImage, RgbImage]:
        """Return the user's own background if there is one, and the product as IC-Light lit it."""
        backdrop = frame.backdrop
        return image if backdrop is None else backdrop, image

    def request(self, frame: Frame, product: RgbImage, matte: Matte) -> Txt2Img | Img2Img:
        """Return the request: from noise, or from a light map where a direction is asked for."""
        height, width = matte.shape
        mapped, own = _mapped_lights(frame), frame[Given].light_map
        given = self._given(frame, product, matte)
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

    def _given(self, frame: Frame, product: RgbImage, matte: Matte) -> dict[str, Any]:
        """Return what every request says, with the product and its background at the size of the matte."""
        height, width = matte.shape
        backdrop = frame.backdrop
        background = None if backdrop is None else resize(backdrop, width, height)
        unit = ICLight(
            mode="fc" if background is None else "fbc",
            foreground=product,
            matte=matte,
            background=background,
        )
        return {**self.shared_fields(frame, matte), "ic_light": unit}


def _is_mapped(frame: Frame) -> bool:
    return bool(_mapped_lights(frame)) or frame[Given].light_map is not None


def _mapped_lights(frame: Frame) -> tuple[light.Light, ...]:
    """Return the lights whose map the backend starts from; a background of the user's has its own light."""
    return frame[Brief].lights if frame[Placed].backdrop is None else ()
