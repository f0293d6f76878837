"""What a recipe uses, which file is which, and what forbids commerce."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

import pytest
from click.testing import CliRunner

from prodgen.cli import main
from prodgen.errors import SettingError
from prodgen.schema import Lora
from prodgen.shots import Recipe
from prodgen.shots.named_models import named_models
from prodgen.shots.stages.look import Look, looks
from prodgen.weights import read_list
from prodgen.weights.licensing import NamedModels, found_in, refuse_what_forbids_commerce, used_by

KNOWN = read_list()


def used_names(stage: str, *names: str) -> set[str]:
    return {weight.name for weight in used_by([NamedModels(stage, frozenset(names))], KNOWN)}


def used_names_of(recipe: Recipe) -> set[str]:
    return {weight.name for weight in used_by(named_models(recipe), KNOWN)}


def test_a_stage_that_names_no_model_may_use_what_comes_with_prodgen_and_every_default_one():
    assert used_names("segment", "auto") == {"u2netp", "isnet-general-use", "birefnet-general"}


def test_a_stage_that_names_its_model_uses_that_one_alone():
    assert used_names("segment", "birefnet-general") == {"birefnet-general"}


def test_a_stage_without_models_uses_none():
    assert used_names("place", "704x704") == set()


def test_a_look_brings_its_loras_along(monkeypatch):
    monkeypatch.setitem(looks(), "cinematic", Look(loras=(Lora(name="more_details"),)))
    plain, cinematic = (
        Recipe.load("relight").with_settings({"look": look}) for look in ("film", "cinematic")
    )

    assert used_names_of(cinematic) - used_names_of(plain) == {"more-details"}


def test_the_relight_recipe_uses_ic_light_a_checkpoint_an_upscaler_and_a_segmenter():
    used = used_names_of(Recipe.load("relight"))

    assert used >= {"iclight-fc", "sd15-photo", "realesrgan-x4plus", "isnet-general-use"}
    assert "more-details" not in used


def test_an_unknown_recipe_is_refused():
    assert "no recipe 'no-such'" in CliRunner().invoke(main, ["licences", "no-such"]).stderr


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
    recipe.write_text('[[stages]]\nstage = "segment"\nsegmenter = "bria-rmbg"\n[[stages]]\nstage = "place"\n')

    allowed = CliRunner().invoke(main, ["licences", str(recipe)])
    refused = CliRunner().invoke(main, ["licences", str(recipe), "--commercial"])

    assert allowed.exit_code == 0
    assert "FORBIDDEN" in allowed.output
    assert refused.exit_code == 1


def test_the_command_prints_json_that_names_unknown_files(tmp_path):
    (tmp_path / "stranger.ckpt").write_bytes(b"who am I")

    result = CliRunner().invoke(main, ["licences", "--folder", str(tmp_path), "--json"])

    content = json.loads(result.output)
    assert content["weights"] == []
    assert content["unknown"][0]["sha256"] == hashlib.sha256(b"who am I").hexdigest()


def test_the_command_warns_of_what_must_be_asked_about(tmp_path):
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        '[[stages]]\nstage = "segment"\nsegmenter = "more_details"\n[[stages]]\nstage = "place"\n'
    )

    result = CliRunner().invoke(main, ["licences", str(recipe), "--commercial"])

    assert result.exit_code == 0
    assert "Read first whether more-details may be used commercially" in result.output
