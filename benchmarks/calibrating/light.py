"""Scores light estimate and relighting on rendered products in real places, for `benchmarks/calibration.py`.

Of each product there is a photograph from a white studio and the truth: the same product path-traced in a
place, under that place's light alone (tests/data). Light and words of a setting have figures of their own.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from prodgen import files
from prodgen.color import delta_e, to_lab
from prodgen.light import Light, estimate_surroundings, light_map, words
from prodgen.light.relighting import relight_on

MODULES = ("prodgen.light",)

SETTINGS = ("prodgen.light.setting", "prodgen.light.light_words", "prodgen.light.light_maps")

Score = dict[str, tuple[float, float]]

TRUTH = Path(__file__).resolve().parents[2] / "tests" / "data" / "truth"
PLACES = ("city", "courtyard", "forest", "interior", "night", "sunset")
PRODUCTS = {"box": "tall", "jar": "small", "mug": "small", "pouch": "small"}


def score(module: str | None = None) -> Score:
    """Figure -> (value, smallest change that matters); of a setting's words and map alone for that module."""
    return _setting() if module in SETTINGS else {**_relit(), **_setting()}


def _relit() -> Score:
    errors: dict[str, list[float]] = {place: [] for place in PLACES}
    behind: list[float] = []
    for product, size in PRODUCTS.items():
        photo = files.load(TRUTH / f"{product}_input.jpg").rgb
        matte = files.load_matte(TRUTH / f"{product}_matte.png")
        inside = matte > 0.95
        for place in PLACES:
            plate = files.load(TRUTH / f"plate_{size}_{place}.jpg").rgb
            truth = files.load(TRUTH / f"{product}_{place}.jpg").rgb
            relit = relight_on(photo, matte, plate)
            errors[place].append(float(delta_e(to_lab(relit[inside]), to_lab(truth[inside])).mean()))
            behind.append(estimate_surroundings(plate, matte).light.strength)
    mean = float(np.mean([value for values in errors.values() for value in values]))
    return {
        "dE, mean over all places": (mean, 0.1),
        **{f"dE, {place}": (float(np.mean(values)), 0.3) for place, values in errors.items()},
        "strength of the main light": (float(np.mean(behind)), 0.03),
    }


def _setting() -> Score:
    """How light maps and prompt words change over all directions, heights, widths and colours of a light."""
    lights = [
        Light(azimuth_deg=a, elevation_deg=e, softness=s, strength=g, temperature_k=k)
        for a in (-90.0, 0.0, 135.0)
        for e in (-60.0, 20.0, 60.0, 80.0)
        for s, g, k in ((0.05, 0.05, 3600.0), (0.3, 0.6, 5500.0), (0.8, 0.9, 8500.0))
    ]
    spread = np.mean([light_map([light], 16, 16).std() for light in lights])
    named = ["top-left soft warm", "left hard", "back cool"]
    read = [Light.parse(text) for text in named]
    return {
        "spread of the light map": (float(spread), 0.01),
        "words of a prompt": (float(sum(len(words(light)) for light in [*lights, *read])), 10.0),
    }
