"""A1111's noise schedules: against k-diffusion's stored ones, and A1111's own rules."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from prodgen.engines.diffusers.samplers import SAMPLERS, SamplingMethod
from prodgen.engines.diffusers.sigmas import (
    SCHEDULES,
    sigmas,
    sigmas_for_strength,
    timestep_of,
    training_sigmas,
)
from prodgen.errors import UnknownNameError
from prodgen.server.listings import SCHEDULERS

STORED = np.load(Path(__file__).with_name("k_diffusion_arrays.npz"))
EULER = SAMPLERS["Euler"]
DROPPING = SamplingMethod("toy", lambda latents, _: latents, drops_next_to_last=True)
LEVELS = [name.rsplit(" ", 2) for name in STORED.files if name.endswith((" levels", " dropped"))]


@pytest.mark.parametrize(("schedule", "steps", "kind"), LEVELS)
def test_a_schedule_is_k_diffusions(schedule, steps, kind):
    made = sigmas(schedule, int(steps), sampler=DROPPING if kind == "dropped" else EULER)

    np.testing.assert_allclose(made, STORED[f"{schedule} {steps} {kind}"], rtol=2e-6)


def test_the_schedules_are_those_that_a1111_lists():
    assert ("Automatic", *SCHEDULES) == tuple(SCHEDULERS)


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("steps", [1, 2, 7, 10, 20, 150])
def test_a_schedule_falls_from_step_to_step(schedule, steps):
    made = sigmas(schedule, steps, sampler=EULER)

    assert np.all(np.diff(made) < 0)
    assert len(made) == steps + 1 or schedule == "DDIM"
    assert made[-1] == 0 or schedule == "KL Optimal"
    assert made[0] <= 14.6151


def test_the_training_scale_has_stable_diffusions_ends():
    assert training_sigmas()[[0, -1]] == pytest.approx([0.0292, 14.6146], abs=5e-5)


def test_a_timestep_lies_between_two_of_training_unrounded():
    known = training_sigmas()

    assert timestep_of(known[500]) == pytest.approx(500)
    assert timestep_of((known[500] * known[501]) ** 0.5) == pytest.approx(500.5)
    assert timestep_of(100.0) == 999


def test_simple_takes_every_second_level_of_training_for_half_as_many_steps():
    assert sigmas("Simple", 500, sampler=EULER)[:3] == pytest.approx(training_sigmas()[[999, 997, 995]])


def test_ddim_counts_from_the_second_level_and_may_make_one_step_more():
    made = sigmas("DDIM", 30, sampler=EULER)

    assert made[-2] == training_sigmas()[1]
    assert len(made) == 32


def test_align_your_steps_has_the_published_numbers_of_each_family():
    assert sigmas("Align Your Steps", 11, sampler=EULER)[[0, 1, -2]] == pytest.approx([14.615, 6.475, 0.029])
    assert sigmas("Align Your Steps", 11, sampler=EULER, is_xl=True)[1] == pytest.approx(6.315)


def test_automatic_leaves_the_schedule_to_the_sampler():
    karras = sigmas("Karras", 9, sampler=EULER)

    assert np.array_equal(sigmas("Automatic", 9, sampler=SAMPLERS["DPM++ 2M"]), karras)
    assert not np.array_equal(sigmas("Automatic", 9, sampler=EULER), karras)


def test_an_unknown_schedule_is_named():
    with pytest.raises(UnknownNameError, match="Kerras"):
        sigmas("Kerras", 9, sampler=EULER)


@pytest.mark.parametrize(("strength", "made"), [(0.0, 1), (0.3, 7), (0.75, 16), (1.0, 20), (1.5, 20)])
def test_img2img_makes_the_last_steps_of_the_run_one_more_than_its_share(strength, made):
    whole = sigmas("Karras", 20, sampler=EULER)

    part = sigmas_for_strength("Karras", 20, strength, sampler=EULER)

    assert np.array_equal(part, whole[20 - made :])


def test_a_hires_pass_makes_all_its_steps_on_a_longer_run():
    part = sigmas_for_strength("Karras", 10, 0.4, sampler=EULER, fixed_steps=True)

    assert np.array_equal(part, sigmas("Karras", 25, sampler=EULER)[15:])
    assert len(sigmas_for_strength("Karras", 10, 0.0, sampler=EULER, fixed_steps=True)) == 1
