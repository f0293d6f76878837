"""What one request may cost: JSON that grows in memory, endless numbers, picture bombs, options that stay."""

from __future__ import annotations

import base64
import io
import json
import threading
import time
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import Image

from prodgen.server import drawing_routes, extras, options_store, state, wire
from prodgen.server.inpainting import RepaintPlan
from prodgen.server.queueing import KEPT_PENDING

TXT2IMG, IMG2IMG = "/sdapi/v1/txt2img", "/sdapi/v1/img2img"


def post_text(caller, text: bytes, path: str = TXT2IMG):
    return caller.http.post(path, content=text, headers={"content-type": "application/json"})


def strict(text: str) -> object:
    """The JSON of an answer, which has no NaN in it."""

    def refuse(name: str) -> None:
        raise AssertionError(f"{name} is no JSON")

    return json.loads(text, parse_constant=refuse)


@pytest.mark.parametrize(
    "text",
    [
        b'{"a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"override_settings": ' + b'{"a":' * 200 + b"1" + b"}" * 201,
        b'{"comments": {"a": ' + b"[" * 70 + b"]" * 70 + b"}}",
        b'{"steps": ' + b"9" * 5000 + b"}",
        b'{"width": ' + b"9" * 30 + b"}",
        b'{"height": "' + b"9" * 5000 + b'"}',
        b'{"seed": 99999999999999999999}',
        b'{"denoising_strength": NaN}',
        b'{"eta": -Infinity}',
        b'{"eta": 1e999}',
        b'{"eta": "inf"}',
        b'{"comments": {"a": 1e999}}',
        b'{"alwayson_scripts": {"Seed": {"args": [NaN]}}}',
        b'{"prompt": "' + b"a" * 100_001 + b'"}',
        b'{"force_task_id": "' + b"a" * 201 + b'"}',
        b'{"script_args": [' + b"[]," * 100_000 + b"[]]}",
        b'{"prompt": "' + b"a" * 100 + b'"',
        b"\xff\xfe\x00",
        b"[[[1], 2]]",
        b'"text"',
        b"nul",
    ],
    ids=lambda text: text[:24].decode("latin-1"),
)
def test_json_that_cannot_be_meant_is_refused_in_a_sentence_and_nothing_is_drawn(call, text):
    caller = call()
    response = post_text(caller, text)

    assert response.status_code == 422, response.text[:300]
    assert len(response.content) < 3000
    assert all(fault["msg"] for fault in strict(response.text)["detail"])
    assert caller.server.render_log == []


def test_half_a_surrogate_pair_comes_back_as_it_was_sent(call):
    response = post_text(call(), rb'{"prompt": "a \ud800 cat", "width": 64, "height": 64, "steps": 1}')

    assert response.status_code == 200
    assert strict(response.content.decode())["parameters"]["prompt"] == "a \ud800 cat"


@pytest.mark.parametrize("scale", ["NaN", "Infinity", "-inf"])
def test_a_guidance_that_is_no_number_breaks_as_a_half_precision_model_does(call, scale):
    response = call().txt2img(cfg_scale=scale)

    assert (response.status_code, response.json()["error"]) == (500, "NansException")


@pytest.mark.parametrize(
    "fields",
    [
        {"n_iter": 2**31 - 1},
        {"batch_size": 2000, "width": 8, "height": 8},
        {"n_iter": 90, "width": 2048, "height": 2048},
        {
            "n_iter": 700,
            "width": 64,
            "height": 64,
            "enable_hr": True,
            "hr_scale": 16,
            "denoising_strength": 0.5,
        },
    ],
)
def test_more_pictures_than_fit_into_memory_are_refused_in_a_sentence(call, fields):
    caller = call()
    response = caller.txt2img(**fields)

    assert response.status_code == 413
    assert "ask for" in response.json()["detail"]
    assert caller.server.render_log == []


def bomb(width: int, height: int) -> str:
    """A grey PNG of one colour: a thousand times larger in memory than in the request."""
    target = io.BytesIO()
    Image.new("L", (width, height)).save(target, "PNG", compress_level=9)
    return base64.b64encode(target.getvalue()).decode()


def test_blanks_in_base64_are_nothing():
    png = base64.b64encode(wire.encode_png(np.zeros((8, 8, 3), np.uint8))).decode()
    words = [png[start : start + 2] for start in range(0, len(png), 2)]

    assert wire.read_picture(" \r\n\t".join(words)).size == (8, 8)


