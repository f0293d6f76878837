"""Pictures in layers, for page programs: Photoshop's PSD, through the extra `psd`. Written, never read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from prodgen.codecs.icc_profiles import srgb_profile
from prodgen.errors import ImageError
from prodgen.images import Matte, RgbImage, to_uint8

LAYERED = (".psd",)
"""File endings of pictures in layers."""

MAX_PSD_SIDE_PX = 30_000
"""Longest side of a PSD file. Standard: Adobe's file format specification."""


@dataclass(frozen=True, eq=False)
class PageLayer:
    """One layer of a page, of the page's size."""

    name: str
    rgb: RgbImage
    """(H, W, 3), sRGB, [0, 1]."""
    matte: Matte | None = None
    """(H, W), its opacity; None: it covers the whole page."""
    multiplies: bool = False
    """Whether it darkens what is below (blend mode "multiply") instead of covering it."""


def check_layered(name: str) -> None:
    """Refuse to make a layered file without the package that writes it.

    Raises:
        ImageError: If the extra `psd` is not installed.
    """
    try:
        import psd_tools  # noqa: F401 - only whether it is there
    except ImportError as error:
        raise ImageError(
            f"{name!r}: layers need an extra: pip install 'prodgen[psd]', or save it as PNG"
        ) from error


def encode_layers(flat: RgbImage, layers: Sequence[PageLayer], *, name: str, xmp: str = "") -> bytes:
    """Make the bytes of a PSD file; 8 bit, sRGB, and it says so.

    Args:
        flat: What programs show that do not read layers, (H, W, 3).
        layers: The lowest one first, each of the size of `flat`; of each only what is seen is stored.
        name: What the file is called, for errors.
        xmp: Its story, an XMP packet.

    Raises:
        ImageError: If the extra `psd` is not installed, or the picture is too large for the format.
    """
    check_layered(name)
    from psd_tools import PSDImage
    from psd_tools.constants import BlendMode, Resource
    from psd_tools.psd.image_resources import ImageResource

    class Document(PSDImage):
        """A document that keeps the flat picture it was made of, instead of making one of its layers."""

        def is_updated(self) -> bool:
            return False

    if max(flat.shape[:2]) > MAX_PSD_SIDE_PX:
        raise ImageError(f"{name!r}: PSD holds at most {MAX_PSD_SIDE_PX} pixels a side; save it as PNG")
    page = Document.frompil(Image.fromarray(to_uint8(flat)))
    for layer in layers:
        pixels, (top, left) = _seen_part(layer)
        if pixels.size:
            page.create_pixel_layer_from_array(
                pixels,
                name=layer.name,
                top=top,
                left=left,
                blend_mode=BlendMode.MULTIPLY if layer.multiplies else BlendMode.NORMAL,
            )
    # Without a profile, page programs take the numbers for colours of whatever space they work in.
    beside = {Resource.ICC_PROFILE: srgb_profile(), Resource.XMP_METADATA: xmp.encode(errors="replace")}
    for kind, content in beside.items():
        if content:
            page.image_resources[kind.value] = ImageResource(key=kind.value, data=content)
    buffer = io.BytesIO()
    page.save(buffer)
    return buffer.getvalue()


def _seen_part(layer: PageLayer) -> tuple[NDArray[np.uint8], tuple[int, int]]:
    """Return the pixels of a layer inside the box of what has an effect, and the box' top and left."""
    rgb = to_uint8(layer.rgb)
    pixels = rgb if layer.matte is None else np.dstack([rgb, to_uint8(layer.matte)])
    acts = rgb.min(axis=2) < (255 if layer.multiplies else 256)
    if layer.matte is not None:
        acts &= pixels[..., 3] > 0
    rows, columns = np.flatnonzero(acts.any(axis=1)), np.flatnonzero(acts.any(axis=0))
    if not len(rows):
        return pixels[:0, :0], (0, 0)
    top, left = int(rows[0]), int(columns[0])
    return np.ascontiguousarray(pixels[top : rows[-1] + 1, left : columns[-1] + 1]), (top, left)
