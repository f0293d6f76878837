"""Show what the controls of docs/craft.md do, on the photographs in examples/photos, and sixteen scenes.

    python examples/controls.py [light ground room reference ...] [--backend http://127.0.0.1:7860]

Each sheet changes one thing and leaves the rest: prompt, seed and photograph are the same, the words above
a picture are the option that was given.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import click
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from prodgen import Client, files, images, shoot
from prodgen.cutout import group
from prodgen.shots import Result

HERE = Path(__file__).resolve().parent
PHOTOS = HERE / "photos"

TABLE, SEED = "on an oak table, morning light", 4

SIDE, LABEL, COLUMNS = 300, 24, 4
"""Pixels of each picture on a sheet, and of the words above it; pictures side by side."""

BESIDE = (228, 228, 228)
"""The colour beside a picture that is no square."""

Tile = tuple[str, images.RgbImage]
"""Words above a picture, and the picture."""

PLACEMENT: Mapping[str, Mapping[str, Any]] = {
    "as it comes": {},
    "--place left-third": {"place": "left-third"},
    "--place 0.7,0.85": {"place": "0.7,0.85"},
    "--ground-line 0.9": {"ground_line": 0.9},
    "--fill 0.3": {"fill": 0.3},
    "--fill 0.85 --enlarge": {"fill": 0.85, "enlarge": True},
    "--rotate 12": {"rotation_deg": 12.0},
    "--size 4:5": {"size": "4:5"},
}

BLENDS: Mapping[str, Mapping[str, Any]] = {
    "as it comes": {},
    "--blend 0.5": {"blend": 0.5},
    "--blend 0": {"blend": 0.0},
    "--blend-regions print=0.6": {"blend_regions": "print=0.6"},
    **{f"--blend-mode {mode}": {"blend_mode": mode} for mode in ("color", "luminosity", "alpha", "detail")},
}

LIGHTS: Mapping[str, tuple[str, ...]] = {
    "'bare sun left'": ("bare sun left",),
    "'window from the right'": ("window from the right",),
    "'golden hour from behind'": ("golden hour from behind",),
    '"hard 10 o\'clock high"': ("hard 10 o'clock high",),
    "two gels, left and back-right": ("#ff8800 hard left", "#0044ff back-right"),
}

SHADOWS: Mapping[str, Mapping[str, Any]] = {
    "none, the packshot's own": {},
    "contact": {"shadow": "contact"},
    "cast": {"shadow": "cast"},
    "float": {"shadow": "float"},
    "keep": {"shadow": "keep"},
    "cast left, length 1.5, soft 0.1": {
        "shadow": "cast",
        "shadow_azimuth_deg": "left",
        "shadow_length": 1.5,
        "shadow_softness": 0.1,
        "canvas": "grow",
    },
    "cast back-right, softness 1": {
        "shadow": "cast",
        "shadow_azimuth_deg": "back-right",
        "shadow_softness": 1.0,
    },
    "cast, opacity 0.4": {"shadow": "cast", "shadow_opacity": 0.4},
    "cast, colour #3050c0": {"shadow": "cast", "shadow_color": "#3050c0"},
    "float right, gap 0.25": {
        "shadow": "float",
        "shadow_azimuth_deg": "right",
        "shadow_gap": 0.25,
        "canvas": "grow",
    },
    "reflection 0.5, roughness 0": {"reflection": 0.5, "roughness": 0.0},
    "contact, reflection, roughness 1": {"shadow": "contact", "reflection": 0.5, "roughness": 1.0},
}

CUT_OUT_BY = {"jar": "classical"}
"""The segmenter of a photograph that the default does not suit: the jar's lid is as light as its backdrop."""

SCENES = (
    ("mug", "on an oak table, morning light"),
    ("jar", "on a white marble counter, bright bathroom"),
    ("box", "pastel pink seamless studio"),
    ("pouch", "#2f6f8f studio background with gradient, soft light"),
    ("jar", "beige studio backdrop, palm leaf shadow, hard sunlight"),
    ("mug", "white studio wall, window shadow, light from the left"),
    ("box", "on a wooden table, shadow of venetian blinds"),
    ("jar", "on a stone podium, sand background"),
    ("pouch", "on white steps, pink studio"),
    ("box", "on a white plinth, light blue background"),
    ("jar", "in front of an arch, terracotta studio"),
    ("mug", "on glossy black acrylic, black background, rim light"),
    ("box", "on wet asphalt, neon city at night"),
    ("jar", "standing in shallow water with ripples, sunset"),
    ("mug", "levitating in a mint studio"),
    ("pouch", "flat lay on linen, soft daylight"),
)
"""Photograph and prompt of sixteen usual scenes, as docs/recipes.md lists them."""


