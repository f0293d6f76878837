"""Faces drawn anew after a picture is there: A1111's "restore faces".

OpenCV's YuNet finds them (Wu et al., "YuNet: a tiny millisecond-level face detector", 2023; MIT licence),
each is turned upright, goes through GFPGAN (Wang et al., arXiv 2101.04061) or RestoreFormer, both loaded by
spandrel, and is put back with a soft edge. CodeFormer is left out: its licence forbids commercial use.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.errors import ModelFileError
from prodgen.server.wire import Pixels

if TYPE_CHECKING:
    import torch

    from prodgen.engines.diffusers.model_folder import ModelFolder

FACE_PX = 512
"""Side of the upright faces that the networks were trained with."""

UPRIGHT = np.array(
    [
        [192.98138, 239.94708],
        [318.90277, 240.1936],
        [256.63416, 314.01935],
        [201.26117, 371.41043],
        [313.08905, 371.15118],
    ]
)
"""Eyes, nose and corners of the mouth, left to right, in such a face: facexlib's means over FFHQ, by which
GFPGAN and RestoreFormer were trained and are used."""

SEARCHED_PX = 640
"""Longer side of the picture that faces are looked for in: YuNet was trained on squares of that size."""

SUREST = 0.9
"""Score from which OpenCV takes a find for a face: the default of `FaceDetectorYN`."""

EDGE_PX = FACE_PX // 20
"""Width of a face's rim that stays as it was, and of the softening within it: facexlib's twentieth."""

FindFaces = Callable[[Pixels], Sequence[NDArray[np.float32]]]
"""Returns (5, 2) for each face of a picture: where, in pixels, the points of `UPRIGHT` are."""


@dataclass(frozen=True)
class FaceRestorer:
    """What finds faces, and what draws an upright one anew, (512, 512, 3)."""

    find: FindFaces
    redraw: Callable[[Pixels], Pixels]

    def restored(self, pixels: Pixels) -> Pixels:
        """Return a picture, (H, W, 3), with its faces drawn anew; without a face it is the same."""
        height, width = pixels.shape[:2]
        result = pixels.astype(np.float32)
        for points in self.find(pixels):
            place, _ = cv2.estimateAffinePartial2D(points, UPRIGHT, method=cv2.LMEDS)
            if place is None:  # points that lie on one another
                continue
            upright = cv2.warpAffine(pixels, place, (FACE_PX, FACE_PX), borderMode=cv2.BORDER_REFLECT)
            made = self.redraw(np.asarray(upright, np.uint8)).astype(np.float32)
            back, share = (
                cv2.warpAffine(one, place, (width, height), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP)
                for one in (made, _soft_square())
            )
            result += (back - result) * share[..., None]
        return np.rint(result).clip(0, 255).astype(np.uint8)


@cache
def _soft_square() -> NDArray[np.float32]:
    """Return how much of a face counts, (512, 512): 1 inside, falling to 0 at its rim."""
    square = np.zeros((FACE_PX, FACE_PX), np.float32)
    square[2 * EDGE_PX : -2 * EDGE_PX, 2 * EDGE_PX : -2 * EDGE_PX] = 1
    return np.asarray(cv2.blur(square, (2 * EDGE_PX + 1, 2 * EDGE_PX + 1)), np.float32)


def missing_for_faces(folder: ModelFolder) -> str:
    """Return what has to be done before faces can be restored; "" where nothing is missing."""
    missing = []
    if not folder.face_restorers:
        missing.append("put a GFPGAN or a RestoreFormer as .safetensors into the models folder's GFPGAN")
    if folder.face_detector is None:
        missing.append("put OpenCV's face_detection_yunet_2026may.onnx into the models folder's GFPGAN")
    if find_spec("spandrel") is None:
        missing.append("pip install 'prodgen[upscalers]'")
    return "; ".join(missing)


def load_face_restorer(path: Path, detector: Path, *, device: torch.device) -> FaceRestorer:
    """Load what restores faces; it calculates in float32, as half precision overflows in GFPGAN.

    Args:
        path: A GFPGAN or RestoreFormer, as a safetensors file.
        detector: YuNet, as an ONNX file.
        device: Where the network is to run.

    Raises:
        ModelFileError: If one of the files is something else, or spandrel cannot be used.
    """
    import torch

    from prodgen.engines.diffusers.tensor_files import TensorFile
    from prodgen.engines.diffusers.upscaler_networks import read_by_spandrel

    found = read_by_spandrel(TensorFile(path), "restoring faces needs spandrel")
    if found.purpose != "FaceSR":
        raise ModelFileError(str(path), f"it restores no faces ({found.architecture.name})")
    found.to(device, torch.float32).eval()

    def redraw(upright: Pixels) -> Pixels:
        face = torch.from_numpy(upright).to(device, torch.float32).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            if found.architecture.id == "GFPGAN":  # spandrel leaves out its range of -1 to 1, and draws noise
                made = found.model(face * 2 - 1, return_rgb=False, randomize_noise=False)[0] / 2 + 0.5
            else:
                made = found(face)
        levels = (made[0].clamp(0, 1) * 255).round().to(torch.uint8)
        return np.ascontiguousarray(levels.permute(1, 2, 0).cpu().numpy())

    return FaceRestorer(yunet(detector), redraw)


def yunet(path: Path) -> FindFaces:
    """Return what finds faces by YuNet.

    Raises:
        ModelFileError: If the file is none that OpenCV can use.
    """
    try:
        detector: Any = cv2.FaceDetectorYN.create(str(path), "", (SEARCHED_PX, SEARCHED_PX), SUREST)
    except cv2.error as error:
        raise ModelFileError(str(path), "OpenCV cannot use it: is it YuNet's ONNX file?") from error

    def find(pixels: Pixels) -> Sequence[NDArray[np.float32]]:
        height, width = pixels.shape[:2]
        scale = min(SEARCHED_PX / max(height, width), 1.0)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        smaller = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        detector.setInputSize(size)
        faces = detector.detect(cv2.cvtColor(smaller, cv2.COLOR_RGB2BGR))[1]
        return [] if faces is None else [face[4:14].reshape(5, 2) / scale for face in faces]

    return find
