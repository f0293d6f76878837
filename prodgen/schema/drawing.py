"""The two requests that draw: from a prompt, and from a picture.

Field names are A1111's; values are checked for what that server is known to accept silently and
then do something else with (sizes off the grid, dead settings, IC-Light with several iterations).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue, model_validator

from prodgen.schema import units
from prodgen.schema.request import MatteField, Name, Request, RgbField, Seed, Share, Side, size_text
from prodgen.schema.units import ADetailer, ControlNetUnit, ICLight, Lora, Script, SoftInpainting

InpaintingFill = Literal["fill", "original", "latent_noise", "latent_nothing"]
"""What the repainted area starts from."""

ResizeMode = Literal["stretch", "crop", "fill", "latent"]
"""How an init picture of another size is fitted."""

DEFAULT_STEPS = 20
"""The A1111 page's default. The API's own is 50, so steps are always sent."""


class Drawing(Request):
    """What both kinds of generation have in common. Not a request by itself."""

    prompt: str
    """What to draw. `#` starts a comment on A1111, which is cut out."""

    negative_prompt: str | None = None
    """What to avoid; without effect at cfg_scale 1."""

    seed: Seed
    """Decides the first picture; picture i of a batch has seed + i."""

    width: Side
    """Width in pixels, a multiple of 8."""

    height: Side
    """Height in pixels, a multiple of 8."""

    steps: int = Field(default=DEFAULT_STEPS, ge=1, le=1000)
    """Sampling steps."""

    cfg_scale: float | None = Field(default=None, ge=0, le=30)
    """How closely the prompt is followed; the server's default is 7."""

    sampler_name: Name | None = None
    """A name from the server's list, to the letter: A1111 replaces unknown names silently."""

    scheduler: Name | None = None
    """A name or label from the server's list; unset: the sampler's own schedule."""

    batch_size: int = Field(default=1, ge=1, le=64)
    """Pictures drawn at once, with seed, seed + 1, ..."""

    n_iter: int | None = Field(default=None, ge=1, le=1000)
    """Batches drawn one after the other; impossible with IC-Light."""

    subseed: Seed | None = None
    """The second seed, mixed in by `subseed_strength`."""

    subseed_strength: Share | None = None
    """Share of the second seed's noise."""

    eta: float | None = Field(default=None, ge=0, le=1)
    """Noise multiplier of ancestral samplers."""

    s_churn: float | None = Field(default=None, ge=0, le=100)
    """Sampler parameter sigma churn."""

    s_min_uncond: float | None = Field(default=None, ge=0, le=15)
    """Skip the negative prompt on steps below this sigma."""

    s_noise: float | None = Field(default=None, ge=0, le=2)
    """Sampler parameter sigma noise."""

    s_tmin: float | None = Field(default=None, ge=0, le=100)
    """Sampler parameter sigma tmin."""

    s_tmax: float | None = Field(default=None, ge=0, le=1000)
    """Sampler parameter sigma tmax."""

    restore_faces: bool | None = None
    """Run the server's face restoration over the result."""

    tiling: bool | None = None
    """Draw a picture that tiles without a seam."""

    styles: tuple[Name, ...] = ()
    """The server's saved prompt styles; it ignores unknown ones, so they are checked."""

    checkpoint: Name | None = None
    """Checkpoint for this request only, by title, model name, hash or file name."""

    vae: Name | None = None
    """VAE for this request only; "Automatic" and "None" are allowed."""

    clip_skip: int | None = Field(default=None, ge=1, le=12)
    """Layers of the text encoder left out at its end, counted from 1 (none)."""

    refiner_checkpoint: Name | None = None
    """A second model that takes over at `refiner_switch_at`."""

    refiner_switch_at: Share | None = None
    """Share of the steps after which the refiner takes over."""

    disable_extra_networks: bool | None = None
    """Ignore LoRA tags written in the prompt."""

    loras: tuple[Lora, ...] = ()
    """LoRAs to apply; checked against the server's list."""

    ic_light: ICLight | None = None
    """Relight with IC-Light."""

    controlnet: tuple[ControlNetUnit, ...] = ()
    """ControlNet units, in order."""

    adetailer: tuple[ADetailer, ...] = ()
    """ADetailer passes, in order."""

    scripts: tuple[Script, ...] = ()
    """Other scripts of the server; at most one that is not always-on."""

    override_settings: dict[str, JsonValue] = Field(default_factory=dict)
    """Options of the server for this request only, by its own names."""

    @model_validator(mode="before")
    @classmethod
    def _as_the_demo(cls, values: Any) -> Any:
        """Fill in what IC-Light's own demo uses where an IC-Light request leaves it open."""
        if not isinstance(values, dict) or values.get("ic_light") is None:
            return values
        usual = {
            "cfg_scale": units.IC_LIGHT_CFG_SCALE,
            "steps": units.IC_LIGHT_STEPS,
            "sampler_name": units.IC_LIGHT_SAMPLER,
            "scheduler": units.IC_LIGHT_SCHEDULER,
        }
        if values.get("sampler_name") is not None:
            # Another sampler brings its own schedule unless one was chosen with it.
            del usual["scheduler"]
        return {**values, **{name: value for name, value in usual.items() if values.get(name) is None}}

    def check(self) -> None:
        """Refuse what would not run, or be ignored."""
        super().check()
        if self.ic_light is not None and (self.n_iter or 1) > 1:
            raise ValueError("n_iter above 1 always fails with IC-Light; use batch_size or several requests")
        if (self.refiner_checkpoint is None) != (self.refiner_switch_at is None):
            raise ValueError("refiner_checkpoint and refiner_switch_at are of use only together")
        if (self.subseed is None) != (self.subseed_strength is None):
            raise ValueError("subseed and subseed_strength are of use only together")
        if sum(not script.always_on for script in self.scripts) > 1:
            raise ValueError("scripts: only one that is not always-on can run in a request")
        names = [lora.name for lora in self.loras]
        if len(names) != len(set(names)):
            raise ValueError("loras: the same name twice")

    @property
    def count(self) -> int:
        """How many results this asks for."""
        return self.batch_size * (self.n_iter or 1)


