"""Renders product photographs with exact mattes: the pictures that the cut-out benchmark is run on.

    pip install bpy==5.0.1 numpy opencv-python-headless   (a Python 3.11 of its own: Blender as a module)
    python -m benchmarks.cutout.render --out DIR [--only NAME ...] [--settings NAME ...]

Per picture: the product is built, lit and photographed by path tracing (Cycles on the CPU) and developed as
a phone does. A second pass, everything opaque and without its surroundings, gives the matte: which share of
each pixel the product covers. All is drawn from the picture's name, so a picture comes out alike alone or
among others. What is in DIR already is not made again.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
import time
import warnings
import zlib
from pathlib import Path

import bpy
import cv2
import numpy as np

from benchmarks.cutout.rendering.developing import developed
from benchmarks.cutout.rendering.framing import View, set_camera
from benchmarks.cutout.rendering.studio import SETTINGS
from benchmarks.cutout.rendering.wares import PRODUCTS, Product

SAMPLES, MATTE_SAMPLES = 6, 24
"""Rays a pixel: of the picture, which is denoised, and of the matte, whose edges come in so many steps."""

SHAPES = ((4, 3), (4, 3), (3, 4), (3, 2), (1, 1))
"""Width to height, drawn for each picture."""


warnings.filterwarnings("ignore", "'.*use_nodes'", DeprecationWarning)  # Blender 6 does without that switch


def main() -> None:
    """Render what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of products")
    parser.add_argument("--settings", nargs="*", choices=SETTINGS, help="instead of each product's own two")
    parser.add_argument("--samples", type=int, default=SAMPLES)
    parser.add_argument("--threads", type=int, default=0, help="0: one a core")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    settings = {product.name: args.settings or product.settings for product in PRODUCTS}
    for turn in range(max(map(len, settings.values()))):
        for product in PRODUCTS:
            if turn >= len(settings[product.name]) or (args.only and product.name not in args.only):
                continue
            setting = settings[product.name][turn]
            name = f"{product.name}_{setting}"
            if name in _listed(args.out):
                continue
            start = time.monotonic()
            facts = photograph(product, setting, args.out, samples=args.samples, threads=args.threads)
            listed = {**_listed(args.out), name: facts}
            fresh = args.out / "meta.json.part"
            fresh.write_text(json.dumps(dict(sorted(listed.items())), indent=1), "utf-8")
            fresh.replace(args.out / "meta.json")
            print(f"{name:24} {time.monotonic() - start:6.1f} s", flush=True)


def _listed(folder: Path) -> dict[str, dict[str, object]]:
    path = folder / "meta.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else {}


def photograph(
    product: Product, setting: str, folder: Path, *, samples: int, threads: int
) -> dict[str, object]:
    """Render one picture and its matte into a folder, and tell what meta.json says of it."""
    name = f"{product.name}_{setting}"
    seed = zlib.crc32(name.encode())
    dice = random.Random(seed)
    how = SETTINGS[setting]
    empty_scene(samples, threads, seed)
    product.build(random.Random(product.name))
    view = _view(product, dice)
    extent = set_camera(view, aperture=dice.uniform(4, 8) if how.depth else None)
    how.build(dice, product.colour)
    light = rendered(view, transparent=False)[..., :3]
    matte = true_matte(view)
    brightness = float(np.median(light[matte < 0.01] @ np.array([0.21, 0.72, 0.07])))
    iso, quality = dice.choice(how.iso), dice.randint(60, 95)
    picture = developed(
        light,
        exposure=how.level * dice.uniform(0.9, 1.1) / brightness,
        iso=iso,
        blur=dice.uniform(0.45, 0.8),
        vignette=dice.uniform(*how.vignette),
        warmth=dice.uniform(-0.04, 0.05),
        sharpening=dice.uniform(0.2, 0.7),
        noise=np.random.default_rng(seed),
    )
    cv2.imwrite(str(folder / f"{name}.jpg"), picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])
    cv2.imwrite(str(folder / f"{name}_matte.png"), np.rint(matte * 255).astype(np.uint8))
    cut = bool(max(matte[0].max(), matte[-1].max(), matte[:, 0].max(), matte[:, -1].max()) > 0.5)
    return {
        "photo": f"{name}.jpg",
        "product": product.name,
        "kind": product.kind,
        "setting": setting,
        "aside": product.aside,
        "width": view.size[0],
        "height": view.size[1],
        "long_side": max(view.size),
        "jpeg_quality": quality,
        "iso": iso,
        "pitch_deg": round(view.pitch_deg, 1),
        "azimuth_deg": round(view.azimuth_deg, 1),
        "focal_mm": round(view.focal_mm, 1),
        "extent": [round(x, 3) for x in extent],
        "area": round(float(matte.mean()), 4),
        "cut": cut,
        "glass": product.glass,
    }


