"""How a call is ended on its server when its caller goes or cancels it, as far as a server can end calls.

A1111 interrupts only the call that runs, whoever's it is, and takes none out of its queue. So ours is asked
after until it begins, and interrupted then; what cannot be ended in that way is told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Thread

from prodgen.client.reaching.connection import Connection
from prodgen.client.work import tasks
from prodgen.client.work.tasks import TaskState
from prodgen.errors import BackendAuthError, BackendError, LeftBecause, LeftOnServer, NotABackendError

log = logging.getLogger(__name__)

LEAVING_S = 4.0
"""Seconds for which a program that is to end goes on asking: with `stopping.PATIENCE_S` they stay below the
ten that `docker stop` leaves a process."""

QUIET = 2
"""Times that a server must say it has no such call: one that was just received is not a task yet."""


class Leaving:
    """Asks after one call, in a thread of its own, until it has ended or was interrupted."""

    def __init__(
        self, connection: Connection, task_id: str, goes_on: Callable[[], bool] = lambda: True
    ) -> None:
        """Begin to ask.

        Args:
            connection: To the server.
            task_id: The call's; "" where it has none.
            goes_on: Whether anybody still wants the call to end.
        """
        self._connection = connection
        self._task_id = task_id
        self._goes_on = goes_on
        self.state: TaskState | None = None
        """What the server said last of the call; None: nothing."""
        self.is_over = False
        """Whether the server has the call no more, or was asked to stop it."""
        self._thread = Thread(target=self._ask, name="prodgen-leaving", daemon=True)
        self._thread.start()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until the call is over, for so long at most."""
        self._thread.join(seconds)

    def left(self) -> LeftOnServer | None:
        """Return what the server will draw all the same; None if nothing."""
        # What draws in this process ends with it.
        if self.is_over or self._connection.address.is_inside:
            return None
        because: LeftBecause = "no answer"
        if self.state is not None:
            because = "no task ids" if self.state is TaskState.CANNOT_TELL else "queued"
        return LeftOnServer(self._connection.url, self._task_id, because)

    def _ask(self) -> None:
        quiet = 0
        while not self.is_over and self._goes_on() and not self._connection.is_closed:
            try:
                self.state = self._ended_if_it_runs()
            except BackendError as error:
                log.debug("the server could not be told to stop: %s", error)
                self.state = None
            else:
                quiet = quiet + 1 if self.state in (TaskState.DONE, TaskState.UNKNOWN) else 0
                self.is_over = self.state is TaskState.RUNNING or quiet == QUIET
            if not self.is_over:
                time.sleep(tasks.POLL_S)

    def _ended_if_it_runs(self) -> TaskState:
        """Interrupt the call if it runs, and return its state; DONE where the server works on nothing."""
        state = tasks.interrupt_ours(self._connection, self._task_id)
        if state is TaskState.CANNOT_TELL:
            try:
                return TaskState.DONE if tasks.is_idle(self._connection) else state
            except (NotABackendError, BackendAuthError):
                pass
        return state


def cancel_task(
    connection: Connection, task_id: str, *, sleep: Callable[[float], None] = time.sleep
) -> TaskState:
    """Wait until a task begins, and stop it then; for a task whose own program has ended.

    Returns:
        RUNNING if it was stopped, DONE if it is over, UNKNOWN if the server knows no such task.

    Raises:
        BackendError: If the server cannot be asked, or does not know tasks.
    """
    while (state := tasks.interrupt_ours(connection, task_id)) is TaskState.QUEUED:
        sleep(tasks.POLL_S)
    if state is TaskState.CANNOT_TELL:
        tasks.is_idle(connection)  # an error that says more, if it is for want of a password
        raise NotABackendError(
            connection.url, "it does not know tasks, so that it cannot tell whose work it does"
        )
    return state
