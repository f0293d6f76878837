"""The numbers that ControlNet's preprocessors take: what each means, its range, and what it is unless said.

Source: the answer of sd-webui-controlnet (56cec5b) to /controlnet/module_list, of which a copy lies among the
recordings of the tests.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Slider:
    """One number of a preprocessor; the fields are named as the extension lists them."""

    name: str
    value: float
    """What it is unless said."""

    min: float
    max: float
    step: float

    @property
    def listed(self) -> dict[str, object]:
        """The slider as /controlnet/module_list has it."""
        return asdict(self)


RESOLUTION = Slider("Resolution", 512, 64, 2048, 8)
"""Pixels of the shorter side that a preprocessor works at."""

_AT_OWN_SIZE = ("invert", "inpaint_only", "shuffle")
"""Preprocessors without a resolution."""

_DEPTH = (Slider("Remove Near %", 0, 0, 100, 0.1), Slider("Remove Background %", 0, 0, 100, 0.1))

_THRESHOLDS: Mapping[str, tuple[Slider, ...]] = {
    "canny": (Slider("Low Threshold", 100, 1, 255, 1), Slider("High Threshold", 200, 1, 255, 1)),
    "tile_resample": (Slider("Down Sampling Rate", 1.0, 1.0, 8.0, 0.01),),
    "threshold": (Slider("Binarization Threshold", 127, 0, 255, 0.01),),
    "blur_gaussian": (Slider("Sigma", 9.0, 0.01, 64.0, 0.01),),
    "mlsd": (
        Slider("MLSD Value Threshold", 0.1, 0.01, 2.0, 0.01),
        Slider("MLSD Distance Threshold", 0.1, 0.01, 20.0, 0.01),
    ),
    "scribble_xdog": (Slider("XDoG Threshold", 32, 1, 64, 0.01),),
    "normal_midas": (Slider("Normal Background Threshold", 0.4, 0.0, 1.0, 0.01),),
    "depth_leres": _DEPTH,
    "depth_leres++": _DEPTH,
}
"""What threshold_a and threshold_b are; a preprocessor that is not named here has neither."""


def thresholds_of(module: str) -> tuple[Slider, ...]:
    """Return what threshold_a and threshold_b mean to a preprocessor; fewer than two where it has fewer."""
    return _THRESHOLDS.get(module, ())


def sliders_of(module: str) -> tuple[Slider, ...]:
    """Return all numbers of a preprocessor, in the extension's order."""
    return (*(() if module in _AT_OWN_SIZE else (RESOLUTION,)), *thresholds_of(module))
