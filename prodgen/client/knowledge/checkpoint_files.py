"""Which family a checkpoint's file is of, where that file lies on this machine: told by what is in it.

Only the list of what a safetensors file holds is read, and only of files that a server of this machine names.
"""

from __future__ import annotations

import stat
from functools import lru_cache
from pathlib import Path

from prodgen.schema.model_families import ModelFamily

MAX_LIST_BYTES = 2**24
"""Longest list of a file's tensors that is read. Guard: SDXL's takes 0.3 MB."""

_MARKS: tuple[tuple[bytes, ModelFamily], ...] = (
    (b'"conditioner.embedders.1.', "sdxl"),
    (b'"cond_stage_model.model.', "sd21"),
    (b'"cond_stage_model.transformer.', "sd15"),
)
"""Beginnings of the names of text encoders in checkpoints of Stability's own layout: the second of SDXL,
OpenCLIP's of Stable Diffusion 2, and CLIP's of 1.5."""


def family_of_file(path: str | None) -> ModelFamily:
    """Return the family of the checkpoint in a file of this machine; "" if it is none that can be told."""
    if path is None or not path.lower().endswith((".safetensors", ".sft")):
        return ""
    try:
        found = Path(path).stat()
        return _read(path, found.st_mtime_ns) if stat.S_ISREG(found.st_mode) else ""
    except (OSError, ValueError):  # not of this machine, or not to be read by us
        return ""


@lru_cache(maxsize=1024)
def _read(path: str, _changed_ns: int) -> ModelFamily:
    with Path(path).open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        listed = file.read(length) if length <= MAX_LIST_BYTES else b""
    return next((family for mark, family in _MARKS if mark in listed), "")
