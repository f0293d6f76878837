"""Cloth, knit and fur: scarf, cap with a bobble, teddy bear, cushion."""

from __future__ import annotations

import math
import random

import numpy as np

from benchmarks.cutout.rendering import shapes, surfaces
from benchmarks.cutout.rendering.wares.listing import Product


def _fur(
    dice: random.Random,
    centre: shapes.Point3,
    radii: shapes.Point3,
    colour: surfaces.Colour,
    *,
    count: int,
    length: float,
    thickness: float = 0.0028,
) -> None:
    """Cover an ellipsoid with hairs that hang a little."""
    draw = np.random.default_rng(dice.randrange(2**32))
    way = draw.normal(size=(count, 3))
    way /= np.linalg.norm(way, axis=1, keepdims=True)
    root = np.array(centre) + way * np.array(radii) * 0.97
    lean = way + draw.normal(0, 0.35, (count, 3)) + np.array([0, 0, -0.25])
    lean /= np.linalg.norm(lean, axis=1, keepdims=True)
    long = length * draw.uniform(0.6, 1.15, (count, 1))
    bent = lean + np.array([0, 0, -0.5])
    lines = np.stack(
        [root, root + 0.55 * long * (0.5 * way + 0.5 * lean), root + long * (0.4 * way + 0.6 * bent)], axis=1
    )
    lines[..., 2] = np.maximum(lines[..., 2], 0.002)
    shapes.tubes(
        "fur", list(lines), thickness, surfaces.paint(colour, rough=0.8, sheen=0.3), sides=0, taper=True
    )


def _scarf(dice: random.Random) -> None:
    """A folded knitted scarf with fringes, lying."""
    wool = surfaces.paint((0.7, 0.35, 0.3), rough=0.95, sheen=0.5, bumps=(70, 0.012), mottle=0.25)
    phase = dice.uniform(0, 6)

    def path(t: float) -> tuple[float, float, float]:
        """Along the scarf: three lengths over each other."""
        x = 0.5 * math.cos(math.pi * 2.6 * t) * (1 - 0.15 * t)
        return x, 0.32 * t - 0.16 + 0.06 * math.sin(5 * t + phase), 0.03 + 0.16 * t * (1 - 0.3 * t)

    def cloth(u: float, v: float) -> shapes.Point3:
        x, y, z = path(u)
        wave = 0.018 * math.sin(9 * v + 7 * u + phase)
        return x, y + 0.3 * (v - 0.5), z + wave

    shapes.surface("scarf", cloth, wool, steps=(160, 40), thickness=0.03)
    threads = []
    for end in (0.0, 1.0):
        for v in np.linspace(0.02, 0.98, 26):
            x, y, z = cloth(end, float(v))
            out = 0.13 * (1 if end == 0 else -1 if path(1.0)[0] < path(0.97)[0] else 1)
            lean = dice.uniform(-0.03, 0.03)
            threads.append(
                [
                    (x, y, z),
                    (x + out * 0.5, y + lean, max(z - 0.02, 0.012)),
                    (x + out, y + lean * 2, max(z - 0.1, 0.01)),
                ]
            )
    shapes.tubes("fringes", threads, 0.007, wool)


def _beanie(dice: random.Random) -> None:
    """A knitted cap with a bobble."""
    colour = (0.25, 0.42, 0.55)
    wool = surfaces.paint(colour, rough=0.95, sheen=0.4, bumps=(80, 0.006))

    def knit(u: float, v: float) -> shapes.Point3:
        a = 2 * math.pi * u
        rib = 1 + 0.022 * math.cos(36 * a)
        if v < 0.25:
            r, z = 0.38 + 0.03 * math.sin(math.pi * v / 0.25), 0.02 + 0.7 * v
        else:
            t = (v - 0.25) / 0.75 * math.pi / 2
            r, z = 0.38 * math.cos(t) ** 0.8 + 0.002, 0.195 + 0.44 * math.sin(t)
        return r * rib * math.cos(a), 0.8 * r * rib * math.sin(a), z + 0.008 * math.sin(3 * a)

    shapes.surface("cap", knit, wool, steps=(360, 60), closed=True, thickness=0.02)
    shapes.ball("bobble", 0.11, surfaces.paint((0.85, 0.82, 0.75), rough=1), at=(0, 0, 0.72))
    _fur(dice, (0, 0, 0.72), (0.11, 0.11, 0.11), (0.9, 0.87, 0.8), count=2600, length=0.07, thickness=0.004)


