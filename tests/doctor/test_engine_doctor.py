"""The doctor of engines in this process: all that is missing is said at once, each with its remedy."""

from __future__ import annotations

import dataclasses
import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from prodgen.cli import main
from prodgen.doctor import SetupFacts, engine_facts, judge
from prodgen.doctor.comfy_facts import ComfyFacts
from prodgen.doctor.engine_facts import PACKAGES, EngineFacts, LeftOut
from prodgen.doctor.facts import LocalFacts
from prodgen.engines.diffusers.device import Device
from prodgen.errors import EngineUnavailableError
from tests.engines.comfy.fake_comfy import FakeComfy

CARD = Device("cuda", "NVIDIA GeForce RTX 3090", 24 << 30)
WHOLE = EngineFacts(
    Path("/srv/models"),
    device=CARD,
    has_folder=True,
    checkpoints={"photon": "sd15", "xl": "sdxl"},
    ic_light=("FBC", "FC"),
)
COMFY = ComfyFacts("0.3.64", "cuda:0 NVIDIA", ("photon",), "kijai", "", ("FBC", "FC"))


def found(
    engine: EngineFacts | None = None, comfy: ComfyFacts | None = None
) -> dict[str, tuple[str, str, str]]:
    """Status, observation and remedy of each finding about an engine that was not asked through the API."""
    here = LocalFacts(
        Path("outputs"), free_bytes=1 << 40, segmenters=("auto", "u2netp"), segmenter="u2netp", scenes=8
    )
    report = judge(SetupFacts("engine://", here, engine=engine, comfy=comfy, error=None))
    return {one.name: (one.status, one.what, one.remedy) for one in report.findings}


def engine(**changes: object) -> dict[str, tuple[str, str, str]]:
    return found(dataclasses.replace(WHOLE, **changes))


def test_the_packages_that_are_looked_for_are_those_of_the_extra(root):
    extra = tomllib.loads((root / "pyproject.toml").read_text())["project"]["optional-dependencies"]["engine"]
    wanted = {}
    for line in extra:
        numbers = [
            tuple(map(int, text.split("."))) for text in re.findall(r"[\d.]+", line.partition(">=")[2])
        ]
        wanted[line.partition(">=")[0]] = (numbers[0], numbers[1] if len(numbers) > 1 else ())

    assert wanted == PACKAGES


def test_an_engine_that_lacks_nothing_is_all_ok():
    assert {one[0] for name, one in engine().items() if name != "address"} == {"OK"}


def test_everything_that_is_missing_is_said_in_one_examination(monkeypatch, tmp_path):
    releases = {
        "torch": None,
        "diffusers": "0.31.0",
        "safetensors": "0.8.0",
        "scipy": "1.17.1",
        "transformers": None,
    }
    monkeypatch.setattr(engine_facts, "_release", releases.get)

    result = CliRunner().invoke(main, ["doctor", f"engine://{tmp_path / 'none'}", "--json"])
    report = json.loads(result.stdout)
    broken = {one["name"]: one for one in report["findings"] if one["status"] == "broken"}

    assert result.exit_code == 1
    assert set(broken) == {"packages", "models", "IC-Light"}
    assert (
        "torch is not installed; transformers is not installed; diffusers 0.31.0"
        in broken["packages"]["what"]
    )
    assert broken["packages"]["remedy"] == "pip install 'prodgen[engine]'"
    assert "prodgen weights get sd15-photo" in broken["models"]["remedy"]
    assert broken["IC-Light"]["remedy"].endswith("none prodgen weights get iclight-fc iclight-fbc")


def test_a_torchvision_that_does_not_fit_is_named_with_two_ways_out():
    fault = EngineUnavailableError("torchvision mismatch", "it does not fit")

    status, what, remedy = engine(fault=fault, device=None)["packages"]

    assert (status, "torchvision" in what) == ("broken", True)
    assert "--upgrade torch torchvision" in remedy
    assert "pip uninstall torchvision" in remedy


def test_a_package_that_does_not_load_says_what_it_said():
    fault = EngineUnavailableError("library broken", "torch does not load (libcudart.so.12: cannot open)")

    status, what, remedy = engine(fault=fault, device=None)["packages"]

    assert status == "broken"
    assert "libcudart.so.12" in what
    assert "--force-reinstall" in remedy


@pytest.mark.parametrize(
    ("device", "status", "said"),
    [
        (Device("cpu", "CPU", slow_because="no GPU"), "warning", "use a machine with an NVIDIA GPU"),
        (
            Device("cpu", "CPU", slow_because="old driver", remedy="update the driver"),
            "warning",
            "update the driver",
        ),
        (Device("cuda", "NVIDIA GeForce GTX 1650", 3 << 30), "warning", "0.4 megapixels"),
        (CARD, "OK", "24.0 GiB"),
    ],
)
def test_what_draws_is_told_with_what_would_be_better(device, status, said):
    got = engine(device=device, seconds=90.0)["GPU"]

    assert got[0] == status
    assert said in " ".join(got)
    assert ("about 90 s" in got[1]) == (device.kind == "cpu")


