"""The floor at the product's foot is painted into a background of the user's, before the product is lit.

A product that is only laid on a picture seems to hover, and relighting does not help: the floor next to its
foot knows nothing of it. A diffusion model sees product and floor and repaints a narrow strip at the foot;
the product's own pixels, and all of the background outside the strip, stay.
"""

from __future__ import annotations

from typing import Literal

import cv2
import numpy as np

from prodgen import outpainting, shadows
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import Box, bounding_box, composite, erode
from prodgen.schema import Generation, Img2Img, Progress
from prodgen.shots.floor_shadow import Kind, view_of_floor
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Brief, Drawn, Ground, PaintedFloor, Placed, Pose
from prodgen.shots.stages.scene import EDGE_PX, draw_within_memory, full_prompt, origin_of

FLOOR_WORDS = "the product stands on the surface"
"""What is asked for in the strip. Chosen."""

SHADOW_WORDS = "soft contact shadow"
"""What is asked for beside it, or where no such shadow is wanted, asked not to be seen. Chosen."""

WITHOUT_CONTACT = ("none", "keep")
"""Kinds of shadow beside which the strip gets none: either none is wanted, or the photograph's own comes."""

DENOISING_STRENGTH = 0.75
"""How much of the strip is drawn anew: its material shows through. Standard: A1111's own for inpainting."""

STEPS, CFG_SCALE, SAMPLER, SCHEDULER = 30, 6.0, "DPM++ 2M", "Karras"
"""How the strip is sampled. Standard: as masked img2img is in the recipe `inpaint`."""

MASK_BLUR_PX = 4
"""Working pixels over which repainted and kept mix. Standard: A1111's own."""

CONTEXT = 0.5
"""How far around the strip the model sees, in the strip's width. Chosen: it must see product and floor."""

BAND = 0.5
"""Share of the strip's width over which it joins the floor around it. Chosen."""

EMBEDDED_PAINTS_NONE = (
    "ground inpaint is without effect: the embedded backend paints no floor into a picture; a Stable"
    " Diffusion server does (--backend URL)"
)
"""Told where nothing diffuses."""


NO_FOOT = (
    "ground inpaint is without effect: no foot was found at which the product stands on the floor; if it"
    " lies, say so (--pose flat)"
)
"""Told where a product darkens no floor that it touches."""


class FloorStage(Stage):
    """Have a narrow strip of floor repainted around the product's foot, where that is asked for."""

    takes = (Brief, Placed)
    gives = (PaintedFloor,)
    precedes = (Drawn,)

    stage: Literal["floor"] = "floor"

    ground: Ground = "auto"
    """inpaint has the strip painted by a Stable Diffusion server; auto and none leave the background."""

    shadow: Kind = "auto"
    """Which shadow the stage `ground` adds: with none and keep the strip is painted without one."""

    checkpoint: str | None = None
    """A checkpoint's name, as of the stage that lights or draws; unset: the one the backend has loaded."""

    @property
    def uses(self) -> tuple[type, ...]:
        """The pose: it says where the floor lies around the foot."""
        return (Pose,)

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the painted background, or as it was where nothing is to be painted.

        Raises:
            BackendError: If the backend cannot do it.
        """
        placed = frame[Placed]
        if self.ground != "inpaint" or placed.backdrop is None:
            return frame
        client = tools.client()
        if not client.capabilities.is_diffusion:
            return frame.noting(EMBEDDED_PAINTS_NONE)
        view = view_of_floor(frame)
        strip = shadows.floor_strip(placed.matte, camera_pitch_deg=view.floor_deg, lies_flat=view.lies_flat)
        if not strip.any():
            return frame.noting(NO_FOOT)
        box = _with_context(bounding_box(strip), strip)
        part = (slice(box.top, box.bottom), slice(box.left, box.right))
        matte, strip = placed.matte[part], strip[part]
        start = composite(placed.original[part], placed.backdrop[part], matte)
        drawn, smaller = self._drawn(frame, tools, start, strip * (1 - erode(matte, EDGE_PX)))
        painted = placed.backdrop.copy()
        painted[part] = _joined(painted[part], resize(drawn.image, box.width, box.height), strip, matte)
        floor = PaintedFloor(painted, origin_of(drawn, frame[Brief], client))
        return frame.holding(floor).noting(*client.notices, smaller, *drawn.notices)

    def _drawn(
        self, frame: Frame, tools: Tools, start: RgbImage, inpaint_mask: Matte
    ) -> tuple[Generation, str | None]:
        client, brief = tools.client(), frame[Brief]
        is_without = self.shadow in WITHOUT_CONTACT
        wanted, unwanted = ((), (SHADOW_WORDS,)) if is_without else ((SHADOW_WORDS,), ())

        def report(progress: Progress) -> None:
            tools.progress(self.stage, progress.fraction)

        def draw(width: int, height: int) -> Generation:
            given = {
                "prompt": ", ".join(filter(None, [full_prompt(brief), FLOOR_WORDS, *wanted])),
                "negative_prompt": ", ".join(filter(None, [brief.negative_prompt, *unwanted])) or None,
                "seed": brief.seed,
                "steps": STEPS,
                "cfg_scale": CFG_SCALE,
                "sampler_name": SAMPLER,
                "scheduler": SCHEDULER,
                "checkpoint": self.checkpoint,
                "width": width,
                "height": height,
                "loras": brief.loras,
                "init_image": resize(start, width, height),
                "inpaint_mask": resize(inpaint_mask, width, height),
                "inpainting_fill": "original",
                "inpaint_full_res": False,
                "mask_blur": MASK_BLUR_PX,
                "denoising_strength": DENOISING_STRENGTH,
            }
            said = {name: value for name, value in given.items() if value is not None}
            return client.img2img(Img2Img.model_validate(said), on_progress=report)

        native = client.capabilities.with_checkpoint(self.checkpoint).native_megapixels
        size = (start.shape[1], start.shape[0])
        return draw_within_memory(draw, size, megapixels=native, may_shrink=True)


def _with_context(strip: Box, canvas: Matte) -> Box:
    """Return the strip's box with as much around it as the model has to see."""
    more = round(CONTEXT * strip.width)
    height, width = canvas.shape
    return Box(
        max(strip.left - more, 0),
        max(strip.top - more, 0),
        min(strip.right + more, width),
        min(strip.bottom + more, height),
    )


def _joined(old: RgbImage, drawn: RgbImage, strip: Matte, matte: Matte) -> RgbImage:
    """Return the old picture with the strip of the drawn one, without its tint and without an edge."""
    away = cv2.distanceTransform(strip.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    outside = away[(matte < 0.5) & (strip > 0)]
    if not len(outside):
        return old
    ramp = np.clip(away / max(BAND * float(outside.max()), 1.0), 0, 1)
    share = np.where(matte < 1, ramp * ramp * (3 - 2 * ramp), 0).astype(np.float32)
    whole = (slice(0, len(old)), slice(0, old.shape[1]))
    return outpainting.join(old, drawn, outpainting.Joint(whole, share >= 1, share))
