"""Thin products, and such with many openings: wire, strings, teeth, meshes."""

from __future__ import annotations

import math
import random

import numpy as np

from benchmarks.cutout.rendering import shapes, surfaces
from benchmarks.cutout.rendering.wares.listing import Product


def _steel(rough: float = 0.18) -> surfaces.Material:
    return surfaces.paint(surfaces.STEEL, metal=1, rough=rough)


def _whisk(dice: random.Random) -> None:
    """A balloon whisk that lies on its side."""
    loops = []
    t = np.linspace(0, math.pi / 2, 24)
    x = 0.55 * np.sin(t) ** 1.2
    r = 0.03 + 0.17 * np.sin(math.pi * (x / 0.55) ** 1.6)
    r[-1] = 0.0
    for k in range(6):
        a = math.pi * k / 6
        there, side = np.r_[x, x[-2::-1]], np.r_[r, -r[-2::-1]]
        loops.append(np.c_[there, side * math.cos(a), side * math.sin(a)])
    grip = surfaces.paint((0.12, 0.3, 0.32), rough=0.5)
    profile = [(0, 0), (0.035, 0), (0.045, 0.1), (0.03, 0.42), (0.033, 0.48), (0, 0.48)]
    handle = shapes.turned("grip", profile, grip, rounded=2)
    shapes.moved([handle], turn=(0, -90, 0))
    shapes.tubes("wires", loops, 0.006, _steel())
    shapes.moved(shapes.added(), by=(0, 0, 0.13), turn=(0, -11, 25))


def _hoops(dice: random.Random) -> None:
    """Two hoop earrings, one leaning on the other."""
    gold = surfaces.paint(surfaces.GOLD, metal=1, rough=0.12)
    shapes.tube("lower", shapes.ring(0.36, at=(0, 0, 0.02)), 0.02, gold, closed=True, sides=5)
    shapes.tube("upper", shapes.ring(0.36, at=(0.34, 0.1, 0.11), tilt=14), 0.02, gold, closed=True, sides=5)
    shapes.tube(
        "post", [(-0.36, 0, 0.02), (-0.3, 0.02, 0.03), (-0.2, 0.06, 0.02), (-0.14, 0.1, 0.012)], 0.007, gold
    )
    shapes.tube(
        "post", [(0.7, 0.1, 0.11), (0.76, 0.04, 0.07), (0.8, -0.06, 0.02), (0.82, -0.14, 0.01)], 0.007, gold
    )


def _hanger(dice: random.Random) -> None:
    """A coat hanger of coated wire."""
    coat = surfaces.paint((0.2, 0.35, 0.6), rough=0.35)
    line = [
        (0, 0, 0.34),
        (-0.45, 0, 0.08),
        (-0.48, 0, 0.05),
        (-0.45, 0, 0.02),
        (0.45, 0, 0.02),
        (0.48, 0, 0.05),
    ]
    line += [(0.45, 0, 0.08), (0, 0, 0.34), (0, 0, 0.42)]
    hook = [(0.08 * math.sin(a), 0, 0.5 - 0.08 * math.cos(a)) for a in np.linspace(0, 1.4 * math.pi, 20)]
    shapes.tube("wire", line + hook, 0.01, coat)


def _comb(dice: random.Random) -> None:
    """A comb: coarse teeth and fine ones."""
    horn = surfaces.paint((0.45, 0.23, 0.1), rough=0.2, coat=0.5, mottle=0.6)
    outline = [(-0.5, 0.1), (0.5, 0.1)]
    x, fine = 0.5, 0.011
    while x > -0.47:
        wide = fine if x > 0 else 2 * fine
        outline += [(x, -0.12), (x - wide * 0.7, -0.12), (x - wide, 0.03), (x - 1.6 * wide, 0.03)]
        x -= 1.8 * wide
    outline += [(x, -0.12), (-0.5, -0.12)]
    shapes.plate("comb", outline, [], 0.02, horn, at=(0, 0, 0.03), turn=(4, 0, 20), rim=0.002)


def _basket(dice: random.Random) -> None:
    """A wire basket with two handles."""
    wire = surfaces.paint((0.15, 0.15, 0.16), rough=0.4)
    rims = []
    for z in np.linspace(0.01, 0.5, 6):
        grown = 1 + 0.35 * z
        flat = shapes.rounded_rectangle(0.8 * grown, 0.5 * grown, 0.08)
        rims.append([(x, y, float(z)) for x, y in flat])
    shapes.tubes("hoops", rims, 0.006, wire, closed=True)
    ribs = [list(ring) for ring in zip(*rims, strict=True)]
    longer = []
    for k in range(-6, 7):
        x = k * 0.06
        longer.append([(x * 1.17, -0.29, 0.5), (x, -0.25, 0.01), (x, 0.25, 0.01), (x * 1.17, 0.29, 0.5)])
    for k in range(-3, 4):
        y = k * 0.06
        longer.append([(-0.47, y * 1.17, 0.5), (-0.4, y, 0.01), (0.4, y, 0.01), (0.47, y * 1.17, 0.5)])
    shapes.tubes("ribs", [*ribs[::3], *longer], 0.005, wire)
    shapes.tubes("rim", [rims[-1]], 0.012, wire, closed=True)
    for side in (-1, 1):
        bow = [
            (side * (0.47 + 0.02), 0.16 * math.cos(a), 0.5 + 0.16 * math.sin(a))
            for a in np.linspace(0, math.pi, 16)
        ]
        shapes.tube("handle", bow, 0.014, surfaces.wood((0.6, 0.4, 0.22)))


