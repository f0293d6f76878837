"""What the stages that have a scene drawn share: how it is asked for, and at which size.

Drawn at the checkpoint's size, smaller where the backend's memory ends. What is asked for is each
stage's own business.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from pydantic import Field

from prodgen import light, placement
from prodgen.client import Client
from prodgen.errors import BackendOutOfMemoryError
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import composite, erode
from prodgen.schema import Generation, Img2Img, Progress, Txt2Img
from prodgen.shots.exposure import exposed
from prodgen.shots.frame import Frame, Stage, Tools
from prodgen.shots.layers import Brief, Drawn, Material, Origin, Placed, Pose
from prodgen.shots.lit_as import with_material
from prodgen.shots.seen_from import camera_words, contradiction

SMALLEST_MEGAPIXELS = 0.2
"""Below, Stable Diffusion 1.5 loses the product's shape."""

SHRINK = 0.6
"""Area of the next try; attention's memory grows with the square of the area, so this frees two thirds."""


OnProgress = Callable[[Progress], None]
"""Called while the backend draws."""


class SceneStage(Stage):
    """A stage that has the backend draw a scene; the stages themselves say how it is best sampled."""

    takes = (Brief, Placed)
    gives = (Drawn,)
    lights_product = True
    asks_backend = True

    steps: int
    """Sampling steps."""

    cfg_scale: float
    """Weight of the prompt."""

    sampler_name: str
    """A name from `/sdapi/v1/samplers`."""

    scheduler: str
    """A name from `/sdapi/v1/schedulers`."""

    megapixels: float | None = Field(default=None, ge=0.1, le=4)
    """Size of the backend's picture; unset: what the checkpoint was made for."""

    may_shrink: bool = True
    """Whether a backend that runs out of memory may be asked again for a smaller scene; it is announced."""

    checkpoint: str | None = None
    """A checkpoint's name; unset: the one the backend has loaded."""

    exposure: float | None = Field(default=None, ge=0, le=100)
    """Median lightness L* around the product that a drawn scene is brought to, within a stop; unset: as it is
    drawn. A background of the user's stays as it is."""

    def apply(self, frame: Frame, tools: Tools) -> Frame:
        """Return the frame with the backend's scene, and the product as that scene lights it."""
        client = tools.client()
        is_exact = not client.capabilities.is_diffusion
        told = camera_words(frame, with_degrees=is_exact)
        frame = with_material(frame)
        made_of = frame.get(Material)
        brief = replace(
            frame[Brief],
            camera_words=told,
            product_words="" if made_of is None else made_of.words,
            is_read_exactly=is_exact,
        )
        frame = frame.holding(brief)
        drawn, smaller = self.drawn(frame, tools)
        origin = origin_of(drawn, brief, client)
        image, seen_through = _opaque(drawn)
        scene, relit = self.scene_and_relit(frame, image)
        off = None
        if self.exposure is not None and frame[Placed].backdrop is None:
            scene, relit, off = exposed(scene, relit, frame[Placed].matte, self.exposure)
        notices = (*client.notices, contradiction(frame), smaller, *drawn.notices, seen_through, off)
        return frame.holding(Drawn(scene, relit, origin)).noting(*notices)

    @property
    def uses(self) -> tuple[type, ...]:
        """Pose and material, in words for the scene's camera and for the product."""
        return (Pose, Material)

    @abstractmethod
    def scene_and_relit(self, frame: Frame, image: RgbImage) -> tuple[RgbImage, RgbImage]:
        """Return the scene, and the picture of the product in its light, that a drawn picture gives."""

    @abstractmethod
    def request(self, frame: Frame, product: RgbImage, matte: Matte) -> Txt2Img | Img2Img:
        """Return what to ask the backend for; product and matte have the size that it draws at."""

    def shared_fields(self, frame: Frame, matte: Matte) -> dict[str, Any]:
        """Return what every such request says; what is unset is left out."""
        brief = frame[Brief]
        given = {
            "prompt": full_prompt(brief),
            "negative_prompt": full_negative_prompt(brief) or None,
            "seed": brief.seed,
            "steps": self.steps,
            "cfg_scale": self.cfg_scale,
            "sampler_name": self.sampler_name,
            "scheduler": self.scheduler,
            "width": matte.shape[1],
            "height": matte.shape[0],
            "loras": brief.loras,
            "checkpoint": self.checkpoint,
        }
        return {name: value for name, value in given.items() if value is not None}

    def drawn(self, frame: Frame, tools: Tools) -> tuple[Generation, str | None]:
        """Have the scene drawn and report the progress; see `draw_within_memory`.

        Raises:
            BackendError: If the backend cannot do it.
        """
        matte, client = frame[Placed].matte, tools.client()

        def report(progress: Progress) -> None:
            tools.progress(self.stage, progress.fraction)

        def draw(width: int, height: int) -> Generation:
            return self.drawn_at(frame, client, width, height, report)

        native_megapixels = client.capabilities.with_checkpoint(self.checkpoint).native_megapixels
        return draw_within_memory(
            draw,
            (matte.shape[1], matte.shape[0]),
            megapixels=self.megapixels or native_megapixels,
            may_shrink=self.may_shrink,
        )

    def drawn_at(
        self, frame: Frame, client: Client, width: int, height: int, report: OnProgress
    ) -> Generation:
        """Have the scene drawn at one size in pixels.

        Raises:
            BackendError: If the backend cannot do it.
        """
        original, matte = frame[Placed].original, frame[Placed].matte
        request = self.request(frame, resize(original, width, height), resize(matte, width, height))
        if isinstance(request, Img2Img):
            return client.img2img(request, on_progress=report)
        return client.txt2img(request, on_progress=report)


