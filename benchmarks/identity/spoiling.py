"""What relighting models do wrong to a product, done to a true picture on purpose, from a seed.

Each spoiling takes the truth (a product in a real place), its matte and the studio photograph, and
returns the same scene with a product that is no longer quite itself. The scene stays untouched.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.color import from_lab, luminance, to_lab, to_linear, to_srgb
from prodgen.images import Matte, RgbImage, resize
from prodgen.masks import composite, dilate

Spoiling = Callable[[RgbImage, Matte, RgbImage, np.random.Generator], RgbImage]


def generator(seed: int, case: str) -> np.random.Generator:
    """The dice of one case: the same for a seed and a name, whatever ran before."""
    return np.random.default_rng([seed, zlib.crc32(case.encode())])


def drawn_to_scene(truth: RgbImage, matte: Matte, photo: RgbImage, dice: np.random.Generator) -> RgbImage:
    """Colours drawn to the scene's light; materials up to half a stop off, by their hue; print softened.

    What IC-Light was seen to do to real products: a violet jar turns gold, a blue bag black.
    """
    linear = to_linear(truth) * _material_exposure(photo, dice, stops=0.5)
    near = (dilate((matte > 0.5).astype(np.float32), 0.045 * max(matte.shape)) > 0) & (matte < 0.1)
    light = np.median(to_linear(truth)[near], axis=0)
    light = light / max(float(luminance(light)), 1e-4)
    share = dice.uniform(0.55, 0.8)
    drawn = (1 - share) * linear + share * luminance(linear)[..., None] * light
    return composite(_softened(to_srgb(drawn.astype(np.float32))), truth, matte)


def hue_and_veil(truth: RgbImage, matte: Matte, photo: RgbImage, dice: np.random.Generator) -> RgbImage:
    """Every hue turned by 20 to 60 degrees and a veil of a colour that is nowhere in the scene."""
    lab = to_lab(truth)
    angle = np.deg2rad(dice.uniform(20, 60)) * dice.choice([-1, 1])
    cos, sin = np.cos(angle), np.sin(angle)
    a, b = lab[..., 1].copy(), lab[..., 2].copy()
    lab[..., 1], lab[..., 2] = cos * a - sin * b, sin * a + cos * b
    hue, share = dice.uniform(0, 2 * np.pi), dice.uniform(0.1, 0.3)
    veil = np.array([lab[..., 0][matte > 0.5].mean(), 45 * np.cos(hue), 45 * np.sin(hue)])
    turned = from_lab(((1 - share) * lab + share * veil).astype(np.float32))
    return composite(_softened(turned), truth, matte)


def brightness_only(truth: RgbImage, matte: Matte, photo: RgbImage, dice: np.random.Generator) -> RgbImage:
    """Chromaticities as they should be; materials up to a stop too dark or bright, contrast changed."""
    linear = to_linear(truth) * _material_exposure(photo, dice, stops=1.0)
    light = np.maximum(luminance(linear), 1e-5)
    middle = float(np.exp(np.log(light[matte > 0.5]).mean()))
    toned = middle * (light / middle) ** dice.uniform(0.75, 1.3)
    return composite(to_srgb((linear * (toned / light)[..., None]).astype(np.float32)), truth, matte)


SPOILINGS: dict[str, Spoiling] = {
    "drawn to the scene": drawn_to_scene,
    "hue and veil": hue_and_veil,
    "brightness only": brightness_only,
}
"""By the names that the tables use."""


def _material_exposure(photo: RgbImage, dice: np.random.Generator, *, stops: float) -> NDArray[np.float32]:
    """(H, W, 1) factor that depends on the photographed hue, for colours that have one."""
    lab = to_lab(cv2.GaussianBlur(photo, (0, 0), max(photo.shape) / 352))
    hue, chroma = np.arctan2(lab[..., 2], lab[..., 1]), np.hypot(lab[..., 1], lab[..., 2])
    wave = np.sin(2 * hue + dice.uniform(0, 2 * np.pi)) * np.clip(chroma / 40, 0, 1)
    return np.asarray(2.0 ** (stops * wave), np.float32)[..., None]


def _softened(picture: RgbImage) -> RgbImage:
    """Fine print as a model leaves it: half the resolution."""
    height, width = picture.shape[:2]
    return resize(resize(picture, width // 2, height // 2), width, height)
