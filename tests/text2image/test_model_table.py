"""Models and prompt styles by name: the tables that come with prodgen, and those of a user."""

from __future__ import annotations

from pathlib import PurePath
from types import SimpleNamespace

import pytest

from prodgen.client import Client
from prodgen.errors import SettingError, UnknownNameError
from prodgen.schema import Capabilities
from prodgen.schema.answers import Checkpoint
from prodgen.text2image import generate, new_job, read_config
from prodgen.text2image.model_table import tables
from prodgen.text2image.planned_pictures import planned_pictures
from prodgen.weights.on_this_machine import weight_set

FILES = (
    "v1-5-pruned-emaonly",
    "v2-1_768-ema-pruned",
    "sd_xl_base_1.0",
    "sd_xl_turbo_1.0_fp16",
    "dreamshaper_8",
)


def server(*names: str) -> SimpleNamespace:
    checkpoints = tuple(Checkpoint(f"{name}.safetensors", name, None, None) for name in names)
    have = Capabilities(
        dialect="a1111",
        samplers=("Euler a", "DPM++ 2M", "LCM", "Euler"),
        schedulers=("Automatic", "Karras", "SGM Uniform"),
        checkpoints=checkpoints,
        checkpoint=names[-1],
        loras=("lcm-lora-sdv1-5",),
        answered=frozenset({"samplers", "schedulers", "checkpoints", "loras"}),
    )
    return SimpleNamespace(capabilities=have, idle_upscalers=set(), address="http://gpu:7860")


def planned(*names: str, **fields):
    (picture,) = planned_pictures(new_job({"prompt": "a mug", **fields}), [1], server(*(names or FILES)))
    return picture


@pytest.mark.parametrize(
    ("model", "checkpoint", "asked"),
    [
        ("sdxl-turbo", "sd_xl_turbo_1.0_fp16.safetensors", (512, 4, 1, "Euler a", "SGM Uniform")),
        ("stable-diffusion-v1-5", "v1-5-pruned-emaonly.safetensors", (512, 25, 7, "DPM++ 2M", "Karras")),
        ("stable-diffusion-2-1", "v2-1_768-ema-pruned.safetensors", (768, 25, 7.5, "DPM++ 2M", "Karras")),
        ("stable-diffusion-xl-base-1.0", "sd_xl_base_1.0.safetensors", (1024, 30, 5, "DPM++ 2M", "Karras")),
        ("stabilityai/sdxl-turbo", "sd_xl_turbo_1.0_fp16.safetensors", (512, 4, 1, "Euler a", "SGM Uniform")),
    ],
)
def test_a_model_is_a_checkpoint_of_the_server_and_how_it_wants_to_be_asked(model, checkpoint, asked):
    request = planned(model=model).request

    assert request.checkpoint == checkpoint
    told = request.width, request.steps, request.cfg_scale, request.sampler_name, request.scheduler
    assert told == asked


def test_what_the_user_sets_wins_over_the_models_settings():
    request = planned(model="sdxl-turbo", steps=2, cfg_scale=1.5, first_pass="256x256").request

    assert (request.steps, request.cfg_scale, request.width) == (2, 1.5, 256)


def test_a_checkpoint_may_be_drawn_with_as_another_model_is():
    request = planned(model="sdxl-turbo", checkpoint="dreamshaper_8").request

    assert (request.checkpoint, request.steps) == ("dreamshaper_8", 4)


def test_a_lora_that_makes_a_few_step_model_still_decides_the_steps():
    picture = planned(model="stable-diffusion-2-1", loras=("lcm-lora-sdv1-5:1",))

    assert (picture.request.steps, picture.request.sampler_name, picture.request.width) == (8, "LCM", 768)


def test_a_server_without_the_model_is_told_with_the_way_to_get_it():
    refusal = (
        r"http://gpu:7860 has no checkpoint of the model 'sdxl-turbo'.*dreamshaper_8.*weights get sdxl-turbo"
    )

    with pytest.raises(SettingError, match=refusal):
        planned("dreamshaper_8", model="sdxl-turbo")


def test_an_unknown_model_is_refused_with_those_that_there_are():
    with pytest.raises(UnknownNameError, match=r"unknown model 'sdxl-turb'.*sdxl-turbo"):
        planned(model="sdxl-turb")


