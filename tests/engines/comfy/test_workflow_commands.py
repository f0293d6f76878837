"""`prodgen generate --workflow` and `prodgen shoot` through a ComfyUI server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from prodgen import files
from prodgen.cli import main

from .drawn_orders import recorded_workflow
from .fake_comfy import FakeComfy

EXAMPLE = Path(__file__).parents[3] / "examples" / "pixelwave_flux.json"


def ran(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, [str(x) for x in arguments])
    return result.exit_code, result.output


@pytest.fixture
def address(comfy: FakeComfy) -> str:
    unets = comfy.object_info["UNETLoader"]["input"]["required"]["unet_name"][0]
    unets.append("pixelwave_flux1_dev_fp8_03.safetensors")
    return comfy.address.replace("http", "comfy")


def test_the_example_runs_with_a_seed_of_64_bits(comfy: FakeComfy, address: str, tmp_path: Path):
    seed = 2**63 - 1
    settings = ("--prompt", "a cup", "--size", "832x1216", "--steps", "12", "--seed", str(seed))

    code, told = ran(
        "generate", "--workflow", EXAMPLE, *settings, "--backend", address, "-o", tmp_path / "a.png"
    )

    assert code == 0, told
    graph = comfy.sent[0]
    assert graph["pos"]["inputs"]["text"] == "a cup"
    assert (graph["sampler"]["inputs"]["seed"], graph["sampler"]["inputs"]["steps"]) == (seed, 12)
    assert files.load(tmp_path / "a.png").rgb.shape == (1216, 832, 3)
    assert "Steps: 12" in files.read_text(tmp_path / "a.png")["parameters"]


def test_a_picture_and_a_value_are_put_into_a_workflow(comfy: FakeComfy, address: str, tmp_path: Path):
    path = tmp_path / "w.json"
    path.write_text(json.dumps(recorded_workflow("a-img2img")["prompt"]), "utf-8")

    code, told = ran(
        "generate",
        "--workflow",
        path,
        "--set",
        "sampler.steps=3",
        "--backend",
        address,
        "-o",
        tmp_path / "b.png",
    )

    assert code == 1, told  # the picture that the workflow names is not on this server
    assert "photo.png" in told


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--tiling",), "tiling"),
        (("--set", "steps"), "NODE.INPUT=VALUE"),
        (("--size", "4:5"), "WIDTHxHEIGHT"),
    ],
)
def test_what_means_nothing_to_a_workflow_is_refused(arguments: tuple[str, ...], words: str):
    code, told = ran("generate", "--workflow", EXAMPLE, *arguments, "--backend", "comfy://127.0.0.1:9")

    assert code == 1
    assert words in told


def test_a_backend_without_comfyui_refuses_a_workflow():
    code, told = ran("generate", "--workflow", EXAMPLE, "--backend", "embedded://")

    assert code == 1
    assert "comfy://host:8188" in told
