"""Scores computed and found shadows on rendered products in real places, for `benchmarks/calibration.py`.

The truth is path-traced: the same place with and without the product (tests/data). Their ratio in linear
light, around the foot, is the true shadow.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prodgen import files, shadows
from prodgen.color import luminance, to_linear
from prodgen.light import estimate_surroundings
from prodgen.light.relighting import relight
from prodgen.masks import bounding_box, dilate

MODULES = ("prodgen.shadows",)

Score = dict[str, tuple[float, float]]

TRUTH = Path(__file__).resolve().parents[2] / "tests" / "data" / "truth"
PLACES = ("city", "courtyard", "forest", "interior", "night", "sunset")
PRODUCTS = {"box": "tall", "jar": "small", "mug": "small", "pouch": "small"}


def score(module: str | None = None) -> Score:
    """Figure -> (value, smallest change that matters)."""
    computed: list[float] = []
    found: list[float] = []
    contact: list[float] = []
    studio: list[float] = []
    mirrored: list[float] = []
    for product, size in PRODUCTS.items():
        photo = files.load(TRUTH / f"{product}_input.jpg").rgb
        matte = files.load_matte(TRUTH / f"{product}_matte.png")
        floor = _floor(matte)
        small = shadows.contact_shadow(matte) * shadows.ambient_occlusion(matte)
        kept = shadows.keep_original_shadow(photo, matte)
        studio.append(float((1 - kept)[floor].mean()))
        image, opacity = shadows.reflection(photo, matte)
        mirrored.append(float((image.mean(axis=2) * opacity).sum() / matte.sum()))
        for place in PLACES:
            plate = files.load(TRUTH / f"plate_{size}_{place}.jpg").rgb
            truth = files.load(TRUTH / f"{product}_{place}.jpg").rgb
            true = np.clip(_light(truth) / _light(plate), 0, 1)[floor]
            here = estimate_surroundings(plate, matte)
            light = here.light
            made = shadows.ground_shadow(
                matte,
                azimuth_deg=light.azimuth_deg,
                elevation_deg=light.elevation_deg,
                softness=light.softness,
                strength=light.strength,
                floor_top=here.floor_top,
                behind=here.behind,
                bounce=shadows.bounce(
                    relight(photo, matte, here, place=plate), matte, float(luminance(here.above[None])[0])
                ),
            )
            computed.append(float(np.abs(made[floor] - true).mean()))
            contact.append(float(np.abs(small[floor] - true).mean()))
            found.append(float(np.abs(shadows.existing_shadow(truth, matte)[floor] - true).mean()))
    return {
        "error of the computed shadow, %": (100 * float(np.mean(computed)), 0.2),
        "error of contact and sky alone, %": (100 * float(np.mean(contact)), 0.2),
        "error of the shadow found in a scene, %": (100 * float(np.mean(found)), 0.2),
        "depth of the studio's shadow kept, %": (100 * float(np.mean(studio)), 0.2),
        "light in the mirror image, %": (100 * float(np.mean(mirrored)), 0.2),
    }


def _light(picture: np.ndarray) -> np.ndarray:
    return luminance(to_linear(picture)) + np.float32(0.005)


def _floor(matte: np.ndarray) -> np.ndarray:
    """Where a shadow is judged: the floor within a product's size of the foot, without the product's edge."""
    box = bounding_box(matte)
    side = max(box.width, box.height)
    y, x = np.mgrid[: matte.shape[0], : matte.shape[1]]
    near = np.hypot(x - (box.left + box.right) / 2, 2.5 * (y - box.bottom)) < side
    return near & (y > box.bottom - 0.2 * side) & (dilate((matte > 0.02).astype(np.float32), 2) < 0.5)