def test_each_model_finds_its_own_weights_and_no_other_models():
    models = tables().models
    stems = [PurePath(weight_set(model.weights).weights[0].file).stem for model in models.values()]

    found = [model.checkpoint_of(server(*stems).capabilities).model_name for model in models.values()]

    assert found == stems


OWN = """
[models.mugs]
checkpoints = ["dreamshaper"]
preset = "sd15"
steps = 12
side = 640

[models.sdxl-turbo]
checkpoints = ["turbo"]
preset = "sdxl-turbo"
steps = 1

[styles.ours]
prompt = "on our shelf"
negative_prompt = "dust"
"""


def test_a_table_of_ones_own_adds_models_and_styles_and_wins(tmp_path):
    (tmp_path / "own.toml").write_text(OWN, "utf-8")
    own = {"tables": tmp_path / "own.toml"}

    mugs = planned(model="mugs", style="ours", negative_prompt="text", **own).request
    turbo = planned(model="sdxl-turbo", **own).request

    assert (mugs.checkpoint, mugs.steps, mugs.width) == ("dreamshaper_8.safetensors", 12, 640)
    assert (mugs.prompt, mugs.negative_prompt) == ("a mug, on our shelf", "text, dust")
    assert turbo.steps == 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[models.a]\npreset = 'sd15'", "a: checkpoints must be given"),
        ("[models.a]\ncheckpoints = ['(']\npreset = 'sd15'", "no regular expression"),
        ("[models.a]\ncheckpoints = ['a']\npreset = 'sd99'", "preset 'sd99' is unknown; there are: .*sdxl"),
        ("[models.a]\ncheckpoints = ['a']\npreset = 'sd15'\nstepz = 3", "stepz"),
        ("[modells.a]\nx = 1", r"\[models.NAME\] and \[styles.NAME\]"),
        ("models = 3", r"\[models.NAME\]"),
        ("[models", "is not TOML"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_what_is(text, says, tmp_path):
    (tmp_path / "own.toml").write_text(text, "utf-8")

    with pytest.raises(SettingError, match=says) as refused:
        tables(tmp_path / "own.toml")

    assert "own.toml" in str(refused.value)


def test_a_table_that_is_not_there_is_one_sentence(tmp_path):
    with pytest.raises(SettingError, match="cannot be read: No such file"):
        tables(tmp_path / "own.toml")


def test_a_style_writes_its_words_around_the_prompt_and_the_story_needs_no_table():
    picture = generate("a mug", style="product", size="64x64", backend="embedded://", seed=1)

    assert picture.planned.request.prompt.startswith("a mug, product photography")
    assert "watermark" in picture.planned.request.negative_prompt
    assert (picture.planned.job.style, picture.planned.job.model) == (None, None)


def test_on_the_embedded_backend_a_model_is_not_there():
    with Client("embedded://") as client, pytest.raises(SettingError, match="has no checkpoint of the model"):
        generate("a mug", model="sdxl-turbo", backend=client)


PIPELINE = """
prompt = "a red mug"
num_images_per_prompt = 2
output = "mugs"

[pipeline]
model_id = "stabilityai/sdxl-turbo"
num_inference_steps = 4
guidance_scale = 0.0

[canvas]
width = 768
height = 512
"""


def test_a_config_in_the_words_of_diffusers_pipelines_is_understood(tmp_path):
    (tmp_path / "config.toml").write_text(PIPELINE, "utf-8")

    fields = read_config(tmp_path / "config.toml")

    assert fields == {
        "prompt": "a red mug",
        "count": 2,
        "model": "stabilityai/sdxl-turbo",
        "steps": 4,
        "cfg_scale": 1.0,
        "size": "768x512",
        "output": "mugs",
    }


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("prompt = 'a'\n[x]\nprompt = 'b'", "prompt stands there twice"),
        ("width = 512", "width and height must both be given"),
        ("width = 512\nheight = 512\nsize = '1k'", "size not"),
        ("[pipeline]\nstepz = 3", "stepz"),
    ],
)
def test_a_config_whose_sections_contradict_is_refused(text, says, tmp_path):
    (tmp_path / "config.toml").write_text(text, "utf-8")

    with pytest.raises(SettingError, match=f"config.toml.*{says}"):
        read_config(tmp_path / "config.toml")
