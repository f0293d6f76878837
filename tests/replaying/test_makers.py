"""Pictures of other programs: each tells its settings in its own way, and is drawn again or refused."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from prodgen.client import Client
from prodgen.engines.ibl.ibl_engine import CHECKPOINT, IblEngine
from prodgen.errors import ImageError, ProdgenError
from prodgen.replaying import RecordedJob, read_recorded, replay
from prodgen.replaying.fitting import fit_to_server
from prodgen.replaying.makers import ToldSettings, told_by
from prodgen.server import ApiServer, ApiTransport

SLOW_S = 3.0
"""Seconds of work after which a text of some hundred kilobytes is called a hang."""

PIXELS = np.random.default_rng(1).integers(0, 255, (64, 96, 3), dtype=np.uint8)

A1111_1_10 = (
    "a cup, (blue:1.2) <lora:shiny:0.6>\nNegative prompt: blurry\n"
    "Steps: 24, Sampler: DPM++ 2M, Schedule type: Karras, CFG scale: 6.5, Seed: 42, Size: 96x64, "
    'Model hash: 6ce0161689, Model: v1-5, Clip skip: 2, Lora hashes: "shiny: 0123456789ab", Version: v1.10.1'
)

FOOOCUS = {
    "adm_guidance": "(1.5, 0.8, 0.3)", "base_model": "juggernautXL_v8", "base_model_hash": "aeb7e9e689",
    "clip_skip": 2, "full_negative_prompt": ["blurry"], "full_prompt": ["a cup", "cinematic"],
    "guidance_scale": 4, "lora_combined_1": "offset : 0.1", "loras": [["offset", 0.1, "4852686128"]],
    "metadata_scheme": "fooocus", "negative_prompt": "", "performance": "Speed", "prompt": "a cup",
    "refiner_model": "None", "refiner_switch": 0.5, "resolution": "(896, 1152)",
    "sampler": "dpmpp_2m_sde_gpu",
    "scheduler": "karras", "seed": "5441180189181032878", "sharpness": 2, "steps": 30, "styles": "['x']",
    "vae": "Default (model)", "version": "Fooocus v2.5.5",
}  # fmt: skip

FOOOCUS_AS_A1111 = (
    "a cup, cinematic\nNegative prompt: blurry\n"
    "Steps: 30, Sampler: DPM++ 2M SDE Karras, Seed: 5441180189181032878, Size: 896x1152, CFG scale: 4.0, "
    'Sharpness: 2.0, ADM Guidance: "(1.5, 0.8, 0.3)", Model: juggernautXL_v8, Model hash: aeb7e9e689, '
    "Performance: Speed, Scheduler: karras, VAE: Default (model), Raw prompt: a cup, Raw negative prompt: , "
    'Lora hashes: "offset: 4852686128", Lora weights: "offset: 0.1", Version: Fooocus v2.5.5'
)

NOVELAI = {
    "prompt": "a cup", "steps": 28, "height": 1216, "width": 832, "scale": 5.0, "uncond_scale": 0.0,
    "cfg_rescale": 0.0, "seed": 3141592653, "n_samples": 1, "noise_schedule": "karras", "sm": False,
    "reference_strength_multiple": [], "sampler": "k_euler_ancestral", "uc": "blurry", "signed_hash": "x",
    "request_type": "PromptGenerateRequest",
    "v4_prompt": {"caption": {"base_caption": "a cup", "char_captions": [{"char_caption": "a cat"}]}},
    "v4_negative_prompt": {"caption": {"base_caption": "blurry", "char_captions": []}},
}  # fmt: skip

INVOKEAI_3 = {
    "app_version": "5.6.0", "generation_mode": "sdxl_txt2img", "positive_prompt": "a cup",
    "negative_prompt": "blurry", "width": 832, "height": 1216, "seed": 77, "rand_device": "cpu",
    "cfg_scale": 6.0, "steps": 25, "scheduler": "dpmpp_2m_k", "clip_skip": 0, "controlnets": [],
    "model": {"key": "k", "hash": "blake3:aa", "name": "Juggernaut XL", "base": "sdxl", "type": "main"},
    "loras": [{"model": {"name": "shiny", "key": "l"}, "weight": 0.75}],
}  # fmt: skip

INVOKEAI_2 = {
    "model": "stable diffusion", "model_weights": "sd-1.5", "model_hash": "ab" * 32, "app_version": "2.3.5",
    "image": {
        "prompt": [{"prompt": "a cup [blurry]", "weight": 1}], "steps": 50, "cfg_scale": 7.5, "threshold": 0,
        "perlin": 0, "height": 512, "width": 768, "seed": 5, "seamless": False, "hires_fix": False,
        "type": "txt2img", "postprocessing": None, "sampler": "k_lms", "variations": [],
    },
}  # fmt: skip

DRAW_THINGS = {
    "c": "a cup & saucer", "lora": [{"model": "shiny_lora_f16.ckpt", "weight": 0.5}],
    "model": "sd_v1.5_f16.ckpt",
    "sampler": "DPM++ 2M Karras", "scale": 7.5, "seed": 99, "seed_mode": "Scale Alike", "shift": 1,
    "size": "512x768", "steps": 20, "strength": 1, "uc": "blurry", "hires_fix": False,
}  # fmt: skip

DRAW_THINGS_LINE = (
    "Steps: 8, Sampler: Euler A Trailing, Guidance Scale: 4.5, Seed: 42, Size: 768x1024, Model: sd_v1.5"
)

EASY_DIFFUSION = {
    "prompt": "a cup", "negative_prompt": "blurry", "seed": 11, "num_inference_steps": 25,
    "guidance_scale": 7.5,
    "width": 512, "height": 768, "use_stable_diffusion_model": "folder/sd-v1-5.safetensors",
    "clip_skip": False,
    "sampler_name": "euler_a", "use_vae_model": None, "use_lora_model": ["shiny"], "lora_alpha": [0.4],
}  # fmt: skip

SWARM_UI = {
    "sui_image_params": {
        "prompt": "a cup", "negativeprompt": "blurry", "model": "OfficialStableDiffusion/sd_xl_base_1.0",
        "seed": 12,
        "steps": 20, "cfgscale": 7.0, "width": 1024, "height": 768, "sampler": "euler_ancestral",
        "scheduler": "karras", "loras": ["style/shiny"], "loraweights": ["0.8"], "swarm_version": "0.9.5.0",
    },
    "sui_extra_data": {"date": "2025-01-25"},
}  # fmt: skip

CIVITAI = {
    "resource-stack": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "urn:air:x"}},
    "extraMetadata": json.dumps({
        "prompt": "a cup", "negativePrompt": "blurry", "cfgScale": 3.5, "sampler": "Euler", "steps": 28,
        "seed": 21, "width": 832, "height": 1216, "workflowId": "txt2img",
        "resources": [{"modelVersionId": 7}],
    }),
}  # fmt: skip

COMFYUI: dict[str, Any] = {
    "3": {"class_type": "KSampler", "inputs": {
        "seed": 1107437186208371, "steps": 22, "cfg": 8.0, "sampler_name": "dpmpp_2m", "scheduler": "karras",
        "denoise": 1.0, "model": ["10", 0], "positive": ["6", 0], "negative": ["7", 0], "latent_image": ["5",
        0]}},
    "4": {"class_type": "CheckpointLoaderSimple", "inputs": {"ckpt_name": "sd15\\v1-5.safetensors"}},
    "5": {"class_type": "EmptyLatentImage", "inputs": {"width": 512, "height": ["20", 0], "batch_size": 1}},
    "6": {"class_type": "CLIPTextEncode", "inputs": {"text": ["21", 0], "clip": ["11", 0]}},
    "7": {"class_type": "CLIPTextEncode", "inputs": {"text": "blurry", "clip": ["11", 0]}},
    "8": {"class_type": "VAEDecode", "inputs": {"samples": ["3", 0], "vae": ["4", 2]}},
    "9": {"class_type": "SaveImage", "inputs": {"filename_prefix": "ComfyUI", "images": ["8", 0]}},
    "10": {"class_type": "LoraLoader", "inputs": {
        "lora_name": "style/shiny.safetensors", "strength_model": 0.6, "strength_clip": 1.0, "model": ["4",
        0],
        "clip": ["4", 1]}},
    "11": {"class_type": "CLIPSetLastLayer", "inputs": {"stop_at_clip_layer": -2, "clip": ["10", 1]}},
    "20": {"class_type": "INTConstant", "inputs": {"value": 768}},
    "21": {"class_type": "String Literal", "inputs": {"string": "a cup"}},
}  # fmt: skip

SD_NEXT = (
    "a cup\nNegative prompt: blurry\n"
    "Steps: 20, Size: 832x1216, Sampler: UniPC, Seed: 31, CFG scale: 6, Clip skip: 2, App: SD.Next, "
    "Version: 0eb4a98, Parser: a1111, Pipeline: StableDiffusionXLPipeline, Operations: txt2img, "
    "Model: sdxl, Model hash: e6bb9ea85b, Variation seed: 999, Variation strength: 0.3, Sampler sigma: karras"
)

FORGE = (
    "a cup <lora:shiny:0.5>\nSteps: 20, Sampler: Euler, Schedule type: Simple, CFG scale: 1, "
    "Distilled CFG Scale: 3.5, Seed: 8, Size: 832x1216, Model hash: 06f96f89f6, Model: flux_dev, "
    "Version: f2.0.1v1.10.1-previous-561-g82eb7566, Diffusion in Low Bits: Automatic (fp16 LoRA), "
    "Module 1: ae, Module 2: clip_l, Module 3: t5xxl_fp8_e4m3fn"
)

SD_CPP = (
    "a cup\nNegative prompt: blurry\nSteps: 30, CFG scale: 5.000000, Guidance: 3.500000, Eta: 0.000000, "
    "Seed: 1375127038, Size: 512x512, Model: v1-5-pruned-emaonly.safetensors, RNG: cuda, "
    "Sampler: dpm++2m karras, Version: stable-diffusion.cpp"
)


def xmp_of(comment: str) -> str:
    plain = comment.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF><rdf:Description><xmp:CreatorTool>Draw Things'
        '</xmp:CreatorTool><exif:UserComment><rdf:Alt><rdf:li xml:lang="x-default">'
        f"{plain}</rdf:li></rdf:Alt></exif:UserComment></rdf:Description></rdf:RDF></x:xmpmeta>"
    )


MAKERS: dict[str, tuple[dict[str, str], str, dict[str, object]]] = {
    "A1111 1.10": ({"parameters": A1111_1_10}, "A1111", {
        "steps": 24, "seed": 42, "sampler_name": "DPM++ 2M", "scheduler": "Karras", "cfg_scale": 6.5,
        "clip_skip": 2, "first_pass": "96x64", "prompt": "a cup, (blue:1.2)", "lora": ("shiny", 0.6)}),
    "A1111 in a JPEG's comment": ({"comment": A1111_1_10}, "A1111", {"steps": 24, "seed": 42}),
    "Forge": ({"parameters": FORGE}, "Forge", {"seed": 8, "scheduler": "Simple", "lora": ("shiny", 0.5)}),
    "SD.Next": ({"parameters": SD_NEXT}, "SD.Next", {
        "seed": 31, "sampler_name": "UniPC", "scheduler": "karras", "subseed": 999, "subseed_strength": 0.3}),
    "stable-diffusion.cpp": ({"parameters": SD_CPP}, "stable-diffusion.cpp", {
        "seed": 1375127038, "sampler_name": "dpm++2m", "scheduler": "Karras", "cfg_scale": 5.0, "eta": 0}),
    "Fooocus": ({"parameters": json.dumps(FOOOCUS), "fooocus_scheme": "fooocus"}, "Fooocus", {
        "seed": 5441180189181032878, "sampler_name": "dpmpp_2m_sde_gpu", "scheduler": "karras",
        "first_pass": "896x1152", "prompt": "a cup, cinematic", "cfg_scale": 4, "lora": ("offset", 0.1)}),
    "Fooocus as A1111": ({"parameters": FOOOCUS_AS_A1111, "fooocus_scheme": "a1111"}, "Fooocus", {
        "seed": 5441180189181032878, "sampler_name": "DPM++ 2M SDE", "scheduler": "Karras",
        "first_pass": "896x1152", "prompt": "a cup, cinematic", "lora": ("offset", 0.1)}),
    "RuinedFooocus": ({"parameters": json.dumps({
        "Prompt": "a cup", "Negative": "blurry", "steps": 30, "cfg": 8, "width": 1152, "height": 896,
        "seed": 4,
        "sampler_name": "dpmpp_2m", "scheduler": "karras", "base_model_name": "x.safetensors",
        "loras": [["hash", "shiny", 0.3]], "software": "RuinedFooocus"})}, "RuinedFooocus", {
        "seed": 4, "cfg_scale": 8, "first_pass": "1152x896", "lora": ("shiny", 0.3)}),
    "NovelAI": ({
        "Title": "NovelAI generated image", "Description": "a cup", "Software": "NovelAI",
        "Source": "NovelAI Diffusion V4.5 4BDE2A90", "Comment": json.dumps(NOVELAI)}, "NovelAI", {
        "seed": 3141592653, "steps": 28, "sampler_name": "k_euler_ancestral", "scheduler": "karras",
        "first_pass": "832x1216", "prompt": "a cup, a cat"}),
    "NovelAI of the first version": ({
        "Description": "a cup", "Software": "NovelAI", "Source": "Stable Diffusion 1D44365E",
        "Comment": json.dumps({
            "steps": 28, "sampler": "k_euler_ancestral", "seed": 6, "strength": 0.69, "noise": 0.2,
            "scale": 11.0,
            "uc": "blurry"})}, "NovelAI", {"seed": 6, "cfg_scale": 11, "prompt": "a cup",
            "first_pass": "96x64"}),
    "NovelAI in WebP": ({
        "exif.Software": "NovelAI Diffusion V4", "exif.ImageDescription": "a cup",
        "parameters": json.dumps(NOVELAI)}, "NovelAI", {"seed": 3141592653}),
    "InvokeAI 3 to 5": ({"invokeai_metadata": json.dumps(INVOKEAI_3), "invokeai_graph": "{}"}, "InvokeAI", {
        "seed": 77, "sampler_name": "dpmpp_2m", "scheduler": "Karras", "first_pass": "832x1216",
        "lora": ("shiny", 0.75)}),
    "InvokeAI 2": ({"sd-metadata": json.dumps(INVOKEAI_2), "Dream": "x"}, "InvokeAI", {
        "seed": 5, "sampler_name": "k_lms", "prompt": "a cup", "negative_prompt": "blurry",
        "first_pass": "768x512"}),
    "InvokeAI 1": ({"Dream": '"a cup [blurry]" -s 50 -S 3 -W 512 -H 768 -C 7.5 -A k_euler_a'}, "InvokeAI", {
        "seed": 3, "steps": 50, "sampler_name": "k_euler_a", "prompt": "a cup", "first_pass": "512x768"}),
    "Draw Things": ({"XML:com.adobe.xmp": xmp_of(json.dumps(DRAW_THINGS))}, "Draw Things", {
        "seed": 99, "sampler_name": "DPM++ 2M", "scheduler": "Karras", "prompt": "a cup & saucer",
        "lora": ("shiny_lora_f16", 0.5)}),
    "Draw Things in EXIF": ({"parameters": json.dumps(DRAW_THINGS)}, "Draw Things", {"seed": 99}),
    "Easy Diffusion": ({key: str(value) for key, value in EASY_DIFFUSION.items() if "lora" not in key},
        "Easy Diffusion", {"seed": 11, "sampler_name": "euler_a", "first_pass": "512x768", "cfg_scale": 7.5}),
    "Easy Diffusion in JPEG": ({"parameters": json.dumps(EASY_DIFFUSION)}, "Easy Diffusion", {
        "seed": 11, "lora": ("shiny", 0.4)}),
    "Easy Diffusion by labels": ({"parameters": json.dumps({
        "Prompt": "a cup", "Negative Prompt": "blurry", "Seed": 11, "Steps": 25, "Guidance Scale": 7.5,
        "Width": 512, "Height": 768, "Sampler": "euler_a", "Stable Diffusion model": "x"})},
        "Easy Diffusion", {
        "seed": 11, "first_pass": "512x768"}),
    "SwarmUI": ({"parameters": json.dumps(SWARM_UI)}, "SwarmUI", {
        "seed": 12, "sampler_name": "euler_ancestral", "scheduler": "karras", "lora": ("shiny", 0.8)}),
    "Civitai's own": ({"parameters": json.dumps(CIVITAI)}, "Civitai", {
        "seed": 21, "cfg_scale": 3.5, "first_pass": "832x1216"}),
    "ComfyUI": ({"prompt": json.dumps(COMFYUI), "workflow": "{}"}, "ComfyUI", {
        "seed": 1107437186208371, "steps": 22, "sampler_name": "dpmpp_2m", "scheduler": "karras",
        "clip_skip": 2,
        "prompt": "a cup", "first_pass": "512x768", "lora": ("shiny", 0.6)}),
    "ComfyUI in EXIF": ({"exif.Model": f"prompt:{json.dumps(COMFYUI)}", "exif.Make": "workflow:{}"},
    "ComfyUI", {
        "seed": 1107437186208371}),
    "ComfyUI in one comment": ({"parameters": json.dumps({"prompt": COMFYUI, "workflow": {}})}, "ComfyUI", {
        "seed": 1107437186208371}),
    "another program": ({"generation_data": json.dumps({
        "prompt": "a cup", "negativePrompt": "blurry", "seed": 9, "steps": 12, "cfgScale": 4, "width": 640,
        "height": 512, "sampler": "Euler"})}, "a program that is not known (JSON in 'generation_data')", {
        "seed": 9, "steps": 12, "first_pass": "640x512"}),
}  # fmt: skip


def write_png(path: Path, texts: Mapping[str, str]) -> None:
    info = PngImagePlugin.PngInfo()
    for key, text in texts.items():
        if not key.startswith("exif."):
            info.add_itxt(key, text) if not text.isascii() or len(text) > 200 else info.add_text(key, text)
    exif = Image.Exif()
    for key, tag in (
        ("exif.Make", 0x010F),
        ("exif.Model", 0x0110),
        ("exif.Software", 0x0131),
        ("exif.ImageDescription", 0x010E),
    ):
        if key in texts:
            exif[tag] = texts[key]
    Image.fromarray(PIXELS).save(path, "PNG", pnginfo=info, exif=exif)


def recorded(folder: Path, texts: Mapping[str, str]) -> RecordedJob:
    write_png(folder / "picture.png", texts)
    read = read_recorded(folder / "picture.png")
    assert isinstance(read, RecordedJob)
    return read


def differences(read: RecordedJob) -> dict[str, str]:
    return {x.what: x.words for x in read.differences}


@pytest.mark.parametrize("name", MAKERS)
def test_the_settings_of_every_maker_are_read_out_of_a_picture(name, tmp_path):
    texts, maker, expected = MAKERS[name]
    read = recorded(tmp_path, texts)
    job = read.job

    assert told_by(texts).maker == maker
    assert job.prompt.startswith("a cup")
    found: dict[str, object] = {key: getattr(job, key) for key in expected if key != "lora"}
    if "lora" in expected:
        found["lora"] = next(iter((lora.name, lora.weight) for lora in job.loras))
    assert found == expected


@pytest.mark.parametrize("name", MAKERS)
def test_every_picture_is_drawn_again_by_a_server_with_names_of_its_own(name, tmp_path):
    job, _ = fit_to_server(recorded(tmp_path, MAKERS[name][0]), client())

    assert job.sampler_name is None or job.sampler_name in client().capabilities.samplers
    assert job.loras == ()


def client() -> Client:
    return Client("http://server", transport=ApiTransport(ApiServer(IblEngine(checkpoints=(CHECKPOINT,)))))


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("dpmpp_2m", "DPM++ 2M"), ("k_dpmpp_2m", "DPM++ 2M"), ("dpm++2m", "DPM++ 2M"), ("Euler A", "Euler a"),
        ("euler_ancestral", "Euler a"), ("k_euler_ancestral", "Euler a"), ("dpmpp_2m_sde_gpu",
        "DPM++ 2M SDE"),
        ("uni_pc", "UniPC"), ("ddim", "DDIM"), ("k_lms", "LMS"), ("dpm_2_ancestral", "DPM2 a"),
    ],
)  # fmt: skip
def test_a_sampler_is_found_by_the_name_that_another_program_has_for_it(theirs, ours, tmp_path):
    server = client()
    server.capabilities  # noqa: B018 - asks the server once
    have = server.capabilities
    if ours not in have.samplers:
        pytest.skip(f"the embedded server has no {ours}")
    line = f"a\nSteps: 2, Sampler: {theirs}, CFG scale: 7, Seed: 1, Size: 64x64"

    job, changed = fit_to_server(recorded(tmp_path, {"parameters": line}), server)

    assert (job.sampler_name, [x.what for x in changed]) == (ours, [])


@pytest.mark.parametrize(
    ("name", "checkpoint"),
    [
        ("A1111 1.10", "v1-5"), ("Fooocus", "juggernautXL_v8"), ("InvokeAI 3 to 5", "Juggernaut XL"),
        ("InvokeAI 2", "sd-1.5"), ("Draw Things", "sd_v1.5_f16"), ("Easy Diffusion", "sd-v1-5"),
        ("SwarmUI", "sd_xl_base_1.0"), ("ComfyUI", "v1-5"), ("NovelAI", "NovelAI Diffusion V4.5 4BDE2A90"),
        ("InvokeAI 1", None),
    ],
)  # fmt: skip
def test_the_checkpoint_is_named_without_folder_and_ending(name, checkpoint, tmp_path):
    assert recorded(tmp_path, MAKERS[name][0]).checkpoint == checkpoint


@pytest.mark.parametrize(
    ("texts", "clip_skip"),
    [
        ({"invokeai_metadata": json.dumps({**INVOKEAI_3, "clip_skip": 1})}, 2),
        ({"parameters": A1111_1_10.replace("Clip skip: 2", "Clip skip: -2")}, 2),
        ({"parameters": json.dumps({"sui_image_params": {
            **SWARM_UI["sui_image_params"], "clipstopatlayer": -2}})}, 2),
    ],
)  # fmt: skip
def test_skipped_layers_of_the_text_encoder_are_counted_as_a1111_does(texts, clip_skip, tmp_path):
    assert recorded(tmp_path, texts).job.clip_skip == clip_skip


def test_weights_of_words_that_only_novelai_knows_are_named(tmp_path):
    texts = {
        "Software": "NovelAI",
        "Comment": json.dumps({"prompt": "a {cup}", "uc": "", "scale": 5, "seed": 1}),
    }

    assert "Prompt weights" in differences(recorded(tmp_path, texts))
    assert "Prompt weights" not in differences(recorded(tmp_path, MAKERS["NovelAI"][0]))


def test_settings_that_had_no_effect_are_not_compared_with_the_new_picture(tmp_path):
    fooocus = recorded(tmp_path, MAKERS["Fooocus"][0]).infotext
    without = recorded(tmp_path, {"parameters": f"{A1111_1_10}, Denoising strength: 0, VAE: None"}).infotext
    second = recorded(
        tmp_path, {"parameters": f"{A1111_1_10}, Denoising strength: 0.4, Hires upscale: 2"}
    ).infotext

    assert not {"Refiner", "Refiner switch at", "VAE"} & fooocus.keys()
    assert not {"Denoising strength", "VAE"} & without.keys()
    assert second["Denoising strength"] == "0.4"


def test_pictures_of_programs_with_noise_of_their_own_are_told_to_differ(tmp_path):
    assert "Fooocus drew it" in differences(recorded(tmp_path, MAKERS["Fooocus"][0]))["maker"]
    assert "maker" not in differences(recorded(tmp_path, MAKERS["Forge"][0]))


def test_modules_of_forge_are_named_where_one_vae_does_not_stand_for_them(tmp_path):
    several = differences(recorded(tmp_path, {"parameters": FORGE}))
    one = recorded(
        tmp_path, {"parameters": FORGE.replace(", Module 2: clip_l, Module 3: t5xxl_fp8_e4m3fn", "")}
    )

    assert "ae, clip_l, t5xxl_fp8_e4m3fn" in several["Module"]
    assert "Distilled CFG Scale" in several
    assert one.job.vae == "ae"


# What was drawn over another picture, certainly or perhaps.


@pytest.mark.parametrize(
    "texts",
    [
        {"parameters": f"{A1111_1_10}, Denoising strength: 0.5, Mask blur: 4"},
        {"parameters": f"{SD_NEXT}, Init image size: 512x512, Init image hash: ab12, Denoising strength: 1"},
        {"parameters": f"{A1111_1_10}, Denoising strength: 0.5, Noise multiplier: 0.9"},
        {"parameters": f"{A1111_1_10}, Denoising strength: 0.2, Ultimate SD upscale upscaler: Lanczos"},
        {"Software": "NovelAI", "Comment": json.dumps({**NOVELAI, "request_type": "Img2ImgRequest"})},
        {"invokeai_metadata": json.dumps({**INVOKEAI_3, "generation_mode": "sdxl_inpaint"})},
        {"parameters": json.dumps({**DRAW_THINGS, "strength": 0.6})},
        {"parameters": f"a cup\n{DRAW_THINGS_LINE}, Strength: 0.6, Seed Mode: Scale Alike"},
        {"parameters": json.dumps({**EASY_DIFFUSION, "prompt_strength": 0.8})},
        {"invokeai_metadata": json.dumps({**INVOKEAI_3, "upscale_initial_image": {"image_name": "a.png"}})},
        {"sd-metadata": json.dumps({**INVOKEAI_2, "image": {**INVOKEAI_2["image"], "type": "img2img"}})},
        {"parameters": json.dumps({**CIVITAI, "extraMetadata": json.dumps({
            "prompt": "a cup", "seed": 1, "steps": 2, "workflowId": "img2img-hires"})})},
        {"Dream": '"a cup" -s 50 -S 3 -W 512 -H 768 -C 7.5 -A k_euler_a -I start.png'},
    ],
)  # fmt: skip
def test_what_was_certainly_drawn_over_another_picture_is_refused(texts, tmp_path):
    with pytest.raises(ImageError, match=r"drawn over another picture \(img2img\)"):
        recorded(tmp_path, texts)


def test_the_mask_weight_of_an_inpainting_checkpoint_is_no_img2img(tmp_path):
    read = recorded(tmp_path, {"parameters": f"{A1111_1_10}, Conditional mask weight: 1.0"})

    assert (read.job.seed, list(differences(read))) == (42, ["Conditional mask weight"])


def test_a_whole_strength_of_draw_things_is_no_img2img(tmp_path):
    text = f"a cup\n{DRAW_THINGS_LINE}, Strength: 1.0, Seed Mode: Scale Alike"

    assert sorted(differences(recorded(tmp_path, {"parameters": text}))) == ["Seed Mode", "maker"]


def test_a_strength_of_zero_is_no_img2img(tmp_path):
    read = recorded(tmp_path, {"parameters": f"{A1111_1_10}, Denoising strength: 0"})

    assert (read.job.seed, read.differences) == (42, ())


def test_another_strength_without_a_second_pass_may_have_been_img2img(tmp_path):
    read = recorded(tmp_path, {"parameters": f"{A1111_1_10}, Denoising strength: 0.7"})

    assert read.job.denoising_strength is None
    assert "may have been drawn over another picture (img2img)" in differences(read)["Denoising strength"]
    with pytest.raises(ProdgenError, match="it cannot be the same here"):
        replay(tmp_path / "picture.png", backend=client(), strict=True)


# Old forms.


@pytest.mark.parametrize(
    ("first", "drawn"), [("512x512", "512x512"), ("0x0", "512x512"), ("384x640", "384x640")]
)
def test_the_second_pass_of_2022_is_understood(first, drawn, tmp_path):
    line = "Steps: 20, Sampler: Euler a, CFG scale: 7, Seed: 1, Size: 1024x1024"

    job = recorded(
        tmp_path, {"parameters": f"a\n{line}, Denoising strength: 0.7, First pass size: {first}"}
    ).job

    assert (job.first_pass, job.hires_size, job.hires_upscaler) == (drawn, "1024x1024", "Latent")
    assert job.denoising_strength == 0.7


def test_a_picture_that_does_not_tell_its_size_has_its_own(tmp_path):
    read = recorded(tmp_path, {"parameters": "a cup\nSteps: 20, Sampler: Euler, CFG scale: 7, Seed: 1"})

    assert read.job.first_pass == "96x64"
    assert "96x64" in differences(read)["Size"]


def test_the_last_line_that_begins_with_the_steps_is_the_one(tmp_path):
    text = f"Steps: 3, Seed: 9\nin a garden\n{A1111_1_10}\nTemplate: a {{b|c}}, Steps: 5, Seed: 6"

    job = recorded(tmp_path, {"parameters": text}).job

    assert (job.steps, job.seed) == (24, 42)
    assert job.prompt.startswith("Steps: 3, Seed: 9\nin a garden\na cup")


def test_names_of_sd_next_for_what_a1111_has_too_are_understood(tmp_path):
    read = recorded(
        tmp_path, {"parameters": f"{SD_NEXT}, Sampler eta delta: 31337, HiRes mode: 1, Embeddings: bad"}
    )

    assert read.job.override_settings == {"eta_noise_seed_delta": 31337}
    assert not {"HiRes mode", "Embeddings"} & differences(read).keys()
    assert "embedding 'bad' is not here" in " ".join(x.words for x in fit_to_server(read, client())[1])


def test_an_enlargement_of_sd_next_without_a_second_drawing_is_no_second_pass(tmp_path):
    read = recorded(
        tmp_path, {"parameters": f"{SD_NEXT}, Refine: True, Hires upscaler: ESRGAN, Hires scale: 2"}
    )
    again = recorded(
        tmp_path,
        {"parameters": f"{SD_NEXT}, Hires upscaler: Latent, Hires scale: 2, Hires strength: 0.4"},
    )

    assert (read.job.hires, read.job.hires_upscaler) == (None, None)
    assert "ESRGAN is not repeated" in differences(read)["Enlarged by"]
    assert (again.job.hires, again.job.denoising_strength) == (2, 0.4)


# ComfyUI's graphs.


def graph(**changes: Any) -> dict[str, str]:
    """The graph with some inputs of nodes changed; None takes a node out."""
    nodes = {key: {**node, "inputs": dict(node["inputs"])} for key, node in COMFYUI.items()}
    for key, change in changes.items():
        number = key.removeprefix("node_")
        if "class_type" in change:
            nodes[number] = change
        else:
            nodes[number]["inputs"] |= change
    return {"prompt": json.dumps(nodes)}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"node_30": {"class_type": "KSampler", "inputs": {}}}, r"a graph with 2 samplers \(KSampler\)"),
        ({"node_3": {"class_type": "SamplerCustomAdvanced", "inputs": {}}}, "SamplerCustomAdvanced"),
        ({"node_3": {"class_type": "Note", "inputs": {}}}, "no KSampler"),
        ({"node_5": {"class_type": "VAEEncode", "inputs": {"pixels": ["9", 0]}}},
        r"first pass \(VAEEncode\)"),
        ({"node_5": {"class_type": "LatentUpscale", "inputs": {"samples": ["5", 0], "width": 512,
         "height": 512}}},
         r"first pass \(LatentUpscale\)"),
        ({"node_6": {"class_type": "ConditioningCombine", "inputs": {
            "conditioning_1": ["7", 0], "conditioning_2": ["7", 0]}}},
            "put together by a node 'ConditioningC"),
    ],
)  # fmt: skip
def test_a_graph_that_is_more_than_one_sampler_from_words_is_refused_by_what_it_is(changes, said, tmp_path):
    with pytest.raises(ImageError, match=said):
        recorded(tmp_path, graph(**changes))


def test_nodes_on_the_way_that_change_the_picture_are_named(tmp_path):
    read = recorded(
        tmp_path,
        graph(
            node_3={"model": ["40", 0], "positive": ["41", 0], "denoise": 0.8, "latent_image": ["5", 0]},
            node_5={"batch_size": 4},
            node_40={"class_type": "FreeU_V2", "inputs": {"b1": 1.3, "model": ["10", 0]}},
            node_41={"class_type": "ControlNetApply", "inputs": {"conditioning": ["6", 0], "strength": 1}},
        ),
    )

    assert read.job.prompt == "a cup"
    assert {"FreeU_V2", "ControlNetApply", "denoise", "batch"} <= differences(read).keys()


def test_a_control_picture_does_not_turn_the_prompt_into_the_negative_one(tmp_path):
    inputs = {**COMFYUI["3"]["inputs"], "positive": ["30", 0], "negative": ["30", 1]}
    control = {"positive": ["6", 0], "negative": ["7", 0], "image": ["31", 0], "strength": 1}
    graph = {
        **COMFYUI,
        "3": {**COMFYUI["3"], "inputs": inputs},
        "30": {"class_type": "ControlNetApplyAdvanced", "inputs": control},
    }

    read = recorded(tmp_path, {"prompt": json.dumps(graph)})

    assert (read.job.prompt, read.job.negative_prompt) == ("a cup", "blurry")
    assert "ControlNetApplyAdvanced" in differences(read)


def test_both_prompts_are_read_from_a_node_that_holds_them(tmp_path):
    loader = {"class_type": "Efficient Loader", "inputs": {"positive": "a jug", "negative": "ugly"}}
    inputs = {**COMFYUI["3"]["inputs"], "positive": ["30", 1], "negative": ["30", 2]}
    graph = {**COMFYUI, "3": {**COMFYUI["3"], "inputs": inputs}, "30": loader}

    job = recorded(tmp_path, {"prompt": json.dumps(graph)}).job

    assert (job.prompt, job.negative_prompt) == ("a jug", "ugly")


def test_what_a_graph_does_with_the_drawn_picture_is_named(tmp_path):
    graph = {
        **COMFYUI,
        "9": {"class_type": "SaveImage", "inputs": {"images": ["41", 0]}},
        "40": {"class_type": "FaceDetailer", "inputs": {"image": ["8", 0]}},
        "41": {"class_type": "ImageUpscaleWithModel", "inputs": {"image": ["40", 0]}},
        "42": {"class_type": "Image Save", "inputs": {"images": ["41", 0]}},
        "43": {"class_type": "LoadImage", "inputs": {"image": "not on the way"}},
    }

    found = differences(recorded(tmp_path, {"prompt": json.dumps(graph)}))

    assert {"FaceDetailer", "ImageUpscaleWithModel"} <= found.keys()
    assert not {"Image Save", "SaveImage", "VAEDecode", "LoadImage", "KSampler"} & found.keys()


def test_a_lora_that_weighs_otherwise_on_the_text_encoder_is_told(tmp_path):
    even = {**COMFYUI["10"], "inputs": {**COMFYUI["10"]["inputs"], "strength_clip": 0.6}}

    assert "LoRA" in differences(recorded(tmp_path, {"prompt": json.dumps(COMFYUI)}))
    assert "LoRA" not in differences(recorded(tmp_path, {"prompt": json.dumps({**COMFYUI, "10": even})}))


def test_words_are_read_from_a_node_that_only_holds_them(tmp_path):
    graph = {**COMFYUI, "21": {"class_type": "easy positive", "inputs": {"positive": "a jug"}}}

    assert recorded(tmp_path, {"prompt": json.dumps(graph)}).job.prompt == "a jug"


def test_a_bare_comment_of_novelai_is_known_by_its_kind_of_request(tmp_path):
    comment = {"prompt": "a cup", "uc": "", "scale": 5, "steps": 28, "seed": 1, "sampler": "k_euler"}
    more = {"request_type": "PromptGenerateRequest", "noise_schedule": "native"}

    read = recorded(tmp_path, {"Comment": json.dumps({**comment, **more})})

    assert "NovelAI" in differences(read)["maker"]
    assert read.job.scheduler is None


def test_all_texts_of_novelai_are_read_from_one_comment(tmp_path):
    comment = {"Comment": json.dumps(NOVELAI), "Software": "NovelAI", "Source": "NovelAI Diffusion V4"}

    read = recorded(tmp_path, {"parameters": json.dumps(comment)})

    assert (read.job.seed, read.job.steps) == (NOVELAI["seed"], NOVELAI["steps"])
    assert read.checkpoint == "NovelAI Diffusion V4"


def test_the_scheme_of_fooocus_mre_is_read(tmp_path):
    record = {
        "prompt": "a cup", "negative_prompt": "", "real_prompt": ["a cup, cinematic"], "seed": 5, "cfg": 7.5,
        "real_negative_prompt": ["blurry"], "base_model": "xl.safetensors", "steps": 30, "width": 1152,
        "height": 896, "sampler": "dpmpp_2m_sde_gpu", "scheduler": "karras", "base_clip_skip": -2,
        "l1": "None", "w1": 0.5, "l2": "offset.safetensors", "w2": 0.25, "img2img": False,
    }  # fmt: skip

    job = recorded(tmp_path, {"Comment": json.dumps(record)}).job

    assert (job.prompt, job.negative_prompt, job.cfg_scale) == ("a cup, cinematic", "blurry", 7.5)
    assert [(lora.name, lora.weight) for lora in job.loras] == [("offset", 0.25)]
    assert job.clip_skip == 2
    with pytest.raises(ImageError, match="img2img"):
        recorded(tmp_path, {"Comment": json.dumps({**record, "img2img": True})})


def test_layers_on_the_canvas_of_invokeai_are_named_where_there_are_some(tmp_path):
    layers = {"rasterLayers": [{"id": 1}], "controlLayers": [{"id": 2}], "regionalGuidance": []}
    texts = {"invokeai_metadata": json.dumps({**INVOKEAI_3, "canvas_v2_metadata": layers})}

    found = differences(recorded(tmp_path, texts))

    assert "ControlNet" in found
    assert "Regional prompts" not in found


def test_quotes_in_a_prompt_of_the_first_invokeai_are_quotes(tmp_path):
    line = '"a cup \\"tall\\" [blurry]" -s 50 -S 3 -W 512 -H 768 -C 7.5 -A k_lms'

    assert recorded(tmp_path, {"Dream": line}).job.prompt == 'a cup "tall"'


def test_a_graph_that_bites_its_own_tail_ends(tmp_path):
    loop = {"class_type": "Reroute", "inputs": {"conditioning": ["6", 0], "model": ["6", 0]}}

    assert recorded(tmp_path, graph(node_6=loop, node_10=loop)).job.prompt == ""


def test_a_workflow_of_the_editor_alone_is_refused(tmp_path):
    with pytest.raises(ImageError, match="only the editor's workflow"):
        recorded(tmp_path, {"workflow": '{"nodes": []}'})


# What nobody knows.


def test_texts_that_nobody_knows_are_refused_by_their_names(tmp_path):
    with pytest.raises(ImageError, match=r"its texts \('Author', 'Notes'\) are of no program that is known"):
        recorded(tmp_path, {"Author": "me", "Notes": "a cup on a table"})


def test_half_a_character_in_json_is_replaced_and_the_rest_is_drawn(tmp_path):
    read = recorded(tmp_path, {"parameters": json.dumps({**FOOOCUS, "full_prompt": ["a \ud800 cup"]})})

    assert read.job.prompt == "a ? cup"


# Containers.


@pytest.mark.parametrize("ending", ["jpg", "webp", "avif", "tif"])
@pytest.mark.parametrize("in_first", [False, True])
def test_what_a_maker_writes_into_exif_is_read_from_every_format(ending, in_first, tmp_path):
    exif = Image.Exif()
    fields = exif if in_first else exif.get_ifd(0x8769)
    fields[0x9286] = (
        json.dumps(FOOOCUS) if in_first else b"UNICODE\0" + json.dumps(FOOOCUS).encode("utf-16-le")
    )
    exif[0x0131] = "Fooocus v2.5.5"
    whole = Image.Exif()
    whole.load(exif.tobytes())
    Image.fromarray(PIXELS).save(tmp_path / f"picture.{ending}", exif=whole)

    read = read_recorded(tmp_path / f"picture.{ending}")

    assert isinstance(read, RecordedJob)
    assert read.job.seed == 5441180189181032878


def test_xmp_of_draw_things_is_read_from_a_jpeg(tmp_path):
    Image.fromarray(PIXELS).save(tmp_path / "a.jpg", xmp=xmp_of(json.dumps(DRAW_THINGS)).encode())

    read = read_recorded(tmp_path / "a.jpg")

    assert isinstance(read, RecordedJob)
    assert read.job.seed == 99


# Hostile texts.


def mangled(text: str, chance: random.Random) -> str:
    """A text with a few of its characters cut out, doubled, or put in place of others."""
    for _ in range(chance.randint(1, 6)):
        at, length = chance.randrange(len(text) + 1), chance.choice([1, 1, 2, 10, 200])
        piece = chance.choice(
            ["", text[at : at + length] * 2, "null", "[]", "{}", '"', "\0", "9" * 40, "-1", "é\ud800"]
        )
        text = text[:at] + piece + text[at + length :]
    return text


def odd(value: object, chance: random.Random) -> object:
    """A JSON value with something of another kind in some of its places."""
    if chance.random() < 0.12:
        return chance.choice(
            [None, [], {}, "", "x", -1, 1e300, True, [[1]], {"a": {}}, ["3", 0], "NaN", 2**70]
        )
    if isinstance(value, dict):
        return {key: odd(item, chance) for key, item in value.items()}
    return [odd(item, chance) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", MAKERS)
def test_damaged_texts_end_in_settings_or_in_one_sentence(name, tmp_path):
    chance = random.Random(name)
    for _ in range(60):
        texts = dict(MAKERS[name][0])
        for key, text in texts.items():
            try:
                changed = json.dumps(odd(json.loads(text), chance))
            except ValueError:
                changed = mangled(text, chance)
            texts[key] = changed if chance.random() < 0.7 else mangled(text, chance)
        try:
            assert isinstance(told_by(texts), ToldSettings)
            (tmp_path / "t.txt").write_text("\n".join(texts.values()), "utf-8", errors="replace")
            read_recorded(tmp_path / "t.txt")
        except ProdgenError as error:
            said = str(error)
        else:
            said = ""
        assert "\n" not in said
        assert len(said) < 600


HUGE = {
    "spaces in a sampler": {"parameters": f"a\nSteps: 2, Seed: 1, Size: 64x64, Sampler: a{' ' * 200_000}b"},
    "spaces in a prompt": {"sd-metadata": json.dumps({"image": {"prompt": " " * 300_000, "seed": 1}})},
    "digits in a prompt": {"Software": "NovelAI", "Comment": json.dumps({
        "prompt": "1" * 300_000, "uc": "", "scale": 5, "request_type": "x"})},
    "lists in lists": {"parameters": '{"c": ' + "[" * 900 + "]" * 900 + ', "uc": ""}'},
    "objects in objects": {"prompt": '{"a":' * 100_000},
    "keys": {"parameters": "a\n" + "Steps: 2, " * 90_000},
    "lines": {"parameters": "Steps: 2, Seed: 1\n" * 50_000},
    "brackets": {"Dream": '"' + "[" * 300_000},
    "open elements": {"XML:com.adobe.xmp": "<exif:UserComment>" * 20_000 + "<" * 200_000},
    "nodes": {"prompt": json.dumps({
        str(x): {"class_type": "Reroute", "inputs": {"model": [str(x + 1), 0]}} for x in range(4_000)})},
}  # fmt: skip


@pytest.mark.parametrize("name", HUGE)
def test_huge_texts_take_no_long_time(name, tmp_path):
    started = time.process_time()
    with suppress(ProdgenError):
        recorded(tmp_path, HUGE[name])

    assert time.process_time() - started < SLOW_S
