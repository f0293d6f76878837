"""Segmentation by trained networks, through rembg. The only place that imports rembg.

Owns the list of models that may be used in commerce and run on this machine, where their weights
are looked for, and the translation of everything rembg and onnxruntime can throw (SystemExit
among it) into one SegmentationError. rembg is imported with the first picture, not before: it
compiles for up to 40 seconds when its numba cache is cold.
"""

from __future__ import annotations

import importlib
import importlib.util
import logging
import os
import sys
import tempfile
import threading
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from prodgen.codecs import to_pillow
from prodgen.cutout.completion import complete_outline
from prodgen.cutout.doubts import Segmentation
from prodgen.cutout.hints import Point, Rectangle, check_hints, clear_outside
from prodgen.cutout.matting import refine
from prodgen.errors import SegmentationError, SettingError
from prodgen.images import Matte, RgbImage, from_uint8

logger = logging.getLogger(__name__)

MODELS = (
    "isnet-general-use",
    "birefnet-general",
    "birefnet-general-lite",
    "birefnet-general-fp16",
    "birefnet-dis",
    "birefnet-hrsod",
    "birefnet-massive",
    "u2net",
    "u2netp",
    "silueta",
    "sam",
)
"""Local models of rembg for objects, with code and weights under Apache-2.0 or MIT."""

INSTALL = "pip install 'prodgen[rembg]'"
"""The line that installs what the networks need."""

BOX_MARGIN = 0.1
"""What is shown to a network around the user's box, of its longer side: it wants to see background.
Chosen."""

_SAM_FILES = ("sam_vit_b_01ec64.encoder.onnx", "sam_vit_b_01ec64.decoder.onnx")

_loading = threading.Lock()


def is_installed() -> bool:
    """Whether rembg and its onnxruntime can be imported; does not import them."""
    return all(importlib.util.find_spec(name) is not None for name in ("rembg", "onnxruntime"))


def weights(name: str) -> Path | None:
    """The weights of a model where rembg would find them on disk, or None.

    Looks where rembg 2.0.86 looks: `<home>/models/<name>/`, with the home in U2NET_HOME, else
    REMBG_HOME, else `$XDG_DATA_HOME/rembg`, else `~/.rembg`; and flat in U2NET_HOME or `~/.u2net`, the
    older layout.
    """
    files = _SAM_FILES if name == "sam" else (f"{name}.onnx",)
    for folder in (_home() / "models" / name, _legacy_home()):
        if all(_is_file(folder / file) for file in files):
            return folder / files[0]
    return None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file() and path.stat().st_size > 0
    except OSError:  # a home that may not be read is a home without weights
        return False


def _home() -> Path:
    if os.environ.get("U2NET_HOME"):
        return _legacy_home()
    shared = os.environ.get("XDG_DATA_HOME")
    default = Path(shared) / "rembg" if shared else Path("~/.rembg")
    return Path(os.environ.get("REMBG_HOME", default)).expanduser()


def _legacy_home() -> Path:
    default = Path(os.environ.get("XDG_DATA_HOME", "~")) / ".u2net"
    return Path(os.environ.get("U2NET_HOME", default)).expanduser()


class RembgSegmenter:
    """One of rembg's networks. The object is cheap; the network is loaded with the first picture."""

    def __init__(self, name: str) -> None:
        self.name = name

    def segment(
        self, rgb: RgbImage, *, box: Rectangle | None = None, points: Sequence[Point] = ()
    ) -> Segmentation:
        """Find the product; see `segmenters.Segmenter`. Points are understood by `sam` only.

        A box is cut out for the other models, so that a small product fills the network's view.

        Raises:
            SegmentationError: If rembg or the weights are missing, or the network fails.
            SettingError: If points are given to another model than `sam`, or a box or point lies outside.
        """
        check_hints(rgb.shape, box, points)
        if self.name == "sam":
            return Segmentation(refine(rgb, _predict(self.name, rgb, _sam_prompt(rgb, box, points))))
        if points:
            raise SettingError(
                f"segmenter {self.name!r} takes no points; use 'sam' or 'classical', or give a box"
            )
        if box is None:
            return Segmentation(refine(rgb, complete_outline(rgb, _predict(self.name, rgb))))
        window = _view(box, rgb.shape[1], rgb.shape[0])
        matte = np.zeros(rgb.shape[:2], np.float32)
        matte[window] = _predict(self.name, np.ascontiguousarray(rgb[window]))
        return Segmentation(refine(rgb, clear_outside(complete_outline(rgb, matte), box)))


