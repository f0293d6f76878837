"""What a server lacks is got in the way of its kind: an extension, weights of a folder, or a node pack."""

from __future__ import annotations

import importlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from prodgen import shoot
from prodgen.client import Client
from prodgen.client.knowledge.known_server import KnownServer
from prodgen.client.reaching.addresses import parse
from prodgen.client.reaching.connection import Connection
from prodgen.client.work import upscaler_proof
from prodgen.dialects import A1111, SDNext, StableDiffusionCpp
from prodgen.dialects.own_engines import OwnEngine, ThroughComfy
from prodgen.engines import ENGINES
from prodgen.errors import AnswerError, GraphRefusedError, MissingExtensionError, NotAppliedError
from prodgen.schema import ADetailer, ControlNetUnit, ICLight, Script, ScriptInfo, Txt2Img
from prodgen.schema.answers import Capabilities
from prodgen.server.app import ApiServer
from prodgen.server.transport import ApiTransport

GREY = np.full((64, 64, 3), 0.5, np.float32)
SQUARE = np.pad(np.ones((32, 32), np.float32), 16)
LIGHT = ICLight(foreground=GREY, matte=np.ones((64, 64), np.float32))
ASKED = {
    "IC-Light": {"ic_light": LIGHT},
    "ControlNet": {"controlnet": (ControlNetUnit(model="canny", image=GREY),)},
    "ADetailer": {"adetailer": (ADetailer(),)},
}
BARE = Capabilities("", scripts=(ScriptInfo("seed", is_alwayson=True, is_img2img=False, args=()),))
WORDS_OF_OTHERS = {
    A1111: ("prodgen weights", "node pack", "custom_nodes"),
    OwnEngine: ("extension", "node pack", "custom_nodes", "console", "web UI"),
    ThroughComfy: ("extension", "prodgen weights", "install_backend", "web UI"),
}
"""For each kind of server, what belongs to another kind."""

REMEDIES = [
    (A1111, "IC-Light", "sd-forge-ic-light"),
    (A1111, "ControlNet", "sd-webui-controlnet"),
    (A1111, "ADetailer", "extension adetailer"),
    (OwnEngine, "IC-Light", "prodgen weights get iclight-fc iclight-fbc"),
    (OwnEngine, "ControlNet", "prodgen weights get controlnet-canny"),
    (OwnEngine, "ADetailer", "repaint them behind a mask"),
    (ThroughComfy, "IC-Light", "ComfyUI-IC-Light (https://github.com/kijai/ComfyUI-IC-Light)"),
    (ThroughComfy, "ControlNet", "comfyui_controlnet_aux"),
    (ThroughComfy, "ADetailer", "ComfyUI-Impact-Pack"),
]


@pytest.mark.parametrize(("kind", "feature", "remedy"), REMEDIES)
def test_what_is_missing_is_got_as_that_kind_of_server_gets_it(kind, feature, remedy):
    request = Txt2Img(prompt="a", seed=1, width=64, height=64, **ASKED[feature])
    with pytest.raises(MissingExtensionError) as refused:
        kind().txt2img(request, BARE, task_id="")

    said = str(refused.value)
    assert said.startswith(f"the {kind.title} backend has no {feature}: ")
    assert remedy in said
    assert not [word for word in WORDS_OF_OTHERS[kind] if word in said]


def test_weights_are_fetched_into_the_folder_that_the_engine_reads(tmp_path):
    asked = OwnEngine(str(tmp_path)).remedy("IC-Light")

    assert f"PRODGEN_MODELS={tmp_path} prodgen weights get iclight-fc" in asked


IDLE = [NotAppliedError("engine://", "it did not run"), AnswerError("engine://", "it cannot be read")]
KINDS = [(A1111, "the server's console"), (ThroughComfy, "ComfyUI's console"), (OwnEngine, "; if ")]


