"""An engine in this process draws for a crew's processes: it is made once, and nobody else can use it."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from prodgen.engines import ENGINES
from prodgen.errors import SettingError


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
