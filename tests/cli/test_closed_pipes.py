"""What a command does when nobody reads its output any more, as behind `| head -1`."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
from PIL import Image

from prodgen.engines import engine_server
from prodgen.ledger import read_status
from prodgen.server import Behaviour
from prodgen.server.socket_server import listening
from prodgen.storage import open_store


def prodgen(*asked, unread="stdout", **options):
    """Run the command line with a pipe as stdout or stderr that was closed at its other end."""
    ours, its = os.pipe()
    os.close(ours)
    other = "stderr" if unread == "stdout" else "stdout"
    try:
        done = subprocess.run(
            [sys.executable, "-m", "prodgen", *map(str, asked)],
            **{unread: its, other: subprocess.PIPE},
            timeout=60,
            check=False,
            **options,
        )
    finally:
        os.close(its)
    return done.returncode, done.stderr if unread == "stdout" else done.stdout


@pytest.mark.parametrize(
    "asked",
    [
        ("list", "samplers", "--backend", "embedded://"),
        ("list", "samplers", "--backend", "embedded://", "--json"),
        ("--help",),
        ("shoot", "--help"),
    ],
    ids=" ".join,
)
def test_a_list_that_nobody_reads_to_its_end_ends_without_a_word(asked):
    assert prodgen(*asked) == (141, b"")


def test_so_does_an_error_that_nobody_reads():
    assert prodgen("show", "missing.png", unread="stderr") == (141, b"")


def test_a_run_whose_lines_nobody_reads_ends_its_work_and_gives_back_what_it_claimed(tmp_path):
    Image.new("RGB", (96, 96), "red").save(tmp_path / "mug.png")
    Image.new("L", (96, 96), 255).save(tmp_path / "matte.png")
    (tmp_path / "sheet.csv").write_text("sku,photo,matte\n1,mug.png,matte.png\n")
    server = engine_server("load-test", behaviour=Behaviour(delay_s=60))
    with listening(server) as url:
        asked = ["batch", "sheet.csv", "-o", "out", "--prompt", "a table", "--backend", url, "--workers", "0"]
        code, said = prodgen(*asked, "--json-lines", cwd=tmp_path)
        server.stop()

    assert (code, said) == (141, b"")
    found = read_status(open_store(tmp_path / "out"))
    assert (found.is_running, found.end, found.counts.claimed) == (False, "interrupted", 0)
