"""The rest of the API, against recordings of real servers and against the embedded one."""

from __future__ import annotations

import json

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.engines import embedded_transport
from prodgen.errors import BackendFaultError, NotABackendError
from prodgen.images import from_uint8


def test_memory_of_a_server_without_a_gpu_is_told_as_far_as_it_goes(recorded):
    memory = recorded(memory="core/get-memory").client().service.memory()

    assert memory.ram_used == 2683437056
    assert memory.vram_total is None


def test_extensions_are_listed_with_their_versions(recorded):
    extensions = recorded(extensions="core/get-extensions").client().service.extensions()

    assert [x.name for x in extensions][:2] == ["sd-forge-ic-light", "sd-webui-model-patcher"]
    assert extensions[0].version == "ff829027"
    assert extensions[0].is_enabled


def test_lists_are_typed(recorded):
    service = recorded().client().service

    assert service.samplers()[0].aliases == ("k_dpmpp_2m",)
    assert service.schedulers()[5].name == "sgm_uniform"
    assert service.checkpoints()[0].sha256.startswith("3448d5dd")
    assert service.loras()[0].metadata["ss_base_model_version"] == "sd_v1"
    assert service.upscalers()[3].scale == 2.0
    assert service.vaes() == ("random-tiny.vae.safetensors",)
    assert "Latent (bicubic)" in service.latent_upscale_modes()
    assert service.embeddings() == ("JuggernautNegative-neg",)
    assert any(x.name == "soft inpainting" and len(x.args) == 7 for x in service.scripts())


def test_the_flags_of_the_server_are_told(recorded):
    assert recorded(cmd_flags="core/get-cmd-flags").client().service.command_line()["ckpt_dir"]


def test_waiting_calls_are_counted_where_the_server_tells(recorded):
    server = recorded()
    server["/internal/pending-tasks"] = "progress-queue/queue-pending"

    assert server.client().service.pending_tasks() == 2
    assert recorded().client().service.pending_tasks() is None


@pytest.mark.parametrize(
    ("path", "command"),
    [
        ("refresh-loras", lambda service: service.refresh("loras")),
        ("unload-checkpoint", lambda service: service.unload_checkpoint()),
        ("reload-checkpoint", lambda service: service.reload_checkpoint()),
        ("skip", lambda service: service.skip_iteration()),
    ],
)
def test_commands_go_where_they_should_and_take_any_good_answer(recorded, path, command):
    for content in (b"null", b"{}", b""):
        server = recorded(**{path: lambda _, content=content: httpx.Response(200, content=content)})

        command(server.client().service)

        assert server.calls[-1][:2] == ("POST", f"/sdapi/v1/{path}")


def test_a_server_is_stopped_with_a_word(recorded):
    server = recorded(server_stop="server-control/server-stop")

    server.client().service.stop()

    assert len(server.sent("server-stop")) == 1


def test_a_server_that_cannot_restart_itself_says_so(recorded):
    with pytest.raises(BackendFaultError, match="501"):
        recorded(server_restart="server-control/server-restart").client().service.restart()


def test_a_killed_server_needs_no_answer(recorded):
    server = recorded(server_kill=httpx.RemoteProtocolError("gone"))

    server.client().service.kill()

    assert server.sent("server-kill")


def test_several_pictures_are_enlarged_in_one_call(recorded, captured, pixels):
    name = "core/extra-batch"
    entries = captured(name)["request"]["json"]["imageList"]
    pictures = [from_uint8(pixels(entry["data"])[..., :3]) for entry in entries]
    server = recorded(extra_batch_images=name)

    larger = server.client().service.extras_batch(pictures, upscaler_1="Lanczos", upscaling_resize=2)

    assert len(larger) == len(pictures)
    assert [entry["name"] for entry in server.sent("extra-batch-images")[0]["imageList"]] == [
        "0.png",
        "1.png",
    ]


