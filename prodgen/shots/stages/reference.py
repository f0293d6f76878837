"""A scene in the look and the set of a reference picture is painted around the product.

Where the server has an IP-Adapter or a reference preprocessor the picture steers the drawing from noise; else
drawing starts from the picture itself. The product is behind the mask, and its pixels are the photograph's
again afterwards, as on every route.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np
from pydantic import Field

from prodgen.client import Client
from prodgen.color import in_colors_of, luminance, to_linear, to_srgb
from prodgen.errors import MissingExtensionError, NotAppliedError, SettingError
from prodgen.images import Matte, RgbImage, cut_to, resize
from prodgen.light import estimate_light, relighting
from prodgen.masks import composite
from prodgen.schema import ControlNetUnit, Generation, ICLight, Img2Img, Progress, Txt2Img
from prodgen.shots.frame import Frame, Tools
from prodgen.shots.layers import Brief, Drawn, Given, Placed
from prodgen.shots.lit_as import is_metal
from prodgen.shots.reference_units import ReferenceBy, ReferenceWay, find_unit, of_sdxl
from prodgen.shots.stages.scene import SceneStage, around_product

START_DENOISING_STRENGTH = 0.75
"""How far a reference picture is redrawn where drawing starts from it. Standard: A1111's own default of
img2img, at which colours and layout stay and things do not."""

SURELY = 0.95
"""Matte from which a pixel is product alone when its exposure is measured. By definition 1, less rounding."""

WITHOUT_UNIT = (
    "the server has neither an IP-Adapter nor ControlNet's reference_only, so the scene was drawn over the"
    " reference picture itself; large things in that picture may stay in sight"
)

ONLY_COLORS = (
    "a set is not taken from a picture without a diffusion model: the scene has the reference picture's light"
    " and colours, and what stands in it is the prompt's; a Stable Diffusion server takes the set as well"
    " (--backend URL)"
)


class ReferenceStage(SceneStage):
    """Paint what is not product in the look of a picture; the mask is white everywhere but on the product."""

    needs_prompt = False
    takes_reference = True

    stage: Literal["reference"] = "reference"

    reference_by: ReferenceBy = "auto"
    """ip-adapter, reference_only (units of ControlNet) or img2img (drawing starts from the picture); auto
    takes the first that the server has."""

    reference_weight: float = Field(default=1.0, ge=0, le=2)
    """Strength of the unit."""

    denoising_strength: float = Field(default=START_DENOISING_STRENGTH, ge=0, le=1)
    """How much of the picture is drawn anew where drawing starts from it; a unit draws it all from noise."""

    steps: int = Field(default=30, ge=1, le=150)
    """Sampling steps."""

    cfg_scale: float = Field(default=6.0, ge=0, le=30)
    """Weight of the prompt."""

    sampler_name: str = "DPM++ 2M"
    """A name from `/sdapi/v1/samplers`."""

    scheduler: str = "Karras"
    """A name from `/sdapi/v1/schedulers`."""

    mask_blur: int = Field(default=4, ge=0, le=64)
    """Working pixels over which repainted and kept mix."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with a scene in the look of the reference picture, and the product lit as there.

        Raises:
            MissingExtensionError: If the way that was named is one that the server does not have.
        """
        client = tools.client()
        way = self.way(client)
        brief = frame[Brief]
        if way.by == "colors" and not brief.lights:
            frame = frame.holding(replace(brief, lights=(estimate_light(_reference(frame)),)))
        made = super().apply(frame.holding(way), tools)
        made = made.noting(self._idle(way), _told(way) if self.reference_by == "auto" else None)
        made = made.noting(self._guess(client) if way.is_guess else None)
        return self._relit(made, tools) if self.relights(client, way) else made

    def scene_and_relit(self, frame: Frame, image: RgbImage) -> tuple[RgbImage, RgbImage]:
        """Return the scene, and the product lit by it, which the model that painted it did not do."""
        placed, size = frame[Placed], (image.shape[1], image.shape[0])
        original, matte = resize(placed.original, *size), resize(placed.matte, *size)
        drawn = image
        if frame[ReferenceWay].by == "colors":
            image = composite(image, in_colors_of(image, _reference(frame), 1 - matte), matte)
        lights = frame[Brief].lights
        relit = relighting.relight_on(
            original, matte, image, holds_product=True, lights=lights, is_metal=is_metal(frame)
        )
        return image, relit if image is drawn else _exposed(relit, original, matte, drawn, image)

    def request(self, frame: Frame, product: RgbImage, matte: Matte) -> Img2Img:
        """Return the request: from noise with the unit, or from the reference picture behind the product."""
        height, width = matte.shape
        way, picture = frame[ReferenceWay], cut_to(_reference(frame), width, height)
        starts = way.by == "img2img"
        unit = (
            ControlNetUnit(module=way.module, model=way.model, image=picture, weight=self.reference_weight)
            if way.is_unit
            else None
        )
        fields = around_product(product, matte, picture if starts else None, mask_blur=self.mask_blur)
        fields |= {"denoising_strength": self.denoising_strength if starts else 1.0}
        fields |= {"controlnet": () if unit is None else (unit,)}
        return Img2Img.model_validate({**self.shared_fields(frame, matte), **fields})

    def way(self, client: Client) -> ReferenceWay:
        """Return how the picture is taken over on this server.

        Raises:
            MissingExtensionError: If the way that was named is one that the server does not have.
        """
        have, by = client.capabilities.with_checkpoint(self.checkpoint), self.reference_by
        found = None
        if have.controlnet and by != "img2img":
            modules, models = client.controlnet.modules(), client.controlnet.models()
            found = find_unit(modules, models, is_sdxl=have.is_sdxl, by=by)
            if found is not None and by != "reference_only" and of_sdxl(models) and not have.tells_family:
                found = replace(found, is_guess=True)
        elif have.is_diffusion and by == "img2img":
            found = ReferenceWay("img2img")
        if found is None and by != "auto":
            dialect = client.dialect
            raise MissingExtensionError(by, dialect.title, dialect.remedy("reference pictures"))
        return found or ReferenceWay("img2img" if have.is_diffusion else "colors")

    def relights(self, client: Client, way: ReferenceWay) -> bool:
        """Whether IC-Light lights the product for the scene; it is made for Stable Diffusion 1.5 alone."""
        have = client.capabilities.with_checkpoint(self.checkpoint)
        return way.by != "colors" and have.ic_light is not None and not have.is_sdxl

    def _guess(self, client: Client) -> str:
        """Say that the family of the checkpoint had to be guessed."""
        name = client.capabilities.with_checkpoint(self.checkpoint).checkpoint
        return (
            f"nothing tells whether the checkpoint {name!r} is of Stable Diffusion 1.5 or of SDXL, and the"
            " server has IP-Adapters for SDXL; it was taken for 1.5. If it is of SDXL, 'xl' in its file name"
            " tells so"
        )

    def _idle(self, way: ReferenceWay) -> str | None:
        """Say which changed setting the way has no use for; None if it uses all."""
        idle = [] if way.is_unit or self.reference_weight == 1 else ["reference_weight"]
        if way.by != "img2img" and self.denoising_strength != START_DENOISING_STRENGTH:
            idle.append("denoising_strength")
        return f"{' and '.join(idle)}: without effect, the reference is taken by {way}" if idle else None

    def _relit(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the product as IC-Light lights it for the scene that was just drawn."""
        drawn, placed, brief, client = frame[Drawn], frame[Placed], frame[Brief], tools.client()
        height, width = drawn.scene.shape[:2]
        unit = ICLight(
            mode="fbc",
            foreground=resize(placed.original, width, height),
            matte=resize(placed.matte, width, height),
            background=drawn.scene,
        )
        given = {
            "prompt": drawn.origin.prompt,
            "negative_prompt": brief.negative_prompt or None,
            "seed": brief.seed,
            "width": width,
            "height": height,
            "loras": brief.loras,
            "checkpoint": self.checkpoint,
            "ic_light": unit,
        }
        request = Txt2Img.model_validate({name: value for name, value in given.items() if value is not None})

        def report(progress: Progress) -> None:
            tools.progress(self.stage, progress.fraction)

        try:
            lit: Generation = client.txt2img(request, on_progress=report)
        except (NotAppliedError, MissingExtensionError) as error:
            way = replace(frame[ReferenceWay], relight_failed=True)
            return frame.holding(way).noting(
                f"the product's light was computed from the scene, for IC-Light did not: {error}"
            )
        origin = replace(drawn.origin, proofs={**drawn.origin.proofs, **lit.applied.proofs})
        return frame.holding(replace(drawn, relit=lit.image, origin=origin)).noting(*lit.notices)


