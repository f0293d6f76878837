"""Recorded answers of real servers through the whole client: lists, pictures, refusals, options."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendFaultError,
    BackendOutOfMemoryError,
    NotAppliedError,
)
from prodgen.images import from_uint8
from prodgen.schema import Img2Img, Txt2Img, Upscale


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


def test_a_lossy_answer_is_told(recorded):
    client = recorded(txt2img="core/override-leak-1-call-with-override").client()

    assert any("samples_format" in notice for notice in client.txt2img(cat()).notices)


def test_no_picture_at_all_is_an_error(recorded):
    client = recorded(txt2img="core/txt2img-send_images-false").client()

    with pytest.raises(AnswerError, match="no picture"):
        client.txt2img(cat())


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


@pytest.mark.parametrize(
    ("answer", "is_idle"),
    [
        ({"progress": 0, "state": {"job": "", "job_count": 0}}, True),
        ({"progress": 0.5, "state": {"job": "", "job_count": 0}}, False),
        ({"progress": 0, "state": {"job": "txt2img", "job_count": 1}}, False),
        ({"progress": 0}, False),
        ([], False),
    ],
)
def test_a_server_is_idle_only_if_it_says_so(recorded, answer, is_idle):
    assert recorded(progress=answer).client().is_idle() is is_idle


def test_infotexts_are_read_out_of_files(recorded):
    found = recorded(png_info="core/png-info").client().service.png_info(b"x")
    nothing = recorded(png_info="core/png-info-none").client().service.png_info(b"x")

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
        if (
            answer["images"]
            and "interrupt" not in path.name
            and "script" not in path.name
            and (asked or {}).get("seed", -1) >= -1
        ):
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
    from prodgen.errors import NotABackendError

    checked = 0
    for path in sorted((shared / "a1111" / "captures").glob("*/*.json")):
        recording = json.loads(path.read_text())
        answer = recording.get("response") or {}
        if answer.get("status", 200) < 400:
            continue
        body = json.dumps(answer["json"]).encode() if "json" in answer else answer.get("text", "").encode()
        kind = answer["headers"].get("content-type", "")
        headers = {"content-type": kind}
        refusal = faults.error_of(faults.Refusal("http://x", "/some/route", answer["status"], body, headers))
        expected = BackendFaultError
        if answer["status"] == 401:
            expected = BackendAuthError
        if body in (b'{"detail": "Not Found"}', b'{"detail": "Method Not Allowed"}'):
            expected = NotABackendError
        assert isinstance(refusal, expected), path
        assert len(str(refusal)) > 30, path
        checked += 1
    assert checked > 60


def test_a_server_that_keeps_the_proportions_has_enlarged_as_asked(recorded, captured, pixels):
    name = "core/extra-single-lanczos-x2"
    image = from_uint8(pixels(captured(name)["request"]["json"]["image"]))
    request = Upscale(image=image, upscaler_1="Lanczos", upscaling_resize_w=128, upscaling_resize_h=256)

    assert recorded(extra_single_image=name).client().upscale(request).image.shape == (128, 128, 3)