@pytest.mark.parametrize(
    "words",
    [
        "AB " * 1_000_000,
        "AB\n" * 1_000_000,
        "data:image/" + "AB;" * 1_000_000,
        "data:image/;" + "AB," * 1_000_000,
    ],
    ids=["blanks", "lines", "semicolons", "commas"],
)
def test_a_picture_field_of_a_million_words_takes_little_more_memory_than_its_text(words):
    tracemalloc.start()
    try:
        with pytest.raises((wire.Refused, wire.Crashed)):
            wire.read_picture(words)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert peak < 5 * len(words)


def test_pictures_are_counted_before_they_are_decoded(call, monkeypatch):
    monkeypatch.setattr(wire, "MAX_REQUEST_PX", 1_000_000)
    decoded: list[int] = []
    real = wire.decode_picture
    monkeypatch.setattr(wire, "decode_picture", lambda data: (decoded.append(1), real(data))[1])
    response = call().img2img(init_images=[bomb(600, 600)] * 50)

    assert (response.status_code, len(decoded)) == (413, 2)
    assert "megapixels" in response.json()["detail"]


def test_a_mask_is_counted_with_the_pictures_that_it_comes_with(call, monkeypatch):
    monkeypatch.setattr(wire, "MAX_REQUEST_PX", 500_000)
    response = call().img2img(init_images=[bomb(600, 600)], mask=bomb(600, 600))

    assert response.status_code == 413


def test_a_picture_is_mixed_in_little_more_memory_than_it_takes():
    size = 2048
    whole, painted = (np.full((size, size, 3), value, np.uint8) for value in (10, 200))
    share = np.full((size, size), 128, np.uint8)
    tracemalloc.start()
    try:
        result = RepaintPlan(whole, whole=whole, overlay=share).finish(painted)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()

    assert (result == 105).all()  # 10 + 190 * 128 / 255, rounded
    assert peak < 2 * whole.nbytes


