"""What shops sell every day; among them two products, one cut off by the frame, one small in the picture."""

from __future__ import annotations

import math
import random

from benchmarks.cutout.rendering import shapes, surfaces
from benchmarks.cutout.rendering.wares.listing import Product


def _toycar(dice: random.Random) -> None:
    """A toy car of wood and lacquer."""
    red = surfaces.paint((0.75, 0.15, 0.1), rough=0.2, coat=0.8)
    outline = [
        (-0.5, 0.12),
        (0.5, 0.12),
        (0.5, 0.27),
        (0.3, 0.3),
        (0.2, 0.47),
        (-0.22, 0.47),
        (-0.32, 0.3),
        (-0.5, 0.28),
    ]
    shapes.plate(
        "body",
        outline,
        [
            [(-0.19, 0.31), (-0.02, 0.31), (-0.02, 0.42), (-0.16, 0.42)],
            [(0.02, 0.31), (0.22, 0.31), (0.16, 0.42), (0.02, 0.42)],
        ],
        0.34,
        red,
        turn=(90, 0, 0),
        rim=0.015,
    )
    wheel = [
        (0, -0.05),
        (0.11, -0.05),
        (0.12, -0.03),
        (0.12, 0.03),
        (0.11, 0.05),
        (0.06, 0.05),
        (0.05, 0.04),
        (0, 0.045),
    ]
    for x in (-0.28, 0.28):
        for y in (-0.19, 0.19):
            made = shapes.turned("wheel", wheel, surfaces.paint((0.12, 0.11, 0.1), rough=0.6))
            hub = shapes.turned(
                "hub",
                [(0, 0.046), (0.05, 0.046), (0.04, 0.056), (0, 0.056)],
                surfaces.paint((0.85, 0.7, 0.3)),
            )
            shapes.moved([made, hub], by=(x, y, 0.12), turn=(90 if y < 0 else -90, 0, 0))
    for y in (-0.1, 0.1):
        shapes.ball(
            "lamp", (0.02, 0.035, 0.035), surfaces.paint((0.95, 0.9, 0.7), rough=0.1), at=(0.505, y, 0.21)
        )


def _plant(dice: random.Random) -> None:
    """A plant with narrow leaves in a clay pot."""
    clay = surfaces.paint((0.72, 0.42, 0.3), rough=0.85, mottle=0.15)
    pot = [(0, 0), (0.17, 0), (0.23, 0.27), (0.26, 0.27), (0.26, 0.34), (0.23, 0.34), (0.22, 0.3), (0, 0.3)]
    shapes.turned("pot", pot, clay)
    shapes.turned(
        "soil",
        [(0.22, 0.3), (0.1, 0.31), (0, 0.32)],
        surfaces.paint((0.15, 0.1, 0.07), rough=1, bumps=(30, 0.05)),
    )
    for k in range(22):
        angle, high, far = (
            k * 2.4 + dice.uniform(-0.3, 0.3),
            dice.uniform(0.35, 0.65),
            dice.uniform(0.15, 0.45),
        )
        green = surfaces.paint((0.2 + dice.uniform(0, 0.15), 0.42 + dice.uniform(0, 0.2), 0.18), rough=0.4)

        def leaf(
            u: float, v: float, angle: float = angle, high: float = high, far: float = far
        ) -> shapes.Point3:
            """From the soil up, over, and down a little."""
            out, up = far * v + 0.02, 0.3 + high * math.sin(min(v * 1.9, 1.9))
            wide = 0.045 * math.sin(math.pi * min(v * 0.93 + 0.07, 1)) ** 0.7 * (u - 0.5) * 2
            x, y = out, wide
            return (
                x * math.cos(angle) - y * math.sin(angle),
                x * math.sin(angle) + y * math.cos(angle),
                up - 3 * wide * wide,
            )

        shapes.surface("leaf", leaf, green, steps=(4, 16), thickness=0.003)


