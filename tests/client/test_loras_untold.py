"""LoRAs on a server that tells no hashes (--no-hashing): a tiny picture shows whether they do anything."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.client import Client
from prodgen.client.work.tried_out import PROMPT, TriedOut
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.engines.ibl.looks import LORAS
from prodgen.errors import BackendFaultError, NotAppliedError
from prodgen.schema import Lora, Txt2Img
from prodgen.server import ApiServer, ApiTransport, Behaviour

WORKING = LORAS[0].name


def server_of(**switches) -> ApiServer:
    return ApiServer(IblEngine(checkpoints=("v1-5",)), Behaviour(**switches))


def client_of(server: ApiServer) -> Client:
    return Client("http://box", transport=ApiTransport(server), sleep=lambda _: None)


def with_lora(name: str, weight: float = 0.7) -> Txt2Img:
    lora = Lora(name=name, weight=weight)
    return Txt2Img(prompt="a table", seed=1, steps=2, width=128, height=128, loras=(lora,))


def test_a_lora_that_works_is_not_refused_for_a_word_that_is_missing_and_is_tried_once():
    server = server_of(no_hashing=True)

    with client_of(server) as client:
        first, second = client.txt2img(with_lora(WORKING)), client.txt2img(with_lora(WORKING, 0.3))

    assert first.applied.loras == {}
    assert first.applied.proofs[f"LoRA {WORKING}"].kind == "picture"
    assert second.applied.proofs[f"LoRA {WORKING}"].kind == "picture"
    assert [record.width for record in server.render_log] == [128, 64, 64, 64, 128]


def test_a_lora_that_changes_nothing_is_refused_where_no_word_tells_of_it():
    with (
        client_of(server_of(no_hashing=True, idle_loras=("for-sdxl",))) as client,
        pytest.raises(NotAppliedError, match="'for-sdxl' was not applied"),
    ):
        client.txt2img(with_lora("for-sdxl"))


def test_a_lora_whose_hash_is_told_is_believed_without_a_trial():
    server = server_of()

    with client_of(server) as client:
        generation = client.txt2img(with_lora(WORKING))

    assert generation.applied.proofs[f"LoRA {WORKING}"].kind == "words"
    assert len(server.render_log) == 1


def drawn_as(plain: float, again: float, with_lora: float, other_words: float):
    """Return what draws even tiny pictures of these 8-bit levels in place of a server."""
    repeats = iter((plain, again))

    def drawn(_, request, loras=(), *, prompt=PROMPT):
        level = with_lora if loras else other_words if prompt != PROMPT else next(repeats)
        return np.full((64, 64, 3), level / 255, np.float32)

    return drawn


@pytest.mark.parametrize(
    ("levels", "outcome"),
    [
        ((100, 100, 101, 150), "proven"),
        ((100, 100, 100, 150), "refused"),
        ((100, 101, 101, 150), "refused"),  # as noise is
        ((100, 101, 104, 150), "proven"),
        ((100, 100, 100.1, 150), "open"),  # hardly, but it does
        ((100, 101, 102, 150), "open"),
        ((100, 100, 100, 100), "open"),  # no words change anything there
    ],
)
def test_a_lora_is_proven_refused_or_left_open_by_what_it_changes_beyond_noise(monkeypatch, levels, outcome):
    monkeypatch.setattr(TriedOut, "_drawn", drawn_as(*levels))

    with client_of(server_of(no_hashing=True)) as client:
        if outcome == "refused":
            with pytest.raises(NotAppliedError, match="not applied"):
                client.txt2img(with_lora(WORKING))
            return
        generation = client.txt2img(with_lora(WORKING))

    assert (f"LoRA {WORKING}" in generation.applied.proofs) == (outcome == "proven")
    assert any("LoRA" in notice for notice in generation.notices) == (outcome == "open")


def test_a_picture_is_not_thrown_away_where_no_word_tells_of_a_lora_and_its_trial_fails(monkeypatch):
    def fails(*_, **__):
        raise BackendFaultError("http://box", "out of memory")

    monkeypatch.setattr(TriedOut, "_drawn", fails)

    with client_of(server_of(no_hashing=True)) as client:
        generation = client.txt2img(with_lora(WORKING))

    assert f"LoRA {WORKING}" not in generation.applied.proofs
    assert any("--no-hashing" in notice for notice in generation.notices)


def test_a_lora_is_tried_by_its_full_weight_and_one_of_no_weight_is_not_tried(monkeypatch):
    weights = []
    drawn = drawn_as(100, 100, 130, 150)

    def noted(trial, request, loras=(), **more):
        weights.extend(lora.weight for lora in loras)
        return drawn(trial, request, loras, **more)

    monkeypatch.setattr(TriedOut, "_drawn", noted)

    with client_of(server_of(no_hashing=True)) as client:
        client.txt2img(with_lora(WORKING, 0.0))
        untried = list(weights)
        client.txt2img(with_lora(WORKING, 0.1))

    assert (untried, weights) == ([], [1.0])