def test_while_an_answer_is_made_one_more_call_is_drawn_and_no_third(call, monkeypatch):
    """So that the pictures of two calls are in memory, however many wait."""
    caller, may_go_on = call(), threading.Event()
    real, held = drawing_routes.answer_of, []

    def slow_answer(machine, done, shown):
        held.append(done)
        assert may_go_on.wait(60)
        return real(machine, done, shown)

    monkeypatch.setattr(drawing_routes, "answer_of", slow_answer)
    picture = bomb(64, 64)
    threads = [
        threading.Thread(target=lambda: caller.img2img(init_images=[picture], mask=picture)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    while len(caller.server.render_log) < 2:
        time.sleep(0.01)
    time.sleep(0.5)  # for a third one that should not be drawn
    drawn = len(caller.server.render_log)
    may_go_on.set()
    for thread in threads:
        thread.join()

    assert (drawn, len(caller.server.render_log)) == (2, 4)
    assert [(len(done.call.inits), done.call.mask) for done in held] == [(0, None)] * 4


def test_numbers_of_saved_pictures_go_on_when_old_ones_are_forgotten(call, monkeypatch):
    monkeypatch.setattr(state, "KEPT_FILES", 2)
    caller = call()
    for _ in range(4):
        caller.post(
            "/sdapi/v1/txt2img", {"width": 64, "height": 64, "steps": 1, "seed": 5, "save_images": True}
        )
    names = sorted(path.rpartition("/")[2] for path in caller.server.machine.files._files)

    assert names == ["00002-5.png", "00003-5.png"]


def test_upscaled_pictures_are_counted_together(call, monkeypatch):
    monkeypatch.setattr(extras, "MAX_REQUEST_PX", 1_000_000)
    entry = {"data": bomb(200, 200), "name": "a.png"}
    body = {"imageList": [entry] * 10, "upscaler_1": "Lanczos", "upscaling_resize": 4}

    assert call().post("/sdapi/v1/extra-batch-images", body).status_code == 413


def test_results_of_the_init_images_size_are_counted_with_that_size(call, monkeypatch):
    monkeypatch.setattr(drawing_routes, "MAX_REQUEST_PX", 1_000_000)
    big = bomb(900, 900)
    response = call().img2img(init_images=[big], mask=big, n_iter=2, inpaint_full_res=True)

    assert response.status_code == 413


def test_a_picture_of_a_caller_who_waits_is_not_decoded_yet(call, monkeypatch):
    caller = call()
    decoded: list[bool] = []
    held = caller.server.machine.lock
    monkeypatch.setattr(
        drawing_routes,
        "read_pictures",
        lambda texts: decoded.append(held.is_held) or wire.read_pictures(texts),
    )
    caller.img2img(init_images=[bomb(64, 64)], mask=bomb(64, 64))

    assert decoded == [True]


@pytest.mark.parametrize("route", [TXT2IMG, "/sdapi/v1/png-info"])
def test_an_infotext_made_to_be_slow_is_read_at_once(call, route):
    text = "Steps: 1, " + "a" * 90_000
    started = time.process_time()  # what other programs take is not counted
    if route == TXT2IMG:
        response = call().txt2img(infotext=text)
    else:
        png = wire.encode_png(np.zeros((8, 8, 3), np.uint8), {"parameters": text})
        response = call().post(route, {"image": base64.b64encode(png).decode()})

    assert response.status_code == 200
    assert time.process_time() - started < 3


@pytest.mark.parametrize(
    "prompt", ["<a:" * 30_000, "<lora:a:1>" + "<a:" * 30_000, "#" * 99_000, "(" * 99_000]
)
def test_a_prompt_made_to_be_slow_is_read_at_once(call, prompt):
    started = time.process_time()

    assert call().txt2img(prompt=prompt).status_code == 200
    assert time.process_time() - started < 5


def test_text_chunks_that_unpack_to_much_are_refused(call):
    png = wire.encode_png(np.zeros((8, 8, 3), np.uint8))
    packed = b"parameters\0\0" + zlib.compress(b"a" * 200_000_000, 9)
    chunk = len(packed).to_bytes(4, "big") + b"zTXt" + packed
    chunk += zlib.crc32(b"zTXt" + packed).to_bytes(4, "big")
    text = base64.b64encode(png[:33] + chunk + png[33:]).decode()

    assert call().post("/sdapi/v1/png-info", {"image": text}).status_code == 500


def test_an_option_too_large_to_stay_is_refused(call, monkeypatch):
    monkeypatch.setattr(options_store, "MAX_OPTION", 1000)
    caller = call()
    large = {"samples_filename_pattern": "x" * 2000}

    assert caller.post("/sdapi/v1/options", large).status_code == 413
    assert (
        caller.txt2img(override_settings=large, override_settings_restore_afterwards=False).status_code == 413
    )
    assert len(caller.get("/sdapi/v1/options").json()["samples_filename_pattern"]) < 1000


@pytest.mark.parametrize("value", ["nan", "inf", 10**400, [1], {"a": 1}])
def test_an_option_that_is_no_number_shows_no_options_and_no_broken_json(call, value):
    caller = call()
    caller.post("/sdapi/v1/options", {"CLIP_stop_at_last_layers": value})
    response = caller.get("/sdapi/v1/options")

    assert (response.status_code, strict(response.text)["error"]) == (500, "ValidationError")


def test_saved_pictures_are_kept_up_to_a_sum_of_bytes(monkeypatch):
    monkeypatch.setattr(state, "KEPT_BYTES", 1000)
    files = state.SavedFiles()
    for number in range(5):
        files.add(str(number), "image/png", b"x" * 400)

    assert [files.get(str(number)) is not None for number in range(5)] == [False, False, False, True, True]


def test_names_of_tasks_that_failed_before_they_began_do_not_pile_up(call):
    tasks = call().server.machine.tasks
    for number in range(KEPT_PENDING + 50):
        tasks.add(str(number))

    assert len(tasks.pending()) == KEPT_PENDING
    assert tasks.pending()[-1] == str(KEPT_PENDING + 49)


def test_a_blur_without_end_is_refused_or_left_out(call):
    picture = bomb(64, 64)
    started = time.process_time()

    assert call().img2img(init_images=[picture], mask=picture, mask_blur=10**7).status_code == 422
    unit = {
        "enabled": True,
        "model_type": "IC-Light.SD15.FC",
        "input_fg": base64.b64encode(wire.encode_png(np.zeros((64, 64, 3), np.uint8))).decode(),
        "remove_bg": False,
        "detail_transfer": True,
        "detail_transfer_blur_radius": 10**7 + 1,
    }
    response = call().txt2img(alwayson_scripts={"IC Light": {"args": [unit]}})
    assert len(response.json()["images"]) == 2  # the detail is missing
    assert time.process_time() - started < 5
