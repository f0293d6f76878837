"""Repainting without diffusion: a newly drawn picture, mixed into what is left of the old one.

A diffusion model at a low strength keeps the old picture's layout. This renderer has no such middle, so the
two pictures are mixed.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from prodgen import masks
from prodgen.images import from_uint8, to_uint8
from prodgen.server.inpainting import RepaintPlan
from prodgen.server.wire import Pixels

NOTHING_LEFT = 0.75
"""Denoising strength from which on nothing of the old picture shows: A1111's default for img2img, at which a
diffusion model keeps little more than the layout."""

FROM_AROUND, FROM_ORIGINAL = 0, 1
"""Values of inpainting_fill that keep something of the old picture; 2 and 3 (latent) keep nothing."""


def repaint(
    plan: RepaintPlan, draw: Callable[[Pixels], Pixels], *, fill: int, denoising_strength: float
) -> Pixels:
    """Return the sampled part: what is drawn, mixed into what the fill leaves of the old.

    Args:
        plan: What to start from, and the zone to repaint.
        draw: Draws a new picture of the size of the one it is given, which it may resemble.
        fill: inpainting_fill; only with a zone.
        denoising_strength: 0 keeps `start`, `NOTHING_LEFT` and above replace it.

    Returns:
        (h, w, 3), equal to `start` to the bit where it is not repainted.
    """
    start = plan.start
    hole = np.ones(start.shape[:2], np.float32) if plan.zone is None else from_uint8(plan.zone)
    strength = min(max(denoising_strength / NOTHING_LEFT, 0.0), 1.0)
    if not hole.any() or (strength == 0 and (plan.zone is None or fill == FROM_ORIGINAL)):
        return start
    if plan.zone is not None and fill not in (FROM_AROUND, FROM_ORIGINAL):
        strength = 1.0
    under = from_uint8(start)
    if plan.zone is not None and fill == FROM_AROUND and hole.min() < 1:
        under = masks.fill(under, np.minimum(hole, 1))
    painted = from_uint8(draw(start)) if strength > 0 else under
    mixed = under + (painted - under) * np.float32(strength)
    result = to_uint8(from_uint8(start) + (mixed - from_uint8(start)) * hole[..., None])
    return np.where(hole[..., None] > 0, result, start)
