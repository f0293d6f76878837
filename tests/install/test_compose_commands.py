"""The documented `docker compose` commands, run by a stand-in that reads the compose file as compose does.

prodgen and its server are the real ones, each with the environment, the command and the names on the
network that the compose file gives it; the web UI is a stand-in behind the real start script, health
check and entry.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from PIL import Image

from prodgen.cli import main
from tests.engines.comfy.fake_comfy import FakeComfy

ROOT = Path(__file__).parents[2]
ENGINE = Path(__file__).parent / "compose_stand_ins/engine.py"

pytest.importorskip("yaml", reason="reading the compose file needs PyYAML: pip install '.[dev]'")
pytestmark = [
    pytest.mark.timeout(240),  # several programs are started, each as a process
    pytest.mark.skipif(not sys.platform.startswith("linux"), reason="containers are told apart by /proc"),
]

WEB_UI = '''
"""Stands in for the web UI: prodgen's own server, started by what COMMANDLINE_ARGS says, with the bridge."""
import os, shlex, signal, sys
from prodgen.cli import main
from prodgen.server import listings

words = shlex.split(os.environ["COMMANDLINE_ARGS"])
value = lambda flag: words[words.index(flag) + 1]
signal.signal(signal.SIGTERM, signal.SIG_IGN)  # as a first process without a handler for it
signal.signal(signal.SIGINT, lambda *_: os._exit(0))

