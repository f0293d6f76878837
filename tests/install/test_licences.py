"""What a recipe uses, which file is which, and what forbids commerce."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from prodgen.cli.licences import licences
from prodgen.errors import SettingError, UnknownNameError
from prodgen.licensing import found_in, refuse_what_forbids_commerce, used_by
from prodgen.shots import Recipe
from prodgen.weights import read_list

KNOWN = read_list()


def used_names(recipe: dict[str, object]) -> set[str]:
    return {weight.name for weight in used_by(recipe, KNOWN)}


def test_a_stage_that_names_no_model_may_use_every_default_one_made_for_it():
    assert used_names({"stages": [{"stage": "segment", "model": "auto"}]}) == {
        "isnet-general-use",
        "birefnet-general",
    }


def test_a_stage_that_names_its_model_uses_that_one_alone():
    recipe = {"stages": [{"stage": "segment", "model": "birefnet-general"}]}

    assert used_names(recipe) == {"birefnet-general"}


def test_a_lora_is_found_by_name_and_inside_a_prompt():
    by_name = {"stages": [{"stage": "style", "loras": [{"name": "more_details", "weight": 0.5}]}]}
    in_prompt = {"stages": [{"stage": "style", "words": "a mug <lora:more_details:0.5>"}]}

    assert used_names(by_name) == used_names(in_prompt) == {"more-details"}


def test_a_recipe_without_models_uses_none():
    assert used_names({"stages": [{"stage": "place", "size": 704}]}) == set()


def test_the_relight_recipe_uses_ic_light_a_checkpoint_an_upscaler_and_a_segmenter():
    used = used_names(Recipe.load("relight").model_dump(mode="json"))

    assert used >= {"ic-light-fc", "realistic-vision-5.1", "realesrgan-x4plus", "isnet-general-use"}
    assert "more-details" not in used


def test_an_unknown_recipe_is_refused():
    assert isinstance(CliRunner().invoke(licences, ["no-such"]).exception, UnknownNameError)


def test_a_file_is_recognised_by_its_hash_whatever_it_is_called(tmp_path):
    (tmp_path / "Lora").mkdir()
    (tmp_path / "Lora/renamed.safetensors").write_bytes(b"weights")
    (tmp_path / "stranger.ckpt").write_bytes(b"who am I")
    (tmp_path / "notes.txt").write_bytes(b"weights")
    entry = replace(KNOWN[0], sha256=hashlib.sha256(b"weights").hexdigest())

    found = found_in(tmp_path, [entry])

    assert [(file.file, file.weight and file.weight.name) for file in found] == [
        ("Lora/renamed.safetensors", entry.name),
        ("stranger.ckpt", None),
    ]


def test_a_folder_that_is_none_is_refused(tmp_path):
    with pytest.raises(SettingError, match="is no folder"):
        found_in(tmp_path / "absent", KNOWN)


def test_what_forbids_commerce_is_refused_with_licence_and_address():
    with pytest.raises(SettingError, match=r"bria-rmbg-2\.0 \(CC BY-NC 4\.0.*huggingface"):
        refuse_what_forbids_commerce(KNOWN)


def test_what_must_be_asked_about_is_not_refused():
    refuse_what_forbids_commerce([weight for weight in KNOWN if weight.commercial == "ask"])


def test_the_command_refuses_a_recipe_that_names_a_non_commercial_model(tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('description = "x"\n[[stages]]\nstage = "segment"\nmodel = "bria-rmbg"\n')

    allowed = CliRunner().invoke(licences, [str(recipe)])
    refused = CliRunner().invoke(licences, [str(recipe), "--commercial"])

    assert allowed.exit_code == 0
    assert "FORBIDDEN" in allowed.output
    assert isinstance(refused.exception, SettingError)


def test_the_command_prints_json_that_names_unknown_files(tmp_path):
    (tmp_path / "stranger.ckpt").write_bytes(b"who am I")

    result = CliRunner().invoke(licences, ["--models", str(tmp_path), "--json"])

    content = json.loads(result.output)
    assert content["weights"] == []
    assert content["unknown"][0]["sha256"] == hashlib.sha256(b"who am I").hexdigest()


def test_the_command_warns_of_what_must_be_asked_about(tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text('[[stages]]\nstage = "segment"\nmodel = "more_details"\n')

    result = CliRunner().invoke(licences, [str(recipe), "--commercial"])

    assert result.exit_code == 0
    assert "Read first whether more-details may be used commercially" in result.output
