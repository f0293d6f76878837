"""The dialect of AUTOMATIC1111's web UI, v1.9 and v1.10; the others differ from it in a few points.

Turns requests into the fields of /sdapi/v1 and names the routes. It is no transport: it sends
nothing, decodes no picture, and asks nothing of a server but what `Capabilities` say.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, ClassVar

from prodgen.dialects import ic_light
from prodgen.dialects.payload import Payload, SentPicture
from prodgen.errors import (
    AnswerError,
    MissingExtensionError,
    NotAppliedError,
    SettingError,
    UnknownNameError,
    UnsupportedFeatureError,
)
from prodgen.images import RgbImage
from prodgen.schema import (
    Capabilities,
    ControlNetUnit,
    Drawing,
    ICLight,
    Img2Img,
    Lora,
    Script,
    ScriptArgument,
    ScriptInfo,
    SoftInpainting,
    Txt2Img,
    Upscale,
)

_FILLS = {"fill": 0, "original": 1, "latent_noise": 2, "latent_nothing": 3}
_RESIZE_MODES = {"stretch": 0, "crop": 1, "fill": 2, "latent": 3}

_SPELLED = frozenset(
    {
        "prompt",
        "styles",
        "checkpoint",
        "vae",
        "clip_skip",
        "override_settings",
        "loras",
        "ic_light",
        "controlnet",
        "adetailer",
        "scripts",
        "init_image",
        "inpaint_mask",
        "inpainting_fill",
        "inpainting_mask_invert",
        "resize_mode",
        "soft_inpainting",
    }
)
"""Fields that are spelled in another way than ours; all others are sent as they are."""

WITHOUT_IC_LIGHT = "or use --recipe inpaint, which needs none"
"""The other way, on every kind of server."""

WITHOUT_REFERENCE_UNIT = "leave out --reference-by, and the scene is drawn over the reference picture itself"
"""The other way to a picture's look, on every server with a diffusion model."""

IC_LIGHT_REMEDY = (
    f"install sd-forge-ic-light and sd-webui-model-patcher (install_backend.sh does), {WITHOUT_IC_LIGHT}"
)


