"""Whether a file is still the one that it was: by its content's digest, or by a stamp that spares reading.

A stamp is size and version (the time of the last change, or an object store's entity tag). An equal stamp is
believed, as git's index does; a file whose stamp differs is read and its digest compared.
"""

from __future__ import annotations

import hashlib
import os
import time
from typing import NamedTuple

from prodgen.errors import StorageError
from prodgen.storage import Store

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


def stamp_in(store: Store, name: str) -> Stamp | None:
    """Return the stamp of an object in a store; None if there is none.

    Raises:
        StorageError: If the store does not answer.
    """
    if store.folder is not None:
        return stamp_of(f"{store.folder}/{name}")
    found = store.stat(name)
    return None if found is None else Stamp(found.size, found.version)


def sha256_in(store: Store, name: str) -> str:
    """Return the digest of an object's content; "" if it is not there.

    Raises:
        StorageError: If the store does not answer.
    """
    if store.folder is not None:
        return sha256_of(f"{store.folder}/{name}")
    try:
        return hashlib.sha256(store.get(name)).hexdigest()
    except StorageError as error:
        if error.cause != "missing":
            raise
        return ""
