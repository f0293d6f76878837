"""The rules of a run in the user's words: "5%" of failures, done by "06:00"."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from prodgen.dispatch import Rules, StopButton
from prodgen.errors import WrongValueError


def read_rules(
    *,
    max_failures: str | None = None,
    deadline: str | None = None,
    stop: StopButton | None = None,
    now: datetime | None = None,
) -> Rules:
    """Return the rules that options ask for.

    Args:
        max_failures: "20" or "5%"; None: any number.
        deadline: "06:00", the next time that the clock shows it; or "2026-12-24 06:00"; None: no end.
        stop: What ends the run.
        now: The local time; None asks the clock. Its zone does not count: summer time may end in that night.

    Raises:
        WrongValueError: If one of them cannot be read, or is past.
    """
    most, share = _read_failures(max_failures)
    return Rules(
        max_failures=most,
        max_failure_share=share,
        deadline=None if deadline is None else _read_deadline(deadline, now or datetime.now().astimezone()),
        stop=stop or StopButton(),
    )


def _read_failures(text: str | None) -> tuple[int | None, float | None]:
    if text is None:
        return None, None
    if re.fullmatch(r"\d{1,12}", text.strip()):
        return int(text), None
    percent = re.fullmatch(r"(\d{1,3}(?:\.\d{1,6})?) ?%", text.strip())
    if percent is None or float(percent[1]) > 100:
        raise WrongValueError(
            "max_failures", text, 'must be a number of rows, such as "20", or a share, "5%"'
        )
    return None, float(percent[1]) / 100


def _read_deadline(text: str, now: datetime) -> float:
    now = now.replace(tzinfo=None)  # what has no zone is read by this machine's rules, summer time included
    try:
        clock = re.fullmatch(r"(\d{1,2}):(\d{2})", text.strip())
        if clock:
            wanted = now.replace(hour=int(clock[1]), minute=int(clock[2]), second=0, microsecond=0)
            return (wanted if wanted > now else wanted + timedelta(days=1)).timestamp()
        wanted = datetime.fromisoformat(text.strip())
    except ValueError as error:
        reason = 'must be a time, such as "06:00", or a date and time, such as "2026-12-24 06:00"'
        raise WrongValueError("deadline", text, reason) from error
    if wanted.timestamp() <= now.timestamp():
        raise WrongValueError("deadline", text, "is past already")
    return wanted.timestamp()
