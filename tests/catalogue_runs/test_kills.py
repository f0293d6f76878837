"""Two hundred `kill -9` at random moments of a run of sixty pictures, resumed each time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="the runs are forked, to be killed often")

KILLS = 25
"""Kills in the test of one seed. There are eight, so two hundred kills in all; a test takes some 10 s."""

IN_FLIGHT = 4
"""Two places with two orders each: what a kill may cost at most."""


@pytest.mark.parametrize("seed", range(8))
def test_killed_runs_make_every_picture_once_whole_and_lose_at_most_what_was_in_flight(tmp_path, seed):
    script = Path(__file__).with_name("killed_run.py")
    ended = subprocess.run(
        [sys.executable, script, tmp_path, str(seed), str(KILLS)], capture_output=True, text=True, timeout=55
    )
    assert ended.returncode == 0, ended.stderr[-2000:]
    found = json.loads(ended.stdout)
    print(found)  # noqa: T201 - `pytest -rP` shows the table

    assert found["kills"] >= KILLS
    assert found["torn"] == found["half"] == 0, "a picture is whole or not there"
    assert found["missing"] == found["unproved"] == 0, "every picture is there, and its digest is right"
    assert found["drawn_again"] == 0, "what was done is not drawn again"
    assert found["most_lost"] <= IN_FLIGHT
    assert found["untrue"] == 0, "what the ledger calls done is there, after every kill"
