"""What img2img, inpainting and IC-Light begin with."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from prodgen.engines.diffusers import starting_latents
from prodgen.engines.diffusers.latent_previews import latent_preview
from prodgen.server.ic_light_script import Conditions
from prodgen.server.inpainting import RepaintPlan, filled_from_around


def encode(pictures):
    """A VAE's place: each cell's mean of the three colours, and a fourth channel of ones."""
    small = torch.nn.functional.avg_pool2d(pictures, 8)
    return torch.cat([small, torch.ones_like(small[:, :1])], dim=1)


def plan(grey: int, *, half_is_masked: bool = True) -> RepaintPlan:
    """A grey picture of 64 x 64, its left half to be repainted."""
    start = np.full((64, 64, 3), grey, np.uint8)
    zone, cells = np.zeros((64, 64), np.uint8), np.zeros((8, 8), np.uint8)
    zone[:, :32], cells[:, :4] = 255, 255
    return RepaintPlan(start, zone, cells) if half_is_masked else RepaintPlan(start)


def noise():
    return torch.full((1, 4, 8, 8), 7.0)


def test_pictures_go_from_minus_one_to_one():
    black, white = np.zeros((8, 8, 3), np.uint8), np.full((8, 8, 3), 255, np.uint8)

    both = starting_latents.as_pictures([black, white])

    assert both.shape == (2, 3, 8, 8)
    assert (both.amin().item(), both.amax().item()) == (-1, 1)


def test_a_hole_is_filled_with_what_lies_around_it_and_the_rest_stays_to_the_bit():
    picture = np.zeros((64, 64, 3), np.uint8)
    picture[:, :32] = (200, 40, 40)
    picture[:, 32:] = (40, 40, 200)
    zone = np.zeros((64, 64), np.uint8)
    zone[24:40, 8:24] = 255  # well inside the red half
    broken = picture.copy()
    broken[zone > 0] = (0, 255, 0)

    filled = filled_from_around(broken, zone)

    np.testing.assert_array_equal(filled[zone == 0], picture[zone == 0])
    hole = filled[zone > 0].astype(int)
    assert (hole[:, 0] > hole[:, 2] + 50).all()  # red, as its surroundings
    assert (hole[:, 1] < 60).all()  # nothing of what was in it


@pytest.mark.parametrize(
    ("fill", "in_the_hole"),
    [
        (starting_latents.FROM_ORIGINAL, 200 / 127.5 - 1),
        (starting_latents.FROM_NOISE, 7.0),
        (starting_latents.FROM_NOTHING, 0.0),
    ],
)
def test_the_hole_begins_with_what_the_fill_says(fill, in_the_hole):
    latents = starting_latents.begun_with([plan(200)], fill, encode, noise)

    assert latents[0, 0, :, :4].unique().tolist() == pytest.approx([in_the_hole])
    assert latents[0, 0, :, 4:].unique().tolist() == pytest.approx([200 / 127.5 - 1])


def test_a_fill_means_nothing_without_a_mask():
    latents = starting_latents.begun_with(
        [plan(200, half_is_masked=False)], starting_latents.FROM_NOTHING, encode, noise
    )

    assert latents[0, 0].unique().tolist() == pytest.approx([200 / 127.5 - 1])


def test_cells_are_repainted_where_the_plan_says_and_everywhere_without_a_mask():
    assert starting_latents.repainted([plan(9, half_is_masked=False)]) is None

    both = starting_latents.repainted([plan(9), plan(9, half_is_masked=False)])

    assert both.shape == (2, 1, 8, 8)
    assert both[0].mean() == 0.5
    assert both[1].min() == 1


def test_an_inpainting_model_sees_the_mask_and_the_picture_without_its_hole():
    seen = starting_latents.inpainting_conditions([plan(255)], 1, 64, 64, encode)

    assert seen.shape == (1, 5, 8, 8)
    assert seen[0, 0, :, :4].min() == 1
    assert seen[0, 0, :, 4:].max() == 0
    assert seen[0, 1, :, :4].unique().tolist() == [0]
    assert seen[0, 1, :, 4:].unique().tolist() == [1]


def test_an_inpainting_model_that_draws_from_words_sees_a_mask_of_everything():
    seen = starting_latents.inpainting_conditions([], 2, 64, 32, encode)

    assert seen.shape == (2, 5, 4, 8)
    assert seen[:, 0].min() == 1


def conditions(*, background: bool = False, light_map: bool = False) -> Conditions:
    """A white product, 16 px wide, in the middle of 64 x 64."""
    matte = np.zeros((64, 64), np.uint8)
    matte[:, 24:40] = 255
    return Conditions(
        foreground=np.full((64, 64, 3), 254, np.uint8),
        matte=matte,
        background=np.zeros((64, 64, 3), np.uint8) if background else None,
        light_map=np.full((64, 64, 3), 10, np.uint8) if light_map else None,
    )


def test_ic_lights_grey_is_exactly_nothing_and_its_product_is_seen():
    seen = starting_latents.light_conditions(conditions(), encode)

    assert seen.shape == (1, 4, 8, 8)
    assert seen[0, :3, :, 0].abs().max() == 0
    assert seen[0, :3, :, 3].unique().tolist() == [1]


def test_the_background_follows_the_foreground():
    seen = starting_latents.light_conditions(conditions(background=True), encode)

    assert seen.shape == (1, 8, 8, 8)
    assert seen[0, 4:7].unique().tolist() == [-1]


def test_the_product_is_laid_onto_the_light_map_only_where_that_is_asked_for():
    both = conditions(light_map=True)

    assert starting_latents.light_map(both, reinforce=False).max() == 10
    assert starting_latents.light_map(both, reinforce=True)[0, [0, 30], 0].tolist() == [10, 254]
    assert starting_latents.light_map(conditions(), reinforce=True) is None


def test_a_preview_is_as_small_as_the_latents_and_never_breaks():
    latents = torch.zeros(4, 6, 5)
    latents[:, 0, 0] = float("nan")

    preview = latent_preview(latents, is_xl=False)

    assert preview.shape == (6, 5, 3)
    assert preview[1, 1].tolist() == [128, 128, 128]