def shot(client: Client, photo: str, prompt: str = "", **more: Any) -> Result:
    """Return the picture of one of the photographs, with the seed of all sheets unless another is given."""
    settings = {**more.pop("settings", {})}
    if photo in CUT_OUT_BY:
        settings["segmenter"] = CUT_OUT_BY[photo]
    return shoot(PHOTOS / f"{photo}.png", prompt, backend=client, settings=settings, **{"seed": SEED, **more})


def drawn(client: Client, prompt: str, path: Path) -> Path:
    """Draw a picture without a product, and return its file."""
    client.txt2img(prompt=prompt, width=768, height=768, seed=SEED).save(path)
    return path


def placement(client: Client) -> Iterator[Tile]:
    """One product at other places, larger, smaller and turned."""
    for label, settings in PLACEMENT.items():
        yield label, shot(client, "mug", TABLE, settings=settings).image


def blends(client: Client) -> Iterator[Tile]:
    """One product that takes more or less of a low sun, and other things of it."""
    for label, settings in BLENDS.items():
        made = shot(client, "box", "on a wooden table, sunset", light="golden hour left", settings=settings)
        yield label, made.image


def similar(client: Client) -> Iterator[Tile]:
    """Four products, each as it comes, then each like the first."""
    names = ("mug", "jar", "box", "pouch")
    alone = [shot(client, name, TABLE, seed=number) for number, name in enumerate(names)]
    yield from (("each by itself", one.image) for one in alone)
    with tempfile.TemporaryDirectory() as folder:
        settings = {"fill": 0.5, "size": "768x768"}
        first = shot(client, "mug", TABLE, light="morning sun left", settings=settings)
        example = first.save(Path(folder) / "mug.png").path
        yield "the example", first.image
        for name in names[1:]:
            yield "--like mug.png", shot(client, name, like=example, seed=None).image


def grouped(client: Client) -> Iterator[Tile]:
    """Three photographs, and one picture of all three."""
    photos = [PHOTOS / f"{name}.png" for name in ("mug", "jar", "box")]
    yield from ((f"photo of the {photo.stem}", files.load(photo).rgb) for photo in photos)
    with tempfile.TemporaryDirectory() as folder:
        group(photos, heights="9,7,14").save(Path(folder) / "set.png")
        made = shoot(
            Path(folder) / "set.png",
            TABLE,
            backend=client,
            seed=SEED,
            settings={"size": "640x400", "fill": 0.9},
        )
    yield "group, then shoot", made.image


def routes(client: Client) -> Iterator[Tile]:
    """One photograph on four ways."""
    with tempfile.TemporaryDirectory() as folder:
        kitchen = drawn(client, "on white marble, bright kitchen", Path(folder) / "kitchen.png")
        for route in ("relight", "inpaint", "background", "packshot"):
            prompt = TABLE if route in ("relight", "inpaint") else ""
            background = kitchen if route == "background" else None
            made = shot(client, "mug", prompt, recipe=route, background=background)
            yield f"--route {route}", made.image


def lights(client: Client) -> Iterator[Tile]:
    """One product under light that is said, and under the light of a picture."""
    prompt, settings = "grey studio, concrete floor", {"size": "600x600"}
    for label, light in LIGHTS.items():
        made = shot(client, "mug", prompt, light=light, settings=settings)
        yield f"--light {label}", made.image
    with tempfile.TemporaryDirectory() as folder:
        evening = drawn(client, "on a wooden table, sunset", Path(folder) / "evening.png")
        yield "a picture", files.load(evening).rgb
        for name in ("light_from", "light_map"):
            made = shot(client, "mug", prompt, settings=settings, **{name: evening})
            yield f"--{name.replace('_', '-')} the picture", made.image


def shadows(client: Client) -> Iterator[Tile]:
    """One product on white, with every kind of shadow, and with a mirror image."""
    for label, settings in SHADOWS.items():
        usual = {"size": "600x600", "fill": 0.5}
        yield label, shot(client, "mug", recipe="packshot", settings={**usual, **settings}).image


