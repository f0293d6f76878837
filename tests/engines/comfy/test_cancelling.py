"""Who stops waiting has his prompt ended on the server, and nobody else's."""

from __future__ import annotations

import threading
import time

import pytest

from prodgen.engines.comfy import cancelling, standing
from prodgen.engines.comfy.comfy_server import ComfyServer
from prodgen.errors import BackendTimeoutError
from prodgen.server.queueing import Stopped

from .fake_comfy import Answer, FakeComfy, as_json
from .graphs_to_run import ignored, txt2img


def stopping(error: BaseException, comfy: FakeComfy):
    """Progress that raises once the prompt runs on the server."""

    def report(share: float, preview: object = None) -> None:
        if comfy.running is not None and comfy.running.prompt_id == comfy.posted[-1].get("prompt_id"):
            raise error

    return report


@pytest.mark.parametrize("error", [KeyboardInterrupt(), Stopped()])
@pytest.mark.parametrize("has_jobs", [False, True])
def test_a_running_prompt_is_interrupted_on_ctrl_c_and_on_an_interrupt(comfy, server, error, has_jobs):
    comfy.has_jobs = has_jobs
    comfy.gate.clear()

    with pytest.raises(type(error)):
        server.run(txt2img(), stopping(error, comfy))

    comfy.wait_for(lambda: comfy.running is None)
    assert comfy.history == {}
    assert len(comfy.finished) == 1


def waiting(comfy: FakeComfy, server: ComfyServer, error: BaseException) -> None:
    """Have a prompt of ours stopped while another client's runs, and that one come to its end."""
    comfy.gate.clear()
    other = ComfyServer(comfy.settings, poll_s=0.02)
    found: dict = {}
    thread = threading.Thread(target=lambda: found.update(run=other.run(txt2img(seed=1), ignored)))
    thread.start()
    comfy.wait_for(lambda: comfy.running is not None)

    def report(share: float, preview: object = None) -> None:
        if comfy.pending:
            raise error

    with pytest.raises(type(error)):
        server.run(txt2img(seed=2), report)
    assert comfy.pending == []
    comfy.gate.set()
    thread.join(20)
    other.close()
    assert found["run"].pictures


@pytest.mark.parametrize("knows_interrupt_id", [False, True])
@pytest.mark.parametrize("has_jobs", [False, True])
def test_a_waiting_prompt_is_taken_out_of_the_queue_and_the_other_runs_on(
    comfy, server, knows_interrupt_id, has_jobs
):
    comfy.knows_interrupt_id, comfy.has_jobs = knows_interrupt_id, has_jobs

    waiting(comfy, server, KeyboardInterrupt())

    assert ("POST", "/interrupt") not in comfy.asked


def test_an_interrupt_always_names_the_prompt(comfy, server):
    comfy.gate.clear()
    bodies: list = []
    usual = comfy._routed

    def routed(method, path, query, body, headers):
        if path == "/interrupt":
            bodies.append(body)
        return usual(method, path, query, body, headers)

    comfy._routed = routed
    with pytest.raises(Stopped):
        server.run(txt2img(), stopping(Stopped(), comfy))

    assert [comfy.posted[0]["prompt_id"] in body.decode() for body in bodies] == [True]


def test_another_thread_can_end_the_wait(comfy, server):
    comfy.gate.clear()

    def cancel_soon():
        comfy.wait_for(lambda: comfy.running is not None)
        server.cancel()

    threading.Thread(target=cancel_soon).start()

    with pytest.raises(Stopped):
        server.run(txt2img(), ignored)
    comfy.wait_for(lambda: comfy.running is None)


def test_a_jobs_api_that_cannot_cancel_yet_is_gone_round(comfy, server):
    comfy.has_jobs = True
    comfy.gate.clear()
    comfy._prearranged = lambda method, path: Answer(404) if path.endswith("/cancel") else None

    with pytest.raises(Stopped):
        server.run(txt2img(), stopping(Stopped(), comfy))

    comfy.wait_for(lambda: comfy.running is None)
    assert ("POST", "/interrupt") in comfy.asked


def test_cancelling_on_a_dead_server_ends_at_once_with_what_was_raised(comfy, server):
    comfy.gate.clear()

    def report(share: float, preview: object = None) -> None:
        if comfy.running is not None:
            comfy.stop()
            raise KeyboardInterrupt

    began = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        server.run(txt2img(), report)
    assert time.monotonic() - began < 5


def test_a_node_that_does_not_hear_the_interrupt_is_not_waited_for(comfy, server, monkeypatch):
    monkeypatch.setattr(cancelling, "ENDING_S", 0.1)
    comfy.gate.clear()
    comfy.at["POST", "/interrupt"] = Answer()  # taken, and without effect

    with pytest.raises(Stopped):
        server.run(txt2img(), stopping(Stopped(), comfy))
    assert comfy.running is not None
    comfy.gate.set()


@pytest.mark.parametrize(("version", "ends"), [("0.3.64", True), ("0.4.0", True), ("0.3.12", False)])
def test_where_the_queue_is_not_told_an_interrupt_is_sent_if_it_looks_at_the_id(comfy, server, version, ends):
    stats = {"system": {"comfyui_version": version}, "devices": []}
    comfy.at["GET", "/system_stats"] = as_json(stats)

    comfy.gate.clear()

    def report(share, preview=None):
        if comfy.running is not None:
            comfy.at["GET", "/queue"] = Answer(403)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        server.run(txt2img(), report)
    comfy.gate.set()

    assert (("POST", "/interrupt") in comfy.asked) is ends


def test_finding_out_where_a_prompt_is_takes_no_longer_than_one_limit(comfy, server, monkeypatch):
    monkeypatch.setattr(standing, "ASKED_S", 0.6)
    answered = comfy._routed

    def slow(method, path, *more):
        if method == "GET" and path.startswith(("/history/", "/queue")):
            time.sleep(0.4)
        return answered(method, path, *more)

    comfy._routed = slow
    began = time.monotonic()
    with pytest.raises(BackendTimeoutError):
        server._standings.of("nobody's")

    assert time.monotonic() - began < 1.1
