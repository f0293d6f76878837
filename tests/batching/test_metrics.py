"""What Prometheus reads from a run."""

from __future__ import annotations

import socket
import struct
import sys
import threading
import time

import httpx
import pytest

from prodgen.batching.metrics import metrics_served
from prodgen.errors import SettingError
from prodgen.ledger import PlaceState


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def read(port: int) -> str:
    with httpx.Client(trust_env=False) as http:
        return http.get(f"http://127.0.0.1:{port}/metrics").text


def test_a_runs_numbers_can_be_read_while_it_goes_on_and_not_afterwards(run_events):
    port = free_port()
    with metrics_served(str(port)) as metrics:
        lost = PlaceState("gpu-2:7860", is_lost=True)
        for event in (
            run_events.done(),
            run_events.done(),
            run_events.failed(is_final=False),
            run_events.failed(),
            run_events.standing(PlaceState("gpu-1:7860"), lost),
        ):
            metrics(event)
        text = read(port)
        metrics(run_events.ended())
        at_the_end = read(port)

    assert 'prodgen_pictures_done_total{status="pass"} 2.0' in text
    assert 'prodgen_pictures_failed_total{kind="SegmentationError"} 1.0' in text
    assert 'prodgen_tries_failed_total{place="gpu-1:7860"} 2.0' in text
    assert 'prodgen_orders{state="waiting"} 5.0' in text
    assert 'prodgen_place_up{place="gpu-2:7860"} 0.0' in text
    assert "prodgen_pictures_a_minute 28.4" in text
    assert 'prodgen_orders{state="waiting"} 0.0' in at_the_end
    with pytest.raises(httpx.ConnectError):
        read(port)


def test_a_reader_that_hangs_up_leaves_no_traceback_on_the_terminal(capfd):
    port = free_port()
    others = set(threading.enumerate())  # servers of other tests may still be reading from an open connection
    with metrics_served(str(port)):
        with socket.create_connection(("127.0.0.1", port)) as reader:
            reader.sendall(b"GET")
            reader.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        read(port)
        until = time.monotonic() + 10
        while any("process_request_thread" in thread.name for thread in set(threading.enumerate()) - others):
            assert time.monotonic() < until
            time.sleep(0.01)

    assert capfd.readouterr().err == ""


def test_no_product_becomes_a_label(run_events):
    port = free_port()
    with metrics_served(str(port)) as metrics:
        metrics(run_events.done())
        metrics(run_events.failed())
        text = read(port)

    assert "00123" not in text


def test_only_this_computer_is_answered_unless_a_host_is_named():
    port = free_port()
    with metrics_served(str(port)), socket.socket() as other:
        other.bind(("127.0.0.2", port))  # taken already, if all addresses were listened on


def test_a_taken_port_and_a_wrong_one_are_refused_with_a_remedy():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(SettingError, match="another port"), metrics_served(str(taken.getsockname()[1])):
            pass
    for address in ("abc", "70000", "", "host:"):
        with pytest.raises(SettingError, match="9464"), metrics_served(address):
            pass


def test_without_prometheus_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "prometheus_client", None)
    with pytest.raises(SettingError, match=r"prodgen\[metrics\]"), metrics_served("9464"):
        pass
