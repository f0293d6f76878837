"""The engine on a fake server: what it lists, draws, proves and refuses."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prodgen.engines.comfy.comfy_engine import ComfyEngine
from prodgen.engines.comfy.comfy_server import ComfyServer
from prodgen.errors import MissingExtensionError, NotAppliedError, SettingError
from prodgen.server.engine import EngineSettings
from prodgen.server.finer_settings import FinerSettings
from prodgen.server.queueing import Stopped
from prodgen.server.wire import Pixels, Refused

from .drawn_orders import plain_order, relit_unit
from .fake_comfy import FakeComfy


def quiet(share: float, preview: Pixels | None = None) -> None:
    pass


def test_the_inventory_is_what_the_server_lists(engine: ComfyEngine):
    found = engine.inventory()

    assert [x.name for x in found.checkpoints] == ["sd15_random", "flux1-dev-fp8"]
    assert [x.family for x in found.checkpoints] == ["sd15", "flux"]
    assert found.ic_light == ("FC", "FBC")
    assert found.embeddings == ("badwords",)
    assert "ComfyUI 0.3.64" in found.version
    assert found.upscalers == ("4x_random",)


def test_a_server_on_a_cpu_and_without_ic_light_says_so_in_notes(comfy: FakeComfy, engine: ComfyEngine):
    del comfy.object_info["LoadAndApplyICLightUnet"], comfy.object_info["ICLightAppply"]

    notes = engine.inventory().notes

    assert any("CPU" in note for note in notes)
    assert any("https://github.com/kijai/ComfyUI-IC-Light" in note for note in notes)


def test_a_server_without_checkpoints_says_where_they_go(comfy: FakeComfy, engine: ComfyEngine):
    for loader, field in (("CheckpointLoaderSimple", "ckpt_name"), ("UNETLoader", "unet_name")):
        comfy.object_info[loader]["input"]["required"][field][0] = []

    found = engine.inventory()

    assert [x.name for x in found.checkpoints] == ["no checkpoint (workflows only)"]
    assert "models/checkpoints" in found.notes[0]
    with pytest.raises(Refused, match="models/checkpoints"):
        list(engine.draw(plain_order(checkpoint=found.checkpoints[0]), quiet))


def test_each_picture_is_a_prompt_with_its_own_seed(comfy: FakeComfy, engine: ComfyEngine):
    pictures = list(engine.draw(plain_order(seeds=(7, 8)), quiet))

    assert [graph["sampler"]["inputs"]["seed"] for graph in comfy.sent] == [7, 8]
    assert [picture.pixels.shape for picture in pictures] == [(128, 128, 3)] * 2
    assert pictures[0].pixels[0, 0, 0] != pictures[1].pixels[0, 0, 0]


def test_progress_is_the_share_of_the_whole_batch(comfy: FakeComfy, engine: ComfyEngine):
    shares: list[float] = []

    list(engine.draw(plain_order(seeds=(7, 8)), lambda share, preview=None: shares.append(share)))

    assert shares == sorted(shares)
    assert shares[0] == 0
    assert 0.5 <= shares[-1] <= 1


def test_an_interrupt_cancels_the_prompt_on_the_server(comfy: FakeComfy, engine: ComfyEngine):
    comfy.gate.clear()

    def stop(share: float, preview: Pixels | None = None) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        list(engine.draw(plain_order(), stop))
    comfy.gate.set()

    comfy.wait_for(lambda: comfy.running is None and not comfy.pending)
    assert not comfy.history


def test_a_relit_picture_is_proven_by_the_graph_that_ran(engine: ComfyEngine):
    order = plain_order(relight=relit_unit())

    (picture,) = engine.draw(order, quiet)

    assert picture.story == {"IC-Light": "applied", "IC-Light patched": order.checkpoint.title}


def test_a_plain_picture_claims_no_relighting(engine: ComfyEngine):
    (picture,) = engine.draw(plain_order(), quiet)

    assert not picture.story


def test_a_graph_that_was_changed_on_the_way_is_no_relit_picture(
    engine: ComfyEngine, server: ComfyServer, monkeypatch: pytest.MonkeyPatch
):
    honest = server.run

    def changed(graph: Any, progress: Any) -> Any:
        run = honest(graph, progress)
        sampler = {**run.graph["sampler"]}
        sampler["inputs"] = {**sampler["inputs"], "model": ["ckpt", 0]}
        return replace(run, graph={**run.graph, "sampler": sampler})

    monkeypatch.setattr(server, "run", changed)

    with pytest.raises(NotAppliedError, match="does not relight"):
        list(engine.draw(plain_order(relight=relit_unit()), quiet))


def test_a_missing_node_is_named_with_its_pack_before_anything_is_sent(comfy: FakeComfy, engine: ComfyEngine):
    del comfy.object_info["SetLatentNoiseMask"], comfy.object_info["BackgroundScaler"]
    del comfy.object_info["VAEDecode"]
    engine.inventory()

    with pytest.raises(MissingExtensionError, match="VAEDecode"):
        list(engine.draw(plain_order(), quiet))
    assert not comfy.sent


def test_what_it_cannot_draw_is_refused_before_anything_is_sent(comfy: FakeComfy, engine: ComfyEngine):
    with pytest.raises(Refused, match="tiles"):
        list(engine.draw(plain_order(finer=FinerSettings(tiling=True)), quiet))
    assert not comfy.sent


def test_a_picture_is_enlarged_and_keeps_its_alpha(comfy: FakeComfy, engine: ComfyEngine):
    pixels = np.full((32, 32, 4), 60, np.uint8)

    large = engine.upscale(pixels, 64, 64, "4x_random")

    assert large.shape == (64, 64, 4)
    assert (large[..., 3] == 60).all()
    assert comfy.sent[0]["um"]["inputs"]["model_name"] == "4x_random.pth"


def test_a_cpu_has_no_memory_of_an_accelerator(engine: ComfyEngine):
    assert engine.memory() is None


@pytest.mark.parametrize(
    "settings", [EngineSettings(), EngineSettings(address="http://box:8188", vram_bytes=1)]
)
def test_settings_that_mean_nothing_here_are_refused(settings: EngineSettings):
    with pytest.raises(SettingError, match=r"comfy://|ComfyUI's own"):
        ComfyEngine(settings)
