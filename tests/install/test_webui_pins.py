"""The web UI's package versions hold, whatever extensions and torch ask for, and a start installs nothing.

Real pip resolves stand-in wheels, under the constraints that `install_backend.sh` puts into the environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

needs_old_python = pytest.mark.skipif(
    sys.version_info[:2] not in ((3, 10), (3, 11)), reason="the web UI runs with Python 3.10 or 3.11 only"
)
pytestmark = [needs_old_python, pytest.mark.timeout(240)]  # a virtual environment and ten calls of pip

LAUNCH = '''
"""Prepares its packages as the web UI does: compare, install what differs, then extensions' installers."""
import importlib.metadata, os, re, shlex, subprocess, sys

WORDS = sys.argv[1:] + shlex.split(os.environ.get("COMMANDLINE_ARGS", ""))

def run_pip(command):
    if "--skip-install" in WORDS:
        return
    with open(os.path.join(os.path.dirname(__file__), "pip.log"), "a") as log:
        log.write(command + "\\n")
    subprocess.run([sys.executable, "-m", "pip", *shlex.split(command), "--prefer-binary"], check=True)

def is_installed(name):
    try:
        return bool(importlib.metadata.distribution(name))
    except importlib.metadata.PackageNotFoundError:
        return False

def requirements_met(path):
    for line in open(path):
        match = re.match(r"\\s*([-_a-zA-Z0-9]+)\\s*(?:==\\s*([-+_.a-zA-Z0-9]+))?\\s*", line)
        if match is None or not is_installed(match[1]):
            return False
        if match[2] and importlib.metadata.version(match[1]) != match[2]:
            return False
    return True

def prepare():
    path = os.environ.get("REQS_FILE", "requirements_versions.txt")
    if not requirements_met(path):
        run_pip(f"install -r {shlex.quote(path)}")
    for name in sorted(os.listdir("extensions")) if "--skip-install" not in WORDS else []:
        installer = os.path.abspath(os.path.join("extensions", name, "install.py"))
        if os.path.isfile(installer):
            environment = os.environ | {"PYTHONPATH": os.getcwd()}
            if subprocess.run([sys.executable, installer], env=environment).returncode:
                where = os.path.dirname(installer)
                print(f"*** Error running install.py for extension {where}.", file=sys.stderr)
    if "--exit" in WORDS:
        sys.exit(0)
    print("serving with", *WORDS)
    print("HF_HOME", os.environ.get("HF_HOME"))

if __name__ == "__main__":
    prepare()