of_server = listings.script_info
listings.script_info = lambda *given, **more: [
    *of_server(*given, **more),
    {"name": "prodgen bridge", "is_alwayson": True, "is_img2img": False,
     "args": [{"label": "version", "value": "1.1.0"}]},
]
os.environ["PRODGEN_SERVE_AUTH"] = value("--api-auth")
place = ["--host", value("--server-name"), "--port", value("--port")]
main(["serve", "--ic-light", "v2", *place])
'''


class Compose:
    """A project folder with what `docker compose` needs, and commands run in it."""

    def __init__(self, folder: Path, text: str) -> None:
        self.folder = folder
        (folder / "examples/photos").mkdir(parents=True)
        (folder / "deploy").mkdir()
        (folder / "docker-compose.yml").write_text(text)
        for name in (
            ".env.example",
            *(f"deploy/{one.name}" for one in (ROOT / "deploy").glob("*.Dockerfile")),
        ):
            shutil.copy(ROOT / name, folder / name)
        shutil.copy(ROOT / "examples/photos/mug.png", folder / "examples/photos/mug.png")
        (folder / "bin").mkdir()
        (folder / "bin/docker").write_text(f'#!/bin/sh\nexec {sys.executable} {ENGINE} "$@"\n')
        (folder / "bin/docker").chmod(0o755)
        self.image = folder / "image/backend"
        self._make_image()

    def _make_image(self) -> None:
        """Lay out what the image of the GPU server ships at /srv/backend."""
        webui = self.image / "webui"
        for one in ("webui/venv/bin", "webui/extensions", "webui/models", "webui/outputs", "models.image"):
            (self.image / one).mkdir(parents=True)
        (webui / "venv/bin/python").write_text(f'#!/bin/sh\nexec {sys.executable} "$@"\n')
        (webui / "venv/bin/python").chmod(0o755)
        (webui / "launch.py").write_text(WEB_UI)
        (self.image / "models.image/Put models here.txt").write_text("")
        (self.image / "backend.conf").write_text(f"WEBUI={shlex.quote(str(webui))}\nFLAGS=--api\n")
        for name in ("start_backend.sh", "healthcheck.py"):
            shutil.copy(ROOT / "deploy" / name, self.image / name)
        entry = (ROOT / "deploy/backend_entry.sh").read_text().replace("/srv/backend", str(self.image))
        (self.image / "backend_entry.sh").write_text(entry)

    def environment(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PRODGEN_")}
        images = json.dumps({"prodgen-backend": {"/srv/backend": str(self.image)}})
        path = f"{self.folder / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
        return kept | {"PATH": path, "STAND_IN_IMAGES": images}

    def __call__(self, command: str) -> subprocess.CompletedProcess[str]:
        """Run one documented command to its end."""
        return subprocess.run(
            ["sh", "-c", command],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            timeout=200,
        )

    def in_background(self, command: str) -> subprocess.Popen[str]:
        """Begin one documented command, as in a terminal of its own."""
        return subprocess.Popen(
            shlex.split(command),
            cwd=self.folder,
            env=self.environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )

    def set(self, **variables: str) -> None:
        """Set variables in .env, as the page says."""
        text = (self.folder / ".env").read_text()
        for name, value in variables.items():
            text, count = re.subn(rf"(?m)^{name}=.*$", f"{name}={value}", text)
            assert count == 1
        (self.folder / ".env").write_text(text)

    def until_healthy(self, name: str) -> None:
        """Wait as the page says: until `docker compose ps` shows it."""
        end = time.monotonic() + 60
        while f"{name} Up (healthy)" not in (said := self("docker compose ps").stdout):
            assert "Exited" not in said, said + self.logs()
            assert time.monotonic() < end, said + self.logs()
            time.sleep(0.3)

    def logs(self) -> str:
        """What the containers that run in the background printed."""
        return "".join(f"--- {log.name}\n{log.read_text()}" for log in (self.folder / "state/logs").glob("*"))


@pytest.fixture
def new_compose(tmp_path: Path) -> Iterator[Callable[..., Compose]]:
    """Makes a project folder, with the compose file as it is or changed; its containers are ended at last."""
    made: list[Compose] = []

    def make(change: tuple[str, str] = ("", "")) -> Compose:
        text = (ROOT / "docker-compose.yml").read_text()
        assert change[0] in text
        made.append(Compose(tmp_path / f"project{len(made)}", text.replace(*change) if change[0] else text))
        assert made[-1]("cp .env.example .env").returncode == 0
        return made[-1]

    yield make
    for compose in made:
        compose("docker compose down")


def documented() -> set[str]:
    """Every compose command of the README and the documentation."""
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    lines = [line.strip() for page in pages for line in page.read_text("utf-8").splitlines()]
    return {line for line in lines if line.startswith("docker compose ")}


CPU_UP = "docker compose --profile cpu up"
GPU_UP = "docker compose --profile gpu up -d"
PS = "docker compose ps"
ENGINE_UP = "docker compose --profile engine up -d"
COMFY_UP = "docker compose --profile comfy up -d"
WEIGHTS = "docker compose run --rm weights"
ENGINE_WEIGHTS = "docker compose run --rm weights --only sd15-photo iclight-fc iclight-fbc"
SHOOT = (
    'docker compose run --rm cli shoot examples/photos/mug.png --prompt "red mug on a wooden table, sunset"'
)
CATALOGUE = "docker compose --profile cluster up --abort-on-container-exit"
USERS = ("cli", "worker", "coordinator")
"""Services that draw with the server of the profile that is up."""


def drawn_by(picture: Path) -> str:
    """Who a picture says that it was drawn by."""
    shown = CliRunner().invoke(main, ["show", str(picture)]).stdout
    return next(line for line in shown.splitlines() if line.startswith("backend"))


def made_in(folder: Path) -> list[Path]:
    """The pictures in a folder, which are whole."""
    found = sorted(folder.rglob("*.png"))
    for path in found:
        with Image.open(path) as picture:
            picture.load()
    return found


def reaches(compose: Compose, service: str) -> bool:
    """Whether a service reaches the GPU server: the one whose lists name the bridge."""
    probed = compose(f"docker compose run --rm --no-deps {service} list scripts")
    return probed.returncode == 0 and "prodgen bridge" in probed.stdout


def until_exited(compose: Compose) -> None:
    end = time.monotonic() + 30
    while "Exited" not in compose(PS).stdout and time.monotonic() < end:
        time.sleep(0.2)


def test_every_documented_compose_command_is_run_here():
    assert documented() == {
        CPU_UP,
        GPU_UP,
        ENGINE_UP,
        COMFY_UP,
        PS,
        WEIGHTS,
        ENGINE_WEIGHTS,
        SHOOT,
        CATALOGUE,
    }


def test_the_cpu_profile_serves_cli_by_the_same_name_and_ends_when_it_is_told_to(new_compose):
    compose = new_compose()
    server = compose.in_background(CPU_UP)
    try:
        compose.until_healthy("embedded-1")
        shot = compose(SHOOT)
    finally:
        server.send_signal(signal.SIGINT)
        said, _ = server.communicate(timeout=60)

    assert shot.returncode == 0, shot.stderr + compose.logs()
    (picture,) = made_in(compose.folder / "outputs")
    assert drawn_by(picture).endswith("at http://backend:7860")
    assert "embedded-1 stopped" in said


def test_the_gpu_profile_serves_cli_and_a_catalogue_by_its_service_s_name(new_compose):
    compose = new_compose()
    compose.set(PRODGEN_AUTH="shop:geheim")
    assert compose(GPU_UP).returncode == 0
    compose.until_healthy("backend-1")
    (compose.folder / "catalogue").mkdir()
    shutil.copy(compose.folder / "examples/photos/mug.png", compose.folder / "catalogue/mug.png")

    shot = compose(SHOOT)
    made = compose(CATALOGUE)
    stopped = compose("docker compose down").stdout

    assert shot.returncode == 0, shot.stderr
    assert made.returncode == 0, made.stdout + compose.logs()
    for folder in ("outputs", "catalogue-pictures"):
        (picture,) = made_in(compose.folder / folder)
        assert drawn_by(picture).endswith("at http://backend:7860"), folder
    assert "backend-1 stopped" in stopped  # although its first process does not hear SIGTERM


def test_a_wrong_address_name_or_password_variable_is_noticed_by_what_these_tests_look_at(new_compose):
    compose = new_compose()
    compose.set(PRODGEN_AUTH="shop:geheim")
    compose(GPU_UP)
    compose.until_healthy("backend-1")
    file, settings = compose.folder / "docker-compose.yml", compose.folder / ".env"
    right, right_settings = file.read_text(), settings.read_text()
    address = "PRODGEN_BACKEND=http://backend:7860"

    assert all(reaches(compose, service) for service in USERS)
    for wrong in ("http://127.0.0.1:7860", "http://host.docker.internal:7860"):
        settings.write_text(right_settings.replace(address, f"PRODGEN_BACKEND={wrong}"))
        assert not reaches(compose, "cli"), wrong
    settings.write_text(right_settings.replace(address, ""))
    assert reaches(compose, "worker")  # by the compose file's own default
    for service, name in (("worker", "PRODGEN_BACKEND: "), ("cli", "PRODGEN_AUTH: ")):
        file.write_text(right.replace(f"      {name}", "      PRODGEN_ELSE: "))
        assert not reaches(compose, service), name


@pytest.mark.parametrize(
    "change",
    [
        ("{aliases: [backend]}", "{}"),
        ('[serve, --host, "0.0.0.0", --port', '[serve, --host, "127.0.0.1", --port'),
        ("PRODGEN_SERVE_AUTH: ${PRODGEN_AUTH:-prodgen:prodgen}", "PRODGEN_SERVE_AUTH: another:one"),
    ],
    ids=["no alias", "loopback in its container", "another password"],
)
def test_an_embedded_server_that_cannot_be_reached_by_name_is_noticed(new_compose, change: tuple[str, str]):
    compose = new_compose(change)
    assert compose("docker compose --profile cpu up -d").returncode == 0
    compose.until_healthy("embedded-1")

    probed = compose("docker compose run --rm cli list samplers")

    assert probed.returncode == 1, probed.stdout


def test_the_engine_s_profile_draws_with_the_models_of_the_volume_and_serves_cli(new_compose):
    pytest.importorskip("torch")
    from benchmarks.engine_models import write_checkpoint

    compose = new_compose()
    models = compose.folder / "state/volumes/models"
    write_checkpoint(models / "Stable-diffusion/tiny.safetensors", "sd15")

    assert compose(ENGINE_UP).returncode == 0
    compose.until_healthy("engine-1")
    drawn = compose(
        "docker compose run --rm cli generate --prompt 'a table' --size 64x64 --steps 2 -o outputs/table.png"
    )
    stopped = compose("docker compose down").stdout

    assert drawn.returncode == 0, drawn.stderr + compose.logs()
    assert "prodgen-engine" in drawn_by(compose.folder / "outputs/table.png")
    assert "engine-1 stopped" in stopped


def test_the_engine_s_profile_without_models_says_in_its_log_how_to_get_them(new_compose):
    pytest.importorskip("torch")
    compose = new_compose()

    compose(ENGINE_UP)
    until_exited(compose)

    assert "prodgen weights get sd15-photo" in compose.logs()


@pytest.fixture
def comfy_server() -> Iterator[FakeComfy]:
    """A ComfyUI server on this machine."""
    fake = FakeComfy()
    yield fake
    fake.stop()


def test_the_comfy_profile_serves_a_comfyui_of_the_network_by_the_same_name(new_compose, comfy_server):
    compose = new_compose()
    compose.set(PRODGEN_COMFY="comfy://comfyui:8188")
    network = compose.folder / "state/network"
    network.mkdir(parents=True)
    port = int(comfy_server.address.rpartition(":")[2])
    there = {"names": ["comfyui"], "ip": "10.213.201.1", "ports": {"8188": ["0.0.0.0", port]}}
    (network / "comfyui.json").write_text(json.dumps(there))

    assert compose(COMFY_UP).returncode == 0
    compose.until_healthy("comfy-1")
    drawn = compose(
        "docker compose run --rm cli generate --prompt 'a table' --size 64x64 --steps 2 -o outputs/table.png"
    )

    assert drawn.returncode == 0, drawn.stderr + compose.logs()
    assert "ComfyUI" in drawn_by(compose.folder / "outputs/table.png")
    assert len(comfy_server.sent) == 1


def test_the_comfy_profile_without_an_address_says_in_its_log_which_setting_is_missing(new_compose):
    compose = new_compose()

    compose(COMFY_UP)
    until_exited(compose)

    assert "set-prodgen_comfy-in-.env" in compose.logs()


def test_the_gpu_server_says_in_its_log_which_setting_it_does_not_start_without(new_compose):
    compose = new_compose()

    compose(GPU_UP)
    until_exited(compose)

    assert "set PRODGEN_AUTH=user:password in .env" in compose.logs()


@pytest.mark.parametrize("command", [WEIGHTS, ENGINE_WEIGHTS])
def test_the_weights_are_downloaded_into_the_servers_volume(new_compose, command):
    compose = new_compose()
    download = compose.in_background(command)
    said = ""
    for line in download.stdout:
        said += line
        if "MB/s" in line:  # it asks for names that nobody has here
            break
    os.killpg(download.pid, signal.SIGINT)  # Ctrl-C
    said += download.communicate(timeout=60)[0]

    assert download.returncode != 0
    assert f"models folder: {compose.folder / 'state/volumes/models'}" in said
