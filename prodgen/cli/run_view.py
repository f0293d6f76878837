"""What a catalogue run shows while it goes on: a live view on a terminal, otherwise now and then a line.

Every view is called with the run's events. It shows them on stderr, so that stdout keeps what was made.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from prodgen.cli import run_words
from prodgen.cli.telling import Printer, harmless

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

    from prodgen.dispatch import Event
    from prodgen.ledger import Counts, PlaceState

REDRAWN_A_SECOND = 4
"""Redraws at most: more cannot be read, and each is sent through an ssh connection."""

LINE_EVERY_S = 60.0
"""Seconds between two lines where there is no terminal: 600 lines for a night of ten hours."""

ROWS_BESIDE_PLACES = 11
"""Lines of the live view that are not a backend's, and one to spare."""


class RunView(Protocol):
    """What shows a run."""

    def __call__(self, event: Event) -> None:
        """Show an event."""

    def finishing(self, pictures: int, *, now: bool = False) -> None:
        """Say that the run ends after so many pictures, or that they are interrupted `now`."""

    def note(self, text: str) -> None:
        """Say something that is not an event of the run."""


@contextmanager
def run_view(to: Printer, *, title: str) -> Iterator[RunView]:
    """Give what fits the call and the terminal, until the block ends."""
    if to.hides_progress or sys.stderr is None:
        yield Silent(to)
    elif not sys.stderr.isatty():
        yield PlainLines(to)
    else:
        from rich.console import Console

        with LiveView(to, title=title, console=Console(stderr=True)).shown() as view:
            yield view


class Silent:
    """Shows nothing of what goes well: for --quiet and --json."""

    def __init__(self, to: Printer) -> None:
        self._to = to

    def __call__(self, event: Event) -> None:
        """Show nothing."""

    def finishing(self, pictures: int, *, now: bool = False) -> None:
        """Say it all the same: somebody has pressed a key, and waits."""
        self._to.warn(_finishing(pictures, now=now))

    def note(self, text: str) -> None:
        """Say it, unless --quiet was asked for."""
        if not self._to.quiet:
            self._to.warn(f"note: {text}")


class PlainLines:
    """Lines for a log: the plan, each failure, each change of a backend, and every minute how it stands."""

    def __init__(self, to: Printer, *, every_s: float = LINE_EVERY_S) -> None:
        self._to = to
        self._every_s = every_s
        self._next = time.monotonic() + every_s

    def __call__(self, event: Event) -> None:
        """Print what is worth a line."""
        from prodgen.dispatch import Standing

        if isinstance(event, Standing):
            if time.monotonic() >= self._next:
                self._next = time.monotonic() + self._every_s
                self._to.warn(run_words.standing(event))
        elif line := run_words.event(event, verbose=self._to.verbose):
            self._to.warn(line)

    def finishing(self, pictures: int, *, now: bool = False) -> None:
        """Say it."""
        self._to.warn(_finishing(pictures, now=now))

    def note(self, text: str) -> None:
        """Say it."""
        self._to.warn(f"note: {text}")


