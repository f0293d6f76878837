"""A server that fails in every way, on purpose: no picture is lost, none is drawn twice for nothing."""

from __future__ import annotations

import threading
from collections import Counter

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.client.work import tasks
from prodgen.engines import embedded_server
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.engines.ibl.render import render
from prodgen.errors import BackendError, BackendOutOfMemoryError, BackendTimeoutError, Interrupted
from prodgen.schema import ICLight, Txt2Img
from prodgen.server import ApiServer, ApiTransport, Behaviour
from prodgen.server.injected_faults import EVERY_KIND, Fault, in_turn

WORK_LOST = frozenset(
    {"cut_during", "cut_after", "garbage", "half_json", "no_images", "gateway_timeout", "lost_at_cloudflare"}
)
"""Faults that destroy the answer after the picture was drawn; it must be drawn once more."""

UNSEEN = frozenset({"hang"})
"""Faults that only delay."""


def client_of(server, **options):
    options.setdefault("sleep", lambda _: None)
    return Client("embedded://", transport=ApiTransport(server), **options)


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 7} | fields))


@pytest.mark.parametrize("hands_out_files", [False, True])
def test_over_200_faults_no_picture_is_lost_and_none_is_drawn_in_vain(hands_out_files):
    rng = np.random.default_rng(11)
    plan = [str(kind) for kind in rng.permutation(np.repeat(EVERY_KIND, 10))]
    server = embedded_server(Behaviour(nowebui=not hands_out_files))
    server.faults = in_turn([Fault(kind, hang_s=0.01) for kind in plan])
    told = Counter()
    delivered = []

    with client_of(server) as client:
        client.capabilities  # noqa: B018 - asked before, so that the faults hit renders only
        for seed in range(60):
            # A caller that wants its picture asks again after an error, as the catalogue does.
            for _ in range(40):
                try:
                    delivered.append(client.txt2img(cat(seed=seed)).seeds[0])
                    break
                except BackendError as error:
                    told[type(error).__name__] += 1

    # Once a proxy was seen to give up, pictures are saved and fetched: no lost answer costs one any more.
    gave_up = min(plan.index("gateway_timeout"), plan.index("lost_at_cloudflare"))
    counted = plan[: gave_up + 1] if hands_out_files else plan
    drawn_in_vain = sum(kind in WORK_LOST for kind in counted)
    assert len(plan) >= 200
    assert delivered == list(range(60))
    assert len(server.render_log) == 60 + drawn_in_vain
    assert told["BackendError"] == 0  # each has a name of its own


@pytest.mark.parametrize("kind", EVERY_KIND)
def test_each_single_fault_is_survived_or_named(kind):
    server = embedded_server()
    server.faults = in_turn([Fault(kind, hang_s=0.01)])
    with client_of(server) as client:
        try:
            seeds, said = client.txt2img(cat()).seeds, ""
        except BackendError as error:
            seeds, said = (), str(error)

    assert seeds == (7,) or len(said) > 40
    assert len(server.render_log) == (1 if seeds else 0) + (kind in WORK_LOST)


def test_a_server_that_was_restarted_is_asked_again():
    server = embedded_server()
    server.faults = in_turn(["cut_before"])
    naps = []

    def sleep(seconds):
        naps.append(seconds)
        server.is_dead = len(naps) < 4

    with client_of(server, sleep=sleep) as client:
        client.capabilities  # noqa: B018 - the server is well until then
        generation = client.txt2img(cat())

    assert generation.seeds == (7,)
    assert len(server.render_log) == 1


def test_out_of_memory_offers_a_smaller_size():
    server = embedded_server(Behaviour(faults=in_turn(["out_of_memory"])))

    with client_of(server) as client, pytest.raises(BackendOutOfMemoryError, match="768x512"):
        client.txt2img(cat(width=1024, height=704))


def light():
    matte = np.zeros((64, 64), np.float32)
    matte[16:48, 16:48] = 1
    return ICLight(foreground=np.full((64, 64, 3), 0.6, np.float32), matte=matte)


@pytest.mark.parametrize("ic_light", ["v1", "v2", "v15"])
def test_ic_light_is_proven_in_every_spelling(ic_light):
    with client_of(embedded_server(Behaviour(ic_light=ic_light))) as client:
        assert client.txt2img(cat(ic_light=light())).applied.ic_light is True


