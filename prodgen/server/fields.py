"""The fields of each request: names, types, defaults, and the lax reading of pydantic 1.

The real server's models coerce ("2" is an int, 2.7 becomes 2), ignore unknown fields and report all
faults of a request at once. A typed model of today would be stricter, hence these tables. Each field also has
the schema under which `openapi` documents it: what gives a picture. What is taken beyond that fails later, as
on A1111, or is coerced.
"""

from __future__ import annotations

import math
import operator
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prodgen.server.wire import Invalid

Fields = dict[str, Any]


class _Unfit(Exception):  # noqa: N818 - internal: becomes one entry of Invalid
    def __init__(self, text: str, kind: str, ctx: dict[str, Any] | None = None) -> None:
        super().__init__(text, kind, ctx)
        self.entry: dict[str, Any] = {"msg": text, "type": kind}
        if ctx is not None:
            self.entry["ctx"] = ctx


MAX_TEXT = 100_000
"""Most characters of a field that holds no picture. Guard: the longest prompts have some thousand."""

MAX_TASK = 200
"""Most characters of a task's name, which is remembered after the call."""


def _as_str(value: object) -> str:
    if isinstance(value, (str, int, float)):
        return str(value)
    raise _Unfit("str type expected", "type_error.str")


def _up_to(most: int) -> Callable[[object], str]:
    """Return a reader of texts of at most so many characters."""

    def read(value: object) -> str:
        text = _as_str(value)
        if len(text) > most:
            words = f"ensure this value has at most {most} characters"
            raise _Unfit(words, "value_error.any_str.max_length", {"limit_value": most})
        return text

    return read


def _as_int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise _Unfit("value is not a valid integer", "type_error.integer") from None


def _as_float(value: Any) -> float:
    """Return a number, which may be none of JSON's: "NaN" is read as A1111 reads it."""
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise _Unfit("value is not a valid float", "type_error.float") from None


def _as_finite(value: Any) -> float:
    number = _as_float(value)
    if not math.isfinite(number):
        raise _Unfit("value is not a valid float", "type_error.float")
    return number


PICTURE: Mapping[str, Any] = {"type": "string", "format": "picture", "contentEncoding": "base64"}
"""JSON schema of a picture file in base64, plain or as a data URI."""

_COMMENT = re.compile(r"#(?!([0-9a-fA-F]{3}){1,2}\b).*$", re.MULTILINE)

_TRUE = {"1", "on", "t", "true", "y", "yes"}
_FALSE = {"0", "off", "f", "false", "n", "no"}


def as_bool(value: object) -> bool:
    """Return a boolean as pydantic 1 reads one; raises `_Unfit` (an entry of `Invalid`) otherwise."""
    text = value.lower() if isinstance(value, str) else str(int(value)) if value in (0, 1) else ""
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise _Unfit("value could not be parsed to a boolean", "type_error.bool")


def _as_list(value: object) -> list[Any]:
    if isinstance(value, list):
        return value
    raise _Unfit("value is not a valid list", "type_error.list")


def _as_dict(value: Any) -> dict[str, Any]:
    try:
        return {str(key): item for key, item in dict(value).items()}
    except (TypeError, ValueError):
        raise _Unfit("value is not a valid dict", "type_error.dict") from None


_BOUNDS: dict[str, tuple[Callable[[float, float], bool], str]] = {
    "gt": (operator.gt, "greater than"),
    "ge": (operator.ge, "greater than or equal to"),
    "le": (operator.le, "less than or equal to"),
}


def _bounded(read: Callable[[Any], float], **limits: float) -> Callable[[Any], float]:
    """Return a reader of numbers within limits; each is named as in pydantic: gt, ge, le."""

    def read_bounded(value: Any) -> float:
        number = read(value)
        for name, limit in limits.items():
            holds, words = _BOUNDS[name]
            if not holds(number, limit):
                text = f"ensure this value is {words} {limit}"
                raise _Unfit(text, f"value_error.number.not_{name}", {"limit_value": limit})
        return number

    return read_bounded


