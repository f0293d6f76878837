"""A ledger in memory, and toy places that draw by sleeping."""

from __future__ import annotations

import queue
import threading
import time
from collections import Counter
from concurrent.futures import Future
from types import SimpleNamespace

import pytest

from prodgen.catalogue import Order
from prodgen.dispatch import Rules, run
from prodgen.errors import BackendUnreachableError, Interrupted
from prodgen.ledger import Claim, Counts, PictureRecord


def order_of(number: int, **asked_for) -> Order:
    return Order(
        f"sku{number}", f"sku{number}", number, "p.png", "a table", number, f"{number}.png", asked_for
    )


class ToyLedger:
    """The verbs of a ledger, in memory; orders wait in the order of their numbers."""

    def __init__(self, orders):
        self.waiting = list(orders)
        self.claimed, self.done, self.failed = {}, {}, {}
        self.renewed = 0

    def claim(self, holder, *, lease_s, prefer=""):
        if not self.waiting:
            return None
        order = next((x for x in self.waiting if x.asked_for.get("group") == prefer), self.waiting[0])
        self.waiting.remove(order)
        self.claimed[order.slot] = order
        return Claim(order, holder, 1, kin=order.asked_for.get("group", ""))

    def renew(self, claims, *, lease_s):
        self.renewed += len(list(claims))

    def finish(self, claim, record):
        slot = claim.order.slot
        assert slot in self.claimed, f"{slot} is finished, and nobody has claimed it"
        self.done[slot] = (self.claimed.pop(slot), record)

    def fail(self, claim, failure, *, is_final):
        assert is_final
        self.claimed.pop(claim.order.slot)
        self.failed[claim.order.slot] = failure

    def release(self, claims):
        self.waiting += [self.claimed.pop(claim.order.slot) for claim in claims]

    def counts(self):
        return Counts(len(self.waiting), len(self.claimed), len(self.done), len(self.failed))


class ToyPlace:
    """Draws one order after another by sleeping; `fault(order)` may give an error, or "hang"."""

    def __init__(self, name, draw_s=0.01, *, window=2, fault=lambda order: None):
        self.name, self.draw_s, self.window, self.fault = name, draw_s, window, fault
        self.is_dead = False
        self.drawn, self.probes, self.most_at_once = Counter(), 0, 0
        self.took_s, self.ended = [], 0.0
        self.under_way, self.hung = {}, []
        self.inbox = queue.SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def room(self):
        return self.window - len(self.under_way)

    def submit(self, order, on_step):
        future = Future()
        self.under_way[order.slot] = future
        future.add_done_callback(lambda _: self.under_way.pop(order.slot, None))
        self.most_at_once = max(self.most_at_once, len(self.under_way))
        on_step(self.name, order, "prepare")
        self.inbox.put((order, on_step, future))
        return future

    def probe(self):
        self.probes += 1
        if self.is_dead:
            raise BackendUnreachableError(self.name, "refused")

    def close(self, *, now=False):
        self.is_closed = True
        for future in tuple(self.under_way.values()) if now else ():
            if not future.done():
                future.cancel() or future.set_exception(Interrupted())

    def _work(self):
        while True:
            order, on_step, future = self.inbox.get()
            if future.cancelled():
                continue
            on_step(self.name, order, "draw")
            error = BackendUnreachableError(self.name, "refused") if self.is_dead else self.fault(order)
            if error == "hang":
                self.hung.append(order.slot)
                continue
            if error is None:
                begun = time.monotonic()
                time.sleep(self.draw_s)
                self.drawn[order.slot] += 1
                self.ended = time.monotonic()
                self.took_s.append(self.ended - begun)
            if future.set_running_or_notify_cancel():
                on_step(self.name, order, "complete")
                if error is None:
                    future.set_result(
                        PictureRecord(order.output, "", 1, order.seed, "pass", "", place=self.name)
                    )
                else:
                    future.set_exception(error)


@pytest.fixture
def toys():
    def go(orders, places, rules=None):
        ledger = ToyLedger(map(order_of, range(1, orders + 1)) if isinstance(orders, int) else orders)
        begun = time.monotonic()
        events = list(run(ledger, places, rules or Rules()))
        return SimpleNamespace(
            ledger=ledger,
            events=events,
            seconds=time.monotonic() - begun,
            end=events[-1].end,
            of=lambda kind: [event for event in events if isinstance(event, kind)],
        )

    return SimpleNamespace(go=go, Place=ToyPlace, Ledger=ToyLedger, order=order_of)
