"""What comes into a run after its start: places that join, and what is to be said."""

from __future__ import annotations

import threading
from collections.abc import Callable

from prodgen.dispatch.place import Place


class Newcomers:
    """A door through which any thread brings places and notices into a run.

    Args:
        waits_for: What a run without any place waits for, in words, such as "a worker to join".
    """

    def __init__(self, waits_for: str = "a place to work at") -> None:
        self.waits_for = waits_for
        self._lock = threading.Lock()
        self._early: list[Place] = []
        self._listener: Callable[[Place], None] | None = None
        self._noted: list[str] = []
        self._hears: Callable[[str], None] | None = None

    def join(self, place: Place) -> None:
        """Bring a place; its orders come from now on, or from the run's start."""
        with self._lock:
            if self._listener is None:
                self._early.append(place)
            else:
                self._listener(place)

    def on_join(self, listener: Callable[[Place], None]) -> None:
        """Have a function called for each place, those that came already included; it must not block."""
        with self._lock:
            self._listener = listener
            for place in self._early:
                listener(place)
            self._early.clear()

    def note(self, text: str) -> None:
        """Bring a sentence, which becomes a notice of the run."""
        with self._lock:
            if self._hears is None:
                self._noted.append(text)
            else:
                self._hears(text)

    def on_note(self, listener: Callable[[str], None]) -> None:
        """Have a function called for each sentence, those that came already included; it must not block."""
        with self._lock:
            self._hears = listener
            for text in self._noted:
                listener(text)
            self._noted.clear()
