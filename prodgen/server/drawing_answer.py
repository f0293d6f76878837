"""The answer of a finished drawing call: what its infotexts state, and its pictures, saved and encoded.

The order of entries and of pictures is the real server's: grid, results with their masks, IC-Light's extras,
ControlNet's maps.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import numpy as np

from prodgen.server import inpainting
from prodgen.server.engine import HiresPass
from prodgen.server.fields import Fields
from prodgen.server.ic_light_script import on_grey
from prodgen.server.infotext import FinishedCall, info_json, infotext
from prodgen.server.listings import SCHEDULERS
from prodgen.server.sampling import CallResults, DrawingCall
from prodgen.server.state import Machine
from prodgen.server.wire import (
    Crashed,
    HttpAnswer,
    Pixels,
    Refused,
    encode_png,
    encode_with_exif,
    images_answer,
    to_base64,
)

ENCODERS = 4
"""Pictures of one answer that are encoded at once."""

_CONTENT_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
_FILLS = {0: "fill", 2: "latent noise", 3: "latent nothing"}


def finished(machine: Machine, call: DrawingCall, results: CallResults) -> FinishedCall:
    """Return a call with its pictures and all that its infotexts state."""
    extra = _extra_parameters(machine, call, results)
    return FinishedCall(
        call,
        results,
        machine.version,
        machine.state.job_timestamp,
        extra,
        has_hashes=not machine.behaviour.no_hashing,
        file_kind=str(machine.options["samples_format"]).lower(),  # what is saved while the call is drawn
        jpeg_quality=machine.options["jpeg_quality"],
    )


def encoded_as_now(machine: Machine, done: FinishedCall) -> FinishedCall:
    """Return a call whose answer is encoded as the options say now; the next client may change them."""
    kind = str(machine.options["samples_format"]).lower()
    return replace(done, file_kind=kind, jpeg_quality=machine.options["jpeg_quality"])


def save(machine: Machine, done: FinishedCall) -> None:
    """Save the results as the options say, in memory."""
    options = machine.options
    kind = done.file_kind
    if kind not in _CONTENT_TYPES:
        return
    folder = str(options[f"outdir_{done.call.route}_samples"])
    if options["save_to_dirs"]:
        folder += f"/{done.job_timestamp[:8]}"
    for index, pixels in enumerate(done.results.pictures):
        pattern = str(options["samples_filename_pattern"]) or "[seed]"
        name = pattern.replace("[seed]", str(done.call.seeds[index])).replace(
            "[date]", done.job_timestamp[:8]
        )
        if options["save_images_add_number"]:
            name = f"{machine.files.next_number():05}-{name}"
        data = _encoded(done, pixels, infotext(done, index))
        machine.files.add(f"{folder}/{name}.{kind}", _CONTENT_TYPES[kind], data)


def answer_of(machine: Machine, done: FinishedCall, shown: Fields) -> HttpAnswer:
    """Return the answer of a finished call: [grid], results, extras, details."""
    fields, results = done.call.fields, done.results
    texts = [infotext(done, index) for index in range(len(results.pictures))]
    pictures: list[tuple[Pixels, str | None]] = []
    for index, pixels in enumerate(results.pictures):
        pictures.append((pixels, texts[index]))
        pictures += [(extra, None) for extra in results.after[index]]
    has_grid = fields["save_images"] and len(results.pictures) > 1
    if has_grid:
        pictures.insert(0, (_grid(results.pictures), texts[0]))
        texts.insert(0, texts[0])
    images = _encode_all(machine, done, pictures) if fields["send_images"] else []
    info = info_json(done, infotexts=texts, first=int(has_grid))
    return images_answer("images", images, {"parameters": shown, "info": info})


def _encode_all(
    machine: Machine, done: FinishedCall, pictures: list[tuple[Pixels, str | None]]
) -> list[bytes]:
    """Return the results and the extras after them in base64; encoding releases the GIL, so side by side."""
    unit, results = done.call.unit, done.results
    subject = unit.subject if unit.shows_subject else None
    if subject is not None and machine.behaviour.ndarray_bug:
        raise Crashed("AttributeError", "'numpy.ndarray' object has no attribute 'info'")
    extras = [] if subject is None else [on_grey(subject)]
    wanted = [*pictures, *((pixels, None) for pixels in [*extras, *results.details, *results.maps])]

    def encode(item: tuple[Pixels, str | None]) -> bytes:
        return to_base64(_encoded(done, *item))

    with ThreadPoolExecutor(ENCODERS) as pool:
        images = list(pool.map(encode, wanted))
    if subject is not None and machine.behaviour.false_strings:
        images[len(pictures)] = b"False"
    return images


def _encoded(done: FinishedCall, pixels: Pixels, text: str | None) -> bytes:
    kind = done.file_kind
    if kind == "png":
        return encode_png(pixels, {"parameters": text} if text else None)
    if kind in _CONTENT_TYPES:
        try:
            quality = int(done.jpeg_quality)  # type: ignore[call-overload]  # anything may be set; see below
            return encode_with_exif(pixels, text, kind=kind, quality=quality)
        except (
            TypeError,
            ValueError,
            OverflowError,
            OSError,
        ) as error:  # too large for it, or a wrong option
            raise Crashed(type(error).__name__, str(error)) from None
    raise Refused(500, "Invalid image format")


def _grid(results: Sequence[Pixels]) -> Pixels:
    """Return the results side by side, in as many rows as make the grid nearly square."""
    rows = math.isqrt(len(results))
    while len(results) % rows:
        rows -= 1
    columns = len(results) // rows
    lines = [np.hstack(list(results[row * columns : (row + 1) * columns])) for row in range(rows)]
    return np.vstack(lines)


def _extra_parameters(machine: Machine, call: DrawingCall, results: CallResults) -> dict[str, Any]:
    """Return extra_generation_params, in the order of the real server; the engine's come last."""
    fields = call.fields
    extra: dict[str, Any] = {}
    if call.route == "img2img":
        extra |= _img2img_parameters(call)
    if call.hires is not None:
        extra |= _hires_parameters(call, call.hires)
    if call.loras and not machine.behaviour.no_hashing:
        # Where nobody has hashed the files, the names alone say which were loaded.
        extra["Lora hashes"] = ", ".join(f"{m.name}: {m.sha256[:12]}" for m, _ in call.loras)
    if call.schedule in SCHEDULERS and call.schedule != "Automatic":
        extra["Schedule type"] = call.schedule
    refiner = machine.options.find_checkpoint(fields["refiner_checkpoint"] or "")
    if refiner is not None and fields["refiner_switch_at"]:
        title = f"{refiner.name} [{refiner.short_hash}]" if refiner.sha256 else refiner.name
        extra |= {"Refiner": title, "Refiner switch at": fields["refiner_switch_at"]}
    return {**extra, **call.finer.told, **results.story, **_bridge_parameters(machine, call)}


