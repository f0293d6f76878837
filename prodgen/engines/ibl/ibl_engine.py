"""The engine behind `embedded://`: image-based lighting, without weights, a GPU or a network.

Owns what this renderer says it has, and how a batch's order becomes one order a picture. Samplers, steps,
guidance and clip skip mean nothing to it: it has no diffusion, and its checkpoint's name says so.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from prodgen.engines.ibl import panorama
from prodgen.engines.ibl.looks import LORAS, apply_looks
from prodgen.engines.ibl.render import render
from prodgen.engines.ibl.render_order import Rendering, RenderOrder
from prodgen.engines.ibl.repainting import repaint
from prodgen.engines.ibl.sharpening import SHARP, enlarge
from prodgen.errors import SettingError
from prodgen.images import from_uint8, to_uint8
from prodgen.server.engine import (
    AcceleratorMemory,
    BatchOrder,
    DetectedMap,
    DrawnPicture,
    EngineInventory,
    EngineSettings,
    ModelFile,
    ReportProgress,
)
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.ic_light_script import IcLightUnit
from prodgen.server.inpainting import RepaintPlan
from prodgen.server.wire import Pixels, Refused

CHECKPOINT = "prodgen-ibl (no diffusion)"
"""The one checkpoint's name: nobody shall take these pictures for a diffusion model's."""

VERSION = "prodgen-embedded v0.1.0"
"""What stands in `info.version` and the infotext, where A1111 has "v1.10.1"."""


def ibl_engine(settings: EngineSettings) -> IblEngine:
    """Return the engine as it is.

    Raises:
        SettingError: If anything is set: it has no weights, no accelerator and no address.
    """
    if settings != EngineSettings():
        raise SettingError("the engine 'ibl' draws without weights and a GPU: there is nothing to set")
    return IblEngine()


class IblEngine:
    """Draws by image-based lighting; an `Engine`.

    Args:
        checkpoints: Names to list, so that a server can pass for another one in tests; all draw the same.
        renderer: Draws one picture.
    """

    def __init__(
        self,
        *,
        checkpoints: Sequence[str] = (CHECKPOINT,),
        renderer: Callable[[RenderOrder], Rendering] = render,
    ) -> None:
        self._checkpoints = tuple(ModelFile(name) for name in checkpoints)
        self._renderer = renderer

    def inventory(self) -> EngineInventory:
        """Return what there is: one checkpoint, two filters in place of LoRAs, one upscaler."""
        return EngineInventory(
            version=VERSION,
            description="by image-based lighting, without a diffusion model",
            checkpoints=self._checkpoints,
            loras=LORAS,
            upscalers=(SHARP,),
            ic_light=("FC", "FBC"),
            face_restorers=("CodeFormer", "GFPGAN"),  # listed and without effect, as they always were
            imitates_flaws=True,
        )

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        """Draw one picture after the other."""
        for place in range(len(order.seeds)):
            yield self._drawn(order, place, progress)

    def upscale(self, pixels: Pixels, width: int, height: int, name: str) -> Pixels:
        """Return the picture enlarged by "prodgen-sharp", which is the only upscaler here."""
        return enlarge(pixels, width, height)

    def detect(self, unit: ControlOrder) -> DetectedMap:
        """Refuse: nothing here could be steered by a map.

        Raises:
            Refused: Always.
        """
        raise Refused(422, "this backend has no ControlNet; a Stable Diffusion server has (--backend URL)")

    def unload(self) -> None:
        """Forget the panoramas that were read."""
        panorama.forget()

    def memory(self) -> AcceleratorMemory | None:
        """Return None: it draws on the CPU."""
        return None

    def estimate(self, width: int, height: int, steps: int) -> float | None:
        """Return None: a second is not worth a word."""
        return None

    def close(self) -> None:
        """Do as `unload`; there is nothing else to let go."""
        self.unload()

    def _drawn(self, order: BatchOrder, place: int, progress: ReportProgress) -> DrawnPicture:
        renderings: list[Rendering] = []

        def report(share: float) -> None:
            progress((place + share) / len(order.seeds))

        def developed(one: RenderOrder) -> Pixels:
            renderings.append(self._renderer(one))
            return to_uint8(apply_looks(renderings[-1].image, order.loras))

        report(0.0)
        width, height = order.final_size
        plain = RenderOrder(
            prompt=order.prompt,
            negative_prompt=order.negative_prompt,
            seed=order.seeds[place],
            width=width,
            height=height,
            progress=report,
        )
        if order.relight is not None:
            pixels = developed(_lit(plain, order.relight))
        elif order.starts:
            plan = order.starts[place]
            pixels = repaint(
                plan,
                lambda start: developed(_around(plain, plan, start)),
                fill=order.inpainting_fill,
                denoising_strength=order.denoising_strength,
            )
        else:
            pixels = developed(plain)
        return DrawnPicture(pixels, _story(renderings[-1]) if renderings else {})


def _story(rendering: Rendering) -> dict[str, object]:
    story: dict[str, object] = {"Scene": rendering.scene, "Floor": rendering.floor}
    if rendering.unknown_words:
        story["Unknown words"] = ", ".join(rendering.unknown_words)
    if rendering.out_of_view:
        story["Out of view"] = ", ".join(rendering.out_of_view)
    if rendering.is_shadowless:
        story["Product shadow"] = "left out"
    elif rendering.is_uneven:
        story["Product shadow"] = "on more than a floor"
    if rendering.is_default:
        story["Default scene"] = rendering.scene
    return story


def _lit(order: RenderOrder, unit: IcLightUnit) -> RenderOrder:
    """Return the order with IC-Light's pictures in it."""
    conditions = unit.conditions(order.width, order.height)
    if conditions is None:
        return order
    background, light_map = conditions.background, conditions.light_map
    return replace(
        order,
        foreground=from_uint8(conditions.foreground),
        matte=from_uint8(conditions.matte),
        background=None if background is None else from_uint8(background),
        light_map=None if light_map is None else from_uint8(light_map),
    )


def _around(order: RenderOrder, plan: RepaintPlan, start: Pixels) -> RenderOrder:
    """Return the order for a repaint: what is kept is the product, so that the scene fits around it."""
    height, width = start.shape[:2]
    order = replace(order, width=width, height=height)
    if plan.zone is None:
        return replace(order, light_map=from_uint8(start))
    matte = np.asarray(1 - from_uint8(plan.zone), np.float32)
    return replace(order, foreground=from_uint8(start), matte=matte)
