"""`install_backend.sh --flavour engine`, run for real with a stand-in of prodgen's package."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

BACKEND = '''
"""Builds a wheel whose program `prodgen` prints what it is told; needs nothing to build with."""
import pathlib, zipfile

def build_wheel(folder, *_):
    name = "prodgen-0.1-py3-none-any.whl"
    info = "prodgen-0.1.dist-info"
    with zipfile.ZipFile(pathlib.Path(folder) / name, "w") as wheel:
        wheel.writestr("stand_in.py", "import os, sys\\n"
            "def main(): print(sys.argv[1:], {k: v for k, v in os.environ.items() if 'PRODGEN' in k})\\n")
        wheel.writestr(f"{info}/METADATA", "Metadata-Version: 2.1\\nName: prodgen\\nVersion: 0.1\\n"
            "Provides-Extra: engine\\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        wheel.writestr(f"{info}/entry_points.txt", "[console_scripts]\\nprodgen = stand_in:main\\n")
        wheel.writestr(f"{info}/RECORD", "")
    return name
'''

PYPROJECT = """
[build-system]
requires = []
build-backend = "backend"
backend-path = ["."]
[project]
name = "prodgen"
version = "0.1"
[project.optional-dependencies]
engine = []
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A source tree, with a blank in its path, that holds the scripts and a stand-in of the package."""
    folder = tmp_path / "the tree"
    folder.mkdir()
    shutil.copy(ROOT / "install_backend.sh", folder)
    shutil.copytree(ROOT / "deploy", folder / "deploy")
    (folder / "backend.py").write_text(BACKEND)
    (folder / "pyproject.toml").write_text(PYPROJECT)
    return folder


@pytest.fixture
def run(tree: Path, box) -> Run:
    """Runs the script of that tree on a machine without git."""
    box.without("git")

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        known = ["--flavour", "engine", "--dir", str(box.target), "--python", sys.executable]
        return subprocess.run(
            [tree / "install_backend.sh", *known, *options],
            capture_output=True,
            text=True,
            env={
                "PATH": str(box.folder / "bin"),
                "HOME": str(box.folder),
                "LC_ALL": "C",
                "PIP_NO_INDEX": "1",
            },
            timeout=120,
        )

    return run


def start(target: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [target / "start_backend.sh", *words],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]} | more,
        timeout=60,
    )


def test_it_is_installed_started_installed_again_and_taken_away_with_the_models_kept(run, box):
    box.gpu("NVIDIA GeForce RTX 4070, 8.9, 12282, 580.95.05")

    done = run("--torch", "pip")
    started = start(box.target, "--port", "7861", PRODGEN_BACKEND_AUTH="shop:geheim")
    refused = start(box.target, "--api-auth", "shop:geheim")
    (box.target / "models/Stable-diffusion").mkdir()
    (box.target / "models/Stable-diffusion/mine.safetensors").write_text("weights")
    again = run("--torch", "pip")
    removed = run("--uninstall")

    assert done.returncode == 0, done.stderr
    assert "weights get sd15-photo iclight-fc iclight-fbc" in done.stdout
    assert (
        "['serve', '--engine', 'diffusers', '--host', '127.0.0.1', '--port', '7860', '--port', '7861']"
        in (started.stdout)
    )
    assert f"'PRODGEN_MODELS': '{box.target / 'models'}'" in started.stdout
    assert "'PRODGEN_SERVE_AUTH': 'shop:geheim'" in started.stdout
    assert (refused.returncode, "PRODGEN_BACKEND_AUTH" in refused.stderr) == (1, True)
    assert again.returncode == 0, again.stderr
    assert "kept: " in removed.stdout
    assert [path.name for path in box.target.iterdir()] == ["models"]
    assert "cannot install torch" in run("--torch", "none").stderr  # it takes the models over and begins
    assert run("--uninstall", "--purge").returncode == 0
    assert not box.target.exists()


@pytest.mark.parametrize(
    ("capability", "driver", "said"),
    [
        ("8.6", "580.95.05", "torch 2.13.0, CUDA 13.0"),
        ("8.6", "535.183.01", "torch 2.7.1, CUDA 12.6"),
        ("6.1", "580.95.05", "torch 2.7.1, CUDA 12.6"),  # CUDA 13 dropped Pascal
        ("12.0", "572.16", "torch 2.7.1, CUDA 12.8"),
        ("cpu", "0", "torch 2.13.0, CPU"),
    ],
)
def test_torch_fits_the_card_and_its_driver(capability, driver, said):
    script = f'. "$0"; torch_for_engine {capability} {driver}'
    result = subprocess.run(["bash", "-c", script, ROOT / "deploy/torch.sh"], capture_output=True, text=True)

    assert result.stdout.partition("|")[0] == said


@pytest.mark.parametrize(
    ("gpu", "said"),
    [
        ("NVIDIA GeForce GTX 780, 3.5, 3072, 470.256.02", "is too old for any torch"),
        ("NVIDIA GeForce RTX 3090, 8.6, 24576, 470.256.02", "needs 525.60.13 or later: update it"),
        ("NVIDIA GeForce RTX 5090, 12.0, 32607, 550.54", "needs 570.26 or later: update it"),
    ],
)
def test_a_card_or_a_driver_that_is_too_old_is_named_with_the_remedy(run, box, gpu, said):
    box.gpu(gpu)

    result = run()

    assert result.returncode == 1
    assert said in result.stderr