@pytest.mark.parametrize(
    ("changes", "name", "status", "said"),
    [
        ({"has_folder": False, "checkpoints": {}}, "models", "broken", "there is no folder /srv/models"),
        ({"checkpoints": {}}, "models", "broken", "has no checkpoint that can be used"),
        ({"checkpoints": None}, "models", "broken", "cannot be read"),
        (
            {"checkpoints": {}},
            "models",
            "broken",
            "PRODGEN_MODELS=/srv/models prodgen weights get sd15-photo",
        ),
        ({"ic_light": ("FC",)}, "IC-Light", "warning", "=/srv/models prodgen weights get iclight-fbc"),
        ({"ic_light": ()}, "IC-Light", "broken", "prodgen weights get iclight-fc iclight-fbc"),
        ({"checkpoints": {"xl": "sdxl"}}, "IC-Light", "broken", "no checkpoint of the family SD 1.5"),
        (
            {"left_out": (LeftOut("Lora/a.pt", "it is a pickle"),)},
            "left out",
            "warning",
            "Lora/a.pt: it is a pickle",
        ),
    ],
)
def test_a_models_folder_is_judged_by_what_is_in_it(changes, name, status, said):
    got = engine(**changes)[name]

    assert got[0] == status
    assert said in " ".join(got)


def test_an_engine_with_tiny_models_is_drawn_with_and_sound(tmp_path):
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from benchmarks.engine_models import write_models

    models = write_models(tmp_path / "models")
    (models / "Stable-diffusion/tiny-inpainting.safetensors").unlink()  # only plain ones can be relit
    (models / "Lora/old.pt").write_bytes(b"PK")

    result = CliRunner().invoke(main, ["doctor", f"engine://{models}", "--json"])
    report = {one["name"]: one for one in json.loads(result.stdout)["findings"]}

    assert result.exit_code == 0, result.stdout
    assert report["drawing"]["status"] == report["relights fc"]["status"] == "OK"
    assert "sd15" in report["models"]["what"]
    assert "Lora/old.pt: it is a pickle" in report["left out"]["what"]
    assert report["LoRAs"]["what"].startswith("'more_details'")  # the one for SDXL is no fault
    assert re.match(r"PRODGEN_MODELS=\S+ prodgen weights get more-details", report["LoRAs"]["remedy"])
    assert "sd-webui" not in result.stdout
    assert "prodgen weights get sd15-inpainting-safe" in report["checkpoints"]["remedy"]
    assert "download_weights.sh" not in report["upscaler"]["remedy"] + report["LoRAs"]["remedy"]


# A ComfyUI server.


@pytest.mark.parametrize(
    ("changes", "name", "status", "said"),
    [
        ({}, "ComfyUI", "OK", "ComfyUI 0.3.64 draws on cuda:0 NVIDIA"),
        ({"checkpoints": ()}, "models", "broken", "models/checkpoints"),
        ({"pack": None, "get_pack": "install it"}, "IC-Light", "broken", "install it"),
        ({"ic_light": ()}, "IC-Light", "broken", "iclight_sd15_fc_unet_ldm.safetensors and iclight_sd15_fbc"),
        ({"ic_light": ("FC",)}, "IC-Light", "warning", "prodgen weights get iclight-fbc"),
        ({"hears_steps": False}, "progress", "OK", "pip install 'prodgen[comfy]'"),
    ],
)
def test_a_comfyui_server_is_judged_by_what_it_lists(changes, name, status, said):
    got = found(comfy=dataclasses.replace(COMFY, **changes))[name]

    assert got[0] == status
    assert said in " ".join(got)


@pytest.fixture
def server() -> Iterator[FakeComfy]:
    fake = FakeComfy()
    yield fake
    fake.stop()


def examined(address: str) -> tuple[int, dict[str, dict[str, str]]]:
    result = CliRunner().invoke(main, ["doctor", address, "--json"])
    return result.exit_code, {one["name"]: one for one in json.loads(result.stdout)["findings"]}


def test_a_comfyui_without_the_node_packs_is_told_which_and_where_they_are(server):
    for name in ("LoadAndApplyICLightUnet", "ICLightConditioning", "ICLightAppply", "VAEEncodeArgMax"):
        server.object_info.pop(name, None)

    status, findings = examined(server.address.replace("http", "comfy"))

    assert status == 1
    assert findings["IC-Light"]["status"] == "broken"
    assert "https://github.com/kijai/ComfyUI-IC-Light" in findings["IC-Light"]["remedy"]
    assert findings["ComfyUI"]["status"] == "OK"


def test_what_fails_on_a_comfyui_is_not_remedied_in_the_words_of_a1111(server):
    _, findings = examined(server.address.replace("http", "comfy"))

    told = " ".join(one["remedy"] for one in findings.values())
    assert findings["LoRAs"]["status"] == "warning"  # it draws the same flat picture whatever it is asked
    assert "Couldn't find network" not in told
    assert "sd-webui" not in told
    assert "models/RealESRGAN" not in told


def test_nobody_at_the_address_and_another_program_are_told_apart(server):
    server.stop()

    status, findings = examined(server.address.replace("http", "comfy"))

    assert (status, findings["address"]["status"]) == (1, "broken")
    assert (
        "Start ComfyUI" in findings["address"]["remedy"] or "start ComfyUI" in findings["address"]["remedy"]
    )
