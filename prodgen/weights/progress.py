"""Progress of the downloads: one line redrawn on a terminal, a line every ten seconds in a log."""

from __future__ import annotations

import threading
import time
from typing import TextIO

_LOG_EVERY_S = 10.0


class ProgressLine:
    """Counts the bytes of several files; worker threads report to it, the main thread draws it."""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._terminal = out.isatty()
        self._lock = threading.Lock()
        self._files: dict[str, tuple[int, int | None]] = {}
        self._arrived = 0
        self._began = self._drawn = time.monotonic()
        self._width = 0
        self.interval_s = 0.2 if self._terminal else 0.5

    def start(self, name: str, have: int, total: int | None) -> None:
        """Record that a file starts or resumes with `have` of `total` bytes."""
        with self._lock:
            self._files[name] = (have, total)

    def advance(self, name: str, count: int) -> None:
        """Record that `count` more bytes of a file have arrived."""
        with self._lock:
            have, total = self._files.get(name, (0, None))
            self._files[name] = (have + count, total)
            self._arrived += count

    def checking(self, name: str) -> None:
        """Record that a file has arrived and is being hashed."""
        with self._lock:
            self._files[name] = (self._files.get(name, (0, None))[0], -1)

    def note(self, text: str) -> None:
        """Print a line above the progress line."""
        with self._lock:
            self._clear()
            self._out.write(f"  {text}\n")
            self._out.flush()

    def draw(self) -> None:
        """Show the progress, if the last line is old enough."""
        now = time.monotonic()
        if not self._terminal and now - self._drawn < _LOG_EVERY_S:
            return
        with self._lock:
            self._drawn = now
            rate = self._arrived / max(now - self._began, 0.001) / 1e6
            text = f"  {rate:.1f} MB/s  " + ", ".join(
                _file_text(name, *at) for name, at in self._files.items()
            )
            self._clear()
            self._width = min(len(text), 200) if self._terminal else 0
            self._out.write(text[:200] if self._terminal else f"{text}\n")
            self._out.flush()

    def close(self) -> None:
        """Take the progress line away."""
        with self._lock:
            self._clear()
            self._out.flush()

    def _clear(self) -> None:
        if self._width:
            self._out.write("\r" + " " * self._width + "\r")
            self._width = 0


def _file_text(name: str, have: int, total: int | None) -> str:
    if total == -1:
        return f"{name} checking"
    if not total:
        return f"{name} {have / 1e6:.0f} MB"
    return f"{name} {100 * have // total} %"
