"""The user's wish to end a run, pressed from a signal handler or any thread, heard by whoever waits."""

from __future__ import annotations

from collections.abc import Callable


class StopButton:
    """Pressed once: finish what runs and begin nothing new. Pressed again: interrupt what runs."""

    def __init__(self) -> None:
        self.presses = 0
        """How often it was pressed."""
        self._listeners: list[Callable[[], None]] = []

    def press(self) -> None:
        """Press it. Takes no lock, so that a signal handler may do it in the middle of anything."""
        self.presses += 1
        for listener in tuple(self._listeners):
            listener()

    def on_press(self, listener: Callable[[], None]) -> None:
        """Have a function called at each press; it must not block."""
        self._listeners.append(listener)