def _zero_or_one(value: object) -> object:
    if value in (0, 1):
        return value
    ctx = {"given": value, "permitted": [0, 1]}
    raise _Unfit("unexpected value; permitted: 0, 1", "value_error.const", ctx)


def _strings(value: object) -> list[str]:
    return [_up_to(MAX_TEXT)(item) for item in _as_list(value)]


@dataclass(frozen=True)
class Kind:
    """How a field's value is read, and the JSON schema of those that give a picture."""

    read: Callable[[Any], Any]
    schema: Mapping[str, Any]


@dataclass(frozen=True)
class Spec:
    """One field: how it is read, its default, whether null is allowed, whether it must be there."""

    kind: Kind
    default: Any = None
    nullable: bool = True
    required: bool = False
    says: Mapping[str, Any] = field(default_factory=dict)
    """Keywords of JSON schema beside those of its kind; with any, null is not documented."""

    @property
    def schema(self) -> dict[str, Any]:
        """The field's JSON schema."""
        schema = {**self.kind.schema, **self.says}
        if self.nullable and not self.says:
            schema["type"] = [schema["type"], "null"]
        return schema if self.required else {**schema, "default": self.default}


def read_fields(specs: Mapping[str, Spec], body: Mapping[str, Any], *, at: tuple[Any, ...] = ()) -> Fields:
    """Return every field of `specs` with its value or default, in that order; unknown ones are dropped.

    Raises:
        Invalid: With an entry for each fault.
    """
    values: Fields = {}
    faults: list[dict[str, Any]] = []
    for name, spec in specs.items():
        loc = ["body", *at, name]
        if name not in body:
            if spec.required:
                faults.append({"loc": loc, "msg": "field required", "type": "value_error.missing"})
            values[name] = spec.default
        elif body[name] is None and spec.nullable:
            values[name] = None
        elif body[name] is None:
            text, kind = "none is not an allowed value", "type_error.none.not_allowed"
            faults.append({"loc": loc, "msg": text, "type": kind})
        else:
            try:
                values[name] = spec.kind.read(body[name])
            except _Unfit as error:
                faults.append({"loc": loc, **error.entry})
    if faults:
        raise Invalid(faults)
    return values


def read_query_bool(query: Mapping[str, str], name: str, *, default: bool) -> bool:
    """Return a boolean of the query string.

    Raises:
        Invalid: If it is none.
    """
    if name not in query:
        return default
    try:
        return as_bool(query[name])
    except _Unfit as error:
        raise Invalid([{"loc": ["query", name], **error.entry}]) from None


_MOST = 2**31 - 1
"""Largest size or count: what PyTorch takes for one."""

_S = Kind(_up_to(MAX_TEXT), {"type": "string", "maxLength": MAX_TEXT})
_I = Kind(_bounded(_as_int, ge=-_MOST, le=_MOST), {"type": "integer", "minimum": -_MOST, "maximum": _MOST})
_SEED = Kind(
    _bounded(_as_int, ge=-(2**63), le=2**64 - 1),
    {"type": "integer", "minimum": -(2**63), "maximum": 2**64 - 1},
)
_F = Kind(_as_finite, {"type": "number"})
_B = Kind(as_bool, {"type": "boolean"})
_L = Kind(_as_list, {"type": "array"})
_D = Kind(_as_dict, {"type": "object"})
_SHARE = Kind(_bounded(_as_finite, ge=0, le=1), {"type": "number", "minimum": 0, "maximum": 1})
_TASK = Kind(_up_to(MAX_TASK), {"type": "string", "maxLength": MAX_TASK})
_PICTURE = Kind(_as_str, PICTURE)
_PICTURES = Kind(_as_list, {"type": "array", "items": PICTURE})

_MAX_BLUR_PX = 255
"""Widest blur of a mask. Guard: the user interface of A1111 goes to 64, and the time grows with it."""

_BLUR = Kind(
    _bounded(_as_int, ge=-_MOST, le=_MAX_BLUR_PX), {"type": "integer", "minimum": 0, "maximum": _MAX_BLUR_PX}
)

