"""Black products: a loudspeaker, a dumbbell, a tote bag, a game pad."""

from __future__ import annotations

import math
import random

import numpy as np

from benchmarks.cutout.rendering import shapes, surfaces
from benchmarks.cutout.rendering.wares.listing import Product

INK = (0.05, 0.05, 0.055)


def _speaker(dice: random.Random) -> None:
    """A loudspeaker box with two cones."""
    shapes.block("box", (0.5, 0.42, 0.85), surfaces.paint(INK, rough=0.35), at=(0, 0, 0.43), bevel=0.02)
    for z, r in ((0.28, 0.17), (0.63, 0.1)):
        ring = shapes.turned(
            "ring",
            [(r, 0), (r + 0.025, 0), (r + 0.02, 0.02), (r, 0.02)],
            surfaces.paint((0.15, 0.15, 0.16), metal=1, rough=0.3),
        )
        cone = shapes.turned(
            "cone",
            [(r, 0.012), (r * 0.4, 0.002), (r * 0.35, 0.005), (0, 0.02)],
            surfaces.paint((0.09, 0.09, 0.09), rough=0.6),
        )
        shapes.moved([ring, cone], by=(0, -0.211, z), turn=(90, 0, 0))
    shapes.print_on("ORKA", 0.05, surfaces.paint(surfaces.WHITE), at=(0, -0.213, 0.06))


def _dumbbell(dice: random.Random) -> None:
    """A dumbbell with six-sided heads."""
    rubber = surfaces.paint(INK, rough=0.7, bumps=(60, 0.004))
    for x in (-0.4, 0.4):
        head = [(0, -0.13), (0.17, -0.13), (0.21, -0.09), (0.21, 0.09), (0.17, 0.13), (0, 0.13)]
        made = shapes.turned("head", head, rubber, segments=6, smooth=False)
        shapes.moved([made], by=(x, 0, 0.182), turn=(30, 90, 0))
    steel = surfaces.paint((0.5, 0.5, 0.5), metal=1, rough=0.35)
    grip = shapes.turned(
        "grip", [(0, -0.3), (0.04, -0.3), (0.05, 0), (0.04, 0.3), (0, 0.3)], steel, rounded=2
    )
    shapes.moved([grip], by=(0, 0, 0.182), turn=(0, 90, 0))


def _tote(dice: random.Random) -> None:
    """A tote bag of black cloth, two handles."""
    cloth = surfaces.paint(INK, rough=0.9, sheen=0.4, bumps=(90, 0.004))
    phase = dice.uniform(0, 6)

    def body(u: float, v: float) -> shapes.Point3:
        a = 2 * math.pi * u
        wide = 0.36 + 0.02 * math.sin(3 * v + phase)
        deep = 0.14 * (1 - 0.6 * v)
        fold = 0.012 * math.sin(5 * a + 4 * v + phase) * v
        c, s = math.cos(a), math.sin(a)
        return (
            (wide + fold) * math.copysign(abs(c) ** 0.35, c),
            (deep + fold) * math.copysign(abs(s) ** 0.6, s),
            0.72 * v,
        )

    shapes.surface("body", body, cloth, steps=(120, 40), closed=True, thickness=0.01)
    shapes.block("bottom", (0.68, 0.26, 0.01), cloth, at=(0, 0, 0.01), bevel=0)
    for y in (-0.065, 0.065):
        line = [(0.17 * math.cos(t), y * 0.9, 0.62 + 0.4 * math.sin(t)) for t in np.linspace(0, math.pi, 24)]
        strip = [((p[0], p[1], p[2]), (p[0] * 0.83, p[1], 0.62 + (p[2] - 0.62) * 0.91)) for p in line]
        points = np.array([q for pair in strip for q in pair])
        faces = [(2 * k, 2 * k + 2, 2 * k + 3, 2 * k + 1) for k in range(len(line) - 1)]
        shapes.mesh("handle", points, faces, cloth).modifiers.new("thickness", "SOLIDIFY").thickness = 0.012


def _gamepad(dice: random.Random) -> None:
    """A game controller, lying."""
    shell = surfaces.paint(INK, rough=0.45)
    outline = []
    for t in np.linspace(0, 2 * math.pi, 80, endpoint=False):
        c, s = math.cos(t), math.sin(t)
        outline.append((0.48 * math.copysign(abs(c) ** 0.7, c), 0.2 * s - 0.22 * c * c * (s < 0.3) * abs(c)))
    shapes.plate("shell", outline, [], 0.17, shell, at=(0, 0, 0.09), rim=0.06)
    grey = surfaces.paint((0.12, 0.12, 0.13), rough=0.6)
    for x, y in ((-0.15, -0.03), (0.15, -0.03)):
        shapes.turned(
            "stick",
            [(0.05, 0.15), (0.03, 0.18), (0.06, 0.21), (0.05, 0.22), (0, 0.215)],
            grey,
            at=(x, y, 0),
            rounded=1,
        )
    for k, colour in enumerate([(0.7, 0.2, 0.2), (0.2, 0.5, 0.3), (0.2, 0.3, 0.65), (0.75, 0.65, 0.2)]):
        a = k * math.pi / 2
        shapes.ball(
            "button",
            (0.025, 0.025, 0.015),
            surfaces.paint(colour, rough=0.3),
            at=(0.3 + 0.05 * math.cos(a), 0.08 + 0.05 * math.sin(a), 0.18),
        )
    shapes.block("cross", (0.11, 0.035, 0.03), grey, at=(-0.3, 0.08, 0.18), bevel=0.006)
    shapes.block("cross", (0.035, 0.11, 0.03), grey, at=(-0.3, 0.08, 0.18), bevel=0.006)


BLACK = (
    Product(
        "speaker", "black", _speaker, ("black", "white"), (0.07, 0.07, 0.075), extent=(0.5, 0.8), aside=True
    ),
    Product(
        "dumbbell",
        "black",
        _dumbbell,
        ("grey", "black"),
        (0.07, 0.07, 0.075),
        pitch=(12, 35),
        extent=(0.45, 0.75),
    ),
    Product("tote", "black", _tote, ("blown", "black"), (0.07, 0.07, 0.075), extent=(0.55, 0.85)),
    Product(
        "gamepad",
        "black",
        _gamepad,
        ("same", "table"),
        (0.09, 0.09, 0.095),
        pitch=(30, 60),
        extent=(0.45, 0.75),
        aside=True,
    ),
)
"""All of these."""
