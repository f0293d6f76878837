"""Where the pictures that a sheet names are: below its folder, unless the user allows more. None is read."""

from __future__ import annotations

import os
import re
import stat
from functools import lru_cache

from prodgen.errors import SettingError, StorageError
from prodgen.storage import file_path

WEB = ("http", "https")
STORES = ("s3", "gs", "az", "file")
"""Schemes of URLs that lead to the web and to object stores; none is read unless URLs are allowed."""


_PLAIN = re.compile(r"(?!\.)[^/](?:(?!/[./]).)*", re.DOTALL).fullmatch
"""Whether a relative path has no part that is empty or begins with a dot, so that it need not be resolved."""


class PicturePlaces:
    """Turns what cells say into paths and URLs, by one rule for a whole sheet."""

    def __init__(self, folder: str, *, allow_outside: bool, allow_urls: bool) -> None:
        if folder.lower().startswith("file://"):
            folder = str(file_path(folder))
        self.is_remote = "://" in folder
        self.folder = folder.rstrip("/") if self.is_remote else os.path.normpath(folder)
        self._start = self.folder.rstrip(os.sep) + os.sep
        self.allow_outside = allow_outside
        self.allow_urls = allow_urls
        self._inside = lru_cache(maxsize=4096)(self._is_folder_inside)

    def place_of(self, cell: str) -> str:
        """Return the absolute path, or the URL, that a cell means. Nothing is looked at.

        Raises:
            SettingError: If it is a URL or leads out of the sheet's folder, and that is not allowed.
        """
        if "://" in cell:
            below = cell.removeprefix(self._start)
            return cell if below != cell and _PLAIN(below) else self._url(cell)
        if "\0" in cell:
            raise SettingError("is no path: it holds a null character")
        path = cell.replace("\\", "/") if os.sep == "/" and "\\" in cell else cell
        is_absolute = path.startswith("/") or (path[1:2] == ":" and path[:1].isalpha())
        if is_absolute and not self.allow_outside:
            raise SettingError(
                f"{cell!r} is an absolute path; write it from the sheet's folder on, or say --allow-outside"
            )
        if not is_absolute and _PLAIN(path):
            return f"{self._start}{path}"
        if self.is_remote:
            raise SettingError(f"{cell!r} is no plain path below the sheet's folder, {self.folder!r}")
        return self._local(path, cell)

    def _local(self, path: str, cell: str) -> str:
        """Return a path of this machine, absolute and without "..", if it may be read."""
        whole = os.path.normpath(os.path.join(self.folder, path))  # noqa: PTH118 - 100,000 of them
        if not (self.allow_outside or self._is_below(whole, self.folder)):
            raise SettingError(f"{cell!r} leads out of the sheet's folder; say --allow-outside")
        return whole

    def look(self, place: str, cell: str) -> None:
        """Check that a file is where `place_of` said; URLs are left to whoever fetches them.

        Raises:
            SettingError: If there is no file, or a link leads out of the sheet's folder.
        """
        if "://" in place:
            return
        try:
            found = os.lstat(place)
            is_link = stat.S_ISLNK(found.st_mode)
            if is_link:
                found = os.stat(place)  # noqa: PTH116 - 100,000 of them
        except FileNotFoundError as error:
            raise SettingError(f"{cell!r} does not exist (looked for at {place!r})") from error
        except (OSError, ValueError) as error:
            raise SettingError(f"{cell!r} cannot be read: {getattr(error, 'strerror', error)}") from error
        if not stat.S_ISREG(found.st_mode):
            raise SettingError(f"{cell!r} is no file")
        if self.allow_outside:
            return
        if not self._inside(place.rpartition(os.sep)[0]) or (
            is_link and not self._is_real_path_inside(place)
        ):
            raise SettingError(
                f"{cell!r} is a link that leads out of the sheet's folder; say --allow-outside"
            )

    def _url(self, cell: str) -> str:
        scheme, _, rest = cell.partition("://")
        scheme = scheme.lower()
        if scheme not in (*WEB, *STORES):
            known = ", ".join(f"{name}://" for name in (*WEB, *STORES))
            raise SettingError(f"{cell!r} is a URL of an unknown kind; there are: {known}")
        if not self.allow_urls:
            raise SettingError(f"{cell!r} is a URL; give a file, or say --allow-urls")
        if "@" in rest.partition("/")[0]:
            raise SettingError(
                "is a URL with a password in it, which would be written into the report; leave it out"
            )
        if any(letter.isspace() or ord(letter) < 32 for letter in cell):
            raise SettingError(f"{cell!r} is a URL with a space in it; write %20")
        if scheme == "file":
            try:
                path = str(file_path(cell))
            except StorageError as error:
                raise SettingError(str(error)) from error
            if "\0" in path:
                raise SettingError("is no path: it holds a null character")
            return self._local(path, cell)
        return f"{scheme}://{rest}"

    @staticmethod
    def _is_below(path: str, folder: str) -> bool:
        return path.startswith(folder if folder.endswith(os.sep) else folder + os.sep)

    def _is_folder_inside(self, folder: str) -> bool:
        real, root = os.path.realpath(folder), os.path.realpath(self.folder)
        return real == root or self._is_below(real, root)

    def _is_real_path_inside(self, path: str) -> bool:
        return self._is_below(os.path.realpath(path), os.path.realpath(self.folder))
