"""A folder as a store: what a plain path, or file://, stands for."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

from prodgen import files
from prodgen.errors import ImageError, StorageCause, StorageError
from prodgen.storage.store import Stored, check_name


class FolderStore:
    """Objects as files under one folder, which is made by the first that is written."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.address = str(folder)

    def path_of(self, name: str) -> Path:
        """Return where an object is.

        Raises:
            StorageError: If the name would climb out of the folder.
        """
        return self.folder / check_name(self.address, name)

    def get(self, name: str) -> bytes:
        """Read a file."""
        path = self.path_of(name)
        try:
            return path.read_bytes()
        except OSError as error:
            raise _refusal(path, "read", error) from error

    def put(self, name: str, data: bytes) -> None:
        """Write a file by a temporary name, fsync, rename, and fsync of its folder."""
        path = self.path_of(name)
        try:
            files.write_bytes(path, data)
        except ImageError as error:
            raise _refusal(path, "written", error.__cause__) from error

    def put_new(self, name: str, data: bytes) -> bool:
        """Write a file unless there is one."""
        path = self.path_of(name)
        try:
            return files.write_new_bytes(path, data)
        except ImageError as error:
            raise _refusal(path, "written", error.__cause__) from error

    def stat(self, name: str) -> Stored | None:
        """Return size and time of change of a file."""
        path = self.path_of(name)
        try:
            found = path.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except OSError as error:
            raise _refusal(path, "read", error) from error
        return Stored(found.st_size, str(found.st_mtime_ns))

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the files under a folder, sorted within each; those still being written are none."""
        top = self.path_of(prefix) if prefix else self.folder
        for folder, folders, names in os.walk(top):
            folders.sort()
            for name in sorted(names):
                if not name.endswith(files.UNFINISHED):
                    yield Path(folder, name).relative_to(self.folder).as_posix()

    def delete(self, name: str) -> None:
        """Remove a file, if it is there."""
        path = self.path_of(name)
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise _refusal(path, "removed", error) from error

    def check(self) -> None:
        """Look whether the folder is one, or could be made."""
        if self.folder.exists() and not self.folder.is_dir():
            raise StorageError(self.address, "is a file; choose another folder")


_CAUSES: dict[int | None, StorageCause] = {
    errno.ENOENT: "missing",
    errno.ENOTDIR: "missing",
    errno.EACCES: "refused",
    errno.EPERM: "refused",
    errno.EROFS: "refused",
    errno.ENOSPC: "full",
    errno.EDQUOT: "full",
}


def _refusal(path: Path, what: str, error: BaseException | None) -> StorageError:
    """Return the sentence for what the operating system said."""
    if not isinstance(error, OSError | ValueError):
        return StorageError(str(path), f"cannot be {what}: {error}")
    cause: StorageCause = _CAUSES.get(error.errno, "other") if isinstance(error, OSError) else "other"
    return StorageError(str(path), f"cannot be {what}: {files.reason_of(error)}", cause=cause)
