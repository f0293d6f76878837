"""The fields of each request: names, types, defaults, and the lax reading of pydantic 1.

The real server's models coerce ("2" is an int, 2.7 becomes 2), ignore unknown fields and report all
faults of a request at once. A typed model of today would be stricter, hence these tables.
"""

from __future__ import annotations

import json
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prodgen.server.wire import Invalid

Fields = dict[str, Any]


class _Unfit(Exception):  # noqa: N818 - internal: becomes one entry of Invalid
    def __init__(self, text: str, kind: str, ctx: dict[str, Any] | None = None) -> None:
        super().__init__(text, kind, ctx)
        self.entry: dict[str, Any] = {"msg": text, "type": kind}
        if ctx is not None:
            self.entry["ctx"] = ctx


def _as_str(value: object) -> str:
    if isinstance(value, (str, int, float)):
        return str(value)
    raise _Unfit("str type expected", "type_error.str")


def _as_int(value: Any) -> int:
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        raise _Unfit("value is not a valid integer", "type_error.integer") from None


def _as_float(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError, OverflowError):
        raise _Unfit("value is not a valid float", "type_error.float") from None


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
        return dict(value)
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
    return [_as_str(item) for item in _as_list(value)]


@dataclass(frozen=True)
class Spec:
    """One field: how it is read, its default, whether null is allowed, whether it must be there."""

    read: Callable[[Any], Any]
    default: Any = None
    nullable: bool = True
    required: bool = False


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
                values[name] = spec.read(body[name])
            except _Unfit as error:
                faults.append({"loc": loc, **error.entry})
    if faults:
        raise Invalid(faults)
    return values


def read_body(body: bytes, content_type: str | None) -> dict[str, Any]:
    """Return the JSON object in a request's body.

    JSON is read with a JSON content type or with none; a list that makes a dict, such as [], is one.

    Raises:
        Invalid: If there is no body, no JSON, or no object in it.
    """
    if not body:
        raise Invalid([{"loc": ["body"], "msg": "field required", "type": "value_error.missing"}])
    kind = (content_type or "application/json").split(";")[0].strip().lower()
    not_dict = {"loc": ["body"], "msg": "value is not a valid dict", "type": "type_error.dict"}
    if kind != "application/json" and not kind.endswith("+json"):
        raise Invalid([not_dict])
    try:
        value = json.loads(body)
    except json.JSONDecodeError as error:
        facts = {"msg": error.msg, "doc": error.doc, "pos": error.pos, "lineno": error.lineno}
        entry = {"loc": ["body", error.pos], "msg": str(error), "type": "value_error.jsondecode"}
        raise Invalid([{**entry, "ctx": {**facts, "colno": error.colno}}]) from error
    except (UnicodeDecodeError, RecursionError):
        raise Invalid([not_dict]) from None
    try:
        return dict(value)
    except (TypeError, ValueError):
        raise Invalid([not_dict]) from None


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


_S, _I, _F, _B, _L, _D = _as_str, _as_int, _as_float, as_bool, _as_list, _as_dict
_share = _bounded(_F, ge=0, le=1)

_SHARED: dict[str, Spec] = {
    "prompt": Spec(_S, ""),
    "negative_prompt": Spec(_S, ""),
    "styles": Spec(_strings),
    "seed": Spec(_I, -1),
    "subseed": Spec(_I, -1),
    "subseed_strength": Spec(_F, 0),
    "seed_resize_from_h": Spec(_I, -1),
    "seed_resize_from_w": Spec(_I, -1),
    "sampler_name": Spec(_S),
    "scheduler": Spec(_S),
    "batch_size": Spec(_I, 1),
    "n_iter": Spec(_I, 1),
    "steps": Spec(_I, 50),
    "cfg_scale": Spec(_F, 7.0),
    "width": Spec(_I, 512),
    "height": Spec(_I, 512),
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
_NAMES: dict[str, Spec] = {"force_task_id": Spec(_S), "sampler_index": Spec(_S, "Euler", nullable=False)}

TXT2IMG: dict[str, Spec] = {
    **_SHARED,
    "enable_hr": Spec(_B, False),
    "firstphase_width": Spec(_I, 0),
    "firstphase_height": Spec(_I, 0),
    "hr_scale": Spec(_F, 2.0),
    "hr_upscaler": Spec(_S),
    "hr_second_pass_steps": Spec(_I, 0),
    "hr_resize_x": Spec(_I, 0),
    "hr_resize_y": Spec(_I, 0),
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
    "init_images": Spec(_L),
    "resize_mode": Spec(_I, 0),
    "image_cfg_scale": Spec(_F),
    "mask": Spec(_S),
    "mask_blur_x": Spec(_I, 4),
    "mask_blur_y": Spec(_I, 4),
    "mask_blur": Spec(_I),
    "mask_round": Spec(_B, True),
    "inpainting_fill": Spec(_I, 0),
    "inpaint_full_res": Spec(_B, True),
    "inpaint_full_res_padding": Spec(_I, 0),
    "inpainting_mask_invert": Spec(_I, 0),
    "initial_noise_multiplier": Spec(_F),
    "latent_mask": Spec(_S),
    **_NAMES,
    "include_init_images": Spec(_B, False, nullable=False),
    **_LAST,
}

_UPSCALING: dict[str, Spec] = {
    "resize_mode": Spec(_zero_or_one, 0, nullable=False),
    "show_extras_results": Spec(_B, True, nullable=False),
    "gfpgan_visibility": Spec(_share, 0, nullable=False),
    "codeformer_visibility": Spec(_share, 0, nullable=False),
    "codeformer_weight": Spec(_share, 0, nullable=False),
    "upscaling_resize": Spec(_bounded(_F, gt=0), 2, nullable=False),
    "upscaling_resize_w": Spec(_bounded(_I, ge=1), 512, nullable=False),
    "upscaling_resize_h": Spec(_bounded(_I, ge=1), 512, nullable=False),
    "upscaling_crop": Spec(_B, True, nullable=False),
    "upscaler_1": Spec(_S, "None", nullable=False),
    "upscaler_2": Spec(_S, "None", nullable=False),
    "extras_upscaler_2_visibility": Spec(_share, 0, nullable=False),
    "upscale_first": Spec(_B, False, nullable=False),
}
EXTRA_SINGLE: dict[str, Spec] = {**_UPSCALING, "image": Spec(_S, "", nullable=False)}
EXTRA_BATCH: dict[str, Spec] = {**_UPSCALING, "imageList": Spec(_L, nullable=False, required=True)}
FILE_DATA: dict[str, Spec] = {
    "data": Spec(_S, nullable=False, required=True),
    "name": Spec(_S, nullable=False, required=True),
}
PNG_INFO: dict[str, Spec] = {"image": Spec(_S, nullable=False, required=True)}
INTERROGATE: dict[str, Spec] = {
    "image": Spec(_S, "", nullable=False),
    "model": Spec(_S, "clip", nullable=False),
}
TASK_PROGRESS: dict[str, Spec] = {
    "id_task": Spec(_S),
    "id_live_preview": Spec(_I, -1),
    "live_preview": Spec(_B, True),
}
