"""What a store of objects can do, whatever is behind it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from prodgen.errors import StorageError


@dataclass(frozen=True, slots=True)
class Stored:
    """What is known of an object without reading it."""

    size: int
    """Bytes."""
    version: str
    """Another text after each change: the file's time of change in a folder, the ETag in an object store."""


class Store(Protocol):
    """Objects by name, such as "00123/kitchen-1.png"; picklable, and any thread may call it.

    Each method raises `StorageError`: if the store does not do what was asked, or if a name is absolute or
    climbs out.
    """

    address: str
    """Where it is, as a path or URL, for people; it holds no credentials."""

    @property
    def folder(self) -> Path | None:
        """Its folder, if it is one that this machine sees."""

    def get(self, name: str) -> bytes:
        """Return an object's content; one that is not there is an error whose cause is "missing"."""

    def put(self, name: str, data: bytes) -> None:
        """Write an object whole or not at all, in place of any older one; it is durable on return."""

    def put_new(self, name: str, data: bytes) -> bool:
        """Write an object unless there is one, and say whether it was written: of many who try, one wins."""

    def stat(self, name: str) -> Stored | None:
        """Return what is known of an object; None: it is not there."""

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names of all objects in a folder and the folders in it; "" is the whole store."""

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""

    def check(self) -> None:
        """Ask cheaply whether it can be reached at all."""


def check_name(address: str, name: str) -> str:
    """Return a name that stays inside its store.

    Raises:
        StorageError: If it is empty, absolute, or climbs out, in the manner of any operating system.
    """
    parts = name.split("/")
    climbs = any(part in ("", ".", "..") for part in parts)
    if climbs or "\\" in name or "\0" in name or ":" in parts[0]:
        reason = f"cannot hold {name!r}: a name is relative, with single forward slashes, and has no '..'"
        raise StorageError(address, reason)
    return name
