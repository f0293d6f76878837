"""Bare metal: a pan, a moka pot, cutlery, a watch."""

from __future__ import annotations

import math
import random

import numpy as np

from benchmarks.cutout.rendering import shapes, surfaces
from benchmarks.cutout.rendering.wares.listing import Product


def _pan(dice: random.Random) -> None:
    """A saucepan of polished steel with a long handle."""
    steel = surfaces.paint(surfaces.STEEL, metal=1, rough=0.12)
    body = [
        (0, 0.0),
        (0.3, 0),
        (0.33, 0.03),
        (0.33, 0.34),
        (0.35, 0.36),
        (0.34, 0.365),
        (0.315, 0.34),
        (0.315, 0.04),
        (0, 0.02),
    ]
    shapes.turned("body", body, steel, rounded=2)
    handle = [(0.33, 0, 0.29), (0.45, 0, 0.31), (0.6, 0, 0.34), (0.95, 0, 0.37)]
    shapes.tube("handle", handle, 0.022, surfaces.paint(surfaces.BLACK, rough=0.45), sides=5)
    shapes.tube(
        "eye",
        [(0.95 + 0.03 * math.cos(a) + 0.03, 0, 0.37 + 0.03 * math.sin(a)) for a in np.linspace(0, 6, 14)],
        0.008,
        steel,
    )
    shapes.moved(shapes.added(), turn=(0, 0, dice.uniform(-50, 10)))


def _moka(dice: random.Random) -> None:
    """An eight-sided coffee maker of aluminium."""
    metal = surfaces.paint((0.8, 0.8, 0.81), metal=1, rough=0.22)
    body = [(0, 0), (0.24, 0), (0.19, 0.36), (0.19, 0.4), (0.17, 0.42), (0.24, 0.8), (0.22, 0.82), (0.0, 0.9)]
    shapes.turned("body", body, metal, segments=8, smooth=False)
    black = surfaces.paint(surfaces.BLACK, rough=0.4)
    shapes.ball("knob", (0.035, 0.035, 0.05), black, at=(0, 0, 0.93))
    grip = [(0.21, 0, 0.76), (0.34, 0, 0.8), (0.4, 0, 0.74), (0.39, 0, 0.6), (0.36, 0, 0.44)]
    shapes.tube("grip", grip, 0.028, black, sides=4)
    shapes.mesh(
        "spout",
        np.array([(-0.2, -0.05, 0.8), (-0.2, 0.05, 0.8), (-0.32, 0, 0.82), (-0.2, 0, 0.64)]),
        [(0, 2, 3), (1, 3, 2), (0, 1, 2)],
        metal,
        smooth=False,
    )
    shapes.moved(shapes.added(), turn=(0, 0, dice.uniform(-30, 30)))


def _cutlery(dice: random.Random) -> None:
    """A spoon and a fork beside each other."""
    steel = surfaces.paint(surfaces.STEEL, metal=1, rough=0.1)
    outline = [(0.028 - 0.016 * (y + 0.5) / 0.7, float(y)) for y in np.linspace(-0.5, 0.2, 20)]
    neck = [(-x, y) for x, y in reversed(outline)]
    bowl = [
        (0.075 * math.sin(a), 0.33 - 0.13 * math.cos(a)) for a in np.linspace(0.25, 2 * math.pi - 0.25, 32)
    ]
    shapes.plate(
        "spoon", outline + bowl + neck, [], 0.016, steel, at=(-0.16, 0, 0.03), turn=(3, 0, 6), rim=0.005
    )
    tines = [
        (0.07, 0.27),
        (0.07, 0.48),
        (0.05, 0.48),
        (0.046, 0.32),
        (0.033, 0.32),
        (0.03, 0.48),
        (0.012, 0.48),
        (0.008, 0.32),
    ]
    tines += [(-x, y) for x, y in reversed(tines)]
    shapes.plate(
        "fork",
        [*outline, (0.05, 0.22), *tines, (-0.05, 0.22), *neck],
        [],
        0.014,
        steel,
        at=(0.14, 0, 0.03),
        turn=(3, 0, -8),
        rim=0.004,
    )


def _watch(dice: random.Random) -> None:
    """A wristwatch on a steel bracelet, standing closed, dial to the camera."""
    steel = surfaces.paint(surfaces.STEEL, metal=1, rough=0.2)
    for k in range(26):
        a = 2 * math.pi * k / 26 - math.pi / 2
        if abs(a + math.pi / 2) < 0.4 or abs(a - 1.5 * math.pi) < 0.4:
            continue
        x, y = 0.0, 0.42 * math.sin(a)
        shapes.block(
            "link",
            (0.24, 0.03, 0.085),
            steel,
            at=(x, y, 0.36 + 0.34 * math.cos(a)),
            turn=(math.degrees(a) * -1 - 90, 0, 0),
            bevel=0.012,
        )
    case = shapes.turned(
        "case",
        [(0, -0.05), (0.24, -0.05), (0.26, 0), (0.24, 0.05), (0.21, 0.06), (0.2, 0.05), (0, 0.05)],
        steel,
        rounded=1,
    )
    dial = shapes.turned("dial", [(0, 0.052), (0.2, 0.052)], surfaces.paint((0.08, 0.15, 0.3), rough=0.3))
    white = surfaces.paint(surfaces.WHITE)
    marks = [
        shapes.block(
            "mark",
            (0.012, 0.04, 0.006),
            white,
            at=(0.165 * math.sin(a), 0.165 * math.cos(a), 0.056),
            turn=(0, 0, -math.degrees(a)),
            bevel=0,
        )
        for a in np.linspace(0, 2 * math.pi, 12, endpoint=False)
    ]
    hands = [
        shapes.block(
            "hand",
            (0.012, long, 0.006),
            white,
            at=(long / 2 * math.sin(a), long / 2 * math.cos(a), 0.06),
            turn=(0, 0, -math.degrees(a)),
            bevel=0,
        )
        for long, a in ((0.1, -1.0), (0.15, 1.05))
    ]
    crown = shapes.block("crown", (0.04, 0.06, 0.05), steel, at=(0.27, 0, 0), bevel=0.01)
    shapes.moved([case, dial, crown, *marks, *hands], by=(0, -0.42, 0.36), turn=(90, 0, 0))


METALWARE = (
    Product("pan", "metal", _pan, ("white", "grey"), surfaces.STEEL, pitch=(12, 30), extent=(0.6, 0.85)),
    Product("moka", "metal", _moka, ("colour", "white"), surfaces.STEEL, extent=(0.5, 0.8), aside=True),
    Product(
        "cutlery", "metal", _cutlery, ("black", "same"), (0.7, 0.7, 0.71), pitch=(50, 85), extent=(0.55, 0.8)
    ),
    Product(
        "watch",
        "metal",
        _watch,
        ("grey", "black"),
        surfaces.STEEL,
        pitch=(8, 25),
        azimuth=(-40, 40),
        extent=(0.4, 0.7),
        aside=True,
    ),
)
"""All of these."""
