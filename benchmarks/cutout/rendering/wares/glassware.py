"""Products that one sees through: drinking glass, flacon, vase, lens, spectacles."""

from __future__ import annotations

import math
import random

import numpy as np

from benchmarks.cutout.rendering import shapes, surfaces
from benchmarks.cutout.rendering.wares.listing import Product


def _flacon(dice: random.Random) -> None:
    """A perfume bottle: a block of glass, its inside filled to three quarters, a golden cap."""
    shapes.block("glass", (0.5, 0.24, 0.6), surfaces.glass((0.98, 0.99, 1.0)), at=(0, 0, 0.3), bevel=0.05)
    shapes.block(
        "perfume", (0.4, 0.15, 0.38), surfaces.glass((0.98, 0.78, 0.5), ior=1.36), at=(0, 0, 0.27), bevel=0.03
    )
    gold = surfaces.paint(surfaces.GOLD, metal=1, rough=0.2)
    shapes.turned("collar", [(0, 0.6), (0.09, 0.6), (0.09, 0.66), (0, 0.66)], gold)
    shapes.block("cap", (0.2, 0.2, 0.24), gold, at=(0, 0, 0.79), bevel=0.02)
    ink = surfaces.paint((0.25, 0.18, 0.1))
    shapes.print_on("SOLENE", 0.08, ink, at=(0, -0.123, 0.33))
    shapes.print_on("eau de parfum", 0.035, ink, at=(0, -0.123, 0.26))


def _tumbler(dice: random.Random) -> None:
    """A drinking glass with a striped straw."""
    profile = [(0, 0), (0.2, 0), (0.24, 0.6), (0.225, 0.6), (0.19, 0.06), (0, 0.05)]
    shapes.turned("glass", profile, surfaces.glass((0.97, 0.99, 0.98)), rounded=1)
    for k, colour in enumerate([(0.8, 0.1, 0.15), (0.93, 0.92, 0.9)] * 9):
        a, b = k / 18, (k + 1) / 18
        low, high = np.array([-0.12, 0.02, 0.07]), np.array([0.24, 0.0, 0.92])
        line = [tuple(low + (high - low) * t) for t in (a, b)]
        shapes.tube("straw", line, 0.016, surfaces.paint(colour, rough=0.4), sides=4)


def _vase(dice: random.Random) -> None:
    """A vase of green glass."""
    outside = [(0, 0), (0.2, 0), (0.26, 0.12), (0.3, 0.35), (0.16, 0.62), (0.1, 0.76), (0.17, 0.95)]
    inside = [(0.155, 0.95), (0.08, 0.76), (0.14, 0.61), (0.275, 0.35), (0.23, 0.14), (0, 0.06)]
    shapes.turned("vase", outside + inside, surfaces.glass((0.55, 0.85, 0.68)), rounded=3)


def _magnifier(dice: random.Random) -> None:
    """A magnifying glass that lies on the ground, handle towards the camera."""
    steel = surfaces.paint(surfaces.STEEL, metal=1, rough=0.15)
    shapes.tube("rim", shapes.ring(0.26, at=(0, 0.2, 0.05)), 0.022, steel, closed=True, sides=5)
    lens = [(0, 0.02), (0.12, 0.026), (0.25, 0.04), (0.25, 0.06), (0.12, 0.074), (0, 0.08)]
    shapes.turned("lens", lens, surfaces.glass((0.97, 0.99, 1.0)), at=(0, 0.2, 0), rounded=1)
    handle = [(0, 0), (0.03, 0), (0.042, 0.05), (0.032, 0.3), (0.025, 0.4), (0, 0.4)]
    made = shapes.turned(
        "handle", handle, surfaces.paint((0.09, 0.07, 0.06), rough=0.25, coat=0.6), rounded=2
    )
    shapes.moved([made], by=(0, -0.5, 0.05), turn=(-90, 0, 0))
    shapes.turned("collar", [(0, 0), (0.025, 0), (0.025, 0.08), (0, 0.08)], steel)
    shapes.moved(shapes.added()[-1:], by=(0, -0.13, 0.05), turn=(-90, 0, 0))
    shapes.moved(shapes.added(), turn=(0, 0, dice.uniform(-60, -25)))


def _spectacles(dice: random.Random) -> None:
    """Spectacles with thin rims, legs open."""
    rim = surfaces.paint((0.08, 0.08, 0.09), metal=1, rough=0.3)
    for side in (-1, 1):
        outline = [
            (side * 0.25 + 0.19 * math.cos(t), -0.4, 0.18 + 0.155 * math.sin(t))
            for t in np.linspace(0, 2 * math.pi, 48, endpoint=False)
        ]
        shapes.tube("rim", outline, 0.009, rim, closed=True)
        pane = shapes.plate(
            "lens", [(x, z) for x, _, z in outline], [], 0.006, surfaces.thin_glass(), turn=(90, 0, 0)
        )
        pane.location = (0, -0.4, 0)
        leg = [
            (side * 0.43, -0.4, 0.25),
            (side * 0.47, -0.36, 0.25),
            (side * 0.46, 0.1, 0.24),
            (side * 0.43, 0.32, 0.18),
            (side * 0.42, 0.42, 0.03),
        ]
        shapes.tube("leg", leg, 0.011, rim)
    bridge = [
        (0.065 * x, -0.4 - 0.02 * (1 - x * x), 0.22 + 0.03 * (1 - x * x)) for x in np.linspace(-1, 1, 9)
    ]
    shapes.tube("bridge", bridge, 0.009, rim)


GLASSWARE = (
    Product(
        "flacon",
        "glass",
        _flacon,
        ("same", "white"),
        (0.85, 0.75, 0.6),
        extent=(0.5, 0.75),
        glass=True,
        aside=True,
    ),
    Product("tumbler", "glass", _tumbler, ("blown", "colour"), extent=(0.5, 0.8), glass=True),
    Product(
        "vase", "glass", _vase, ("room", "grey"), (0.4, 0.6, 0.5), extent=(0.5, 0.75), glass=True, aside=True
    ),
    Product(
        "magnifier", "glass", _magnifier, ("table", "white"), pitch=(40, 75), extent=(0.5, 0.8), glass=True
    ),
    Product(
        "spectacles",
        "glass",
        _spectacles,
        ("colour", "white"),
        pitch=(10, 30),
        extent=(0.45, 0.75),
        glass=True,
        aside=True,
    ),
)
"""All of these."""
