"""Ctrl-C at any moment: one line, exit code 130, and no thread that speaks afterwards."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time

import click
import pytest
from click.testing import CliRunner

from prodgen import stopping
from prodgen.cli import main

STOPPED = "prodgen: stopped; nothing was left half-written\n"


def stopped_by(command):
    """Run a command under the name of `draw`, and return how it ended."""
    main.commands["draw"] = click.command()(command)
    try:
        done = CliRunner().invoke(main, ["draw"])
    finally:
        del main.commands["draw"]
    return done.exit_code, done.stderr


def press():
    signal.raise_signal(signal.SIGINT)


@pytest.fixture(autouse=True)
def ctrl_c_is_not_ignored(monkeypatch):
    monkeypatch.setattr(stopping, "TWICE_S", 0.0)  # these tests press faster than a hand
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def sigterm_is_usual():
    before = signal.signal(signal.SIGTERM, signal.SIG_DFL)
    yield
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    signal.signal(signal.SIGTERM, before)


def test_ctrl_c_waits_for_what_still_draws():
    ended: list[bool] = []
    drawing = threading.Thread(target=lambda: (time.sleep(0.3), ended.append(True)), daemon=True)

    def draw():
        drawing.start()
        press()

    assert stopped_by(draw) == (130, STOPPED)
    assert ended == [True]


def test_a_thread_that_was_about_to_begin_is_not_waited_for(monkeypatch):
    unbegun = threading.Thread(target=print, daemon=True)
    monkeypatch.setitem(threading._limbo, unbegun, unbegun)  # as while its start() is interrupted

    assert stopped_by(press) == (130, STOPPED)


def test_what_ctrl_c_leads_to_is_no_fault_of_its_own():
    def draw():
        try:
            press()
        finally:
            raise ImportError("half of a module was loaded")

    assert stopped_by(draw) == (130, STOPPED)


def test_a_thread_that_loses_its_connection_after_ctrl_c_says_nothing(capfd):
    go_on = threading.Event()

    def asks():
        go_on.wait(40)
        raise RuntimeError("Cannot send a request, as the client has been closed.")

    asking = threading.Thread(target=asks)

    def draw():
        asking.start()
        try:
            press()
        finally:
            go_on.set()
            asking.join()

    assert stopped_by(draw) == (130, STOPPED)
    assert capfd.readouterr().err == ""


def test_pressing_again_while_it_stops_changes_nothing():
    cleaned = []

    def draw():
        try:
            press()
        finally:
            press()
            cleaned.append(True)

    assert stopped_by(draw) == (130, STOPPED)
    assert cleaned == [True]


def test_ctrl_c_that_hits_a_destructor_is_not_lost():
    class Pressed:
        def __del__(self):
            press()

    went_on = []

    def draw():
        Pressed()
        for _ in range(300):
            time.sleep(0.01)
        went_on.append(True)

    assert stopped_by(draw) == (130, STOPPED)
    assert not went_on


def test_ctrl_c_during_the_import_of_a_command_is_one_line(monkeypatch):
    monkeypatch.setattr("prodgen.cli.load", lambda where: press())
    monkeypatch.delitem(main.commands, "show", raising=False)

    done = CliRunner().invoke(main, ["show", "a.png"])

    assert (done.exit_code, done.stderr) == (130, STOPPED)


def test_afterwards_python_answers_ctrl_c_as_before():
    stopped_by(press)

    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    with pytest.raises(KeyboardInterrupt):
        press()


DRIVER = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests are run
from prodgen import stopping

def main():
    print("ready", flush=True)
    from prodgen.cli import main
    main(sys.argv[1:])

stopping.run("__main__:main")
"""