def _can(dice: random.Random) -> None:
    """A can of lemonade."""
    metal = surfaces.paint((0.85, 0.85, 0.86), metal=1, rough=0.2)
    shapes.turned(
        "ends",
        [
            (0, 0.02),
            (0.2, 0.02),
            (0.21, 0.0),
            (0.26, 0.06),
            (0.26, 0.84),
            (0.22, 0.92),
            (0.225, 0.94),
            (0.21, 0.94),
            (0.2, 0.91),
            (0, 0.91),
        ],
        metal,
    )
    shapes.turned(
        "label", [(0.262, 0.07), (0.262, 0.83)], surfaces.paint((0.95, 0.75, 0.1), metal=0.4, rough=0.3)
    )
    shapes.turned(
        "band", [(0.2625, 0.12), (0.2625, 0.22)], surfaces.paint((0.1, 0.45, 0.25), metal=0.4, rough=0.3)
    )
    ink = surfaces.paint((0.1, 0.4, 0.2))
    shapes.print_on("limona", 0.16, ink, at=(0, 0, 0.56), around=0.263)
    shapes.print_on("cloudy lemon 330 ml", 0.05, ink, at=(0, 0, 0.42), around=0.263)


def _tea(dice: random.Random) -> None:
    """A tea box with print on two faces."""
    shapes.block(
        "box", (0.6, 0.3, 0.75), surfaces.paint((0.16, 0.36, 0.33), rough=0.55), at=(0, 0, 0.375), bevel=0.006
    )
    cream = surfaces.paint((0.93, 0.88, 0.74))
    shapes.block("panel", (0.44, 0.002, 0.36), cream, at=(0, -0.1505, 0.4), bevel=0)
    ink = surfaces.paint((0.35, 0.12, 0.08))
    for words, size, z in (("Assam", 0.13, 0.47), ("strong breakfast", 0.05, 0.37), ("20 bags", 0.045, 0.28)):
        shapes.print_on(words, size, ink, at=(0, -0.153, z))
    shapes.print_on("Hillside Tea", 0.055, cream, at=(0, -0.153, 0.67))
    for x in (-1, 1):
        shapes.print_on("Assam", 0.09, cream, at=(x * 0.302, 0, 0.4), turn=(90, 0, x * 90))


def _mills(dice: random.Random) -> None:
    """Two mills, for salt and for pepper, apart from each other."""
    profile = [
        (0, 0),
        (0.12, 0),
        (0.12, 0.06),
        (0.07, 0.12),
        (0.1, 0.25),
        (0.06, 0.45),
        (0.09, 0.52),
        (0.05, 0.56),
        (0.1, 0.64),
        (0.08, 0.75),
        (0, 0.78),
    ]
    for x, y, colour in ((-0.24, 0, (0.75, 0.55, 0.32)), (0.24, 0.1, (0.25, 0.15, 0.1))):
        shapes.turned("mill", profile, surfaces.wood(colour), at=(x, y, 0), rounded=2)
        shapes.ball("knob", 0.025, surfaces.paint(surfaces.STEEL, metal=1, rough=0.2), at=(x, y, 0.79))


def _rollingpin(dice: random.Random) -> None:
    """A rolling pin; its picture cuts it off."""
    beech = surfaces.wood((0.82, 0.62, 0.42))
    profile = [
        (0, 0),
        (0.045, 0.0),
        (0.05, 0.12),
        (0.03, 0.2),
        (0.1, 0.22),
        (0.1, 1.1),
        (0.03, 1.12),
        (0.05, 1.2),
        (0.045, 1.32),
        (0, 1.32),
    ]
    made = shapes.turned("pin", profile, beech, rounded=2)
    shapes.moved([made], by=(0, 0, 0.1), turn=(0, 90, 30))


