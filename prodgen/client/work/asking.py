"""A request made of what a caller gave: what was left open is decided here, so that it is known and recorded.

The seed is drawn by us, the size is the one that the server's checkpoint was made for, an init picture is
read from whatever holds one. Sends nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeVar

from prodgen import files
from prodgen.client.knowledge import upscalers
from prodgen.errors import SettingError, WrongValueError
from prodgen.schema import Capabilities, Img2Img, Request, Txt2Img, Upscale, seeds

R = TypeVar("R", bound=Request)

FACTOR = 2.0
"""How many times a picture is enlarged if neither factor nor size is given; A1111's own default is 2."""


def given_fields(arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of a request among a method's arguments (its `locals()`) that were given."""
    others = ("self", "request", "on_progress")
    return {name: value for name, value in arguments.items() if name not in others and value is not None}


def txt2img(request: Txt2Img | None, given: Mapping[str, Any], capabilities: Capabilities) -> Txt2Img:
    """Return the request itself, or one made of the fields that were given.

    Raises:
        SettingError: If there are both, or a field is wrong.
    """
    if request is not None:
        return _alone(request, Txt2Img, given)
    side = capabilities.with_checkpoint(given.get("checkpoint")).native_side
    return Txt2Img.model_validate({"seed": seeds.draw(), "width": side, "height": side, **given})


def img2img(request: Img2Img | None, given: Mapping[str, Any], capabilities: Capabilities) -> Img2Img:
    """Return the request itself, or one made of the fields that were given.

    Raises:
        SettingError: If there are both, or a field is wrong.
        ImageError: If a picture cannot be read.
    """
    if request is not None:
        return _alone(request, Img2Img, given)
    fields = dict(given)
    if "init_image" not in fields:
        raise WrongValueError("init_image", None, "must be given")
    init = fields["init_image"] = files.load(fields["init_image"]).rgb
    megapixels = capabilities.with_checkpoint(given.get("checkpoint")).native_megapixels
    width, height = drawing_size(init.shape[1], init.shape[0], megapixels)
    if "inpaint_mask" in fields:
        fields["inpaint_mask"] = files.load_matte(fields["inpaint_mask"])
    return Img2Img.model_validate({"seed": seeds.draw(), "width": width, "height": height, **fields})


def upscale(request: Upscale | None, given: Mapping[str, Any], capabilities: Capabilities) -> Upscale:
    """Return the request itself, or one made of the fields that were given.

    Raises:
        SettingError: If there are both, or a field is wrong.
        ImageError: If the picture cannot be read.
    """
    if request is not None:
        return _alone(request, Upscale, given)
    fields = {"upscaler_1": upscalers.in_turn(capabilities)[0], **given}
    if "image" in fields:
        fields["image"] = files.load(fields["image"]).rgb
    if not {"upscaling_resize", "upscaling_resize_w", "upscaling_resize_h"} & fields.keys():
        fields["upscaling_resize"] = FACTOR
    return Upscale.model_validate(fields)


def drawing_size(width: int, height: int, megapixels: float) -> tuple[int, int]:
    """Return the size at which to draw over a picture: its own, made smaller where a model could not keep up.

    Both sides are multiples of 8, as every server wants them.
    """
    scale = min(1.0, math.sqrt(megapixels * 1e6 / (width * height)))
    return max(64, int(width * scale) // 8 * 8), max(64, int(height * scale) // 8 * 8)


def _alone(request: R, kind: type[R], given: Mapping[str, Any]) -> R:
    if not isinstance(request, kind):
        raise SettingError(
            f"a request is a {kind.__name__}, not a {type(request).__name__}; name its fields: prompt='a bag'"
        )
    if given:
        raise SettingError(f"{', '.join(given)}: give a request or its fields, not both")
    return request
