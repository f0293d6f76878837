"""Names the files of a catalogue's pictures, by a pattern such as `{sku}/{scene}-{seed}`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath, PureWindowsPath

from prodgen.catalogue.file_names import safe_name
from prodgen.catalogue.templates import read_template
from prodgen.errors import SettingError, WrongValueError

ENDINGS = (".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff")
"""Endings of the pictures that can be written."""

LONGEST_PART = 240
"""Most bytes between two slashes: file systems end at 255, and a sidecar's or temporary ending follows."""

OWN_NAMES = ("sku", "scene", "seed", "number", "photo")
"""Names that a pattern has beside the sheet's columns, and which go before these."""

_WITH_SCENE, _WITHOUT = "{sku}/{scene}-{seed}", "{sku}/{product}-{seed}"


class OutputPattern:
    """A pattern that was read.

    Args:
        pattern: With forward slashes; "" is a folder for each product, and in it SCENE-SEED or SKU-SEED.
        ending: Ending of the files where the pattern has none.

    Raises:
        SettingError: If it leads out of the run's folder, or its ending is of no picture that is written.
    """

    def __init__(self, pattern: str, ending: str) -> None:
        own = PurePosixPath(pattern)
        leads_out = (
            own.is_absolute() or ".." in own.parts or "\\" in pattern or PureWindowsPath(pattern).drive
        )
        if leads_out:
            raise WrongValueError("name", pattern, "must stay in the run's folder, with / between folders")
        if ending.lower() not in ENDINGS:
            raise WrongValueError("ending", ending, f"must be one of {', '.join(ENDINGS)}")
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
            sku: The product; slashes in it make folders.
            scene: The scene's name, or "".
            seed: The picture's seed.
            number: Which of the pictures of this product and scene, from 1.
            photo: The photograph's path or URL; its name without the ending is taken.

        Raises:
            SettingError: If nothing is left for a name, or it is too long.
        """
        template = self._templates[0] if scene else self._templates[-1]
        own = {
            "sku": safe_path(sku),
            "product": safe_name(sku.rpartition("/")[2]),
            "scene": safe_name(scene),
            "seed": str(seed),
            "number": str(number),
            "photo": safe_name(stem_of(photo)),
        }
        words = [own[name] if name in own else safe_name(cells[name].strip()) for name in template.names]
        text = template.with_words(words) + self._ending
        parts = [part for part in text.split("/") if part]
        if not parts or parts[-1].startswith(".") or any(set(part) == {"."} for part in parts):
            raise SettingError(f"the file's name is empty after its pattern is filled: {text!r}")
        if max(len(part.encode()) for part in parts) > LONGEST_PART:
            raise SettingError(f"the file's name has more than {LONGEST_PART} bytes: {text!r}")
        return "/".join(parts)


def safe_path(sku: str) -> str:
    """Return a product's name as a path: slashes make folders, where there is something between them."""
    parts = sku.split("/")
    return "/".join(map(safe_name, parts)) if all(parts) else safe_name(sku)


def stem_of(photo: str) -> str:
    """Return the name of a photograph's file, or URL, without folder and ending."""
    path = photo.partition("?")[0] if "://" in photo else photo
    return PurePosixPath(path.replace("\\", "/")).stem