def test_pictures_that_cannot_be_sent_are_fetched_one_by_one():
    plain, broken = embedded_server(), embedded_server(Behaviour(ndarray_bug=True))
    request = cat(ic_light=light(), batch_size=2)

    with client_of(plain) as client:
        sent = client.txt2img(request)
    with client_of(broken) as client:
        fetched = client.txt2img(request)
        options = client.options()

    assert fetched.seeds == sent.seeds == (7, 8)
    for one, other in zip(sent.images, fetched.images, strict=True):
        np.testing.assert_array_equal(one, other)
    # The server is as it was: nothing that was overridden for the saving holds on.
    assert options["samples_filename_pattern"] == ""
    assert options["save_to_dirs"] is True


def test_progress_of_pictures_that_are_fetched_is_that_of_all(monkeypatch):
    monkeypatch.setattr(tasks, "POLL_S", 0.01)
    seen = []

    with client_of(embedded_server(Behaviour(ndarray_bug=True, delay_s=0.3))) as client:
        request = cat(ic_light=light(), batch_size=2, steps=20)
        client.txt2img(request)  # by now it is known that pictures must be fetched
        client.txt2img(request, on_progress=seen.append)

    fractions = [progress.fraction for progress in seen]
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.5 < fractions[-1]


def test_progress_carries_previews_where_they_are_wanted(monkeypatch):
    monkeypatch.setattr(tasks, "POLL_S", 0.02)
    seen = []

    with client_of(embedded_server(Behaviour(delay_s=0.6)), previews=True) as client:
        client.txt2img(cat(steps=20), on_progress=seen.append)

    assert any(progress.preview is not None and progress.preview.shape[2] == 3 for progress in seen)


def test_overrides_do_not_leak_even_from_a_fresh_install():
    server = embedded_server(Behaviour(leaky_overrides=True))
    with client_of(server) as client:
        before = client.options()
        client.txt2img(cat(clip_skip=2))
        after = client.options()

    assert after["CLIP_stop_at_last_layers"] == before["CLIP_stop_at_last_layers"]


class Held:
    """An embedded server whose pictures of some seeds are never done until they are let go or stopped."""

    def __init__(self, *seeds):
        self.begun = {seed: threading.Event() for seed in seeds}
        self.let_go = {seed: threading.Event() for seed in seeds}
        self.server = ApiServer(IblEngine(renderer=self._render))

    def _render(self, order):
        if order.seed in self.begun:
            self.begun[order.seed].set()
            while not self.let_go[order.seed].wait(0.01):
                order.progress(0.1)  # raises once the job is interrupted
        return render(order)


def test_a_time_out_stops_the_work_on_the_server():
    held = Held(7)
    with client_of(held.server, timeout_s=0.3) as client:
        client.capabilities  # noqa: B018 - not part of the time-out
        with pytest.raises(BackendTimeoutError, match="its work was stopped"):
            client.txt2img(cat())

    assert held.begun[7].is_set()


def test_cancelling_stops_our_own_work_only(monkeypatch):
    monkeypatch.setattr(tasks, "POLL_S", 0.01)
    held = Held(1, 2)
    theirs, ours = client_of(held.server), client_of(held.server)
    is_queued = threading.Event()
    ended = {}

    def run(name, client, seed, on_progress=None):
        try:
            ended[name] = client.txt2img(cat(seed=seed), on_progress=on_progress).seeds
        except Interrupted as error:
            ended[name] = str(error)

    def watch(progress):
        if progress.queued:
            is_queued.set()

    first = threading.Thread(target=run, args=("theirs", theirs, 1))
    second = threading.Thread(target=run, args=("ours", ours, 2, watch))
    first.start()
    assert held.begun[1].wait(20)
    second.start()
    assert is_queued.wait(20)
    assert ours.cancel()  # it only waits for theirs by now; it is stopped as soon as it begins
    held.let_go[1].set()
    first.join(20)
    second.join(20)

    assert ended["theirs"] == (1,)
    assert "stopped" in ended["ours"]


def test_a_run_that_somebody_else_stopped_is_told():
    held = Held(7)
    other = httpx.Client(transport=ApiTransport(held.server), base_url="http://x")

    def stop():
        held.begun[7].wait(20)
        other.post("/sdapi/v1/interrupt", json={})

    stopping = threading.Thread(target=stop)
    stopping.start()
    with client_of(held.server) as client:
        generation = client.txt2img(cat())
    stopping.join(20)

    assert any("told to stop" in notice for notice in generation.notices)


def test_45_queued_calls_of_others_only_make_ours_wait():
    server = embedded_server(Behaviour(delay_s=0.02))
    others = [
        threading.Thread(target=lambda seed=seed: client_of(server).txt2img(cat(seed=seed)))
        for seed in range(45)
    ]
    for other in others:
        other.start()

    with client_of(server) as client:
        generation = client.txt2img(cat(seed=99))
    for other in others:
        other.join(30)

    assert generation.seeds == (99,)
    assert len(server.render_log) == 46
