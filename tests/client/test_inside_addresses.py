"""Addresses of engines in this process: what they mean, and who answers them."""

from __future__ import annotations

import importlib
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prodgen import engines
from prodgen.client import Client, engine_settings, parse_address, read_engine
from prodgen.engines import ENGINES, shared_transport
from prodgen.errors import BackendUnreachableError, SettingError
from prodgen.schema import Txt2Img
from prodgen.server.engine import EngineSettings

SMALL = Txt2Img(prompt="a mug", seed=7, width=64, height=64, steps=2, sampler_name="Euler")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Engines that were made, in place of the GPU's and of ComfyUI's."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "engines")
    toy = importlib.import_module("toy_engine")
    engines: list[Any] = []

    class Noted(toy.ToyEngine):
        def __init__(self, settings: EngineSettings) -> None:
            if settings.address == "http://nobody:8188":
                raise BackendUnreachableError("http://nobody:8188", "no connection")
            super().__init__(settings)
            engines.append(self)

    monkeypatch.setattr(toy, "Noted", Noted, raising=False)
    for name in ("diffusers", "comfy"):
        monkeypatch.setitem(ENGINES, name, "toy_engine:Noted")
    monkeypatch.setattr("prodgen.engines._shared", [])
    return engines


@pytest.mark.parametrize(
    ("text", "url", "engine", "program"),
    [
        ("engine://", "engine://", "diffusers", None),
        ("engine:///srv/models/", "engine:///srv/models", "diffusers", None),
        ("comfy://box:8188", "comfy://box:8188", "comfy", "http://box:8188"),
        ("comfys://me:secret@box/comfy/", "comfys://box/comfy", "comfy", "https://box/comfy"),
        ("COMFY://[::1]:8188", "comfy://[::1]:8188", "comfy", "http://[::1]:8188"),
        ("embedded://", "embedded://", "ibl", None),
        ("comfy://box", "comfy://box:8188", "comfy", "http://box:8188"),
        ("engine", "engine://", "diffusers", None),
        ("engine:", "engine://", "diffusers", None),
        ("comfy:8188", "http://comfy:8188", None, None),
        ("engine:7860", "http://engine:7860", None, None),
    ],
)
def test_an_address_says_which_engine_it_means_and_where_that_has_it_drawn(text, url, engine, program):
    address = parse_address(text)

    assert (address.url, address.engine, address.program) == (url, engine, program)
    assert address.is_inside == (engine is not None)
    assert address.is_embedded == (engine == "ibl")


def test_a_folder_of_weights_stands_in_the_address_and_a_limit_in_the_environment(monkeypatch):
    monkeypatch.setenv("PRODGEN_VRAM", "6G")

    assert engine_settings(parse_address("engine:///srv/my%20models")).models == Path("/srv/my models")
    settings = engine_settings(parse_address("engine://"), models="/elsewhere")
    assert (settings.models, settings.vram_bytes) == (Path("/elsewhere"), 6 << 30)


def test_password_headers_and_certificate_reach_the_program_that_draws(monkeypatch):
    monkeypatch.setenv("PRODGEN_HEADERS", "X-Team: red")
    monkeypatch.setenv("PRODGEN_CA_FILE", "/ca.pem")
    settings = engine_settings(parse_address("comfys://me:secret@box"), auth="other:one")

    assert settings.auth == ("me", "secret")
    assert (dict(settings.headers), settings.verify) == ({"X-Team": "red"}, "/ca.pem")
    assert "secret" not in repr(settings)


@pytest.mark.parametrize("text", ["engine:/srv/models", "comfy:/127.0.0.1:8188", "comfy:127.0.0.1:8188"])
def test_a_mistyped_engine_is_no_host_and_is_spelled_out(text):
    with pytest.raises(SettingError, match=r"comfy://127\.0\.0\.1:8188"):
        parse_address(text)


