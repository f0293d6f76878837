"""The client programs of others, as they are published, against every engine behind a socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image

from prodgen.server.app import ApiServer
from prodgen.server.engine import Engine
from prodgen.server.socket_server import listening

ENGINES = pytest.mark.parametrize("engine", ["ibl", "diffusers", "comfy"], indirect=True)


@pytest.fixture
def url(engine: tuple[str, Engine]) -> Iterator[str]:
    with listening(ApiServer(engine[1])) as address:
        yield address


@pytest.fixture
def webui(url: str) -> Any:
    """A client of the package `webuiapi`."""
    webuiapi = pytest.importorskip("webuiapi", reason="webuiapi is not installed: pip install 'prodgen[dev]'")
    parts = urlsplit(url)
    return webuiapi.WebUIApi(host=parts.hostname, port=parts.port, sampler="Euler a", steps=2)


@pytest.fixture
def backend_client() -> Any:
    """The package `sd_backend_client`."""
    return pytest.importorskip("sd_backend_client", reason="pip install 'prodgen[dev]'")


@pytest.fixture
def service(url: str, backend_client: Any) -> Iterator[Any]:
    """A client of that package, which finds out itself what answers."""
    found = backend_client.connect_to_backend(url)
    assert isinstance(found, backend_client.A1111Webservice)
    yield found
    found.disconnect()


@pytest.fixture
def hole() -> np.ndarray:
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    return mask


@ENGINES
def test_webuiapi_makes_pictures_unchanged(webui):
    result = webui.txt2img(prompt="a cat", seed=1, width=64, height=64, batch_size=2)

    assert [image.size for image in result.images] == [(64, 64)] * 2
    assert result.info["all_seeds"] == [1, 2]
    assert result.info["sampler_name"] == "Euler a"


@ENGINES
def test_webuiapi_draws_a_second_larger_pass_unchanged(webui):
    result = webui.txt2img(
        prompt="a cat", seed=1, width=64, height=64, enable_hr=True, hr_scale=2, denoising_strength=0.5
    )

    assert result.image.size == (128, 128)


@ENGINES
def test_webuiapi_repaints_behind_a_mask_unchanged(webui, ramp, hole):
    result = webui.img2img(
        images=[Image.fromarray(ramp)],
        mask_image=Image.fromarray(hole),
        mask_blur=0,
        inpainting_fill=1,
        inpaint_full_res=False,
        denoising_strength=0.9,
        width=64,
        height=64,
        seed=1,
    )
    got = np.asarray(result.image)

    np.testing.assert_array_equal(got[hole == 0], ramp[hole == 0])
    assert (got[hole > 0] != ramp[hole > 0]).any(axis=1).mean() > 0.9


@ENGINES
def test_webuiapi_upscales_and_reads_the_lists_progress_and_options_unchanged(webui, ramp):
    import webuiapi

    upscaled = webui.extra_single_image(
        image=Image.fromarray(ramp), upscaler_1=webuiapi.Upscaler.Lanczos, upscaling_resize=2
    )
    batch = webui.extra_batch_images(
        images=[Image.fromarray(ramp)] * 2, upscaler_1=webuiapi.Upscaler.Lanczos, upscaling_resize=1.5
    )
    webui.set_options({"CLIP_stop_at_last_layers": 2})

    assert upscaled.image.size == (128, 128)
    assert [image.size for image in batch.images] == [(96, 96)] * 2
    assert webui.get_options()["CLIP_stop_at_last_layers"] == 2.0
    assert webui.get_progress()["progress"] == 0.0
    assert "Euler a" in [sampler["name"] for sampler in webui.get_samplers()]
    assert webui.util_get_current_model() in webui.util_get_model_names()
    assert webui.interrupt() == {}


@ENGINES
def test_sd_backend_client_draws_and_follows_its_task_unchanged(service, backend_client, ramp, hole):
    small = {"prompt": "a cat", "seed": 3, "width": 64, "height": 64, "steps": 2}
    drawn = service.submit_txt2img(backend_client.DiffusionParams(**small)).wait(poll_interval=0.01)
    picture = Image.fromarray(ramp)
    from_it = backend_client.DiffusionParams(**small, init_images=[picture], denoising_strength=0.5)
    behind_a_mask = backend_client.DiffusionParams(
        **small, init_images=[picture], mask=Image.fromarray(hole), mask_blur=0, inpaint_full_res=False
    )
    again = service.submit_img2img(from_it).wait(poll_interval=0.01)
    repainted = service.submit_inpaint(behind_a_mask).wait(poll_interval=0.01)

    assert [len(result.images) for result in (drawn, again, repainted)] == [1, 1, 1]
    kept = np.asarray(repainted.images[0].convert("RGB"))[hole == 0]
    np.testing.assert_array_equal(kept, ramp[hole == 0])


@ENGINES
def test_sd_backend_client_lists_what_there_is_unchanged(service, engine):
    inventory = engine[1].inventory()
    names = {model.name for model in inventory.checkpoints}

    assert {option.name for option in service.list_checkpoints()} == names
    assert [option.name for option in service.list_loras()] == [model.name for model in inventory.loras]
    assert [option.name for option in service.list_vaes()] == [model.name for model in inventory.vaes]
    assert {"Euler", "Euler a"} <= {option.display_name for option in service.list_samplers()}
    assert "Karras" in [option.display_name for option in service.list_schedulers()]
    assert set(inventory.upscalers) < {option.name for option in service.list_upscalers()}
    assert len(service.list_controlnet_models()) == len(inventory.controlnets)
