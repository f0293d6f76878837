"""What becomes of orders and places when something fails."""

import threading
import time
from dataclasses import replace

import pytest

from prodgen.dispatch import PictureFailed, PlaceBack, PlaceLost, Rules, StillWaiting, lane
from prodgen.errors import (
    BackendAuthError,
    BackendFaultError,
    BackendLostError,
    BackendOutOfMemoryError,
    ImageError,
    SegmentationError,
    StorageError,
    WorkerLostError,
)


def failing_with(error, *slots):
    return lambda order: error if order.slot in slots or not slots else None


def test_one_poison_row_in_sixty_leaves_59_pictures_and_one_row_set_aside(toys):
    """A1111 7943: one error ends the batch."""
    places = [toys.Place(name, fault=failing_with(SegmentationError("no product"), "sku7")) for name in "ab"]

    ran = toys.go(60, places)

    assert ran.end == "complete"
    assert len(ran.ledger.done) == 59
    assert {slot: failure.kind for slot, failure in ran.ledger.failed.items()} == {
        "sku7": "SegmentationError"
    }
    (failed,) = ran.of(PictureFailed)
    assert failed.is_final
    assert failed.failure.whose == "row"


def test_a_row_that_kills_its_worker_is_set_aside_after_three_times_and_named(toys):
    died = WorkerLostError("worker 1", "sku3", "killed by signal 9")
    tries = []
    place = toys.Place("a", fault=lambda order: (tries.append(1) or died) if order.slot == "sku3" else None)

    ran = toys.go(5, [place])

    assert len(tries) == 3
    assert len(ran.ledger.done) == 4
    assert "sku3" in ran.ledger.failed["sku3"].reason
    assert "tried 3 times" in ran.ledger.failed["sku3"].reason
    assert not ran.of(PlaceLost)


def test_an_order_that_is_too_large_for_one_card_is_made_by_another(toys):
    small = toys.Place("small", fault=failing_with(BackendOutOfMemoryError("small", "out of memory")))
    large = toys.Place("large")

    ran = toys.go(6, [small, large])

    assert len(ran.ledger.done) == 6
    assert not small.drawn
    assert not ran.of(PlaceLost)


def test_an_order_that_is_too_large_for_every_card_is_the_rows_own_fault(toys):
    tries = []
    too_large = BackendOutOfMemoryError("x", "out of memory")
    places = [
        toys.Place(name, fault=lambda order: (tries.append(1) or too_large) if order.slot == "sku2" else None)
        for name in "ab"
    ]

    ran = toys.go(6, places)

    assert len(tries) == 2
    assert ran.ledger.failed["sku2"].whose == "row"


def test_orders_of_a_dead_backend_move_and_it_joins_again_when_it_answers(toys, monkeypatch):
    monkeypatch.setattr(lane, "FIRST_PAUSE_S", 0.05)
    dying, other = toys.Place("dying", 0.02), toys.Place("other", 0.05)
    dying.is_dead = True
    threading.Timer(0.4, lambda: setattr(dying, "is_dead", False)).start()

    ran = toys.go(40, [dying, other])

    assert len(ran.ledger.done) == 40
    assert [event.place for event in ran.of(PlaceLost)] == ["dying"]
    assert [event.place for event in ran.of(PlaceBack)] == ["dying"]
    assert dying.probes >= 2
    assert dying.drawn


def test_a_place_that_only_fails_is_lost_after_three_faults_and_no_order_is_set_aside(toys):
    bad = toys.Place("bad", fault=failing_with(BackendFaultError("bad", "it failed (500)")))
    good = toys.Place("good", 0.05)

    ran = toys.go(12, [bad, good])

    assert len(ran.ledger.done) == 12
    assert len(ran.of(PlaceLost)) == 1
    assert sum(event.place == "bad" for event in ran.of(PictureFailed)) == lane.FAULTS_IN_A_ROW


def test_a_row_that_breaks_every_backend_it_meets_is_set_aside_and_the_backends_come_back(toys, monkeypatch):
    monkeypatch.setattr(lane, "FIRST_PAUSE_S", 0.02)
    broke = BackendLostError("x", "the connection broke")
    places = [toys.Place(name, fault=failing_with(broke, "sku1")) for name in "ab"]

    ran = toys.go(10, places)

    assert set(ran.ledger.failed) == {"sku1"}
    assert len(ran.ledger.done) == 9


