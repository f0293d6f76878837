"""Every command on the page "On your GPU box" is one that exists, with options that exist."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/gpu-box.md").read_text()
COMMANDS = [
    line.strip()
    for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]

NOT_OURS = ("nvidia-smi", "export", "cp")


def words_of(command: str) -> list[str]:
    """The words of a command, without the variables set before it."""
    words = shlex.split(command)
    while re.match(r"\w+=", words[0]):
        words.pop(0)
    return words


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_the_page_has_only_options_that_exist(command, environment, tmp_path):
    program, *options = words_of(command)
    if program in NOT_OURS:
        return
    if program == "docker":
        check_compose(options)
        return
    options = [str(tmp_path) if option.startswith(("/", "~/")) else option for option in options]
    options = [str(ROOT / "LICENSE") if option.endswith(".pem") else option for option in options]
    if "--ca" in options:  # any file will do: --help comes before it is used
        options[options.index("--ca") + 1] = str(ROOT / "LICENSE")
    line = {
        "./install_backend.sh": [ROOT / "install_backend.sh", *options, "--help"],
        "./download_weights.sh": [ROOT / "download_weights.sh", *options, "--list"],
        "~/.local/share/prodgen/backend/start_backend.sh": ["bash", "-n", ROOT / "deploy/start_backend.sh"],
        "python3": [sys.executable, "-m", "py_compile", *[str(ROOT / option) for option in options]],
        "prodgen": [sys.executable, "-m", "prodgen", *options, "--help"],
    }[program]

    result = subprocess.run(line, capture_output=True, text=True, env=environment(), cwd=ROOT, timeout=60)

    assert result.returncode == 0, result.stderr


def check_compose(options: list[str]) -> None:
    """Check that the profiles and services named are in the compose file."""
    text = (ROOT / "docker-compose.yml").read_text()
    assert options[0] == "compose"
    for at, option in enumerate(options):
        if option == "--profile":
            assert f"profiles: [{options[at + 1]}]" in text
        if option == "--rm":
            assert f"\n  {options[at + 1]}:\n" in text
        if option == "--scale":
            assert f"\n  {options[at + 1].split('=')[0]}:\n" in text


def test_the_page_has_the_commands_of_each_step():
    for start in (
        "./install_backend.sh",
        "./download_weights.sh",
        "prodgen shoot",
        "docker compose --profile cpu up",
    ):
        assert any(command.startswith(start) for command in COMMANDS), start


def test_every_file_that_the_page_links_to_exists():
    for target in re.findall(r"\]\((\.\./[^)#]+)\)", PAGE):
        assert (ROOT / "docs" / target).exists(), target


def test_every_message_in_the_table_of_troubles_is_one_that_a_script_prints():
    sources = "".join(
        (ROOT / name).read_text()
        for name in ("install_backend.sh", "prodgen/weights/checks.py", "prodgen/weights/download.py")
    )
    for message in (
        "no NVIDIA driver",
        "the web UI needs Python 3.10 or 3.11",
        "behind a proxy that opens TLS",
        "is a web page, not weights",
        "the disk is full",
    ):
        assert message in PAGE
        assert message in sources