# Whatever is chosen within these gives a picture: with each at its largest, a call draws 268 megapixels.
# Larger ones are taken too, as long as a call does not ask for more than `wire.MAX_REQUEST_PX`.
_SIZE = {"minimum": 16, "maximum": 2048}
_NOT_NULL = {"description": "Null is taken, and fails."}
_HIRES_SIZE = {"anyOf": [{"const": 0}, {"minimum": 16, "maximum": 4096}]}
_COUNT = {"minimum": 1, "maximum": 4}
_CFG = Kind(_as_float, {"type": "number"})

_SHARED: dict[str, Spec] = {
    "prompt": Spec(_S, "", says=_NOT_NULL),
    "negative_prompt": Spec(_S, "", says=_NOT_NULL),
    "styles": Spec(Kind(_strings, {"type": "array", "items": {"type": "string", "maxLength": MAX_TEXT}})),
    "seed": Spec(_SEED, -1),
    "subseed": Spec(_SEED, -1),
    "subseed_strength": Spec(_F, 0, says=_NOT_NULL),
    "seed_resize_from_h": Spec(_I, -1),
    "seed_resize_from_w": Spec(_I, -1),
    "sampler_name": Spec(_S),
    "scheduler": Spec(_S),
    "batch_size": Spec(_I, 1, says=_COUNT),
    "n_iter": Spec(_I, 1, says=_COUNT),
    "steps": Spec(_I, 50, says={"minimum": 1}),
    "cfg_scale": Spec(_CFG, 7.0, says={"minimum": -(10**6), "maximum": 10**6}),
    "width": Spec(_I, 512, says=_SIZE),
    "height": Spec(_I, 512, says=_SIZE),
    "restore_faces": Spec(_B),
    "tiling": Spec(_B),
    "do_not_save_samples": Spec(_B, False),
    "do_not_save_grid": Spec(_B, False),
    "eta": Spec(_F),
    "denoising_strength": Spec(_F),
    "s_min_uncond": Spec(_F),
    "s_churn": Spec(_F),
    "s_tmax": Spec(_F),
    "s_tmin": Spec(_F),
    "s_noise": Spec(_F),
    "override_settings": Spec(_D),
    "override_settings_restore_afterwards": Spec(_B, True),
    "refiner_checkpoint": Spec(_S),
    "refiner_switch_at": Spec(_F),
    "disable_extra_networks": Spec(_B, False),
    "firstpass_image": Spec(_S),
    "comments": Spec(_D),
}
_LAST: dict[str, Spec] = {
    "script_name": Spec(_S),
    "script_args": Spec(_L, [], nullable=False),
    "send_images": Spec(_B, True, nullable=False),
    "save_images": Spec(_B, False, nullable=False),
    "alwayson_scripts": Spec(_D, {}, nullable=False),
    "infotext": Spec(_S),
}
_NAMES: dict[str, Spec] = {"force_task_id": Spec(_TASK), "sampler_index": Spec(_S, "Euler", nullable=False)}

TXT2IMG: dict[str, Spec] = {
    **_SHARED,
    "enable_hr": Spec(_B, False),
    "firstphase_width": Spec(_I, 0),
    "firstphase_height": Spec(_I, 0),
    "hr_scale": Spec(_F, 2.0, says={"minimum": 1, "maximum": 2}),
    "hr_upscaler": Spec(_S),
    "hr_second_pass_steps": Spec(_I, 0),
    "hr_resize_x": Spec(_I, 0, says=_HIRES_SIZE),
    "hr_resize_y": Spec(_I, 0, says=_HIRES_SIZE),
    "hr_checkpoint_name": Spec(_S),
    "hr_sampler_name": Spec(_S),
    "hr_scheduler": Spec(_S),
    "hr_prompt": Spec(_S, ""),
    "hr_negative_prompt": Spec(_S, ""),
    **_NAMES,
    **_LAST,
}

