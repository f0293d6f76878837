"""The loop over a network that can be written down: guidance, masks, interrupts, batches."""

from __future__ import annotations

import math

import pytest

from prodgen.engines.diffusers.denoising import KeptLatents, denoise
from prodgen.engines.diffusers.guidance import Guide
from prodgen.engines.diffusers.noise import PictureNoise
from prodgen.engines.diffusers.prompt_course import EncodedText, PromptCourse
from prodgen.engines.diffusers.samplers import SAMPLERS
from prodgen.engines.diffusers.sigmas import sigmas, sigmas_for_strength, training_sigmas
from prodgen.server.queueing import Stopped
from prodgen.server.wire import Crashed

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

SHAPE = (4, 6, 5)
EULER = SAMPLERS["Euler"]


def text(value, chunks=1, weight=1.0, pooled=None):
    return EncodedText(torch.full((77 * chunks, 8), float(value)), pooled, weight)


def course(*pictures):
    """Each picture with one text, given as a number, or with its texts."""
    texts = tuple(one if isinstance(one, tuple) else (text(one),) for one in pictures)
    return PromptCourse(((10_000, texts),))


class Painter:
    """A network whose words mean a grey value: it sees that under any noise."""

    def __init__(self, prediction="epsilon"):
        self.prediction = prediction
        self.asked = []

    def __call__(self, asked):
        self.asked.append(asked)
        low = int(asked.timestep)
        between = asked.timestep - low
        known = training_sigmas()
        high = min(low + 1, 999)
        sigma = math.exp((1 - between) * math.log(known[low]) + between * math.log(known[high]))
        scaled = asked.latents[:, :4]
        grey = asked.context.mean(dim=(1, 2))[:, None, None, None]
        noise = (scaled * math.sqrt(sigma**2 + 1) - grey) / sigma
        if asked.down is not None:
            noise = noise + asked.mid
        if self.prediction == "epsilon":
            return noise
        return (scaled - grey * math.sqrt(sigma**2 + 1)) / sigma


def guide(positive=(1.0,), negative=None, *, painter=None, cfg_scale=1.0, **more):
    negative = course(*([0.0] * len(positive))) if negative is None else course(*negative)
    return Guide(
        painter or Painter(), course(*positive), negative, cfg_scale=cfg_scale, dtype=torch.float32, **more
    )


def run(guides, seeds=(1,), *, name="Euler", steps=6, levels=None, **more):
    guides = guides if isinstance(guides, tuple) else ((0.0, guides),)
    levels = sigmas("Karras", steps, sampler=SAMPLERS[name]) if levels is None else levels
    noise = PictureNoise(seeds, SHAPE)
    start = SAMPLERS[name].start(noise.first(), float(levels[0]))
    return denoise(guides, start, levels, SAMPLERS[name], noise=noise, **more)


@pytest.mark.parametrize("prediction", ["epsilon", "v_prediction"])
@pytest.mark.parametrize("name", SAMPLERS)
def test_every_sampler_arrives_at_what_the_network_sees(name, prediction):
    made = run(guide((3.0,), painter=Painter(prediction), prediction=prediction), name=name)

    leaves_noise = name in ("DPM fast", "DDIM", "PLMS", "UniPC", "LCM")
    assert torch.allclose(made.latents, torch.full((1, *SHAPE), 3.0), atol=0.2 if leaves_noise else 2e-3)
    assert not made.is_partial


def test_guidance_goes_past_the_prompt_away_from_the_negative_one():
    made = run(guide((3.0,), (1.0,), cfg_scale=7.0))

    assert made.latents.mean() == pytest.approx(1 + 7 * (3 - 1), abs=1e-3)


def test_and_adds_the_ways_of_several_prompts_with_their_weights():
    joined = (text(3.0), text(2.0, weight=-0.5))

    made = run(guide((joined,), (1.0,), cfg_scale=2.0))

    assert made.latents.mean() == pytest.approx(1 + 2 * (3 - 1) - 0.5 * 2 * (2 - 1), abs=1e-3)


def test_without_guidance_the_negative_prompt_is_not_asked():
    painter = Painter()

    run(guide((3.0, 4.0), (1.0, 1.0), painter=painter, cfg_scale=1.0), seeds=(1, 2))

    assert {len(asked.latents) for asked in painter.asked} == {2}


def test_texts_of_one_length_are_asked_together_and_others_apart():
    painter = Painter()
    long = (text(3.0, chunks=2),)

    run(guide((3.0, long), (1.0, 1.0), painter=painter, cfg_scale=2.0), seeds=(1, 2), steps=1)

    assert sorted(tuple(asked.context.shape[:2]) for asked in painter.asked) == [(1, 154), (3, 77)]


def test_the_context_stays_one_object_while_the_words_stay():
    painter = Painter()

    run(guide((3.0,), painter=painter, cfg_scale=2.0))

    assert len({id(asked.context) for asked in painter.asked}) == 1


@pytest.mark.parametrize("name", SAMPLERS)
def test_a_batch_makes_the_pictures_that_each_would_be_alone(name):
    words, seeds = (3.0, (text(5.0, chunks=2),), 4.0), (11, 12, 13)
    together = run(guide(words, cfg_scale=4.0), seeds, name=name).latents

    for place in range(3):
        alone = run(guide((words[place],), cfg_scale=4.0), (seeds[place],), name=name).latents
        assert torch.allclose(together[place], alone[0], atol=1e-5)


