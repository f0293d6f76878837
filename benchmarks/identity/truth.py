"""The truth set: products photographed in a studio, and the same products truly standing in places."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prodgen import files
from prodgen.errors import ImageError
from prodgen.images import Matte, RgbImage


@dataclass(frozen=True)
class Case:
    """One product in one place."""

    product: str
    place: str
    photo: RgbImage
    """In the studio, (H, W, 3), sRGB."""
    truth: RgbImage
    """In the place, same framing and size."""
    matte: Matte

    @property
    def name(self) -> str:
        """Product and place."""
        return f"{self.product}/{self.place}"


def cases(folder: Path) -> Iterator[Case]:
    """Read NAME_input, NAME_matte (or NAME_cutout with alpha) and NAME_PLACE pictures of a folder.

    Raises:
        ImageError: If there are none, or a picture cannot be used.
    """
    inputs = sorted(folder.glob("*_input.*"))
    if not inputs:
        raise ImageError(f"{str(folder)!r} holds no NAME_input picture; see tests/data/README.md")
    for path in inputs:
        product = path.stem.removesuffix("_input")
        photo, matte = files.load(path).rgb, _matte(folder, product)
        for scene in sorted(folder.glob(f"{product}_*")):
            place = scene.stem.removeprefix(f"{product}_")
            if place in ("input", "matte", "cutout"):
                continue
            truth = files.load(scene).rgb
            if not truth.shape[:2] == photo.shape[:2] == matte.shape:
                raise ImageError(f"{str(scene)!r} is not of the photograph's and the matte's size")
            yield Case(product, place, photo, truth, matte)


def _matte(folder: Path, product: str) -> Matte:
    for kind in ("matte", "cutout"):
        for path in sorted(folder.glob(f"{product}_{kind}.*")):
            return files.load_matte(path)
    raise ImageError(f"{str(folder)!r} holds no {product}_matte picture")
