"""The product on transparency, with its shadow as a colour of some alpha, for whoever lays out the page."""

from __future__ import annotations

import numpy as np

from prodgen.color import to_linear, to_srgb
from prodgen.images import Matte, RgbImage
from prodgen.shots.frame import Frame
from prodgen.shots.layers import Glass, Kept, Placed, Shade
from prodgen.shots.shadow_words import read_hex


def shadow_alone(frame: Frame) -> tuple[RgbImage, Matte]:
    """Return the shadow as colour, (H, W, 3), and its alpha, (H, W), under the product too.

    Page programs mix in sRGB: colour and alpha are those that make white there what the shadow makes of it in
    linear light, with the least alpha (GIMP's "colour to alpha"). A black shadow is black, of an alpha of
    1 - sRGB(transmission), which darkens any other colour nearly as it should, as sRGB is nearly a power.
    """
    shade, shape = frame.get(Shade), frame[Placed].matte.shape
    if shade is None:
        return np.zeros((*shape, 3), np.float32), np.zeros(shape, np.float32)
    taken = (1 - shade.by_channel) * (1 - to_linear(read_hex(shade.color)))
    darker = np.asarray(1 - to_srgb(np.asarray(1 - taken, np.float32)), np.float32)
    alpha = darker.max(axis=2)
    return np.asarray(1 - darker / np.maximum(alpha, 1e-6)[..., None], np.float32), alpha


def product_alone(frame: Frame) -> tuple[RgbImage, Matte]:
    """Return the product as colour, (H, W, 3), and its alpha, (H, W)."""
    product, hiding = solid_product(frame)
    return product, np.asarray(frame[Placed].matte * hiding, np.float32)


def solid_product(frame: Frame) -> tuple[RgbImage, Matte]:
    """Return the product's own colour, (H, W, 3), and how far it hides what is behind it, (H, W).

    Of glass it is what makes white there what the product makes of it in linear light, with the least alpha
    that leaves its own light on black; the page is seen through it, and no bending. Outside the product the
    numbers mean nothing.
    """
    placed, kept, glass = frame[Placed], frame.get(Kept), frame.get(Glass)
    product = placed.original if kept is None else kept.product
    if glass is None:
        return product, np.ones_like(placed.matte)
    through, own = glass.on(placed)
    clear = through.max(axis=2) > 0
    light = own * to_linear(product)
    on_white, on_black = to_srgb(np.minimum(light + through, 1)), to_srgb(light)
    alpha = np.where(clear, (1 - on_white + on_black).max(axis=2), 1)[..., None]
    color = np.where(clear[..., None], (on_white - 1 + alpha) / np.maximum(alpha, 1e-6), product)
    return np.clip(color, 0, 1).astype(np.float32), np.asarray(alpha[..., 0], np.float32)


def on_transparency(frame: Frame, *, with_shadow: bool = True) -> tuple[RgbImage, Matte]:
    """Return product and shadow, (H, W, 3), and their alpha, (H, W); opaque pixels to the bit."""
    product, matte = product_alone(frame)
    color, alpha = shadow_alone(frame)
    under = alpha * (1 - matte) if with_shadow else np.zeros_like(alpha)
    whole = matte + under
    mixed = product * matte[..., None] + color * under[..., None]
    rgb = np.where(matte[..., None] >= 1, product, mixed / np.maximum(whole, 1e-6)[..., None])
    return np.clip(rgb, 0, 1).astype(np.float32), np.clip(whole, 0, 1).astype(np.float32)
