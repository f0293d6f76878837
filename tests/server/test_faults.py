"""The server being slow, busy, wrong or dead, and the log that tells what was rendered all the same."""

from __future__ import annotations

import contextlib

import httpx
import pytest

from prodgen.server.injected_faults import EVERY_KIND, Fault, at_random, in_turn

WITHOUT_WORK = {
    *("refuse", "cut_before", "busy", "too_many", "bad_gateway", "origin_down", "not_routed", "loading"),
    *("half_made", "html", "out_of_memory", "nan"),
}
"""Faults after which nothing was rendered."""


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("refuse", httpx.ConnectError),
        ("cut_before", httpx.RemoteProtocolError),
        ("cut_after", httpx.RemoteProtocolError),
        ("cut_during", httpx.RemoteProtocolError),
    ],
)
def test_a_broken_connection_is_httpxs_own_error(call, kind, error):
    with pytest.raises(error):
        call(faults=in_turn([kind])).txt2img()


@pytest.mark.parametrize(
    ("kind", "status", "beginning"),
    [
        ("busy", 503, b"<!DOCTYPE"),
        ("too_many", 429, b"<!DOCTYPE"),
        ("bad_gateway", 502, b"<!DOCTYPE"),
        ("gateway_timeout", 504, b"<!DOCTYPE"),
        ("lost_at_cloudflare", 524, b"error code"),
        ("origin_down", 521, b"<!DOCTYPE"),
        ("not_routed", 404, b"<!DOCTYPE"),
        ("loading", 503, b'{"error":"Model is'),
        ("half_made", 500, b'{"error":"AttributeError"'),
        ("html", 200, b"<!DOCTYPE"),
        ("garbage", 200, b"\x00\xff"),
        ("half_json", 200, b'{"images":["'),
        ("no_images", 200, b'{"parameters"'),
        ("out_of_memory", 500, b'{"error":"OutOfMemoryError"'),
        ("nan", 500, b'{"error":"NansException"'),
    ],
)
def test_a_wrong_answer_has_its_status_and_body(call, kind, status, beginning):
    response = call(faults=in_turn([kind])).txt2img()

    assert response.status_code == status
    assert response.content.startswith(beginning)


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_the_log_tells_whether_a_fault_came_before_or_after_the_work(call, kind):
    caller = call(faults=in_turn([Fault(kind, hang_s=0.01)]))
    with contextlib.suppress(httpx.TransportError):
        caller.txt2img(force_task_id="mine")
    works = kind not in WITHOUT_WORK

    assert [record.task for record in caller.server.render_log] == (["mine"] if works else [])


def test_a_hanging_server_outlasts_the_clients_patience_with_the_work_done(call):
    caller = call(faults=in_turn([Fault("hang", hang_s=0.5)]))
    body = {"width": 64, "height": 64, "steps": 2}
    with pytest.raises(httpx.ReadTimeout):
        caller.http.post("/sdapi/v1/txt2img", json=body, timeout=0.2)

    assert len(caller.server.render_log) == 1


def test_faults_in_turn_hit_one_request_each_and_then_no_more(call):
    caller = call(faults=in_turn(["busy", None, "busy"]))

    assert [caller.txt2img().status_code for _ in range(5)] == [503, 200, 503, 200, 200]
    assert caller.get("/sdapi/v1/samplers").status_code == 200


def test_random_faults_are_the_same_for_the_same_seed_and_hit_their_share():
    first, second = (at_random(share=0.3, seed=5, kinds=["busy"]) for _ in range(2))
    path = "/sdapi/v1/txt2img"
    drawn = [first(path) for _ in range(1000)]

    assert drawn == [second(path) for _ in range(1000)]
    assert 250 < sum(fault is not None for fault in drawn) < 350
    assert first("/sdapi/v1/options") is None


def test_a_dead_server_refuses_everything_until_it_lives_again(call):
    caller = call()
    caller.server.is_dead = True
    with pytest.raises(httpx.ConnectError):
        caller.get("/sdapi/v1/samplers")
    caller.server.is_dead = False

    assert caller.get("/sdapi/v1/samplers").status_code == 200
