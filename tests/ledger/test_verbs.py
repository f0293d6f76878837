"""Claim, renew, finish, fail, release: who may work on what until when, and what is durable."""

from __future__ import annotations

import threading
import time
from dataclasses import replace

import pytest

from prodgen.ledger import Counts, OrderFailure, open_run

FAILURE = OrderFailure("BackendLostError", "box:7860: the connection broke", "place")


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass by the monotonic clock, as the test says."""

    class Clock:
        now = 1000.0

    monkeypatch.setattr(time, "monotonic", lambda: Clock.now)
    return Clock


def test_orders_are_given_in_the_order_of_the_sheet_and_each_once(shop, run):
    run.ledger.plan(shop.orders(5))

    taken = [shop.take(run).order for _ in range(5)]

    assert taken == shop.orders(5)
    assert run.ledger.claim("a place", lease_s=60) is None


def test_an_order_comes_back_from_the_ledger_as_it_went_in(shop, run):
    order = shop.order(
        1, prompt='"quoted", \n and 😀 {x}', asked_for={"loras": [{"name": "a", "weight": 0.5}]}
    )
    run.ledger.plan([order])

    assert shop.take(run).order == order


def test_a_claim_says_why_and_which_attempt(shop, run):
    run.ledger.plan(shop.orders(1))
    first = shop.take(run)
    run.ledger.fail(first, FAILURE, is_final=False)
    second = shop.take(run)

    assert [(claim.why, claim.attempt) for claim in (first, second)] == [("new", 1), ("new", 2)]


def test_what_failed_waits_behind_what_was_not_tried_yet(shop, run):
    run.ledger.plan(shop.orders(3))
    run.ledger.fail(shop.take(run), FAILURE, is_final=False)

    assert [shop.take(run).order.sku for _ in range(3)] == ["00002", "00003", "00001"]


def test_orders_that_need_no_other_checkpoint_come_first_if_wished(shop, run):
    orders = shop.orders(6)
    orders[1::2] = [replace(order, asked_for={"settings": {"checkpoint": "b"}}) for order in orders[1::2]]
    run.ledger.plan(orders)
    kin = orders[1].kin

    assert [shop.take(run, prefer=kin).order.sku for _ in range(4)] == ["00002", "00004", "00006", "00001"]
    assert orders[0].kin == "" != kin


def test_a_claim_names_its_kin(shop, run):
    order = shop.order(1, asked_for={"loras": ["a"], "light": "left"})
    run.ledger.plan([order])

    assert shop.take(run).kin == order.kin


def test_a_lease_that_ended_frees_the_order_for_others(shop, run, clock):
    run.ledger.plan(shop.orders(1))
    shop.take(run, "hangs", lease_s=60)
    clock.now += 59
    assert run.ledger.claim("other", lease_s=60) is None

    clock.now += 2

    again = shop.take(run, "other")
    assert (again.attempt, again.holder.split()[0]) == (2, "other")


def test_a_renewed_lease_lasts_longer(shop, run, clock):
    run.ledger.plan(shop.orders(1))
    claim = shop.take(run, lease_s=60)
    clock.now += 50
    run.ledger.renew([claim], lease_s=60)
    clock.now += 50

    assert run.ledger.claim("other", lease_s=60) is None


@pytest.mark.parametrize("jump_s", [-86400 * 400, -3600, 3600, 86400 * 400])
def test_a_wall_clock_that_jumps_frees_nothing_and_keeps_nothing(shop, run, clock, monkeypatch, jump_s):
    run.ledger.plan(shop.orders(1))
    shop.take(run, lease_s=60)
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + jump_s)
    assert run.ledger.claim("other", lease_s=60) is None

    clock.now += 61

    assert run.ledger.claim("other", lease_s=60) is not None


def test_claims_of_a_process_that_is_gone_are_free_at_once_and_count_as_no_attempt(shop):
    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(1))
        shop.take(run, lease_s=86400)
    assert list(shop.states().values()) == ["claimed"]

    with open_run(shop.out) as run:
        run.ledger.plan(shop.orders(1))
        assert shop.take(run).attempt == 1


def test_a_released_order_counts_as_no_attempt(shop, run):
    run.ledger.plan(shop.orders(1))
    run.ledger.release([shop.take(run)])

    assert shop.take(run).attempt == 1


def test_a_late_finish_counts_if_the_picture_is_the_one_it_means(shop, run, clock):
    run.ledger.plan(shop.orders(1))
    late = shop.take(run, "slow", lease_s=60)
    clock.now += 61
    shop.take(run, "other")
    run.ledger.finish(late, shop.draw(late.order))

    assert run.ledger.counts() == Counts(done=1)


def test_a_late_finish_of_a_picture_that_was_replaced_since_is_ignored(shop, run, clock):
    run.ledger.plan(shop.orders(1))
    late = shop.take(run, "slow", lease_s=60)
    record = shop.draw(late.order)
    clock.now += 61
    claim = shop.take(run, "other")
    newer = shop.draw(claim.order, content=b"drawn elsewhere")

    run.ledger.finish(late, record)
    assert run.ledger.counts() == Counts(claimed=1)
    run.ledger.finish(claim, newer)
    assert run.ledger.plan(shop.orders(1)).done == 1


@pytest.mark.parametrize("verb", ["fail", "release", "renew"])
def test_who_lost_a_claim_cannot_disturb_its_next_holder(shop, run, clock, verb):
    run.ledger.plan(shop.orders(1))
    late = shop.take(run, "slow", lease_s=60)
    clock.now += 61
    shop.take(run, "other", lease_s=60)

    if verb == "fail":
        run.ledger.fail(late, FAILURE, is_final=True)
    elif verb == "release":
        run.ledger.release([late])
    else:
        run.ledger.renew([late], lease_s=9999)

    assert run.ledger.counts() == Counts(claimed=1)
    clock.now += 61
    assert shop.take(run).attempt == 3


def test_a_final_failure_is_set_aside_with_its_reason(shop, run):
    run.ledger.plan(shop.orders(2))
    run.ledger.fail(shop.take(run), FAILURE, is_final=True)
    claim = shop.take(run)
    record = shop.draw(claim.order)
    run.ledger.finish(claim, record)

    assert run.ledger.claim("a place", lease_s=60) is None
    assert list(run.ledger.rows()) == [
        (shop.order(1), "failed", None, FAILURE),
        (shop.order(2), "done", record, None),
    ]


def test_rows_come_lazily_in_the_order_of_the_sheet_while_the_run_goes_on(shop, run):
    photo = str(shop.photo("all.jpg"))
    orders = [shop.order(number, photo=photo) for number in range(1, 2501)]
    run.ledger.plan(orders)
    seen = []

    for number, (order, *_) in enumerate(run.ledger.rows()):
        seen.append(order)
        if number % 500 == 0:
            claim = shop.take(run)
            run.ledger.finish(claim, shop.draw(claim.order))

    assert seen == orders


def test_many_threads_get_each_order_once_and_lose_no_picture(shop, run):
    orders = [shop.order(number, photo=str(shop.photo("all.jpg"))) for number in range(1, 121)]
    run.ledger.plan(orders)
    made: list[str] = []

    def work() -> None:
        made.extend(shop.make_all(run))

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(made) == [order.slot for order in orders]
    assert run.ledger.counts() == Counts(done=120)
