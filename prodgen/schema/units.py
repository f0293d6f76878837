"""Parts of a request that are more than a number: LoRAs, IC-Light, ControlNet, scripts.

Each says what is wanted in our own terms. None is a prompt tag or a list of positions: what a
server wants to see instead is the dialect's business.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field, JsonValue

from prodgen.errors import shortened
from prodgen.schema.request import MatteField, Name, Request, RgbField, Share, size_text

IC_LIGHT_CFG_SCALE = 2.0
"""Guidance of IC-Light's own demo (gradio_demo.py); above about 3 the light burns and colours shift."""

IC_LIGHT_STEPS = 25
"""Sampling steps of IC-Light's own demo."""

IC_LIGHT_SAMPLER = "DPM++ 2M SDE"
"""Sampler of IC-Light's own demo (DPMSolverMultistep, sde-dpmsolver++)."""

IC_LIGHT_SCHEDULER = "Karras"
"""Noise schedule of IC-Light's own demo (use_karras_sigmas)."""

LightSide = Literal["left", "right", "top", "bottom", "ambient"]
"""Where IC-Light's built-in backdrops put the light."""


class Lora(Request):
    """A LoRA to apply, by the name the backend knows it under."""

    name: Name
    """File name without extension, as the backend lists it; no `<`, `>` or `:`."""

    weight: float = Field(default=1.0, ge=-5, le=5)
    """Strength; 0 turns it off, below 0 does the opposite of its training."""

    def check(self) -> None:
        """Refuse a name that would end its tag in the prompt."""
        if set("<>:\r\n") & set(self.name):
            raise ValueError(
                f"a LoRA's name has no <, > or : and no line break, and {shortened(self.name)} has"
            )


class ICLight(Request):
    """Relight a cut-out product with IC-Light (fc: to the prompt; fbc: to a background picture)."""

    mode: Literal["fc", "fbc"] = "fc"
    """fc takes the light from prompt and light map; fbc from `background`."""

    foreground: RgbField
    """The product, sRGB, [0, 1]. It is sent with `matte` as its alpha, never segmented again."""

    matte: MatteField
    """1 = product; same size as `foreground`."""

    background: RgbField | None = None
    """The picture to put the product into (fbc only)."""

    light_side: LightSide | None = None
    """fbc only: one of the server's own backdrops instead of `background`."""

    model: Name | None = None
    """Stem of the weight file on the server; unset: the usual name for `mode`."""

    detail_transfer: bool = False
    """Ask for one more picture per result with the photograph's detail put back (comes in `extras`)."""

    detail_transfer_use_raw_input: bool = False
    """Take that detail from the picture as sent instead of the cut-out."""

    detail_transfer_blur_radius: int | None = Field(default=None, ge=1, le=9)
    """Pixels, odd. An even one makes the server drop that extra picture without a word."""

    reinforce_fg: bool = False
    """img2img only: paste the product onto the light map before relighting."""

    def check(self) -> None:
        """Refuse what would not run, or be ignored."""
        super().check()
        if self.foreground.shape[:2] != self.matte.shape:
            raise ValueError(
                f"foreground is {size_text(self.foreground)} but its matte is {size_text(self.matte)}; "
                "they must have the same size"
            )
        if self.mode == "fbc" and (self.background is None) == (self.light_side is None):
            raise ValueError("mode 'fbc' needs a background picture or a light_side (one of the two)")
        if self.mode == "fc" and not (self.background is None and self.light_side is None):
            raise ValueError("background and light_side belong to mode 'fbc'; mode 'fc' would ignore them")
        if self.detail_transfer_blur_radius is not None and self.detail_transfer_blur_radius % 2 == 0:
            raise ValueError("detail_transfer_blur_radius must be odd")
        if float(self.matte.max()) == 0:
            raise ValueError("the matte is empty: there is no product to relight")


