"""What a catalogue run shows: a live view, plain lines for a log, nothing with --quiet."""

from __future__ import annotations

import io
import sys

import pytest
from rich.console import Console

from prodgen.cli import run_words
from prodgen.cli.run_view import LiveView, PlainLines, run_view
from prodgen.cli.telling import Printer
from prodgen.dispatch import Notice, PlaceBack, PlaceLost, PlanMade, StillWaiting
from prodgen.ledger import Counts, PlaceState, Planned


class Screen:
    """A live view on a terminal of this size, and what it shows."""

    def __init__(self, *, width: int = 100, height: int = 24) -> None:
        self.sent = io.StringIO()
        self.size = width, height
        console = Console(
            file=self.sent, width=width, height=height, force_terminal=True, legacy_windows=False
        )
        self.view = LiveView(Printer(), title="prodgen batch a.csv -> out", console=console)

    def lines(self) -> list[str]:
        width, height = self.size
        shown = Console(file=io.StringIO(), width=width, height=height)
        shown.print(self.view.picture())
        return shown.file.getvalue().splitlines()  # type: ignore[attr-defined]  # it is the StringIO

    def after(self, *events: object) -> str:
        with self.view.shown():
            for event in events:
                self.view(event)  # type: ignore[arg-type]  # events of all kinds
        return "\n".join(self.lines())


def places(count: int, *, lost: int = -1) -> tuple[PlaceState, ...]:
    return tuple(
        PlaceState(f"gpu-{i}:7860", f"draw {i}/kitchen", 0.0123, 100 + i, is_lost=i == lost)
        for i in range(count)
    )


def test_the_view_shows_how_far_it_is_how_fast_and_when_it_is_through(run_events):
    shown = Screen().after(run_events.standing(eta_s=3720.0))

    for part in ("done 3", "failed 1", "left 7", "4 of 11", "28.4 a minute", "1 h 02 min to go"):
        assert part in shown


def test_the_view_shows_each_backend_with_what_it_does_and_its_idle_share(run_events):
    shown = Screen().after(run_events.standing(*places(2)))

    row = next(line for line in shown.splitlines() if line.startswith("gpu-1:7860"))
    assert row.split() == ["gpu-1:7860", "draw", "1/kitchen", "101", "1.2", "%"]


def test_a_lost_backend_comes_first_with_the_reason_and_is_itself_again_when_it_is_back(run_events):
    screen = Screen()
    shown = screen.after(
        PlaceLost("gpu-2:7860", "nothing answers there"), run_events.standing(*places(3, lost=2))
    )
    rows = [line for line in shown.splitlines() if line.startswith("gpu-")]
    assert rows[0].startswith("gpu-2:7860")
    assert "nothing answers there" in rows[0]

    assert "nothing answers" not in screen.after(PlaceBack("gpu-2:7860"), run_events.standing(*places(3)))
    assert "gpu-2:7860 is back" in screen.sent.getvalue()


def test_the_last_failure_takes_one_line_however_long_it_is(run_events):
    screen = Screen(width=60)
    screen.after(run_events.standing(), run_events.failed("1/a"), run_events.failed("2/b"))

    failures = [line for line in screen.lines() if "failure" in line]
    assert len(failures) == 1
    assert "2/b" in failures[0]
    assert all(len(line) <= 60 for line in screen.lines())


def test_fifty_backends_fit_the_terminal_and_the_rest_is_counted(run_events):
    screen = Screen(width=80, height=24)
    screen.after(
        run_events.standing(*places(50)),
        run_events.failed(),
        StillWaiting(70, "gpu-1:7860 to draw 1/kitchen"),
    )
    screen.view.finishing(2)

    assert len(screen.lines()) < 24
    assert any("and 38 more" in line for line in screen.lines())


def test_the_first_press_of_ctrl_c_is_answered_in_the_view(run_events):
    screen = Screen()
    screen.after(run_events.standing())
    screen.view.finishing(2)

    assert screen.lines()[-1] == "finishing 2 pictures; press Ctrl-C again to stop now"
    screen.view.finishing(2, now=True)
    assert screen.lines()[-1] == "interrupting 2 pictures"


