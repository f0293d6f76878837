"""A slow engine says how long a picture takes before it draws, and better once it has drawn one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from prodgen.server.app import ApiServer
from prodgen.server.engine import BatchOrder, DrawnPicture, ReportProgress
from tests.engines.toy_engine import ToyEngine


class SlowEngine(ToyEngine):
    """Says of itself what it is told, and remembers what was said when it began to draw."""

    said: list[str]
    seconds: float | None = 90.0
    step_s = 0.0

    def estimate(self, width: int, height: int, steps: int) -> float | None:
        self.asked = (width, height, steps)
        return self.seconds

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        self.said_before = list(self.said)

        def slowly(share: float, preview: object = None) -> None:
            time.sleep(self.step_s)
            progress(share)

        yield from super().draw(order, slowly)


@pytest.fixture
def engine() -> SlowEngine:
    made = SlowEngine()
    made.said = []
    return made


@pytest.fixture
def ask(engine, calling) -> Any:
    server = ApiServer(engine)
    server.machine.pace.tell = engine.said.append
    return calling(server)


def test_before_the_first_picture_it_is_said_how_long_it_takes(ask, engine):
    ask.txt2img(width=64, height=128, steps=7, batch_size=2)

    assert engine.said_before == [
        "the engine draws in grey: about 3 min for these 2 pictures of 64 x 128 in 7 steps"
    ]
    assert engine.asked == (64, 128, 7)


def test_what_the_first_picture_took_corrects_what_is_said_of_the_second_and_then_it_is_silent(ask, engine):
    engine.step_s = 0.02
    for _ in range(3):
        ask.txt2img(width=64, height=64, steps=10)

    assert engine.said == [
        "the engine draws in grey: about 90 s for this picture of 64 x 64 in 10 steps",
        "the engine draws in grey: about 1 s for this picture of 64 x 64 in 10 steps, by the one before",
    ]


def test_of_img2img_only_the_steps_that_are_drawn_count(ask, engine, encode, ramp):
    ask.img2img(init_images=[encode(ramp)], steps=20, denoising_strength=0.25)

    assert engine.asked == (64, 64, 5)


def test_a_second_pass_counts_too(ask, engine):
    ask.txt2img(width=64, height=64, enable_hr=True, hr_scale=2, denoising_strength=0.5, hr_upscaler="None")

    assert "about 3 min for this picture of 128 x 128" in engine.said[0]


def test_a_fast_engine_says_nothing(ask, engine):
    engine.seconds = None
    ask.txt2img(width=64, height=64)

    assert engine.said == []


def test_progress_knows_the_time_that_is_left_before_the_first_step(ask, engine):
    seen = {}

    def looking(share: float, preview: object = None) -> None:
        seen.setdefault("eta", ask.get("/sdapi/v1/progress").json()["eta_relative"])

    engine.draw = lambda order, progress: (looking(0.0), *ToyEngine.draw(engine, order, progress))[1:]
    ask.txt2img(width=64, height=64, n_iter=2)

    assert seen["eta"] == pytest.approx(180, abs=5)
