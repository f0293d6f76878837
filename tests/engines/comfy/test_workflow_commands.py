"""`prodgen generate --workflow` and `prodgen shoot` through a ComfyUI server."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.engines import engine_server
from prodgen.server import socket_server

from .drawn_orders import recorded_workflow
from .fake_comfy import FakeComfy
from .graph_painter import GraphPainter
from .typed_commands import address_of, typed, well_typed

EXAMPLE = Path(__file__).parents[3] / "examples" / "pixelwave_flux.json"


@pytest.fixture
def address(comfy: FakeComfy) -> str:
    unets = comfy.object_info["UNETLoader"]["input"]["required"]["unet_name"][0]
    unets.append("pixelwave_flux1_dev_fp8_03.safetensors")
    return address_of(comfy)


def test_the_example_runs_with_a_seed_of_64_bits(comfy: FakeComfy, address: str, tmp_path: Path):
    seed = 2**64 - 1
    settings = ("--prompt", "a cup", "--size", "832x1216", "--steps", "12", "--seed", str(seed))

    code, told = typed(
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

    code, told = typed(
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
    code, told = typed("generate", "--workflow", EXAMPLE, *arguments, "--backend", "comfy://127.0.0.1:9")

    assert code == 1
    assert words in told


def test_a_backend_without_comfyui_refuses_a_workflow():
    code, told = typed("generate", "--workflow", EXAMPLE, "--backend", "embedded://")

    assert code == 1
    assert "comfy://host:8188" in told


@pytest.fixture
def painting(comfy: FakeComfy) -> FakeComfy:
    GraphPainter(comfy).install()
    return comfy


@pytest.fixture(params=["comfy", "serve"])
def either_way(request: pytest.FixtureRequest, painting: FakeComfy) -> Iterator[str]:
    """The address of the ComfyUI itself, and of a `prodgen serve` before it."""
    if request.param == "comfy":
        yield address_of(painting)
        return
    server = engine_server("comfy", painting.settings)
    with socket_server.listening(server) as url:
        yield url
    server.close()


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """Red on its left half, blue on its right."""
    picture = np.zeros((128, 128, 3), np.float32)
    picture[:, :64, 0], picture[:, 64:, 2] = 0.8, 0.8
    files.save(tmp_path / "photo.png", picture)
    return tmp_path / "photo.png"


def kept(folder: Path, name: str) -> Path:
    path = folder / f"{name}.json"
    path.write_text(json.dumps(recorded_workflow(name)["prompt"]), "utf-8")
    return path


def test_a_picture_of_ones_own_is_redrawn_by_a_workflow(painting, either_way, photo, tmp_path):
    words = ("generate", "--workflow", kept(tmp_path, "a-img2img"), "--backend", either_way, "--seed", 4)

    well_typed(*words, "--image", photo, "--set", "sampler.denoise=0.25", "-o", tmp_path / "r.png")
    well_typed(*words, "--image", f"img={photo}", "--set", "sampler.denoise=1", "-o", tmp_path / "new.png")

    redrawn, new = (files.load(tmp_path / name).rgb for name in ("r.png", "new.png"))
    leaning = [x[:, :64, 0].mean() - x[:, 64:, 0].mean() for x in (redrawn, new)]
    assert leaning[0] > 0.3 > abs(leaning[1])
    assert [graph["sampler"]["inputs"]["seed"] for graph in painting.sent] == [4, 4]


def test_a_product_is_relit_by_a_workflow(painting, either_way, tmp_path):
    product = np.full((128, 128, 3), 0.5, np.float32)
    product[32:96, 32:96] = (0.8, 0.1, 0.1)
    files.save(tmp_path / "grey.png", product)
    words = ("generate", "--workflow", kept(tmp_path, "b-iclight-fc-kijai"), "--backend", either_way)

    well_typed(*words, "--image", tmp_path / "grey.png", "--prompt", "on a table", "-o", tmp_path / "r.png")

    made = files.load(tmp_path / "r.png").rgb
    assert (made[44:84, 44:84, 0] > 2 * made[44:84, 44:84, 1]).mean() > 0.9
    assert made[:16].std() > 0.01  # a scene, not the grey ground


def test_pictures_and_their_seeds_are_as_many_as_asked_for(painting, either_way, tmp_path):
    words = ("generate", "--workflow", kept(tmp_path, "a-txt2img"), "--seed", 2**63 + 5, "--count", 2)

    well_typed(*words, "--size", "64x96", "--backend", either_way, "-o", tmp_path / "many")

    made = sorted((tmp_path / "many").iterdir())
    assert [path.stem.rpartition("-")[2] for path in made] == [str(2**63 + 5), str(2**63 + 6)]
    assert [files.load(path).rgb.shape for path in made] == [(96, 64, 3)] * 2
    assert not np.array_equal(*(files.load(path).rgb for path in made))


def test_a_fault_of_a_node_is_told_in_one_line_by_either_way(painting, either_way, tmp_path):
    painting.failing["KSampler"] = ("ValueError", "the tensors disagree")
    words = ("generate", "--workflow", kept(tmp_path, "a-txt2img"), "--backend", either_way)

    code, told = typed(*words, "-o", tmp_path / "a.png")

    assert code == 1
    assert "KSampler 'sampler'" in told
    assert "the tensors disagree" in told
    assert not (tmp_path / "a.png").exists()


def test_a_picture_of_a_workflow_tells_how_it_was_made(painting, tmp_path):
    path = kept(tmp_path, "a-txt2img")
    words = ("generate", "--workflow", path, "--seed", 4, "--backend", address_of(painting))

    well_typed(*words, "--prompt", "a cup", "--set", "sampler.steps=3", "-o", tmp_path / "a.png")

    told = json.loads(well_typed("--json", "show", tmp_path / "a.png"))
    assert (told["kind"], told["workflow"], told["seed"]) == ("workflow", "a-txt2img.json", 4)
    assert (told["prompt"], told["set"]) == ("a cup", {"sampler.steps": "3"})
    assert "trainedAlgorithmicMedia" in well_typed("show", tmp_path / "a.png")


def enlarging(folder: Path, photo: Path) -> tuple[object, ...]:
    """A workflow without a seed, and its picture."""
    return ("generate", "--workflow", kept(folder, "h-upscale-model"), "--image", photo)


def test_a_workflow_without_a_seed_claims_none(painting, photo, tmp_path):
    words = (*enlarging(tmp_path, photo), "--backend", address_of(painting))

    told = well_typed(*words, "-o", tmp_path / "a.png")

    assert "no seed" in told
    story = json.loads(well_typed("--json", "show", tmp_path / "a.png"))
    assert story["seed"] is None
    assert story["pictures"][""]


@pytest.mark.parametrize("option", ["--seed", "--count"])
def test_seed_and_count_are_refused_for_a_workflow_without_a_seed(painting, photo, tmp_path, option):
    code, told = typed(*enlarging(tmp_path, photo), option, 2, "--backend", address_of(painting))

    assert code == 1
    assert "this workflow has no seed" in told
    assert not painting.posted


def test_pictures_whose_seed_was_set_by_name_are_not_drawn_again_and_again(painting, tmp_path):
    words = ("generate", "--workflow", kept(tmp_path, "a-txt2img"), "--backend", address_of(painting))

    told = well_typed(*words, "--set", "sampler.seed=5", "--count", 3, "-o", tmp_path / "many")

    assert "none is drawn" in told
    assert len(painting.posted) == 1


@pytest.mark.parametrize("options", [("--set", "sampler.steps=3", "--set", "sampler.steps=4"), ("--image",)])
def test_two_values_of_one_input_are_refused(painting, photo, tmp_path, options):
    twice = options if len(options) > 1 else ("--image", photo, "--image", photo)
    words = ("generate", "--workflow", kept(tmp_path, "a-img2img"), "--backend", address_of(painting))

    code, told = typed(*words, *twice)

    assert code == 1
    assert "two values" in told


def test_a_picture_s_name_may_hold_an_equals_sign(painting, photo, tmp_path):
    odd = photo.rename(photo.with_name("a=b.png"))
    words = ("generate", "--workflow", kept(tmp_path, "a-img2img"), "--backend", address_of(painting))

    well_typed(*words, "--image", odd, "-o", tmp_path / "r.png")


def test_the_lines_of_the_page_are_typed_as_they_stand(address, painting, photo, tmp_path, monkeypatch):
    page = (EXAMPLE.parent.parent / "docs" / "comfyui.md").read_text("utf-8")
    lines = re.findall(r"^prodgen ((?:generate|replay) .*)$", page, flags=re.MULTILINE)
    (tmp_path / "examples").mkdir()
    (tmp_path / "examples" / EXAMPLE.name).write_bytes(EXAMPLE.read_bytes())
    kept(tmp_path, "a-img2img").rename(tmp_path / "edit.json")
    monkeypatch.chdir(tmp_path)

    for line in lines:
        well_typed(*shlex.split(line.replace("comfy://box:8188", address).replace("832x1216", "64x96")))

    assert len(lines) == 3
    assert painting.sent[0]["sampler"]["inputs"]["seed"] == 2**64 - 1
    assert (tmp_path / "edited-replayed.png").exists()
