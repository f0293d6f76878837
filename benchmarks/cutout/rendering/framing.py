"""The camera: how steep it looks down, how large the product is in the frame, and where.

Runs in Blender's Python (`bpy`) only.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import bpy
import numpy as np
from mathutils import Matrix, Vector

SENSOR_MM = 36.0
"""Width of the longer side of a full-frame sensor, which the focal length goes with."""


@dataclass(frozen=True)
class View:
    """Where the camera stands, and what of the frame the product fills."""

    pitch_deg: float
    azimuth_deg: float
    focal_mm: float
    size: tuple[int, int]
    """Width and height of the picture, pixels."""
    extent: float
    """The larger of the product's width and height, as a share of the frame's."""
    centre: tuple[float, float]
    """Where the product's middle is in the frame: 0, 0 is left and top, 1, 1 right and bottom."""


def product_points() -> np.ndarray:
    """Give all points of the product's surfaces, (N, 3), in the scene's coordinates."""
    graph = bpy.context.evaluated_depsgraph_get()
    found = []
    for one in bpy.context.scene.objects:
        if one.type not in ("MESH", "CURVE", "FONT") or "place" in one:
            continue
        evaluated = one.evaluated_get(graph)
        made = evaluated.to_mesh()
        points = np.empty(3 * len(made.vertices))
        made.vertices.foreach_get("co", points)
        matrix = np.array(evaluated.matrix_world)
        found.append(points.reshape(-1, 3) @ matrix[:3, :3].T + matrix[:3, 3])
        evaluated.to_mesh_clear()
    return np.concatenate(found)


def set_camera(view: View, *, aperture: float | None = None) -> tuple[float, float]:
    """Stand the camera so that the product has the wanted extent and place.

    Args:
        view: What is wanted.
        aperture: The f-number of a shallow depth of field, for products of about 20 cm; None: all is sharp.

    Returns:
        The product's width and height as shares of the frame.
    """
    points = product_points()
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    pitch, azimuth = math.radians(view.pitch_deg), math.radians(view.azimuth_deg)
    towards = Vector(
        (math.sin(azimuth) * math.cos(pitch), -math.cos(azimuth) * math.cos(pitch), math.sin(pitch))
    )
    rotation = np.array((-towards).to_track_quat("-Z", "Y").to_matrix())
    local = (points - middle) @ rotation
    width, height = view.size
    longest = max(view.size)
    scale = view.focal_mm / SENSOR_MM * longest
    near, far = float(local[:, 2].max()) + 0.05, 60.0
    for _ in range(40):  # by halves to the distance at which the product is as large as wanted
        distance = (near + far) / 2
        spread = np.ptp(_projected(local, distance, scale), axis=0) / (width, height)
        near, far = (distance, far) if spread.max() > view.extent else (near, distance)
    seen = _projected(local, distance, scale)
    middle_px = (seen.min(axis=0) + seen.max(axis=0)) / 2
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    bpy.context.scene.collection.objects.link(camera)
    bpy.context.scene.camera = camera
    camera.matrix_world = Matrix.Translation(Vector(middle) + towards * distance) @ Matrix(rotation).to_4x4()
    lens = camera.data
    lens.lens, lens.sensor_width, lens.sensor_fit, lens.clip_end = view.focal_mm, SENSOR_MM, "AUTO", 100.0
    lens.shift_x = float(middle_px[0] - (view.centre[0] - 0.5) * width) / longest
    lens.shift_y = float(middle_px[1] + (view.centre[1] - 0.5) * height) / longest
    if aperture is not None:
        lens.dof.use_dof, lens.dof.focus_distance = True, distance - 0.1
        lens.dof.aperture_fstop = (
            aperture / 5
        )  # Blender's unit is the metre, and a product's height here is one
    spread = np.ptp(seen, axis=0) / (width, height)
    return float(spread[0]), float(spread[1])


def _projected(local: np.ndarray, distance: float, scale: float) -> np.ndarray:
    """Give pixels from the picture's middle, x to the right and y up, of points before a camera."""
    return local[:, :2] / (distance - local[:, 2:3]) * scale
