"""The three spellings of IC-Light's arguments, told apart by their number in script-info.

All were written as extensions for the same page; what differs is the order, and in one of them
which picture is called the foreground in img2img.
"""

from __future__ import annotations

from typing import Any

from prodgen.dialects.payload import SentPicture
from prodgen.errors import UnknownNameError, UnsupportedFeatureError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, ICLight, ICLightSpelling, ScriptInfo

TITLE = "IC Light"
"""Title of the IC-Light script, in all three extensions."""

SPELLING_BY_ARGUMENTS: dict[int, ICLightSpelling] = {
    1: "dict",
    13: "positional-13",
    15: "positional-15",
}
"""Number of arguments in script-info -> spelling."""

USUAL_MODELS = {"fc": "IC-Light.SD15.FC", "fbc": "IC-Light.SD15.FBC"}
"""Stems of the weight files under the names that everyone downloads them by."""

_SIDES = {
    "left": "Left Light",
    "right": "Right Light",
    "top": "Top Light",
    "bottom": "Bottom Light",
    "ambient": "Ambient",
}
_UPLOADED = "Use Background Image"


def spelling_of(script: ScriptInfo | None) -> ICLightSpelling | None:
    """Return how the extension behind `script` wants its arguments; None if it is unknown."""
    return SPELLING_BY_ARGUMENTS.get(len(script.args)) if script else None


def models_of(script: ScriptInfo | None) -> tuple[str, ...]:
    """Return the model names that script-info offers; the dict spelling offers none."""
    if script is None or len(script.args) < 2:
        return ()
    return tuple(str(choice) for choice in script.args[1].choices or ())


def spell(
    unit: ICLight, capabilities: Capabilities, *, light_map: RgbImage | None
) -> tuple[list[Any], SentPicture | None]:
    """Return the script's arguments, and what to send as the init picture.

    Args:
        unit: What is wanted.
        capabilities: Of the server; its `ic_light` must not be None.
        light_map: The init picture of an img2img request, None in txt2img.

    Raises:
        UnsupportedFeatureError: If this spelling of the extension ignores something asked for.
        UnknownNameError: If the model is not among the names that the server offers.
    """
    model = unit.model or USUAL_MODELS[unit.mode]
    if capabilities.ic_light_models and model not in capabilities.ic_light_models:
        raise UnknownNameError(
            "IC-Light model",
            model,
            capabilities.ic_light_models,
            "(weights belong into models/ic-light or models/unet)",
        )
    if capabilities.ic_light == "dict":
        return _as_dict(unit, model, light_map)
    script = capabilities.script(TITLE, is_img2img=light_map is not None)
    if capabilities.ic_light == "positional-15":
        return _as_fifteen(unit, model, light_map, script)
    return _as_thirteen(unit, model, light_map, script)


def _subject(unit: ICLight) -> SentPicture:
    return SentPicture(unit.foreground, unit.matte)


def _picture(rgb: RgbImage | None) -> SentPicture | None:
    return None if rgb is None else SentPicture(rgb)


def _as_dict(unit: ICLight, model: str, light_map: RgbImage | None) -> tuple[list[Any], SentPicture | None]:
    if light_map is not None and unit.mode == "fbc":
        raise UnsupportedFeatureError("IC-Light fbc in img2img (use txt2img)", "IC-Light (one dict)")
    arguments = {
        "enabled": True,
        "model_type": model,
        "input_fg": _subject(unit),
        "uploaded_bg": _picture(unit.background),
        "bg_source_fc": "None",
        "bg_source_fbc": _SIDES[unit.light_side] if unit.light_side else _UPLOADED,
        # We send the cut-out ourselves; the default would segment it once more.
        "remove_bg": False,
        # The default through the API is true, on the page false.
        "reinforce_fg": unit.reinforce_fg,
        "detail_transfer": unit.detail_transfer,
        "detail_transfer_use_raw_input": unit.detail_transfer_use_raw_input,
        "detail_transfer_blur_radius": unit.detail_transfer_blur_radius or 5,
    }
    return [arguments], _picture(light_map)


def _defaults(script: ScriptInfo | None, position: int, usual: tuple[Any, ...]) -> list[Any]:
    """Return the server's own defaults from `position` on, where script-info has them, else the `usual`."""
    if script is None or len(script.args) < position + len(usual):
        return list(usual)
    values = [script.args[position + i].value for i in range(len(usual))]
    return [usual[i] if value is None else value for i, value in enumerate(values)]


_REMBG_USUAL = ("u2net_human_seg", 225, 16, 16)


def _as_thirteen(
    unit: ICLight, model: str, light_map: RgbImage | None, script: ScriptInfo | None
) -> tuple[list[Any], SentPicture | None]:
    if unit.light_side is not None:
        raise UnsupportedFeatureError("light_side (give a background picture)", "IC-Light 2.0")
    if unit.reinforce_fg and not unit.detail_transfer:
        raise UnsupportedFeatureError("reinforce_fg without detail_transfer", "IC-Light 2.0")
    # In img2img this one calls the light map "foreground" and takes the subject as init picture.
    foreground = _subject(unit) if light_map is None else SentPicture(light_map)
    init = None if light_map is None else _subject(unit)
    arguments = [
        True,
        model,
        foreground,
        _picture(unit.background),
        False,
        *_defaults(script, 5, _REMBG_USUAL),
        unit.detail_transfer,
        unit.detail_transfer_use_raw_input,
        unit.detail_transfer_blur_radius or 3,
        unit.reinforce_fg,
    ]
    return arguments, init


def _as_fifteen(
    unit: ICLight, model: str, light_map: RgbImage | None, script: ScriptInfo | None
) -> tuple[list[Any], SentPicture | None]:
    """Spell for the fork of 2024-07 to 2025-04: the dict's keys, one after the other.

    In img2img it takes its "foreground" for the light map without decoding it, so that over the API
    it always fails, silently; read in its source, not run.
    """
    if light_map is not None:
        raise UnsupportedFeatureError("IC-Light in img2img (use txt2img)", "IC-Light (15 arguments)")
    arguments = [
        True,
        model,
        "None",
        _SIDES[unit.light_side] if unit.light_side else _UPLOADED,
        _subject(unit),
        _picture(unit.background),
        False,
        *_defaults(script, 7, _REMBG_USUAL),
        unit.detail_transfer,
        unit.detail_transfer_use_raw_input,
        unit.detail_transfer_blur_radius or 5,
        False,
    ]
    return arguments, None