def full_prompt(brief: Brief) -> str:
    """Return the prompt that is sent: what was asked for, and the words for light, product and camera."""
    key = brief.key_light
    lit = "" if key is None else light.words(key, with_degrees=brief.is_read_exactly)
    return ", ".join(filter(None, [brief.prompt, lit, brief.product_words, brief.camera_words]))


def full_negative_prompt(brief: Brief) -> str:
    """Return the negative prompt that is sent; a shadow that is not wanted is said where that is read.

    Not to a model: it would flatten the light on the product as well.
    """
    bare = brief.unwanted_shadow if brief.is_read_exactly else ""
    return ", ".join(filter(None, [brief.negative_prompt, bare]))


EDGE_PX = 1.5
"""Working pixels of the product's edge that are repainted too: they still hold the old background."""


def around_product(
    product: RgbImage, matte: Matte, start: RgbImage | None, *, mask_blur: int
) -> dict[str, Any]:
    """Return what a request says to have everything but the product repainted, by inpainting.

    Args:
        product: The photograph on its canvas, (H, W, 3).
        matte: (H, W), 1 = product.
        start: What the drawing starts from around the product; None: from noise.
        mask_blur: Pixels over which repainted and kept mix.
    """
    around = np.full_like(product, 0.5) if start is None else start
    return {
        "init_image": composite(product, around, matte),
        "inpaint_mask": 1 - erode(matte, EDGE_PX),
        "inpainting_fill": "latent_noise" if start is None else "original",
        "inpaint_full_res": False,
        "mask_blur": mask_blur,
    }


def origin_of(drawn: Generation, brief: Brief, client: Client) -> Origin:
    """Return who drew a scene, and what was sent for it."""
    return Origin(
        backend=drawn.backend,
        checkpoint=drawn.checkpoint,
        checkpoint_hash=drawn.checkpoint_hash,
        proofs=drawn.applied.proofs,
        infotext=drawn.infotexts[0] if drawn.infotexts else "",
        is_generated=client.capabilities.is_diffusion,
        prompt=full_prompt(brief),
        negative_prompt=full_negative_prompt(brief),
        loras={lora.name: lora.weight for lora in brief.loras},
    )


def _opaque(drawn: Generation) -> tuple[RgbImage, str | None]:
    """Return the picture without transparency, which a scene has no use for, and a sentence if it had any."""
    matte = next(iter(drawn.mattes), None)
    if matte is None:
        return drawn.image, None
    white = np.ones_like(drawn.image)
    return composite(
        drawn.image, white, matte
    ), "the backend drew a scene with transparency; it stands on white"


def draw_within_memory(
    draw: Callable[[int, int], Generation], canvas: tuple[int, int], *, megapixels: float, may_shrink: bool
) -> tuple[Generation, str | None]:
    """Draw at the working size, and smaller while the backend runs out of memory.

    Args:
        draw: Draws at a width and height.
        canvas: (width, height) of the picture that is wanted in the end.
        megapixels: Size to begin with.
        may_shrink: Whether smaller sizes may be tried.

    Returns:
        The generation, and a sentence if it is smaller than it should be.

    Raises:
        BackendOutOfMemoryError: If it may not shrink, or the smallest size is still too large.
    """
    size = placement.working_size(*canvas, megapixels=megapixels)
    wanted = size
    while True:
        try:
            drawn = draw(*size)
        except BackendOutOfMemoryError:
            megapixels = min(megapixels, size[0] * size[1] / 1e6) * SHRINK
            smaller = placement.working_size(*canvas, megapixels=megapixels)
            if not may_shrink or megapixels < SMALLEST_MEGAPIXELS or smaller == size:
                raise
            size = smaller
        else:
            break
    if size == wanted:
        return drawn, None
    return drawn, (
        f"the backend ran out of memory at {wanted[0]}x{wanted[1]}, so the scene was drawn at"
        f" {size[0]}x{size[1]}; the product keeps its own resolution"
    )
