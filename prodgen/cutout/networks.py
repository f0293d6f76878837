"""Segmentation by trained networks: which there are, where their weights lie, and what each says of a photo.

Owns the list of models that may be used in commerce and run on this machine. The small U-2-Net (u2netp) comes
with prodgen; the others count when their weights lie where rembg looks for them. Nothing here downloads.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from prodgen.cutout import rembg_sessions
from prodgen.cutout.completion import complete_outline
from prodgen.cutout.doubts import Segmentation
from prodgen.cutout.fusion import WORK_PX, fuse, working_size
from prodgen.cutout.hints import Point, Rectangle, hints_in
from prodgen.cutout.matting import refine, resized
from prodgen.cutout.rembg_sessions import BIREFNET, ISNET, SAM, U2NET, U2NETP
from prodgen.errors import SegmentationError
from prodgen.images import Matte, Plane, RgbImage, resize

_KINDS = {
    "isnet-general-use": ISNET,
    "birefnet-general": BIREFNET,
    "birefnet-general-lite": BIREFNET,
    "u2net": U2NET,
    "u2netp": U2NETP,
    "birefnet-dis": BIREFNET,
    "birefnet-hrsod": BIREFNET,
    "birefnet-massive": BIREFNET,
    "sam": SAM,
}

MODELS = tuple(_KINDS)
"""Local models of rembg for objects, with code and weights under Apache-2.0 or MIT."""

PACKAGED = "u2netp"
"""The network that comes with prodgen."""

PACKAGED_FILE = Path(__file__).parent / "u2netp" / "u2netp.onnx"

PACKAGED_SHA256 = "309c8469258dda742793dce0ebea8e6dd393174f89934733ecc8b14c76f4ddd8"
"""SHA-256 of the file as rembg released it; its MD5 is the one that rembg itself asks for."""

STAIRS_SIGMA_PX = 0.6
"""Gaussian scale, in pixels of the decision, that smooths the stairs of its outline. Measured: mean IoU of 55
photographs 0.8784 without, 0.8786 with 0.6, 0.8778 with 1."""

CROP_MARGIN = 0.12
"""What a closer look shows around the product found, of its longer side: a network wants to see background.
Chosen."""

_SAM_FILES = ("sam_vit_b_01ec64.encoder.onnx", "sam_vit_b_01ec64.decoder.onnx")


def predict(name: str, rgb: RgbImage) -> Plane:
    """How likely each pixel of a photo is product, as a network says it, at the network's own size.

    Nothing is stretched: where the network sees no product, all of it stays low. The network is loaded with
    its first picture and kept; threads share it.

    Args:
        name: One of `MODELS`, but not `sam`, which answers to prompts.
        rgb: (H, W, 3), sRGB, [0, 1], of any size; a photo or a crop of one.

    Returns:
        (320, 320) or (1024, 1024), [0, 1]: all of `rgb`, whatever its proportions. `images.resize` brings
        it to the size of `rgb`.

    Raises:
        SegmentationError: If rembg or the weights are missing or damaged, or the network fails.
    """
    return rembg_sessions.probability(name, _KINDS[name], _found_weights(name), rgb)


def weights(name: str) -> tuple[Path, ...]:
    """The files of a model's weights on this machine; none: they are not here.

    u2netp's come with prodgen. The others' are looked for where rembg 2.0.86 looks: `<home>/models/<name>/`,
    with the home in U2NET_HOME, else REMBG_HOME, else `$XDG_DATA_HOME/rembg`, else `~/.rembg`; and flat in
    U2NET_HOME or `~/.u2net`, the older layout.
    """
    if name == PACKAGED:
        return (PACKAGED_FILE,)
    files = file_names(name)
    for folder in (home() / "models" / name, _legacy_home()):
        if all(_is_file(folder / file) for file in files):
            return tuple(folder / file for file in files)
    return ()


def file_names(name: str) -> tuple[str, ...]:
    """What rembg calls the files of a model's weights."""
    return _SAM_FILES if name == "sam" else (f"{name}.onnx",)


def home() -> Path:
    """The folder in which rembg keeps weights; those of one model lie in `models/<name>` below it."""
    if os.environ.get("U2NET_HOME"):
        return _legacy_home()
    shared = os.environ.get("XDG_DATA_HOME")
    return _folder("REMBG_HOME", f"{shared}/rembg" if shared else "~/.rembg")


def _legacy_home() -> Path:
    return _folder("U2NET_HOME", f"{os.environ.get('XDG_DATA_HOME') or '~'}/.u2net")


