"""The lines and files of docs/models.md, and the notebook, on tiny networks under the names that they use.

What is drawn is noise; that each line finds its files, asks as it should and delivers is what is tested.
Sizes and steps are made small here, for time alone.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from prodgen import files, presence, provenance
from prodgen.cli import main
from prodgen.shading import register

SMALL = ("--steps", "2", "--first-pass", "64x64")

NAMES = {
    "Stable-diffusion": {
        "realisticVisionV51_v51VAE": "tiny-sd15",
        "v1-5-pruned-emaonly": "tiny-sd15",
        "v2-1_768-ema-pruned": "tiny-sd21",
        "sd_xl_base_1.0": "tiny-sdxl",
        "sd_xl_turbo_1.0_fp16": "tiny-sdxl-turbo",
    },
    "VAE": {"vae-ft-mse-840000-ema-pruned": "tiny-vae"},
    "Lora": {"more_details": "tiny-lora"},
    "embeddings": {"bad-hands": "tiny-words"},
    "ControlNet": {"control_v11p_sd15_openpose_fp16": "tiny-canny"},
    "ESRGAN": {"RealESRGAN_x4plus": "tiny-x4"},
    "ic-light": {"iclight_sd15_fc": "tiny-fc", "iclight_sd15_fbc": "tiny-fbc"},
}
"""Files of docs and examples, and which of the tiny ones stands for each."""


@pytest.fixture(scope="module")
def shelf(models_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shelf")
    for kind, names in NAMES.items():
        (folder / kind).mkdir()
        for name, tiny in names.items():
            os.link(models_folder / kind / f"{tiny}.safetensors", folder / kind / f"{name}.safetensors")
    return folder


@pytest.fixture
def desk(shelf: Path, root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as a reader has it, with the examples in it."""
    shutil.copytree(root / "examples", tmp_path / "examples")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRODGEN_MODELS", str(shelf))
    return tmp_path


def lines() -> list[str]:
    page = Path(__file__).parents[3] / "docs" / "models.md"
    blocks = re.findall(r"```console\n(.*?)```", page.read_text("utf-8"), flags=re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if "engine://" in line]


def typed(line: str, *more: str) -> str:
    result = CliRunner().invoke(main, [*shlex.split(line)[1:], *SMALL, *more])
    assert result.exit_code == 0, f"{line}\n{result.output}\n{result.exception!r}"
    return result.output


def infotext(path: Path) -> str:
    return files.read_text(path)["parameters"]


@pytest.mark.parametrize("line", [line for line in lines() if "--model" in line])
def test_a_line_of_the_model_table_draws_with_that_models_checkpoint_and_settings(line, desk):
    words = shlex.split(line)
    drawn = {
        "sdxl-turbo": "sd_xl_turbo_1.0_fp16",
        "stable-diffusion-v1-5": "v1-5-pruned-emaonly",
        "stable-diffusion-2-1": "v2-1_768-ema-pruned",
        "stable-diffusion-xl-base-1.0": "sd_xl_base_1.0",
    }

    typed(line, "--size", "64x64")

    count = int(words[words.index("--count") + 1]) if "--count" in words else 1
    pictures = sorted((desk / "outputs").rglob("*.png"))
    assert len(pictures) == count
    for picture in pictures:
        assert f"Model: {drawn[words[words.index('--model') + 1]]}," in infotext(picture)


def test_the_config_in_diffusers_words_draws_two_pictures_by_sdxl(desk):
    (line,) = [line for line in lines() if "sdxl.toml" in line]

    typed(line, "--size", "64x64")

    told = [infotext(picture) for picture in sorted((desk / "outputs" / "sdxl").glob("*.png"))]
    assert [re.search(r"Seed: (\d+)", text)[1] for text in told] == ["42", "43"]
    for text in told:
        assert "product photography" in text
        assert "CFG scale: 5" in text
        assert "Model: sd_xl_base_1.0," in text


def test_the_character_is_drawn_with_pose_lora_vae_embedding_and_upscaler(desk):
    (line,) = [line for line in lines() if "character.toml" in line]

    said = typed(line, "--size", "64x96", "--first-pass", "64x96")

    picture = desk / "outputs" / "potter.png"
    told = infotext(picture)
    story = provenance.read_story(files.read_text(picture))
    assert files.load(picture).rgb.shape == (192, 128, 3)
    assert "Model: realisticVisionV51_v51VAE," in told
    assert "VAE: vae-ft-mse-840000-ema-pruned" in told
    assert re.search(r"Lora hashes: .*more_details", told)
    assert re.search(r"ControlNet 0: .*control_v11p_sd15_openpose_fp16", told)
    assert story["loras"] == {"more_details": 0.6}
    assert "interpolated" not in said


def test_the_characters_embedding_is_more_than_its_name(desk, shelf):
    (line,) = [line for line in lines() if "character.toml" in line]
    small = ("--size", "64x64")
    typed(line, *small, "-o", "with.png")
    for kind in NAMES:
        if kind != "embeddings":
            (desk / "shelf" / kind).parent.mkdir(exist_ok=True)
            (desk / "shelf" / kind).symlink_to(shelf / kind)

    typed(line, *small, "-o", "without.png", "--backend", f"engine://{desk / 'shelf'}")

    assert not np.array_equal(files.load("with.png").rgb, files.load("without.png").rgb)


def test_a_large_picture_from_words_is_drawn_in_two_passes(desk):
    (line,) = [line for line in lines() if "large.toml" in line]

    typed(line, "--size", "128x128")

    told = infotext(desk / "outputs" / "teapot.png")
    assert files.load(desk / "outputs" / "teapot.png").rgb.shape == (128, 128, 3)
    assert "Denoising strength: 0.35" in told
    assert "Hires resize: 128x128" in told


@pytest.mark.timeout(300)  # a scene, a relit product and an enlarging, one after the other
@pytest.mark.filterwarnings("default")
def test_the_notebook_of_the_mini_pipeline_runs_to_its_end(desk, monkeypatch):
    # Noise shows no product; whether one is seen in a picture is tested with pictures (tests/client).
    monkeypatch.setattr(presence, "find", lambda *_: presence.UNTOLD)
    monkeypatch.setattr(register, "LEAST_CORRELATION", -1.0)
    monkeypatch.chdir(desk / "examples")
    cells = json.loads(Path("mini_pipeline.ipynb").read_text("utf-8"))["cells"]
    code = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    code, changed = re.subn(r"STEPS = 25", "STEPS = 1", code)
    assert changed == 1
    seen: dict[str, object] = {}

    exec(compile(code, "mini_pipeline.ipynb", "exec"), seen)

    assert seen["background"].image.shape == (512, 512, 3)
    assert seen["result"].image.shape[:2] == (512, 512)
    assert seen["large"].shape == (1024, 1024, 3)