class Txt2Img(Drawing):
    """Draw pictures from a prompt; with `enable_hr`, enlarge and draw once more on top."""

    denoising_strength: Share | None = None
    """How much the second pass may change; needs `enable_hr`, and that needs it."""

    enable_hr: bool | None = None
    """Enlarge the result and draw it once more (hires fix)."""

    hr_scale: Annotated[float, Field(ge=1, le=8)] | None = None
    """Factor of the enlargement; the server's default is 2."""

    hr_resize_x: Side | None = None
    """Width of the enlargement in pixels, in place of `hr_scale`."""

    hr_resize_y: Side | None = None
    """Height of the enlargement in pixels, in place of `hr_scale`."""

    hr_upscaler: Name | None = None
    """An upscaler or a latent mode of the server; its default is "Latent"."""

    hr_second_pass_steps: int | None = Field(default=None, ge=0, le=1000)
    """Steps of the second pass; 0 means as many as `steps`."""

    hr_checkpoint_name: Name | None = None
    """Another checkpoint for the second pass."""

    hr_sampler_name: Name | None = None
    """Another sampler for the second pass."""

    hr_scheduler: Name | None = None
    """Another scheduler for the second pass."""

    hr_prompt: str | None = None
    """Another prompt for the second pass."""

    hr_negative_prompt: str | None = None
    """Another negative prompt for the second pass."""

    def check(self) -> None:
        """Refuse what would not run, or be ignored."""
        super().check()
        asked = [name for name in self.sent_fields if name.startswith("hr_")]
        if self.enable_hr and self.denoising_strength is None:
            raise ValueError("enable_hr needs denoising_strength; the server fails without it")
        if not self.enable_hr and self.denoising_strength is not None:
            raise ValueError("denoising_strength has no effect in txt2img without enable_hr")
        if not self.enable_hr and asked:
            raise ValueError(f"{', '.join(asked)}: without effect unless enable_hr is set")
        if self.ic_light is not None and self.ic_light.reinforce_fg:
            raise ValueError("ic_light.reinforce_fg has an effect in img2img only")
        if self.hr_scale is not None and (self.hr_resize_x or self.hr_resize_y):
            raise ValueError("hr_scale and hr_resize_x/hr_resize_y exclude each other")


class Img2Img(Drawing):
    """Draw over a picture: all of it, or with `inpaint_mask` a part of it.

    With `ic_light`, `init_image` is the light map (where the light comes from), whatever role the
    server's extension calls it by.
    """

    init_image: RgbField
    """The picture to start from, sRGB, [0, 1]."""

    denoising_strength: Share | None = None
    """0 keeps the picture, 1 ignores it; the server's default is 0.75."""

    inpaint_mask: MatteField | None = None
    """1 = repaint; same size as `init_image`. Where it is 0 pixels come back to the bit."""

    inpainting_fill: InpaintingFill | None = None
    """What the repainted area starts from; the server's default is "fill"."""

    inpaint_full_res: bool = False
    """Draw the masked area alone at the request's size and paste it back; the result then has the
    size of `init_image`. Always sent, because the server's default is true."""

    inpaint_full_res_padding: int | None = Field(default=None, ge=0, le=512)
    """Pixels around the mask that are seen (full_res only)."""

    inpainting_mask_invert: bool | None = None
    """Repaint where the mask is 0 instead."""

    mask_blur: int | None = Field(default=None, ge=0, le=256)
    """Pixels; the server's default is 4. With 0, kept pixels stay to the bit up to the mask's edge."""

    mask_round: bool | None = None
    """False keeps grey mask values instead of rounding them per latent cell (for soft inpainting)."""

    resize_mode: ResizeMode | None = None
    """How an init picture of another size is fitted; the server's default is "stretch"."""

    image_cfg_scale: float | None = Field(default=None, ge=0, le=30)
    """For instruct-pix2pix models only."""

    initial_noise_multiplier: float | None = Field(default=None, ge=0, le=1.5)
    """Factor on the noise that is added first."""

    soft_inpainting: SoftInpainting | None = None
    """Blend a soft mask by the amount of change."""

    def check(self) -> None:
        """Refuse what would not run, or be ignored."""
        super().check()
        if self.inpaint_mask is None:
            idle = {
                "inpainting_fill",
                "inpaint_full_res_padding",
                "inpainting_mask_invert",
                "mask_blur",
                "mask_round",
                "soft_inpainting",
            } & self.sent_fields.keys()
            if self.inpaint_full_res:
                idle.add("inpaint_full_res")
            if idle:
                raise ValueError(f"{', '.join(sorted(idle))}: without effect unless there is an inpaint_mask")
            return
        if self.inpaint_mask.shape != self.init_image.shape[:2]:
            raise ValueError(
                f"inpaint_mask is {size_text(self.inpaint_mask)} but init_image is "
                f"{size_text(self.init_image)}; they must have the same size"
            )
        kept = self.inpaint_mask.min() if self.inpainting_mask_invert else 1 - self.inpaint_mask.max()
        if kept >= 0.5:
            raise ValueError("inpaint_mask is empty: there is nothing to repaint")
