"""Everything but the product is repainted by inpainting, for servers without IC-Light."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from prodgen.images import Matte, RgbImage, resize
from prodgen.light import relighting
from prodgen.schema import Img2Img
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Brief, Placed
from prodgen.shots.lit_as import is_metal
from prodgen.shots.stages.scene import SceneStage, around_product


class BackgroundStage(SceneStage):
    """Segmentation-guided inpainting: the mask is white everywhere but on the product."""

    stage: Literal["background"] = "background"

    steps: int = Field(default=30, ge=1, le=150)
    """Sampling steps."""

    cfg_scale: float = Field(default=6.0, ge=0, le=30)
    """Weight of the prompt."""

    sampler_name: str = "DPM++ 2M"
    """A name from `/sdapi/v1/samplers`."""

    scheduler: str = "Karras"
    """A name from `/sdapi/v1/schedulers`."""

    denoising_strength: float = Field(default=1.0, ge=0, le=1)
    """How much of what is not product may change; the start is pure latent noise, so 1."""

    mask_blur: int = Field(default=4, ge=0, le=64)
    """Working pixels over which repainted and kept mix."""

    checkpoint: str | None = None
    """A checkpoint's name (an inpainting one does best); unset: the one the backend has loaded."""

    def scene_and_relit(self, frame: Frame, image: RgbImage) -> tuple[RgbImage, RgbImage]:
        """Return the inpainted scene, and the product lit as in it, which the model did not do."""
        placed, size = frame[Placed], (image.shape[1], image.shape[0])
        original, matte = resize(placed.original, *size), resize(placed.matte, *size)
        lights = frame[Brief].lights
        relit = relighting.relight_on(
            original, matte, image, holds_product=True, lights=lights, is_metal=is_metal(frame)
        )
        return image, relit

    def request(self, frame: Frame, product: RgbImage, matte: Matte) -> Img2Img:
        """Return the request: grey noise to be painted around the product."""
        return Img2Img.model_validate(
            {
                **self.shared_fields(frame, matte),
                **around_product(product, matte, None, mask_blur=self.mask_blur),
                "denoising_strength": self.denoising_strength,
            }
        )