def _racket(dice: random.Random) -> None:
    """A tennis racket that lies on the ground."""
    frame = surfaces.paint((0.75, 0.15, 0.12), rough=0.25, coat=0.6)
    a, b = 0.24, 0.31
    head = [(a * math.cos(t), b * math.sin(t), 0.03) for t in np.linspace(0, 2 * math.pi, 64, endpoint=False)]
    shapes.tube("head", head, 0.016, frame, closed=True)
    strings = []
    for x in np.linspace(-0.2, 0.2, 16):
        y = b * math.sqrt(1 - (x / a) ** 2)
        strings.append([(x, -y, 0.03), (x, y, 0.03)])
    for y in np.linspace(-0.27, 0.27, 19):
        x = a * math.sqrt(1 - (y / b) ** 2)
        strings.append([(-x, y, 0.032), (x, y, 0.032)])
    shapes.tubes("strings", strings, 0.0022, surfaces.paint((0.9, 0.88, 0.75), rough=0.4))
    for side in (-1, 1):
        shapes.tube(
            "throat",
            [(side * 0.14, -0.25, 0.03), (side * 0.06, -0.42, 0.03), (side * 0.02, -0.56, 0.03)],
            0.015,
            frame,
        )
    shapes.turned(
        "grip",
        [(0, 0), (0.026, 0), (0.022, 0.03), (0.02, 0.36), (0, 0.36)],
        surfaces.paint((0.1, 0.1, 0.12), rough=0.8, bumps=(40, 0.01)),
        rounded=1,
    )
    shapes.moved(shapes.added()[-1:], by=(0, -0.88, 0.03), turn=(-90, 0, 0))
    shapes.moved(shapes.added(), turn=(0, 0, dice.uniform(25, 65)))


def _grater(dice: random.Random) -> None:
    """A flat kitchen grater, upright."""
    outline = shapes.rounded_rectangle(0.36, 0.66, 0.04)
    openings = [
        shapes.oval((x, y), (0.011, 0.015), steps=12)
        for row, y in enumerate(np.linspace(-0.27, 0.27, 15))
        for x in np.linspace(-0.13, 0.13, 7) + (0.01 if row % 2 else -0.01)
    ]
    shapes.plate("blade", outline, openings, 0.012, _steel(0.28), at=(0, 0, 0.36), turn=(82, 0, 0), rim=0.003)
    bow = [
        (-0.17, -0.045, 0.04),
        (-0.185, 0.0, 0.36),
        (-0.17, 0.045, 0.7),
        (-0.07, 0.06, 0.98),
        (0.07, 0.06, 0.98),
    ]
    bow += [(0.17, 0.045, 0.7), (0.185, 0.0, 0.36), (0.17, -0.045, 0.04)]
    shapes.tube("bow", bow, 0.014, surfaces.paint((0.1, 0.1, 0.1), rough=0.5))


def _rack(dice: random.Random) -> None:
    """A round cooling rack on feet."""
    wire = _steel(0.25)
    shapes.tubes(
        "rings", [shapes.ring(r, at=(0, 0, 0.1)) for r in (0.12, 0.24, 0.36, 0.48)], 0.009, wire, closed=True
    )
    spokes = [
        [(0.02 * math.cos(a), 0.02 * math.sin(a), 0.11), (0.49 * math.cos(a), 0.49 * math.sin(a), 0.11)]
        for a in np.linspace(0, 2 * math.pi, 12, endpoint=False)
    ]
    shapes.tubes("spokes", spokes, 0.006, wire)
    for k in range(4):
        a = math.pi / 4 + k * math.pi / 2
        x, y = 0.44 * math.cos(a), 0.44 * math.sin(a)
        shapes.tube("foot", [(x, y, 0.1), (x * 1.05, y * 1.05, 0.03), (x * 1.02, y * 1.02, 0.0)], 0.01, wire)


WIRE = (
    Product("whisk", "thin", _whisk, ("grey", "table"), pitch=(20, 50), extent=(0.6, 0.85)),
    Product(
        "hoops",
        "thin",
        _hoops,
        ("white", "same"),
        (0.85, 0.68, 0.35),
        pitch=(35, 65),
        extent=(0.45, 0.7),
        aside=True,
    ),
    Product(
        "hanger",
        "thin",
        _hanger,
        ("blown", "grey"),
        (0.2, 0.35, 0.6),
        pitch=(3, 14),
        azimuth=(-25, 25),
        extent=(0.6, 0.85),
    ),
    Product(
        "comb",
        "thin",
        _comb,
        ("black", "white"),
        (0.45, 0.23, 0.1),
        pitch=(45, 85),
        extent=(0.5, 0.8),
        aside=True,
    ),
    Product(
        "basket",
        "holes",
        _basket,
        ("blown", "table"),
        (0.2, 0.2, 0.2),
        pitch=(12, 30),
        extent=(0.5, 0.75),
        aside=True,
    ),
    Product(
        "racket", "holes", _racket, ("colour", "grey"), (0.75, 0.15, 0.12), pitch=(50, 80), extent=(0.7, 0.88)
    ),
    Product(
        "grater",
        "holes",
        _grater,
        ("table", "white"),
        surfaces.STEEL,
        pitch=(3, 12),
        azimuth=(-20, 20),
        extent=(0.6, 0.85),
        aside=True,
    ),
    Product("rack", "holes", _rack, ("grey", "flash"), surfaces.STEEL, pitch=(30, 65), extent=(0.55, 0.8)),
)
"""All of these."""
