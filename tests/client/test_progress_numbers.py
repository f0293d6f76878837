"""Numbers about progress that are none tell nothing, and stop neither the progress nor the wait."""

from __future__ import annotations

import json

import httpx
import pytest

NUMBERS = [float("nan"), float("inf"), -float("inf"), 1e308, 10**400, "7", None, True, []]


@pytest.mark.parametrize("number", NUMBERS)
def test_a_number_that_is_none_stops_no_progress(recorded, number):
    state = {"job": "t", "job_count": 1, "sampling_step": number, "sampling_steps": number}
    answer = json.dumps({"progress": number, "eta_relative": number, "state": state}).encode()
    server = recorded(progress=lambda _: httpx.Response(200, content=answer))

    told = server.client().progress()

    assert 0 <= told.fraction <= 1
    assert told.step in (None, 1)
    assert told.eta_s in (None, 1)


def test_a_share_that_is_no_number_does_not_make_a_server_busy_for_ever(recorded):
    answer = json.dumps({"progress": float("nan"), "state": {"job": "", "job_count": 0}}).encode()
    server = recorded(progress=lambda _: httpx.Response(200, content=answer))

    assert server.client().is_idle()


def test_numbers_that_are_some_are_told(recorded):
    state = {"job": "t", "job_count": 1, "sampling_step": 7, "sampling_steps": 20.0}
    answer = {"progress": 0.35, "eta_relative": 4.5, "state": state}

    told = recorded(progress=lambda _: httpx.Response(200, json=answer)).client().progress()

    assert (told.fraction, told.step, told.steps, told.eta_s) == (0.35, 7, 20, 4.5)