@pytest.mark.parametrize("text", ["comfy://", "engine://models", "comfy://box:port"])
def test_an_address_that_is_none_is_refused_without_its_password(text):
    with pytest.raises(SettingError):
        parse_address(text)
    with pytest.raises(SettingError) as caught:
        parse_address("comfy://me:secret@box:port")
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("text", ["torch", "http://box:7860", "box:8188"])
def test_what_serves_must_be_an_engine(text):
    with pytest.raises(SettingError, match="comfy://"):
        read_engine(text)


def test_settings_that_mean_nothing_to_an_engine_are_refused():
    with pytest.raises(SettingError, match="models"):
        engine_settings(read_engine("ibl"), models="/srv/models")
    with pytest.raises(SettingError, match="vram"):
        engine_settings(read_engine("comfy://box:8188"), vram="6G")


def test_clients_of_one_address_share_one_engine_and_nothing_is_made_before_the_first_request(made):
    with Client("engine:///a") as first, Client("engine:///a") as second, Client("engine:///b") as other:
        assert made == []
        for client in (first, second, other):
            assert float(client.txt2img(SMALL).images[0].mean()) == pytest.approx(7 / 255, abs=0.02)

    assert [engine.settings.models for engine in made] == [Path("/a"), Path("/b")]
    assert len(made[0].orders) == 2


def test_a_client_of_a_real_engine_does_not_take_it_for_the_one_without_a_model(made):
    with Client("comfy://box:8188") as client:
        done = client.txt2img(SMALL)
        assert (client.is_inside, client.is_embedded) == (True, False)
        assert client.name == "toy 1.0 at comfy://box:8188"

    assert made[0].settings.address == "http://box:8188"
    assert not any("no diffusion" in notice or "places" in notice for notice in done.notices)


def test_an_error_of_the_engine_reaches_the_client_as_it_is(made):
    with (
        Client("comfy://nobody:8188", sleep=lambda seconds: None) as client,
        pytest.raises(BackendUnreachableError, match="nobody"),
    ):
        client.txt2img(SMALL)


def test_an_unknown_setting_makes_another_engine(made):
    first = shared_transport("diffusers", EngineSettings(vram_bytes=1 << 30)).server
    second = shared_transport("diffusers", EngineSettings(vram_bytes=2 << 30)).server

    assert first is not second
    assert np.array_equal([engine.settings.vram_bytes for engine in made], [1 << 30, 2 << 30])


def test_an_engine_of_the_table_is_known_by_its_name_and_one_with_a_program_wants_an_address(monkeypatch):
    monkeypatch.setitem(ENGINES, "toy", "toy_engine:ToyEngine")

    assert read_engine("toy").engine == "toy"
    with pytest.raises(SettingError, match="comfy://"):
        read_engine("comfy")


def test_who_asks_one_engine_does_not_wait_until_another_is_made(made, monkeypatch):
    is_making, may_go_on = threading.Event(), threading.Event()
    make = importlib.import_module("toy_engine").Noted

    def slowly(settings: EngineSettings) -> Any:
        if settings.models == "/srv/slow":
            is_making.set()
            assert may_go_on.wait(20)
        return make(settings)

    monkeypatch.setattr(importlib.import_module("toy_engine"), "Noted", slowly)
    slow = shared_transport("diffusers", EngineSettings(models="/srv/slow"))
    first = threading.Thread(target=lambda: slow.server)
    first.start()
    assert is_making.wait(20)
    quick = threading.Thread(target=lambda: shared_transport("diffusers", EngineSettings()).server)
    quick.start()
    quick.join(20)
    was_served = not quick.is_alive()
    may_go_on.set()
    first.join(20)

    assert was_served


def test_a_server_that_is_dead_is_not_kept(made):
    first = shared_transport("diffusers", EngineSettings()).server
    first.stop()
    second = shared_transport("diffusers", EngineSettings()).server

    assert second is not first
    assert len(engines._shared) == 1
