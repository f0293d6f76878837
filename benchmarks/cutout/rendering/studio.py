"""Where a product is photographed: backdrop, lights, things behind it, and how bright its picture becomes.

Runs in Blender's Python (`bpy`) only. The camera stands at -y and looks towards +y.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import bpy
import numpy as np
from mathutils import Vector

from benchmarks.cutout.rendering import shapes, surfaces
from benchmarks.cutout.rendering.surfaces import Colour


@dataclass(frozen=True)
class Setting:
    """One way to photograph products."""

    build: Callable[[random.Random, Colour], None]
    """Puts backdrop and lights into the scene; the colour is the product's own."""
    level: float
    """How bright the background's median becomes before the tone curve; 1 is white."""
    iso: tuple[int, ...] = (100, 200)
    vignette: tuple[float, float] = (0.0, 0.12)
    """Smallest and largest share of light that the corners lose."""
    depth: bool = False
    """Whether the depth of field is shallow."""


def _sweep(colour: Colour, *, rough: float = 0.8) -> None:
    """Stand a seamless sweep behind the product: floor, a round bend, wall."""
    bend, back = 1.6, 2.4
    line = [(-14.0, 0.0), (back, 0.0)]
    line += [
        (back + bend * math.sin(a), bend - bend * math.cos(a)) for a in np.linspace(0.1, math.pi / 2, 14)
    ]
    line += [(back + bend, 12.0)]
    points = np.array([(x, y, z) for x in (-14.0, 14.0) for y, z in line])
    n = len(line)
    faces = [(j, n + j, n + j + 1, j + 1) for j in range(n - 1)]
    _place(shapes.mesh("sweep", points, faces, surfaces.paint(colour, rough=rough)))


def _place(made: bpy.types.Object) -> None:
    """Mark an object as not product."""
    made["place"] = True


def _area(
    at: shapes.Point3, size: float, watts: float, *, colour: Colour = (1, 1, 1), spread: float = 180
) -> None:
    light = bpy.data.lights.new("area", "AREA")
    light.shape, light.size, light.energy, light.color = "DISK", size, watts, colour
    light.spread = math.radians(spread)
    made = bpy.data.objects.new("area", light)
    bpy.context.scene.collection.objects.link(made)
    made.location = at
    made.rotation_euler = (Vector((0, 0, 0.4)) - Vector(at)).to_track_quat("-Z", "Y").to_euler()


def sky(strength: float, *, colour: Colour = (1, 1, 1), panorama: str = "", turned_deg: float = 0.0) -> None:
    """Light from all around: one colour, or a panorama out of those that Blender ships, turned about."""
    world = bpy.data.worlds.new("sky")
    bpy.context.scene.world = world
    world.use_nodes = True
    nodes = world.node_tree.nodes
    shader = nodes["Background"]
    shader.inputs["Strength"].default_value = strength
    shader.inputs["Color"].default_value = surfaces.linear(colour)
    if panorama:
        folder = Path(bpy.utils.resource_path("LOCAL")) / "datafiles" / "studiolights" / "world"
        picture = nodes.new("ShaderNodeTexEnvironment")
        picture.image = bpy.data.images.load(str(folder / f"{panorama}.exr"))
        where, turned = nodes.new("ShaderNodeTexCoord"), nodes.new("ShaderNodeMapping")
        turned.inputs["Rotation"].default_value = (0, 0, math.radians(turned_deg))
        world.node_tree.links.new(where.outputs["Generated"], turned.inputs["Vector"])
        world.node_tree.links.new(turned.outputs["Vector"], picture.inputs["Vector"])
        world.node_tree.links.new(picture.outputs["Color"], shader.inputs["Color"])


def _studio_lights(dice: random.Random, *, ambient: float) -> None:
    side = dice.choice((-1, 1))
    sky(ambient)
    _area((side * dice.uniform(3, 4), -dice.uniform(2, 4), dice.uniform(3, 4.5)), dice.uniform(1.5, 3), 420)
    _area((-side * 4, -2, 2.5), 2.5, dice.uniform(60, 160))
    _area((0, 0.5, 5.5), 3.0, 250)


def _white(dice: random.Random, own: Colour) -> None:
    _sweep((0.95, 0.95, dice.uniform(0.93, 0.96)))
    _studio_lights(dice, ambient=0.8)


def _grey(dice: random.Random, own: Colour) -> None:
    shade = dice.uniform(0.55, 0.75)
    _sweep((shade, shade, shade + dice.uniform(-0.02, 0.02)))
    sky(0.15)
    _area((dice.choice((-3, 3)), -2, 3.5), 1.5, 400)
    _area((dice.uniform(-2, 2), 1.5, 4.5), 1.0, 150, spread=90)


