"""Workers and schedulers that die at any moment, and workers that come late."""

from __future__ import annotations

import time

import pytest

from prodgen.dispatch import Notice, PictureDone, PlaceLost, Rules, RunEnded, StillWaiting

pytestmark = pytest.mark.timeout(180)  # each test starts three processes, which import all of prodgen


def test_a_worker_that_is_killed_at_80_percent_costs_only_what_it_had_in_its_hands(farm, shop):
    # prefect 15442, distributed 5234: results that lay on the dead worker were computed again.
    products = shop(40)
    farm.scheduler()
    doomed = farm.worker("doomed")
    farm.worker("other")
    farm.wait_until_said(1, "joined")
    farm.wait_until_said(2, "joined")

    def kill_at_80_percent(event, done):
        if done == 32 and doomed.poll() is None:
            doomed.kill()

    events = products.go(farm.address, on_event=kill_at_80_percent)

    assert products.is_whole(events)
    reasons = [event.reason for event in events if isinstance(event, PlaceLost) and event.place == "doomed"]
    assert "worker 'doomed' went away" in reasons[0]  # at once, and not after a time-out
    again = {slot: times for slot, times in products.drawn.items() if times > 1}
    assert len(again) <= 3
    assert set(again.values()) <= {2}
    assert all(products.drawn[order.slot] for order in products.orders)
    assert all(0 < event.idle_share[name] < 1 for event in events[-1:] for name in ("doomed", "other"))
    made = [event.order.slot for event in events if isinstance(event, PictureDone)]
    assert len(made) == len(set(made)) == 40


def test_a_scheduler_that_is_started_again_stops_nothing_for_long_and_nothing_is_drawn_twice(farm, shop):
    # distributed 436: a scheduler's restart cancels all that waits, which is no fault of any order.
    products = shop(24)
    scheduler = farm.scheduler()
    for number, name in ((1, "a"), (2, "b")):
        farm.worker(name)
        farm.wait_until_said(number, "joined")

    def restart(event, done):
        if done >= 10 and scheduler.poll() is None:
            scheduler.kill()
            scheduler.wait()
            farm.scheduler()

    events = products.go(farm.address, on_event=restart)

    assert products.is_whole(events)
    reasons = {event.reason for event in events if isinstance(event, PlaceLost)}
    assert any("the scheduler went away; the run goes on when it is back" in reason for reason in reasons)
    assert set(products.drawn.values()) == {1}


def test_without_a_worker_the_run_says_so_and_one_that_joins_later_makes_the_pictures(farm, shop):
    products = shop(6)
    farm.scheduler()
    farm.wait_until_said(0, "Scheduler at")

    def start_one(event, done):
        if isinstance(event, StillWaiting) and len(farm.processes) == 1:
            assert f"prodgen worker --scheduler {farm.address}" in event.what
            farm.worker("late")

    events = products.go(farm.address, rules=Rules(still_waiting_s=0.5), on_event=start_one)

    assert products.is_whole(events)
    assert Notice("late joins") in events
    assert {event.record.place for event in events if isinstance(event, PictureDone)} == {"late"}


def test_without_a_worker_a_deadline_still_ends_the_run(farm, shop):
    products = shop(3)
    farm.scheduler()
    farm.wait_until_said(0, "Scheduler at")
    begun = time.time()

    events = products.go(farm.address, rules=Rules(deadline=begun + 2))

    assert isinstance(events[-1], RunEnded)
    assert (events[-1].end, events[-1].counts.waiting) == ("deadline", 3)
    assert time.time() - begun < 30


def test_an_error_of_an_order_comes_back_as_it_was_and_a_run_s_end_closes_its_places(farm, shop):
    products = shop(3)
    farm.scheduler()
    farm.worker("a")
    farm.wait_until_said(1, "joined")
    poison = products.orders[1]
    products.orders[1] = type(poison)(
        **{**{f: getattr(poison, f) for f in poison.__slots__}, "prompt": "poison"}
    )

    events = products.go(farm.address)

    assert events[-1].counts.failed == 1
    (failed,) = [event for event in events if type(event).__name__ == "PictureFailed"]
    assert (failed.failure.kind, failed.failure.reason) == ("SegmentationError", "no product")
    until = time.monotonic() + 60
    while not (products.out / "closed").exists():
        assert time.monotonic() < until
        time.sleep(0.05)
