"""Pictures that Pillow has read: their pixels by mode, and what their format says about colours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.codecs.colour_spaces import (
    LINEAR_SRGB,
    SRGB_PRIMARIES,
    Chromaticities,
    CieLab,
    ColourSpace,
    CurvesAndMatrix,
    from_primaries,
    power_curve,
    srgb_curve,
    unless_srgb,
)
from prodgen.codecs.exif_colours import ExifFacts, exif_of
from prodgen.codecs.icc_profiles import Model, space_of_profile
from prodgen.codecs.raster import Raster
from prodgen.images import STRIPE_PX

CMYK_GUESS = "CMYK without a colour profile: its colours are a guess; export the photo as sRGB"
LINEAR_GUESS = (
    "its values are floats, and were taken for linear light with 1 as white, as no profile says otherwise"
)

_GAMMA_OF_SRGB = 0.45455
"""PNG's gAMA that encoders write for sRGB. Source: PNG, third edition, 11.3.2.5."""


def raster_of(picture: Image.Image) -> Raster:
    """Take the pixels of a loaded picture, with nothing yet known of their colours."""
    mode = picture.mode
    if mode.startswith("I"):
        return Raster(np.asarray(picture)[..., None].clip(0, 65535).astype(np.uint16), "grey")
    if mode == "F":
        return Raster(np.asarray(picture)[..., None], "grey", space=LINEAR_SRGB, notices=[LINEAR_GUESS])
    if mode == "LAB":
        signed = np.array([0, 128, 128], np.uint8)  # as TIFF has them, so Pillow hands them over
        return Raster(np.asarray(picture) ^ signed, "lab", space=CieLab())
    if mode == "CMYK":
        return Raster(np.asarray(picture), "cmyk")
    if "transparency" in picture.info and mode in ("1", "L", "P", "RGB"):
        mode = "LA" if mode in ("1", "L") else "RGBA"
    else:
        mode = {"1": "L", "P": "RGB", "PA": "RGBA"}.get(mode, mode)
    if mode not in ("L", "LA", "La", "RGB", "RGBA", "RGBa"):
        mode = "RGB"
    pixels = _pixels_of(picture if picture.mode == mode else picture.convert(mode))
    if pixels.ndim == 2:
        return Raster(pixels[..., None], "grey")
    if mode == "RGB":
        return Raster(pixels)
    model: Model = "grey" if mode in ("LA", "La") else "rgb"
    return Raster(pixels[..., :-1], model, pixels[..., -1], is_premultiplied=mode in ("La", "RGBa"))


def _pixels_of(picture: Image.Image) -> NDArray[np.uint8]:
    """The pixels of an 8-bit picture, stripe by stripe: Pillow copies whatever it hands over twice."""
    first = np.asarray(picture.crop((0, 0, picture.width, 1)))
    pixels = np.empty((picture.height, *first.shape[1:]), np.uint8)
    for top in range(0, picture.height, STRIPE_PX):
        bottom = min(picture.height, top + STRIPE_PX)
        pixels[top:bottom] = np.asarray(picture.crop((0, top, picture.width, bottom)))
    return pixels


def describe(
    raster: Raster, *, profile: object, exif: ExifFacts, info: Mapping[Any, Any] | None = None
) -> Raster:
    """Give a raster its colours and its orientation, from the best word that its file has on them.

    A profile (bytes; anything else is none) comes first, then what PNG says beside it (`info`, as Pillow
    names it), then EXIF.

    Returns:
        `raster` itself.
    """
    raster.orientation = exif.orientation
    info = info or {}
    told = False
    if profile and isinstance(profile, bytes) and raster.model != "lab":  # L*a*b* says itself what it means
        space, notice = space_of_profile(profile, raster.model)
        raster.notices += [notice] if notice else []
        told = notice is None or space is not None
        if told:
            raster.space = space
            raster.notices = [said for said in raster.notices if said != LINEAR_GUESS]
    if not told and raster.model in ("grey", "rgb") and raster.space is None:
        if "srgb" in info:
            return raster
        if "gamma" in info or "chromaticity" in info:
            raster.space, notice = _of_png(info.get("gamma"), info.get("chromaticity"))
            raster.notices += [notice] if notice else []
        else:
            raster.space = exif.space
            raster.notices += exif.notices
    if raster.model == "cmyk" and raster.space is None:
        raster.notices.append(CMYK_GUESS)
    return raster


def raster_from_pillow(picture: Image.Image) -> Raster:
    """Read a picture of Pillow's, with what its format said about it."""
    picture.load()
    info = picture.info
    return describe(raster_of(picture), profile=info.get("icc_profile"), exif=exif_of(picture), info=info)


def _of_png(
    gamma: float | None, chromaticity: Chromaticities | None
) -> tuple[ColourSpace | None, str | None]:
    """The space of PNG's gAMA and cHRM, either of which may be missing."""
    is_srgb_curve = gamma is None or abs(gamma - _GAMMA_OF_SRGB) < 1e-4
    try:
        curve = srgb_curve if is_srgb_curve else power_curve(1 / (gamma or 0))
        matrix = from_primaries(SRGB_PRIMARIES if chromaticity is None else chromaticity)
        return unless_srgb(CurvesAndMatrix((curve,) * 3, matrix)), None
    except (ValueError, ZeroDivisionError):
        return None, "its gAMA or cHRM means no colours, and it was taken for sRGB"
