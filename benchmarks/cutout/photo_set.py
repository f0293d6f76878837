"""A set of product photographs with true mattes: what the cut-out benchmark is run on.

meta.json          per picture: photo, product, kind, setting, and whatever else is known of it
NAME.jpg|png       the photograph
NAME_matte.png     its true matte, 8 bit, white = product
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from prodgen import files
from prodgen.errors import ImageError
from prodgen.images import Matte

SHIPPED = Path(__file__).parent / "set"
"""The set that comes with the benchmark."""


@dataclass(frozen=True)
class Sample:
    """One photograph of a set; its pictures are read when they are asked for."""

    name: str
    photo: Path
    matte: Path
    product: str
    kind: str
    setting: str
    aside: bool
    """Whether nothing may be fitted on its product."""

    @property
    def true(self) -> Matte:
        """The true matte.

        Raises:
            ImageError: If it cannot be read.
        """
        return files.load_matte(self.matte)

    @property
    def digest(self) -> str:
        """What changes when photograph or matte do."""
        return hashlib.sha256(self.photo.read_bytes() + self.matte.read_bytes()).hexdigest()[:16]


def samples(folder: Path) -> Iterator[Sample]:
    """Give the pictures that a set's meta.json names, by kind and name.

    Raises:
        ImageError: If it has none, or lacks a file that it names.
    """
    listed = folder / "meta.json"
    if not listed.is_file():
        raise ImageError(f"{str(folder)!r} holds no meta.json, so it is no set of photographs with mattes")
    facts = json.loads(listed.read_text("utf-8"))
    if not facts:
        raise ImageError(f"{str(listed)!r} names no picture")
    for name in sorted(facts, key=lambda name: (facts[name]["kind"], name)):
        one = facts[name]
        photo, matte = folder / one["photo"], folder / f"{name}_matte.png"
        for path in (photo, matte):
            if not path.is_file():
                raise ImageError(f"{str(listed)!r} names {name!r}, but there is no {path.name!r}")
        yield Sample(
            name, photo, matte, one["product"], one["kind"], one["setting"], bool(one.get("aside", False))
        )
