"""Names are checked before, proofs after: what recorded servers replaced or ignored silently is noticed."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.errors import (
    NotAppliedError,
    UnknownNameError,
)
from prodgen.schema import ADetailer, ControlNetUnit, Lora, Txt2Img


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "seed": 42} | fields))


def test_an_unknown_sampler_is_refused_before_anything_is_sent(recorded):
    server = recorded(txt2img="core/txt2img-min")

    with pytest.raises(UnknownNameError, match="did you mean 'Euler a'"):
        server.client().txt2img(cat(sampler_name="euler_a"))
    assert not server.sent("txt2img")


@pytest.mark.parametrize(
    ("fields", "nearest"),
    [
        ({"sampler_name": "DPM++ 2M Karras"}, "scheduler"),
        ({"scheduler": "karas"}, "Karras"),
        ({"loras": (Lora(name="more_detail"),)}, "more_details"),
        ({"checkpoint": "tiny-sd-15"}, "tiny-sd15"),
        ({"vae": "random.vae"}, "random-tiny.vae.safetensors"),
        ({"enable_hr": True, "denoising_strength": 0.5, "hr_upscaler": "ESRGAN 4x"}, "ESRGAN_4x"),
        ({"styles": ("none such",)}, "none here"),
    ],
)
def test_unknown_names_are_refused_with_the_nearest(recorded, fields, nearest):
    with pytest.raises(UnknownNameError, match=nearest):
        recorded().client().txt2img(cat(**fields))


def test_a_sampler_that_was_replaced_silently_is_noticed(recorded):
    client = recorded(txt2img="errors/txt2img-unknown-sampler").client()

    with pytest.raises(NotAppliedError, match="'DPM\\+\\+ 2M' ran"):
        client.txt2img(cat(sampler_name="Euler"))


def test_a_lora_that_was_ignored_silently_is_noticed(recorded):
    client = recorded(txt2img="core/txt2img-lora-unknown").client()

    with pytest.raises(NotAppliedError, match="'more_details' was not applied"):
        client.txt2img(cat(loras=(Lora(name="more_details", weight=0.8),)))


def test_a_server_that_names_no_loras_is_believed_but_it_is_said(recorded, captured):
    options = captured("core/options-get")["response"]["json"] | {"lora_add_hashes_to_infotext": False}
    client = recorded(txt2img="core/txt2img-lora-unknown", options=options).client()

    generation = client.txt2img(cat(loras=(Lora(name="more_details"),)))

    assert any("not told" in notice for notice in generation.notices)


def test_a_lora_is_proven_by_its_hash(recorded, captured):
    server = recorded(txt2img="core/txt2img-lora")

    generation = server.client().txt2img(cat(loras=(Lora(name="more_details", weight=0.8),)))

    assert generation.applied.loras == {"more_details": "b2a0dd399241"}
    assert server.sent("txt2img")[0]["prompt"] == captured("core/txt2img-lora")["request"]["json"]["prompt"]


def test_a_checkpoint_that_was_kept_silently_is_noticed(recorded):
    client = recorded(txt2img="core/txt2img-override-unknown-checkpoint").client()

    with pytest.raises(NotAppliedError, match=r"'tiny-sd15' .* drew"):
        client.txt2img(cat(checkpoint="zz tiny second"))


def test_a_checkpoint_may_be_named_in_any_way_the_server_knows(recorded):
    client = recorded(txt2img="core/txt2img-override-checkpoint").client()

    generation = client.txt2img(cat(checkpoint="98ee4de5a8"))

    assert generation.checkpoint == "zz tiny second"


def test_a_schedule_is_proven_by_its_label(recorded):
    client = recorded(txt2img="core/txt2img-scheduler-label").client()

    generation = client.txt2img(cat(sampler_name="DPM++ 2M", scheduler="karras"))

    assert generation.applied.scheduler == "Karras"


def test_a_schedule_that_did_not_run_is_noticed(recorded):
    client = recorded(txt2img="core/txt2img-min").client()

    with pytest.raises(NotAppliedError, match="'Karras' was asked for, Automatic ran"):
        client.txt2img(cat(scheduler="Karras"))


def test_a_vae_and_a_refiner_are_proven(recorded):
    client = recorded(txt2img="core/txt2img-override-vae").client()

    assert client.txt2img(cat(vae="random-tiny.vae.safetensors")).applied.vae == "random-tiny.vae.safetensors"
    with pytest.raises(NotAppliedError, match="refiner"):
        client.txt2img(cat(refiner_checkpoint="tiny-sd15", refiner_switch_at=0.5))


def test_a_controlnet_unit_that_lost_its_model_is_noticed(recorded, captured):
    import copy

    scripts = copy.deepcopy(captured("iclight-v1/script-info")["response"]["json"])
    scripts.append({"name": "controlnet", "is_alwayson": True, "is_img2img": False, "args": []})
    server = recorded(txt2img="controlnet/txt2img-canny-no-model", script_info=scripts)
    server["/controlnet/model_list"] = {"model_list": ["control_canny [d14c016b]"]}
    server["/controlnet/module_list"] = "controlnet/module_list"
    unit = ControlNetUnit(module="canny", model="control_canny", image=np.full((64, 64, 3), 0.5, np.float32))

    with pytest.raises(NotAppliedError, match="without its model"):
        server.client().txt2img(cat(controlnet=(unit,)))
    for wrong, nearest in (({"model": "control_cany"}, "control_canny"), ({"module": "cany"}, "canny")):
        with pytest.raises(UnknownNameError, match=nearest):
            server.client().txt2img(cat(controlnet=(unit.model_copy(update=wrong),)))


def told_beside(captured, **parameters):
    """A recorded answer with more extra parameters, as an extension's script adds them."""
    import json

    answer = dict(captured("core/txt2img-min")["response"]["json"])
    info = json.loads(answer["info"])
    info["extra_generation_params"] = {**info["extra_generation_params"], **parameters}
    return {**answer, "info": json.dumps(info)}


