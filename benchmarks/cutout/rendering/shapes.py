"""Shapes of products, made of few numbers: tubes, turned bodies, plates with openings, sheets, hairs, print.

Everything is in one unit of length, about a product's height; z is up, and a product stands on z = 0.
Each function adds one object to Blender's scene and returns it. Runs in Blender's Python (`bpy`) only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import bpy
import numpy as np
from mathutils import Euler, Vector

Point3 = tuple[float, float, float]
Point2 = tuple[float, float]


def mesh(
    name: str,
    points: np.ndarray,
    faces: list[tuple[int, ...]],
    material: bpy.types.Material,
    *,
    smooth: bool = True,
) -> bpy.types.Object:
    """Add a mesh of (N, 3) points and faces of indices."""
    made = bpy.data.meshes.new(name)
    made.from_pydata([tuple(p) for p in points.tolist()], [], faces)
    made.update()
    made.shade_smooth() if smooth else made.shade_flat()
    return _added(name, made, material)


def surface(
    name: str,
    at: Callable[[float, float], Point3],
    material: bpy.types.Material,
    *,
    steps: tuple[int, int] = (64, 64),
    closed: bool = False,
    thickness: float = 0.0,
    smooth: bool = True,
) -> bpy.types.Object:
    """Add the surface that `at` gives for u and v from 0 to 1; `closed` joins u = 1 to u = 0."""
    nu, nv = steps
    across = nu if closed else nu + 1
    points = np.array([at(i / nu, j / nv) for i in range(across) for j in range(nv + 1)])
    row = nv + 1
    faces = [
        (i * row + j, (i + 1) % across * row + j, (i + 1) % across * row + j + 1, i * row + j + 1)
        for i in range(nu)
        for j in range(nv)
    ]
    made = mesh(name, points, faces, material, smooth=smooth)
    if thickness:
        solid = made.modifiers.new("thickness", "SOLIDIFY")
        solid.thickness, solid.offset = thickness, 0.0
    return made


def turned(
    name: str,
    profile: Sequence[Point2],
    material: bpy.types.Material,
    *,
    at: Point3 = (0, 0, 0),
    segments: int = 72,
    rounded: int = 0,
    smooth: bool = True,
) -> bpy.types.Object:
    """Add a body turned on a lathe: `profile` is radius and height, from the bottom up (and down inside).

    `rounded` times, the profile's corners are cut off (Chaikin's subdivision).
    """
    line = np.array(profile, float)
    for _ in range(rounded):
        a, b = line[:-1], line[1:]
        inner = np.stack([0.75 * a + 0.25 * b, 0.25 * a + 0.75 * b], axis=1).reshape(-1, 2)
        line = np.concatenate([line[:1], inner, line[-1:]])
    angles = np.arange(segments) * 2 * math.pi / segments
    points = np.array(
        [(r * math.cos(a) + at[0], r * math.sin(a) + at[1], z + at[2]) for a in angles for r, z in line]
    )
    row = len(line)
    faces = [
        (i * row + j, (i + 1) % segments * row + j, (i + 1) % segments * row + j + 1, i * row + j + 1)
        for i in range(segments)
        for j in range(row - 1)
    ]
    made = mesh(name, points, faces, material, smooth=smooth)
    weld = made.modifiers.new("weld", "WELD")  # the poles are many points in one place
    weld.merge_threshold = 1e-5
    return made


def tube(
    name: str,
    points: Sequence[Point3] | np.ndarray,
    radius: float,
    material: bpy.types.Material,
    *,
    closed: bool = False,
    sides: int = 3,
) -> bpy.types.Object:
    """Add a wire through points; `sides` is Blender's resolution of its roundness."""
    return tubes(name, [points], radius, material, closed=closed, sides=sides)