def test_controlnet_tells_its_models_and_modules(recorded):
    server = recorded()
    server["/controlnet/version"] = "controlnet/version"
    server["/controlnet/model_list"] = "controlnet/model_list"
    server["/controlnet/module_list"] = "controlnet/module_list"
    net = server.client().controlnet

    assert net.version() == 3
    assert net.models() == ()
    assert "canny" in net.modules()


def test_controlnet_draws_control_maps(recorded):
    server = recorded()
    server["/controlnet/detect"] = "controlnet/detect-canny"
    picture = np.full((64, 64, 3), 0.5, np.float32)

    maps = server.client().controlnet.detect([picture], module="canny")

    assert len(maps) == 1
    assert server.sent("/controlnet/detect")[0]["controlnet_module"] == "canny"


def test_a_server_without_controlnet_says_so(recorded):
    with pytest.raises(NotABackendError):
        recorded().client().controlnet.version()


def test_everything_of_the_service_that_the_embedded_backend_has_works():
    with Client("embedded://") as client:
        service = client.service
        assert service.samplers()
        assert service.checkpoints()[0].model_name.startswith("prodgen-ibl")
        assert service.scripts()
        assert service.memory().ram_total
        assert service.pending_tasks() == 0
        small = np.full((16, 16, 3), 0.5, np.float32)
        batch = service.extras_batch([small], upscaler_1="Lanczos", upscaling_resize=2)
        assert batch[0].shape == (32, 32, 3)
        for kind in ("checkpoints", "vae", "loras", "embeddings"):
            service.refresh(kind)
        service.unload_checkpoint()
        service.reload_checkpoint()


# The embedded backend answers in the shape of the recordings, route by route, so it cannot drift.

ROUTES = {
    "samplers": "core/get-samplers",
    "schedulers": "core/get-schedulers",
    "upscalers": "core/get-upscalers",
    "latent-upscale-modes": "core/get-latent-upscale-modes",
    "sd-models": "core/get-sd-models",
    "loras": "core/get-loras",
    "embeddings": "core/get-embeddings",
    "memory": "core/get-memory",
    "progress": "core/get-progress",
    "script-info": "iclight-v1/script-info",
}


def shape_of(value):
    """The keys of objects and the kind of everything else; of a list, of its first element."""
    if isinstance(value, dict):
        return {key: shape_of(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape_of(value[0])] if value else []
    return None


@pytest.mark.parametrize("route", ROUTES)
def test_the_embedded_backend_answers_in_the_shape_of_a_real_one(captured, route):

    with httpx.Client(transport=embedded_transport(), base_url="http://x") as client:
        ours = client.get(f"/sdapi/v1/{route}")

    theirs = captured(ROUTES[route])["response"]["json"]
    assert ours.status_code == 200
    real, embedded = shape_of(theirs), shape_of(ours.json())
    if route == "script-info":
        # Arguments differ in kind from script to script; what is told of each does not.
        real[0]["args"], embedded[0]["args"] = (set(script["args"][0]) for script in (real[0], embedded[0]))
    if route == "memory":
        real.pop("cuda"), embedded.pop("cuda")
    if route == "loras":
        real[0].pop("metadata"), embedded[0].pop("metadata")
    if route == "embeddings":
        real, embedded = set(real), set(embedded)
    assert embedded == real


@pytest.mark.parametrize(
    ("path", "recording"),
    [("txt2img", "iclight-v1/nobug-disabled"), ("img2img", "core/img2img-mask-fill1")],
)
def test_the_embedded_backend_draws_in_the_shape_of_a_real_one(captured, path, recording):

    asked = captured(recording)["request"]["json"]
    with httpx.Client(transport=embedded_transport(), base_url="http://x") as client:
        ours = client.post(f"/sdapi/v1/{path}", json=asked).json()

    theirs = captured(recording)["response"]["json"]
    assert ours.keys() == theirs.keys()
    assert ours["parameters"].keys() == theirs["parameters"].keys()
    assert json.loads(ours["info"]).keys() == json.loads(theirs["info"]).keys()
    assert len(ours["images"]) == len(theirs["images"])
