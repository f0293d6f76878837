"""The colour of the new light, read from what survived of the product's own colours.

Explains the product's colours before and after by light and veil (see `explain`), and says how far that
is to be believed. Where nothing fits, the relit product's colours are an invention, and are not used.
Owns that judgement, and nothing spatial.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prodgen.shading.explain import (
    FEWEST_WITNESSES,
    color_at,
    explain,
    of_luminance_1,
    position_of,
    witnesses,
)
from prodgen.shading.working_pair import WorkingPair

TRUSTED_MISFIT = 0.2
"""Median misfit at which the fitted colours are trusted half."""

TRUSTED_LOCALLY = 0.11
"""Median misfit at which colours are trusted half to tell the light of one side from the other's."""

TRUSTED_AMPLIFIED = 0.35
"""The same for the misfit divided by the surviving share."""

BLUEST, REDDEST = -0.65, 1.05
"""Log of red over blue at which light is believed half: open shade by a blue sky (12000 K and more),
and a lamp of 2700 K, each after the camera has balanced half of it away."""


@dataclass(frozen=True)
class Illuminant:
    """What was done to the product's colours, apart from making them lighter or darker."""

    light: NDArray[np.float32]
    """(3,), linear sRGB, luminance 1: the colour of the new light, already drawn to white by distrust."""

    veil: NDArray[np.float32]
    """(3,), linear sRGB, luminance 1: the colour that the model drew the product to."""

    share: float
    """How much of the product's own colour survived, 0 to 1."""

    misfit: float
    """Median distance between relit colours and this explanation; 0.1 is good, 0.3 an invention."""

    raw_light: NDArray[np.float32]
    """(3,), the light's colour as it was fitted, before distrust."""

    confidence: float
    """0 to 1: how far the colours of the relit product may be used at all."""

    @property
    def local_confidence(self) -> float:
        """0 to 1: how far they may be used to tell one side's light from the other's."""
        absolute = 1 / (1 + (self.misfit / TRUSTED_LOCALLY) ** 6)
        # Taking the veil off divides by the share, and multiplies what was misread.
        relative = 1 / (1 + (self.misfit / max(self.share, 1e-3) / TRUSTED_AMPLIFIED) ** 6)
        return float(self.plausibility * absolute * relative)

    @property
    def plausibility(self) -> float:
        """0 to 1: whether such light exists; a hue turned by the model looks like light that does not."""
        return _plausibility(float(np.log(self.raw_light[0] / self.raw_light[2])))


def _plausibility(log_red_over_blue: float) -> float:
    """1 for light as it occurs, falling steeply to 0 beyond `BLUEST` and `REDDEST`."""
    limit = REDDEST if log_red_over_blue > 0 else BLUEST
    return float(1 / (1 + (log_red_over_blue / limit) ** 8))


def read_illuminant(pair: WorkingPair) -> Illuminant:
    """Fit light, veil and surviving share to the product's colours before and after.

    Never fails: where the colours cannot be explained, the light is white and the confidence 0.
    """
    photo, relit = witnesses(pair.photo_linear, pair.relit_linear, pair.weight)
    white = np.ones(3, np.float32)
    if len(photo) < FEWEST_WITNESSES:
        return Illuminant(white, pair.scene_color, 1.0, 1.0, white, 0.0)
    found = explain(of_luminance_1(photo), of_luminance_1(relit)[None], pair.scene_color)[0]
    raw_light = found.light.astype(np.float32)
    confidence = _plausibility(float(np.log(raw_light[0] / raw_light[2])))
    confidence /= 1 + (found.misfit / TRUSTED_MISFIT) ** 4
    light = color_at(confidence * position_of(raw_light)).astype(np.float32)
    return Illuminant(light, found.veil.astype(np.float32), found.share, found.misfit, raw_light, confidence)
