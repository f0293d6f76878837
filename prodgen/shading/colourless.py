"""How far a relit picture is believed where the product has no colour of its own.

A colour that a model changed is an error. A grey that the scene tints is what light does, and nothing of the
product is at stake but that tint. So steel, black lacquer and white card take what the relit picture shows,
unless something speaks against it. Two things can, and each is weighed by its likelihood:

* The product's own colours, where it has any, in print perhaps: either one light explains them before and
  after, or only a veil does (see `veil_model`), or nothing does and they are an invention.
* The tint itself: light lies near the line from blue to amber, inventions lie anywhere.

A product without a colour has no witness; then the prior speaks, which is for light. What is believed is
the mean over the hypotheses, never as wrong as the wrong one of them. Knows nothing of places in the frame.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from prodgen.color import LUMA, linear_to_lab
from prodgen.images import Plane
from prodgen.shading.smoothing import ramp
from prodgen.shading.veil_model import (
    COST_NOISE,
    EFFECTIVE_SAMPLES,
    LIGHT_SPREAD,
    Array,
    VeilFit,
    color_at,
    position_of,
    relative_residuals,
    with_luminance_1,
)

LIGHT_PRIOR = 0.9
"""Probability that a relit picture shows a product without colours in true light, as long as none speaks.

Measured on seven path-traced products without colours: the tint's error, by that of the best other way, is
1.02 with 1, 1.06 with 0.9, 1.39 with 0.5. Below 1, so that a tint which no light has is not believed.
"""

GREY_TO, COLOURED_FROM = 8.0, 12.0
"""L*a*b* chroma of the photograph up to which a pixel has no colour of its own, and from which on it has one.

Measured on path-traced products: ivory wax has 6 to 9, a box of dull teal 13 to 14.
"""

INVENTED = 0.15
"""Residual of a colour that nothing explains.

Measured: a doll that IC-Light redrew is off by 0.20, products in honest light by 0.03 to 0.13.
"""

HOTTEST = -1.21
"""Log of red over blue, linear sRGB, of the bluest light.

By definition: a black body of infinite temperature, x = 0.240, y = 0.234. Towards red there is no such limit:
embers follow the setting sun.
"""

LEAST_OTHER = 0.01
"""Share of the product in other colours than its commonest, above which they can be compared. Chosen."""

INVENTED_SPREAD = 0.3
"""Standard deviation of an invented tint's log colour, on each axis. Chosen as wide as light's widest."""

ENOUGH_COLOURED = 0.1
"""Share of the product's pixels from which on those with a colour say as much as all could. Chosen."""


def has_witness(photo: Plane) -> NDArray[np.bool_]:
    """(n,), which colours of a product, (n, 3), linear light, tell what a model did: hues beside others.

    A light and a veil look alike on a product of one colour, be it grey: then none tells.
    """
    colors = with_luminance_1(photo)
    differs = relative_residuals(np.median(colors, axis=0), colors) > INVENTED
    return (greyness(photo) < 0.5) & bool(differs.mean() > LEAST_OTHER)


def witness(photo: Plane) -> float:
    """How much the colours of a product, (n, 3), linear light, can tell of what a model did: 0 to 1."""
    return min(1.0, float(has_witness(photo).mean()) / ENOUGH_COLOURED)


def honesty(photo: Plane, before: Array, after: Array, light: VeilFit, fit: VeilFit) -> float:
    """Probability that the product's own colours were changed by light alone.

    Args:
        photo: (n, 3), linear light, pixels of the photographed product.
        before: (n, 3), the same, each of luminance 1.
        after: (n, 3), the relit ones, each of luminance 1.
        light: The fit of light alone.
        fit: The better of the fits with and without a veil.

    Returns:
        0 to 1; where none of its colours tells, `LIGHT_PRIOR` as far as the product is grey.
    """
    has_hue = has_witness(photo)
    if not has_hue.any():
        return LIGHT_PRIOR * float(greyness(photo).mean())
    u = before[has_hue].astype(np.float32)
    by_light, by_fit = (_cost(relative_residuals(each.colors(u), after[has_hue])) for each in (light, fit))
    against = by_light - min(by_fit, _cost(np.array([INVENTED])))
    odds = (1 - LIGHT_PRIOR) / LIGHT_PRIOR * np.exp(0.5 * EFFECTIVE_SAMPLES * witness(photo) * against)
    return float(1 / (1 + odds))


def greyness(photo: Plane) -> Plane:
    """(...): how far colours (..., 3), linear light, are without a hue of their own, 0 to 1."""
    lab = linear_to_lab(photo)
    chroma = np.hypot(lab[..., 1], lab[..., 2]).astype(np.float32)
    return 1 - ramp((chroma - GREY_TO) / (COLOURED_FROM - GREY_TO))


def coloured_misfit(photo: Plane, before: Array, after: Array, fit: VeilFit) -> float:
    """Misfit of a fit as far as colours show it; arguments as of `honesty`.

    That of grey pixels is the light that varies over a product, which is no error of the model's: where few
    pixels have a colour, those few decide; a product without any has no misfit.
    """
    has_hue = has_witness(photo)
    if not has_hue.any():
        return 0.0
    u = before[has_hue].astype(np.float32)
    misfit = float(np.median(relative_residuals(fit.colors(u), after[has_hue])))
    share = witness(photo)
    return share * fit.misfit + (1 - share) * misfit


def believed_tint(tint: Array) -> Array:
    """The mean of what a tint can be: light's, or an invention's of which light is a part.

    Args:
        tint: (2,), log colour of grey product on the axes of `veil_model`: blue to amber, magenta to green.

    Returns:
        (2,): `tint` where light is likely to have it, less of it where not, above all of magenta and green.
    """
    narrow = np.array(LIGHT_SPREAD)
    wide = np.hypot(narrow, INVENTED_SPREAD)
    light, invented = (
        np.exp(-0.5 * ((tint / spread) ** 2).sum()) / spread.prod() for spread in (narrow, wide)
    )
    is_light = LIGHT_PRIOR * light / (LIGHT_PRIOR * light + (1 - LIGHT_PRIOR) * invented + 1e-30)
    share = is_light + (1 - is_light) * (narrow / wide) ** 2
    red, _, blue = color_at(tint)
    beyond = min(float(np.log(red / blue)), 0.0) / HOTTEST
    return np.asarray(tint * share / (1 + beyond**8))


def share_of_light(tint: Array) -> float:
    """Share of a tint, (2,), that is believed to be light's, 0 to 1; 1 where there is none."""
    length = float(tint @ tint)
    return float(tint @ believed_tint(tint)) / length if length > 0 else 1.0


def in_believed_tint(photo: Plane, relit: Plane, is_grey: NDArray[np.bool_]) -> Plane:
    """The relit product with the mean tint of what is grey as far as it is believed; its luminance stays.

    Args:
        photo: (h, w, 3), linear light.
        relit: (h, w, 3), the same place.
        is_grey: (h, w), product without a colour of its own, whose colour can be read in both.
    """
    if not is_grey.any():
        return relit
    ratio = with_luminance_1(relit[is_grey]) / with_luminance_1(photo[is_grey])
    tint = np.median(position_of(ratio), axis=0)
    changed = relit * color_at(believed_tint(tint) - tint).astype(np.float32)
    kept = (relit @ LUMA) / np.maximum(changed @ LUMA, 1e-6)
    return np.asarray(changed * kept[..., None], np.float32)


def _cost(residuals: Array) -> float:
    """Mean Cauchy cost, as in `veil_model.residual_cost`."""
    return float(np.log1p((residuals / COST_NOISE) ** 2).mean())