def room(client: Client) -> Iterator[Tile]:
    """One photograph, and more of its own surroundings."""
    yield "the photograph", files.load(PHOTOS / "mug.png").rgb
    for label, settings in {
        "--outpaint 16:9": {"outpaint": "16:9"},
        "--outpaint 4:5": {"outpaint": "4:5"},
        "--expand left=60%,top=20%": {"expand": "left=60%,top=20%"},
    }.items():
        yield label, shot(client, "mug", settings=settings).image


def references(client: Client) -> Iterator[Tile]:
    """One scene in the look of two pictures."""
    settings = {"size": "600x600"}
    with tempfile.TemporaryDirectory() as folder:
        for name, words in {"beach": "sandy beach, morning", "night": "neon city street at night"}.items():
            picture = shot(client, "box", words, settings=settings).save(Path(folder) / f"{name}.png").path
            made = shot(client, "mug", "on an oak table", reference=picture, settings=settings)
            yield f"a picture: {name}", files.load(picture).rgb
            yield f"--reference {name}.png", made.image


def poses(client: Client) -> Iterator[Tile]:
    """One photograph that is taken to stand, to be seen from above, and to lie flat."""
    for pose in ("auto", "upright", "35", "flat"):
        scene = shot(client, "pouch", "on linen, soft daylight", pose=pose)
        yield f"--pose {pose}", scene.image


def metals(client: Client) -> Iterator[Tile]:
    """A chromed lid that is lit as paint, and as metal, in two places."""
    for prompt in ("on wet asphalt, neon city at night", "on a wooden table, kitchen, morning"):
        for material in ("opaque", "metal"):
            made = shot(client, "jar", prompt, settings={"material": material})
            yield f"--material {material}", made.image


def scenes(client: Client) -> Iterator[Tile]:
    """Sixteen usual prompts."""
    for photo, prompt in SCENES:
        made = shot(client, photo, prompt, pose="flat" if prompt.startswith("flat lay") else None)
        yield "", made.image


SHEETS: Mapping[str, tuple[str, Callable[[Client], Iterator[Tile]]]] = {
    "placement": ("placement.jpg", placement),
    "set": ("set.jpg", similar),
    "group": ("group.jpg", grouped),
    "routes": ("routes.jpg", routes),
    "light": ("lights.jpg", lights),
    "ground": ("shadow-and-ground.jpg", shadows),
    "room": ("outpainted-mug.jpg", room),
    "reference": ("reference-route.jpg", references),
    "blend": ("blend.jpg", blends),
    "pose": ("pose-asked.jpg", poses),
    "metal": ("metal.jpg", metals),
    "scenes": ("embedded-scenes.jpg", scenes),
}
"""What can be shown: its file and its pictures."""


def tile(label: str, picture: images.RgbImage) -> np.ndarray:
    """Return a picture, 8 bit, in the middle of a grey square, below its words if it has some."""
    above = LABEL if label else 0
    sheet = Image.new("RGB", (SIDE, SIDE + above), "white")
    ImageDraw.Draw(sheet).text((4, 3), label, "black", ImageFont.load_default(15))
    scale = SIDE / max(picture.shape[:2])
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    sheet.paste(BESIDE, (0, above, SIDE, above + SIDE))
    small = Image.fromarray(images.to_uint8(images.resize(picture, *size)))
    sheet.paste(small, ((SIDE - size[0]) // 2, above + (SIDE - size[1]) // 2))
    return np.asarray(sheet)


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(SHEETS)))
@click.option("--backend", default="embedded://", show_default=True)
@click.option("-o", "--output", default=HERE.parent / "docs" / "images", type=Path)
def main(names: tuple[str, ...], backend: str, output: Path) -> None:
    """Write the sheets of NAMES; all of them if none is named."""
    with Client(backend) as client:
        for name in names or SHEETS:
            file, pictures = SHEETS[name]
            tiles = [tile(label, picture) for label, picture in pictures(client)]
            rows = [np.hstack(tiles[k : k + COLUMNS]) for k in range(0, len(tiles), COLUMNS)]
            files.save(output / file, images.from_uint8(np.vstack(rows)), quality=82)
            click.echo(f"{name:10} {output / file}")


if __name__ == "__main__":
    main()
