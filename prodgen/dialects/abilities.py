"""What each kind of server can do, found by asking its dialect to spell it.

The table in docs/servers.md is made from this, so it cannot say what the code does not do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from prodgen.dialects import A1111
from prodgen.errors import UnsupportedFeatureError
from prodgen.schema import (
    Capabilities,
    ControlNetUnit,
    ICLight,
    Img2Img,
    Lora,
    SoftInpainting,
    Txt2Img,
    Upscale,
)

_GREY = np.full((64, 64, 3), 0.5, np.float32)
_MATTE = np.ones((64, 64), np.float32)
_EVERYTHING = Capabilities(
    "", ic_light="dict", controlnet=True, samplers=("DPM++ 2M Karras", "DPM++ 2M SDE Karras")
)


def _txt2img(**fields: object) -> Txt2Img:
    return Txt2Img.model_validate({"prompt": "a", "seed": 1, "width": 64, "height": 64, **fields})


def _img2img(**fields: object) -> Img2Img:
    return Img2Img.model_validate(
        {"prompt": "a", "seed": 1, "width": 64, "height": 64, "init_image": _GREY, **fields}
    )


def _spell(dialect: A1111, request: Txt2Img | Img2Img) -> None:
    if isinstance(request, Txt2Img):
        dialect.txt2img(request, _EVERYTHING, task_id="")
    else:
        dialect.img2img(request, _EVERYTHING, task_id="")


def _check_upscale(dialect: A1111) -> None:
    dialect.upscale(Upscale(image=_GREY, upscaler_1="Lanczos", upscaling_resize=2))


def _check_task(dialect: A1111) -> None:
    if not dialect.task("id"):
        raise UnsupportedFeatureError("task ids", dialect.title)


_LIGHT = ICLight(foreground=_GREY, matte=_MATTE)

FEATURES: Mapping[str, Callable[[A1111], None]] = {
    "txt2img, img2img": lambda d: _spell(d, _img2img()),
    "inpainting": lambda d: _spell(d, _img2img(inpaint_mask=_MATTE)),
    "inpainting at full resolution": lambda d: _spell(
        d, _img2img(inpaint_mask=_MATTE, inpaint_full_res=True)
    ),
    "soft inpainting": lambda d: _spell(d, _img2img(inpaint_mask=_MATTE, soft_inpainting=SoftInpainting())),
    "IC-Light (with the extension)": lambda d: _spell(d, _txt2img(ic_light=_LIGHT)),
    "ControlNet (with the extension)": lambda d: _spell(
        d, _txt2img(controlnet=(ControlNetUnit(model="m", image=_GREY),))
    ),
    "LoRA": lambda d: _spell(d, _txt2img(loras=(Lora(name="a"),))),
    "choice of schedule": lambda d: _spell(d, _txt2img(sampler_name="DPM++ 2M", scheduler="Karras")),
    "second pass (hires fix)": lambda d: _spell(d, _txt2img(enable_hr=True, denoising_strength=0.5)),
    "checkpoint for one call": lambda d: _spell(d, _txt2img(checkpoint="m")),
    "VAE for one call": lambda d: _spell(d, _txt2img(vae="v")),
    "clip skip": lambda d: _spell(d, _txt2img(clip_skip=2)),
    "several batches in a call": lambda d: _spell(d, _txt2img(n_iter=2)),
    "upscaling": _check_upscale,
    "progress of our own call": _check_task,
}
"""What is asked, in words -> the attempt; UnsupportedFeatureError means no."""


def can(dialect: A1111, feature: str) -> bool:
    """Whether servers of this kind can do a feature of `FEATURES`."""
    try:
        FEATURES[feature](dialect)
    except UnsupportedFeatureError:
        return False
    return True
