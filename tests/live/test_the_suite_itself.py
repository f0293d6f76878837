"""The live suite runs against any server: here against the embedded one, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from prodgen.engines import embedded_server
from prodgen.server import Behaviour
from prodgen.server.socket_server import listening


def run(address: str | None) -> str:
    environment = {
        k: v for k, v in os.environ.items() if k not in ("PRODGEN_LIVE_BACKEND", "PRODGEN_LIVE_AUTH")
    }
    if address:
        environment |= {"PRODGEN_LIVE_BACKEND": address, "PRODGEN_LIVE_AUTH": "ann:s3cret"}
    folder = Path(__file__).resolve().parent  # deselects this file's own tests by their marker
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-m", "live", "-rs", "-p", "no:cacheprovider", folder],
        env=environment, cwd=folder.parent.parent, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-3000:]
    return done.stdout


@pytest.mark.skipif("PRODGEN_LIVE_BACKEND" in os.environ, reason="a real server is being asked already")
def test_a_server_that_has_nearly_everything_passes_and_is_left_as_it_was():
    server = embedded_server(Behaviour(auth={"ann": "s3cret"}, leaky_overrides=True))
    before = server.machine.options.shown()
    with listening(server) as address:
        told = run(address)

    assert "(prodgen-ibl, no diffusion)" in told
    assert " lacks =" in told
    assert "* ControlNet" in told
    assert server.machine.options.shown() == before
    assert max(record.width for record in server.render_log) <= 128
    assert len(server.render_log) < 60


def test_without_a_server_everything_is_skipped_with_the_reason():
    told = run(None)

    assert "PRODGEN_LIVE_BACKEND names no server" in told
    assert "passed" not in told