def _folder(variable: str, default: str) -> Path:
    # Path.expanduser() fails where a user has no home, as in a container that runs under a number.
    return Path(os.path.expanduser(os.environ.get(variable) or default))  # noqa: PTH111


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:  # a home that may not be read is a home without weights
        return False


def _found_weights(name: str) -> tuple[Path, ...]:
    if name == PACKAGED:
        return (_checked_packaged_file(PACKAGED_FILE),)
    files = weights(name)
    if not files:
        raise SegmentationError(
            f"the weights of {name!r} are not on this machine; get them with: prodgen weights get {name},"
            " or name another --segmenter"
        )
    return files


@cache
def _checked_packaged_file(path: Path) -> Path:
    """The path of u2netp's weights, once per process found to be what was shipped."""
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        digest = ""
    if digest != PACKAGED_SHA256:
        raise SegmentationError(
            f"the network that comes with prodgen is missing or damaged ({str(path)!r});"
            " install prodgen again, or use --segmenter classical"
        )
    return path


class RembgSegmenter:
    """One of rembg's networks, fused with the photograph. The network is loaded with its first picture."""

    def __init__(self, name: str) -> None:
        self.name = name

    def segment(
        self, rgb: RgbImage, *, box: Rectangle | None = None, points: Sequence[Point] = ()
    ) -> Segmentation:
        """Find the product; see `segmenters.Segmenter`. Box and points are used by `sam` only.

        The network says what is product, a second look is taken (the small network's, or for that one
        itself a crop to what it found), and the photograph says where the edge is, a faint one too.

        Raises:
            SegmentationError: If rembg or the weights are missing, or the network fails.
            SettingError: If the box or a point lies outside the photograph.
        """
        hints_in(box, points, rgb.shape)
        if self.name == "sam":
            return Segmentation(refine(rgb, _sam_matte(rgb, box, points)))
        first = predict(PACKAGED, rgb)
        second = look_closer(rgb, first) if self.name == PACKAGED else predict(self.name, rgb)
        small = resized(rgb, working_size(rgb))
        fused = fuse(small, first, second, "crop" if self.name == PACKAGED else "network")
        solid = cv2.GaussianBlur((fused > 0.5).astype(np.float32), (0, 0), STAIRS_SIGMA_PX)
        whole = complete_outline(small, np.asarray(solid, np.float32))
        looks = (first, second) if self.name == PACKAGED else (second, first)
        return Segmentation(refine(rgb, resize(whole, rgb.shape[1], rgb.shape[0])), looks=looks)


def look_closer(rgb: RgbImage, first: Plane) -> Plane:
    """The small network's answer at a crop to what it found in the whole photo; 0 outside the crop."""
    side = len(first)
    found = first > 0.5
    if not found.any():
        return first
    rows, columns = np.flatnonzero(found.any(axis=1)), np.flatnonzero(found.any(axis=0))
    height, width = rgb.shape[:2]
    top, bottom = rows[0] * height // side, -(-(rows[-1] + 1) * height // side)
    left, right = columns[0] * width // side, -(-(columns[-1] + 1) * width // side)
    margin = round(CROP_MARGIN * max(right - left, bottom - top))
    top, left = max(0, top - margin), max(0, left - margin)
    bottom, right = min(height, bottom + margin), min(width, right + margin)
    closer = predict(PACKAGED, np.ascontiguousarray(rgb[top:bottom, left:right]))
    scale = min(1.0, WORK_PX / max(height, width))
    plane = np.zeros((max(1, round(height * scale)), max(1, round(width * scale))), np.float32)
    inside = plane[round(top * scale) : round(bottom * scale), round(left * scale) : round(right * scale)]
    if inside.size:
        inside[:] = resize(closer, inside.shape[1], inside.shape[0])
    return plane


def _sam_matte(rgb: RgbImage, box: Rectangle | None, points: Sequence[Point]) -> Matte:
    return rembg_sessions.prompted_matte("sam", _found_weights("sam"), rgb, _sam_prompt(rgb, box, points))


def _sam_prompt(rgb: RgbImage, box: Rectangle | None, points: Sequence[Point]) -> list[dict[str, Any]]:
    """SAM's question in rembg's spelling; without box and points, the middle of the photo."""
    prompt: list[dict[str, Any]] = [
        {"type": "point", "label": int(is_product), "data": [float(x), float(y)]}
        for x, y, is_product in points
    ]
    if box is not None:
        prompt.append({"type": "rectangle", "label": 2, "data": [float(edge) for edge in box]})
    middle = [rgb.shape[1] / 2, rgb.shape[0] / 2]
    return prompt or [{"type": "point", "label": 1, "data": middle}]