def test_other_seeds_leave_an_ancestral_run_at_other_places_on_the_way():
    seen = {}

    for seed in (1, 2):
        levels = sigmas("Karras", 4, sampler=EULER)[:3]  # stops in mid-way
        seen[seed] = run(guide(), (seed,), name="Euler a", levels=levels).latents

    assert not torch.allclose(seen[1], seen[2], atol=0.1)


def test_words_that_change_on_the_way_are_asked_from_their_call_on():
    painter = Painter()
    changing = PromptCourse(((2, ((text(1.0),),)), (9, ((text(5.0),),))))
    changed = Guide(painter, changing, course(0.0), cfg_scale=1.0, dtype=torch.float32)

    made = run(changed, steps=6)

    assert [asked.context.mean().item() for asked in painter.asked] == [1, 1, 1, 5, 5, 5]
    assert made.latents.mean() == pytest.approx(5, abs=1e-3)


def test_a_refiner_takes_over_at_its_share_of_the_noise_scale():
    first, second = Painter(), Painter()

    made = run(((0.0, guide((1.0,), painter=first)), (0.5, guide((7.0,), painter=second))), steps=10)

    assert all(asked.timestep >= 499 for asked in first.asked)
    assert all(asked.timestep < 499 for asked in second.asked)
    assert made.latents.mean() == pytest.approx(7, abs=1e-3)


def test_conditions_follow_the_pictures_channels_and_missing_ones_are_zero():
    painter = Painter()
    conditions = torch.stack([torch.full((4, *SHAPE[1:]), value) for value in (2.0, 9.0)])

    run(
        guide((3.0, 4.0), painter=painter, cfg_scale=2.0, channels=12, conditions=conditions),
        seeds=(1, 2),
        steps=1,
    )

    latents = painter.asked[0].latents
    assert latents.shape == (4, 12, *SHAPE[1:])
    assert latents[:, 4:8].mean(dim=(1, 2, 3)).tolist() == [2, 9, 2, 9]
    assert not latents[:, 8:].any()


class Push:
    """A ControlNet that adds a constant."""

    def __init__(self, value, until=1.0):
        self.value, self.until, self.seen = value, until, []

    def residuals(self, asked, *, is_positive, share):
        self.seen.append((asked.latents.shape[1], is_positive, share))
        if share >= self.until:
            return None
        return (torch.zeros(1),), torch.full_like(asked.latents[:, :4], self.value)


def test_controls_see_the_pictures_channels_and_their_residuals_add_up():
    painter, one, other = Painter(), Push(0.25), Push(0.5, until=0.5)

    run(guide((3.0,), painter=painter, cfg_scale=2.0, channels=12, controls=(one, other)), steps=4)

    assert [asked.mid.mean().item() for asked in painter.asked] == [0.75, 0.75, 0.25, 0.25]
    assert one.seen[0] == (4, (True, False), 0.0)


def test_sdxl_is_told_sizes_and_pooled_texts():
    painter = Painter()
    xl = (text(3.0, pooled=torch.arange(5.0)),)

    run(guide((xl,), (xl,), painter=painter, cfg_scale=2.0), steps=1)

    added = painter.asked[0].added
    assert added["time_ids"].tolist() == [[48, 40, 0, 0, 48, 40]] * 2
    assert torch.equal(added["text_embeds"], torch.arange(5.0).repeat(2, 1))


def kept(repaint_rows=3):
    repaint = torch.zeros(1, 1, *SHAPE[1:])
    repaint[..., :repaint_rows, :] = 1
    return KeptLatents(torch.full((1, *SHAPE), -2.0), repaint)


def test_a_mask_keeps_the_original_to_the_bit_and_repaints_the_rest():
    levels = sigmas_for_strength("Karras", 10, 0.5, sampler=EULER)

    made = run(guide((3.0,)), levels=levels, kept=kept()).latents

    assert torch.equal(made[..., 3:, :], torch.full_like(made[..., 3:, :], -2.0))
    assert made[..., :3, :].mean() == pytest.approx(3, abs=1e-3)


def test_a_mask_keeps_the_original_where_a_schedule_leaves_noise_too():
    levels = sigmas("KL Optimal", 6, sampler=EULER)

    made = run(guide((3.0,)), levels=levels, kept=kept()).latents

    assert torch.equal(made[..., 3:, :], torch.full_like(made[..., 3:, :], -2.0))


def test_the_network_sees_the_original_at_each_step_of_a_masked_run():
    seen = []

    run(guide((3.0,)), kept=kept(), report=lambda _, clean: seen.append(clean[..., 3:, :].mean().item()))

    assert seen == [-2.0] * 6


@pytest.mark.parametrize("name", ["Euler", "Heun"])
def test_progress_rises_to_one_with_each_call_of_the_network(name):
    shares = []

    run(guide(), name=name, steps=4, report=lambda share, _: shares.append(share))

    assert shares == sorted(set(shares))
    assert shares[-1] == 1
    assert len(shares) == (7 if name == "Heun" else 4)


def test_an_interrupted_run_gives_what_was_seen_last():
    def report(share, _):
        if share >= 0.5:
            raise Stopped

    made = run(guide((3.0,)), report=report, kept=kept())

    assert made.is_partial
    assert made.latents[..., :3, :].mean() == pytest.approx(3, abs=1e-3)
    assert torch.equal(made.latents[..., 3:, :], torch.full_like(made.latents[..., 3:, :], -2.0))


def test_a_lone_noise_level_leaves_the_start():
    made = run(guide(), levels=[0.0])

    assert not made.latents.any()


def test_a_network_that_breaks_is_told_as_a1111_tells_it():
    with pytest.raises(Crashed, match="NaNs"):
        run(guide((float("nan"),)))
