"""What upscalers' names tell: which resample by a formula, and in which order "auto" tries the others."""

from __future__ import annotations

from collections.abc import Collection

from prodgen.schema import Capabilities

PREFERRED_UPSCALERS = ("R-ESRGAN 4x+", "RealESRGAN_x4plus", "prodgen-sharp", "ESRGAN_4x", "Lanczos")
"""Upscalers in the order in which "auto" takes them, if the backend has them."""

PLAIN = "Lanczos"
"""What enlarges where no upscaler does; every A1111 has it."""

_RESAMPLING = {"lanczos", "nearest", "bicubic", "bilinear", "box", "hamming", "area"}
_NOTHING_HERE = {"none", "latent"}
"""Words in the names of upscalers that resample by a formula, or that enlarge no finished picture at all.

Source: the lists of A1111, SD.Next and stable-diffusion.cpp.
"""

_NOT_BY_ITSELF = {"ldsr"}
"""Words in the names of upscalers that "auto" never takes: LDSR is a diffusion model, and takes minutes."""


def is_resampling(upscaler: str) -> bool:
    """Whether an upscaler of this name resamples by a formula; there are no weights that it could lack."""
    words = _words(upscaler)
    return bool(words & _RESAMPLING) and not words & _NOTHING_HERE


def has_weights(upscaler: str) -> bool:
    """Whether an upscaler of this name is a network, whose weights can be missing."""
    return not _words(upscaler) & (_RESAMPLING | _NOTHING_HERE)


def in_turn(capabilities: Capabilities, *, without: Collection[str] = ()) -> tuple[str, ...]:
    """Return the upscalers that "auto" tries on this server, the best first; never none.

    Args:
        capabilities: Of the server.
        without: Names that were seen to enlarge by a formula only.
    """
    listed = [x for x in capabilities.upscalers if has_weights(x) and not _words(x) & _NOT_BY_ITSELF]
    by_rank = sorted(listed, key=_rank)
    return tuple(name for name in by_rank if name not in without) or (PLAIN,)


def _rank(name: str) -> int:
    return PREFERRED_UPSCALERS.index(name) if name in PREFERRED_UPSCALERS else len(PREFERRED_UPSCALERS)


def _words(name: str) -> set[str]:
    return set(name.lower().replace("(", " ").replace("-", " ").split())