def tubes(
    name: str,
    lines: Sequence[Sequence[Point3] | np.ndarray],
    radius: float,
    material: bpy.types.Material,
    *,
    closed: bool = False,
    sides: int = 2,
    taper: bool = False,
) -> bpy.types.Object:
    """Add many wires as one object; `taper` lets each end in a point, as a hair does."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.bevel_depth, curve.bevel_resolution, curve.use_fill_caps = (
        "3D",
        radius,
        sides,
        True,
    )
    for line in lines:
        spline = curve.splines.new("POLY")
        spline.points.add(len(line) - 1)
        spline.points.foreach_set("co", np.c_[np.asarray(line, float), np.ones(len(line))].ravel())
        if taper:
            spline.points.foreach_set("radius", np.linspace(1, 0.15, len(line)))
        spline.use_cyclic_u, spline.use_smooth = closed, True
    return _added(name, curve, material)


def plate(
    name: str,
    outline: Sequence[Point2],
    openings: Sequence[Sequence[Point2]],
    thickness: float,
    material: bpy.types.Material,
    *,
    at: Point3 = (0, 0, 0),
    turn: Point3 = (0, 0, 0),
    rim: float = 0.0,
) -> bpy.types.Object:
    """Add a flat plate in x and y with openings; `turn` is in degrees, `rim` rounds its edges."""
    curve = bpy.data.curves.new(name, "CURVE")
    curve.dimensions, curve.fill_mode, curve.extrude = "2D", "BOTH", thickness / 2 - rim
    curve.bevel_depth, curve.bevel_resolution = rim, 2
    for line in (outline, *openings):
        spline = curve.splines.new("POLY")
        spline.points.add(len(line) - 1)
        spline.points.foreach_set(
            "co", np.c_[np.asarray(line, float), np.zeros(len(line)), np.ones(len(line))].ravel()
        )
        spline.use_cyclic_u = True
    made = _added(name, curve, material)
    made.location, made.rotation_euler = at, Euler(np.radians(turn))
    return made


def block(
    name: str,
    size: Point3,
    material: bpy.types.Material,
    *,
    at: Point3 = (0, 0, 0),
    turn: Point3 = (0, 0, 0),
    bevel: float = 0.02,
) -> bpy.types.Object:
    """Add a box whose middle is `at`, its edges rounded by `bevel`."""
    x, y, z = (s / 2 for s in size)
    points = np.array([(i, j, k) for i in (-x, x) for j in (-y, y) for k in (-z, z)])
    faces = [(0, 1, 3, 2), (4, 6, 7, 5), (0, 4, 5, 1), (2, 3, 7, 6), (0, 2, 6, 4), (1, 5, 7, 3)]
    made = mesh(name, points, faces, material, smooth=False)
    if bevel:
        edge = made.modifiers.new("bevel", "BEVEL")
        edge.width, edge.segments = bevel, 4
        made.data.shade_smooth()
        made.modifiers.new("normals", "WEIGHTED_NORMAL")
    made.location, made.rotation_euler = at, Euler(np.radians(turn))
    return made


def ball(
    name: str,
    radii: Point3 | float,
    material: bpy.types.Material,
    *,
    at: Point3 = (0, 0, 0),
    turn: Point3 = (0, 0, 0),
) -> bpy.types.Object:
    """Add an ellipsoid."""
    x, y, z = (radii,) * 3 if isinstance(radii, (int, float)) else radii
    made = surface(
        name,
        lambda u, v: (
            x * math.sin(math.pi * v) * math.cos(2 * math.pi * u),
            y * math.sin(math.pi * v) * math.sin(2 * math.pi * u),
            -z * math.cos(math.pi * v),
        ),
        material,
        steps=(48, 24),
        closed=True,
    )
    made.location, made.rotation_euler = at, Euler(np.radians(turn))
    return made


def print_on(
    words: str,
    size: float,
    material: bpy.types.Material,
    *,
    at: Point3,
    turn: Point3 = (90, 0, 0),
    around: float = 0.0,
) -> bpy.types.Object:
    """Print words on a face, or `around` a cylinder of that radius about z whose front is towards -y.

    They are centred at `at` and lie 0.002 before the surface; for a cylinder only at's height counts.
    """
    curve = bpy.data.curves.new("print", "FONT")
    curve.body, curve.size, curve.align_x, curve.align_y, curve.extrude = words, size, "CENTER", "CENTER", 0.0
    curve.resolution_u = 3
    made = _added("print", curve, material)
    if not around:
        made.location, made.rotation_euler = at, Euler(np.radians(turn))
        return made
    flat = bpy.data.meshes.new_from_object(made.evaluated_get(bpy.context.evaluated_depsgraph_get()))
    bpy.data.objects.remove(made)
    for vertex in flat.vertices:
        angle = vertex.co.x / around
        r = around + 0.002
        vertex.co = Vector((at[0] + r * math.sin(angle), at[1] - r * math.cos(angle), at[2] + vertex.co.y))
    return _added("print", flat, material)


def ring(radius: float, *, steps: int = 64, at: Point3 = (0, 0, 0), tilt: float = 0.0) -> list[Point3]:
    """Give points on a circle in x and y, tilted about x by degrees."""
    c, s = math.cos(math.radians(tilt)), math.sin(math.radians(tilt))
    found = []
    for k in range(steps):
        a = 2 * math.pi * k / steps
        x, y = radius * math.cos(a), radius * math.sin(a)
        found.append((at[0] + x, at[1] + y * c, at[2] + y * s))
    return found


def oval(centre: Point2, radii: Point2, *, steps: int = 32) -> list[Point2]:
    """Give points on an ellipse in the plane."""
    turn = [2 * math.pi * k / steps for k in range(steps)]
    return [(centre[0] + radii[0] * math.cos(a), centre[1] + radii[1] * math.sin(a)) for a in turn]


def rounded_rectangle(width: float, height: float, corner: float, *, centre: Point2 = (0, 0)) -> list[Point2]:
    """Give the outline of a rectangle with round corners."""
    x, y, found = width / 2 - corner, height / 2 - corner, []
    for cx, cy, start in ((x, y, 0), (-x, y, 90), (-x, -y, 180), (x, -y, 270)):
        for k in range(9):
            a = math.radians(start + k * 90 / 8)
            found.append((centre[0] + cx + corner * math.cos(a), centre[1] + cy + corner * math.sin(a)))
    return found


def moved(made: Sequence[bpy.types.Object], *, by: Point3 = (0, 0, 0), turn: Point3 = (0, 0, 0)) -> None:
    """Turn objects together about the origin, degrees about x, y, z, then move them."""
    matrix = Euler(np.radians(turn)).to_matrix().to_4x4()
    matrix.translation = Vector(by)
    for one in made:
        one.matrix_basis = matrix @ one.matrix_basis


def added() -> list[bpy.types.Object]:
    """Give the objects of the product so far, in the order in which they were added."""
    return [
        one
        for one in bpy.context.scene.objects
        if "place" not in one and one.type in ("MESH", "CURVE", "FONT")
    ]


def _added(name: str, data: bpy.types.ID, material: bpy.types.Material) -> bpy.types.Object:
    data.materials.append(material)
    made = bpy.data.objects.new(name, data)
    bpy.context.scene.collection.objects.link(made)
    return made