def _exposed(relit: RgbImage, original: RgbImage, matte: Matte, drawn: RgbImage, scene: RgbImage) -> RgbImage:
    """Return a relit product no darker than a scene is that was drawn for it, and then got other colours.

    The backend exposed that scene for the product as it was photographed. So where the other colours make it
    no darker, nor does the product get; a light from behind says nothing of a camera's exposure.
    """
    inside, outside = matte > SURELY, matte < 1 - SURELY
    if not (inside.any() and outside.any()):
        return relit
    before, after = (float(luminance(to_linear(x))[outside].mean()) for x in (drawn, scene))
    shot, now = (float(luminance(to_linear(x))[inside].mean()) for x in (original, relit))
    wanted = shot * min(after / max(before, 1e-6), 1.0)
    if now >= wanted:
        return relit
    brighter = to_srgb(np.clip(to_linear(relit) * (wanted / max(now, 1e-6)), 0, 1))
    return composite(brighter, relit, matte)


def _told(way: ReferenceWay) -> str | None:
    return {"img2img": WITHOUT_UNIT, "colors": ONLY_COLORS}.get(way.by)


def _reference(frame: Frame) -> RgbImage:
    picture = frame[Given].reference
    if picture is None:
        raise SettingError("there is no reference picture; give one: --reference FILE")
    return picture
