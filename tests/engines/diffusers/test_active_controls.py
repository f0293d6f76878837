"""A ControlNet at work: its network's own residuals, weighed, softened, and on for its share of the steps."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from prodgen.engines.diffusers import checkpoints, controlnets
from prodgen.engines.diffusers.active_controls import ActiveControl
from prodgen.engines.diffusers.guidance import NetworkInput
from prodgen.server.finer_settings import ControlOrder

WIDTH, HEIGHT = 96, 64


@pytest.fixture(scope="module")
def model(models_folder):
    return checkpoints.load(
        models_folder / "Stable-diffusion" / "tiny-sd15.safetensors", dtype=torch.float32, device="cpu"
    )


@pytest.fixture(scope="module")
def network(models_folder, model):
    path = models_folder / "ControlNet" / "tiny-canny.safetensors"
    return controlnets.load(path, model)


@pytest.fixture(scope="module")
def asked(model):
    torch.manual_seed(0)
    width = model.unet.config.cross_attention_dim
    return NetworkInput(torch.randn(2, 4, HEIGHT // 8, WIDTH // 8), 500.5, torch.randn(2, 77, width))


def picture():
    return np.random.default_rng(1).integers(0, 256, (HEIGHT, WIDTH, 3), dtype=np.uint8)


def residuals(network, asked, *, share=0.5, is_second_pass=False, **more):
    order = ControlOrder(module="none", model="any", picture=picture(), **more)
    control = ActiveControl(network, order, WIDTH, HEIGHT, is_second_pass=is_second_pass)
    with torch.no_grad():
        found = control.residuals(asked, is_positive=(True, False), share=share)
    return None if found is None else [*found[0], found[1]]


def test_residuals_are_the_networks_own_for_the_map(network, asked):
    hint = torch.from_numpy(picture()).permute(2, 0, 1)[None].float() / 255
    with torch.no_grad():
        down, mid = network(
            asked.latents, 500.5, asked.context, hint.expand(2, -1, -1, -1), return_dict=False
        )

    made = residuals(network, asked)

    assert len(made) == len(down) + 1
    assert all(torch.allclose(one, other, atol=1e-6) for one, other in zip(made, [*down, mid], strict=True))
    assert made[-1].abs().max() > 0


def test_weight_scales_them(network, asked):
    for half, whole in zip(residuals(network, asked, weight=0.5), residuals(network, asked), strict=True):
        assert torch.allclose(half, whole / 2, atol=1e-6)


@pytest.mark.parametrize(
    ("share", "is_on"), [(0.0, False), (0.2, True), (0.6, True), (0.7, False), (1.0, False)]
)
def test_a_control_works_between_its_start_and_its_end(network, asked, share, is_on):
    made = residuals(network, asked, share=share, guidance_start=0.2, guidance_end=0.6)

    assert (made is not None) is is_on


@pytest.mark.parametrize("more", [{"control_mode": 1}, {"is_second_pass": True}])
def test_where_the_prompt_goes_first_shallow_layers_count_less(network, asked, more):
    made, whole = residuals(network, asked, **more), residuals(network, asked)

    for number, (soft, full) in enumerate(zip(made, whole, strict=True)):
        assert torch.allclose(soft, full * 0.825 ** (12 - number), atol=1e-6)


def test_where_the_picture_goes_first_the_negative_prompt_does_not_see_it(network, asked):
    made, soft = residuals(network, asked, control_mode=2), residuals(network, asked, control_mode=1)

    for one, other in zip(made, soft, strict=True):
        assert torch.equal(one[0], other[0])
        assert not one[1].any()
