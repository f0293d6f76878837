"""The contract that every backend has to keep: here the embedded one, in all its spellings."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.client import Client
from prodgen.engines import embedded_server
from prodgen.errors import UnknownNameError
from prodgen.schema import ICLight, Img2Img, Lora, Txt2Img, Upscale
from prodgen.server import ApiTransport, Behaviour
from prodgen.server.socket_server import listening

SPELLINGS = ("v1", "v2", "v15", "without its page", "behind a socket, with a password")


@pytest.fixture(params=SPELLINGS)
def client(request):
    if "socket" in request.param:
        secured = embedded_server(Behaviour(auth={"ann": "s3cret"}))
        with listening(secured, port=0) as address, Client(address, auth=("ann", "s3cret")) as far:
            yield far
        return
    nowebui = request.param not in ("v1", "v2", "v15")
    server = embedded_server(Behaviour(ic_light="v1" if nowebui else request.param, nowebui=nowebui))
    with Client("embedded://", transport=ApiTransport(server)) as embedded:
        yield embedded


def small(**fields):
    return Txt2Img(**({"prompt": "a cup", "seed": 5, "width": 64, "height": 64, "steps": 2} | fields))


def disc_light(disc):
    return ICLight(foreground=np.full((64, 64, 3), 0.6, np.float32), matte=disc)


def test_a_picture_has_the_size_and_the_seeds_that_were_asked_for(client):
    generation = client.txt2img(small(width=128, batch_size=2))

    assert [image.shape for image in generation.images] == [(64, 128, 3)] * 2
    assert generation.seeds == (5, 6)
    assert all("Steps: 2" in text for text in generation.infotexts)
    assert generation.checkpoint


def test_the_same_seed_draws_the_same_picture(client):
    once, again = client.txt2img(small()).image, client.txt2img(small()).image

    np.testing.assert_array_equal(once, again)


def test_sampler_and_schedule_are_the_ones_that_were_asked_for(client):
    has = client.capabilities
    sampler = "Euler a" if "Euler a" in has.samplers else has.samplers[0]

    assert client.txt2img(small(sampler_name=sampler)).applied.sampler == sampler


def test_an_unknown_sampler_is_refused(client):
    with pytest.raises(UnknownNameError):
        client.txt2img(small(sampler_name="no such sampler"))


def test_pixels_that_are_kept_come_back_to_the_bit(client):
    picture = np.random.default_rng(3).integers(0, 256, (64, 64, 3)).astype(np.float32) * np.float32(1 / 255)
    mask = np.zeros((64, 64), np.float32)
    mask[:, 32:] = 1
    request = Img2Img(
        **small().sent_fields,
        init_image=picture,
        inpaint_mask=mask,
        mask_blur=0,
        denoising_strength=1.0,
        inpainting_fill="latent_noise",
    )

    repainted = client.img2img(request).image

    np.testing.assert_array_equal(repainted[:, :32], picture[:, :32])
    assert np.abs(repainted[:, 40:] - picture[:, 40:]).max() > 0.05


def test_ic_light_relights_our_own_foreground(client, disc):
    if client.capabilities.ic_light is None:
        pytest.skip("this server has no IC-Light")

    generation = client.txt2img(small(ic_light=disc_light(disc), steps=4))

    assert generation.applied.ic_light in (True, None)
    assert generation.applied.ic_light or generation.notices


def test_ic_light_takes_the_light_from_the_init_picture(client, disc):
    if client.capabilities.ic_light not in ("dict", "positional-13"):
        pytest.skip("this server has no IC-Light that works in img2img over the API")
    light_map = np.repeat(np.linspace(1, 0, 64, dtype=np.float32)[None, :, None], 64, 0).repeat(3, 2)
    request = small(ic_light=disc_light(disc), steps=4)

    generation = client.img2img(Img2Img(**request.sent_fields, init_image=light_map, denoising_strength=0.9))

    assert generation.applied.ic_light in (True, None)
    assert generation.image.shape == (64, 64, 3)


def test_a_lora_is_proven(client):
    loras = client.capabilities.loras
    if not loras:
        pytest.skip("this server has no LoRA")

    assert loras[0] in client.txt2img(small(loras=(Lora(name=loras[0], weight=0.5),))).applied.loras


def test_a_picture_is_enlarged(client):
    if "Lanczos" not in client.capabilities.upscalers:
        pytest.skip("this server has no Lanczos")
    picture = np.full((32, 48, 3), 0.5, np.float32)

    larger = client.upscale(Upscale(image=picture, upscaler_1="Lanczos", upscaling_resize=2))

    assert larger.image.shape == (64, 96, 3)
    assert larger.upscaler == "Lanczos"


def test_options_are_as_before_after_a_call_that_overrides_them(client):
    before = client.options()

    client.txt2img(small(clip_skip=2))

    assert client.options() == before


def test_progress_can_be_asked_for_and_an_idle_server_is_not_interrupted(client):
    assert 0 <= client.progress().fraction <= 1
    assert client.interrupt() is False
    assert client.cancel() is False


def test_parameters_are_read_out_of_a_file(client):
    from prodgen.codecs import encode

    file = encode("PNG", np.full((8, 8, 3), 0.5, np.float32), text={"parameters": "a cup\nSteps: 2, Seed: 5"})

    assert client.service.png_info(file).infotext == "a cup\nSteps: 2, Seed: 5"
