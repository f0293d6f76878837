"""Makes any text a file's name that every file system takes, so that no two texts get one name.

What is not safe is written as "=" and two hexadecimal digits a byte of UTF-8, as quoted-printable mail does
(RFC 2045): "A/B:1" becomes "A=2FB=3A1". "=" itself is written so too, and thus the way back is clear.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from functools import lru_cache

MAX_BYTES = 100
"""Most bytes of a safe name. File systems end at 255, for two of them with a seed and an ending."""

_UNSAFE = re.compile(
    r'[\x00-\x1f\x7f-\x9f<>:"/\\|?*={}%#&\ud800-\udfff'
    r"\u2028-\u202e\u2066-\u2069\U000f0000-\U0010ffff]"
)
"""Control characters (also those that turn the direction of writing, so that a name ends otherwise than it
seems to), what Windows forbids, and what means something in a URL or a template."""

_EDGES = re.compile(r"^[ .~-]|[ .]$")
"""A dot hides a file or leads up, a dash begins an option, and Windows drops dots and spaces at the end."""

_RESERVED = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³])(?=\.|$)", re.IGNORECASE)
"""Names of devices on Windows, whatever ending follows."""

_OF_THE_RUN = re.compile(r"(?:thumbnails|run\.|ledger\.|report\.|failed\.|events\.|\.fetched)", re.IGNORECASE)
"""Beginnings of what a run itself writes into its folder."""


@lru_cache(maxsize=4096)
def safe_name(text: str) -> str:
    """Return a name for a file or folder; another one for each text, and "" for "".

    A long text keeps its beginning, followed by "=~" and a digest of 64 bits of all of it.
    """
    name = _UNSAFE.sub(lambda found: _escaped(found[0]), text)
    name = _EDGES.sub(lambda found: _escaped(found[0]), name)
    if _RESERVED.match(name) or is_of_the_run(name):
        name = _escaped(name[0]) + name[1:]
    if len(name.encode()) <= MAX_BYTES:
        return name
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]
    start = name.encode()[: MAX_BYTES - 18].decode("utf-8", "ignore")
    return f"{re.sub('=[0-9A-F]?$', '', start)}=~{digest}"


def is_of_the_run(path: str) -> bool:
    """Whether a path, relative to a run's folder, begins as what the run itself writes there."""
    return _OF_THE_RUN.match(path) is not None


def beside_the_run(path: str) -> str:
    """Return a path, its first letter written otherwise if the run itself could write there."""
    return _escaped(path[0]) + path[1:] if is_of_the_run(path) else path


def as_disks_see(path: str) -> str:
    """Return a path as file systems compare it that take no notice of case or of how accents are composed."""
    return unicodedata.normalize("NFC", path).lower()


def _escaped(letter: str) -> str:
    return "".join(f"={byte:02X}" for byte in letter.encode("utf-8", "surrogatepass"))
