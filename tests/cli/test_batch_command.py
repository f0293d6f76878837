"""`prodgen batch` as a user meets it: what it asks of the library, what it says, and its exit codes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner, Result

from prodgen import batching, stopping
from prodgen.catalogue import Summary
from prodgen.cli import main
from prodgen.dispatch import Notice, PlanMade, StepBegun
from prodgen.errors import SheetError, SheetFault
from prodgen.ledger import Planned

PLAN = PlanMade(Planned(60, 12, {"new": 48}))


def prodgen(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(argument) for argument in arguments])


@pytest.fixture
def run(monkeypatch, tmp_path) -> Callable[..., Result]:
    """Runs the command over a run that has these events; `asked` has what it was called with."""

    def command(events: Any, *options: object, name: str = "batch") -> Result:
        def batch(catalogue, out, **asked) -> Iterator[Any]:
            command.asked = SimpleNamespace(catalogue=catalogue, out=out, **asked)
            yield from events(asked["rules"].stop) if callable(events) else events

        monkeypatch.setattr(batching, "batch", batch)
        return prodgen(name, tmp_path / "a.csv", "-o", tmp_path / "out", *options)

    return command


def test_options_of_a_shot_become_settings_and_those_of_a_run_arguments(run, run_events):
    options = [
        "--negative-prompt",
        "glare",
        "--scene",
        "kitchen={name} in a kitchen",
        "--size",
        "2k",
        "--light",
        "left",
    ]
    options += ["--backend", "a:1", "--backend", "b:2", "--memory", "8G", "--count", "2", "--only", "00*"]
    done = run(
        [run_events.ended()], *options, "--max-failures", "5%", "--allow-urls", "--segmenter", "classical"
    )

    assert done.exit_code == 0, done.output
    asked = run.asked
    assert asked.settings == {"size": "2k", "segmenter": "classical"}
    assert asked.scenes == {"kitchen": "{name} in a kitchen"}
    assert (asked.negative_prompt, asked.light, asked.count, asked.only) == ("glare", "left", 2, "00*")
    assert tuple(asked.backends) == ("a:1", "b:2")
    assert (asked.memory, asked.rules.max_failure_share, asked.allow_urls) == (8 * 2**30, 0.05, True)


def test_without_options_nothing_is_asked_that_is_not_the_default(run, run_events):
    run([run_events.ended()])

    asked = vars(run.asked).keys() - {"catalogue", "out", "rules"}
    assert asked <= {
        "scenes",
        "settings",
        "prompt",
        "recipe",
        "count",
        "verify",
        "allow_outside",
        "allow_urls",
    }
    assert (run.asked.scenes, run.asked.settings) == ({}, {})


def test_when_everything_is_made_the_report_is_named_and_the_exit_code_is_0(run, run_events, tmp_path):
    done = run([PLAN, run_events.done(), run_events.ended()])

    assert done.exit_code == 0
    assert "10 of 10 done" in done.stdout
    assert f"{tmp_path}/out/report.html" in done.stdout
    assert "gpu-1:7860: idle for 1.2 %" in done.stdout


def test_the_verdicts_of_what_was_made_are_counted_with_the_names_of_what_needs_a_look(run, run_events):
    made = [run_events.done(f"{n}") for n in range(3)]
    made += [run_events.done(f"w{n}", status="warn") for n in range(7)] + [
        run_events.done("f", status="fail")
    ]

    done = run([PLAN, *made, run_events.ended()])

    assert "verdicts  3 pass, 7 warn (w0, w1, w2, w3, w4, ...), 1 fail (f)" in done.stdout


def test_a_long_notice_takes_one_line(run, run_events):
    done = run([PLAN, run_events.done(notices=("the cut-out is doubtful; " * 40,)), run_events.ended()])

    note = next(line for line in done.stderr.splitlines() if "doubtful" in line)
    assert len(note) < 180


def test_failed_pictures_are_counted_with_the_sheet_that_names_them_and_the_exit_code_is_1(run, run_events):
    done = run([PLAN, run_events.failed(), run_events.ended(failed=3)])

    assert done.exit_code == 1
    assert "3 of 10 pictures failed" in done.stderr
    assert "out/failed.csv" in done.stderr


@pytest.mark.parametrize(
    ("end", "words"),
    [
        ("deadline", "the deadline has come"),
        ("failures", "--max-failures"),
        ("no place", "no backend works"),
        ("storage", "disk full"),
    ],
)
def test_a_run_that_ends_early_says_why_and_how_much_is_left(run, run_events, end, words):
    done = run([PLAN, run_events.ended(end, waiting=4)])

    assert done.exit_code == 1
    assert words in done.stderr
    assert "4 pictures left: the same command goes on from here" in done.stderr


@pytest.fixture
def heard(monkeypatch):
    """Ctrl-C is not ignored, whoever runs the tests, and counts each time, faster than a hand presses."""
    monkeypatch.setattr(stopping, "TWICE_S", 0.0)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_once_finishes_what_runs_and_says_how_to_stop_now(heard, run, run_events):
    presses = []

    def events(stop):
        yield PLAN
        yield StepBegun("gpu-1:7860", run_events.order("1/a"), "draw")
        yield StepBegun("gpu-1:7860", run_events.order("2/b"), "prepare")
        signal.raise_signal(signal.SIGINT)
        presses.append(stop.presses)
        yield run_events.done("1/a")
        yield run_events.done("2/b")
        yield run_events.ended("stopped", waiting=5)

    done = run(events)

    assert (done.exit_code, presses) == (130, [1])
    assert "finishing 1 picture; press Ctrl-C again to stop now" in done.stderr
    assert "stopped; 5 pictures left" in done.stderr


def test_ctrl_c_twice_presses_the_button_twice_and_a_third_time_breaks_off(heard, run, run_events):
    presses = []

    def events(stop):
        yield PLAN
        try:
            for _ in range(3):
                signal.raise_signal(signal.SIGINT)
                presses.append(stop.presses)
        finally:
            presses.append("broken off")
        yield run_events.ended("stopped")

    assert run(events).exit_code == 130
    assert presses == [1, 2, "broken off"]


def test_sigterm_interrupts_what_runs_and_the_run_says_how_it_ended(heard, run, run_events):
    presses = []

    def events(stop):
        yield PLAN
        signal.raise_signal(signal.SIGTERM)
        presses.append(stop.presses)
        yield run_events.ended("stopped", waiting=5)

    done = run(events)

    assert (done.exit_code, presses) == (143, [2])
    assert "stopped; 5 pictures left" in done.stderr


def test_ctrl_c_while_the_sheet_is_read_interrupts_at_once(heard, run, run_events):
    def events(stop):
        signal.raise_signal(signal.SIGINT)
        yield PLAN

    done = run(events)

    assert done.exit_code == stopping.exit_code()
    assert "stopped" in done.stderr


def test_json_lines_are_one_object_an_event_and_nothing_else(run, run_events):
    done = run([PLAN, run_events.done(), run_events.ended()], "--json-lines")

    assert [json.loads(line)["event"] for line in done.stdout.splitlines()] == ["plan", "done", "end"]


def test_json_is_one_object_at_the_end(run, run_events):
    done = run([PLAN, run_events.done(), run_events.ended(failed=2)], "--json")

    told = json.loads(done.stdout)
    assert (told["end"], told["counts"]) == ("complete", {"done": 8, "failed": 2, "left": 0})
    assert told["failed"].endswith("failed.csv")


def test_quiet_prints_the_report_and_no_more(run, run_events, tmp_path):
    done = run([PLAN, run_events.done(notices=("a notice",)), run_events.ended()], "-q")

    assert done.output == f"{tmp_path}/out/report.html\n"


def test_a_notice_of_ten_thousand_pictures_is_said_once(run, run_events):
    pictures = [
        run_events.done(f"{n}/a", notices=(f"{n}.5 % of the outline is not seen",)) for n in range(50)
    ]
    done = run([Notice("the disk is on the network"), PLAN, *pictures, run_events.ended()])

    assert done.stderr.count("the outline is not seen") == 1
    assert "note: the disk is on the network" in done.stderr


def test_of_very_many_kinds_of_notices_the_rest_is_left_to_the_report(run, run_events):
    pictures = [run_events.done(f"{n}/a", notices=(f"notice {'x' * n}",)) for n in range(50)]
    said = run([PLAN, *pictures, run_events.ended()]).stderr

    assert said.count("note: ") == 11
    assert said.count("report.html") == 1


FAULTS = SheetError(
    "a.csv",
    [
        SheetFault(12, "photo", "'1.jpg' does not exist", "correct the path"),
        SheetFault(40, "sku", "'00140' stands in row 39 already", "give it another sku"),
    ],
    700,
)


def faulty(_stop) -> Iterator[Any]:
    raise FAULTS
    yield


def test_faults_of_a_sheet_are_a_line_each_with_row_column_and_remedy(run):
    done = run(faulty)

    first, *faults, more = done.stderr.splitlines()
    assert (done.exit_code, first) == (1, "prodgen: a.csv has 700 faults:")
    assert faults == [str(fault) for fault in FAULTS.faults]
    assert "row 12" in faults[0]
    assert "correct the path" in faults[0]
    assert more == "... and 698 more"


def test_programs_get_faults_as_json_lines(run):
    done = run(faulty, "--json-lines")

    told = [json.loads(line) for line in done.stdout.splitlines()]
    assert told[0] == {
        "event": "fault",
        "row": 12,
        "column": "photo",
        "what": "'1.jpg' does not exist",
        "remedy": "correct the path",
    }


def test_a_dry_run_says_what_would_be_made_and_why(monkeypatch, tmp_path):
    preview = SimpleNamespace(
        summary=Summary(rows=20, products=20, orders=60, notices=("column 'Promt' is not used",)),
        planned=Planned(60, 57, {"new": 2, "prompt changed": 1}),
        eta_s=130.0,
    )
    monkeypatch.setattr("prodgen.batching.previewing.preview", lambda *asked, **more: preview)

    done = prodgen("batch", tmp_path / "a.csv", "-o", tmp_path / "out", "--dry-run")

    said = done.stdout.splitlines()
    assert said[0] == "20 products, 60 pictures: 57 done already, 3 to make (2 new, 1 prompt changed)"
    assert "2 min 10 s" in said[1]
    assert "'Promt'" in said[2]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--webhook", "ftp://shop.example", "--webhook must be a URL"),
        ("--webhook", "https://shop.example", "PRODGEN_WEBHOOK_SECRET"),
        ("--metrics", "99999", "--metrics must be a port"),
    ],
)
def test_a_dry_run_refuses_what_the_run_itself_would_refuse(monkeypatch, run, option, value, words):
    monkeypatch.delenv("PRODGEN_WEBHOOK_SECRET", raising=False)
    for more in ([], ["--dry-run"]):
        done = run(faulty, option, value, *more)

        assert done.exit_code == 1
        assert words in done.stderr


def test_wildcards_are_taken_from_the_folder_that_is_named(tmp_path, run, run_events):
    run([run_events.ended()], "--wildcards", tmp_path)

    assert run.asked.wildcards == tmp_path


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--memory", "much"], "--memory must be a number of bytes"),
        (["--memory", "5"], "at least 256M"),
        (["--scene", "kitchen"], "--scene must be NAME=TEMPLATE"),
        (["--count", "0"], "whole number from 1 to 64"),
        (["--backend", "ht tp://x"], "--backend"),
    ],
)
def test_a_wrong_option_is_one_sentence_that_names_it(run, options, words):
    done = run([], *options)

    assert done.exit_code == 2
    assert words in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_webhook_without_a_secret_is_refused_before_anything_runs(run):
    done = run(faulty, "--webhook", "https://shop.example")

    assert done.exit_code == 1
    assert "PRODGEN_WEBHOOK_SECRET" in done.stderr


def test_status_of_a_folder_without_a_run_is_one_sentence(tmp_path):
    done = prodgen("status", tmp_path)

    assert done.exit_code == 1
    assert "no catalogue run has begun" in done.stderr


def test_status_says_how_a_run_that_was_killed_can_go_on(monkeypatch, tmp_path, run_events):
    from prodgen.ledger import Counts, PlaceState, RunStatus

    found = RunStatus(
        counts=Counts(waiting=5, done=4, failed=1),
        is_running=False,
        started=1000.0,
        ended=None,
        end="killed",
        pid=12,
        host="box",
        pictures_a_minute=2.0,
        places=(PlaceState("gpu-1:7860", "", 0.02, 4),),
        last_failure=run_events.failed().failure,
        last_failed="7/a",
    )
    monkeypatch.setattr("prodgen.ledger.read_status", lambda out: found)

    said = prodgen("status", tmp_path).stdout
    told = json.loads(prodgen("status", tmp_path, "--json").stdout)

    assert "killed: the same command goes on" in said
    assert "4 of 10 done, 1 failed, 5 left" in said
    assert "gpu-1:7860: 4 pictures; idle for 2.0 %" in said
    assert "7/a: no product was found" in said
    assert (told["running"], told["left"], told["last_failure"]["slot"]) == (False, 5, "7/a")


def test_a_webhook_that_fails_is_a_notice_and_the_run_is_as_it_was(run, run_events, monkeypatch):
    monkeypatch.setenv("PRODGEN_WEBHOOK_SECRET", "s3cret")
    monkeypatch.setattr("prodgen.batching.webhook.TRY_FOR_S", 0.0)

    done = run([PLAN, run_events.ended()], "--webhook", "http://127.0.0.1:9/none")

    assert done.exit_code == 0
    assert "note: the webhook at 127.0.0.1 did not take 'run.ended'" in done.stderr


def test_a_folder_to_watch_is_made_again_for_each_photograph_that_comes(
    run, run_events, monkeypatch, tmp_path
):
    (tmp_path / "a.csv").mkdir()  # the fixture's name for what is made
    given = iter([frozenset({tmp_path / "1.jpg"}), frozenset({tmp_path / "2.jpg"}), frozenset()])
    monkeypatch.setattr(
        "prodgen.batching.watching.WatchedFolder.wait", lambda self, *, stop, until: next(given)
    )
    asked = []

    def events(stop):
        asked.append(run.asked.photos)
        yield PLAN
        yield run_events.ended()

    done = run(events, name="watch")

    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "stopped")
    assert asked == [frozenset({tmp_path / "1.jpg"}), frozenset({tmp_path / "2.jpg"})]


def test_a_watch_ends_by_ctrl_c_while_it_waits_and_that_is_no_failure(heard, run, monkeypatch, tmp_path):
    (tmp_path / "a.csv").mkdir()

    def wait(self, *, stop, until):
        signal.raise_signal(signal.SIGINT)
        assert stop.is_set()
        return frozenset()

    monkeypatch.setattr("prodgen.batching.watching.WatchedFolder.wait", wait)

    done = run([], name="watch")

    assert (done.exit_code, done.stdout) == (0, "stopped\n")


def test_a_sheet_cannot_be_watched_and_the_way_to_make_it_is_said(run, tmp_path):
    (tmp_path / "a.csv").touch()
    done = run([], name="watch")

    assert done.exit_code == 1
    assert "prodgen batch once more" in done.stderr


@pytest.mark.parametrize(
    ("text", "options", "words"),
    [
        ("sku,photo\n1,a.png\n", ["--only", "ZZ*"], "--only must be like the sku of a product"),
        ("sku,photo\n", [], "asks for no product"),
    ],
)
def test_a_run_that_would_make_nothing_is_no_success(tmp_path, text, options, words):
    (tmp_path / "a.csv").write_text(text, "utf-8")
    (tmp_path / "a.png").touch()
    done = prodgen("batch", tmp_path / "a.csv", "-o", tmp_path / "out", *options)

    assert done.exit_code == 1
    assert words in done.stderr
    assert not (tmp_path / "out").exists()


def test_a_prompt_that_scenes_would_leave_without_effect_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("sku,photo\n1,a.png\n", "utf-8")
    (tmp_path / "a.png").touch()
    out = tmp_path / "out"
    done = prodgen("batch", tmp_path / "a.csv", "-o", out, "--prompt", "A", "--scene", "day=B")

    assert done.exit_code == 1
    assert "each scene brings its own prompt; leave out --prompt" in done.stderr
    assert not out.exists()


def test_a_folder_to_watch_that_is_not_there_is_said(run, tmp_path):
    done = run([], name="watch")

    assert done.exit_code == 1
    assert "a.csv" in done.stderr
