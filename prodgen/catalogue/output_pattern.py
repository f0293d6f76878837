"""Names the files of a catalogue's pictures, by a pattern such as `{sku}/{scene}-{seed}`."""

from __future__ import annotations

import re
from collections.abc import Mapping
from os.path import splitext
from pathlib import PurePosixPath, PureWindowsPath

from prodgen.catalogue.file_names import beside_the_run, is_of_the_run, safe_name
from prodgen.catalogue.photo_folders import PHOTO_ENDINGS
from prodgen.catalogue.templates import read_template
from prodgen.errors import SettingError, WrongValueError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".psd")
"""Endings of the pictures that can be written."""

LONGEST_PART = 240
"""Most bytes between two slashes: file systems end at 255, and a sidecar's or temporary ending follows."""

OWN_NAMES = ("sku", "scene", "seed", "number", "photo")
"""Names that a pattern has beside the sheet's columns, and which go before these."""

_NAMELESS = re.compile(r"(?:^|/)\.+(?:/|[^/.]*$)")
"""A part of a path that is nothing but dots, or a file's name that is nothing but an ending."""

_WITH_SCENE, _WITHOUT = "{sku}/{scene}-{seed}", "{sku}/{product}-{seed}"


class OutputPattern:
    """A pattern that was read.

    Args:
        pattern: With forward slashes; "" is a folder for each product, and in it SCENE-SEED or SKU-SEED.
        ending: Ending of the files where the pattern has none.

    Raises:
        SettingError: If it leads out of the run's folder or begins with what the run itself writes there, or
            its ending is of no picture that is written.
    """

    def __init__(self, pattern: str, ending: str) -> None:
        own = PurePosixPath(pattern)
        leads_out = (
            own.is_absolute() or ".." in own.parts or "\\" in pattern or PureWindowsPath(pattern).drive
        )
        if leads_out:
            raise WrongValueError("name", pattern, "must stay in the run's folder, with / between folders")
        if "{" not in (first := pattern.partition("/")[0]) and is_of_the_run(first):
            reason = f"must begin with another name than {first!r}, which the run itself writes"
            raise WrongValueError("name", pattern, reason)
        if ending.lower() not in ENDINGS:
            raise WrongValueError("ending", ending, f"must be one of {', '.join(ENDINGS)}")
        if ends_as_picture(own.name) and own.suffix.lower() not in ENDINGS:
            raise WrongValueError("name", pattern, f"must end in one of {', '.join(ENDINGS)}, or in none")
        self._ending = "" if own.suffix.lower() in ENDINGS else ending
        self._templates = [
            read_template(text) for text in ([pattern] if pattern else [_WITH_SCENE, _WITHOUT])
        ]
        if self._templates[0].has_choices or "{{" in pattern or "}}" in pattern:
            raise WrongValueError("name", pattern, "must have nothing but columns in braces")
        self.names = tuple(name for name in self._templates[0].names if name not in OWN_NAMES)
        """Keys of the sheet's columns that it uses."""

    def name_of(
        self, cells: Mapping[str, str], *, sku: str, scene: str, seed: int, number: int, photo: str
    ) -> str:
        """Return a picture's file, relative to the run's folder.

        Args:
            cells: The row, by the columns' keys.
            sku: The product's `safe_path`.
            scene: The scene's name, or "".
            seed: The picture's seed.
            number: Which of the pictures of this product and scene, from 1.
            photo: The photograph's path or URL; its name without the ending is taken.

        Raises:
            SettingError: If nothing is left for a name, or it is too long.
        """
        template = self._templates[0] if scene else self._templates[-1]
        own = {"sku": sku, "product": sku.rpartition("/")[2], "seed": str(seed), "number": str(number)}
        words = [own.get(name) or self._word(name, cells, scene, photo) for name in template.names]
        text = template.with_words(words) + self._ending
        if "//" in text or text.startswith("/"):  # a part of the pattern was filled with nothing
            text = "/".join(filter(None, text.split("/")))
        if _NAMELESS.search(text):
            raise SettingError(
                f"the file's name is empty: its pattern gives {text!r}; put {{sku}} or {{seed}} into it"
            )
        if len(text) > LONGEST_PART // 4 and max(map(len, text.encode().split(b"/"))) > LONGEST_PART:
            raise SettingError(f"the file's name has more than {LONGEST_PART} bytes: {text!r}")
        return beside_the_run(text)  # a sku "run" would have the sidecar run.json

    @staticmethod
    def _word(name: str, cells: Mapping[str, str], scene: str, photo: str) -> str:
        if name == "scene":
            return safe_name(scene)
        return safe_name(stem_of(photo) if name == "photo" else cells[name].strip())


def ends_as_picture(name: str) -> bool:
    """Whether a file of this name is taken for a picture, one that can be written or only read."""
    return splitext(name)[1].lower() in {*ENDINGS, *PHOTO_ENDINGS}  # noqa: PTH122 - it may be a pattern


def safe_path(sku: str) -> str:
    """Return a product's name as a path: slashes make folders, where there is something between them."""
    parts = sku.split("/")
    return "/".join(map(safe_name, parts)) if all(parts) else safe_name(sku)


def stem_of(photo: str) -> str:
    """Return the name of a photograph's file, or URL, without folder and ending."""
    path = photo.partition("?")[0] if "://" in photo else photo
    return splitext(path.replace("\\", "/").rpartition("/")[2])[0]  # noqa: PTH122 - of 100,000 names


def sku_of(cells: Mapping[str, str]) -> str:
    """Return the product's name: its own cell, or the name of its photograph."""
    return cells.get("sku", "").strip() or stem_of(cells.get("photo", "").strip())
