"""The extras tab's routes and /png-info: upscaling, and reading what a picture says.

Plain resampling is done here; every other upscaler is the engine's. Alpha is kept.
"""

from __future__ import annotations

import html
import threading
from typing import Any

import numpy as np

from prodgen.server.fields import (
    EXTRA_BATCH,
    EXTRA_SINGLE,
    FILE_DATA,
    INTERROGATE,
    PNG_INFO,
    Fields,
    read_fields,
)
from prodgen.server.infotext import read_infotext, with_invented_defaults
from prodgen.server.listings import PLAIN_UPSCALERS
from prodgen.server.plain_upscaling import resampled
from prodgen.server.state import Machine
from prodgen.server.wire import (
    MAX_REQUEST_PX,
    Crashed,
    HttpAnswer,
    Invalid,
    Pixels,
    Refused,
    UploadedPicture,
    answer,
    base64_bytes,
    check_picture,
    encode_png,
    images_answer,
    mixed,
    opened,
    read_picture,
    to_base64,
    too_many_pixels,
)

_NOT_SHOWN = {"jfif", "jfif_version", "jfif_unit", "jfif_density", "dpi", "exif", "loop", "background"}
_NOT_SHOWN |= {"timestamp", "duration", "progressive", "progression", "icc_profile", "chromaticity"}
_NOT_SHOWN |= {"photoshop", "parameters", "interlace", "gamma", "srgb", "transparency", "xmp"}
"""Entries of a file that are about its format."""


def single(machine: Machine, body: dict[str, Any], left: threading.Event) -> HttpAnswer:
    """Answer POST /sdapi/v1/extra-single-image.

    Raises:
        Invalid, Refused, Crashed: As the real server does.
    """
    fields = read_fields(EXTRA_SINGLE, body)
    check_picture(fields["image"])
    with machine.lock.held(left):
        picture = read_picture(fields["image"])
        image, done = _processed(machine, picture, fields)
    return images_answer("image", image, _html_info(done), last=True)


def batch(machine: Machine, body: dict[str, Any], left: threading.Event) -> HttpAnswer:
    """Answer POST /sdapi/v1/extra-batch-images; each entry needs data and name.

    Raises:
        Invalid, Refused, Crashed: As the real server does.
    """
    fields = read_fields(EXTRA_BATCH, body)
    entries, faults = [], []
    for index, entry in enumerate(fields["imageList"]):
        try:
            mapping = entry if isinstance(entry, dict) else {}
            entries.append(read_fields(FILE_DATA, mapping, at=("imageList", index)))
        except Invalid as error:
            faults += error.faults
    if faults:
        raise Invalid(faults)
    for entry in entries:
        check_picture(entry["data"])
    images, done, total_px = [], "", 0
    with machine.lock.held(left):
        for entry in entries:
            picture = read_picture(entry["data"])
            width, height, _ = _target(picture, fields)
            total_px += width * height
            if total_px > MAX_REQUEST_PX:
                raise too_many_pixels()
            image, done = _processed(machine, picture, fields)
            images.append(image)
    return images_answer("images", images, _html_info(done), last=True)


def _html_info(text: str) -> dict[str, str]:
    return {"html_info": f"<p>{html.escape(text)}</p>"}


def _processed(machine: Machine, picture: UploadedPicture, fields: Fields) -> tuple[bytes, str]:
    """Return a picture after upscaling, in base64, and what was done, as the postprocessing text has it."""
    pixels, done = _upscaled(machine, picture, fields)
    return to_base64(encode_png(pixels, {"postprocessing": done})), done


def _upscaled(machine: Machine, picture: UploadedPicture, fields: Fields) -> tuple[Pixels, str]:
    if machine.is_strict and (fields["gfpgan_visibility"] or fields["codeformer_visibility"]):
        raise Refused(
            422, "faces are restored while a picture is drawn (restore_faces), not while it is enlarged"
        )
    for name in (fields["upscaler_1"], fields["upscaler_2"]):
        if name not in (*PLAIN_UPSCALERS, *machine.inventory.upscalers):
            raise Crashed("AssertionError", f"could not find upscaler named {name}")
    first, second = fields["upscaler_1"], fields["upscaler_2"]
    if first == "None":
        return picture.pixels, ""
    steps: dict[str, object] = {}
    width, height, crop = _target(picture, fields)
    if fields["resize_mode"] == 1:
        asked = f"{fields['upscaling_resize_w']}x{fields['upscaling_resize_h']}"
        steps["Postprocess upscale to"] = asked
        if fields["upscaling_crop"]:
            steps["Postprocess crop to"] = asked
    else:
        steps["Postprocess upscale by"] = fields["upscaling_resize"]
    steps["Postprocess upscaler"] = first
    result = _cropped(upscaled(machine, picture.pixels, width, height, first), crop)
    visible = fields["extras_upscaler_2_visibility"]
    if second != "None" and visible > 0:
        steps["Postprocess upscaler 2"] = second
        other = _cropped(upscaled(machine, picture.pixels, width, height, second), crop)
        result = mixed(result, other, float(visible))
    return result, ", ".join(f"{key}: {value}" for key, value in steps.items())


