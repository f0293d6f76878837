"""The engine of load tests: it keeps time, not beauty, and says so."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from prodgen.client import Client
from prodgen.engines import engine_server
from prodgen.schema import ICLight, Txt2Img
from prodgen.server import ApiServer, Behaviour
from prodgen.server.transport import ApiTransport

SMALL = Txt2Img(prompt="a mug", seed=1, width=64, height=64, steps=10)


def load_test_server(delay_s: float) -> ApiServer:
    return engine_server("load-test", behaviour=Behaviour(delay_s=delay_s))


def client_of(server: ApiServer) -> Client:
    return Client("http://load-test", transport=ApiTransport(server))


def test_a_load_tests_picture_holds_the_product_before_plain_grey_and_says_what_it_is():
    photo = np.zeros((64, 64, 3), np.float32)
    photo[..., 0] = 1
    matte = np.zeros((64, 64), np.float32)
    matte[20:40, 20:40] = 1
    asked = SMALL.model_copy(update={"ic_light": ICLight(foreground=photo, matte=matte)})

    with client_of(load_test_server(0.0)) as client:
        done = client.txt2img(asked)

    picture = done.images[0]
    assert picture[30, 30] == pytest.approx([1, 0, 0])
    assert np.ptp(picture[5, 5]) == 0
    assert "Scene: load test" in done.infotexts[0]
    assert "(load test)" in done.infotexts[0]


def test_two_pictures_asked_for_at_once_take_the_delay_one_after_the_other():
    server = load_test_server(0.3)
    with client_of(server) as client:
        client.txt2img(SMALL)  # what is imported and looked up once is not timed
        threads = [threading.Thread(target=client.txt2img, args=(SMALL,)) for _ in range(2)]
        began = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert time.monotonic() - began >= 0.6


def test_the_progress_of_a_delayed_picture_is_the_share_of_its_time_that_is_over():
    server = load_test_server(2.0)
    state = server.machine.state
    with client_of(server) as client:
        thread = threading.Thread(target=client.txt2img, args=(SMALL,))
        thread.start()
        seen: list[tuple[float, float]] = []
        while thread.is_alive():
            if state.job_count > 0:
                fraction = state.fraction()
                seen.append((time.monotonic() - state.started, fraction))
            time.sleep(0.02)

    fractions = [fraction for _, fraction in seen]
    assert fractions == sorted(fractions)
    assert len(set(fractions)) > 5
    for passed_s, fraction in seen:
        assert fraction <= passed_s / 2 + 0.03  # late by what a busy machine needs, never early


def test_a_delayed_picture_is_interrupted_at_once():
    server = load_test_server(100.0)
    with client_of(server) as client:
        thread = threading.Thread(target=client.txt2img, args=(SMALL,))
        thread.start()
        while server.machine.state.preview is None:
            time.sleep(0.01)
        server.machine.state.ask_to_stop(skip=False)
        thread.join(40)

    assert not thread.is_alive()
    assert server.render_log[0].outcome == "interrupted"