class A1111:
    """The reference: other dialects override what differs, and nothing else."""

    name: ClassVar[str] = "a1111"
    """Name by which a user chooses this dialect."""

    title: ClassVar[str] = "A1111"
    """Name of this kind of server in sentences."""

    version_marks: ClassVar[tuple[str, ...]] = ("v1.",)
    """How the version that such a server names begins."""

    picture_formats: ClassVar[frozenset[str]] = frozenset({"bmp", "tiff", "webp", "png"})
    """Lossless formats that the server decodes as sent (checked to the bit on A1111 1.10)."""

    missing_routes: ClassVar[frozenset[str]] = frozenset({"modules"})
    """Names of `ROUTES` that this kind of server does not have."""

    tells_extra_parameters: ClassVar[bool] = True
    """Whether `info` tells about scheduler, LoRAs and the like, so that a lack of it proves something."""

    names_its_errors: ClassVar[bool] = True
    """Whether an error's answer says what went wrong, rather than "Internal Server Error"."""

    has_console: ClassVar[bool] = True
    """Whether it runs in a console of its own, which says more than its answers."""

    remedies: ClassVar[Mapping[str, str]] = {
        "IC-Light": IC_LIGHT_REMEDY,
        "ControlNet": "install the extension sd-webui-controlnet",
        "ADetailer": "install the extension adetailer",
        "reference pictures": "install or update the extension sd-webui-controlnet (its reference_only needs "
        f"no model), and put an IP-Adapter into models/ControlNet; or {WITHOUT_REFERENCE_UNIT}",
        "relighting": "It needs A1111 1.10 or later, sd-webui-model-patcher, and the weight file {model!r} "
        "in models/ic-light or models/unet; the server's console says which is missing.",
        "something idle": NotAppliedError.remedy,
        "a bad answer": AnswerError.remedy,
    }
    """How to get what such a server lacks. "relighting" is for an IC-Light that is there and does not run,
    "something idle" for what was asked for and did not run, "a bad answer" for one that cannot be read."""

    checkpoint_option: ClassVar[str] = "sd_model_checkpoint"
    clip_skip_option: ClassVar[str] = "CLIP_stop_at_last_layers"

    def remedy(self, lack: str) -> str:
        """Return what to do about one of `remedies`."""
        return self.remedies[lack]

    @classmethod
    def has_these_routes(cls, routes: Collection[str]) -> bool:
        """Whether a server that answered these of `ROUTES`, and no others, is surely of this kind."""
        return False

    def txt2img(self, request: Txt2Img, capabilities: Capabilities, *, task_id: str) -> Payload:
        """Spell a request to draw from a prompt.

        Raises:
            UnsupportedFeatureError: If this kind of server cannot do something asked for.
            SettingError: If a name or a number of arguments is wrong for this server.
        """
        fields = self._drawing(request, capabilities, is_img2img=False)
        if request.ic_light is not None:
            arguments, _ = self.ic_light(request.ic_light, capabilities, light_map=None)
            self._add_script(fields, ic_light.TITLE, arguments)
        return Payload("/sdapi/v1/txt2img", {**fields, **self.task(task_id)})

    def img2img(self, request: Img2Img, capabilities: Capabilities, *, task_id: str) -> Payload:
        """Spell a request to draw over a picture; with IC-Light, the init picture is the light map.

        Raises:
            UnsupportedFeatureError: If this kind of server cannot do something asked for.
            SettingError: If a name or a number of arguments is wrong for this server.
        """
        fields = self._drawing(request, capabilities, is_img2img=True)
        init: SentPicture | None = SentPicture(request.init_image)
        if request.ic_light is not None:
            arguments, init = self.ic_light(request.ic_light, capabilities, light_map=request.init_image)
            self._add_script(fields, ic_light.TITLE, arguments)
        fields["init_images"] = [init]
        fields.update(self.inpainting(request))
        if request.resize_mode is not None:
            fields["resize_mode"] = _RESIZE_MODES[request.resize_mode]
        if request.soft_inpainting is not None:
            title, arguments = self.soft_inpainting(request.soft_inpainting, capabilities)
            self._add_script(fields, title, arguments)
        return Payload("/sdapi/v1/img2img", {**fields, **self.task(task_id)})

    def upscale(self, request: Upscale) -> Payload:
        """Spell a request to enlarge a picture."""
        plain = {k: v for k, v in request.sent_fields.items() if k not in ("image", "matte")}
        fields = {
            **plain,
            "resize_mode": 0 if request.upscaling_resize is not None else 1,
            "image": SentPicture(request.image, request.matte),
        }
        return Payload("/sdapi/v1/extra-single-image", fields)

    # What a dialect may spell differently.

    def prompt(self, prompt: str, loras: tuple[Lora, ...]) -> dict[str, Any]:
        """Return the fields that carry prompt and LoRAs: here, LoRAs are tags in the prompt."""
        tags = [f"<lora:{lora.name}:{lora.weight:g}>" for lora in loras]
        return {"prompt": " ".join([prompt, *tags]) if prompt else " ".join(tags)}

    def overrides(self, request: Drawing) -> dict[str, Any]:
        """Return the options that hold for this request only."""
        options: dict[str, Any] = dict(request.override_settings)
        if request.checkpoint is not None:
            options[self.checkpoint_option] = request.checkpoint
        if request.vae is not None:
            options.update(self.vae(request.vae))
        if request.clip_skip is not None:
            options[self.clip_skip_option] = request.clip_skip
        return options

    def vae(self, name: str) -> dict[str, Any]:
        """Return the option that chooses a VAE."""
        return {"sd_vae": name}

    def task(self, task_id: str) -> dict[str, Any]:
        """Return the field by which our own work can be asked after."""
        return {"force_task_id": task_id} if task_id else {}

    def ic_light(
        self, unit: ICLight, capabilities: Capabilities, *, light_map: RgbImage | None
    ) -> tuple[list[Any], SentPicture | None]:
        """Return IC-Light's arguments and the init picture that goes with them.

        Raises:
            MissingExtensionError: If the server has no IC-Light, or one with a spelling unknown here.
        """
        if capabilities.ic_light is None:
            raise MissingExtensionError("IC-Light", self.title, self.remedy("IC-Light"))
        return ic_light.spell(unit, capabilities, light_map=light_map)

    def controlnet(self, unit: ControlNetUnit) -> dict[str, Any]:
        """Return one ControlNet unit as the extension wants it."""
        fields: dict[str, Any] = {"enabled": True, **unit.sent_fields}
        fields["model"] = unit.model or "None"
        if unit.image is not None:
            fields["image"] = SentPicture(unit.image)
        if unit.mask is not None:
            fields["mask"] = SentPicture(matte=unit.mask)
        return fields

    def soft_inpainting(self, unit: SoftInpainting, capabilities: Capabilities) -> tuple[str, list[Any]]:
        """Return title and arguments of the soft inpainting script.

        Raises:
            UnsupportedFeatureError: If the server lists its scripts and this one is not among them.
        """
        if capabilities.scripts and capabilities.script("soft inpainting", is_img2img=True) is None:
            raise UnsupportedFeatureError("soft inpainting", self.title)
        return "Soft Inpainting", [True, *unit.sent_fields.values()]

    def inpainting(self, request: Img2Img) -> dict[str, Any]:
        """Return the fields of a mask; without one, none are sent."""
        if request.inpaint_mask is None:
            return {}
        fields: dict[str, Any] = {"mask": SentPicture(matte=request.inpaint_mask)}
        if request.inpainting_fill is not None:
            fields["inpainting_fill"] = _FILLS[request.inpainting_fill]
        if request.inpainting_mask_invert is not None:
            fields["inpainting_mask_invert"] = int(request.inpainting_mask_invert)
        return fields

    # What is the same everywhere.

    def _drawing(self, request: Drawing, capabilities: Capabilities, *, is_img2img: bool) -> dict[str, Any]:
        fields = {k: v for k, v in request.sent_fields.items() if k not in _SPELLED}
        if isinstance(request, Img2Img) and request.inpaint_mask is None:
            fields.pop("inpaint_full_res", None)
        fields.update(self.prompt(request.prompt, request.loras))
        if request.styles:
            fields["styles"] = list(request.styles)
        if options := self.overrides(request):
            fields["override_settings"] = options
            fields["override_settings_restore_afterwards"] = True
        if request.controlnet:
            if capabilities.scripts and not capabilities.controlnet:
                raise MissingExtensionError("ControlNet", self.title, self.remedy("ControlNet"))
            self._add_script(fields, "ControlNet", [self.controlnet(unit) for unit in request.controlnet])
        if request.adetailer:
            if capabilities.scripts and capabilities.script("adetailer", is_img2img=is_img2img) is None:
                raise MissingExtensionError("ADetailer", self.title, self.remedy("ADetailer"))
            passes = [unit.sent_fields for unit in request.adetailer]
            self._add_script(fields, "ADetailer", [True, False, *passes])
        for script in request.scripts:
            self._add_any(fields, script, capabilities, is_img2img=is_img2img)
        return fields

    def _add_any(
        self, fields: dict[str, Any], script: Script, capabilities: Capabilities, *, is_img2img: bool
    ) -> None:
        known = capabilities.script(script.title, is_img2img=is_img2img)
        if known is None and capabilities.scripts:
            names = [x.name for x in capabilities.scripts if x.is_img2img == is_img2img]
            raise UnknownNameError("script", script.title, names)
        if known is not None:
            check_arguments(script, known)
        if script.always_on:
            self._add_script(fields, script.title, list(script.args))
        else:
            fields["script_name"] = script.title
            fields["script_args"] = list(script.args)

    @staticmethod
    def _add_script(fields: dict[str, Any], title: str, arguments: list[Any]) -> None:
        fields.setdefault("alwayson_scripts", {})[title] = {"args": arguments}