def _colour(dice: random.Random, own: Colour) -> None:
    _sweep(
        dice.choice(
            [(0.35, 0.6, 0.75), (0.95, 0.75, 0.4), (0.85, 0.55, 0.6), (0.5, 0.72, 0.55), (0.6, 0.5, 0.75)]
        )
    )
    _studio_lights(dice, ambient=0.4)


def _same(dice: random.Random, own: Colour) -> None:
    _sweep(tuple(min(0.95, max(0.05, c * dice.uniform(0.96, 1.08))) for c in own))
    _studio_lights(dice, ambient=0.4)


def _black(dice: random.Random, own: Colour) -> None:
    _sweep((0.13, 0.13, 0.135))
    _studio_lights(dice, ambient=0.12)
    _area((2.5, 2.0, 2.2), 0.8, 160)


def _flash(dice: random.Random, own: Colour) -> None:
    shade = dice.uniform(0.7, 0.88)
    _sweep((shade, shade * dice.uniform(0.95, 1.0), shade * dice.uniform(0.85, 0.98)))
    sky(0.06)
    _area((dice.choice((-0.5, 0.5)), -6.5, 2.6), 0.12, 900)


def _table(dice: random.Random, own: Colour) -> None:
    top = surfaces.wood(dice.choice([(0.62, 0.42, 0.26), (0.78, 0.62, 0.45), (0.4, 0.27, 0.18)]))
    _place(shapes.block("table", (16, 15, 0.2), top, at=(0, -4.5, -0.1), bevel=0.0))
    wall = surfaces.paint(
        dice.choice([(0.75, 0.74, 0.68), (0.6, 0.68, 0.7), (0.8, 0.7, 0.62)]), bumps=(60, 0.004)
    )
    _place(shapes.block("wall", (20, 0.1, 14), wall, at=(0, 3.4, 4), bevel=0.0))
    sky(0.35, colour=(0.9, 0.95, 1.0))
    _area((dice.choice((-5, 5)), -1, 4), 2.0, 700, colour=(1, 0.93, 0.82))


def _room(dice: random.Random, own: Colour) -> None:
    """A table in a room: things stand behind the product, in colours like its own too."""
    top = surfaces.wood(dice.choice([(0.55, 0.4, 0.28), (0.72, 0.6, 0.48)]), grain=2.5)
    _place(shapes.block("table", (9, 6.6, 0.15), top, at=(0, -0.4, -0.075), bevel=0.03))
    sky(1.0, panorama=dice.choice(("interior", "courtyard", "city")))
    _area((-4, -2, 4), 2.5, 220, colour=(1, 0.95, 0.88))
    palette = [own, (0.7, 0.3, 0.25), (0.3, 0.45, 0.4), (0.85, 0.8, 0.7), (0.25, 0.3, 0.45), (0.8, 0.65, 0.3)]
    for k in range(8):
        paint = surfaces.paint(palette[k % len(palette)], rough=dice.uniform(0.2, 0.8))
        x, y = -3.2 + 0.9 * k + dice.uniform(-0.2, 0.2), dice.uniform(1.5, 2.6)
        match dice.choice(("book", "ball", "vase")):
            case "book":
                high = dice.uniform(0.7, 1.4)
                _place(
                    shapes.block(
                        "thing",
                        (dice.uniform(0.15, 0.5), 0.7, high),
                        paint,
                        at=(x, y, high / 2),
                        turn=(0, 0, dice.uniform(-20, 20)),
                    )
                )
            case "ball":
                r = dice.uniform(0.2, 0.4)
                _place(shapes.ball("thing", r, paint, at=(x, y, r)))
            case _:
                high = dice.uniform(0.6, 1.2)
                _place(
                    shapes.turned(
                        "thing",
                        [(0, 0), (0.25, 0), (0.35, high / 2), (0.12, high), (0, high)],
                        paint,
                        at=(x, y, 0),
                        rounded=3,
                    )
                )


SETTINGS: dict[str, Setting] = {
    "white": Setting(_white, 0.8),
    "blown": Setting(_white, 1.5, iso=(100,), vignette=(0.0, 0.0)),
    "grey": Setting(_grey, 0.32, iso=(200, 400), vignette=(0.1, 0.3)),
    "colour": Setting(_colour, 0.36),
    "same": Setting(_same, 0.34),
    "black": Setting(_black, 0.03, iso=(200, 400, 800)),
    "flash": Setting(_flash, 0.5, iso=(100, 200), vignette=(0.15, 0.35)),
    "table": Setting(_table, 0.26, iso=(200, 400), vignette=(0.05, 0.25)),
    "room": Setting(_room, 0.22, iso=(400, 800, 1600), vignette=(0.05, 0.2), depth=True),
}
"""Every setting by its name."""
