"""The product on transparency, with its shadow as black of some alpha, for whoever lays out the page."""

from __future__ import annotations

import numpy as np

from prodgen.color import to_srgb
from prodgen.images import Matte, RgbImage
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Kept, Placed, Shade
from prodgen.shots.shadow_words import read_hex


def shadow_alone(frame: Frame) -> tuple[RgbImage, Matte]:
    """Return the shadow as one colour, (H, W, 3), and its alpha, (H, W), under the product too.

    Page programs mix in sRGB: there an alpha of 1 - sRGB(transmission) makes white as dark as the shadow in
    linear light does, and any other colour nearly so, as sRGB is nearly a power.
    """
    shade, shape = frame.get(Shade), frame[Placed].matte.shape
    color, alpha = np.zeros(3, np.float32), np.zeros(shape, np.float32)
    if shade is not None:
        color = read_hex(shade.color)
        alpha = np.asarray(1 - to_srgb(shade.transmission), np.float32)
    return np.asarray(np.broadcast_to(color, (*shape, 3)), np.float32), alpha


def on_transparency(frame: Frame, *, with_shadow: bool = True) -> tuple[RgbImage, Matte]:
    """Return product and shadow, (H, W, 3), and their alpha, (H, W); the product's own pixels to the bit."""
    placed, kept = frame[Placed], frame.get(Kept)
    product = placed.original if kept is None else kept.product
    color, alpha = shadow_alone(frame)
    under = alpha * (1 - placed.matte) if with_shadow else np.zeros_like(alpha)
    whole = placed.matte + under
    mixed = product * placed.matte[..., None] + color * under[..., None]
    rgb = np.where(placed.matte[..., None] >= 1, product, mixed / np.maximum(whole, 1e-6)[..., None])
    return np.clip(rgb, 0, 1).astype(np.float32), np.clip(whole, 0, 1).astype(np.float32)
