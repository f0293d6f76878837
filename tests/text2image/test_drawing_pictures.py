"""Text to image as a job: what a server is asked for, and what is refused before it is."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import numpy as np
import pytest

from prodgen import files, provenance
from prodgen.client import Client
from prodgen.engines import embedded_server
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.errors import IdleSettingError, ImageError, MissingExtensionError, SettingError, UnknownNameError
from prodgen.replaying import read_recorded
from prodgen.server import ApiServer, ApiTransport
from prodgen.text2image import draw_all, new_job, presets, seeds_of
from prodgen.text2image.planned_pictures import planned_pictures


class Around(httpx.BaseTransport):
    """An embedded server with some routes missing and others answered here."""

    def __init__(self, *, missing: tuple[str, ...] = (), **answers: object) -> None:
        self.server = ApiServer(IblEngine(checkpoints=["sd_xl_base_1.0"]))
        self.inner = ApiTransport(self.server)
        self.missing, self.answers = missing, answers

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        name = request.url.path.rsplit("/", 1)[-1]
        if name in self.missing:
            return httpx.Response(404, json={"detail": "Not Found"})
        if name in self.answers:
            return httpx.Response(200, json=self.answers[name])
        return self.inner.handle_request(request)


def client_of(*checkpoints: str) -> Client:
    server = ApiServer(IblEngine(checkpoints=checkpoints)) if checkpoints else embedded_server()
    return Client("http://server", transport=ApiTransport(server))


def test_a_preset_is_announced_and_one_that_nothing_speaks_for_says_so():
    told = planned_pictures(new_job({"prompt": "a"}), [1], client_of("sd_xl_turbo_1.0"))[0].notices
    guessed = planned_pictures(new_job({"prompt": "a"}), [1], client_of("dreamshaper_8"))[0].notices

    assert "preset sdxl-turbo by the name" in told[0]
    assert "no preset is known" in guessed[0]


def test_only_what_the_preset_decides_is_announced():
    def told(**settings):
        return planned_pictures(new_job({"prompt": "a", **settings}), [1], client_of("sd_xl"))[0].notices[:1]

    assert "25 steps" not in told(steps=3)[0]
    assert "1024x1024" in told(steps=3)[0]
    assert "1024x1024" not in told(first_pass="768x768", size="768x768")[0]
    assert told(steps=3, cfg_scale=4, sampler_name="Heun", first_pass="768x768", size="768x768") == ()


def test_every_sampler_and_schedule_of_the_presets_is_one_of_a1111():
    have = client_of().capabilities

    for preset in presets().values():
        assert preset.sampler_name in (None, *have.samplers), preset.name
        assert preset.scheduler in (None, *have.schedulers), preset.name


def test_a_ratio_with_hires_is_that_of_the_first_pass():
    order = planned_pictures(new_job({"prompt": "a", "size": "16:9", "hires": 2}), [1], client_of("sd_xl"))[0]

    assert order.sizes.words() == "1368x768 > 2736x1536"


# What is asked of a server.


def test_lora_tags_in_a_prompt_become_loras_that_are_checked():
    order = planned_pictures(new_job({"prompt": "a <lora:more_details:0.5> b"}), [1], client_of())[0]

    assert order.request.prompt == "a b"
    assert order.request.loras[0].weight == 0.5
    with pytest.raises(UnknownNameError, match="more_details"):
        list(draw_all(new_job({"prompt": "<lora:more_detail:1> a"}), client=client_of()))


def test_a_tag_with_several_weights_is_left_to_the_server_but_its_name_is_checked():
    job = new_job({"prompt": "a <lora:nothing:0.5:1>"})

    with pytest.raises(UnknownNameError, match="nothing"):
        planned_pictures(job, [1], client_of())


def test_what_the_user_sets_wins_over_the_preset():
    job = new_job({"prompt": "a", "steps": 3, "cfg_scale": 4, "sampler": "Heun"})

    request = planned_pictures(job, [1], client_of("sd_xl_base_1.0"))[0].request

    assert (request.steps, request.cfg_scale, request.sampler_name) == (3, 4, "Heun")
    assert request.scheduler is None, "another sampler brings its own schedule"
    assert (request.width, request.height) == (1024, 1024)


def test_settings_of_a_second_pass_that_there_is_not_are_refused():
    job = new_job({"prompt": "a", "denoising_strength": 0.4, "size": "128x128"})

    with pytest.raises(IdleSettingError, match="no second pass") as caught:
        planned_pictures(job, [1], client_of())

    assert caught.value.settings == ("denoising_strength",)


def test_a_latent_enlargement_is_redrawn_more_than_a_true_one():
    fields = {"prompt": "a", "hires": 2, "first_pass": "64x64"}

    true = planned_pictures(new_job(fields), [1], client_of())[0].request
    latent = planned_pictures(new_job({**fields, "hires_upscaler": "Latent"}), [1], client_of())[0].request

    assert true.denoising_strength is not None
    assert latent.denoising_strength is not None
    assert true.denoising_strength < 0.5 <= latent.denoising_strength


def test_controlnet_is_refused_before_anything_is_sent_where_there_is_none(tmp_path):
    files.save(tmp_path / "pose.png", np.zeros((64, 64, 3), np.float32))
    server = ApiServer(IblEngine(checkpoints=["sd_xl_base_1.0"]))
    client = Client("http://server", transport=ApiTransport(server))
    job = new_job({"prompt": "a", "controlnet": [f"openpose:{tmp_path / 'pose.png'}:1.0"]})

    with pytest.raises(MissingExtensionError, match="ControlNet"):
        list(draw_all(job, client=client))

    assert server.machine.render_log == []


def test_everything_is_checked_before_the_first_picture_is_drawn(tmp_path):
    (tmp_path / "thing.txt").write_text("cup\n__missing__\n")
    server = embedded_server()
    client = Client("http://server", transport=ApiTransport(server))
    job = new_job({"prompt": "__thing__", "wildcards": tmp_path, "count": 20, "size": "64x64", "seed": 0})

    with pytest.raises(UnknownNameError):
        list(draw_all(job, client=client))

    assert server.machine.render_log == []


def test_an_ending_that_cannot_be_written_is_refused_before_drawing(tmp_path):
    with pytest.raises(ImageError, match="ending"):
        list(draw_all(new_job({"prompt": "a"}), client=client_of(), seeds=[1], outputs=[tmp_path / "a.bmp"]))


def test_what_remains_to_the_size_is_done_by_an_upscaler_and_told():
    job = new_job({"prompt": "a table", "size": "300x200", "first_pass": "96x64", "hires": 2})

    (picture,) = draw_all(job, client=client_of(), seeds=[1])

    assert picture.image.shape == (200, 300, 3)
    assert any("enlarged from 192x128" in notice for notice in picture.notices)


def test_seeds_are_counted_up_and_begin_again_after_the_last():
    assert seeds_of(new_job({"prompt": "a", "seed": 2**32 - 1, "count": 2})) == [2**32 - 1, 0]
    assert seeds_of(new_job({"prompt": "a"})) != seeds_of(new_job({"prompt": "a"}))


def test_a_picture_of_a_trained_model_is_marked_as_such(tmp_path):
    job = new_job({"prompt": "a table", "first_pass": "64x64", "size": "64x64"})

    list(draw_all(job, client=client_of("sd_xl_base_1.0"), seeds=[1], outputs=[tmp_path / "a.png"]))

    assert provenance.read_source_type(files.read_text(tmp_path / "a.png")) == "trainedAlgorithmicMedia"


def test_a_server_without_schedules_gets_them_in_the_samplers_name():
    samplers = [{"name": name, "aliases": [], "options": {}} for name in ("Euler", "DPM++ 2M Karras")]
    client = Client("http://server", transport=Around(missing=("schedulers",), samplers=samplers))

    request = planned_pictures(new_job({"prompt": "a"}), [1], client)[0].request

    assert (request.sampler_name, request.scheduler) == ("DPM++ 2M Karras", None)


def test_a_sampler_of_the_preset_that_a_server_lacks_is_left_out_and_told():
    samplers = [{"name": "Other", "aliases": [], "options": {}}]
    order = planned_pictures(
        new_job({"prompt": "a"}), [1], Client("http://server", transport=Around(samplers=samplers))
    )[0]

    assert (order.request.sampler_name, order.request.scheduler) == (None, None)
    assert any("no sampler 'DPM++ 2M'" in notice for notice in order.notices)


def test_a_drawn_picture_is_not_lost_to_an_upscaler_that_is_listed_and_cannot_be_asked_for():
    client = Client("http://server", transport=Around(missing=("progress", "script-info")))
    fields = {"prompt": "a table", "first_pass": "64x64", "size": "128x128", "hires": 1, "steps": 2}

    (picture,) = draw_all(new_job(fields), client=client)

    assert picture.image.shape == (128, 128, 3)
    assert any("cannot do upscaling" in notice for notice in picture.notices)


def test_a_server_without_upscalers_has_the_rest_interpolated_and_says_so():
    client = Client("http://server", transport=Around(missing=("upscalers",)))
    job = new_job({"prompt": "a table", "size": "150x150", "first_pass": "64x64", "hires": 1})

    (picture,) = draw_all(job, client=client, seeds=[1])

    assert picture.image.shape == (150, 150, 3)
    assert any("interpolated" in notice for notice in picture.notices)


def test_an_unknown_option_of_the_server_is_refused_with_the_nearest():
    job = new_job({"prompt": "a", "override_settings": {"eta_noise_seed_dleta": 1}})

    with pytest.raises(UnknownNameError, match="eta_noise_seed_delta"):
        planned_pictures(job, [1], client_of())


CONTROLNET = {
    "script-info": [
        {"name": "controlnet", "is_alwayson": True, "is_img2img": False, "args": [{"label": ""}]},
    ],
    "model_list": {
        "model_list": ["control_v11p_sd15_openpose [cab727d4]", "xl_canny [1]", "xl_canny_small [2]"]
    },
    "module_list": {"module_list": ["none", "openpose_full"]},
}


@pytest.fixture
def pose(tmp_path: Path) -> Path:
    files.save(tmp_path / "pose.png", np.zeros((64, 64, 3), np.float32))
    return tmp_path / "pose.png"


def test_a_word_finds_the_controlnet_model(pose):
    client = Client("http://server", transport=Around(**CONTROLNET))
    job = new_job({"prompt": "a", "controlnet": [f"openpose+openpose_full:{pose}:0.7"]})

    (unit,) = planned_pictures(job, [1], client)[0].request.controlnet

    assert (unit.model, unit.module) == ("control_v11p_sd15_openpose [cab727d4]", "openpose_full")
    assert unit.weight == 0.7


def test_a_story_keeps_a_control_pictures_name_and_digest_and_finds_it_beside_the_picture(pose):
    client = Client("http://server", transport=Around(**CONTROLNET))
    order = planned_pictures(new_job({"prompt": "a", "controlnet": [f"openpose:{pose}"]}), [1], client)[0]
    story = json.dumps({"kind": "generate", "job": order.job.story()})
    files.save(pose.with_name("made.png"), np.zeros((8, 8, 3), np.float32), text={"prodgen": story})

    job = read_recorded(pose.with_name("made.png")).job

    assert str(pose.parent) not in story
    assert job is not None
    assert job.controlnet[0].picture == pose
    assert planned_pictures(job, [1], client)
    files.save(pose, np.ones((64, 64, 3), np.float32))
    with pytest.raises(ImageError, match="not the control picture"):
        planned_pictures(job, [1], client)


@pytest.mark.parametrize(
    ("text", "reason"),
    [("openpse", "openpose"), ("canny", "several"), ("openpose+openpose_ful", "openpose_full")],
)
def test_a_controlnet_word_that_fits_none_or_several_is_refused(pose, text, reason):
    client = Client("http://server", transport=Around(**CONTROLNET))

    with pytest.raises(SettingError, match=reason):
        planned_pictures(new_job({"prompt": "a", "controlnet": [f"{text}:{pose}"]}), [1], client)
