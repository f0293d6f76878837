"""The ControlNet extension on the wire: its lists, its preprocessors by themselves, and its units.

Only an engine that has models for it gets this. A unit that the extension would pass over in silence is
refused here, with the reason.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

from prodgen.schema import model_names
from prodgen.server.control_sliders import RESOLUTION, Slider, sliders_of, thresholds_of
from prodgen.server.engine import EngineInventory
from prodgen.server.fields import Kind, Spec, as_bool, read_fields, spec_like
from prodgen.server.finer_settings import CONTROL_MODES, RESIZE_MODES, ControlOrder
from prodgen.server.listings import UNITS
from prodgen.server.state import Machine
from prodgen.server.wire import (
    HttpAnswer,
    Invalid,
    Pixels,
    Refused,
    UploadedPicture,
    encode_png,
    images_answer,
    read_picture,
    read_pictures,
    to_base64,
)

VERSION = 3
"""What the extension's last releases answer to /controlnet/version."""

_OLD_RESIZE_MODES = {"Scale to Fit (Inner Fit)": 1, "Inner Fit (Scale to Fit)": 1}
_OLD_RESIZE_MODES |= {"Envelope (Outer Fit)": 2, "Outer Fit (Shrink to Fit)": 2}

_ANYTHING = Spec(Kind(lambda value: value, {}))
_UNIT: Mapping[str, Spec] = {
    "enabled": Spec(Kind(as_bool, {}), True, nullable=False),
    "module": spec_like("none"),
    "model": _ANYTHING,
    "image": _ANYTHING,
    "input_image": _ANYTHING,
    "weight": spec_like(1.0),
    "guidance_start": spec_like(0.0),
    "guidance_end": spec_like(1.0),
    "control_mode": _ANYTHING,
    "resize_mode": _ANYTHING,
    "pixel_perfect": spec_like(False),
    "processor_res": _ANYTHING,
    "threshold_a": _ANYTHING,
    "threshold_b": _ANYTHING,
    "save_detected_map": spec_like(True),
    "mask": _ANYTHING,
    "mask_image": _ANYTHING,
    "effective_region_mask": _ANYTHING,
    "inpaint_crop_input_image": _ANYTHING,
    "hr_option": _ANYTHING,
}

DETECT: Mapping[str, Spec] = {
    "controlnet_module": spec_like("none"),
    "controlnet_input_images": spec_like([]),
    "controlnet_images": spec_like([]),
    "controlnet_processor_res": spec_like(-1),
    "controlnet_threshold_a": spec_like(-1.0),
    "controlnet_threshold_b": spec_like(-1.0),
    "controlnet_masks": spec_like([]),
    "low_vram": spec_like(False),
}
"""Fields of /controlnet/detect. The client `webuiapi` sends the pictures as "controlnet_images"."""

LISTS: Mapping[str, Callable[[EngineInventory], dict[str, Any]]] = {
    "/controlnet/version": lambda inventory: {"version": VERSION},
    "/controlnet/model_list": lambda inventory: {"model_list": list(inventory.controlnets)},
    "/controlnet/module_list": lambda inventory: {
        "module_list": list(_modules(inventory)),
        "module_detail": {
            name: {"model_free": False, "sliders": [one.listed for one in sliders_of(name)]}
            for name in _modules(inventory)
        },
    },
    "/controlnet/settings": lambda inventory: {"control_net_unit_count": UNITS},
}
"""GET routes of the extension."""


def detect(machine: Machine, body: dict[str, Any], left: threading.Event) -> HttpAnswer:
    """Answer POST /controlnet/detect: what a preprocessor makes of pictures, without drawing.

    Raises:
        Invalid, Refused, Crashed: As the extension does; and for a number out of its range.
    """
    values = read_fields(DETECT, body)
    module = _module(values["controlnet_module"])
    if module not in _modules(machine.inventory):
        raise Refused(422, "Module not available")
    sent = values["controlnet_input_images"] or values["controlnet_images"]
    if not sent:
        raise Refused(422, "No image selected")
    if values["controlnet_masks"]:
        raise Refused(422, "controlnet_masks are not heeded here; leave them out")
    try:
        resolution = int(_number(values["controlnet_processor_res"], RESOLUTION))
        first, second = _thresholds(
            module, values["controlnet_threshold_a"], values["controlnet_threshold_b"]
        )
    except _OutOfRange as error:
        raise Refused(422, str(error)) from None
    unit = partial(ControlOrder, module, "", processor_res=resolution, threshold_a=first, threshold_b=second)
    pictures = read_pictures(sent)
    with machine.lock.held(left):
        found = [machine.engine.detect(unit(picture.over(0, 0, 0))) for picture in pictures]
    poses = [one.pose for one in found if one.pose is not None]
    told = {"info": "Success", **({"poses": poses} if poses else {})}
    return images_answer("images", [to_base64(encode_png(one.pixels)) for one in found], told, last=True)