class LiveView:
    """A few lines that are redrawn: how far it is, what each backend does, and the last failure."""

    def __init__(self, to: Printer, *, title: str, console: Console) -> None:
        self._to, self._title, self._console = to, title, console
        self._counts: Counts | None = None
        self._places: tuple[PlaceState, ...] = ()
        self._speed = ""
        self._lost: dict[str, str] = {}
        self._failure = self._waits_for = self._ending = ""
        self._began = time.monotonic()
        self._draw_at = 0.0

    @contextmanager
    def shown(self) -> Iterator[LiveView]:
        """Keep it on the terminal while the block runs, and take it off then."""
        from rich.live import Live

        with Live(
            get_renderable=self.picture,
            console=self._console,
            auto_refresh=False,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        ) as self._live:
            yield self

    def __call__(self, event: Event) -> None:
        """Take in an event, and redraw if the last time is long enough ago."""
        from prodgen.dispatch import (
            PictureDone,
            PictureFailed,
            PlaceLost,
            RunEnded,
            Standing,
            StillWaiting,
        )

        match event:
            case Standing():
                self._counts, self._places = event.counts, event.places
                self._speed = run_words.speed(event.pictures_a_minute, event.eta_s)
            case PictureFailed():
                self._failure = run_words.failure(event.order.slot, event.failure)
            case PictureDone():
                self._waits_for = ""
            case StillWaiting():
                self._waits_for = run_words.event(event)
            case PlaceLost():
                self._lost[event.place] = event.reason
                self.note(run_words.event(event))
            case RunEnded():
                self._counts = event.counts
            case _:
                if line := run_words.event(event):
                    self.note(line)
        self._redraw()

    def finishing(self, pictures: int, *, now: bool = False) -> None:
        """Say it in the view."""
        self._ending = _finishing(pictures, now=now)
        self._redraw(now=True)

    def note(self, text: str) -> None:
        """Print a line above the view."""
        from rich.text import Text

        self._console.print(Text(harmless(text)))

    def _redraw(self, *, now: bool = False) -> None:
        if now or time.monotonic() >= self._draw_at:
            self._draw_at = time.monotonic() + 1 / REDRAWN_A_SECOND
            self._live.refresh()

    def picture(self) -> RenderableType:
        """Return the view as it is now."""
        from rich.console import Group
        from rich.text import Text

        lines: list[RenderableType] = [Text(self._title, style="bold")]
        if self._counts is None:
            lines.append(Text("reading the catalogue ..." if not self._ending else self._ending))
            return Group(*lines)
        lines += [self._progress(self._counts), self._numbers(self._counts)]
        ran = run_words.duration(time.monotonic() - self._began)
        lines.append(_one_line(f"{self._speed}; running for {ran}" if self._speed else "", ""))
        if self._places:
            lines += [Text(), self._backends()]
        if self._failure:
            lines += [Text(), _one_line(f"last failure  {self._failure}", "red")]
        for said in (self._waits_for, self._ending):
            if said:
                lines.append(_one_line(said, "yellow"))
        return Group(*lines)

    def _progress(self, counts: Counts) -> Table:
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        whole, over = run_words.total(counts), counts.done + counts.failed
        row = Table.grid(padding=(0, 1), expand=True)
        row.add_column(ratio=1)
        row.add_column(justify="right", no_wrap=True)
        row.add_row(
            ProgressBar(total=max(whole, 1), completed=over),
            Text(f"{run_words.number(over)} of {run_words.number(whole)}  {over / max(whole, 1):4.0%}"),
        )
        return row

    def _numbers(self, counts: Counts) -> RenderableType:
        from rich.text import Text

        line = Text()
        line.append(f"done {run_words.number(counts.done)}", style="green")
        failed = f"failed {run_words.number(counts.failed)}"
        line.append("   ").append(failed, style="red" if counts.failed else "")
        return line.append(f"   left {run_words.number(run_words.left(counts))}")

    def _backends(self) -> Table:
        from rich.table import Table
        from rich.text import Text

        room = max(1, self._console.size.height - ROWS_BESIDE_PLACES)
        order = sorted(self._places, key=lambda place: not place.is_lost)  # what needs a look comes first
        shown = order if len(order) <= room else order[: room - 1]
        table = Table.grid(padding=(0, 2), expand=True)
        table.add_column(no_wrap=True, overflow="ellipsis", max_width=30)
        table.add_column(no_wrap=True, overflow="ellipsis", ratio=1)
        table.add_column(no_wrap=True, justify="right")
        table.add_column(no_wrap=True, justify="right")
        table.add_row(*(Text(head, style="dim") for head in ("backend", "does", "pictures", "idle")))
        for place in shown:
            table.add_row(
                Text(harmless(place.name)),
                Text(harmless(run_words.doing(place, self._lost)), style="red" if place.is_lost else ""),
                Text(run_words.number(place.pictures)),
                Text("" if place.is_lost else run_words.share(place.idle_share)),
            )
        if len(shown) < len(order):
            table.add_row(Text(f"and {len(order) - len(shown)} more", style="dim"))
        return table


def _finishing(pictures: int, *, now: bool) -> str:
    if now:
        return f"interrupting {run_words.many(pictures, 'picture')}"
    return f"finishing {run_words.many(pictures, 'picture')}; press Ctrl-C again to stop now"


def _one_line(text: str, style: str) -> RenderableType:
    from rich.text import Text

    return Text(harmless(text), style=style, no_wrap=True, overflow="ellipsis")
