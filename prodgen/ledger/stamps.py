"""Whether a file is still the one that it was: by its content's digest, or by a stamp that spares reading.

A stamp is size and version (the time of the last change, or an object store's entity tag). An equal stamp is
believed, as git's index does; a file whose stamp differs is read and its digest compared.
"""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path
from typing import NamedTuple, Protocol

RACY_NS = 2_000_000_000
"""Younger than this a time stamp proves nothing: the file may be written again within the clock's grain,
which is 2 s on FAT and below 10 ms on ext4, NTFS and APFS; git calls such files racily clean."""

BLOCK = 1 << 20
"""Bytes read at a time."""


class Stamp(NamedTuple):
    """What tells without reading that a file has not changed."""

    size: int
    version: str
    """"" : not to be believed."""


NOT_BELIEVED = Stamp(-1, "")
"""Stamp of what must be read to be known."""


class HasStamp(Protocol):
    """What a store says about a file."""

    @property
    def size(self) -> int:
        """Bytes."""

    @property
    def version(self) -> str:
        """Text that changes with the content."""


class Outputs(Protocol):
    """The part of a store that a ledger needs: it looks at pictures and sidecars by their names."""

    def stat(self, name: str) -> HasStamp | None:
        """Say size and version; None: there is none."""

    def get(self, name: str) -> bytes:
        """Return the content."""


class Folder:
    """Pictures and sidecars in a local folder."""

    def __init__(self, root: Path) -> None:
        self._root = f"{root}{os.sep}"

    def stat(self, name: str) -> Stamp | None:
        """Say size and time of the last change; None: there is no such file."""
        return stamp_of(self._root + name)

    def get(self, name: str) -> bytes:
        """Return the content.

        Raises:
            OSError: If it cannot be read.
        """
        return Path(self._root + name).read_bytes()


def stamp_of(path: str) -> Stamp | None:
    """Return a local file's stamp; None if there is no such file."""
    try:
        found = os.stat(path)  # noqa: PTH116 - a Path costs more than the question, a hundred thousand times
    except (OSError, ValueError):
        return None
    return Stamp(found.st_size, str(found.st_mtime_ns))


def settled(stamp: Stamp) -> Stamp:
    """Return a stamp that was just taken, or `NOT_BELIEVED` if its file is too young to trust it."""
    age = time.time_ns() - int(stamp.version)
    return stamp if age > RACY_NS else NOT_BELIEVED


def sha256_of(path: str) -> str:
    """Return the digest of a local file's content; "" if it cannot be read."""
    whole = hashlib.sha256()
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - as in stamp_of
            while block := file.read(BLOCK):
                whole.update(block)
    except (OSError, ValueError):
        return ""
    return whole.hexdigest()


def is_address(name: str) -> bool:
    """Whether a photograph lies behind a URL; such a one is believed as long as its address stays."""
    return "://" in name
