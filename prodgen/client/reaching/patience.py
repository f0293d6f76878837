"""Patience with one call: after which error it is tried again, how soon, and how often."""

from __future__ import annotations

import random
from collections.abc import Callable

from prodgen.connections.deadlines import Deadline
from prodgen.errors import BackendBusyError, BackendError, BackendLostError, BackendStartingError

TRIES = 4
"""How often a call is sent in all, with waits of about 0.3, 0.6 and 1.2 s: enough for a restarting proxy,
short for a wrong address."""

START_POLL_S = 2.0
"""Seconds between two tries while a server says that it is starting, if it does not say how long."""

START_S = 600.0
"""Most seconds that a server is waited for which says that it is starting: a pod may load models of ten
gigabytes from a disk on the network."""


class Patience:
    """What is left of it for one call."""

    def __init__(
        self,
        deadline: Deadline,
        *,
        tries: int = TRIES,
        breaks: int = TRIES,
        on_start: Callable[[BackendStartingError, float], None] = lambda *_: None,
    ) -> None:
        """Begin with all of it.

        Args:
            deadline: The call's own; nothing is waited for beyond it.
            tries: How often it is sent in all; 1 also where the server is starting.
            breaks: How often it is sent in all if connections break.
            on_start: Told that the server is starting, and for how many seconds at most it is waited for.
        """
        self._deadline = deadline
        self._tries = tries
        self._breaks = breaks
        self._on_start = on_start
        self._failed = 0
        self._started_for_s = 0.0

    def pause_after(self, error: BackendError) -> float | None:
        """Return the seconds to wait before the next try; None if there is to be none.

        A server that says that it is starting is waited for without counting the tries.
        """
        if isinstance(error, BackendStartingError):
            pause = max(START_POLL_S, error.retry_after_s)
            if self._tries > 1:
                self._on_start(error, min(START_S, self._deadline.left_s))
            self._started_for_s += pause
            is_enough = self._started_for_s > START_S or self._tries == 1
        else:
            pause = 0.3 * 2**self._failed + random.uniform(0, 0.1)  # noqa: S311 - not for secrets
            if isinstance(error, BackendBusyError):
                pause = max(pause, error.retry_after_s)
            self._failed += 1
            is_enough = self._failed >= (self._breaks if isinstance(error, BackendLostError) else self._tries)
        return None if is_enough or pause >= self._deadline.left_s else pause