@pytest.mark.parametrize("after_s", [0.0, 0.15, 0.5, 1.2, 2.5])
def test_a_process_ends_with_one_line_whenever_ctrl_c_is_pressed(after_s, tmp_path):
    asked = ["generate", "--prompt", "a table", "--backend", "embedded://", "--count", "50", "-q"]
    drawing = subprocess.Popen(
        [sys.executable, "-c", DRIVER, *asked, "-o", str(tmp_path / "a.png")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert drawing.stdout.readline() == "ready\n"
        time.sleep(after_s)
        for _ in range(3):  # as a terminal does that sends it to every process of a group
            drawing.send_signal(signal.SIGINT)
        _, said = drawing.communicate(timeout=40)
    finally:
        drawing.kill()

    assert (drawing.returncode, said) == (130, STOPPED)
    assert not list(tmp_path.glob("*.part"))


def test_off_the_main_thread_signals_are_left_alone():
    found = []

    def ask():
        with stopping.heeded():
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()

    assert found == [signal.default_int_handler]


def test_work_that_knows_a_better_end_takes_the_first_press_and_the_next_one_interrupts():
    went_on: list[str] = []
    answers = iter([True, False])

    def draw():
        with stopping.answered_by(lambda: next(answers), lambda: False):
            press()
            went_on.append("after one press")
            press()
            went_on.append("after two")

    assert stopped_by(draw) == (130, STOPPED)
    assert went_on == ["after one press"]


def test_work_that_answered_a_press_and_ended_well_is_no_stopped_program():
    def draw():
        with stopping.answered_by(lambda: True, lambda: False):
            press()

    assert stopped_by(draw) == (0, "")


def test_after_the_block_a_press_interrupts_as_ever():
    def draw():
        with stopping.answered_by(lambda: True, lambda: False):
            pass
        press()

    assert stopped_by(draw) == (130, STOPPED)


@pytest.mark.usefixtures("sigterm_is_usual")
def test_sigterm_ends_a_program_like_ctrl_c_with_a_code_of_its_own():
    cleaned = []

    def draw():
        try:
            signal.raise_signal(signal.SIGTERM)
        finally:
            cleaned.append(True)

    assert stopped_by(draw) == (143, STOPPED)
    assert cleaned == [True]


@pytest.mark.usefixtures("sigterm_is_usual")
def test_sigterm_is_heeded_where_ctrl_c_is_ignored_as_in_the_background_of_a_script():
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    assert stopped_by(lambda: signal.raise_signal(signal.SIGTERM)) == (143, STOPPED)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


@pytest.mark.usefixtures("sigterm_is_usual")
def test_work_that_answered_sigterm_and_ended_well_is_no_stopped_program_either():
    went_on = []

    def draw():
        with stopping.answered_by(lambda: False, lambda: True):
            signal.raise_signal(signal.SIGTERM)
            went_on.append(True)

    assert stopped_by(draw) == (0, "")
    assert went_on == [True]


def test_ctrl_c_after_a_program_that_sigterm_ended_has_its_own_code_again():
    stopped_by(lambda: signal.raise_signal(signal.SIGTERM))

    assert stopped_by(press) == (130, STOPPED)


@pytest.mark.parametrize("number", stopping.ENDING)
def test_each_signal_that_ends_a_program_has_its_own_code(number):
    before = signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
    try:
        assert stopped_by(lambda: signal.raise_signal(number)) == (128 + number, STOPPED)
    finally:
        signal.signal(number, before)


@pytest.mark.usefixtures("sigterm_is_usual")
def test_a_signal_that_comes_twice_at_once_as_from_timeout_is_one(monkeypatch):
    monkeypatch.undo()
    heard = []

    def at_once():
        heard.append(True)
        return len(heard) < 2

    def draw():
        with stopping.answered_by(lambda: False, at_once):
            for _ in range(3):
                signal.raise_signal(signal.SIGTERM)

    assert stopped_by(draw) == (0, "")
    assert heard == [True]


def test_a_programs_own_answer_to_a_signal_is_respected():
    heard = []
    before = signal.signal(signal.SIGTERM, lambda *_: heard.append(True))
    try:
        with stopping.heeded():
            signal.raise_signal(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)

    assert heard == [True]


def test_what_an_interrupt_says_of_work_elsewhere_is_in_the_one_sentence():
    def draw():
        try:
            press()
        except KeyboardInterrupt as wish:
            try:
                raise KeyboardInterrupt("the server goes on") from wish
            finally:
                raise ImportError("half of a module was loaded")

    expected = STOPPED.replace("written\n", "written, but the server goes on\n")
    assert stopped_by(draw) == (130, expected)


def test_one_more_press_ends_the_waiting_before_the_end_and_nothing_else():
    went_on = []

    def draw():
        try:
            press()
        finally:
            with stopping.breaking_off():
                press()
                went_on.append("waited")
            went_on.append("cleaned up")

    assert stopped_by(draw) == (130, STOPPED)
    assert went_on == ["cleaned up"]


def test_after_a_second_press_nothing_is_waited_for(monkeypatch):
    monkeypatch.setattr(stopping, "PATIENCE_S", 100.0)
    go_on = threading.Event()
    drawing = threading.Thread(target=go_on.wait, args=(100,), daemon=True)

    def draw():
        drawing.start()
        try:
            press()
        finally:
            press()

    begun = time.monotonic()
    assert stopped_by(draw) == (130, STOPPED)
    assert time.monotonic() - begun < stopping.PATIENCE_S / 2
    go_on.set()
    drawing.join()
