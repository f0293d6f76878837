"""Networks loaded and run by the session classes of rembg. The only module that imports rembg.

Owns how a session is had from weights on disk without a download, and how much of rembg is imported for it:
its sessions alone. The rest of the package brings matting compiled by numba, which takes 2 seconds of every
process, and up to a minute where numba's cache is cold; prodgen has its own matting.

Whatever rembg and onnxruntime can throw becomes one SegmentationError.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
import threading
from functools import lru_cache
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from prodgen.codecs import to_pillow
from prodgen.cutout.cores import usable_cores
from prodgen.errors import SegmentationError
from prodgen.images import Matte, Plane, RgbImage, from_uint8, resize

INSTALL = "pip install 'rembg[cpu]'"
"""The line that installs what the networks need, where prodgen was installed without."""

_IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
_HALF = ((0.5, 0.5, 0.5), (1.0, 1.0, 1.0))

_ALONE = "_prodgen_rembg_sessions"
"""The name under which rembg's sessions are imported without the rest of rembg."""

_loading = threading.Lock()


class SessionKind(NamedTuple):
    """A session class of rembg, and how its `predict` feeds the network and reads it."""

    module: str
    """Its module in `rembg.sessions`."""
    size: int
    """Side in pixels of the square that the network sees."""
    normal: tuple[tuple[float, float, float], tuple[float, float, float]]
    """Mean and standard deviation that are taken out of the picture."""
    gives_logits: bool = False
    """Whether the network's last step, the sigmoid, is left to whoever reads it."""


U2NET = SessionKind("u2net", 320, _IMAGENET)
U2NETP = U2NET._replace(module="u2netp")
ISNET = SessionKind("dis_general_use", 1024, _HALF)
BIREFNET = SessionKind("birefnet_general", 1024, _IMAGENET, gives_logits=True)
SAM = SessionKind("sam", 1024, _HALF)


def is_installed() -> bool:
    """Whether rembg and its onnxruntime can be imported; does not import them."""
    return all(importlib.util.find_spec(name) is not None for name in ("rembg", "onnxruntime"))


def probability(name: str, kind: SessionKind, files: tuple[Path, ...], rgb: RgbImage) -> Plane:
    """How likely each pixel is product, as the network says it.

    rembg's own `predict` stretches each answer from 0 to 1, so that a picture in which the network saw
    nothing looks as sure as any other. This is the answer before that.

    Returns:
        (size, size), [0, 1], for the whole picture squeezed into the square that the network sees.

    Raises:
        SegmentationError: If rembg cannot be imported, or the network cannot be loaded or run.
    """
    session, failures = _session(name, kind, files)
    height, width = rgb.shape[:2]
    near = resize(rgb, min(width, 2 * kind.size), min(height, 2 * kind.size))
    try:
        question = session.normalize(to_pillow(near), *kind.normal, (kind.size, kind.size))
        network = session.inner_session
        (answer,) = network.run([network.get_outputs()[0].name], question)  # the others are for training
    except failures as error:
        raise _failed(name, error) from error
    plane: Plane = np.asarray(answer, np.float32).reshape(kind.size, kind.size)
    if kind.gives_logits:
        plane = (1 / (1 + np.exp(-plane))).astype(np.float32)
    return np.clip(plane, 0, 1)


def prompted_matte(
    name: str, files: tuple[Path, ...], rgb: RgbImage, sam_prompt: list[dict[str, Any]]
) -> Matte:
    """What SAM takes for the product that its prompt points at: (H, W), 0 or 1.

    Raises:
        SegmentationError: If rembg cannot be imported, or the network cannot be loaded or run.
    """
    session, failures = _session(name, SAM, files)
    try:
        (mask, *_) = session.predict(to_pillow(rgb), sam_prompt=sam_prompt)
    except failures as error:
        raise _failed(name, error) from error
    return from_uint8(np.asarray(mask.convert("L")))