def _view(product: Product, dice: random.Random) -> View:
    longest = dice.randint(600, 700)
    wide, high = dice.choice(product.shapes or SHAPES)
    size = tuple(round(longest * side / max(wide, high) / 2) * 2 for side in (wide, high))
    extent = dice.uniform(*product.extent)
    slack = max(0.0, (1 - extent) / 2 - 0.05)
    centre = product.centre or (
        0.5 + dice.uniform(-slack, slack) * 0.6,
        0.5 + dice.uniform(-slack, slack) * 0.6,
    )
    return View(
        pitch_deg=dice.uniform(*product.pitch),
        azimuth_deg=dice.uniform(*product.azimuth),
        focal_mm=dice.uniform(35, 95),
        size=size,
        extent=extent,
        centre=centre,
    )


def empty_scene(samples: int, threads: int, seed: int) -> None:
    """Begin anew, with the settings of the path tracer."""
    bpy.ops.wm.read_factory_settings(use_empty=True)
    scene = bpy.context.scene
    scene.render.engine = "CYCLES"
    scene.render.threads_mode, scene.render.threads = ("FIXED", threads) if threads else ("AUTO", 1)
    scene.render.image_settings.file_format, scene.render.image_settings.color_depth = "OPEN_EXR", "32"
    scene.render.image_settings.color_mode = "RGBA"
    cycles = scene.cycles
    cycles.samples, cycles.seed, cycles.use_denoising, cycles.use_adaptive_sampling = (
        samples,
        seed % 10000,
        True,
        False,
    )
    cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces, cycles.transmission_bounces = (
        12,
        2,
        3,
        12,
    )
    cycles.caustics_reflective = cycles.caustics_refractive = False
    cycles.sample_clamp_indirect = 4.0
    cycles.denoising_prefilter, cycles.denoising_quality = "FAST", "BALANCED"


def rendered(view: View, *, transparent: bool) -> np.ndarray:
    """Render the scene as this camera sees it: (H, W, 4), linear."""
    scene = bpy.context.scene
    scene.render.resolution_x, scene.render.resolution_y = view.size
    scene.render.film_transparent = transparent
    with tempfile.TemporaryDirectory() as folder:
        scene.render.filepath = str(Path(folder) / "picture.exr")
        bpy.ops.render.render(write_still=True)
        picture = bpy.data.images.load(scene.render.filepath)
        pixels = np.empty(picture.size[0] * picture.size[1] * 4, np.float32)
        picture.pixels.foreach_get(pixels)
        bpy.data.images.remove(picture)
    return pixels.reshape(view.size[1], view.size[0], 4)[::-1]


def true_matte(view: View) -> np.ndarray:
    """Which share of each pixel the product covers, everything of it opaque: (H, W), 0 to 1."""
    scene = bpy.context.scene
    for one in scene.objects:
        one.hide_render = "place" in one or one.type == "LIGHT"
    opaque = bpy.data.materials.new("opaque")
    opaque.use_nodes = True
    nodes = opaque.node_tree.nodes
    nodes.clear()
    shader, end = nodes.new("ShaderNodeEmission"), nodes.new("ShaderNodeOutputMaterial")
    opaque.node_tree.links.new(shader.outputs[0], end.inputs[0])
    bpy.context.view_layer.material_override = opaque
    scene.cycles.samples, scene.cycles.use_denoising, scene.cycles.max_bounces = MATTE_SAMPLES, False, 0
    return np.clip(rendered(view, transparent=True)[..., 3], 0, 1)


if __name__ == "__main__":
    main()