@pytest.mark.parametrize(
    ("parameters", "ran"),
    [({}, 0), ({"ADetailer model": "face_yolov8n.pt", "ADetailer confidence": 0.3}, 1)],
)
def test_an_adetailer_pass_that_did_not_run_is_noticed(recorded, captured, parameters, ran):
    passes = (ADetailer(), ADetailer(ad_model="hand_yolov8n.pt"))
    server = recorded(txt2img=told_beside(captured, **parameters), script_info=[WITH_ADETAILER])

    with pytest.raises(NotAppliedError, match=f"2 ADetailer passes were asked for, {ran} ran"):
        server.client().txt2img(cat(adetailer=passes))


def test_adetailer_passes_that_ran_are_believed(recorded, captured):
    parameters = {"ADetailer model": "face_yolov8n.pt", "ADetailer model 2nd": "hand_yolov8n.pt"}
    server = recorded(txt2img=told_beside(captured, **parameters), script_info=[WITH_ADETAILER])

    assert server.client().txt2img(cat(adetailer=(ADetailer(), ADetailer()))).notices == ()


WITH_ADETAILER = {"name": "adetailer", "is_alwayson": True, "is_img2img": False, "args": []}


def test_a_server_that_names_no_face_restorer_did_not_restore_faces(recorded):
    client = recorded(txt2img="core/txt2img-min").client()

    with pytest.raises(NotAppliedError, match="faces"):
        client.txt2img(cat(restore_faces=True))


def test_a_face_restorer_that_is_named_may_have_had_no_weights(recorded):
    client = recorded(txt2img="core/txt2img-restore_faces").client()

    assert "whether CodeFormer" in client.txt2img(cat(restore_faces=True)).notices[0].replace("W", "w")


def test_an_override_of_an_option_that_does_not_exist_is_refused_before_anything_is_sent(recorded):
    server = recorded(txt2img="core/txt2img-min")
    client = server.client()

    with pytest.raises(UnknownNameError, match="CLIP_stop_at_last_layers"):
        client.txt2img(cat(override_settings={"CLIP_stop_at_last_layer": 2}))

    assert server.sent("txt2img") == []
    assert client.txt2img(cat(override_settings={"CLIP_stop_at_last_layers": 2})).images


def test_an_option_that_came_with_a_new_extension_is_asked_after_again(recorded, captured):
    server = recorded(txt2img="core/txt2img-min")
    client = server.client()
    client.options()
    server["/sdapi/v1/options"] = {**captured("core/options-get")["response"]["json"], "new": 1}

    assert client.txt2img(cat(override_settings={"new": 2})).images


def test_an_interrupted_run_tells_that_pictures_are_missing(recorded):
    client = recorded(txt2img="progress-queue/interrupted-call-n_iter3").client()
    request = cat(width=128, height=128, n_iter=3)

    generation = client.txt2img(request)

    assert len(generation.images) == 1
    assert any("1 of 3 pictures" in notice for notice in generation.notices)


@pytest.mark.parametrize("name", ["SGM Uniform", "sgm_uniform", "sgm uniform"])
def test_both_names_of_a_schedule_are_known(recorded, name):
    server = recorded(txt2img="core/txt2img-min")

    with pytest.raises(NotAppliedError, match="Automatic ran"):
        server.client().txt2img(cat(scheduler=name))
    assert server.sent("txt2img")


def test_a_name_from_a_list_that_the_server_does_not_have_is_left_to_the_server(recorded):
    server = recorded(txt2img="core/txt2img-min")
    del server.answers["/sdapi/v1/prompt-styles"]

    assert server.client().txt2img(cat(styles=("anything",))).images


def with_info(captured, name, **changes):
    import json

    answer = captured(name)["response"]["json"]
    return {**answer, "info": json.dumps(json.loads(answer["info"]) | changes)}


def test_the_version_in_an_answer_tells_what_the_lists_cannot(recorded, captured):
    client = recorded(txt2img=with_info(captured, "core/txt2img-min", version="f1.0.5-v1.9.5")).client()

    assert client.dialect.name == "a1111"
    client.txt2img(cat())
    assert client.dialect.name == "reforge"
    assert client.version == "f1.0.5-v1.9.5"


def test_a_dialect_that_was_chosen_by_hand_is_kept(recorded, captured):
    answer = with_info(captured, "core/txt2img-min", version="f1.0.5-v1.9.5")
    client = recorded(txt2img=answer).client(dialect="forge")

    client.txt2img(cat())

    assert client.dialect.name == "forge"


def test_a_controlnet_unit_that_did_not_run_is_noticed(recorded, captured):
    script = {"name": "controlnet", "is_alwayson": True, "is_img2img": False, "args": []}
    server = recorded(txt2img="core/txt2img-min", script_info=[script])
    server["/controlnet/model_list"] = {"model_list": ["canny"]}
    server["/controlnet/module_list"] = "controlnet/module_list"
    unit = ControlNetUnit(module="canny", model="canny", image=np.full((64, 64, 3), 0.5, np.float32))

    with pytest.raises(NotAppliedError, match="1 ControlNet units were asked for, 0 ran"):
        server.client().txt2img(cat(controlnet=(unit,)))


def test_a_vae_that_was_not_used_is_noticed(recorded):
    client = recorded(txt2img="core/txt2img-min").client()

    with pytest.raises(NotAppliedError, match="VAE 'random-tiny") as failure:
        client.txt2img(cat(vae="random-tiny.vae.safetensors"))

    assert failure.value.feature == "VAE"
