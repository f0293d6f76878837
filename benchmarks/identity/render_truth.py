"""Renders truth for this benchmark: products in a white studio, and the same products standing in places.

    pip install bpy==5.0.1 numpy opencv-python-headless   (a Python 3.11 of its own: Blender as a module)
    python -m benchmarks.identity.render_truth --out DIR [--only NAME ...] [--places NAME ...]

Per product, by one camera: NAME_input (a packshot on a white sweep), NAME_matte (which share of each pixel
it covers), NAME_PLACE (on a table, lit by that place's panorama alone) and plate_NAME_PLACE (the same without
the product: the difference is its shadow). All is drawn from the product's name; what is there already is
not made again. The products are those of the cut-out benchmark, the panoramas those that Blender ships.
"""

from __future__ import annotations

import argparse
import random
import time
import zlib
from pathlib import Path

import bpy
import cv2
import numpy as np

from benchmarks.cutout.render import empty_scene, rendered, true_matte
from benchmarks.cutout.rendering import shapes, studio, surfaces
from benchmarks.cutout.rendering.framing import View, set_camera
from benchmarks.cutout.rendering.wares import PRODUCTS, Product

SIDE_PX, SAMPLES = 416, 12
"""Side of the pictures, and rays a pixel; they are denoised."""

PLACES = ("city", "courtyard", "forest", "interior", "night", "sunset")
"""Panoramas of Blender. `studio` and `sunrise` are left to others who want some kept aside."""

SEEN_AS = 0.32
"""Linear mean to which a place is exposed: a picture of middle brightness."""

METER = 0.45, 1.1
"""Least and most light of a product in a place, over that in the studio: a photographer exposes for it."""

TOPS = ((0.62, 0.45, 0.3), (0.85, 0.84, 0.82), (0.3, 0.22, 0.17), (0.55, 0.55, 0.57))
"""Colours of the tables, sRGB: wood, white, dark wood, stone."""


def main() -> None:
    """Render what is not there yet."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--only", nargs="*", help="names of products")
    parser.add_argument("--places", nargs="*", default=PLACES)
    parser.add_argument("--samples", type=int, default=SAMPLES)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    for product in PRODUCTS:
        if args.only and product.name not in args.only:
            continue
        start = time.monotonic()
        photograph(product, args.places, args.out, samples=args.samples)
        print(f"{product.name:24} {time.monotonic() - start:6.1f} s", flush=True)


def photograph(product: Product, places: tuple[str, ...], folder: Path, *, samples: int) -> None:
    """Render one product in the studio and in the places."""
    view = _view(product)
    photo = folder / f"{product.name}_input.png"
    if not photo.exists():
        _stand(product, view, samples)
        studio.SETTINGS["white"].build(random.Random(product.name), product.colour)
        light = rendered(view, transparent=False)[..., :3]
        matte = true_matte(view)
        white = float(np.percentile(_luminance(light[matte < 0.01]), 70))
        _write(folder / f"{product.name}_matte.png", matte)
        _write(photo, _developed(light * (0.9 / white)))
    matte = _read(folder / f"{product.name}_matte.png")[..., 0]
    shown = _read(photo)
    for place in places:
        scene = folder / f"{product.name}_{place}.png"
        if scene.exists():
            continue
        _stand(product, view, samples)
        dice = random.Random(f"{product.name}_{place}")
        _place(place, dice)
        light = rendered(view, transparent=False)[..., :3]
        level = float((_luminance(_linear(shown)) * matte).sum() / (_luminance(light) * matte).sum())
        for one in bpy.context.scene.objects:
            one.hide_render = "place" not in one and one.type != "CAMERA"
        plate = rendered(view, transparent=False)[..., :3]
        exposure = SEEN_AS / float(np.minimum(_luminance(plate), 4).mean())
        exposure = float(np.clip(exposure, METER[0] * level, METER[1] * level))
        _write(folder / f"plate_{product.name}_{place}.png", _developed(plate * exposure))
        _write(scene, _developed(light * exposure))


def _view(product: Product) -> View:
    dice = random.Random(product.name)
    return View(
        pitch_deg=dice.uniform(*product.pitch),
        azimuth_deg=dice.uniform(*product.azimuth),
        focal_mm=dice.uniform(50, 85),
        size=(SIDE_PX, SIDE_PX),
        extent=dice.uniform(0.55, 0.72),
        centre=(0.5, 0.54),
    )


def _stand(product: Product, view: View, samples: int) -> None:
    empty_scene(samples, 0, zlib.crc32(product.name.encode()))
    product.build(random.Random(product.name))
    set_camera(view, aperture=6.0)


def _place(place: str, dice: random.Random) -> None:
    """A table in a panorama, which is turned by a random angle."""
    top = surfaces.wood(dice.choice(TOPS), grain=2.5)
    table = shapes.block("table", (7, 5.5, 0.15), top, at=(0, -0.2, -0.075), bevel=0.03)
    table["place"] = True
    studio.sky(1.0, panorama=place, turned_deg=dice.uniform(0, 360))


def _luminance(light: np.ndarray) -> np.ndarray:
    return light @ np.array([0.2126, 0.7152, 0.0722])


def _linear(picture: np.ndarray) -> np.ndarray:
    return np.where(picture <= 0.04045, picture / 12.92, ((picture + 0.055) / 1.055) ** 2.4)


def _developed(light: np.ndarray) -> np.ndarray:
    """Turn light into sRGB, with a soft shoulder above 0.8 of white, as cameras do it."""
    over = np.maximum(light - 0.8, 0)
    light = np.clip(np.where(over > 0, 0.8 + 0.2 * (1 - np.exp(-over / 0.2)), light), 0, 1)
    return np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def _read(path: Path) -> np.ndarray:
    return cv2.imread(str(path))[..., ::-1] / 255.0


def _write(path: Path, picture: np.ndarray) -> None:
    eight = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
    cv2.imwrite(str(path), eight[..., ::-1] if eight.ndim == 3 else eight)


if __name__ == "__main__":
    main()
