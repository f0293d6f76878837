"""An engine in this process draws for a crew's processes: it is made once, and nobody else can use it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from prodgen.engines import ENGINES
from prodgen.errors import BackendError, BackendUnreachableError, SettingError
from prodgen.server.engine import EngineInventory


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Engines that were made in place of the GPU's and ComfyUI's."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "engines")
    module = importlib.import_module("model_engine")
    monkeypatch.setattr(module.ModelEngine, "made", [])
    for name in ("diffusers", "comfy"):
        monkeypatch.setitem(ENGINES, name, "model_engine:ModelEngine")
    return module.ModelEngine.made


def test_a_crews_processes_draw_with_one_engine_of_the_coordinator(shop, steps, made):
    crew = shop.crew(workers=1)
    place = crew.place("engine:///srv/models")
    records = [place.submit(shop.order(n, n), steps).result(60) for n in range(2)]

    assert place.name == "engine/srv/models"
    assert [record.output for record in records] == ["disc0.png", "disc1.png"]
    assert (len(made), len(made[0].orders)) == (1, 2)
    assert made[0].settings.models == Path("/srv/models")
    crew.close()
    assert made[0].is_closed


def test_the_door_of_an_engine_opens_to_its_crew_alone(shop, made):
    place = shop.crew().place("comfy://box:8188")
    parts = urlsplit(place.backend.address)
    bare = f"http://{parts.hostname}:{parts.port}/sdapi/v1/samplers"
    with httpx.Client(trust_env=False) as http:
        assert (parts.hostname, http.get(bare).status_code) == ("127.0.0.1", 401)

    assert place.name == "box:8188"
    assert parts.password not in place.name


def test_an_engine_is_named_once(shop, made):
    crew = shop.crew()
    crew.place("engine://")
    with pytest.raises(SettingError, match="twice"):
        crew.place("engine://")


@pytest.fixture
def away(made, monkeypatch) -> set[str]:
    """Addresses of ComfyUI at which nothing answers for now."""
    gone: set[str] = set()
    kind = importlib.import_module("model_engine").ModelEngine

    def unless_away(work):
        def checked(self, *given):
            if self.settings.address in gone:
                raise BackendUnreachableError(self.settings.address, "connection refused")
            return work(self, *given)

        return checked

    monkeypatch.setattr(kind, "inventory", unless_away(kind.inventory))
    monkeypatch.setattr(kind, "draw", unless_away(kind.draw))
    return gone


def test_a_comfyui_that_is_away_is_waited_for_as_any_server_is(shop, steps, away):
    away.add("http://box:8188")
    place = shop.crew(workers=1).place("comfy://box:8188")
    with pytest.raises(BackendUnreachableError, match="http://box:8188: connection refused"):
        place.probe()
    with pytest.raises(BackendUnreachableError):
        place.submit(shop.order(1), steps).result(60)

    away.clear()
    place.probe()

    assert place.submit(shop.order(0), steps).result(60).output == "disc0.png"


def test_a_comfyui_that_went_away_answers_no_probe_until_it_is_back(shop, away):
    place = shop.crew().place("comfy://box:8188")
    place.probe()
    away.add("http://box:8188")
    with pytest.raises(BackendError, match="http://box:8188: connection refused"):
        place.probe()

    away.clear()

    place.probe()


def test_an_engine_without_weights_ends_a_run_before_it_begins(shop, made, monkeypatch):
    kind = importlib.import_module("model_engine").ModelEngine
    bare = EngineInventory("none 1.0", "not at all", (), notes=("prodgen weights get sd15-photo",))
    monkeypatch.setattr(kind, "inventory", lambda self: bare)

    with pytest.raises(SettingError, match="prodgen weights get sd15-photo"):
        shop.crew().place("engine://")


def test_a_slow_engine_tells_the_crew_before_its_first_picture(shop, steps, made, monkeypatch):
    kind = importlib.import_module("model_engine").ModelEngine
    monkeypatch.setattr(kind, "estimate", lambda self, width, height, steps: 70.0 * steps)
    told: list[str] = []
    crew = shop.crew(workers=1, tell=told.append)
    crew.place("engine://").submit(shop.order(0), steps).result(60)

    assert len(told) == 1
    assert "the engine draws in tests: about 70 s for this picture of" in told[0]
    assert "in 1 steps" in told[0]
