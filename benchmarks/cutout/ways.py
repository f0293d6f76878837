"""The ways to cut a product out that the benchmark compares, each by its name in the tables.

    prodgen, as installed       with the network that comes with it alone
    prodgen, all networks       with every network whose weights are here, where there are more
    prodgen, classical          without any network
    NETWORK, raw                what a network says, enlarged to the photograph
    rembg remove, NETWORK       rembg's cut-out; that is the network's answer, stretched from 0 to 1
    rembg matting, NETWORK      the same with rembg's alpha matting

Owns what each needs before its first picture. Nothing is downloaded.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prodgen import cut_out, files, images
from prodgen.cutout import networks
from prodgen.errors import SegmentationError
from prodgen.images import Matte

INSTALLED, EVERYTHING, CLASSICAL = "prodgen, as installed", "prodgen, all networks", "prodgen, classical"
RAW, REMOVE, MATTING = "raw", "rembg remove", "rembg matting"


@dataclass(frozen=True)
class Cut:
    """What a way made of a photograph."""

    matte: Matte | None
    """None: it refused, and said so."""
    doubts: tuple[str, ...] = ()
    """The kinds of its doubts; ways that never doubt have none."""
    quality: float | None = None
    """How likely it is right, by its own account; None: it gives no account."""


Cutter = Callable[[Path], Cut]


def networks_here() -> tuple[str, ...]:
    """Names of the networks that could run now, the one that comes with prodgen first."""
    found = [name for name in networks.MODELS if name != "sam" and networks.weights(name)]
    return tuple(sorted(found, key=lambda name: name != networks.PACKAGED))


def names(found: tuple[str, ...]) -> tuple[str, ...]:
    """Names of all ways, where these networks are here; prodgen's first."""
    ours = (INSTALLED, EVERYTHING, CLASSICAL) if len(found) > 1 else (INSTALLED, CLASSICAL)
    raw = tuple(f"{name}, {RAW}" for name in found)
    return (*ours, *raw, *(f"{how}, {name}" for how in (REMOVE, MATTING) for name in found))


def is_ours(way: str) -> bool:
    """Whether a way is prodgen's."""
    return way.startswith("prodgen,")


def base(way: str, found: tuple[str, ...]) -> str:
    """The way whose time and memory those of `way` are told against: the largest of its networks alone."""
    if way == EVERYTHING:
        return f"{found[1]}, {RAW}"
    named = next((name for name in found if name in way.split(", ")), found[0])
    return f"{named}, {RAW}"


def prepare(way: str, found: tuple[str, ...], home: Path) -> Cutter:
    """Give what cuts out in this way; for a process that does nothing else, before it loads a network.

    Args:
        way: One of `names`.
        found: The networks that are here.
        home: An empty folder, which becomes the place where networks are looked for.
    """
    for name in () if way == INSTALLED else found:
        folder = home / "models" / name
        folder.mkdir(parents=True)
        for path in networks.weights(name):
            (folder / path.name).symlink_to(path.resolve())
    os.environ["U2NET_HOME"] = str(home)
    if is_ours(way):
        name = "classical" if way == CLASSICAL else "auto"
        return lambda photo: _by_prodgen(photo, name)
    first, second = way.split(", ")
    return (
        (lambda photo: _raw(photo, first)) if second == RAW else _by_rembg(second, matting=first == MATTING)
    )


def _by_prodgen(photo: Path, segmenter: str) -> Cut:
    try:
        found = cut_out(photo, segmenter=segmenter)
    except SegmentationError:
        return Cut(None, ("refused",), 0.0)
    quality = found.quality.score if found.quality is not None else None
    return Cut(found.matte, tuple(doubt.kind for doubt in found.doubts), quality)


def _raw(photo: Path, name: str) -> Cut:
    rgb = files.load(photo).rgb
    plane = networks.predict(name, rgb)
    return Cut(np.clip(images.resize(plane, rgb.shape[1], rgb.shape[0]), 0, 1))


def _by_rembg(name: str, *, matting: bool) -> Cutter:
    from PIL import Image
    from rembg import new_session, remove

    session = new_session(name)

    def cutter(photo: Path) -> Cut:
        with Image.open(photo) as picture:
            cut = remove(picture.convert("RGB"), session=session, alpha_matting=matting)
        return Cut(np.asarray(cut)[..., 3].astype(np.float32) / 255)

    return cutter