@pytest.mark.parametrize("error", IDLE, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize(("kind", "says"), KINDS)
def test_an_error_without_a_remedy_of_its_own_gets_that_servers(kind, says, error):
    server = KnownServer(Connection(parse("http://box"), timeout_s=1), kind())
    raised = type(error)(error.url, error.reason)
    with pytest.raises(type(error)), server.in_its_words():
        raise raised

    assert says.lower() in raised.remedy.lower()
    assert not [word for word in WORDS_OF_OTHERS[kind] if word in raised.remedy]


def test_a_remedy_of_its_own_stays():
    server = KnownServer(Connection(parse("http://box"), timeout_s=1), ThroughComfy())
    raised = NotAppliedError("comfy://box", "it did not run", remedy="Ask again.")
    with pytest.raises(NotAppliedError), server.in_its_words():
        raise raised

    assert raised.remedy == "Ask again."


def test_a_picture_that_an_engine_did_not_draw_as_asked_is_refused_in_its_words(engine, monkeypatch):
    monkeypatch.setattr(upscaler_proof, "wanted_size", lambda _: (999.0, 999.0))
    with Client("engine:///srv/none") as client, pytest.raises(NotAppliedError) as refused:
        client.upscale(image=GREY, upscaler_1="Lanczos", upscaling_resize=2)

    assert "console" not in str(refused.value)


def test_a_graph_that_comfyui_does_not_take_is_the_clients_to_change(engine, monkeypatch):
    def refuses(self: Any, order: Any, progress: Any) -> Any:
        raise GraphRefusedError("http://box:8188", "it refuses the graph: KSampler '3': cfg is above 100")

    monkeypatch.setattr(engine, "draw", refuses)
    body = {"prompt": "a", "width": 64, "height": 64, "steps": 1}
    with httpx.Client(transport=ApiTransport(ApiServer(engine())), base_url="http://box") as client:
        answer = client.post("/sdapi/v1/txt2img", json=body)

    assert (answer.status_code, "cfg is above 100" in answer.text) == (422, True)


@pytest.mark.parametrize("kind", list(WORDS_OF_OTHERS))
def test_where_relighting_did_not_run_the_remedy_is_that_servers_too(kind):
    said = kind.remedies["relighting"].format(model="IC-Light.SD15.FC")

    assert not [word for word in WORDS_OF_OTHERS[kind] if word in said]


@pytest.mark.parametrize("kind", [SDNext, StableDiffusionCpp])
def test_where_ic_light_cannot_run_at_all_nothing_is_to_be_installed(kind):
    assert kind.remedies["IC-Light"] == "use --recipe inpaint there"


@pytest.fixture
def engine(monkeypatch) -> Any:
    """An engine that has ControlNet but no IC-Light."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "engines")
    kind = importlib.import_module("model_engine").ModelEngine
    whole = kind.inventory
    monkeypatch.setattr(kind, "inventory", lambda self: replace(whole(self), ic_light=()))
    for name in ("diffusers", "comfy"):
        monkeypatch.setitem(ENGINES, name, "model_engine:ModelEngine")
    return kind


def test_an_engine_is_told_by_its_lists_also_behind_a_socket(engine, monkeypatch):
    whole = engine.inventory
    with Client("http://box", transport=ApiTransport(ApiServer(engine()))) as client:
        assert isinstance(client.dialect, OwnEngine)
    monkeypatch.setattr(engine, "inventory", lambda self: replace(whole(self), runs_workflows=True))
    with Client("http://box", transport=ApiTransport(ApiServer(engine()))) as client:
        assert isinstance(client.dialect, ThroughComfy)


def test_a_shot_on_an_engine_without_ic_light_says_what_to_fetch(engine, tmp_path):
    with pytest.raises(MissingExtensionError, match="prodgen weights get iclight-fc") as refused:
        shoot(GREY, prompt="a table", recipe="relight", backend="engine:///srv/none", matte=SQUARE)

    assert "recipe inpaint" in str(refused.value)


def test_what_an_engine_refuses_is_said_without_a_console(engine):
    with Client("engine:///srv/none") as client, pytest.raises(Exception, match="does not accept") as refused:
        client.txt2img(
            Txt2Img(
                prompt="a", seed=1, width=64, height=64, scripts=(Script(title="ControlNet", args=({},)),)
            )
        )

    assert "console" not in str(refused.value)