def read_units(
    arguments: object,
    inits: Sequence[UploadedPicture],
    inventory: EngineInventory,
    size: tuple[int, int],
    *,
    shows_maps: bool,
) -> tuple[ControlOrder, ...]:
    """Return the units of a call that are enabled.

    Args:
        arguments: The script's "args", or None if the request does not name the script.
        inits: The init images of an img2img call; the first stands in for a unit's own picture.
        inventory: What the engine has.
        size: Width and height to be drawn, for "pixel perfect".
        shows_maps: Whether maps are handed back, but for units that say no.

    Raises:
        Refused: For a unit that would not run, with the reason.
    """
    given = arguments if isinstance(arguments, list) else [] if arguments is None else [arguments]
    units = []
    for number, unit in enumerate(given):
        if not isinstance(unit, Mapping):
            raise _refusal(number, "it is no object with the fields of a unit")
        try:
            values = read_fields(_UNIT, unit)
        except Invalid as error:
            fault = error.faults[0]
            raise _refusal(number, f"{fault['loc'][-1]}: {fault['msg']}") from None
        if values["enabled"]:
            units.append(_unit(number, values, inits, inventory, size, shows_maps=shows_maps))
    return tuple(units)


def _unit(
    number: int,
    values: Mapping[str, Any],
    inits: Sequence[UploadedPicture],
    inventory: EngineInventory,
    size: tuple[int, int],
    *,
    shows_maps: bool,
) -> ControlOrder:
    for name in ("mask", "mask_image", "effective_region_mask", "inpaint_crop_input_image"):
        if values[name]:
            raise _refusal(number, f"{name} is not done here; leave it out")
    if values["hr_option"] not in (None, "Both", "HiResFixOption.BOTH"):
        raise _refusal(number, "a unit acts in both passes here; leave hr_option out")
    module = _module(values["module"])
    if module not in _modules(inventory):
        known = ", ".join(_modules(inventory))
        raise _refusal(
            number, f"there is no module {module!r}; there are {known}. 'none' takes a map as it is"
        )
    start, end = values["guidance_start"], values["guidance_end"]
    if not 0 <= start <= end <= 1:
        raise _refusal(number, f"guidance goes from 0 to 1, not from {start:g} to {end:g}")
    try:
        resolution = min(size) if values["pixel_perfect"] else _number(values["processor_res"], RESOLUTION)
        first, second = _thresholds(module, values["threshold_a"], values["threshold_b"])
    except _OutOfRange as error:
        raise _refusal(number, str(error)) from None
    return ControlOrder(
        module=module,
        model=_model(number, values["model"], inventory),
        picture=_picture(number, values, inits),
        weight=values["weight"],
        guidance_start=start,
        guidance_end=end,
        control_mode=_mode(number, "control_mode", values["control_mode"], CONTROL_MODES, 0),
        resize_mode=_mode(number, "resize_mode", values["resize_mode"], RESIZE_MODES, 1),
        processor_res=int(resolution),
        is_pixel_perfect=bool(values["pixel_perfect"]),
        threshold_a=first,
        threshold_b=second,
        shows_map=shows_maps and values["save_detected_map"],
    )


def _model(number: int, name: object, inventory: EngineInventory) -> str:
    for known in inventory.controlnets:
        if name == known or (isinstance(name, str) and model_names.same_file(name, known)):
            return known
    raise _refusal(number, f"there is no model {name!r}; there are {', '.join(inventory.controlnets)}")


def _picture(number: int, values: Mapping[str, Any], inits: Sequence[UploadedPicture]) -> Pixels:
    given = values["image"] or values["input_image"]
    if isinstance(given, Mapping):
        if given.get("mask"):
            raise _refusal(number, "a mask is not done here; leave it out")
        given = given.get("image")
    if given:
        return read_picture(given).over(0, 0, 0)
    if not inits:
        raise _refusal(number, "it has no picture")
    return inits[0].over(0, 0, 0)


def _mode(number: int, name: str, value: object, names: Sequence[str], default: int) -> int:
    if value is None:
        return default
    if isinstance(value, int) and 0 <= value < len(names):
        return int(value)
    found = {word: index for index, word in enumerate(names)} | _OLD_RESIZE_MODES
    if isinstance(value, str) and value in found:
        return found[value]
    raise _refusal(number, f"{name} is one of {', '.join(map(repr, names))}, not {value!r}")


class _OutOfRange(Exception):  # noqa: N818 - internal: becomes a refusal
    pass


def _thresholds(module: str, *asked: object) -> tuple[float | None, float | None]:
    """Return a preprocessor's two numbers as they will be; None for one that it does not have."""
    found = [_number(value, slider) for value, slider in zip(asked, thresholds_of(module), strict=False)]
    first, second, *_ = (*found, None, None)
    return first, second


def _number(value: object, slider: Slider) -> float:
    """Return a number within its range; below 0 means as usual, as in the extension."""
    if value is None or (isinstance(value, int | float) and value < 0):
        return slider.value
    if not isinstance(value, int | float) or not slider.min <= value <= slider.max:
        raise _OutOfRange(f"{slider.name} goes from {slider.min:g} to {slider.max:g}, not {value!r}")
    return value


def _module(value: object) -> str:
    """Return the name of a preprocessor; clients write "None" as well."""
    return "none" if str(value).lower() == "none" else str(value)


def _modules(inventory: EngineInventory) -> tuple[str, ...]:
    return ("none", *(name for name in inventory.control_modules if name != "none"))


def _refusal(number: int, reason: str) -> Refused:
    return Refused(422, f"ControlNet unit {number}: {reason}")