def _target(picture: UploadedPicture, fields: Fields) -> tuple[int, int, tuple[int, int] | None]:
    """Return width, height, and what to crop the result to."""
    wide, high = picture.size
    crop = None
    if fields["resize_mode"] == 0:
        width, height = (round(side * fields["upscaling_resize"]) for side in (wide, high))
    else:
        asked = fields["upscaling_resize_w"], fields["upscaling_resize_h"]
        ratios = asked[0] / wide, asked[1] / high
        scale = max(ratios) if fields["upscaling_crop"] else min(ratios)
        width, height = max(1, round(wide * scale)), max(1, round(high * scale))
        crop = asked if fields["upscaling_crop"] else None
    if width * height > MAX_REQUEST_PX or max(width, height) > 2**15 - 1:
        text = (
            f"DefaultCPUAllocator: can't allocate memory: you tried to allocate {width * height * 12} bytes."
        )
        raise Crashed("RuntimeError", text)
    return max(1, width), max(1, height), crop


def _cropped(pixels: Pixels, size: tuple[int, int] | None) -> Pixels:
    if size is None or pixels.shape[1::-1] == size:
        return pixels
    width, height = min(size[0], pixels.shape[1]), min(size[1], pixels.shape[0])
    left, top = (pixels.shape[1] - width) // 2, (pixels.shape[0] - height) // 2
    return np.ascontiguousarray(pixels[top : top + height, left : left + width])


def upscaled(machine: Machine, pixels: Pixels, width: int, height: int, name: str) -> Pixels:
    """Return a picture at another size; alpha is resampled like a colour.

    Args:
        machine: Its engine enlarges by its own upscalers. What gets smaller is averaged, whatever the name.
        pixels: The picture.
        width: Wanted width in pixels.
        height: Wanted height in pixels.
        name: "Lanczos", "Nearest", or one of the engine's.
    """
    if pixels.shape[1::-1] == (width, height):
        return pixels
    is_smaller = width <= pixels.shape[1] and height <= pixels.shape[0]
    if is_smaller or name in (*PLAIN_UPSCALERS, *machine.behaviour.weightless_upscalers):
        return resampled(pixels, width, height, name)
    return machine.engine.upscale(pixels, width, height, name)


def png_info(body: dict[str, Any]) -> HttpAnswer:
    """Answer POST /sdapi/v1/png-info.

    Raises:
        Invalid, Refused: As the real server does.
    """
    fields = read_fields(PNG_INFO, body)
    info, items = read_texts(base64_bytes(fields["image"]))
    read = read_infotext(info)
    if not info:
        read = {"Prompt": "", "Negative prompt": ""}
    return answer({"info": info, "items": items, "parameters": with_invented_defaults(read)})


def read_texts(data: bytes) -> tuple[str, dict[str, str]]:
    """Return a picture file's infotext ("" without one) and its other text chunks.

    Raises:
        Refused: If it is no picture.
    """
    with opened(data) as picture:
        chunks = dict(picture.info)
        comment = picture.getexif().get_ifd(0x8769).get(0x9286)
    items = {str(k): v for k, v in chunks.items() if k not in _NOT_SHOWN and isinstance(v, str)}
    info = chunks.get("parameters", "")
    if not info and isinstance(comment, bytes):
        info = comment[8:].decode("utf-16-be" if comment.startswith(b"UNICODE") else "utf-8", "replace")
    return (info if isinstance(info, str) else ""), items


def interrogate(body: dict[str, Any]) -> HttpAnswer:
    """Answer POST /sdapi/v1/interrogate: there is no captioning network, and it says so.

    Raises:
        Invalid, Refused, Crashed: Always one of them.
    """
    fields = read_fields(INTERROGATE, body)
    if not fields["image"]:
        raise Refused(404, "Image not found")
    if fields["model"] not in ("clip", "deepdanbooru"):
        raise Refused(404, "Model not found")
    check_picture(fields["image"])
    text = "Model not found: this server has no captioning network; interrogate needs one of Stable Diffusion"
    raise Refused(404, text)