IMG2IMG: dict[str, Spec] = {
    **_SHARED,
    "denoising_strength": Spec(_F, 0.75, nullable=False),
    "init_images": Spec(_PICTURES, says={"minItems": 1, "description": "No more than batch_size."}),
    "resize_mode": Spec(_I, 0),
    "image_cfg_scale": Spec(_F),
    "mask": Spec(_PICTURE),
    "mask_blur_x": Spec(_BLUR, 4),
    "mask_blur_y": Spec(_BLUR, 4),
    "mask_blur": Spec(_BLUR),
    "mask_round": Spec(_B, True),
    "inpainting_fill": Spec(_I, 0),
    "inpaint_full_res": Spec(_B, True),
    "inpaint_full_res_padding": Spec(_I, 0),
    "inpainting_mask_invert": Spec(_I, 0),
    "initial_noise_multiplier": Spec(_F),
    "latent_mask": Spec(_PICTURE, says={"type": "null", "description": "Any fails, as on A1111."}),
    **_NAMES,
    "include_init_images": Spec(_B, False, nullable=False),
    **_LAST,
}

_SIDE = Kind(_bounded(_as_int, ge=1, le=_MOST), {"type": "integer", "minimum": 1, "maximum": _MOST})
_UPSCALING: dict[str, Spec] = {
    "resize_mode": Spec(Kind(_zero_or_one, {"type": "integer", "enum": [0, 1]}), 0, nullable=False),
    "show_extras_results": Spec(_B, True, nullable=False),
    "gfpgan_visibility": Spec(_SHARE, 0, nullable=False),
    "codeformer_visibility": Spec(_SHARE, 0, nullable=False),
    "codeformer_weight": Spec(_SHARE, 0, nullable=False),
    "upscaling_resize": Spec(
        Kind(_bounded(_as_finite, gt=0), {"type": "number", "exclusiveMinimum": 0}), 2, nullable=False
    ),
    "upscaling_resize_w": Spec(_SIDE, 512, nullable=False),
    "upscaling_resize_h": Spec(_SIDE, 512, nullable=False),
    "upscaling_crop": Spec(_B, True, nullable=False),
    "upscaler_1": Spec(_S, "None", nullable=False),
    "upscaler_2": Spec(_S, "None", nullable=False),
    "extras_upscaler_2_visibility": Spec(_SHARE, 0, nullable=False),
    "upscale_first": Spec(_B, False, nullable=False),
}
EXTRA_SINGLE: dict[str, Spec] = {**_UPSCALING, "image": Spec(_PICTURE, "", nullable=False)}
FILE_DATA: dict[str, Spec] = {
    "data": Spec(_PICTURE, nullable=False, required=True),
    "name": Spec(_S, nullable=False, required=True),
}
_FILE = {
    "type": "object",
    "properties": {name: spec.schema for name, spec in FILE_DATA.items()},
    "required": list(FILE_DATA),
}
_FILES = Kind(_as_list, {"type": "array", "items": _FILE})
EXTRA_BATCH: dict[str, Spec] = {**_UPSCALING, "imageList": Spec(_FILES, nullable=False, required=True)}
PNG_INFO: dict[str, Spec] = {"image": Spec(_PICTURE, nullable=False, required=True)}
INTERROGATE: dict[str, Spec] = {
    "image": Spec(_PICTURE, "", nullable=False),
    "model": Spec(_S, "clip", nullable=False),
}
TASK_PROGRESS: dict[str, Spec] = {
    "id_task": Spec(_TASK),
    "id_live_preview": Spec(_I, -1),
    "live_preview": Spec(_B, True),
}


def spec_like(default: object) -> Spec:
    """Return the field of an option that is like this one at first; like None, it may be anything."""
    if default is None:
        return Spec(Kind(lambda value: value, {}))
    kinds: dict[type, Kind] = {bool: _B, int: _F, float: _F, str: _S, list: _L}
    return Spec(kinds[type(default)], default, nullable=False)


def without_comments(prompt: str) -> str:
    """Return a prompt without what follows a "#" in each line, which A1111 takes out before anything else.

    A colour's hexadecimal digits right after it ("#2f6f8f") are none: the embedded studio draws them.
    """
    return _COMMENT.sub("", prompt)
