"""The SHA-256 of a large file, read when it must be known and not before: gigabytes take minutes to read."""

from __future__ import annotations

import threading
from collections.abc import Callable


class LaterDigest:
    """The digest of one state of a file; equal to another one of the same state.

    Args:
        state: What tells that the file was replaced, such as path, size and time.
        read: Reads the file; called once at most, from any thread.
        known: The digest, where it was read before.
    """

    def __init__(self, state: object, read: Callable[[], str], known: str = "") -> None:
        self.known = known
        """64 hexadecimal digits; "" until they were read."""

        self._state, self._read = state, read
        self._lock = threading.Lock()

    def __call__(self) -> str:
        """Return the digest, and read the file for it if need be; "" where the file went away."""
        with self._lock:
            self.known = self.known or self._read()
        return self.known

    def __eq__(self, other: object) -> bool:
        return isinstance(other, LaterDigest) and self._state == other._state

    def __hash__(self) -> int:
        return hash(self._state)