class ControlNetUnit(Request):
    """One unit of the ControlNet extension; field names are that extension's."""

    model: Name | None = None
    """A model as `/controlnet/model_list` names it; needed by all modules but the reference ones."""

    module: Name = "none"
    """The preprocessor, as `/controlnet/module_list` names it."""

    image: RgbField | None = None
    """The control picture; unset in img2img: the init picture."""

    mask: MatteField | None = None
    """1 = where the unit acts (inpaint modules)."""

    weight: float = Field(default=1.0, ge=0, le=2)
    """Strength of the unit; 0 turns it off."""

    guidance_start: Share = 0.0
    """Share of the steps after which the unit begins to act."""

    guidance_end: Share = 1.0
    """Share of the steps after which the unit stops to act."""

    control_mode: Literal["Balanced", "My prompt is more important", "ControlNet is more important"] = (
        "Balanced"
    )
    """Who wins where prompt and control picture disagree."""

    resize_mode: Literal["Just Resize", "Crop and Resize", "Resize and Fill"] = "Crop and Resize"
    """How the control picture is fitted to the result."""

    pixel_perfect: bool = False
    """Let the extension choose the preprocessor's resolution."""

    processor_res: int | None = Field(default=None, ge=64, le=2048)
    """Pixels of the shorter side for the preprocessor."""

    threshold_a: float | None = None
    """First parameter of the preprocessor, in its own units."""

    threshold_b: float | None = None
    """Second parameter of the preprocessor, in its own units."""

    low_vram: bool | None = None
    """Move the model out of the GPU between steps."""

    def check(self) -> None:
        """Refuse what would not run, or be ignored."""
        super().check()
        if self.guidance_start > self.guidance_end:
            raise ValueError("guidance_start must not be after guidance_end")
        if self.model is None and not self.module.startswith("reference"):
            raise ValueError(
                f"module {self.module!r} needs a model; without one the server ignores the unit silently"
            )


class ADetailer(Request):
    """One pass of the ADetailer extension: find faces or hands and repaint them larger."""

    ad_model: Name = "face_yolov8n.pt"
    """The detector's file name on the server."""

    ad_prompt: str | None = None
    """What to repaint it as; unset: the request's prompt."""

    ad_negative_prompt: str | None = None
    """What to avoid while repainting; unset: the request's negative prompt."""

    ad_confidence: Share | None = None
    """Detections below this are left alone."""

    ad_denoising_strength: Share | None = None
    """How much may change; 0 keeps the picture."""

    ad_mask_blur: int | None = Field(default=None, ge=0, le=64)
    """Blur of the detection's edge, in pixels."""

    ad_inpaint_only_masked_padding: int | None = Field(default=None, ge=0, le=256)
    """Pixels around the detection that are seen while repainting."""


class SoftInpainting(Request):
    """A1111's own script that blends a soft mask by the amount of change, not by its edge (img2img)."""

    schedule_bias: float = Field(default=1, ge=0, le=8)
    """Above 1 keeps more of the original early in the run."""

    preservation_strength: float = Field(default=0.5, ge=0, le=8)
    """How strongly partly masked content is kept."""

    transition_contrast_boost: float = Field(default=4, ge=1, le=32)
    """Sharpness of the transition between kept and new."""

    mask_influence: Share = 0.0
    """How much the mask itself decides, rather than the difference."""

    difference_threshold: float = Field(default=0.5, ge=0, le=8)
    """How much a pixel may change before it counts as new."""

    difference_contrast: float = Field(default=2, ge=0, le=8)
    """Sharpness of the decision by `difference_threshold`."""


class Script(Request):
    """Any script of the server by its title; checked against script-info before it is sent.

    The way out for extensions that prodgen has no type for.
    """

    title: Name
    """A title from `/sdapi/v1/scripts`; case does not matter."""

    args: tuple[JsonValue, ...] = ()
    """Arguments in the order of script-info; those missing at the end keep the server's default."""

    always_on: bool = True
    """False: the one selectable script of the request, which needs all its arguments."""