def test_a_redraw_is_not_made_for_each_of_many_events(run_events, monkeypatch):
    drawn = []
    screen = Screen()
    monkeypatch.setattr(screen.view, "picture", lambda: drawn.append(1) or "x")
    screen.after(*[run_events.done() for _ in range(500)])

    assert len(drawn) < 20


def test_what_would_steer_the_terminal_is_shown_and_not_sent(run_events):
    screen = Screen()
    shown = screen.after(
        run_events.standing(PlaceState("gpu\x1b[2J", "draw \x1b]0;title\x07")),
        run_events.failed("[bold]sku\x1b[31m"),
        Notice("a \x1b[2J notice"),
    )

    assert "\x1b" not in shown
    assert "[bold]sku" in shown
    assert "\x1b[2J notice" not in screen.sent.getvalue()


def test_without_a_terminal_failures_and_lost_backends_are_lines_and_good_pictures_are_not(
    capsys, run_events
):
    lines = PlainLines(Printer())
    for event in (
        PlanMade(Planned(60, 12, {"new": 47, "prompt changed": 1})),
        run_events.done(),
        run_events.standing(),
        run_events.failed("7/a", is_final=False),
        PlaceLost("gpu-2:7860", "nothing answers"),
        StillWaiting(61, "gpu-1:7860"),
    ):
        lines(event)

    out, err = capsys.readouterr()
    plan, failure, lost, waiting = err.splitlines()
    assert out == ""
    assert plan == "60 pictures: 12 done already, 48 to make (47 new, 1 prompt changed)"
    assert failure.startswith("failed: 7/a: no product was found")
    assert "tried again" in failure
    assert "gpu-2:7860 is lost: nothing answers" in lost
    assert waiting == "waiting since 1 min 01 s for gpu-1:7860"


def test_without_a_terminal_the_state_is_said_now_and_then_and_pictures_with_verbose(capsys, run_events):
    lines = PlainLines(Printer(verbose=True), every_s=0.0)
    lines(run_events.done("7/a"))
    lines(run_events.standing(*places(2, lost=1)))

    done, state = capsys.readouterr().err.splitlines()
    assert done == "done: 7/a-5.png, pass, 2 s, gpu-1:7860"
    assert state.startswith("3 of 11 done, 1 failed, 7 left; 28.4 a minute, 1 min 00 s to go")
    assert state.endswith("gpu-0:7860 idle 1.2 %; gpu-1:7860 lost")


@pytest.mark.parametrize("printer", [Printer(quiet=True), Printer(as_json=True)])
def test_with_quiet_or_json_only_ctrl_c_is_answered(capsys, run_events, printer):
    with run_view(printer, title="x") as view:
        view(run_events.failed())
        view(run_events.standing())
        view.finishing(1)

    assert capsys.readouterr() == ("", "finishing 1 picture; press Ctrl-C again to stop now\n")


def test_a_terminal_gets_the_live_view(monkeypatch, run_events):
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr(sys, "stderr", terminal := Terminal())
    with run_view(Printer(), title="prodgen batch a.csv") as view:
        view(run_events.standing())

    assert "prodgen batch a.csv" in terminal.getvalue()


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.4, "0 s"),
        (59.4, "59 s"),
        (310, "5 min 10 s"),
        (7500, "2 h 05 min"),
        (276_000, "3 d 4 h"),
        (-1, "0 s"),
    ],
)
def test_time_spans_are_said_in_two_units(seconds, words):
    assert run_words.duration(seconds) == words


def test_before_the_first_picture_no_pace_is_claimed():
    assert run_words.speed(0.0, None) == "no pace yet"


def test_counts_have_their_thousands_apart():
    assert run_words.counted(Counts(8790, 2, 1204, 4)) == "1,204 of 10,000 done, 4 failed, 8,792 left"
