"""Which photographs of a folder are whole and new: for a folder that other programs fill while it is watched.

It looks with `stat`, again and again. The kernel's messages (inotify, FSEvents) would save that work, but say
nothing about what other machines write to a network share, which is where such folders are. A look at 10,000
files takes a quarter of a second.
"""

from __future__ import annotations

import logging
import math
import os
import threading
import time
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import NamedTuple

from prodgen.catalogue.photo_folders import photo_names
from prodgen.errors import SettingError

log = logging.getLogger(__name__)

SETTLED_S = 5.0
"""Seconds for which a file must stay as it is to count as whole. Chosen: copies over a network pause for a
second or two; a file that is taken too early is taken again when it has changed."""


class _Look(NamedTuple):
    """What was seen of a file."""

    size: int
    modified_ns: int


class WatchedFolder:
    """A folder of photographs that is looked at again and again."""

    def __init__(self, folder: Path, *, settled_s: float = SETTLED_S) -> None:
        self._folder = folder
        self._settled_s = settled_s
        self._seen: dict[Path, tuple[_Look, float]] = {}
        self._given: dict[Path, _Look] = {}

    def look(self) -> frozenset[Path]:
        """Return photographs, as absolute paths, that are whole, and new or changed since they were returned.

        Raises:
            SettingError: If the folder cannot be read.
        """
        now = time.monotonic()
        seen: dict[Path, tuple[_Look, float]] = {}
        for path, look in self._found():
            before, since = self._seen.get(path, (None, now))
            seen[path] = (look, since if look == before else now)
        self._seen = seen
        self._given = {path: look for path, look in self._given.items() if path in seen}
        fresh = {
            path: look
            for path, (look, since) in seen.items()
            if look.size and now - since >= self._settled_s and self._given.get(path) != look
        }
        self._given |= fresh
        return frozenset(fresh)

    def return_later(self, photos: Collection[Path]) -> None:
        """Return these once more at the next look, as they could not be worked on."""
        for path in photos:
            self._given.pop(path, None)

    def wait(self, *, stop: threading.Event, until: float = math.inf) -> frozenset[Path]:
        """Look until there is something to return; a folder that cannot be read is waited for.

        Args:
            stop: Ends it, from a signal handler or another thread.
            until: Seconds since 1970 at which it ends.

        Returns:
            As `look`; nothing where it was ended.
        """
        is_said = False
        while not stop.is_set() and time.time() < until:
            try:
                if fresh := self.look():
                    return fresh
                is_said = False
            except SettingError as error:
                if not is_said:
                    log.warning("%s; it is waited for", error)
                is_said = True
            stop.wait(self._settled_s)
        return frozenset()

    def _found(self) -> Iterator[tuple[Path, _Look]]:
        folder = self._folder.absolute()
        for name in photo_names(folder):
            path = folder / name
            try:
                found = os.stat(path)  # noqa: PTH116 - of 10,000 files at each look
            except OSError:
                continue  # it was there a moment ago
            yield path, _Look(found.st_size, found.st_mtime_ns)
