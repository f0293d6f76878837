"""`install_backend.sh` and the start script, run for real against stand-in repositories on loopback."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]

needs_old_python = pytest.mark.skipif(
    sys.version_info[:2] not in ((3, 10), (3, 11)), reason="the web UI runs with Python 3.10 or 3.11 only"
)


@dataclass
class Installed:
    """A machine after three runs: one that fails at torch, one that succeeds, one more."""

    box: Any
    failed: subprocess.CompletedProcess[str]
    done: subprocess.CompletedProcess[str]
    again: subprocess.CompletedProcess[str]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory, new_machine, web_mirror: str) -> Installed:
    """The whole way, once for all tests that only look: making the virtual environment takes seconds."""
    box = new_machine(tmp_path_factory.mktemp("installed") / "box")
    box.gpu("NVIDIA GeForce RTX 3060 Laptop GPU, 8.6, 6144, 535.183.01")
    python = ["--python", sys.executable]
    failed = box.run(*python, "--torch", "--no-index torch==0.0.1", mirror=web_mirror)
    done = box.run(*python, "--torch", "--no-index pip", mirror=web_mirror)
    again = box.run(*python, "--torch", "--no-index pip", mirror="file:///nowhere")
    return Installed(box, failed, done, again)


@needs_old_python
def test_an_install_that_failed_at_torch_goes_on_where_it_stopped(installed: Installed):
    assert installed.failed.returncode == 1
    assert (
        "cannot install torch (--no-index torch==0.0.1): no build for this Python" in installed.failed.stderr
    )
    assert installed.done.returncode == 0, installed.done.stderr
    assert "webui is at" in installed.done.stdout


@needs_old_python
def test_an_install_puts_every_repository_at_its_commit_and_tags_the_release(installed: Installed):
    webui = installed.box.webui
    for line in installed.box.upstream.lines:
        _, _, _, commit, _, place = line.split()
        head = subprocess.run(
            ["git", "-C", webui / place, "rev-parse", "HEAD"], capture_output=True, text=True
        )
        assert head.stdout.strip() == commit
        branch = subprocess.run(["git", "-C", webui / place, "symbolic-ref", "-q", "HEAD"])
        assert branch.returncode == 0  # the web UI lists no extension that is on no branch
    tag = subprocess.run(["git", "-C", webui, "describe", "--tags"], capture_output=True, text=True)
    assert tag.stdout.strip() == "v1.10.1"


@needs_old_python
def test_extensions_load_in_the_order_patcher_ic_light_bridge(installed: Installed):
    names = sorted(path.name for path in (installed.box.webui / "extensions").iterdir())

    assert names == ["a-sd-webui-model-patcher", "sd-forge-ic-light", "zz-prodgen-bridge"]


@needs_old_python
def test_a_second_run_needs_no_network_and_changes_nothing(installed: Installed):
    assert installed.again.returncode == 0, installed.again.stderr
    assert "as they were" in installed.again.stdout


@needs_old_python
def test_every_run_leaves_a_log(installed: Installed):
    logs = list((installed.box.target / "logs").glob("prodgen-install-*.log"))

    assert any("torch==0.0.1" in log.read_text() for log in logs)


@needs_old_python
def test_little_gpu_memory_sets_the_flag_and_is_said(installed: Installed):
    assert "6144 MiB of GPU memory is little: the server starts with --medvram" in installed.done.stdout
    assert "--medvram" in (installed.box.target / "backend.conf").read_text()


@needs_old_python
def test_the_server_starts_on_loopback_without_a_password(installed: Installed):
    result = start(installed.box, "--port", "7861")

    assert result.returncode == 0, result.stderr
    assert "--port 7861" in result.stdout
    assert "--server-name" not in result.stdout


@needs_old_python
def test_the_server_does_not_open_itself_to_others_without_a_password(installed: Installed):
    result = start(installed.box, "--host", "0.0.0.0")

    assert result.returncode == 1
    assert "set PRODGEN_BACKEND_AUTH=user:password" in result.stderr


@needs_old_python
def test_a_password_reaches_the_server_and_not_its_command_line(installed: Installed):
    result = start(installed.box, "--host", "0.0.0.0", PRODGEN_BACKEND_AUTH="shop:geheim")

    assert result.stdout.startswith("stand-in []"), result.stderr
    assert "--server-name 0.0.0.0 --api-auth shop:geheim --gradio-auth shop:geheim" in result.stdout


@needs_old_python
@pytest.mark.parametrize("option", ["--api-auth", "--listen", "--share"])
def test_flags_that_would_open_the_server_are_refused(installed: Installed, option: str):
    assert start(installed.box, option, "a:b").returncode == 1


def start(box, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the installed start script."""
    return subprocess.run(
        [box.target / "start_backend.sh", *options],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]} | environment,
        timeout=60,
    )
