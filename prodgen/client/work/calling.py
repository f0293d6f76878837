"""One call that draws, with all that can happen to it between request and answer.

Reports progress meanwhile, carries a wish to stop to the server, and after a broken connection waits until
the server is done before it sends anything again. What the answer means is decided elsewhere.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from prodgen import stopping
from prodgen.client.reaching import decoding, encoding
from prodgen.client.reaching.connection import Connection, WholeAnswer
from prodgen.client.reaching.patience import Patience
from prodgen.client.work import tasks
from prodgen.client.work.leaving import LEAVING_S, Leaving
from prodgen.client.work.tasks import TaskState
from prodgen.connections.bodies import Body
from prodgen.connections.deadlines import Deadline
from prodgen.dialects import Payload
from prodgen.errors import (
    BackendBusyError,
    BackendError,
    BackendLostError,
    BackendTimeoutError,
    BackendUnreachableError,
    Interrupted,
    LeftOnServer,
    NotABackendError,
)
from prodgen.schema import Progress

log = logging.getLogger(__name__)

Turn = Callable[[], AbstractContextManager[None]]
"""Entered when a call is encoded and could be sent, left when its answer is here and not yet decoded: for
whoever decides which of many calls a server gets next."""

TRIES_AFTER_A_BREAK = 3
"""How often a call is sent in all when connections break; each time the one before has ended."""

STOP_S = 10.0
"""Seconds in which all questions are to be answered by which work is stopped whose time is up: what a call
may take beyond its own time-out."""

NOT_DRAWN = (BackendLostError, BackendBusyError, BackendUnreachableError, NotABackendError)
"""Errors after which there is no picture here, and the server is asked what became of it."""


@dataclass(frozen=True)
class Call:
    """A call to make, and how to go about it."""

    payload: Payload
    task_id: str
    pixels: int
    """Number of pixels in all pictures that are expected back."""
    on_progress: Callable[[Progress], None] | None = None
    is_kept: Callable[[BackendLostError], bool] = lambda _: False
    """Whether the caller has a better way to its pictures than the same call again, if the answer is lost so:
    it then gets the error, once the server is done."""


def asked_again(error: BackendError) -> str:
    """Return what is told with pictures that came at a later try."""
    return f"{error.reason[:1].upper()}{error.reason[1:]}; once the server was done, it was asked again"


class Worker:
    """Makes one call at a time; a second thread waits for the first."""

    def __init__(
        self,
        connection: Connection,
        *,
        previews: bool = False,
        sleep: Callable[[float], None] = time.sleep,
        turn: Turn = nullcontext,
    ) -> None:
        self.connection = connection
        self.task_id: str | None = None
        """Id of the call that is under way; None if there is none."""
        self._previews = previews
        self._sleep = sleep
        self._turn = turn
        self._cancelled: dict[str, Leaving] = {}
        self._one_at_a_time = threading.RLock()

    def do(
        self, call: Call, *, formats: Collection[str], knows_tasks: bool, notices: list[str]
    ) -> WholeAnswer:
        """Make a call and return the answer.

        Args:
            call: What to send, and how to go about it.
            formats: What the server can decode.
            knows_tasks: Whether it can be asked after a task id.
            notices: Gets a sentence if something had to be done twice.

        Raises:
            Interrupted: If it was cancelled meanwhile.
            BackendError: If there is no good answer.
        """
        body = encoding.encode_body(
            call.payload.fields, formats=formats, is_local=self.connection.address.is_local
        )
        with self._turn(), self._one_at_a_time:
            self.task_id = call.task_id or None
            try:
                answer = self._until_whole(call, body, knows_tasks, notices)
            except KeyboardInterrupt as wish:
                self._leave(call, wish)
                raise
            finally:
                self.task_id = None
        if call.task_id in self._cancelled:
            # An interrupted run answers with a half-drawn picture, and nothing in it tells.
            raise Interrupted(f"{self.connection.url}: the work was stopped, as asked")
        return answer

    def interrupt(self, *, until: Deadline | None = None) -> bool:
        """Stop the call that is under way, if the server works on it; see `tasks.interrupt_ours`.

        Raises:
            BackendError: If the server cannot be asked.
        """
        task_id = self.task_id
        if not task_id:
            return False
        return tasks.interrupt_ours(self.connection, task_id, until=until) is TaskState.RUNNING

    def cancel(self) -> bool:
        """Stop the call that is under way: at once or, while it waits in the queue, as soon as it begins.

        Returns:
            Whether there is such a call.
        """
        task_id = self.task_id
        if not task_id:
            return False
        if task_id not in self._cancelled:
            leaving = Leaving(self.connection, task_id, lambda: self.task_id == task_id)
            self._cancelled[task_id] = leaving
        return True

    def left_on_server(self) -> LeftOnServer | None:
        """Return the call that was cancelled and goes on all the same until now; None if there is none."""
        leaving = self._cancelled.get(self.task_id or "")
        return leaving.left() if leaving is not None else None

    def progress(self, *, knows_tasks: bool) -> Progress:
        """Return how far our call is, or whatever runs if none of ours does.

        Raises:
            BackendError: If the server cannot be asked.
        """
        task_id = self.task_id
        if task_id and knows_tasks:
            return tasks.task_progress(self.connection, task_id, with_preview=self._previews)[1]
        return tasks.whole_progress(self.connection, with_preview=self._previews)

    def _until_whole(self, call: Call, body: Body, knows_tasks: bool, notices: list[str]) -> WholeAnswer:
        """Have the work done, and stop it on the server where we give up."""
        deadline = Deadline(self.connection.timeout_s)
        patience = Patience(deadline, breaks=TRIES_AFTER_A_BREAK, on_start=self.connection.tell_of_a_start)
        try:
            while True:
                try:
                    return self._watched(call, body, knows_tasks, deadline)
                except NOT_DRAWN as error:
                    pause = patience.pause_after(error) if self._may_come_back(error) else None
                    if pause is None:
                        raise
                    self._wait_until_done(call, error, pause, deadline, notices)
        except (BackendTimeoutError, BackendLostError) as error:
            if self.connection.is_closed:
                raise
            if self._stop_quietly():
                error.reason += "; its work was stopped"
            elif isinstance(error, BackendTimeoutError):
                has_task = knows_tasks and call.task_id
                task = f" task {call.task_id}, which prodgen cancel ends" if has_task else ""
                error.reason += f"; it may still be drawing{task}"
            raise

    def _may_come_back(self, error: BackendError) -> bool:
        """Whether what did not answer may yet do so: it answered before, or it says so."""
        if isinstance(error, BackendUnreachableError):
            return error.cause == "gateway"
        return not isinstance(error, NotABackendError) or not self.connection.answers_as_before()

    def _wait_until_done(
        self, call: Call, error: BackendError, pause: float, deadline: Deadline, notices: list[str]
    ) -> None:
        """Return when the call can be sent again without being drawn twice at once.

        Raises:
            BackendError: What ended it, if the server cannot be asked whether it still draws, or the caller
                is better off without another try.
        """
        if not isinstance(error, BackendBusyError):
            log.warning("%s: %s; waiting until the server is done", error.url, error.reason)
        self._sleep(pause)
        # The server goes on after a broken connection: it would draw two at once.
        if not tasks.wait_out(self.connection, call.task_id, deadline, sleep=self._sleep):
            if isinstance(error, BackendLostError):
                error.reason += ", and this kind of server does not tell whether it still draws"
                raise error
            return
        if isinstance(error, BackendLostError) and call.is_kept(error):
            raise error
        if not isinstance(error, BackendBusyError):
            notices.append(asked_again(error))

    def _watched(self, call: Call, body: Body, knows_tasks: bool, deadline: Deadline) -> WholeAnswer:
        watch = tasks.Watch(
            self.connection,
            call.task_id,
            call.on_progress,
            knows_tasks=knows_tasks and bool(call.task_id),
            with_preview=self._previews,
        )
        limit = decoding.answer_limit(body.size, call.pixels)
        with watch:
            answer = self.connection.render(call.payload.path, body, limit=limit, deadline=deadline)
        if watch.error is not None:
            raise watch.error
        return answer

    def _leave(self, call: Call, wish: KeyboardInterrupt) -> None:
        """End a call whose caller goes; for some seconds, or until the user presses again.

        Raises:
            LeftOnServer: If the server will draw it all the same.
        """
        leaving = Leaving(self.connection, call.task_id)
        with stopping.breaking_off():
            leaving.wait(LEAVING_S)
        if (left := leaving.left()) is not None:
            raise left from wish

    def _stop_quietly(self) -> bool:
        """Stop our work on the server; that it cannot be stopped must not hide why we stop."""
        try:
            return self.interrupt(until=Deadline(STOP_S))
        except BackendError as error:
            log.warning("the server could not be told to stop: %s", error)
            return False
