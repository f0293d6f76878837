"""What was checked, when, and with what result: a small JSON file in the models folder.

Saves hashing gigabytes again at every run, and keeps the hash that an unverified file had when accepted.
Written whole under a temporary name; a damaged record is started anew, at the price of hashing once more.
"""

from __future__ import annotations

import json
import os
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

RECORD_NAME = ".prodgen-weights.json"


@dataclass(frozen=True)
class CheckedFile:
    """One file that passed its checks."""

    name: str
    size: int
    mtime_ns: int
    sha256: str
    source: str
    """The address it came from, or the folder it was copied from, or `found` when it was there already."""


class Record:
    """The record of one models folder; safe to use from several threads."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / RECORD_NAME
        self._lock = threading.Lock()
        self._files: dict[str, CheckedFile] = {}
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            self._files = {file: CheckedFile(**entry) for file, entry in content["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError):
            pass  # none yet, or damaged: everything is checked again

    def sha256_of(self, file: str, path: Path) -> str | None:
        """Return the hash recorded for `file`, or None if there is none or the file has changed since."""
        entry = self._files.get(file)
        state = path.stat()
        if entry is None or (entry.size, entry.mtime_ns) != (state.st_size, state.st_mtime_ns):
            return None
        return entry.sha256

    def add(self, file: str, path: Path, *, name: str, sha256: str, source: str) -> None:
        """Record that the file at `path` passed, and write the record to disk, in a folder that may be new.

        Raises:
            OSError: If the folder may only be read.
        """
        state = path.stat()
        with self._lock:
            self._files[file] = CheckedFile(name, state.st_size, state.st_mtime_ns, sha256, source)
            content = {"files": {key: asdict(value) for key, value in sorted(self._files.items())}}
            self._path.parent.mkdir(parents=True, exist_ok=True)
            temporary = self._path.with_name(f"{RECORD_NAME}.{os.getpid()}.{id(self)}")
            temporary.write_text(json.dumps(content, indent=1), encoding="utf-8")
            temporary.replace(self._path)
