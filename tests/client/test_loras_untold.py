"""LoRAs on a server that tells no hashes (--no-hashing): a tiny picture shows whether they do anything."""

from __future__ import annotations

import pytest

from prodgen.client import Client
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


def test_a_trial_that_fails_does_not_hide_what_is_known(monkeypatch):
    from prodgen.client.work.tried_out import TriedOut

    def fails(*_, **__):
        raise BackendFaultError("http://box", "out of memory")

    monkeypatch.setattr(TriedOut, "_drawn", fails)

    with client_of(server_of(no_hashing=True)) as client, pytest.raises(NotAppliedError, match="not applied"):
        client.txt2img(with_lora(WORKING))
