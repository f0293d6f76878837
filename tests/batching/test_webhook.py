"""The webhook: signed, tried again, within bounds, and never a reason for a run to stop."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
import time
from collections.abc import Callable

import httpx
import pytest

from prodgen.batching.webhook import Webhook
from prodgen.errors import SettingError

URL = "https://shop.example/hooks/prodgen"


ANSWERS_AT_LAST_S = 30.0
"""Seconds after which a receiver that is held up answers all the same."""


class Receiver:
    """Answers with these statuses, one after another, the last one for ever; keeps what it got."""

    def __init__(self, *statuses: int) -> None:
        self.statuses = list(statuses)
        self.may_answer = threading.Event()
        self.may_answer.set()
        self.requests: list[httpx.Request] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        self.may_answer.wait(ANSWERS_AT_LAST_S)
        status = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        return httpx.Response(status)

    @property
    def bodies(self) -> list[dict]:
        return [json.loads(request.content) for request in self.requests]


def hook(receiver: Callable[[httpx.Request], httpx.Response], **more: object) -> Webhook:
    return Webhook(URL, "s3cret", transport=httpx.MockTransport(receiver), **more)


def test_a_failure_and_the_end_are_sent_in_this_order_and_each_signed(run_events):
    receiver = Receiver(204)
    with hook(receiver) as webhook:
        for event in (
            run_events.done(),
            run_events.failed(is_final=False),
            run_events.failed(),
            run_events.standing(),
            run_events.ended(failed=1),
        ):
            webhook(event)

    first, last = receiver.bodies
    assert first["event"] == "pictures.failed"
    assert [picture["slot"] for picture in first["pictures"]] == ["00123/kitchen"]
    assert (last["event"], last["end"], last["counts"]["failed"]) == ("run.ended", "complete", 1)
    for request in receiver.requests:
        signed = request.headers["X-Prodgen-Timestamp"].encode() + b"." + request.content
        digest = hmac.new(b"s3cret", signed, hashlib.sha256).hexdigest()
        assert request.headers["X-Prodgen-Signature"] == f"sha256={digest}"


def test_a_body_tells_nothing_but_skus_slots_counts_and_statuses(run_events):
    receiver = Receiver(200)
    with hook(receiver) as webhook:
        webhook(run_events.failed())
        webhook(run_events.ended(failed=1))

    sent = b"".join(request.content for request in receiver.requests)
    assert b"secret" not in sent
    assert b"found" not in sent


def test_a_receiver_that_is_busy_gets_the_same_message_again(run_events):
    receiver = Receiver(503, 429, 200)
    with hook(receiver) as webhook:
        webhook(run_events.ended())

    assert len(receiver.requests) == 3
    assert len({request.headers["X-Prodgen-Delivery"] for request in receiver.requests}) == 1
    assert not webhook.notices


@pytest.mark.parametrize("status", [301, 401, 404, 410])
def test_a_refusal_is_final_and_becomes_a_notice_without_the_address(status, run_events):
    receiver = Receiver(status)
    with hook(receiver) as webhook:
        webhook(run_events.ended())

    assert len(receiver.requests) == 1
    (notice,) = webhook.notices
    assert str(status) in notice
    assert "shop.example" in notice
    assert "hooks" not in notice


def test_a_receiver_that_is_gone_costs_no_more_than_the_time_allowed(run_events):
    def gone(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("[Errno 111] Connection refused", request=request)

    began = time.monotonic()
    with hook(gone, try_for_s=0.2) as webhook:
        webhook(run_events.ended())

    assert time.monotonic() - began < 30
    assert "refused" in webhook.notices[0]


def test_failures_that_come_while_a_message_is_under_way_share_one_and_the_body_is_bounded(run_events):
    receiver = Receiver(200)
    receiver.may_answer.clear()
    with hook(receiver) as webhook:
        webhook(run_events.failed("first"))
        while not receiver.requests:
            time.sleep(0.01)
        for number in range(250):
            webhook(run_events.failed(f"{number}"))
        receiver.may_answer.set()

    assert len(receiver.bodies) == 2
    assert len(receiver.bodies[1]["pictures"]) == 100
    assert receiver.bodies[1]["more"] == 150


def test_a_run_never_waits_for_a_slow_receiver(run_events):
    receiver = Receiver(200)
    receiver.may_answer.clear()
    webhook = hook(receiver)
    began = time.monotonic()
    for number in range(100):
        webhook(run_events.failed(f"{number}"))

    assert time.monotonic() - began < ANSWERS_AT_LAST_S
    receiver.may_answer.set()
    webhook.close()


def test_a_run_that_breaks_off_tells_that_it_did(run_events):
    receiver = Receiver(200)
    webhook = hook(receiver)
    webhook(run_events.standing())
    webhook.__exit__(OSError, OSError("the disk is gone"), None)

    assert (receiver.bodies[0]["end"], receiver.bodies[0]["counts"]["done"]) == ("error", 3)


def test_without_a_secret_nothing_is_sent(monkeypatch):
    with pytest.raises(SettingError, match="PRODGEN_WEBHOOK_SECRET"):
        Webhook(URL)
    monkeypatch.setenv("PRODGEN_WEBHOOK_SECRET", "from the environment")
    Webhook(URL, transport=httpx.MockTransport(Receiver(200))).close()


@pytest.mark.parametrize("url", ["shop.example/hook", "ftp://shop.example", "https://", "http:///x"])
def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(SettingError, match="https://shop"):
        Webhook(url, "s3cret")