def _session(
    name: str, kind: SessionKind, files: tuple[Path, ...]
) -> tuple[Any, tuple[type[Exception], ...]]:
    with _loading:  # so that threads that start together load one network once
        return _loaded(name, kind, files)


@lru_cache(maxsize=3)
def _loaded(name: str, kind: SessionKind, files: tuple[Path, ...]) -> tuple[Any, tuple[type[Exception], ...]]:
    """A loaded network, and the errors that onnxruntime throws; three stay loaded at a time."""
    try:
        onnxruntime = importlib.import_module("onnxruntime")
        session_class = _session_class(kind.module)
    except ImportError as error:
        raise SegmentationError(
            f"segmenter {name!r} needs rembg and onnxruntime, and {_first_line(error)}: {INSTALL},"
            " or use --segmenter classical"
        ) from error
    failures = _failures()
    options = onnxruntime.SessionOptions()
    asked = os.environ.get("OMP_NUM_THREADS", "").partition(",")[0].strip()  # a list means nested levels
    options.intra_op_num_threads = int(asked) if asked.isdecimal() and int(asked) else usable_cores()
    # Measured: a plan of its memory, made after the first picture, takes 0.8 GB more with ISNet and 0.2 GB
    # with u2netp, and saves no time; threads that wait by spinning take 15 % more processor time.
    options.enable_mem_pattern = False
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    onnxruntime.set_default_logger_severity(3)  # as rembg does: errors alone, no notes on devices it lacks
    try:
        return _from_files(session_class, files)(name, options), failures
    except failures as error:
        raise SegmentationError(
            f"the weights of {name!r} in {str(files[0])!r} cannot be loaded ({_first_line(error)});"
            f" get them anew with: prodgen weights get {name}, or use --segmenter classical"
        ) from error


def _session_class(module: str) -> type[Any]:
    """The session class in a module of `rembg.sessions`, with no more of rembg imported than it needs."""
    if _ALONE not in sys.modules:
        package = importlib.util.find_spec("rembg")
        if package is None or not package.submodule_search_locations:
            raise ImportError("there is no rembg")
        spec = ModuleSpec(_ALONE, None, is_package=True)
        spec.submodule_search_locations = [
            str(Path(folder) / "sessions") for folder in package.submodule_search_locations
        ]
        sys.modules[_ALONE] = importlib.util.module_from_spec(spec)
    try:
        found = importlib.import_module(f"{_ALONE}.{module}")
    except ImportError:  # a rembg whose sessions lean on the rest of it
        found = importlib.import_module(f"rembg.sessions.{module}")
    for value in vars(found).values():
        if (
            isinstance(value, type)
            and value.__module__ == found.__name__
            and hasattr(value, "download_models")
        ):
            return value
    raise ImportError(f"this rembg has no session in {found.__name__}")


def _from_files(session_class: type[Any], files: tuple[Path, ...]) -> type[Any]:
    """A session class that takes its weights from these files, and so looks nowhere and downloads nothing."""
    paths = tuple(str(file) for file in files)
    answer = paths if len(paths) > 1 else paths[0]
    return type(
        session_class.__name__, (session_class,), {"download_models": classmethod(lambda *_, **__: answer)}
    )


def _failures() -> tuple[type[Exception], ...]:
    """What loading and running can throw: onnxruntime has classes of its own without a common base."""
    state = importlib.import_module("onnxruntime.capi.onnxruntime_pybind11_state")
    own = [kind for kind in vars(state).values() if isinstance(kind, type) and issubclass(kind, Exception)]
    return (*own, cv2.error, OSError, ValueError, MemoryError)


def _failed(name: str, error: Exception) -> SegmentationError:
    return SegmentationError(
        f"segmenter {name!r} failed on this photo ({_first_line(error)});"
        " try a smaller one such as 'u2netp', or 'classical'"
    )


def _first_line(error: BaseException) -> str:
    text = str(error).strip()
    return text.splitlines()[0][:200] if text else type(error).__name__