def _lipstick(dice: random.Random) -> None:
    """A lipstick, open, its cap beside it."""
    black = surfaces.paint(surfaces.BLACK, rough=0.15, coat=0.5)
    shapes.turned("base", [(0, 0), (0.1, 0), (0.1, 0.4), (0, 0.4)], black)
    shapes.turned(
        "sleeve",
        [(0.085, 0.4), (0.085, 0.58), (0.07, 0.58)],
        surfaces.paint(surfaces.GOLD, metal=1, rough=0.15),
    )
    red = surfaces.paint((0.7, 0.08, 0.15), rough=0.35)
    shapes.surface(
        "stick",
        lambda u, v: (
            0.07 * math.cos(2 * math.pi * u) * (1 - max(0, v - 0.9) * 10),
            0.07 * math.sin(2 * math.pi * u) * (1 - max(0, v - 0.9) * 10),
            0.56 + v * (0.24 + 0.06 * math.cos(2 * math.pi * u)),
        ),
        red,
        closed=True,
    )
    cap = shapes.turned("cap", [(0, 0), (0.1, 0), (0.1, 0.42), (0.09, 0.42), (0.09, 0.02), (0, 0.02)], black)
    shapes.moved([cap], by=(0.25, -0.1, 0.1), turn=(0, 90, 35))


def _boot(dice: random.Random) -> None:
    """A rubber boot."""
    rubber = surfaces.paint((0.9, 0.7, 0.1), rough=0.2, coat=0.4)

    def skin(u: float, v: float) -> shapes.Point3:
        """From the sole up; the foot goes forward (to the left), the shaft up."""
        a = 2 * math.pi * u
        c, s = math.cos(a), math.sin(a)
        t = min(1.0, v / 0.45)
        ahead = 0.46 * (1 - t) ** 0.6 if t < 1 else 0.0
        long, wide = (0.15 + ahead / 2), 0.13 + 0.02 * (1 - t) + 0.02 * v
        z = 0.05 + 0.87 * v - 0.02 * c * (v > 0.95)
        return long * c - ahead / 2, wide * s * (1 - 0.15 * (c < 0) * (-c) * (1 - t)), z

    shapes.surface("boot", skin, rubber, steps=(80, 80), closed=True, thickness=0.02)
    sole = shapes.oval((-0.23, 0), (0.39, 0.16), steps=48)
    shapes.plate(
        "sole", sole, [], 0.06, surfaces.paint((0.35, 0.25, 0.15), rough=0.7), at=(0, 0, 0.03), rim=0.01
    )


GOODS = (
    Product(
        "toycar",
        "usual",
        _toycar,
        ("table", "white"),
        (0.75, 0.15, 0.1),
        pitch=(12, 30),
        azimuth=(-50, -10),
        extent=(0.5, 0.8),
    ),
    Product("plant", "usual", _plant, ("room", "blown"), (0.3, 0.5, 0.25), extent=(0.6, 0.88), aside=True),
    Product("can", "usual", _can, ("room", "colour"), (0.95, 0.75, 0.1), extent=(0.5, 0.8)),
    Product(
        "tea",
        "usual",
        _tea,
        ("flash", "room"),
        (0.16, 0.36, 0.33),
        azimuth=(15, 40),
        extent=(0.5, 0.8),
        aside=True,
    ),
    Product("mills", "usual", _mills, ("room", "grey"), (0.6, 0.45, 0.3), extent=(0.45, 0.7)),
    Product(
        "rollingpin",
        "usual",
        _rollingpin,
        ("white", "table"),
        (0.82, 0.62, 0.42),
        pitch=(30, 60),
        azimuth=(-15, 15),
        extent=(0.9, 1.0),
        centre=(0.82, 0.55),
        aside=True,
    ),
    Product("lipstick", "usual", _lipstick, ("white", "flash"), (0.7, 0.08, 0.15), extent=(0.14, 0.22)),
    Product(
        "boot",
        "usual",
        _boot,
        ("colour", "same"),
        (0.9, 0.7, 0.1),
        azimuth=(-25, 25),
        extent=(0.5, 0.8),
        aside=True,
    ),
)
"""All of these."""
