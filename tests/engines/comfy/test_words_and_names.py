"""Prompts in ComfyUI's spelling, and what there is by A1111's names."""

from __future__ import annotations

from typing import Any

import pytest

from prodgen.engines.comfy.comfy_words import comfy_texts
from prodgen.engines.comfy.sampling_names import SAMPLERS, SCHEDULERS, scheduled_names, scheduler_of
from prodgen.server import listings
from prodgen.server.wire import Refused

from .drawn_orders import INFO, server_models


@pytest.mark.parametrize(
    ("prompt", "parts"),
    [
        ("a lamp", ("a lamp",)),
        ("a (red:1.2) lamp", ("a (red:1.2) lamp",)),
        ("a (red) lamp", ("a (red:1.1) lamp",)),
        ("a [red] lamp", ("a (red:0.9091) lamp",)),
        (
            "((red:1.5) lamp)",
            ("(red:1.65)( lamp:1.1)",),
        ),  # A1111 multiplies, ComfyUI would take the inner one
        (r"a lamp \(new\)", (r"a lamp \(new\)",)),
        ("a lamp BREAK a table", ("a lamp", "a table")),
        ("", ("",)),
        ("a badwords, lamp", ("a embedding:badwords , lamp",)),
        ("a (BadWords:1.3)", ("a (embedding:badwords:1.3)",)),
        ("badwordsmith", ("badwordsmith",)),
    ],
)
def test_a_prompt_is_written_as_comfyui_reads_it(prompt: str, parts: tuple[str, ...]):
    assert comfy_texts(prompt, ["badwords"]) == parts


@pytest.mark.parametrize("prompt", ["a cat AND a dog", "a [cat:dog:0.5]", "a [cat|dog]"])
def test_a_prompt_that_comfyui_cannot_follow_is_refused(prompt: str):
    with pytest.raises(Refused, match="ComfyUI cannot"):
        comfy_texts(prompt)


def test_every_name_is_one_of_a1111_and_one_of_the_recorded_server():
    fields = INFO["KSampler"]["input"]["required"]

    assert set(SAMPLERS) <= set(listings.SAMPLERS)
    assert set(SCHEDULERS) <= set(listings.SCHEDULERS)
    assert set(SAMPLERS.values()) <= set(fields["sampler_name"][0])
    assert set(SCHEDULERS.values()) <= set(fields["scheduler"][0])


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_automatic_is_the_schedule_that_a1111_gives_the_sampler(sampler: str):
    own = {"karras": "karras", "exponential": "exponential", "DDIM": "ddim_uniform", "LCM": "sgm_uniform"}
    _, label = listings.resolve_sampler(sampler, "", None)
    listed = listings.SAMPLERS[sampler][1].get("scheduler")

    assert scheduler_of(sampler, label) == own.get(listed or sampler, "normal")


def test_names_of_comfyui_are_told_by_the_words_of_a1111():
    assert scheduled_names("dpmpp_2m_sde_gpu", "karras") == ("DPM++ 2M SDE", "Karras")
    assert scheduled_names("res_multistep", "linear_quadratic") == ("res_multistep", "linear_quadratic")


def test_the_recorded_server_has_what_it_has():
    models = server_models()

    assert {name: one.family for name, one in models.checkpoints.items()} == {
        "sd15_random": "sd15",
        "flux1-dev-fp8": "flux",
    }
    assert models.loras == {"lora_a": "lora_a.safetensors", "lora_b": "lora_b.safetensors"}
    assert dict(models.vaes) == {"ae": "ae.safetensors", "vae_random": "vae_random.safetensors"}
    assert models.upscalers == {"4x_random": "4x_random.pth"}
    assert models.controlnets == {"control_sd15_random": "control_sd15_random.safetensors"}
    assert models.samplers == tuple(SAMPLERS)
    assert models.schedules == ("Automatic", *SCHEDULERS, "Align Your Steps")
    assert models.ic_light_pack == "kijai"
    assert models.ic_light == {"FC": "iclight_sd15_fc.safetensors", "FBC": "iclight_sd15_fbc.safetensors"}


def test_the_native_pack_takes_the_files_that_it_can_read():
    models = server_models("LoadAndApplyICLightUnet")

    assert models.ic_light == {
        "FC": "iclight_sd15_fc_unet_ldm.safetensors",
        "FBC": "iclight_sd15_fbc_unet_ldm.safetensors",
    }


def with_checkpoints(*names: str) -> dict[str, Any]:
    return {**INFO, "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [list(names)]}}}}


def test_both_shapes_of_a_choice_are_read():
    choice = ["COMBO", {"options": ["new.safetensors"], "multiselect": False}]
    info = {**INFO, "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": choice}}}}

    assert server_models(info=with_checkpoints("old.safetensors")).checkpoints.keys() >= {"old"}
    assert server_models(info=info).checkpoints.keys() >= {"new"}


def test_names_have_no_backslash_and_what_is_sent_has_it():
    models = server_models(info=with_checkpoints("photo\\real.v2.safetensors"))

    assert models.checkpoints["photo/real.v2"].listed == "photo\\real.v2.safetensors"


def test_two_files_of_one_name_stay_two():
    models = server_models(info=with_checkpoints("a.ckpt", "a.safetensors"))
    loras = {"lora_name": [["one/x.safetensors", "two/x.safetensors"]]}
    others = server_models(info={**INFO, "LoraLoader": {"input": {"required": loras}}})

    assert [models.checkpoints[name].listed for name in ("a", "a.safetensors")] == ["a.ckpt", "a.safetensors"]
    assert others.loras == {"x": "one/x.safetensors", "two/x": "two/x.safetensors"}


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("v1-5-pruned-emaonly.safetensors", "sd15"),
        ("realisticVisionV51.safetensors", "sd15"),
        ("sd_xl_turbo_1.0_fp16.safetensors", "sdxl"),
        ("juggernautXL_v9.safetensors", "sdxl"),
        ("sdxlTurbo.safetensors", "sdxl"),
        ("pixelwave_flux1_dev_fp8_03.safetensors", "flux"),
        ("pixelArt.safetensors", "sd15"),
    ],
)
def test_the_family_of_a_checkpoint_is_told_by_its_name(name: str, family: str):
    models = server_models(info=with_checkpoints(name))

    assert next(iter(models.checkpoints.values())).family == family


def test_flux_without_its_text_encoders_is_not_listed():
    info = {**INFO, "DualCLIPLoader": {"input": {"required": {"clip_name1": [["clip_l.safetensors"]]}}}}

    assert "flux1-dev-fp8" not in server_models(info=info).checkpoints


@pytest.mark.parametrize(
    "info",
    [
        {},
        {"KSampler": None},
        {"KSampler": {"input": []}},
        {"VAELoader": {"input": {"required": {"vae_name": []}}}},
    ],
)
def test_a_server_that_tells_nonsense_has_nothing(info: dict[str, Any]):
    models = server_models(info=info)

    assert not models.checkpoints
    assert not models.samplers
    assert models.ic_light_pack is None
