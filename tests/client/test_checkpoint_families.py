"""Which family a checkpoint is of: by what is in its file, by its configuration, and last by its name."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from prodgen.client import Client
from prodgen.client.knowledge import lists
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.schema import Capabilities
from prodgen.server import ApiServer, ApiTransport
from prodgen.server.engine import ModelFile

TENSORS = {
    "sdxl": "conditioner.embedders.1.model.ln_final.weight",
    "sd21": "cond_stage_model.model.ln_final.weight",
    "sd15": "cond_stage_model.transformer.text_model.final_layer_norm.weight",
}


def checkpoint(path: Path, family: str) -> Path:
    """Write the beginning of a checkpoint in Stability's layout: the list of its tensors, none of them."""
    listed = json.dumps({TENSORS[family]: {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}}).encode()
    path.write_bytes(len(listed).to_bytes(8, "little") + listed)
    return path


def capabilities(filename: str, *, is_local: bool = True, config: str | None = None) -> Capabilities:
    title = Path(filename).name
    told = [{"title": title, "model_name": title, "filename": filename, "config": config}]
    found = lists.checkpoints(told, is_local=is_local)
    return Capabilities(dialect="a1111", checkpoints=found, checkpoint=title)


@pytest.mark.parametrize("family", TENSORS)
def test_a_file_on_this_machine_tells_its_family_whatever_it_is_called(tmp_path: Path, family: str):
    for name in ("dreamy.safetensors", "old_xl.safetensors", "v1-5.safetensors"):
        have = capabilities(str(checkpoint(tmp_path / name, family)))

        assert (have.family, have.is_sdxl, have.tells_family) == (family, family == "sdxl", True)


def test_a_server_elsewhere_has_no_file_of_this_machine_looked_into(tmp_path: Path):
    path = checkpoint(tmp_path / "dreamy.safetensors", "sdxl")

    assert not capabilities(str(path), is_local=False).tells_family


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("cut.safetensors", b"\x05"),
        ("long.safetensors", b"\xff" * 64),
        ("other.safetensors", b"no list at all, but text"),
        ("pickle.ckpt", b""),
    ],
)
def test_a_file_that_tells_nothing_leaves_it_to_the_name(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)

    assert capabilities(str(tmp_path / name)).family == ""
    assert capabilities(str(tmp_path / "gone.safetensors")).family == ""
    assert capabilities(str(tmp_path / "ponyDiffusion.safetensors")).family == "sdxl"


def test_a_pipe_that_a_server_names_is_not_waited_for(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.safetensors")

    assert capabilities(str(tmp_path / "pipe.safetensors")).family == ""


def test_a_configuration_file_tells_the_family():
    have = capabilities("/srv/dreamy.safetensors", config="/srv/configs/sd_xl_base.yaml")

    assert have.is_sdxl


def test_what_an_engine_knows_of_a_checkpoint_reaches_its_clients(monkeypatch):
    made = lambda name: ModelFile(name, family="sdxl-turbo")  # noqa: E731
    monkeypatch.setattr("prodgen.engines.ibl.ibl_engine.ModelFile", made)
    server = ApiServer(IblEngine(checkpoints=("dreamy",)))
    with Client("http://127.0.0.1:7860", transport=ApiTransport(server)) as client:
        assert client.capabilities.with_checkpoint("dreamy").is_sdxl
