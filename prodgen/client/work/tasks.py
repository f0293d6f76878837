"""Our own work on a server: how far it is, whether it still goes on, and how to stop it.

A server runs one job at a time, for all its callers. /progress and /interrupt speak of that job,
whoever's it is; only /internal/progress, asked with our own task id, tells ours apart, and it has
flaws: a job that failed stays "active" or "queued" there for ever. Both are asked where needed.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from enum import Enum
from threading import Event, Thread
from types import TracebackType
from typing import Any, Self

from prodgen.client.reaching import decoding
from prodgen.client.reaching.connection import QUICK_S, Connection
from prodgen.client.reaching.patience import TRIES
from prodgen.connections.deadlines import Deadline
from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendBusyError,
    BackendError,
    BackendFaultError,
    BackendGatewayError,
    BackendLostError,
    BackendTimeoutError,
    BackendUnreachableError,
    ImageError,
    NotABackendError,
)
from prodgen.images import RgbImage
from prodgen.schema import Progress

log = logging.getLogger(__name__)

POLL_S = 0.5
"""Seconds between two questions about progress."""

RESTART_S = 60.0
"""Seconds that a server which went away in the middle of our work is waited for."""


MAX_NUMBER = 1e15
"""Largest number that progress is told in; beyond, a float is no longer exact to the whole number."""


class TaskState(Enum):
    """The state of a task, by the server's account."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    UNKNOWN = "unknown to it"
    CANNOT_TELL = "not said"


_TASK_STATES = {"active": TaskState.RUNNING, "queued": TaskState.QUEUED, "completed": TaskState.DONE}
"""State by the key of /internal/progress that is true; several are, and the first of them holds."""


def new_task_id() -> str:
    """Return an id that nobody else has, and that can be a file's name."""
    return f"prodgen-{uuid.uuid4().hex}"


def _quick_s(until: Deadline | None) -> float:
    """Return the seconds for one question, which may be one of several that have a deadline together."""
    return QUICK_S if until is None else min(QUICK_S, until.left_s)