def check_arguments(script: Script, known: ScriptInfo) -> None:
    """Refuse what a server would answer with a puzzling error, or swallow.

    Args:
        script: What is to be sent.
        known: What the server says of it.

    Raises:
        SettingError: If the script is of the other kind, or the number of arguments or one of them
            is wrong.
    """
    title, count = script.title, len(known.args)
    if script.always_on != known.is_alwayson:
        kind = "always-on" if known.is_alwayson else "selectable"
        raise SettingError(f"script {title!r} is {kind} on this server; set always_on accordingly")
    if len(script.args) > count:
        raise SettingError(f"script {title!r} takes {count} arguments, not {len(script.args)}")
    if not known.is_alwayson and len(script.args) < count:
        raise SettingError(f"script {title!r} needs all {count} arguments, not {len(script.args)}")
    for number, (value, argument) in enumerate(zip(script.args, known.args, strict=False)):
        what = f"script {title!r}: argument {number} ({argument.label or 'without a label'})"
        _check_value(value, argument, what)


def _check_value(value: object, argument: ScriptArgument, what: str) -> None:
    choices = [choice for choice in argument.choices or () if isinstance(choice, str)]
    if isinstance(value, str) and choices and value not in choices:
        raise UnknownNameError(f"choice for {what}", value, choices)
    if isinstance(value, int | float) and not isinstance(value, bool):
        low = argument.minimum if argument.minimum is not None else value
        high = argument.maximum if argument.maximum is not None else value
        if not low <= value <= high:
            raise SettingError(f"{what} must be from {low:g} to {high:g}, not {value:g}")


ROUTES: Mapping[str, str] = {
    "samplers": "/sdapi/v1/samplers",
    "schedulers": "/sdapi/v1/schedulers",
    "upscalers": "/sdapi/v1/upscalers",
    "latent_upscale_modes": "/sdapi/v1/latent-upscale-modes",
    "checkpoints": "/sdapi/v1/sd-models",
    "vaes": "/sdapi/v1/sd-vae",
    "loras": "/sdapi/v1/loras",
    "embeddings": "/sdapi/v1/embeddings",
    "styles": "/sdapi/v1/prompt-styles",
    "scripts": "/sdapi/v1/script-info",
    "options": "/sdapi/v1/options",
    "progress": "/sdapi/v1/progress",
    "modules": "/sdapi/v1/sd-modules",
}
"""What a server is asked for, by our name for it."""
