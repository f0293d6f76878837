r"""Names of model files: a checkpoint, LoRA, VAE or embedding is one file with many spellings.

A server lists "2D/mistoon_v20.safetensors [c35e1054c0]", answers "mistoon_v20", and a Windows server writes
"2D\mistoon_v20.ckpt". Two spellings can mean one file if the file's name without its ending is the same and
the folders, as far as both name them, are too. A hash that both sides have decides before any name.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

ENDINGS = (".safetensors", ".ckpt", ".pt", ".pth", ".bin", ".gguf", ".sft", ".onnx")
"""Endings of files that hold weights; whatever else follows a dot ("v1.5") belongs to the name."""

_HASH = re.compile(r"\s*\[([0-9a-fA-F]{8,64})\]\s*$")
_LEFT_OUT = str.maketrans("", "", ":,")
"""Characters that A1111 leaves out of names in an infotext, where they would separate values."""

LEGACY_DIGITS = 8
"""Length of A1111's first kind of hash, of a piece of the file; those of SHA-256 are 10 digits and more."""


def same_file(one: str, other: str) -> bool:
    """Whether two names can mean one file; hashes in brackets, where both have one, must agree."""
    if same_hash(hash_in(one), hash_in(other)) is False:
        return False
    shorter, longer = sorted((_parts(one), _parts(other)), key=len)
    return bool(shorter[-1]) and longer[-len(shorter) :] == shorter


def same_hash(one: object, other: object) -> bool | None:
    """Whether two hashes are of one file; None where either is missing, or they are of two kinds.

    A shorter one is the beginning of the longer. One digit repeated, as stable-diffusion.cpp lists for
    every file, stands for no hash.
    """
    first, second = (str(digest or "").strip().lower() for digest in (one, other))
    if any(len(set(digest)) < 2 or not re.fullmatch(r"[0-9a-f]{8,64}", digest) for digest in (first, second)):
        return None
    if (len(first) == LEGACY_DIGITS) != (len(second) == LEGACY_DIGITS):
        return None
    return first.startswith(second) or second.startswith(first)


def hash_in(name: str) -> str | None:
    """Return the hash in brackets at the end of a name, if it has one."""
    found = _HASH.search(name)
    return found[1] if found else None


def find(name: str, known: Iterable[str]) -> str | None:
    """Return the known name that is `name`, or the only one that can mean the same file."""
    choices = tuple(dict.fromkeys(known))
    if name in choices:
        return name
    alike = [choice for choice in choices if same_file(name, choice)]
    return alike[0] if len(alike) == 1 else None


def _parts(name: str) -> list[str]:
    """The folders and the file's name without its ending, in lower case."""
    path = _HASH.sub("", name).strip().lower().replace("\\", "/")
    ending = next((ending for ending in ENDINGS if path.endswith(ending)), "")
    return [part.translate(_LEFT_OUT) for part in path.removesuffix(ending).split("/") if part] or [""]