def _bridge_parameters(machine: Machine, call: DrawingCall) -> dict[str, Any]:
    """Return what prodgen's bridge says: before 1.1.0 that a hook returned, since then what model drew."""
    version = machine.behaviour.bridge
    told: dict[str, Any] = {} if version is None else {"prodgen bridge": version}
    if machine.bridge is None:
        return {}
    if call.unit.shows_subject:
        told["IC-Light"] = "applied"
        if machine.bridge_checks:
            told["IC-Light patched"] = call.checkpoint.title
    return told


def _img2img_parameters(call: DrawingCall) -> dict[str, Any]:
    fields = call.fields
    extra: dict[str, Any] = {"Denoising strength": fields["denoising_strength"]}
    if fields["initial_noise_multiplier"] not in (None, 1.0):
        extra["Noise multiplier"] = fields["initial_noise_multiplier"]
    if call.mask is None:
        return extra
    if fields["inpainting_mask_invert"]:
        extra["Mask mode"] = "Inpaint not masked"
    x, y = inpainting.blur_px(fields)
    if x > 0 or y > 0:
        extra["Mask blur"] = x if x == y else None
    if fields["inpaint_full_res"] and call.mask.any():
        extra |= {"Inpaint area": "Only masked", "Masked area padding": fields["inpaint_full_res_padding"]}
    if fields["inpainting_fill"] in _FILLS:
        extra["Masked content"] = _FILLS[fields["inpainting_fill"]]
    return extra


def _hires_parameters(call: DrawingCall, hires: HiresPass) -> dict[str, Any]:
    fields = call.fields
    extra: dict[str, Any] = {
        "Denoising strength": fields["denoising_strength"],
        "Hires prompt": fields["hr_prompt"] or None,
        "Hires negative prompt": fields["hr_negative_prompt"] or None,
        "Hires schedule type": hires.schedule if hires.schedule != call.schedule else None,
    }
    if hires.sampler not in (None, call.sampler):
        extra["Hires sampler"] = hires.sampler
    if fields["hr_resize_x"] or fields["hr_resize_y"]:
        extra["Hires resize"] = f"{fields['hr_resize_x']}x{fields['hr_resize_y']}"
    else:
        extra["Hires upscale"] = fields["hr_scale"]
    if fields["hr_second_pass_steps"]:
        extra["Hires steps"] = fields["hr_second_pass_steps"]
    if fields["hr_upscaler"]:
        extra["Hires upscaler"] = fields["hr_upscaler"]
    return extra
