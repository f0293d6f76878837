"""The colour of the new light, estimated from what survived of the product's own colours.

Fits the veil model to the product's colours before and after, and weighs how far the fit can be trusted.
Where nothing fits, the relit product's colours are an invention, and are not used. Knows nothing of places.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from prodgen.shading.colourless import believed_tint, coloured_misfit, honesty, share_of_light, witness
from prodgen.shading.veil_model import (
    FEWEST_PIXELS,
    color_at,
    fit_light,
    fit_veil,
    position_of,
    sample_pixels,
    with_luminance_1,
)
from prodgen.shading.working_pair import WorkingPair

HALF_TRUSTED_MISFIT = 0.2
"""Median misfit at which the fitted light gets half its weight.

Chosen between a good fit, 0.1, and an invention, 0.3.
"""

HALF_TRUSTED_LOCAL_MISFIT = 0.11
"""Median misfit at which colours get half their weight for telling one side's light from the other's.

Chosen below `HALF_TRUSTED_MISFIT`, since local colours are averaged over fewer pixels.
"""

HALF_TRUSTED_AMPLIFIED_MISFIT = 0.35
"""Misfit divided by the surviving share at which local colours get half their weight.

Chosen: taking the veil off divides by the share, and multiplies the misfit.
"""

BLUEST, REDDEST = -0.85, 1.05
"""Log of red over blue at which a light gets half its weight.

Source: the Planckian locus. Open shade by a blue sky has 12000 K and more, a lamp 2700 K, each after the
camera has balanced half of it away. Measured on path-traced products: white card under an evening sky has
-0.62.
"""

LIKELY = 0.5
"""Probability from which on light alone is taken for what changed the colours. By definition."""


@dataclass(frozen=True)
class Illuminant:
    """What was done to the product's colours, apart from making them lighter or darker."""

    light: NDArray[np.float32]
    """(3,), linear sRGB, luminance 1: the colour of the new light, as far as it is believed."""

    veil: NDArray[np.float32]
    """(3,), linear sRGB, luminance 1: the colour that the model drew the product to."""

    share: float
    """Share of the product's own colour that survived, 0 to 1."""

    misfit: float
    """Median relative residual of the fit, as far as colours show it; 0.1 is good, 0.3 an invention."""

    raw_light: NDArray[np.float32]
    """(3,), the light's colour as it was fitted, before shrinking."""

    confidence: float
    """Weight of the relit product's colours, 0 (not used at all) to 1."""

    honest: float = 0.0
    """Probability that light alone changed the product's colours, 0 to 1."""

    of_light: float = 1.0
    """Share of the fitted light's tint that is believed to be light's, 0 to 1."""

    @property
    def local_confidence(self) -> float:
        """Weight of the relit product's colours for telling one side's light from the other's, 0 to 1."""
        absolute = 1 / (1 + (self.misfit / HALF_TRUSTED_LOCAL_MISFIT) ** 6)
        relative = 1 / (1 + (self.misfit / max(self.share, 1e-3) / HALF_TRUSTED_AMPLIFIED_MISFIT) ** 6)
        return float(_plausibility(self.raw_light) * self.of_light * absolute * relative)


def _plausibility(light: NDArray[np.float32]) -> float:
    """Weight of a light by its colour: 1 as light occurs, falling steeply beyond `BLUEST` and `REDDEST`.

    A hue that the model turned looks like a light that does not exist.
    """
    log_red_over_blue = float(np.log(light[0] / light[2]))
    limit = REDDEST if log_red_over_blue > 0 else BLUEST
    return float(1 / (1 + (log_red_over_blue / limit) ** 8))


def fit_illuminant(pair: WorkingPair) -> Illuminant:
    """Fit light, veil and surviving share to the product's colours before and after.

    Never fails: where the colours cannot be explained, the light is white and the confidence 0.
    """
    photo, relit = sample_pixels(pair.photo_linear, pair.relit_linear, pair.weight)
    white = np.ones(3, np.float32)
    if len(photo) < FEWEST_PIXELS:
        return Illuminant(white, pair.scene_color, 1.0, 1.0, white, 0.0)
    before, after = with_luminance_1(photo), with_luminance_1(relit)
    fit, light_alone = fit_veil(before, after[None], pair.scene_color)[0], fit_light(before, after)
    # A model that turned the hues did not light the product.
    honest = 0.0 if pair.turn.angle_deg else honesty(photo, before, after, light_alone, fit)
    if honest > LIKELY:
        fit = light_alone
    else:
        # A little belief would count for all where the weights of a veil are nothing: in white.
        honest = 0.0
    misfit = coloured_misfit(photo, before, after, fit)
    raw_light = fit.light.astype(np.float32)
    confidence = _plausibility(raw_light) / (1 + (misfit / HALF_TRUSTED_MISFIT) ** 4)
    # Where no colours prove a light, the fit's prior would hold its tint back, likely or not.
    fitted, seen = position_of(raw_light), np.median(position_of(after / before), axis=0)
    proved = witness(photo) if honest > LIKELY else 1.0
    believed = proved * fitted + (1 - proved) * believed_tint(seen)
    light = color_at(confidence * believed).astype(np.float32)
    of_light = proved + (1 - proved) * share_of_light(seen)
    veil = fit.veil.astype(np.float32)
    return Illuminant(light, veil, fit.share, misfit, raw_light, confidence, honest, of_light)
