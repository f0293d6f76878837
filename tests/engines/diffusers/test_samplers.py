"""Our samplers against k-diffusion's, on a denoiser that can be written down."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prodgen.engines.diffusers.samplers import SAMPLERS, SamplingRun
from prodgen.engines.diffusers.sigmas import sigmas
from prodgen.server.listings import SAMPLERS as LISTED

torch = pytest.importorskip("torch")

with pytest.MonkeyPatch.context() as patch:
    patch.syspath_prepend(Path(__file__).parent)
    from k_diffusion_reference import ARRAYS, METHODS, RUNS, Draws, estimate, waves

torch.set_num_threads(1)
STORED = np.load(ARRAYS)


@pytest.mark.parametrize(("schedule", "steps"), RUNS)
@pytest.mark.parametrize("name", [name for name in METHODS if name in SAMPLERS])
def test_a_sampler_makes_what_k_diffusion_makes(name, schedule, steps):
    method = SAMPLERS[name]
    levels = sigmas(schedule, steps, sampler=method).tolist()

    made = method.run(waves(0) * levels[0], SamplingRun(estimate, levels, Draws())).numpy()

    expected = STORED[f"{schedule} {steps} {name}"]
    difference = np.linalg.norm(made - expected) / np.linalg.norm(expected)
    assert difference < 1e-5, f"relative difference {difference:.2g}"


def test_every_sampler_that_is_listed_is_compared():
    assert set(SAMPLERS) <= set(METHODS)


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_asks_the_network_as_often_as_it_says(name):
    method, asked = SAMPLERS[name], []
    levels = sigmas("Karras", 5, sampler=method).tolist()

    def counted(latents, sigma):
        asked.append(sigma)
        return estimate(latents, sigma)

    method.run(waves(0) * levels[0], SamplingRun(counted, levels, Draws()))

    assert len(asked) == method.calls(levels)
    assert method.calls([0.0]) == 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_says_whether_it_adds_noise(name):
    method, draws = SAMPLERS[name], Draws()
    levels = sigmas("Karras", 5, sampler=method).tolist()

    method.run(waves(0) * levels[0], SamplingRun(estimate, levels, draws))

    assert bool(draws.count) is method.adds_noise


@pytest.mark.parametrize("name", [name for name in SAMPLERS if SAMPLERS[name].adds_noise])
def test_without_eta_no_noise_is_left_in_the_result(name):
    method = SAMPLERS[name]
    levels = sigmas("Karras", 6, sampler=method).tolist()

    def made(first_draw):
        draws = Draws()
        draws.count = first_draw
        return method.run(waves(0) * levels[0], SamplingRun(estimate, levels, draws, eta=0.0))

    assert torch.equal(made(0), made(50))


def test_the_table_says_of_each_sampler_what_a1111_says():
    known = {name: options for name, (_, options) in LISTED.items()}

    assert list(SAMPLERS) == [name for name in known if name in SAMPLERS]
    for name, method in SAMPLERS.items():
        options = known[name]
        assert method.schedule == options.get("scheduler", "uniform").title(), name
        assert method.is_second_order == ("second_order" in options), name
        assert method.drops_next_to_last == ("discard_next_to_last_sigma" in options), name
        assert method.has_brownian_noise == ("brownian_noise" in options), name