def _teddy(dice: random.Random) -> None:
    """A sitting teddy bear with fur."""
    colour = (0.62, 0.42, 0.25)
    skin = surfaces.paint(tuple(0.7 * c for c in colour), rough=1)
    limbs: list[tuple[shapes.Point3, shapes.Point3]] = [
        ((0, 0, 0.27), (0.22, 0.19, 0.26)),
        ((0, -0.02, 0.66), (0.19, 0.17, 0.17)),
        ((-0.15, 0, 0.82), (0.07, 0.04, 0.07)),
        ((0.15, 0, 0.82), (0.07, 0.04, 0.07)),
        ((-0.26, -0.08, 0.36), (0.09, 0.09, 0.15)),
        ((0.26, -0.08, 0.36), (0.09, 0.09, 0.15)),
        ((-0.17, -0.24, 0.1), (0.1, 0.18, 0.1)),
        ((0.17, -0.24, 0.1), (0.1, 0.18, 0.1)),
    ]
    for centre, radii in limbs:
        shapes.ball("body", radii, skin, at=centre)
        _fur(
            dice,
            centre,
            radii,
            colour,
            count=round(16000 * (radii[0] * radii[2] + radii[1] * radii[2])),
            length=0.05,
        )
    shapes.ball("snout", (0.08, 0.07, 0.065), surfaces.paint((0.8, 0.66, 0.5), rough=1), at=(0, -0.19, 0.62))
    dark = surfaces.paint(surfaces.BLACK, rough=0.15)
    shapes.ball("nose", (0.03, 0.02, 0.022), dark, at=(0, -0.26, 0.645))
    for x in (-0.075, 0.075):
        shapes.ball("eye", 0.02, dark, at=(x, -0.2, 0.7))
    for x in (-1, 1):
        shapes.ball(
            "bow",
            (0.08, 0.03, 0.05),
            surfaces.paint((0.7, 0.1, 0.15), rough=0.5),
            at=(x * 0.08, -0.19, 0.48),
            turn=(0, x * 20, 0),
        )


def _cushion(dice: random.Random) -> None:
    """A square cushion with piping, leaning back."""
    cloth = surfaces.paint((0.8, 0.77, 0.68), rough=0.95, sheen=0.4, bumps=(120, 0.004), mottle=0.12)
    phase = dice.uniform(0, 6)

    def half(side: int, u: float, v: float) -> shapes.Point3:
        x, z = 2 * u - 1, 2 * v - 1
        full = max(0.0, (1 - x * x) * (1 - z * z)) ** 0.45
        pull = 1 - 0.06 * (1 - abs(x * z))
        crease = 0.01 * math.sin(7 * x * z + phase) * (1 - full)
        return 0.45 * x * pull, side * 0.17 * full + crease, 0.45 + 0.45 * z * pull

    for side in (-1, 1):
        shapes.surface("face", lambda u, v, side=side: half(side, u, v), cloth, steps=(60, 60))
    rim = [
        half(1, *p)
        for p in [(t, 0) for t in np.linspace(0, 1, 20)]
        + [(1, t) for t in np.linspace(0, 1, 20)]
        + [(t, 1) for t in np.linspace(1, 0, 20)]
        + [(0, t) for t in np.linspace(1, 0, 20)]
    ]
    shapes.tube("piping", rim, 0.012, surfaces.paint((0.25, 0.3, 0.4), rough=0.9), closed=True)
    shapes.moved(shapes.added(), turn=(-14, 0, 0), by=(0, 0, 0.02))


CLOTH = (
    Product(
        "scarf", "fabric", _scarf, ("same", "white"), (0.7, 0.35, 0.3), pitch=(30, 60), extent=(0.5, 0.8)
    ),
    Product(
        "beanie", "fabric", _beanie, ("grey", "same"), (0.25, 0.42, 0.55), extent=(0.45, 0.75), aside=True
    ),
    Product("teddy", "fabric", _teddy, ("blown", "room"), (0.62, 0.42, 0.25), extent=(0.5, 0.8)),
    Product(
        "cushion", "fabric", _cushion, ("table", "white"), (0.8, 0.77, 0.68), extent=(0.5, 0.75), aside=True
    ),
)
"""All of these."""
