"""Every kind of engine, small enough for tests, under the names that recorded requests have for models."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from prodgen.engines import load_engine
from prodgen.server.engine import Engine, EngineInventory, EngineSettings, ModelFile


class UnderRecordedNames:
    """An engine in whose inventory stands what the recorded requests name."""

    def __init__(self, engine: Any, **listed: Any) -> None:
        self._engine, self._listed = engine, listed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._engine, name)

    def inventory(self) -> EngineInventory:
        return replace(self._engine.inventory(), **self._listed)


def model_in_tests() -> Any:
    """One that draws as the embedded one does, behind the inventory of a model."""
    spec = importlib.util.spec_from_file_location(
        "model_in_tests", Path(__file__).parent.parent / "engines" / "model_engine.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    models = (ModelFile("tiny-sd15"), ModelFile("zz tiny second"))
    return UnderRecordedNames(
        module.ModelEngine(),
        checkpoints=models,
        samplers=None,
        schedulers=None,
        loras=(ModelFile("more_details"),),
    )


def tiny_diffusion(folder: Path) -> Any:
    """The engine on diffusers with tiny random weights."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from benchmarks.engine_models import write_models

    write_models(folder)
    for kind, name, others in (
        ("Stable-diffusion", "tiny-sd15", ["zz tiny second"]),
        ("Lora", "tiny-lora", ["more_details"]),
    ):
        for other in others:
            shutil.copy(folder / kind / f"{name}.safetensors", folder / kind / f"{other}.safetensors")
        for path in (folder / kind).iterdir():
            if path.stem not in (name, *others):
                path.unlink()
    return load_engine("diffusers", EngineSettings(models=folder))


RECORDED_CHECKPOINTS = ["tiny-sd15.safetensors", "zz tiny second.safetensors"]


def _choices(object_info: dict[str, Any], node: str, name: str) -> list[str]:
    """The names that a node takes, to be changed."""
    found = object_info[node]["input"]["required"][name][0]
    assert isinstance(found, list)
    return found


@contextmanager
def fake_comfyui() -> Iterator[Engine]:
    """ComfyUI as an engine, of which a fake server with recorded nodes draws noise.

    ComfyUI tells no hashes and the recorded answers have some: its files get those that stand for a name.
    """
    from tests.engines.comfy.fake_comfy import FakeComfy

    fake = FakeComfy()
    _choices(fake.object_info, "CheckpointLoaderSimple", "ckpt_name")[:] = RECORDED_CHECKPOINTS
    _choices(fake.object_info, "LoraLoader", "lora_name").append("more_details.safetensors")
    try:
        made = load_engine("comfy", fake.settings)
        known = made.inventory()
        hashed = {
            kind: tuple(replace(file, digest="") for file in getattr(known, kind))
            for kind in ("checkpoints", "loras", "vaes")
        }
        yield cast("Engine", UnderRecordedNames(made, **hashed))
    finally:
        fake.stop()


@contextmanager
def engine_at_hand(name: str, folder: Path) -> Iterator[Engine]:
    """Make an engine, for the length of a with block; `folder` is for its weights."""
    if name == "comfy":
        with fake_comfyui() as made:
            yield made
            made.close()
        return
    if name == "diffusers":
        made = tiny_diffusion(folder)
    elif name == "ibl":
        made = load_engine("ibl")
    else:
        made = model_in_tests()
    yield made
    made.close()
