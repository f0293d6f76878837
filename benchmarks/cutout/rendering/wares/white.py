"""White products: bowl, candle, carton, pump bottle."""

from __future__ import annotations

import random

from benchmarks.cutout.rendering import shapes, surfaces
from benchmarks.cutout.rendering.wares.listing import Product


def _bowl(dice: random.Random) -> None:
    """A white bowl on a foot."""
    outside = [(0, 0), (0.2, 0), (0.2, 0.04), (0.3, 0.1), (0.48, 0.3), (0.52, 0.45)]
    inside = [(0.5, 0.45), (0.45, 0.3), (0.28, 0.12), (0, 0.08)]
    shapes.turned(
        "bowl", outside + inside, surfaces.paint((0.93, 0.93, 0.91), rough=0.15, coat=0.3), rounded=2
    )


def _candle(dice: random.Random) -> None:
    """A pillar candle with a wick."""
    wax = surfaces.paint((0.93, 0.9, 0.84), rough=0.5, under=0.3)
    shapes.turned(
        "wax", [(0, 0), (0.22, 0), (0.22, 0.9), (0.2, 0.91), (0.15, 0.88), (0, 0.87)], wax, rounded=1
    )
    shapes.tube(
        "wick",
        [(0, 0, 0.86), (0.004, 0, 0.93), (0.02, 0, 0.97), (0.035, 0, 0.98)],
        0.008,
        surfaces.paint(surfaces.BLACK),
    )


def _carton(dice: random.Random) -> None:
    """A white folding carton with a little print."""
    card = surfaces.paint((0.92, 0.92, 0.92), rough=0.6)
    shapes.block("carton", (0.5, 0.34, 0.8), card, at=(0, 0, 0.4), bevel=0.008)
    ink = surfaces.paint((0.1, 0.25, 0.4))
    shapes.print_on("VITA C", 0.1, ink, at=(0, -0.172, 0.55))
    shapes.print_on("20 tablets", 0.05, ink, at=(0, -0.172, 0.46))
    shapes.block("bar", (0.5, 0.002, 0.03), surfaces.paint((0.2, 0.6, 0.5)), at=(0, -0.171, 0.12), bevel=0)


def _pump(dice: random.Random) -> None:
    """A white soap dispenser with a steel pump."""
    body = [(0, 0), (0.22, 0), (0.24, 0.03), (0.24, 0.5), (0.2, 0.58), (0.1, 0.62), (0.09, 0.66), (0, 0.66)]
    shapes.turned("body", body, surfaces.paint((0.92, 0.92, 0.9), rough=0.25), rounded=2)
    steel = surfaces.paint(surfaces.STEEL, metal=1, rough=0.25)
    shapes.turned(
        "collar", [(0, 0.66), (0.085, 0.66), (0.085, 0.72), (0.03, 0.73), (0.025, 0.85), (0, 0.85)], steel
    )
    shapes.tube(
        "nozzle",
        [(0.03, 0, 0.86), (-0.12, 0, 0.87), (-0.2, 0, 0.86), (-0.23, 0, 0.82)],
        0.022,
        steel,
        sides=4,
    )
    shapes.print_on("hand soap", 0.06, surfaces.paint((0.3, 0.3, 0.3)), at=(0, 0, 0.3), around=0.24)


WHITE = (
    Product(
        "bowl", "white", _bowl, ("white", "blown"), (0.9, 0.9, 0.88), pitch=(12, 35), extent=(0.45, 0.75)
    ),
    Product("candle", "white", _candle, ("grey", "white"), (0.92, 0.9, 0.85), extent=(0.5, 0.75), aside=True),
    Product("carton", "white", _carton, ("blown", "room"), (0.92, 0.92, 0.92), extent=(0.5, 0.8), aside=True),
    Product("pump", "white", _pump, ("flash", "white"), (0.92, 0.92, 0.9), extent=(0.5, 0.8)),
)
"""All of these."""