def _ask_progress(
    connection: Connection, *, with_preview: bool = False, tries: int = TRIES, until: Deadline | None = None
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """Return what the server says of whatever runs now, and the state in it, if it has one."""
    query = "false" if with_preview else "true"
    path = f"/sdapi/v1/progress?skip_current_image={query}"
    answer = decoding.as_object(connection.get(path, timeout_s=_quick_s(until), tries=tries))
    state = answer.get("state")
    return answer, state if isinstance(state, dict) else None


def whole_progress(connection: Connection, *, with_preview: bool = False) -> Progress:
    """Return the progress of whatever runs now, be it another caller's.

    Raises:
        BackendError: If the server cannot be asked.
    """
    answer, state = _ask_progress(connection, with_preview=with_preview)
    state = state or {}
    return Progress(
        fraction=_share(answer.get("progress")),
        eta_s=_positive(answer.get("eta_relative")),
        step=_whole(state.get("sampling_step")),
        steps=_whole(state.get("sampling_steps")),
        queued=False,
        is_ours=None,
        text=str(answer.get("textinfo") or state.get("job") or ""),
        preview=_preview(answer.get("current_image")) if with_preview else None,
    )


def is_idle(connection: Connection, *, until: Deadline | None = None) -> bool:
    """Whether the server works on nothing at all.

    Raises:
        BackendError: If the server cannot be asked.
    """
    answer, state = _ask_progress(connection, until=until)
    if state is None:
        return False
    return not state.get("job") and state.get("job_count") in (0, None) and not _share(answer.get("progress"))


def was_interrupted(connection: Connection) -> bool:
    """Whether the last job was asked to stop, by whomever; its answer itself does not say.

    The server forgets it when the next job begins, and an interrupt that came just after the job
    looks the same. So True means "perhaps", False "not as far as is known".
    """
    try:
        _, state = _ask_progress(connection, tries=1)
    except BackendError as error:
        log.debug("whether it was interrupted cannot be known: %s", error)
        return False
    return state is not None and bool(state.get("interrupted")) and not state.get("job")


def task_progress(
    connection: Connection, task_id: str, *, with_preview: bool = False, until: Deadline | None = None
) -> tuple[TaskState, Progress]:
    """Return state and progress of our own task.

    Raises:
        BackendError: If the server cannot be asked; NotABackendError where it has no page, and so
            does not know tasks.
    """
    question = {"id_task": task_id, "live_preview": with_preview}
    answer = decoding.as_object(connection.post("/internal/progress", question, timeout_s=_quick_s(until)))
    state = next((state for key, state in _TASK_STATES.items() if answer.get(key)), TaskState.UNKNOWN)
    progress = Progress(
        fraction=1.0 if state is TaskState.DONE else _share(answer.get("progress")),
        eta_s=_positive(answer.get("eta")),
        queued=state is TaskState.QUEUED,
        is_ours=True,
        text=str(answer.get("textinfo") or ""),
        preview=_preview(answer.get("live_preview")) if with_preview else None,
    )
    return state, progress


def _number(value: Any) -> float | None:
    """A number that is one: neither NaN nor infinite, and none that a float cannot hold."""
    is_number = isinstance(value, int | float) and -MAX_NUMBER < value < MAX_NUMBER
    return float(value) if is_number else None


def _share(value: Any) -> float:
    return min(1.0, max(0.0, _number(value) or 0.0))


def _positive(value: Any) -> float | None:
    number = _number(value)
    return number if number is not None and number > 0 else None


def _whole(value: Any) -> int | None:
    number = _number(value)
    return None if number is None else int(number)


def _preview(value: Any) -> RgbImage | None:
    if not isinstance(value, str) or not value:
        return None
    try:
        return decoding.decode_picture(decoding.decode_base64(value), name="the preview").rgb
    except (ValueError, ImageError) as error:
        log.debug("a preview cannot be shown: %s", error)
        return None


def look_up(connection: Connection, task_id: str, *, until: Deadline | None = None) -> TaskState:
    """Return what became of a task, with the server's flaws seen through.

    Raises:
        BackendError: If the server cannot be asked.
    """
    if not task_id:
        return TaskState.CANNOT_TELL
    try:
        state, _ = task_progress(connection, task_id, until=until)
    except (NotABackendError, BackendAuthError):
        return TaskState.CANNOT_TELL
    if state in (TaskState.RUNNING, TaskState.QUEUED) and is_idle(connection, until=until):
        # A job that failed inside stays active or queued for ever, but nothing works on it.
        return TaskState.DONE
    return state


def wait_out(
    connection: Connection, task_id: str, deadline: Deadline, *, sleep: Callable[[float], None] = time.sleep
) -> bool:
    """Wait until the server surely no longer works on a task whose answer was lost.

    A server that is away is waited for as long as something answers in its place, such as a proxy, and for
    `RESTART_S` where nothing does.

    Returns:
        False if this kind of server tells nobody what it works on.

    Raises:
        BackendLostError: If the server does not come back.
        BackendTimeoutError: If the work does not end before the deadline.
    """
    gone_since: float | None = None
    quiet = 0
    while not deadline.has_passed:
        is_over = False
        try:
            state = look_up(connection, task_id, until=deadline)
            is_over = state in (TaskState.DONE, TaskState.UNKNOWN) or (
                state is TaskState.CANNOT_TELL and is_idle(connection, until=deadline)
            )
            gone_since = None
        except (NotABackendError, BackendAuthError):
            return False
        except BackendTimeoutError:
            log.info("the server is too busy to say what it does")
        except (BackendBusyError, BackendUnreachableError, BackendFaultError, AnswerError) as error:
            gone_since = None if _is_answered_for(error) else gone_since or time.monotonic()
            if gone_since is not None and time.monotonic() - gone_since > RESTART_S:
                raise BackendLostError(connection.url, "it went away while it was drawing") from error
        # Twice, because a request that was just received is not a task yet.
        quiet = quiet + 1 if is_over else 0
        if quiet == 2:
            return True
        sleep(POLL_S)
    reason = f"its answer was lost, and the work did not end within {deadline.seconds:g} s"
    raise BackendTimeoutError(connection.url, reason)


def _is_answered_for(error: BackendError) -> bool:
    """Whether something on the way answers while the server itself is away."""
    if isinstance(error, BackendUnreachableError):
        return error.cause == "gateway"
    return isinstance(error, BackendBusyError | BackendGatewayError)


def interrupt_ours(connection: Connection, task_id: str, *, until: Deadline | None = None) -> TaskState:
    """Stop our own task if it is the one that runs; never another caller's.

    Args:
        connection: To the server.
        task_id: Our task's.
        until: By when all questions are to be answered; unset: each has `QUICK_S`.

    Returns:
        The task's state; RUNNING if the server was asked to stop.

    Raises:
        BackendError: If the server cannot be asked.
    """
    state = look_up(connection, task_id, until=until)
    if state is TaskState.RUNNING:
        connection.post("/sdapi/v1/interrupt", {"id_task": task_id}, timeout_s=_quick_s(until))
    return state


class Watch:
    """Reports our task's progress to a callback, from a second thread, while the first waits."""

    def __init__(
        self,
        connection: Connection,
        task_id: str,
        on_progress: Callable[[Progress], None] | None,
        *,
        knows_tasks: bool,
        with_preview: bool,
    ) -> None:
        self._connection = connection
        self._task_id = task_id
        self._on_progress = on_progress
        self._knows_tasks = knows_tasks
        self._with_preview = with_preview
        self._over = Event()
        self._thread: Thread | None = None
        self.error: Exception | None = None
        """The error that the callback raised, if it did."""

    def __enter__(self) -> Self:
        if self._on_progress is not None:
            self._thread = Thread(target=self._watch, name="prodgen-progress", daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        if self._thread is not None:
            self._thread.join(timeout=2 * POLL_S)

    def _watch(self) -> None:
        # Closed without being over: the main thread was interrupted on its way in or out.
        while not self._over.wait(POLL_S) and not self._connection.is_closed:
            try:
                progress = self._ask()
            except BackendError as error:
                log.debug("no progress to be had: %s", error)
                continue
            if progress is None or self._over.is_set() or self._on_progress is None:
                continue
            try:
                self._on_progress(progress)
            except Exception as error:  # noqa: BLE001 - the caller's own; raised to it when the work is done
                self.error = error
                return

    def _ask(self) -> Progress | None:
        if not self._knows_tasks:
            return whole_progress(self._connection, with_preview=self._with_preview)
        try:
            state, progress = task_progress(self._connection, self._task_id, with_preview=self._with_preview)
        except NotABackendError:
            self._knows_tasks = False
            return None
        return progress if state in (TaskState.RUNNING, TaskState.QUEUED) else None
