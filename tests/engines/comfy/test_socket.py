"""The websocket gives steps and previews, and nothing depends on it."""

from __future__ import annotations

import builtins
import json
import time

import numpy as np
import pytest

from prodgen.engines.comfy.comfy_server import ComfyServer
from prodgen.engines.comfy.socket_news import News

from .fake_comfy import FakeComfy, png
from .fake_socket import FakeSocket
from .graphs_to_run import ignored, txt2img

PNG = png(np.full((8, 8, 3), 90, np.uint8))


def watched(comfy: FakeComfy, server: ComfyServer) -> tuple[list[float], list[np.ndarray]]:
    """Run a graph whose sampler stops at its first step until a share came; return shares and previews."""
    shares: list[float] = []
    previews: list[np.ndarray] = []

    def report(share: float, preview: np.ndarray | None = None) -> None:
        shares.append(share)
        if preview is not None:
            previews.append(preview)
        if share > 0.3 and (previews or not comfy.previews):
            comfy.gate.set()

    comfy.gate.clear()
    server.run(txt2img(steps=10), report)
    return shares, previews


def test_steps_and_previews_come_while_a_picture_is_drawn(comfy, server):
    shares, previews = watched(comfy, server)

    assert shares == sorted(shares)
    assert 0.3 < next(share for share in shares if share > 0.3) < 0.9
    assert previews[0].shape == (64, 64, 3)


def test_a_server_that_knows_no_metadata_shows_previews_too(comfy, server):
    comfy.knows_metadata = False

    assert watched(comfy, server)[1][0].shape == (64, 64, 3)


def test_the_first_word_asks_for_previews_that_name_their_prompt(comfy, server):
    heard: list[str] = []

    def report(share: float, preview: object = None) -> None:
        for each in comfy.sockets.values():
            heard.extend(each.heard[:1])

    comfy.gate.clear()
    comfy.previews = False

    def look(share: float, preview: object = None) -> None:
        report(share)
        if heard:
            comfy.gate.set()

    server.run(txt2img(), look)

    assert json.loads(heard[0])["data"] == {"supports_preview_metadata": True}


def test_without_a_websocket_there_are_pictures_all_the_same(comfy, server):
    comfy.has_websocket = False

    assert server.run(txt2img(), ignored).pictures


def test_without_the_package_it_is_asked_again_and_again(comfy, server, monkeypatch):
    usual = builtins.__import__

    def without(name, *rest):
        if name.startswith("websockets"):
            raise ImportError(name)
        return usual(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)

    assert server.run(txt2img(), ignored).pictures
    assert not any(path.startswith("/ws") for _, path in comfy.asked)


def test_a_socket_that_breaks_in_mid_run_is_no_end(comfy, server):
    def report(share: float, preview: object = None) -> None:
        if comfy.running is not None and comfy.sockets:
            for each in list(comfy.sockets.values()):
                each.cut()
            comfy.sockets.clear()
            comfy.gate.set()

    comfy.gate.clear()

    assert server.run(txt2img(), report).pictures


def test_a_socket_that_somebody_takes_over_falls_silent_and_is_no_end(comfy, server):
    """The server keeps one socket for each client_id; the old one stays open and hears nothing more."""
    taken: list[FakeSocket] = []

    def report(share: float, preview: object = None) -> None:
        if share > 0 and not taken:
            taken.extend(comfy.sockets.values())
            comfy.sockets.clear()
            comfy.gate.set()

    comfy.gate.clear()
    began = time.monotonic()

    assert server.run(txt2img(), report).pictures
    assert taken
    assert time.monotonic() - began < 10


# -- what is told


def news() -> News:
    return News(txt2img(steps=4), "ours")


def told(kind: str, **inside: object) -> str:
    return json.dumps({"type": kind, "data": {"prompt_id": "ours", **inside}})


def test_a_sampler_counts_as_many_times_as_it_has_steps():
    found = news()

    found.hear(told("progress", node="sampler", value=2, max=4))

    assert found.share == pytest.approx(2 / 10)


def test_cached_nodes_are_done():
    found = news()

    found.hear(told("execution_cached", nodes=["ckpt", "pos", "neg", "latent", "sampler", "decode"]))

    assert found.share == pytest.approx(9 / 10)


def test_a_node_is_done_once_the_next_one_is_at_work():
    found = news()

    found.hear(told("executing", node="ckpt"))
    found.hear(told("executing", node="latent"))

    assert found.share == pytest.approx(1 / 10)


def test_the_state_of_all_nodes_is_enough_by_itself():
    found = news()
    nodes = {
        "ckpt": {"value": 1, "max": 1, "state": "finished"},
        "sampler": {"value": 3, "max": 4, "state": "running"},
    }

    found.hear(told("progress_state", nodes=nodes))

    assert found.share == pytest.approx(4 / 10)


@pytest.mark.parametrize(
    "message",
    [
        "",
        "no json",
        "[]",
        "null",
        '{"type": "progress"}',
        '{"type": "progress", "data": []}',
        '{"type": "progress", "data": {"prompt_id": "others", "node": "sampler", "value": 1, "max": 4}}',
        told("progress", node="sampler", value="x", max=0),
        told("progress_state", nodes=[]),
        told("execution_cached", nodes=None),
        "[" * 100_000,
    ],
)
def test_what_cannot_be_read_or_is_anothers_tells_nothing(message):
    found = news()

    found.hear(message)

    assert (found.share, found.is_over) == (0.0, False)


@pytest.mark.parametrize(
    "frame",
    [
        b"",
        b"\0\0\0\1",
        b"\0\0\0\1\0\0\0\1half a picture",
        b"\0\0\0\1\0\0\0\2" + PNG[:40],
        b"\0\0\0\3\0\0\0\1" + PNG,
        b"\0\0\0\4\xff\xff\xff\xff{}",
        b"\0\0\0\4\0\0\0\2{}" + PNG,
        b'\0\0\0\4\0\0\0\x17{"prompt_id": "others"}' + PNG,
    ],
)
def test_a_frame_that_is_no_picture_of_ours_is_left_alone(frame):
    found = news()
    found.hear(told("execution_start"))

    found.hear(frame)

    assert found.preview is None


def test_a_frame_without_a_name_counts_only_while_our_prompt_runs():
    found = news()
    frame = b"\0\0\0\1\0\0\0\2" + PNG

    found.hear(frame)
    assert found.preview is None
    found.hear(told("execution_start"))
    found.hear(frame)
    assert found.preview is not None


def test_numbers_that_nobody_counts_with_tell_nothing():
    news = News({**txt2img(), "odd": {"class_type": "X", "inputs": {"steps": 10**400}}}, "p")
    most = "9" * 400

    for value, top in ((most, "1"), ("1", most), ("0.5", most), ("-" + most, "3"), ("NaN", "3")):
        told = f'{{"prompt_id": "p", "node": "sampler", "value": {value}, "max": {top}}}'
        news.hear(f'{{"type": "progress", "data": {told}}}')

        assert 0 <= news.share <= 1