def _view(box: Rectangle, width: int, height: int) -> tuple[slice, slice]:
    """What a network is shown around the user's box."""
    left, top, right, bottom = box
    margin = round(BOX_MARGIN * max(right - left, bottom - top))
    return (
        slice(max(0, top - margin), min(height, bottom + margin)),
        slice(max(0, left - margin), min(width, right + margin)),
    )


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


def _predict(name: str, rgb: RgbImage, sam_prompt: list[dict[str, Any]] | None = None) -> Matte:
    """The network's matte, soft where it is not sure."""
    with _loading:  # so that threads that start together load, or download, one network once
        session, failures = _session(name)
    try:
        question = {} if sam_prompt is None else {"sam_prompt": sam_prompt}
        (mask, *_) = session.predict(to_pillow(rgb), **question)
    except failures as error:
        raise SegmentationError(
            f"segmenter {name!r} failed on this photo ({error});"
            " try a smaller one such as 'u2netp', or 'classical'"
        ) from error
    return from_uint8(np.asarray(mask.convert("L")))


@lru_cache(maxsize=2)
def _session(name: str) -> tuple[Any, tuple[type[Exception], ...]]:
    """A loaded network, and the errors that onnxruntime throws; two stay loaded at a time."""
    rembg = _import_rembg(name)
    failures = _failures()
    if weights(name) is None:
        logger.warning("downloading the weights of %s, once, into %s", name, _home() / "models" / name)
    try:
        return rembg.new_session(name), failures
    except failures as error:
        raise SegmentationError(
            f"the weights of {name!r} could not be loaded or downloaded ({_first_line(error)});"
            f" put {name}.onnx into {str(_home() / 'models' / name)!r}, or use --segmenter classical"
        ) from error


def _first_line(error: BaseException) -> str:
    if type(error).__name__ == "ConnectionError":  # requests' text for it is the inside of its own objects
        return "no connection to where they are"
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__


def _import_rembg(name: str) -> Any:
    if "rembg" not in sys.modules and is_installed():
        _keep_numba_cache()
        logger.info("importing rembg; its first import on a machine compiles for up to 40 seconds")
    try:
        return importlib.import_module("rembg")
    except (ImportError, SystemExit) as error:  # rembg exits the process when it finds no onnxruntime
        raise SegmentationError(
            f"segmenter {name!r} needs rembg and onnxruntime: {INSTALL}, or use --segmenter classical"
        ) from error


def _failures() -> tuple[type[Exception], ...]:
    """What loading, downloading and running can throw.

    The errors of requests are OSErrors, a bad checksum is a ValueError, and onnxruntime has classes of
    its own without a common base.
    """
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, OSError, ValueError, MemoryError)


def _keep_numba_cache() -> None:
    """Give numba a cache that lasts where it cannot write beside pymatting's files (a read-only install)."""
    spec = importlib.util.find_spec("pymatting")
    if "NUMBA_CACHE_DIR" in os.environ or spec is None or spec.origin is None:
        return
    if os.access(Path(spec.origin).parent, os.W_OK):
        return
    base = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache")).expanduser()
    for folder in (base / "prodgen" / "numba", Path(tempfile.gettempdir()) / "prodgen-numba"):
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError:
            continue
        if os.access(folder, os.W_OK):
            os.environ["NUMBA_CACHE_DIR"] = str(folder)
            return
