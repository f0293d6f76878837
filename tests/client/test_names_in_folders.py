"""One model file has many spellings, with or without folder and ending; a hash of both sides decides."""

from __future__ import annotations

import json

import pytest

from prodgen.errors import NotAppliedError, UnknownNameError
from prodgen.schema import Capabilities, Checkpoint, Lora, LoraFile, Txt2Img, model_names

UNHASHED = {
    "title": "anime\\lantern_v2.ckpt",
    "model_name": "anime_lantern_v2",
    "hash": None,
    "sha256": None,
    "filename": "C:\\models\\Stable-diffusion\\anime\\lantern_v2.ckpt",
}
HASHED = {
    "title": "lantern_v1.safetensors [0123456789]",
    "model_name": "lantern_v1",
    "hash": "0123456789",
    "sha256": "0123456789" + "ab" * 27,
    "filename": "/models/lantern_v1.safetensors",
}


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 42} | fields))


@pytest.fixture
def drawn_by(recorded, captured):
    """A server with checkpoints in folders, whose answers name one of them in its own way."""

    def make(name, digest=None, **info):
        answer = captured("core/txt2img-min")["response"]["json"]
        told = json.loads(answer["info"]) | {"sd_model_name": name, "sd_model_hash": digest} | info
        return recorded(txt2img={**answer, "info": json.dumps(told)}, sd_models=[UNHASHED, HASHED])

    return make


@pytest.mark.parametrize(
    "asked",
    [
        "anime_lantern_v2",
        "anime/lantern_v2",
        "lantern_v2.ckpt",
        "lantern_v2",
        "Lantern_v2",
        "anime\\lantern_v2.ckpt",
    ],
)
@pytest.mark.parametrize(
    "told", ["lantern_v2", "anime_lantern_v2", "anime/lantern_v2.ckpt", "lantern_v2.ckpt"]
)
def test_every_spelling_of_a_checkpoint_in_a_folder_is_that_checkpoint(drawn_by, asked, told):
    assert drawn_by(told, "ffeeddccbb").client().txt2img(cat(checkpoint=asked)).checkpoint == told


def test_a_spelling_of_the_users_own_is_sent_as_the_server_lists_it(drawn_by):
    server = drawn_by("lantern_v2")

    server.client().txt2img(cat(checkpoint="lantern_v2"))

    sent = server.sent("txt2img")[0]["override_settings"]["sd_model_checkpoint"]
    assert sent == "anime\\lantern_v2.ckpt"


@pytest.mark.parametrize(
    ("asked", "told", "digest"),
    [
        ("lantern_v1", "lantern_v2", None),
        ("lantern_v1", "lantern_v2", "ffeeddccbb"),
        ("lantern_v1", "lantern_v1", "ffeeddccbb"),  # another file of that name
    ],
)
def test_another_checkpoint_is_noticed_by_its_hash_before_its_name(drawn_by, asked, told, digest):
    with pytest.raises(NotAppliedError, match="was asked for"):
        drawn_by(told, digest).client().txt2img(cat(checkpoint=asked))


def test_a_hash_that_agrees_outweighs_a_name_that_does_not(drawn_by):
    assert drawn_by("renamed", "0123456789").client().txt2img(cat(checkpoint="lantern_v1")).images


def test_a_name_that_two_folders_hold_is_not_guessed():
    both = tuple(Checkpoint(f"{folder}/mug.safetensors", f"{folder}_mug") for folder in ("a", "b"))
    have = Capabilities(dialect="a1111", checkpoints=both)

    assert have.find_checkpoint("mug") is None
    assert have.find_checkpoint("b/mug") is both[1]


def test_a_lora_is_found_and_sent_by_the_servers_name_and_proven_by_either(recorded, captured):
    answer = captured("core/txt2img-lora")["response"]["json"]
    info = json.loads(answer["info"])
    info["extra_generation_params"]["Lora hashes"] = "Glaze: b2a0dd399241"
    listed = [{"name": "glaze_v3", "alias": "Glaze", "path": "/loras/ceramic/glaze_v3.safetensors"}]
    server = recorded(txt2img={**answer, "info": json.dumps(info)}, loras=listed)

    drawn = server.client().txt2img(cat(loras=(Lora(name="ceramic/glaze_v3.safetensors"),)))

    assert drawn.applied.loras == {"Glaze": "b2a0dd399241"}
    assert "<lora:glaze_v3:1>" in server.sent("txt2img")[0]["prompt"]


def test_a_lora_tag_inside_the_prompt_is_sent_by_the_servers_name(recorded):
    listed = [{"name": "ceramic/glaze_v3", "alias": None, "path": None}]
    server = recorded(txt2img="core/txt2img-min", loras=listed)

    server.client().txt2img(cat(prompt="a mug <lora:glaze_v3:0.8>"))

    assert server.sent("txt2img")[0]["prompt"] == "a mug <lora:ceramic/glaze_v3:0.8>"


def test_a_vae_is_found_and_proven_without_its_folder(recorded, captured):
    answer = captured("core/txt2img-min")["response"]["json"]
    info = json.loads(answer["info"]) | {"sd_vae_name": "clear.vae.pt"}
    server = recorded(
        txt2img={**answer, "info": json.dumps(info)},
        sd_vae=[{"model_name": "sub/clear.vae.pt", "filename": "/vae/sub/clear.vae.pt"}],
    )

    assert server.client().txt2img(cat(vae="clear.vae.pt")).applied.vae == "clear.vae.pt"
    assert server.sent("txt2img")[0]["override_settings"]["sd_vae"] == "sub/clear.vae.pt"
    with pytest.raises(UnknownNameError):
        server.client().txt2img(cat(vae="other/clear.vae.pt"))


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("0123456789", "0123456789" + "ab" * 27, True),
        ("0123456789", "9876543210", False),
        ("8888888888", "0123456789", None),  # stable-diffusion.cpp lists this for every file
        ("7460a6fa", "0123456789", None),  # the older kind of hash
        (None, "0123456789", None),
    ],
)
def test_hashes_of_one_kind_are_compared_and_others_say_nothing(one, other, same):
    assert model_names.same_hash(one, other) is same


def test_a_version_in_a_name_is_no_ending():
    assert not model_names.same_file("model v1.5", "model v1.6")
    assert model_names.same_file("model v1.5", "sd/model v1.5.safetensors [0123456789]")


def test_name_and_alias_of_one_lora_are_one():
    have = Capabilities(dialect="a1111", lora_files=(LoraFile("a", "Alias A"), LoraFile("b", "Alias B")))

    assert have.is_lora("Alias A", "a")
    assert not have.is_lora("Alias A", "b")
