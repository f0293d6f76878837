"""What only a GPU can show: graphs that change nothing, memory under a limit, the card's own noise.

Networks have their true sizes and random weights. Skipped where PyTorch sees no GPU.
"""

from __future__ import annotations

import re
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("PyTorch sees no GPU", allow_module_level=True)

from benchmarks import engine as program
from benchmarks import engine_bench as bench
from prodgen.engines.diffusers import variants
from prodgen.engines.diffusers.device import find_device
from prodgen.engines.diffusers.diffusers_engine import DiffusersEngine
from prodgen.engines.diffusers.noise import philox_normal
from prodgen.server.engine import EngineSettings
from prodgen.server.wire import Crashed

pytestmark = pytest.mark.timeout(180)


@pytest.fixture(scope="module")
def gpu(tmp_path_factory: pytest.TempPathFactory):
    folder: Path = program.models_for(find_device(), tmp_path_factory.mktemp("full-size"))
    engine = DiffusersEngine(EngineSettings(models=folder))
    yield bench.Bench(engine, find_device(), folder, bench.Figures(None), 2, time.monotonic() + 600)
    engine.close()


@pytest.fixture
def order(gpu):
    return bench.relight(gpu, 576, 896, 8)


def test_a_graph_draws_what_the_kernels_draw_one_by_one(gpu, order):
    gpu.graphs(False, order)
    plain = gpu.draw(order)[0]
    gpu.graphs(True, order)

    assert gpu.engine._ready().shelf.caller.recorded
    np.testing.assert_array_equal(gpu.draw(order)[0], plain)
    assert plain.std() > 1


def test_a_graph_of_plain_pictures_draws_no_seamless_one(gpu, order):
    seamless = replace(order, finer=replace(order.finer, tiling=True))
    gpu.graphs(False, order)
    plain = [gpu.draw(one)[0] for one in (order, seamless)]
    gpu.graphs(True, order)

    for one, expected in zip((order, seamless, order), (*plain, plain[0]), strict=True):
        np.testing.assert_array_equal(gpu.draw(one)[0], expected)
    assert np.abs(plain[0].astype(int) - plain[1]).max() > 2


def test_a_graph_stays_right_when_the_weights_change(gpu, order):
    words = replace(order, relight=None)
    gpu.graphs(False, words)
    plain = gpu.draw(words)[0]
    gpu.graphs(True, order)
    relit = gpu.draw(order)[0]

    np.testing.assert_array_equal(gpu.draw(words)[0], plain)
    np.testing.assert_array_equal(gpu.draw(order)[0], relit)


def test_a_picture_of_half_a_megapixel_needs_less_than_three_and_a_half_gigabytes(gpu, order):
    gpu.timed(order)

    assert gpu.peak_gb < 3.5


def test_half_a_megapixel_is_drawn_four_times_as_fast_as_the_whole_photograph(gpu):
    ours = gpu.timed(bench.relight(gpu, 576, 896, 25))
    original = gpu.timed(bench.relight(gpu, 1296, 2000, 30), with_graphs=False, rounds=1)

    assert original > 4 * ours


def test_the_noise_is_the_cards_own():
    dice = torch.Generator("cuda").manual_seed(2**40 + 7)
    card = torch.randn(4 * 64 * 64, generator=dice, device="cuda").cpu().numpy()

    np.testing.assert_allclose(philox_normal(2**40 + 7, 0, card.size), card, atol=1e-5)


def test_a_change_of_weights_takes_less_than_a_quarter_of_a_second(gpu, order):
    gpu.draw(order)
    model, folder = gpu.engine._ready().shelf._model, gpu.engine.folder
    for kind in ("FBC", "FC", "FBC"):
        begun = time.perf_counter()
        variants.apply(model, relight=folder.ic_light[kind])
        torch.cuda.synchronize()
        seconds = time.perf_counter() - begun

    assert seconds < 0.25


@pytest.fixture
def capped(gpu):
    def cap(gigabytes: float) -> None:
        gpu.fresh_peak()
        torch.cuda.set_per_process_memory_fraction(gigabytes * 1e9 / gpu.device.memory_bytes)

    yield cap
    torch.cuda.set_per_process_memory_fraction(1.0)
    gpu.fresh_peak()


@pytest.mark.parametrize("gigabytes", [4.5, 3.5])
def test_a_large_picture_is_drawn_under_a_limit_by_tiles_and_rows(gpu, capped, gigabytes):
    gpu.draw(bench.relight(gpu, 576, 896, 1))
    capped(gigabytes)

    drawn = gpu.draw(bench.relight(gpu, 1296, 2000, 2))

    assert drawn[0].shape == (2000, 1296, 3)
    assert gpu.reserved_gb <= gigabytes


def test_a_batch_that_is_too_large_for_a_limit_is_drawn_in_parts(gpu, capped):
    gpu.draw(bench.relight(gpu, 576, 896, 1))
    capped(3.5)

    assert len(gpu.draw(bench.relight(gpu, 576, 896, 2, 8))) == 8


def test_a_picture_that_fits_no_memory_is_refused_and_the_next_one_is_drawn(gpu, capped, order):
    gpu.draw(order)
    capped(2.1)
    with pytest.raises(Crashed) as caught:
        gpu.draw(bench.relight(gpu, 1296, 2000, 1))
    capped(8)

    assert caught.value.kind == "OutOfMemoryError"
    assert re.search(r"1296 x 2000 does not fit", caught.value.text)
    assert gpu.draw(order)[0].shape == (896, 576, 3)


def test_models_that_were_put_away_come_back_within_two_seconds(gpu, order):
    before = gpu.draw(order)[0]
    gpu.engine._thread.run(gpu.engine._rest)
    assert torch.cuda.memory_allocated() < 0.5e9

    begun = time.perf_counter()
    again = gpu.draw(order)[0]

    assert time.perf_counter() - begun < 3
    np.testing.assert_array_equal(again, before)


def test_clients_that_always_ask_keep_the_gpu_busy(gpu):
    gpu.figures.values.clear()
    bench.serving(gpu)

    assert gpu.figures.values["serve, one product, pictures/s"] > 1.5
    assert gpu.figures.values["serve, one product, GPU busy %"] > 80