def test_of_fifty_backends_one_hangs_and_its_orders_move_without_a_stall(toys, monkeypatch):
    """ComfyUI 11098: hundreds of nodes, and nothing that balances them."""
    monkeypatch.setattr(lane, "SHORTEST_PATIENCE_S", 0.3)
    unhindered = toys.go(500, [toys.Place(f"other{number}", 0.05) for number in range(49)])
    places = [toys.Place(f"gpu{number}", 0.05) for number in range(49)]
    hanging = toys.Place("hanging", fault=lambda order: "hang")

    ran = toys.go(500, [hanging, *places])

    assert len(ran.ledger.done) == 500
    assert [event.place for event in ran.of(PlaceLost)] == ["hanging"]
    assert ran.seconds < 3 * unhindered.seconds + 3.0
    assert all(count == 1 for place in places for count in place.drawn.values())


def test_a_late_answer_is_dropped_and_not_written_twice(toys, monkeypatch):
    monkeypatch.setattr(lane, "SHORTEST_PATIENCE_S", 0.2)
    slow_once = {"sku1"}

    class Late(toys.Place):
        def fault(self, order):
            if order.slot in slow_once:
                slow_once.clear()
                time.sleep(1.5)

    late, other = Late("late", 0.01), toys.Place("other", 0.02)
    late.fault = lambda order: Late.fault(late, order)

    ran = toys.go(30, [late, other])

    assert len(ran.ledger.done) == 30  # the ledger of these tests refuses to finish an order twice
    assert ran.ledger.done["sku1"][1].place == "other"


def test_a_run_says_what_it_waits_for(toys):
    """img2dataset 330 and 159: runs that stall, and nobody knows for what."""
    place = toys.Place("slow", 0.5)

    ran = toys.go(1, [place], Rules(still_waiting_s=0.1))

    (first, *_) = ran.of(StillWaiting)
    assert "slow: draws sku1" in first.what


def test_a_full_disk_ends_the_run_and_blames_no_row(toys):
    place = toys.Place("a", fault=failing_with(StorageError("/out", "has no space left", cause="full")))

    ran = toys.go(10, [place])

    assert ran.end == "storage"
    assert not ran.ledger.failed
    assert len(ran.ledger.waiting) == 10
    assert not ran.ledger.claimed


def test_a_run_without_any_place_left_gives_up_and_its_orders_wait(toys):
    dead = toys.Place("dead")
    dead.is_dead = True

    ran = toys.go(3, [dead], Rules(give_up_s=0.2))

    assert ran.end == "no place"
    assert len(ran.ledger.waiting) == 3


def test_a_place_that_answers_probes_and_refuses_every_order_is_given_up_too(toys, monkeypatch):
    monkeypatch.setattr(lane, "FIRST_PAUSE_S", 0.02)
    monkeypatch.setattr(lane, "LONGEST_PAUSE_S", 0.02)
    refusing = toys.Place("refusing", fault=failing_with(BackendAuthError("refusing", "a password is asked")))

    ran = toys.go(3, [refusing], Rules(give_up_s=0.2))

    assert ran.end == "no place"
    assert refusing.probes >= 2
    assert len(ran.ledger.waiting) == 3


def test_a_probe_that_breaks_is_repeated(toys, monkeypatch):
    monkeypatch.setattr(lane, "FIRST_PAUSE_S", 0.02)
    place = toys.Place("a")
    place.is_dead = True

    def probe():
        place.probes += 1
        if place.probes == 1:
            raise OSError("no more files may be open")
        place.is_dead = False

    place.probe = probe

    ran = toys.go(3, [place], Rules(give_up_s=5))

    assert len(ran.ledger.done) == 3


def test_a_fault_of_prodgen_is_said_to_be_one(toys):
    place = toys.Place("a", fault=failing_with(ZeroDivisionError("division by zero"), "sku1"))

    ran = toys.go(2, [place])

    assert "a fault of prodgen: ZeroDivisionError" in ran.ledger.failed["sku1"].reason


def test_a_reason_names_a_photograph_without_the_folders_of_this_machine(toys):
    order = replace(toys.order(1), photo="/home/me/secret/mug.jpg")
    place = toys.Place("a", fault=failing_with(ImageError(f"{order.photo!r} is not a picture")))

    ran = toys.go([order], [place])

    assert ran.ledger.failed[order.slot].reason == "'mug.jpg' is not a picture"


@pytest.mark.parametrize("rules", [Rules(max_failures=2), Rules(max_failure_share=0.05)])
def test_too_many_failures_end_the_run(toys, rules):
    place = toys.Place("a", fault=failing_with(SegmentationError("no product")))

    ran = toys.go(50, [place], rules)

    assert ran.end == "failures"
    assert 3 <= len(ran.ledger.failed) <= 5
    assert len(ran.ledger.failed) + len(ran.ledger.waiting) == 50
