"""Our samplers against k-diffusion's and diffusers', on a denoiser that can be written down."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from prodgen.engines.diffusers.samplers import SAMPLERS
from prodgen.engines.diffusers.sigmas import karras_levels, sigmas, training_sigmas
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

    made = method.sample(waves(0) * levels[0], estimate, levels, Draws()).numpy()

    expected = STORED[f"{schedule} {steps} {name}"]
    difference = np.linalg.norm(made - expected) / np.linalg.norm(expected)
    assert difference < 1e-5, f"relative difference {difference:.2g}"


def on_the_training_scale(kind, **more):
    """One of diffusers' schedulers with Stable Diffusion's noise."""
    diffusers = pytest.importorskip("diffusers")
    scale = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return getattr(diffusers, kind)(**scale, **more)


def by_diffusers(scheduler, timesteps, **more):
    """What a scheduler makes of our noise: its latents have a variance of 1."""
    latents = waves(0)
    for timestep in timesteps:
        sigma = float(training_sigmas()[int(timestep)])
        ours = latents * math.hypot(1, sigma)
        noise = (ours - estimate(ours, sigma)) / sigma
        latents = scheduler.step(noise, timestep, latents, **more).prev_sample
    return latents


def by_ours(name, levels, **more):
    method = SAMPLERS[name]
    return method.sample(method.start(waves(0), levels[0]), estimate, levels, Draws(), **more)


def assert_equal(made, expected):
    difference = float((made - expected).norm() / expected.norm())
    assert difference < 1e-5, f"relative difference {difference:.2g}"


@pytest.mark.parametrize("steps", [4, 20])
def test_ddim_is_the_published_one_up_to_the_step_that_a1111_leaves_out(steps):
    scheduler = on_the_training_scale("DDIMScheduler", steps_offset=1, clip_sample=False)
    scheduler.set_timesteps(steps)

    made = by_ours("DDIM", sigmas("Karras", steps, sampler=SAMPLERS["DDIM"]).tolist())

    assert_equal(made, by_diffusers(scheduler, scheduler.timesteps[:-1]))


def test_ddim_with_an_eta_adds_the_published_noise():
    scheduler, draws = on_the_training_scale("DDIMScheduler", steps_offset=1, clip_sample=False), Draws()
    scheduler.set_timesteps(10)
    step = scheduler.step
    scheduler.step = lambda *args: step(*args, eta=0.7, variance_noise=draws())

    made = by_ours("DDIM", sigmas("Uniform", 10, sampler=SAMPLERS["DDIM"]).tolist(), eta=0.7)

    assert_equal(made, by_diffusers(scheduler, scheduler.timesteps[:-1]))


@pytest.mark.parametrize("steps", [4, 20])
def test_plms_is_the_published_one_up_to_the_step_that_a1111_leaves_out(steps):
    scheduler = on_the_training_scale("PNDMScheduler", steps_offset=1, skip_prk_steps=True)
    scheduler.set_timesteps(steps)

    made = by_ours("PLMS", sigmas("Uniform", steps, sampler=SAMPLERS["PLMS"]).tolist())

    assert_equal(made, by_diffusers(scheduler, scheduler.timesteps[:-1]))


@pytest.mark.parametrize("steps", [1, 2, 5, 20])
def test_unipc_is_the_published_one(steps):
    scheduler = on_the_training_scale("UniPCMultistepScheduler", solver_order=3, solver_type="bh1")
    levels = sigmas("Uniform", steps, sampler=SAMPLERS["UniPC"])
    scheduler.num_inference_steps = steps
    scheduler.sigmas, scheduler.timesteps = torch.from_numpy(levels), torch.arange(steps)
    latents = waves(0)

    for step, sigma in enumerate(levels[:-1].tolist()):
        ours = latents * math.hypot(1, sigma)
        latents = scheduler.step((ours - estimate(ours, sigma)) / sigma, step, latents).prev_sample

    assert_equal(by_ours("UniPC", levels.tolist()), latents)


def test_lcm_is_the_published_one_at_the_timesteps_of_its_distillation(monkeypatch):
    scheduler, draws = on_the_training_scale("LCMScheduler"), Draws()
    scheduler.set_timesteps(4)
    levels = [*training_sigmas()[scheduler.timesteps.numpy()].tolist(), 0.0]
    monkeypatch.setattr("diffusers.schedulers.scheduling_lcm.randn_tensor", lambda *_, **__: draws())
    start = waves(0) * math.hypot(1, levels[0])

    made = SAMPLERS["LCM"].sample(start, estimate, levels, Draws())

    assert_equal(made, by_diffusers(scheduler, scheduler.timesteps))


def test_lcm_tells_the_network_only_timesteps_of_its_distillation():
    method = SAMPLERS["LCM"]

    told = [method.timestep(sigma) for sigma in sigmas("Automatic", 7, sampler=method)[:-1]]

    assert told == sorted({*told} & {float(step) for step in range(19, 1000, 20)}, reverse=True)
    assert (len(told), told[0], told[-1]) == (7, 999, 19)


def test_few_steps_are_not_restarted():
    levels = sigmas("Karras", 19, sampler=SAMPLERS["Restart"]).tolist()

    assert torch.equal(by_ours("Restart", levels), by_ours("Heun", levels))


@pytest.mark.parametrize(("steps", "again", "times"), [(20, 9, 1), (40, 10, 2)])
def test_a_restart_goes_back_up_by_noise_and_down_by_heuns_steps(steps, again, times):
    whole = sigmas("Karras", steps, sampler=SAMPLERS["Restart"]).tolist()
    levels = karras_levels(steps - again * times, high=whole[0], low=whole[-2]).tolist()
    low, high = (
        min(range(len(levels)), key=lambda at, goal=goal: abs(levels[at] - goal)) for goal in (0.1, 2)
    )
    loop, draws, heun = (
        karras_levels(again + 1, high=levels[high], low=levels[low])[:-1].tolist(),
        Draws(),
        "Heun",
    )

    def down(latents, part):
        return SAMPLERS[heun].sample(latents, estimate, part, draws)

    expected = down(waves(0) * levels[0], levels[: low + 1])
    for _ in range(times):
        expected = down(expected + draws() * math.sqrt(loop[0] ** 2 - levels[low] ** 2), loop)
    expected = down(expected, levels[low:])

    assert_equal(by_ours("Restart", whole), expected)
    assert draws.count == times


def test_every_sampler_that_is_listed_is_compared():
    assert set(SAMPLERS) <= {*METHODS, "DDIM", "PLMS", "UniPC", "LCM", "Restart"}


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_sampler_asks_the_network_as_often_as_it_says(name):
    method, asked = SAMPLERS[name], []
    levels = sigmas("Karras", 22, sampler=method).tolist()

    def counted(latents, sigma):
        asked.append(sigma)
        return estimate(latents, sigma)

    method.sample(waves(0) * levels[0], counted, levels, Draws())

    assert len(asked) == method.calls(levels)
    assert method.calls([0.0]) == 0


@pytest.mark.parametrize("name", SAMPLERS)
def test_without_eta_only_restart_and_lcm_add_noise(name):
    method, draws = SAMPLERS[name], Draws()
    levels = sigmas("Karras", 22, sampler=method).tolist()

    method.sample(waves(0) * levels[0], estimate, levels, draws, eta=0.0)

    assert bool(draws.count) is (name in ("Restart", "LCM"))


@pytest.mark.parametrize("name", [name for name in SAMPLERS if SAMPLERS[name].eta is None])
def test_a_sampler_without_eta_takes_none(name):
    levels = sigmas("Karras", 6, sampler=SAMPLERS[name]).tolist()

    assert torch.equal(by_ours(name, levels, eta=1.0), by_ours(name, levels))


def test_the_table_says_of_each_sampler_what_a1111_says():
    known = {name: options for name, (_, options) in LISTED.items()}

    assert list(SAMPLERS) == [name for name in known if name in SAMPLERS]
    for name, method in SAMPLERS.items():
        options = known[name]
        assert method.schedule == options.get("scheduler", "uniform").title(), name
        assert method.drops_next_to_last == ("discard_next_to_last_sigma" in options), name
        assert method.has_brownian_noise == ("brownian_noise" in options), name
