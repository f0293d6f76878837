"""Follows a catalogue run to its end: shows it, passes its events on, heeds Ctrl-C, and says how it ended."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen import stopping
from prodgen.cli import run_words
from prodgen.cli.run_view import RunView, run_view
from prodgen.cli.telling import Failure, Printer, printer

if TYPE_CHECKING:
    from prodgen.batching.webhook import Webhook
    from prodgen.dispatch import Event, RunEnded, StopButton

Listener = Callable[["Event"], None]

NOTICES_SHOWN = 10
"""Different notices of pictures that a run prints; all stand in the report, with their pictures."""

_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass
class Reporting:
    """Where the events of a run go beside the terminal; entered once, for one run or for many."""

    as_json_lines: bool = False
    webhook: str | None = None
    metrics: str | None = None
    listeners: list[Listener] = field(default_factory=list)
    _webhook: Webhook | None = None
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Reporting:
        """Open what is asked for.

        Raises:
            SettingError: If an address is none or taken, or a secret or package is missing.
        """
        with ExitStack() as stack:
            if self.as_json_lines:
                printer().as_json = True
                self.listeners.append(_print_line)
            if self.metrics:
                from prodgen.batching.metrics import metrics_served

                self.listeners.append(stack.enter_context(metrics_served(self.metrics)))
            if self.webhook:
                from prodgen.batching.webhook import Webhook

                self._webhook = stack.enter_context(Webhook(self.webhook))
                self.listeners.append(self._webhook)
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *error: Any) -> None:
        """Close them: the webhook is given time to send its last words."""
        self._stack.__exit__(*error)
        if not printer().quiet:
            for notice in self.notices():
                printer().warn(f"note: {notice}")

    def notices(self) -> Iterator[str]:
        """Give what went wrong on the way out, once."""
        while self._webhook is not None and self._webhook.notices:
            yield self._webhook.notices.popleft()


@dataclass
class _Presses:
    """Ctrl-C during a run: one press finishes what runs, a second interrupts it, a third breaks off."""

    stop: StopButton
    has_begun: bool = False
    """Whether anything is under way that could be finished."""

    def __call__(self) -> bool:
        """Take a press; False if it should interrupt at once."""
        if not self.has_begun or self.stop.presses >= 2:
            return False
        self.stop.press()
        return True

    def at_once(self) -> bool:
        """Take a SIGTERM, as a second press; False if it should interrupt at once."""
        if not self.has_begun or self.stop.presses >= 2:
            return False
        while self.stop.presses < 2:
            self.stop.press()
        return True


@dataclass(frozen=True)
class RunOutcome:
    """How a run ended, and what it made."""

    ended: RunEnded
    verdicts: Mapping[str, list[str]]
    """Slots of the pictures that it made, by verdict."""
    lost: str = ""
    """Why the place that was lost last was lost."""


def follow(
    events: Iterator[Event], to: Printer, *, title: str, stop: StopButton, reporting: Reporting
) -> RunOutcome:
    """Go through the events of a run, and return how it ended.

    Args:
        events: The run, not begun yet.
        to: What prints.
        title: What the view is headed by.
        stop: The run's stop button, which Ctrl-C presses.
        reporting: Where the events go, too.
    """
    presses = _Presses(stop)
    with ExitStack() as stack:
        if isinstance(events, Generator):
            stack.callback(events.close)  # also where a press breaks off between two events
        view = stack.enter_context(run_view(to, title=title))
        stack.enter_context(stopping.answered_by(presses, presses.at_once))
        return _followed(events, view, presses, reporting)


def _followed(events: Iterator[Event], view: RunView, presses: _Presses, reporting: Reporting) -> RunOutcome:
    from prodgen.dispatch import PictureDone, PictureFailed, PlaceLost, PlanMade, RunEnded, StepBegun

    under_way: set[str] = set()
    seen: set[str] = set()
    verdicts: dict[str, list[str]] = {}
    told, lost = 0, ""
    ended: RunEnded | None = None
    for event in events:
        for listener in reporting.listeners:
            listener(event)
        view(event)
        for notice in reporting.notices():
            view.note(notice)
        match event:
            case PlanMade():
                presses.has_begun = True
            case StepBegun():
                under_way.add(event.order.slot)
            case PictureDone():
                under_way.discard(event.order.slot)
                verdicts.setdefault(event.record.status, []).append(event.order.slot)
                for notice in _not_seen(event.record.notices, seen):
                    view.note(run_words.one_line(f"{event.order.slot}: {notice}"))
            case PictureFailed():
                under_way.discard(event.order.slot)
            case PlaceLost():
                lost = event.reason
            case RunEnded():
                ended = event
        if presses.stop.presses > told:
            told = presses.stop.presses
            view.finishing(len(under_way), now=told > 1)
    if ended is None:
        raise RuntimeError("a run ended without saying so")
    return RunOutcome(ended, verdicts, lost)


def _not_seen(notices: Iterable[str], seen: set[str]) -> Iterator[str]:
    """Give notices that differ from those seen in more than numbers; at the last, say where others are."""
    for notice in notices:
        kind = _NUMBER.sub("0", notice)
        if kind in seen or len(seen) > NOTICES_SHOWN:
            continue
        seen.add(kind)
        yield notice if len(seen) <= NOTICES_SHOWN else "this and further notices are in report.html"


def tell_end(outcome: RunOutcome, to: Printer, *, out: Path | str, json_lines: bool) -> None:
    """Print what a run came to, and leave by its exit code where it is not 0.

    Raises:
        Failure: If pictures failed or are left, for another reason than Ctrl-C.
    """
    ended = outcome.ended
    counts = ended.counts
    report, failed = f"{out}/report.html", f"{out}/failed.csv"
    if not json_lines:  # their last one says all this
        to.data(
            {
                "end": ended.end,
                "counts": {"done": counts.done, "failed": counts.failed, "left": run_words.left(counts)},
                "verdicts": {status: len(slots) for status, slots in outcome.verdicts.items()},
                "idle_share": {name: round(share, 4) for name, share in ended.idle_share.items()},
                "report": report,
                "failed": failed if counts.failed else None,
            }
        )
    to.fact("pictures", run_words.counted(counts))
    if outcome.verdicts:
        to.fact("verdicts", run_words.verdicts(outcome.verdicts))
    for name, share in ended.idle_share.items():
        to.fact("backend", f"{name}: idle for {run_words.share(share)} of the time")
    to.made("report", report)
    if ended.end == "stopped":
        left = run_words.many(run_words.left(counts), "picture")
        to.warn(f"prodgen: stopped; {left} left, nothing half-written; the same command goes on from here")
        click.get_current_context().exit(stopping.exit_code())
    if sentence := _why_not_all(outcome, failed):
        raise Failure(sentence)


def _why_not_all(outcome: RunOutcome, failed: str) -> str:
    """Return why not every picture is there, and what to do; "" if all are."""
    ended, counts = outcome.ended, outcome.ended.counts
    left = run_words.left(counts)
    reasons = {
        "deadline": "the deadline has come",
        "failures": "more pictures failed than --max-failures allows",
        "no place": "no backend works any more" + (f" ({outcome.lost})" if outcome.lost else ""),
        "storage": "pictures cannot be written any more: is the disk full?",
    }
    said = [reasons[ended.end]] if ended.end in reasons else []
    if counts.failed:
        of = run_words.many(run_words.total(counts), "picture")
        said.append(
            f"{run_words.number(counts.failed)} of {of} failed: {failed} says why, and is a catalogue itself"
        )
    if left and said:
        said.append(f"{run_words.many(left, 'picture')} left: the same command goes on from here")
    return "; ".join(said)


def _print_line(event: Event) -> None:
    from prodgen.batching.event_records import event_record

    click.echo(json.dumps(event_record(event), ensure_ascii=False))
