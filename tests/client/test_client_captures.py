"""Recorded answers of real servers, through the whole client: what they mean, not just that they parse."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendFaultError,
    BackendOutOfMemoryError,
    NotAppliedError,
    UnknownNameError,
)
from prodgen.images import from_uint8, to_uint8
from prodgen.schema import ADetailer, ControlNetUnit, Img2Img, Lora, Txt2Img, Upscale

FROM_V1 = {"script_info": "iclight-v1/script-info"}
FROM_V2 = {"script_info": "iclight-v2/script-info"}


def bag(**fields):
    plain = {
        "prompt": "a bag",
        "negative_prompt": "bad",
        "steps": 2,
        "width": 64,
        "height": 64,
        "seed": 1,
        "cfg_scale": 2,
        "sampler_name": "Euler a",
    }
    return Txt2Img(**(plain | fields))


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "seed": 42} | fields))


def test_a_server_is_known_by_its_lists(recorded):
    has = recorded().client().capabilities

    assert has.dialect == "a1111"
    assert "DPM++ 2M SDE" in has.samplers
    assert {"Karras", "SGM Uniform"} <= set(has.schedulers)
    assert "R-ESRGAN 4x+" in has.upscalers
    assert has.loras == ("more_details", "SDXLrender_v2.0")
    assert has.checkpoint == "tiny-sd15.safetensors [3448d5dd09]"
    assert has.checkpoints[1].names == (
        "zz tiny second.safetensors [98ee4de5a8]",
        "zz tiny second",
        "98ee4de5a8",
        "98ee4de5a8676d6b82311776cd3469f7519343cf925b8b8382e732c67680d6a6",
        "zz tiny second.safetensors",
    )
    assert has.embeddings == ("JuggernautNegative-neg",)
    assert has.has_task_progress


@pytest.mark.parametrize(
    ("lists", "spelling", "models"),
    [
        (FROM_V1, "dict", ()),
        (FROM_V2, "positional-13", ("IC-Light.SD15.FC", "IC-Light.SD15.FBC")),
    ],
)
def test_the_spelling_of_ic_light_is_told_by_the_number_of_its_arguments(recorded, lists, spelling, models):
    has = recorded(**lists).client().capabilities

    assert has.ic_light == spelling
    assert has.ic_light_models == models


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        ("iclight-v1/ok-txt2img-fc", FROM_V1),
        ("iclight-v1/ok-txt2img-fbc", FROM_V1),
        ("iclight-v1/ok-txt2img-fc-bigger-fg", FROM_V1),
        ("iclight-v2/ok-txt2img-fc", FROM_V2),
        ("iclight-v2/ok-txt2img-fbc", FROM_V2),
    ],
)
def test_ic_light_is_proven_by_the_foreground_that_comes_back(
    recorded, ic_light, captured, pixels, name, lists
):
    client = recorded(txt2img=name, **lists).client()

    generation = client.txt2img(bag(ic_light=ic_light(name)))

    assert generation.applied.ic_light is True
    assert generation.seeds == (1,)
    assert len(generation.images) == len(generation.extras) == len(generation.infotexts) == 1
    sent_back = captured(name)["response"]["json"]["images"][0]
    np.testing.assert_array_equal(to_uint8(generation.image), pixels(sent_back))
    assert generation.checkpoint == "tiny-sd15"
    assert generation.checkpoint_hash == "44f6fb0c3f"
    assert client.name == "A1111 v1.10.1 at http://127.0.0.1:7860"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("iclight-v1/ok-txt2img-fc", 1),
        ("iclight-v1/ok-txt2img-fc-bigger-fg", 1),
        ("iclight-v2/ok-txt2img-fc", 1),
    ],
)
def test_the_foreground_on_grey_is_computed_as_the_extension_does_to_the_bit(
    ic_light, captured, pixels, name, number
):
    from prodgen.client.work.proofs import on_grey

    shown = pixels(captured(name)["response"]["json"]["images"][number])
    np.testing.assert_array_equal(on_grey(ic_light(name)), shown)


@pytest.mark.parametrize("name", ["iclight-v1/ok-txt2img-fc", "iclight-v1/ok-txt2img-fbc"])
def test_the_dict_spelling_sends_what_the_real_page_sent(recorded, ic_light, captured, pixels, name):
    server = recorded(txt2img=name, **FROM_V1)

    server.client().txt2img(bag(ic_light=ic_light(name)))

    theirs = dict(captured(name)["request"]["json"])
    ours = server.sent("txt2img")[0]
    assert ours.pop("force_task_id").startswith("prodgen-")
    assert ours.pop("batch_size") == 1
    assert_same_arguments(ours.pop("alwayson_scripts"), theirs.pop("alwayson_scripts"), pixels)
    assert ours == theirs


@pytest.mark.parametrize("name", ["iclight-v2/ok-txt2img-fc", "iclight-v2/ok-txt2img-fbc"])
def test_the_positional_spelling_sends_what_the_real_page_sent(recorded, ic_light, captured, pixels, name):
    server = recorded(txt2img=name, **FROM_V2)

    server.client().txt2img(bag(ic_light=ic_light(name)))

    theirs = captured(name)["request"]["json"]["alwayson_scripts"]
    assert_same_arguments(server.sent("txt2img")[0]["alwayson_scripts"], theirs, pixels)


def assert_same_arguments(ours, theirs, pixels):
    mine, yours = ours["IC Light"]["args"], theirs["IC Light"]["args"]
    if isinstance(mine[0], dict):
        assert mine[0].keys() == yours[0].keys()
        mine, yours = mine[0], yours[0]
        pairs = [(mine[key], yours[key]) for key in mine]
    else:
        pairs = list(zip(mine, yours, strict=True))
    for mine_value, your_value in pairs:
        if isinstance(your_value, str) and len(your_value) > 100:
            np.testing.assert_array_equal(pixels(mine_value), pixels(your_value))
        else:
            assert mine_value == your_value


@pytest.mark.parametrize(
    ("name", "lists", "init_is_rgba"),
    [("iclight-v1/ok-img2img-fc", FROM_V1, False), ("iclight-v2/ok-img2img-fc", FROM_V2, True)],
)
def test_the_roles_in_img2img_are_swapped_where_the_server_wants_it(
    recorded, ic_light, captured, pixels, name, lists, init_is_rgba
):
    server = recorded(img2img=name, **lists)
    theirs = captured(name)["request"]["json"]
    light_map = from_uint8(pixels(captured("iclight-v1/ok-img2img-fc")["request"]["json"]["init_images"][0]))
    request = Img2Img(
        **bag(ic_light=ic_light("iclight-v1/ok-img2img-fc")).sent_fields,
        init_image=light_map,
        denoising_strength=0.9,
    )

    generation = server.client().img2img(request)

    ours = server.sent("img2img")[0]
    assert generation.applied.ic_light is True
    assert (pixels(ours["init_images"][0]).shape[2] == 4) is init_is_rgba
    np.testing.assert_array_equal(pixels(ours["init_images"][0]), pixels(theirs["init_images"][0]))
    assert_same_arguments(ours["alwayson_scripts"], theirs["alwayson_scripts"], pixels)


def test_results_grids_and_extras_are_told_apart(recorded, ic_light):
    name = "iclight-v1/ok-txt2img-fc-save_images"
    client = recorded(txt2img=name).client()

    generation = client.txt2img(bag(batch_size=2, ic_light=ic_light(name)))

    assert [image.shape for image in generation.images] == [(64, 64, 3)] * 2
    assert generation.seeds == (1, 2)
    assert [image.shape for image in generation.extras] == [(64, 64, 3), (64, 128, 3)]
    assert "Seed: 2," in generation.infotexts[1]


def test_detail_pictures_come_as_extras(recorded, ic_light):
    name = "iclight-v1/ok-txt2img-fc-batch_size2-detail"
    client = recorded(txt2img=name).client()

    generation = client.txt2img(bag(batch_size=2, ic_light=ic_light(name, detail_transfer=True)))

    assert (len(generation.images), len(generation.extras)) == (2, 3)


def test_a_second_pass_has_its_own_size(recorded, ic_light):
    name = "iclight-v1/ok-txt2img-fc-hires"
    hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.7}

    generation = recorded(txt2img=name).client().txt2img(bag(ic_light=ic_light(name), **hires))

    assert generation.image.shape == (128, 128, 3)


@pytest.mark.parametrize(
    ("name", "lists", "says"),
    [
        ("iclight-v1/swallowed-1-wrong-model_type-after-plain", FROM_V1, "did not run"),
        ("iclight-v1/swallowed-3-wrong-model_type-after-valid", FROM_V1, "another picture than ours"),
        ("iclight-v2/swallowed-v1-dict", FROM_V2, "did not run"),
        ("v1.9.4/iclight-txt2img-fc", FROM_V1, "1.10 or later"),
        ("v1.9.4/iclight-txt2img-fc-detail", FROM_V1, "did not run"),
    ],
)
def test_a_picture_that_was_not_relit_is_noticed(recorded, ic_light, captured, name, lists, says):
    client = recorded(txt2img=name, **lists).client()
    wants_detail = name.endswith("detail")

    with pytest.raises(NotAppliedError, match=says):
        client.txt2img(bag(ic_light=ic_light(name, detail_transfer=wants_detail)))


def test_the_word_false_among_the_pictures_is_skipped_and_told(recorded, ic_light):
    name = "iclight-v1/origproject-apipy-txt2img-fc"

    generation = recorded(txt2img=name).client().txt2img(bag(ic_light=ic_light(name)))

    assert len(generation.images) == 1
    assert generation.extras == ()
    assert generation.applied.ic_light is None
    assert any("'False'" in notice for notice in generation.notices)


def test_a_picture_that_the_server_cannot_send_is_saved_there_and_fetched(recorded, ic_light, captured):
    import base64

    import httpx

    name = "iclight-v1/client-only-remedy-1-generate"
    file = base64.b64decode(captured("iclight-v1/ok-txt2img-fc")["response"]["json"]["images"][0])
    server = recorded(txt2img=["iclight-v1/bug-txt2img-fc", name])

    def file_or_404(request):
        token = server.sent("txt2img")[-1]["override_settings"]["samples_filename_pattern"]
        asked = f"/file=/srv/a1111/outputs/txt2img-images/{token}.png"
        return httpx.Response(200 if request.url.path == asked else 404, content=file)

    class Files(dict):
        def get(self, path):
            return file_or_404 if path.startswith("/file=") else super().get(path)

    server.answers = Files(server.answers)
    client = server.client()

    generation = client.txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))

    assert len(generation.images) == 1
    assert any("saved there" in notice for notice in generation.notices)
    saved = server.sent("txt2img")[1]
    assert (saved["send_images"], saved["save_images"], saved["seed"]) == (False, True, 1)
    # The four options were saved with their present values before they were overridden.
    posted = [body for method, path, body in server.calls if method == "POST" and path.endswith("options")]
    assert posted[0] == {
        "samples_filename_pattern": "",
        "save_images_add_number": True,
        "save_to_dirs": True,
        "samples_format": "png",
    }
    assert posted[0].keys() == saved["override_settings"].keys()

    client.txt2img(bag(batch_size=2, ic_light=ic_light("iclight-v1/ok-txt2img-fc")))

    assert [body["seed"] for body in server.sent("txt2img")[2:]] == [1, 2]


def test_a_server_that_can_neither_send_nor_hand_out_is_told_of_the_bridge(recorded, ic_light):
    remedy = "iclight-v1/client-only-remedy-1-generate"
    server = recorded(txt2img=["iclight-v1/bug-txt2img-fc", remedy])

    with pytest.raises(BackendFaultError, match="prodgen-bridge"):
        server.client().txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))


def test_forge_which_hides_its_errors_is_asked_to_save_as_well(recorded, ic_light, captured):
    import base64

    import httpx

    sent = base64.b64decode(captured("iclight-v1/ok-txt2img-fc")["response"]["json"]["images"][0])
    nameless = httpx.Response(500, text="Internal Server Error")
    server = recorded(txt2img=[nameless, "iclight-v1/client-only-remedy-1-generate"], **FROM_V2)

    class Files(dict):
        def get(self, path):
            return httpx.Response(200, content=sent) if path.startswith("/file=") else super().get(path)

    server.answers = Files(server.answers)

    generation = server.client(dialect="forge").txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))

    assert len(generation.images) == 1


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

    with pytest.raises(NotAppliedError, match="'tiny-sd15' drew"):
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


def test_a_lossy_answer_is_told(recorded):
    client = recorded(txt2img="core/override-leak-1-call-with-override").client()

    assert any("samples_format" in notice for notice in client.txt2img(cat()).notices)


def test_no_picture_at_all_is_an_error(recorded):
    client = recorded(txt2img="core/txt2img-send_images-false").client()

    with pytest.raises(AnswerError, match="no picture"):
        client.txt2img(cat())


def test_a_picture_of_another_size_is_an_error(recorded):
    client = recorded(txt2img="core/txt2img-size-100x68").client()

    with pytest.raises(AnswerError, match="96x64"):
        client.txt2img(cat(width=128, height=64))


def test_full_res_inpainting_keeps_the_size_of_the_init_picture(recorded, captured, pixels):
    name = "core/img2img-mask-fullres-biginit"
    body = captured(name)["request"]["json"]
    init = from_uint8(pixels(body["init_images"][0])[..., :3])
    mask = from_uint8(pixels(body["mask"]))
    server = recorded(img2img=name)
    request = Img2Img(
        prompt="a cat",
        seed=42,
        steps=2,
        width=64,
        height=64,
        init_image=init,
        inpaint_mask=mask if mask.ndim == 2 else mask[..., 0],
        denoising_strength=0.5,
        inpainting_fill="original",
        inpaint_full_res=True,
    )

    generation = server.client().img2img(request)

    assert generation.image.shape == init.shape
    sent = server.sent("img2img")[0]
    assert (sent["inpainting_fill"], sent["inpaint_full_res"]) == (1, True)
    np.testing.assert_array_equal(pixels(sent["mask"]), pixels(body["mask"]))
    assert pixels(sent["mask"]).ndim == 2


def test_kept_pixels_come_back_to_the_bit(recorded, captured, pixels):
    name = "core/img2img-mask-fill1"
    body = captured(name)["request"]["json"]
    init = from_uint8(pixels(body["init_images"][0])[..., :3])
    mask = from_uint8(pixels(body["mask"]))
    request = Img2Img(
        prompt="a cat",
        seed=42,
        steps=2,
        width=64,
        height=64,
        init_image=init,
        inpaint_mask=mask,
        denoising_strength=0.9,
        mask_blur=0,
        inpainting_fill="original",
    )

    generation = recorded(img2img=name).client().img2img(request)

    np.testing.assert_array_equal(generation.image[mask == 0], init[mask == 0])


def test_an_enlarged_picture_comes_back(recorded, captured, pixels):
    name = "core/extra-single-lanczos-x2"
    image = from_uint8(pixels(captured(name)["request"]["json"]["image"]))

    larger = (
        recorded(extra_single_image=name)
        .client()
        .upscale(Upscale(image=image, upscaler_1="Lanczos", upscaling_resize=2))
    )

    assert larger.image.shape == (128, 128, 3)


def test_a_picture_that_was_not_enlarged_is_noticed(recorded, captured, pixels):
    name = "core/extra-single-default"
    image = from_uint8(pixels(captured(name)["request"]["json"]["image"]))
    client = recorded(extra_single_image=name).client()

    with pytest.raises(NotAppliedError, match="of 64x64, not 128x128"):
        client.upscale(Upscale(image=image, upscaler_1="Lanczos", upscaling_resize=2))


@pytest.mark.parametrize(
    ("name", "error", "says"),
    [
        ("errors/txt2img-width-huge", BackendOutOfMemoryError, "smaller picture"),
        ("errors/txt2img-cfg-nan-string", BackendFaultError, "--no-half"),
        ("errors/txt2img-two-wrong-types", BackendFaultError, "steps: value is not a valid integer"),
        ("errors/txt2img-unknown-alwayson", BackendFaultError, "not found"),
        ("errors/exception-inside-generation-index", BackendFaultError, "IndexError"),
        ("errors/img2img-no-init_images", BackendFaultError, "Init image not found"),
        ("v1.9.4/unknown-sampler", BackendFaultError, "Sampler not found"),
        ("auth/wrong-password", BackendAuthError, "PRODGEN_AUTH"),
        ("auth/none", BackendAuthError, "Not authenticated"),
    ],
)
def test_a_refusal_says_what_the_server_said_and_what_to_do(recorded, name, error, says):
    with pytest.raises(error, match=says):
        recorded(txt2img=name).client().txt2img(cat())


def test_infotexts_are_read_out_of_files(recorded):
    found = recorded(png_info="core/png-info").client().png_info(b"x")
    nothing = recorded(png_info="core/png-info-none").client().png_info(b"x")

    assert "Clip skip: 2" in found.infotext
    assert found.parameters["Seed"] == "1"
    assert nothing.infotext == ""


def test_what_is_overridden_is_saved_first_so_that_it_is_restored(recorded):
    server = recorded(txt2img="core/txt2img-min")
    client = server.client()

    client.txt2img(cat(clip_skip=1))
    client.txt2img(cat(clip_skip=1))

    posted = [body for method, path, body in server.calls if (method, path) == ("POST", "/sdapi/v1/options")]
    assert posted == [{"CLIP_stop_at_last_layers": 1.0}]


def test_every_recorded_generation_means_what_the_facts_say(shared, pixels):
    """All recordings, not only those that are kept with the tests."""
    import json

    from prodgen.dialects import read_generation

    checked = 0
    for path in sorted((shared / "a1111" / "captures").glob("*/*.json")):
        recording = json.loads(path.read_text())
        answer = (recording.get("response") or {}).get("json")
        if not isinstance(answer, dict) or "images" not in answer or "info" not in answer:
            continue
        if not isinstance(answer["info"], str) or not answer["info"].startswith("{"):
            continue
        read = read_generation(answer, count=1)
        asked = recording["request"]["json"]
        names = set(answer["images"]) - {"False"}
        assert set(read.results) | set(read.extras) == names, path
        if answer["images"] and "interrupt" not in path.name and "script" not in path.name:
            assert len(read.results) == len(read.seeds), path
            wide = {pixels(result).shape for result in read.results}
            assert len(wide) == 1, path
        if isinstance(asked, dict) and asked.get("save_images") and len(read.seeds) > 1 and answer["images"]:
            assert read.extras[-1] == answer["images"][0], path  # the grid, though it comes first
        checked += 1
    assert checked > 200


def test_every_recorded_refusal_becomes_an_error_with_a_name(shared):
    import json

    from prodgen.client.reaching import faults
    from prodgen.errors import BackendError, NotABackendError

    checked = 0
    for path in sorted((shared / "a1111" / "captures").glob("*/*.json")):
        recording = json.loads(path.read_text())
        answer = recording.get("response") or {}
        if answer.get("status", 200) < 400:
            continue
        body = json.dumps(answer["json"]).encode() if "json" in answer else answer.get("text", "").encode()
        kind = answer["headers"].get("content-type", "")
        with pytest.raises(BackendError) as refusal:
            faults.raise_for("http://x", answer["status"], kind, body, path="/some/route")
        expected = BackendFaultError
        if answer["status"] == 401:
            expected = BackendAuthError
        if body in (b'{"detail": "Not Found"}', b'{"detail": "Method Not Allowed"}'):
            expected = NotABackendError
        assert isinstance(refusal.value, expected), path
        assert len(str(refusal.value)) > 30, path
        checked += 1
    assert checked > 60
