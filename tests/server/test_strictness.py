"""A model's server draws what was asked for or says why not; what A1111 swallows it refuses."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from prodgen.client import Client
from prodgen.errors import ModelFileError
from prodgen.schema import ControlNetUnit, ICLight, Img2Img, Txt2Img
from prodgen.server.app import ApiServer
from prodgen.server.behaviour import Behaviour
from prodgen.server.ic_light_script import OFF
from prodgen.server.transport import ApiTransport


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Any:  # not one of those made once a run: it notes its orders
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "engines")
    return importlib.import_module("model_engine").ModelEngine()


@pytest.fixture
def ask(engine: Any, calling: Callable[[ApiServer], Any]) -> Any:
    """A client of the wire, of a server with that engine."""
    return calling(ApiServer(engine))


LIGHT = {"enabled": True, "model_type": "IC-Light.SD15.FC", "remove_bg": False}


def light(**values: object) -> dict[str, Any]:
    return {"alwayson_scripts": {"ic light": {"args": [{**LIGHT, **values}]}}}


def control(*units: object) -> dict[str, Any]:
    return {"alwayson_scripts": {"ControlNet": {"args": list(units)}}}


CANNY = {"module": "canny", "model": "canny [12345678]"}


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({"sampler_name": "PLMS"}, 404, "there is no 'PLMS'; there are DPM++ 2M, Euler a"),
        ({"sampler_index": "Restart"}, 404, "there is no 'Restart'"),
        ({"scheduler": "beta"}, 404, "there is no 'beta'; there are Automatic, Karras, Uniform"),
        ({"override_settings": {"sd_model_checkpoint": "gone"}}, 422, "checkpoint 'gone'; there are photon"),
        ({"override_settings": {"sd_vae": "gone"}}, 422, "VAE 'gone'; there are soft.vae"),
        ({"override_settings": {"img2img_extra_noise": 0.5}}, 422, "img2img_extra_noise"),
        ({"override_settings": {"randn_source": "CPU"}}, 422, "randn_source"),
        ({"prompt": "a <lora:gone:1> cat"}, 422, "LoRA 'gone'; there are bright"),
        ({"prompt": "a <lora:bright:much> cat"}, 422, "<lora:bright:1>"),
        ({"prompt": "a <hypernet:old:1> cat"}, 422, "'old'"),
        ({"restore_faces": True}, 422, "restore_faces"),
        ({"styles": ["noir"]}, 422, "styles"),
        ({"s_churn": 0.5}, 422, "s_churn"),
        ({"enable_hr": True, "denoising_strength": 0.5, "hr_sampler_name": "PLMS"}, 404, "'PLMS'"),
        ({"enable_hr": True, "denoising_strength": 0.5, "hr_prompt": "<lora:bright:1>"}, 422, "both passes"),
        ({"enable_hr": True, "denoising_strength": 0.5, "hr_checkpoint_name": "other"}, 422, "hr_checkpoint"),
        (light(), 422, "there is no foreground"),
        (light(model_type="IC-Light.SDXL"), 422, "model_type is one of"),
        (light(input_fg="no picture"), 422, "is no picture"),
        ({"alwayson_scripts": {"ic light": {"args": ["on"]}}}, 422, "one object with named values"),
        (control({**CANNY, "model": "depth"}), 422, "no model 'depth'; there are canny"),
        (
            control({**CANNY, "module": "openpose_full"}),
            422,
            "no module 'openpose_full'; there are none, canny",
        ),
        (control(CANNY), 422, "it has no picture"),
        (control({**CANNY, "guidance_start": 0.9, "guidance_end": 0.1}), 422, "not from 0.9 to 0.1"),
        (control({**CANNY, "weight": "much"}), 422, "weight: value is not a valid float"),
        (control(7), 422, "no object"),
        ({"sampler_name": "", "sampler_index": "Restart"}, 404, "there is no 'Restart'"),
        ({"alwayson_scripts": {"IC Light": [LIGHT]}}, 422, '{"args": [...]}'),
        ({"alwayson_scripts": {"IC Light": LIGHT}}, 422, '{"args": [...]}'),
        ({"alwayson_scripts": {"IC Light": {"args": LIGHT}}}, 422, '{"args": [...]}'),
        ({"alwayson_scripts": {"ControlNet": {"args": "canny"}}}, 422, '{"args": [...]}'),
        (
            {"alwayson_scripts": {"sampler": {"args": [30, "Heun", "Karras"]}}},
            422,
            "the request's own fields",
        ),
        ({"steps": 1001}, 422, "steps is 1001; at most 1000"),
        ({"enable_hr": True, "denoising_strength": 0.5, "hr_second_pass_steps": -3}, 422, "is -3"),
        ({"enable_hr": True, "denoising_strength": 1e-7}, 422, "ask for 0.01 or more"),
        ({"enable_hr": True, "denoising_strength": -1}, 422, "from 0 to 1"),
        ({"eta": -5}, 422, "eta is -5"),
        ({"firstphase_width": 512}, 422, "firstphase_width"),
        ({"override_settings": {"sd_lora": "bright"}}, 422, "sd_lora"),
        ({"override_settings": {"sdxl_crop_top": 64}}, 422, "sdxl_crop_top"),
        ({"override_settings": {"overlay_inpaint": False}}, 422, "overlay_inpaint"),
        ({"refiner_checkpoint": "other"}, 422, "refiner_switch_at"),
        ({"negative_prompt": "ugly <lora:bright:1>"}, 422, "take <lora:bright:1> out of the negative prompt"),
    ],
)
def test_what_would_not_run_is_refused_with_the_reason(ask, engine, fields, status, words):
    response = ask.txt2img(**fields)

    assert (response.status_code, engine.orders) == (status, [])
    assert words in response.json()["detail"]


def test_a_picture_is_not_stretched_where_latents_were_to_be_enlarged(ask, engine, encode, ramp):
    response = ask.img2img(init_images=[encode(ramp)], resize_mode=3)

    assert (response.status_code, engine.orders) == (422, [])
    assert "resize_mode" in response.json()["detail"]


def test_without_a_sampler_name_the_other_field_counts(ask, engine):
    assert ask.txt2img(sampler_name="", sampler_index="Euler a").status_code == 200
    assert engine.orders[0].sampler == "Euler a"


def test_a_server_whose_last_checkpoint_was_taken_away_says_so(engine, calling, monkeypatch):
    server = ApiServer(engine)
    empty = replace(engine.inventory(), checkpoints=())
    monkeypatch.setattr(engine, "inventory", lambda: empty)
    ask = calling(server)

    assert ask.post("/sdapi/v1/refresh-checkpoints").status_code == 200
    response = ask.txt2img()

    assert response.status_code == 422
    assert "there is no checkpoint any more" in response.json()["detail"]


def test_values_that_change_nothing_are_taken_as_clients_send_them(ask, engine):
    usual = {"s_churn": 0, "s_tmin": 0, "s_tmax": 0, "s_noise": 1, "styles": [], "eta": 1.0, "tiling": False}
    usual |= {
        "firstphase_width": 0,
        "refiner_checkpoint": "None",
        "alwayson_scripts": {"ControlNet": {"args": []}},
    }
    hires = {"enable_hr": True, "denoising_strength": 0.5, "hr_checkpoint_name": "Use same checkpoint"}
    hires |= {"hr_sampler_name": "Use same sampler", "hr_scheduler": "Use same scheduler", "hr_prompt": ""}
    response = ask.txt2img(**usual, **hires, sampler_name="DPM++ 2M Karras", restore_faces=False)

    assert response.status_code == 200, response.text
    order = engine.orders[0]
    assert (order.sampler, order.schedule, order.finer.eta) == ("DPM++ 2M", "Karras", None)
    assert order.hires is not None
    assert (order.hires.prompt, order.hires.sampler, order.hires.schedule) == (None, None, None)


def test_an_order_holds_the_finer_settings_of_a_call(ask, engine, info):
    response = ask.txt2img(
        batch_size=2,
        eta=0.3,
        tiling=True,
        subseed_strength=0.2,
        seed_resize_from_w=512,
        seed_resize_from_h=768,
        refiner_checkpoint="other",
        refiner_switch_at=0.8,
        override_settings={
            "eta_noise_seed_delta": 31337,
            "CLIP_stop_at_last_layers": 2,
            "sd_vae": "soft.vae",
        },
        enable_hr=True,
        denoising_strength=0.5,
        hr_prompt="a dog # really",
        hr_sampler_name="Euler a",
        hr_scheduler="karras",
    )
    (order,) = engine.orders

    assert (order.finer.eta, order.finer.tiling, order.finer.seed_resize) == (0.3, True, (512, 768))
    assert (order.finer.eta_noise_seed_delta, order.clip_skip, order.vae.name) == (31337, 2, "soft.vae")
    assert (order.finer.refiner.name, order.finer.refiner_switch_at) == ("other", 0.8)
    assert (order.hires.prompt, order.hires.sampler, order.hires.schedule) == ("a dog", "Euler a", "Karras")
    assert (order.prompts, len(order.negative_prompts)) == (("a cat", "a cat"), 2)
    told = info(response)["infotexts"][0]
    assert all(words in told for words in ("Eta: 0.3", "ENSD: 31337", "Seed resize from: 512x768"))


def test_the_noise_of_ddim_is_told_under_its_own_name(ask, engine, info):
    told = info(ask.txt2img(sampler_name="Euler a", eta=0.3)), info(ask.txt2img(sampler_name="DDIM", eta=0.3))

    assert ["Eta DDIM: 0.3" in one["infotexts"][0] for one in told] == [False, True]


def test_a_control_unit_reaches_the_engine_and_the_infotext(ask, engine, encode, ramp, info):
    unit = {**CANNY, "image": encode(ramp), "weight": 0.6, "resize_mode": "Just Resize", "control_mode": 2}
    off = {**CANNY, "enabled": False}
    told = info(ask.txt2img(**control({**unit, "threshold_a": 80, "processor_res": -1}, off)))
    (sent,) = engine.orders[0].finer.controls

    assert (sent.module, sent.model, sent.weight) == ("canny", "canny [12345678]", 0.6)
    assert (sent.resize_mode, sent.control_mode, sent.processor_res, sent.threshold_a) == (0, 2, 512, 80.0)
    assert np.array_equal(sent.picture, ramp)
    assert told["extra_generation_params"]["ControlNet 0"].startswith(
        "Module: canny, Model: canny [12345678]"
    )


def test_a_control_unit_without_a_picture_takes_the_init_image(ask, engine, encode, ramp):
    assert ask.img2img(init_images=[encode(ramp)], **control(CANNY)).status_code == 200
    assert np.array_equal(engine.orders[0].finer.controls[0].picture, ramp)


def test_lists_are_the_engines(ask):
    get = lambda path: ask.get(path).json()  # noqa: E731

    assert get("/sdapi/v1/face-restorers") == []
    assert list(get("/sdapi/v1/embeddings")["loaded"]) == ["easynegative"]
    assert get("/controlnet/model_list") == {"model_list": ["canny [12345678]"]}
    assert get("/controlnet/module_list")["module_list"] == ["none", "canny"]
    assert get("/controlnet/version") == {"version": 3}
    assert "it is a test" in ask.get("/").text


def test_extensions_that_an_engine_has_not_are_not_there(call):
    ibl = call()

    assert ibl.get("/controlnet/version").status_code == 404
    assert "controlnet" not in ibl.get("/sdapi/v1/scripts").json()["txt2img"]


def test_names_of_models_are_kept_from_strangers(engine, calling):
    ask = calling(ApiServer(engine, Behaviour(auth={"me": "secret"})))

    assert ask.get("/controlnet/model_list").status_code == 401
    assert ask.get("/controlnet/model_list", auth=("me", "secret")).status_code == 200


def test_without_weights_for_it_ic_light_is_not_listed_and_of_one_model_the_other_is_refused(
    ask, engine, encode, cut_out, monkeypatch
):
    bare = replace(engine.inventory(), ic_light=())
    some = replace(bare, ic_light=("FC",))
    monkeypatch.setattr(engine, "inventory", lambda: bare)
    ask.post("/sdapi/v1/refresh-checkpoints")
    assert "ic light" not in ask.get("/sdapi/v1/scripts").json()["txt2img"]
    assert ask.txt2img(**light(input_fg=encode(cut_out))).status_code == 422
    monkeypatch.setattr(engine, "inventory", lambda: some)
    ask.post("/sdapi/v1/refresh-checkpoints")
    assert ask.txt2img(**light(input_fg=encode(cut_out))).status_code == 200
    wrong = ask.txt2img(
        **light(input_fg=encode(cut_out), model_type="IC-Light.SD15.FBC", uploaded_bg=encode(cut_out))
    )
    assert "FBC are not here; there are those of FC" in wrong.json()["detail"]


def test_several_iterations_can_be_relit(ask, engine, encode, cut_out, images):
    response = ask.txt2img(n_iter=2, batch_size=2, **light(input_fg=encode(cut_out)))

    assert len(images(response)) == 5  # and the foreground
    assert [order.seeds for order in engine.orders] == [(42, 43), (44, 45)]


@pytest.fixture
def client(engine: Any) -> Any:
    with Client("http://model", transport=ApiTransport(ApiServer(engine))) as connection:
        yield connection


def test_the_client_draws_relights_and_controls_and_finds_its_proofs(client, ramp):
    photo = ramp.astype(np.float32) / 255
    matte = np.zeros((64, 64), np.float32)
    matte[16:48, 16:48] = 1
    small: dict[str, Any] = {"prompt": "a mug", "seed": 1, "width": 64, "height": 64, "steps": 2}
    unit = ControlNetUnit(model="canny [12345678]", module="canny", image=photo)
    drawn = client.txt2img(Txt2Img(**small, sampler_name="Euler a", controlnet=(unit,), batch_size=2))
    lit = client.txt2img(
        Txt2Img(**small, ic_light=ICLight(foreground=photo, matte=matte), checkpoint="other")
    )
    again = client.img2img(Img2Img(**small, init_image=photo, denoising_strength=0.4))

    assert (drawn.applied.controlnet_units, drawn.seeds) == (1, (1, 2))
    assert lit.applied.proofs["IC-Light"].kind in ("picture", "bridge")
    assert (client.is_embedded, client.name) == (False, "model 1.0 at http://model")
    assert [drawn.notices, lit.notices, again.notices] == [(), (), ()]


def test_a_hires_pass_of_its_own_sampler_and_schedule_is_told_so_that_it_can_be_made_again(ask, engine, info):
    hires = {"enable_hr": True, "denoising_strength": 0.5, "hr_sampler_name": "Euler a"}
    told = info(ask.txt2img(**hires, sampler_name="DPM++ 2M", hr_scheduler="uniform"))["infotexts"][0]

    assert "Hires sampler: Euler a" in told
    assert "Hires schedule type: Uniform" in told
    same = info(ask.txt2img(enable_hr=True, denoising_strength=0.5))["infotexts"][0]
    assert "Hires s" not in same


def test_a_hires_sampler_of_its_own_keeps_the_schedule_that_was_asked_for(ask, engine):
    hires = {"enable_hr": True, "denoising_strength": 0.5, "hr_sampler_name": "Euler a"}
    ask.txt2img(**hires, sampler_name="Euler", scheduler="Uniform")

    assert engine.orders[0].hires.schedule == "Uniform"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"detail_transfer": True, "detail_transfer_blur_radius": 4}, "an odd number from 1 to 255"),
        ({"detail_transfer": True, "detail_transfer_blur_radius": 257}, "an odd number from 1 to 255"),
        ({"bg_source_fc": "Left Light"}, "bg_source_fc has no effect"),
    ],
)
def test_what_ic_light_would_leave_out_is_refused(ask, engine, encode, ramp, values, words):
    response = ask.txt2img(**light(input_fg=encode(ramp), **values))

    assert (response.status_code, engine.orders) == (422, [])
    assert words in response.json()["detail"]


def test_a_server_that_refuses_keeps_no_clients_pictures_for_the_next_call(engine, calling, encode, ramp):
    server = ApiServer(engine)

    assert calling(server).txt2img(**light(input_fg=encode(ramp))).status_code == 200
    assert server.machine.ic_light._stored == OFF


def test_a_model_file_that_cannot_be_used_is_named_without_its_place_on_this_computer(
    ask, engine, monkeypatch
):
    def broken(order, progress):
        raise ModelFileError("/srv/secret/models/Lora/bright.safetensors", "it was made for another family")

    monkeypatch.setattr(engine, "draw", broken)
    response = ask.txt2img(prompt="a <lora:bright:1> cat")

    assert response.status_code == 422
    assert "'bright.safetensors' cannot be used: it was made for another family" in response.json()["detail"]
    assert "secret" not in response.text
