"""stable-diffusion.cpp's server: the same two drawing routes, and little else. Read in its source."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from prodgen.dialects.a1111 import A1111, WITHOUT_REFERENCE_UNIT
from prodgen.dialects.payload import Payload, SentPicture
from prodgen.errors import SettingError, UnsupportedFeatureError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, Drawing, ICLight, Img2Img, Lora, Upscale

_IGNORED = ("n_iter", "styles", "subseed", "subseed_strength", "restore_faces", "tiling", "checkpoint", "vae")


class StableDiffusionCpp(A1111):
    """Differs in much: LoRAs are a field, there are no scripts, options or extras; masks are plain."""

    name: ClassVar[str] = "sdcpp"
    title: ClassVar[str] = "stable-diffusion.cpp"
    remedies: ClassVar[Mapping[str, str]] = {
        **A1111.remedies,
        "IC-Light": "use --recipe inpaint there",
        "reference pictures": WITHOUT_REFERENCE_UNIT,
    }
    version_marks: ClassVar[tuple[str, ...]] = ("stable-diffusion.cpp",)
    # Its decoder (stb_image) reads neither TIFF nor WebP.
    picture_formats: ClassVar[frozenset[str]] = frozenset({"bmp", "png"})
    missing_routes: ClassVar[frozenset[str]] = frozenset(
        {
            "upscalers",
            "latent_upscale_modes",
            "vaes",
            "embeddings",
            "styles",
            "scripts",
            "progress",
            "modules",
        }
    )
    tells_extra_parameters: ClassVar[bool] = False

    @classmethod
    def has_these_routes(cls, routes: Collection[str]) -> bool:
        """Return True where there is neither progress nor a list of scripts."""
        return not {"progress", "scripts", "modules"} & set(routes)

    def prompt(self, prompt: str, loras: tuple[Lora, ...]) -> dict[str, Any]:
        """Return LoRAs as a list; this server ignores tags inside a prompt.

        Raises:
            SettingError: If there is no prompt; this server wants one.
        """
        if not prompt:
            raise SettingError(f"prompt: {self.title} needs one")
        items = [{"path": f"{lora.name}.safetensors", "multiplier": lora.weight} for lora in loras]
        return {"prompt": prompt, "lora": items} if items else {"prompt": prompt}

    def task(self, task_id: str) -> dict[str, Any]:
        """Return nothing: there are no task ids."""
        return {}

    def overrides(self, request: Drawing) -> dict[str, Any]:
        """Refuse options; clip skip is a field of its own.

        Raises:
            UnsupportedFeatureError: If there are any.
        """
        if request.override_settings:
            raise UnsupportedFeatureError("override_settings", self.title)
        return {}

    def ic_light(
        self, unit: ICLight, capabilities: Capabilities, *, light_map: RgbImage | None
    ) -> tuple[list[Any], SentPicture | None]:
        """Refuse: this server has no extensions."""
        raise UnsupportedFeatureError("IC-Light", self.title, self.remedy("IC-Light"))

    def upscale(self, request: Upscale) -> Payload:
        """Refuse: this server has no such route."""
        raise UnsupportedFeatureError("upscaling", self.title)

    def inpainting(self, request: Img2Img) -> dict[str, Any]:
        """Return the mask; its finer settings do not exist here."""
        fields = super().inpainting(request)
        fields.pop("inpainting_fill", None)
        return fields

    def _drawing(self, request: Drawing, capabilities: Capabilities, *, is_img2img: bool) -> dict[str, Any]:
        scripted = ("controlnet", "adetailer", "scripts", *_IGNORED)
        values = {name: getattr(request, name) for name in scripted}
        # By identity: True equals 1, and 0 equals False, but a subseed of 0 is asked for.
        asked = [name for name, value in values.items() if value not in (None, ()) and value is not False]
        if values["n_iter"] == 1:
            asked.remove("n_iter")
        if isinstance(request, Img2Img) and (request.soft_inpainting or request.inpaint_full_res):
            asked.append("soft_inpainting or inpaint_full_res")
        if asked:
            raise UnsupportedFeatureError(", ".join(asked), self.title)
        fields = super()._drawing(request, capabilities, is_img2img=is_img2img)
        if request.clip_skip is not None:
            fields["clip_skip"] = request.clip_skip
        if "hr_second_pass_steps" in fields:
            fields["hr_steps"] = fields.pop("hr_second_pass_steps")
        for name in ("mask_blur", "mask_round", "inpaint_full_res", "inpaint_full_res_padding"):
            fields.pop(name, None)
        return fields
