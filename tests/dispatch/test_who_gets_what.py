"""Which place gets which order."""

import itertools
import time
from collections import Counter
from concurrent.futures import Future

import pytest

from prodgen.dispatch import PictureDone, RunEnded, lane
from prodgen.dispatch.lane import Flight, Lane
from prodgen.ledger import Claim


def test_every_order_is_made_once(toys):
    places = [toys.Place("a"), toys.Place("b")]

    ran = toys.go(20, places)

    assert ran.end == "complete"
    assert len(ran.ledger.done) == 20
    assert sum((place.drawn for place in places), Counter()) == Counter(list(ran.ledger.done))
    assert all(place.is_closed for place in places)


@pytest.mark.parametrize("orders", [9, 45])
def test_a_fast_card_does_not_wait_for_a_slow_one(toys, orders):
    """SwarmUI 247: orders split equally let the fast card idle while the slow one works off its half."""
    fast, slow = toys.Place("fast", 0.02), toys.Place("slow", 0.16)

    toys.go(orders, [slow, fast])

    # Whole pictures cannot be shared out: the fast one may wait at the end for one picture of the slow one.
    assert slow.ended - fast.ended < max(slow.took_s)
    assert len(fast.drawn) > 3 * len(slow.drawn)


def test_measured_speed_decides_and_not_the_order_in_which_places_are_named(toys):
    """novelai-bot 149: weights by hand are wrong as soon as somebody else uses a card too."""
    shares = []
    for names in (("slow", "fast"), ("fast", "slow")):
        places = {name: toys.Place(name, {"fast": 0.04, "slow": 0.32}[name]) for name in names}
        toys.go(40, list(places.values()))
        shares.append(len(places["fast"].drawn))

    assert min(shares) > 30
    assert abs(shares[0] - shares[1]) <= 4


def test_a_slow_place_is_not_given_the_last_order(toys):
    fast, slow = toys.Place("fast", 0.02, window=1), toys.Place("slow", 3.0, window=1)

    toys.go(40, [slow, fast])

    assert len(slow.drawn) == 1  # the one by which its speed was measured


def test_no_place_gets_more_than_it_has_room_for(toys):
    places = [toys.Place("a", window=1), toys.Place("b", window=3)]

    toys.go(20, places)

    assert [place.most_at_once for place in places] == [1, 3]


def test_orders_of_one_checkpoint_go_one_after_another_to_one_place(toys):
    orders = [toys.order(number, group="xl" if number % 2 else "sd") for number in range(1, 21)]
    places = [toys.Place("a", 0.01), toys.Place("b", 0.01)]

    toys.go(orders, places)

    loads = 0
    for place in places:
        kinds = [int(slot[3:]) % 2 for slot in place.drawn]
        loads += 1 + sum(one != two for one, two in itertools.pairwise(kinds))
    assert loads <= 4  # without grouping, nearly every order would load the other checkpoint


def test_the_idle_share_of_a_busy_place_is_small_and_of_an_idle_one_large(toys):
    busy, starved = toys.Place("busy", 0.2), toys.Place("starved", 0.01, window=0)

    ran = toys.go(5, [busy, starved])

    assert ran.of(RunEnded)[0].idle_share["busy"] < 0.1
    assert ran.of(RunEnded)[0].idle_share["starved"] > 0.9


def test_a_backend_that_enlarges_a_scene_is_not_idle(toys):
    one = Lane(toys.Place("a"), 0.0)
    flight = Flight(Claim(toys.order(1), "a", 1), Future(), 0.0, may_load=False)
    one.flights["sku1"] = flight
    for step, begun in (("draw", 0.0), ("complete", 4.0), ("enlarge", 5.0)):
        one.step(flight, step, begun)

    assert one.idle_share(10.0, is_over=False) == pytest.approx(0.1)
    assert flight.is_drawn
    assert one.draw_s == 4.0


def test_leases_of_orders_under_way_are_renewed(toys):
    from prodgen.dispatch import Rules

    ran = toys.go(2, [toys.Place("a", 0.8)], Rules(lease_s=0.3))

    assert ran.ledger.renewed >= 4


def test_leases_are_renewed_before_anything_is_claimed_after_a_long_look_at_an_event(toys):
    """A claim takes what has no lease any more, and that would be drawn twice."""
    from prodgen.dispatch import Rules, Standing, run

    ledger, said = toys.Ledger(map(toys.order, range(3))), []
    claim, renew = ledger.claim, ledger.renew
    ledger.claim = lambda *args, **named: said.append("claim") or claim(*args, **named)
    ledger.renew = lambda *args, **named: said.append("renew") or renew(*args, **named)
    for event in run(ledger, [toys.Place("a", 0.3, window=1)], Rules(lease_s=0.9)):
        if isinstance(event, Standing) and "looked" not in said:
            time.sleep(0.4)
            said.append("looked")

    after = said[said.index("looked") + 1 :]
    assert "claim" in after
    assert after.index("renew") < after.index("claim")


def test_looking_at_an_event_does_not_stop_the_work(toys):
    place = toys.Place("a", 0.1)
    ledger = toys.Ledger(map(toys.order, range(4)))
    from prodgen.dispatch import Rules, run

    drawn_meanwhile = []
    for event in run(ledger, [place], Rules()):
        if isinstance(event, PictureDone) and not drawn_meanwhile:
            until = time.monotonic() + 50
            while place.drawn.total() < 2 and time.monotonic() < until:
                time.sleep(0.01)
            drawn_meanwhile.append(place.drawn.total())

    assert drawn_meanwhile == [2]


def test_one_drawing_that_also_loads_a_model_does_not_make_a_place_slow(toys):
    measured = lane.Lane(toys.Place("a"), 0.0)
    measured._draws.extend([60.0, 2.0, 2.1])

    assert measured.draw_s == 2.1