'''

IC_LIGHT_INSTALLER = """
import launch
for name in ("rembg", "onnxruntime"):
    if not launch.is_installed(name):
        launch.run_pip(f"install {name}")
"""

REQUIREMENTS = (
    "setuptools==69.5.1  # temp fix\nnumpy==1.26.2\n\nprotobuf==3.20.0\ntorch\ntransformers==4.30.2\n"
)

WHEELS = {
    ("setuptools", "69.5.1"): [],
    ("setuptools", "80.9.0"): [],
    ("setuptools", "82.0.0"): [],
    ("numpy", "1.26.2"): [],
    ("numpy", "2.4.6"): [],
    ("protobuf", "3.20.0"): [],
    ("protobuf", "7.0.0"): [],
    ("torch", "2.1.2"): [],
    ("torch", "2.13.0"): ["setuptools>=77.0.3", 'triton; extra == "compiler"'],
    ("torch", "2.14.0"): ["setuptools>=77.0.3"],
    ("torchvision", "0.16.2"): ["torch==2.1.2", "numpy"],
    ("torchvision", "0.28.0"): ["torch==2.13.0", "numpy"],
    ("onnxruntime", "1.26.0"): ["numpy>=1.21.6", "protobuf"],
    ("onnxruntime", "1.32.0"): ["numpy>=1.21.6", "protobuf>=4.25.8"],
    ("rembg", "2.0.69"): ["numpy"],
    ("rembg", "2.0.80"): ["numpy>=2.3"],
    ("transformers", "4.30.2"): ["numpy"],
}

TRANSFORMERS = """
import os, pathlib

class CLIPTokenizer:
    @classmethod
    def from_pretrained(cls, name):
        place = pathlib.Path(os.environ["HF_HOME"], name)
        place.mkdir(parents=True, exist_ok=True)
        (place / cls.__name__).touch()

class CLIPTextConfig(CLIPTokenizer):
    pass
"""

OLD_TORCH = "torch==2.1.2 torchvision==0.16.2"
NEW_TORCH = "torch==2.13.0 torchvision==0.28.0"

PINNED = {"numpy": "1.26.2", "protobuf": "3.20.0", "setuptools": "69.5.1"}


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of stand-in wheels, which are names, versions and wishes alone."""
    folder = tmp_path_factory.mktemp("wheels")
    for (name, version), requires in WHEELS.items():
        info = f"{name}-{version}.dist-info"
        metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        metadata += "".join(f"Requires-Dist: {wish}\n" for wish in requires)
        with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{info}/METADATA", metadata)
            if name == "transformers":
                wheel.writestr("transformers.py", TRANSFORMERS)
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", f"{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return folder


class Machine:
    """A machine whose packages come from the stand-in wheels."""

    def __init__(self, box: Any, wheels: Path) -> None:
        self.box = box
        self.pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(wheels), "PIP_CONFIG_FILE": os.devnull}

    def install(self, torch: str) -> subprocess.CompletedProcess[str]:
        """Run the installer."""
        return self.box.run("--cpu", "--python", sys.executable, "--torch", torch, **self.pip)

    def start(self, *options: str) -> subprocess.CompletedProcess[str]:
        """Run the start script without a network, and forget which packages were asked for before."""
        (self.box.webui / "pip.log").unlink(missing_ok=True)
        return subprocess.run(
            [self.box.target / "start_backend.sh", *options],
            capture_output=True,
            text=True,
            env={"PATH": os.environ["PATH"]} | self.pip,
            timeout=60,
        )

    @property
    def asked_of_pip(self) -> list[str]:
        """What the web UI called pip with since the last start, or ever."""
        log = self.box.webui / "pip.log"
        return log.read_text().splitlines() if log.exists() else []

    @property
    def installed(self) -> dict[str, str]:
        """Each package with its version."""
        folders = (self.box.webui / "venv").glob("lib/python*/site-packages/*.dist-info")
        return dict(folder.name.removesuffix(".dist-info").split("-")[:2] for folder in folders)

    def add_extension(self, name: str, installer: str) -> None:
        """Put an extension of the user's own into the web UI."""
        folder = self.box.webui / "extensions" / name
        folder.mkdir()
        (folder / "install.py").write_text(installer)


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory, new_machine, new_upstream, wheels: Path) -> Machine:
    """A machine with the web UI of old torch."""
    folder = tmp_path_factory.mktemp("pinned")
    files = {"launch.py": LAUNCH, "requirements_versions.txt": REQUIREMENTS}
    upstream = new_upstream(folder / "up", webui=files, ic_light={"install.py": IC_LIGHT_INSTALLER})
    return Machine(new_machine(folder / "box", upstream), wheels)


@pytest.fixture(scope="module")
def done(machine: Machine) -> subprocess.CompletedProcess[str]:
    """The install, once for all tests that look at it."""
    result = machine.install(OLD_TORCH)
    assert result.returncode == 0, result.stderr
    return result


def test_the_pins_hold_after_an_extension_s_installer_asked_for_the_newest(machine, done):
    assert {name: machine.installed[name] for name in PINNED} == PINNED
    assert (machine.installed["onnxruntime"], machine.installed["rembg"]) == ("1.26.0", "2.0.69")
    assert machine.asked_of_pip[1:] == ["install rembg", "install onnxruntime"]


def test_the_install_ends_with_one_sentence_about_the_pins(done):
    assert "    5 packages are as the web UI asks for them\n" in done.stdout


def test_a_start_installs_nothing_and_asks_no_index(machine, done):
    result = machine.start()

    assert result.returncode == 0, result.stderr
    assert "serving with --api" in result.stdout
    assert "--skip-install" in result.stdout
    assert machine.asked_of_pip == []


def test_the_vocabulary_of_prompts_is_there_for_a_start_without_a_network(machine, done):
    cache = machine.box.target / ".prodgen-huggingface"

    assert sorted(path.name for path in cache.glob("openai/clip-vit-large-patch14/*")) == [
        "CLIPTextConfig",
        "CLIPTokenizer",
    ]
    assert f"HF_HOME {cache}" in machine.start().stdout


def test_an_extension_that_came_later_is_installed_under_the_same_constraints(machine, done):
    machine.add_extension("later", "import launch; launch.run_pip('install --upgrade numpy protobuf')\n")
    try:
        result = machine.start()
    finally:
        (machine.box.webui / "extensions/later/install.py").unlink()
        (machine.box.webui / "extensions/later").rmdir()

    assert "their installers run first" in result.stderr
    assert "--skip-install" not in result.stdout
    assert machine.asked_of_pip == ["install --upgrade numpy protobuf"]
    assert {name: machine.installed[name] for name in PINNED} == PINNED


def test_what_an_installer_changed_past_the_constraints_is_put_back(machine, done):
    machine.add_extension(
        "stubborn",
        "import os, subprocess, sys\n"
        "del os.environ['PIP_CONSTRAINT']\n"
        "subprocess.run([sys.executable, '-m', 'pip', 'install', 'numpy==2.4.6'], check=True)\n",
    )

    result = machine.install(OLD_TORCH)

    assert result.returncode == 0, result.stderr
    assert "numpy is 2.4.6, not 1.26.2; putting it back" in result.stdout
    assert machine.installed["numpy"] == "1.26.2"
    assert machine.start().stdout.count("--skip-install") == 1


def test_an_installer_that_fails_ends_the_install_with_the_extension_s_name(machine, done):
    machine.add_extension("broken one", "raise SystemExit('no')\n")
    try:
        result = machine.install(OLD_TORCH)
    finally:
        (machine.box.webui / "extensions/broken one/install.py").unlink()

    assert result.returncode == 1
    assert "cannot install what the extension broken one needs" in result.stderr
    assert "--skip-install" not in machine.start().stdout  # it was not checked: the web UI tries again


def test_a_torch_newer_than_the_pins_relaxes_the_one_pin_that_it_contradicts(machine, done):
    result = machine.install(NEW_TORCH)
    started = machine.start()

    assert result.returncode == 0, result.stderr
    assert "setuptools 69.5.1 gave way: torch 2.13.0 needs >=77.0.3" in result.stdout
    assert machine.installed["torch"] == "2.13.0"
    assert {name: machine.installed[name] for name in PINNED} == PINNED | {"setuptools": "80.9.0"}
    assert "--skip-install" in started.stdout
    assert machine.asked_of_pip == []


def test_no_installer_replaces_torch(machine, done):
    machine.install(NEW_TORCH)
    machine.add_extension("greedy", "import launch; launch.run_pip('install --upgrade torch')\n")

    result = machine.install(NEW_TORCH)

    assert result.returncode == 0, result.stderr
    assert machine.installed["torch"] == "2.13.0"
