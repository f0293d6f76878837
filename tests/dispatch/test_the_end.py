"""How a run is stopped, by a person, a clock, or by leaving its loop."""

import time

from prodgen.dispatch import PictureDone, Rules, StepBegun, StopButton, run


def test_the_first_press_finishes_what_runs_and_begins_nothing_new(toys):
    """A1111 11706: stop after this picture."""
    stop, place = StopButton(), toys.Place("a", 0.1)
    ledger = toys.Ledger(map(toys.order, range(20)))
    done = []
    for event in run(ledger, [place], Rules(stop=stop)):
        if isinstance(event, StepBegun) and event.step == "draw" and not stop.presses:
            stop.press()
        done += [event.order.slot] if isinstance(event, PictureDone) else []

    assert done == ["sku0"]
    assert len(ledger.waiting) == 19
    assert event.end == "stopped"


def test_the_second_press_interrupts_what_runs(toys):
    stop, place = StopButton(), toys.Place("a", 100.0)
    ledger = toys.Ledger(map(toys.order, range(5)))
    begun = time.monotonic()
    for event in run(ledger, [place], Rules(stop=stop)):
        if isinstance(event, StepBegun) and event.step == "draw":
            stop.press()
            stop.press()

    assert event.end == "stopped"
    assert time.monotonic() - begun < 50
    assert len(ledger.waiting) == 5


def test_a_press_is_heard_while_nothing_happens(toys):
    import threading

    stop = StopButton()
    for _ in range(2):
        threading.Timer(0.2, stop.press).start()
    begun = time.monotonic()

    toys.go(3, [toys.Place("a", 100.0)], Rules(stop=stop))

    assert time.monotonic() - begun < 50


def test_leaving_the_loop_gives_every_order_back(toys):
    place = toys.Place("a", 0.05)
    ledger = toys.Ledger(map(toys.order, range(10)))
    for event in run(ledger, [place], Rules()):
        if isinstance(event, PictureDone):
            break
    del event

    assert not ledger.claimed
    assert len(ledger.waiting) + len(ledger.done) == 10
    assert place.is_closed


def test_nothing_is_begun_that_would_not_be_finished_before_the_deadline(toys):
    place = toys.Place("a", 0.2, window=1)

    deadline = time.time() + 0.75
    ran = toys.go(20, [place], Rules(deadline=deadline))

    assert ran.end == "deadline"
    assert time.time() < deadline + 0.1
    assert len(ran.ledger.done) == 3


def test_a_deadline_ends_a_run_whose_places_are_all_lost(toys):
    dead = toys.Place("dead")
    dead.is_dead = True

    assert toys.go(3, [dead], Rules(deadline=time.time() + 0.3)).end == "deadline"


def test_a_run_sleeps_while_its_last_picture_is_made_after_the_deadline(toys):
    """A loop that asks again and again would take a core from the work that it waits for."""
    place = toys.Place("a", 0.8)
    ledger = toys.Ledger([toys.order(1)])
    rules = Rules(deadline=time.time() + 0.1)

    before = time.process_time()
    events = list(run(ledger, [place], rules))

    assert time.process_time() - before < 0.3
    assert events[-1].counts.done == 1
