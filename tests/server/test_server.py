"""What the embedded server answers, beyond what was recorded: switches, limits, saved files, honesty."""

from __future__ import annotations

import base64
import json
import queue
import struct
import zlib
from types import SimpleNamespace
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from prodgen.engines import embedded_server
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.errors import SettingError
from prodgen.server import ApiServer, ApiTransport, Behaviour, transport
from prodgen.server.fields import without_comments
from prodgen.server.wire import decode_picture, encode_png

FILES = {"samples_filename_pattern": "token", "save_images_add_number": False, "save_to_dirs": False}


def test_it_says_that_it_is_no_diffusion_model(call, info):
    caller = call()
    said = info(caller.txt2img(prompt="a cat zorgblat"))

    assert said["sd_model_name"] == "prodgen-ibl (no diffusion)"
    assert said["version"].startswith("prodgen-embedded")
    assert said["extra_generation_params"] == {"Scene": "noise", "Floor": "none", "Unknown words": "zorgblat"}
    assert "Unknown words: zorgblat" in said["infotexts"][0]
    assert caller.get("/sdapi/v1/sd-models").json()[0]["title"].startswith("prodgen-ibl (no diffusion) [")


def test_the_same_seed_gives_the_same_bytes_and_image_i_of_a_batch_has_seed_plus_i(call, images):
    caller = call()
    batch = images(caller.txt2img(seed=7, batch_size=3))
    alone = images(caller.txt2img(seed=9))

    np.testing.assert_array_equal(batch[2], alone[0])
    assert not np.array_equal(batch[0], batch[1])


@pytest.mark.parametrize("seed", [-1, None])
def test_a_seed_is_drawn_when_none_is_given_and_comes_back_in_info_only(call, info, seed):
    response = call().txt2img(seed=seed)

    assert 0 <= info(response)["seed"] < 2**32 - 2
    assert response.json()["parameters"]["seed"] == seed


@pytest.mark.parametrize("seed", [-2, 2**40])
def test_odd_seeds_are_taken_as_given(call, info, seed):
    assert info(call().txt2img(seed=seed))["all_seeds"] == [seed]


def test_a_grid_comes_first_only_with_saving_and_several_results(call, images, info):
    caller = call()
    with_grid = caller.txt2img(batch_size=2, n_iter=2, save_images=True)
    without = caller.txt2img(batch_size=2, n_iter=2)

    assert [picture.shape[:2] for picture in images(with_grid)] == [(128, 128)] + [(64, 64)] * 4
    assert info(with_grid)["index_of_first_image"] == 1
    assert len(images(without)) == 4
    np.testing.assert_array_equal(images(with_grid)[0][:64, :64], images(without)[0])


def test_a_saved_picture_can_be_fetched_by_the_name_that_the_client_chose(call, ramp, encode):
    caller = call(ndarray_bug=True)
    folder = caller.get("/sdapi/v1/options").json()["outdir_txt2img_samples"]
    unit = {"enabled": True, "model_type": "IC-Light.SD15.FC", "input_fg": encode(ramp), "remove_bg": False}
    response = caller.txt2img(
        send_images=False,
        save_images=True,
        override_settings=FILES,
        alwayson_scripts={"IC Light": {"args": [unit]}},
    )
    fetched = caller.get(f"/file={folder}/token.png")

    assert response.json()["images"] == []
    assert (fetched.status_code, fetched.headers["content-type"]) == (200, "image/png")
    assert b"Steps: 2" in fetched.content
    assert caller.get(f"/file={folder}/other.png").status_code == 404
    assert caller.get("/file=/etc/passwd").status_code == 404


def test_nothing_but_the_api_is_there_without_the_user_interface(call):
    caller = call(nowebui=True)

    for path in ("/internal/ping", "/file=/x.png", "/app_id", "/queue/status", "/"):
        assert caller.get(path).status_code == 404
    assert caller.post("/internal/progress", {}).status_code == 404
    assert caller.get("/sdapi/v1/samplers").status_code == 200
    assert "/sdapi/v1/txt2img" in caller.get("/openapi.json").json()["paths"]


def test_a_saved_format_other_than_png_carries_its_infotext_in_exif(call):
    caller = call()
    caller.post("/sdapi/v1/options", {"samples_format": "jpg"})
    response = caller.txt2img()
    image = response.json()["images"][0]

    assert base64.b64decode(image)[:3] == b"\xff\xd8\xff"
    assert caller.post("/sdapi/v1/png-info", {"image": image}).json()["parameters"]["Seed"] == "42"


def test_an_unknown_format_fails_after_the_whole_generation(call):
    caller = call()
    caller.post("/sdapi/v1/options", {"samples_format": "gif"})
    response = caller.txt2img()

    assert (response.status_code, response.json()["detail"]) == (500, "Invalid image format")
    assert len(caller.server.render_log) == 1


def test_overrides_are_restored_unless_told_not_to(call, info):
    caller = call(checkpoints=("one", "two"))
    other = {"sd_model_checkpoint": "two"}

    assert info(caller.txt2img(override_settings=other))["sd_model_name"] == "two"
    assert info(caller.txt2img())["sd_model_name"] == "one"
    caller.txt2img(override_settings=other, override_settings_restore_afterwards=False)
    assert info(caller.txt2img())["sd_model_name"] == "two"


def test_a_leaky_server_keeps_an_override_until_all_options_were_posted_once(call, info):
    caller = call(leaky_overrides=True)
    caller.txt2img(override_settings={"CLIP_stop_at_last_layers": 2})
    leaked = info(caller.txt2img())["clip_skip"]
    caller.post("/sdapi/v1/options", {"CLIP_stop_at_last_layers": 1})
    caller.post("/sdapi/v1/options", caller.get("/sdapi/v1/options").json())
    caller.txt2img(override_settings={"CLIP_stop_at_last_layers": 2})

    assert leaked == 2
    assert info(caller.txt2img())["clip_skip"] == 1


def test_a_failing_override_is_restored_as_well(call):
    caller = call()
    caller.txt2img(override_settings={"CLIP_stop_at_last_layers": 2, "nonsense_key": 1})

    assert caller.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 1


def test_a_wrong_type_is_stored_and_then_no_options_are_shown_until_it_is_corrected(call):
    caller = call()
    assert caller.post("/sdapi/v1/options", {"CLIP_stop_at_last_layers": "two"}).json() is None
    broken = caller.get("/sdapi/v1/options")
    caller.post("/sdapi/v1/options", {"CLIP_stop_at_last_layers": 3})

    assert (broken.status_code, broken.json()["error"]) == (500, "ValidationError")
    assert caller.get("/sdapi/v1/options").json()["CLIP_stop_at_last_layers"] == 3.0


@pytest.mark.parametrize("name", ["two", "two.safetensors", "title", "hash"])
def test_a_checkpoint_is_named_by_title_name_hash_or_file_alike(call, info, name):
    caller = call(checkpoints=("one", "two"))
    model = caller.get("/sdapi/v1/sd-models").json()[1]
    caller.post("/sdapi/v1/options", {"sd_model_checkpoint": model.get(name, name)})

    assert info(caller.txt2img())["sd_model_name"] == "two"
    assert caller.get("/sdapi/v1/options").json()["sd_model_checkpoint"] == model["title"]


def test_only_routes_under_sdapi_ask_for_the_password_and_not_all_of_those(call):
    caller = call(auth={"user": "geheim"})

    assert caller.get("/sdapi/v1/samplers").json()["detail"] == "Not authenticated"
    assert "www-authenticate" not in caller.get("/sdapi/v1/samplers").headers
    assert caller.get("/sdapi/v1/samplers", auth=("user", "geheim")).status_code == 200
    assert caller.get("/sdapi/v1/samplers", auth=("user", "wrong")).status_code == 401
    assert caller.get("/sdapi/v1/loras").status_code == 200
    assert caller.get("/internal/ping").status_code == 200
    assert caller.server.render_log == []


def test_a_lora_has_an_effect_and_a_disabled_one_has_none(call, images, info):
    caller = call()
    plain = images(caller.txt2img())[0]
    tagged = caller.txt2img(prompt="a cat <lora:more_details:1>")
    off = caller.txt2img(prompt="a cat <lora:more_details:1>", disable_extra_networks=True)

    assert not np.array_equal(images(tagged)[0], plain)
    np.testing.assert_array_equal(images(off)[0], plain)
    assert "<lora:more_details:1>" in info(tagged)["prompt"]


def test_the_renderer_never_sees_tags_or_comments(call, draw):
    orders = []

    def watching(order: Any) -> Any:
        orders.append(order)
        return draw(order)

    call(renderer=watching).txt2img(prompt="a cat <lora:nobody:1> # secret\nat home", negative_prompt="dog")

    assert orders[0].prompt == "a cat \nat home"
    assert orders[0].negative_prompt == "dog"


def test_a_colour_in_hexadecimal_digits_is_no_comment():
    assert without_comments("#2f6f8f studio, #FFF arch #note\n#fade") == "#2f6f8f studio, #FFF arch \n"


def test_a_picture_too_large_to_decode_is_refused_unread(call):
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")
    text = base64.b64encode(bomb).decode()

    for response in (
        call().img2img(init_images=[text]),
        call().post("/sdapi/v1/extra-single-image", {"image": text, "upscaler_1": "Lanczos"}),
    ):
        assert (response.status_code, response.json()["detail"]) == (500, "Invalid encoded image")


def test_a_request_for_gigapixels_fails_as_an_allocator_does(call):
    response = call().txt2img(width=100_000, height=100_000)

    assert response.status_code == 500
    assert "can't allocate memory" in response.json()["errors"]


def test_an_upscale_beyond_all_memory_fails_as_an_allocator_does(call, encode, ramp):
    body = {"image": encode(ramp), "upscaler_1": "Lanczos", "upscaling_resize": 8000}
    response = call().post("/sdapi/v1/extra-single-image", body)

    assert (response.status_code, response.json()["error"]) == (500, "RuntimeError")


def test_a_body_over_the_limit_is_refused(call, monkeypatch):
    monkeypatch.setattr("prodgen.server.app.MAX_BODY_BYTES", 1000)

    assert call().txt2img(prompt="x" * 2000).status_code == 413


@pytest.mark.parametrize("name", ["Nearest", "Lanczos", "prodgen-sharp"])
def test_every_upscaler_gives_the_asked_size_and_keeps_alpha(call, encode, decode, cut_out, name):
    body = {"image": encode(cut_out), "upscaler_1": name, "upscaling_resize": 2.5}
    answer = call().post("/sdapi/v1/extra-single-image", body).json()

    assert decode(answer["image"]).shape == (160, 160, 4)
    assert answer["html_info"] == f"<p>Postprocess upscale by: 2.5, Postprocess upscaler: {name}</p>"


def test_without_an_upscaler_nothing_is_upscaled(call, encode, decode, ramp):
    answer = (
        call().post("/sdapi/v1/extra-single-image", {"image": encode(ramp), "upscaling_resize": 4}).json()
    )

    np.testing.assert_array_equal(decode(answer["image"]), ramp)


def test_upscaling_to_a_size_crops_or_fits(call, encode, decode, ramp):
    body = {"image": encode(ramp), "upscaler_1": "prodgen-sharp", "resize_mode": 1}
    size = {"upscaling_resize_w": 200, "upscaling_resize_h": 100}
    path = "/sdapi/v1/extra-single-image"
    cropped = call().post(path, {**body, **size}).json()["image"]
    fitted = call().post(path, {**body, **size, "upscaling_crop": False}).json()["image"]

    assert decode(cropped).shape == (100, 200, 3)
    assert decode(fitted).shape == (100, 100, 3)


def test_the_sharp_upscaler_keeps_an_edge_without_halos(call, encode, decode):
    step = np.full((32, 32, 3), 60, np.uint8)
    step[:, 16:] = 200
    body = {"image": encode(step), "upscaler_1": "prodgen-sharp", "upscaling_resize": 4}
    path = "/sdapi/v1/extra-single-image"
    sharp = decode(call().post(path, body).json()["image"])[64, :, 0].astype(int)
    plain = decode(call().post(path, {**body, "upscaler_1": "Lanczos"}).json()["image"])[64, :, 0].astype(int)

    assert np.abs(np.diff(sharp)).max() > np.abs(np.diff(plain)).max()
    assert (sharp.min(), sharp.max()) == (60, 200)
    assert plain.min() < 60  # so that the test can fail


def test_interrogate_says_that_there_is_nothing_to_do_it_with(call, encode, ramp):
    response = call().post("/sdapi/v1/interrogate", {"image": encode(ramp)})

    assert response.status_code == 404
    assert "no captioning network" in response.json()["detail"]


def test_an_infotext_survives_the_way_through_a_picture(call):
    caller = call()
    prompt = 'a "red" mug, on: wood\nsecond line'
    image = caller.txt2img(prompt=prompt, negative_prompt="blur").json()["images"][0]
    read = caller.post("/sdapi/v1/png-info", {"image": image}).json()

    assert read["parameters"]["Prompt"] == prompt
    assert read["parameters"]["Negative prompt"] == "blur"
    assert read["parameters"]["Size-1"] == "64"
    assert read["parameters"]["Model"] == "prodgen-ibl (no diffusion)"


def test_a_prompt_outside_latin_1_survives_too(call):
    caller = call()
    image = caller.txt2img(prompt="кружка 杯").json()["images"][0]

    assert caller.post("/sdapi/v1/png-info", {"image": image}).json()["parameters"]["Prompt"] == "кружка 杯"


def test_a_picture_with_text_is_read_back_to_the_bit(ramp):
    np.testing.assert_array_equal(decode_picture(encode_png(ramp, {"a": "b"})).pixels, ramp)


def test_unknown_paths_and_methods_answer_as_fastapi_does(call):
    caller = call()

    assert (caller.get("/nope").status_code, caller.get("/nope").json()) == (404, {"detail": "Not Found"})
    assert caller.get("/sdapi/v1/txt2img").json() == {"detail": "Method Not Allowed"}
    assert caller.get("/sdapi/v1/samplers/").status_code == 200


def test_every_answer_says_how_long_it_took(call):
    assert float(call().txt2img().headers["x-process-time"]) >= 0


def test_a_server_without_checkpoints_or_with_an_unknown_ic_light_is_refused():
    with pytest.raises(SettingError, match="checkpoint"):
        ApiServer(IblEngine(checkpoints=()))
    with pytest.raises(SettingError, match="v15"):
        embedded_server(Behaviour(ic_light="v3"))


def test_the_answer_is_what_json_would_have_made_of_it(call):
    response = call().txt2img(batch_size=2)

    assert list(response.json()) == ["images", "parameters", "info"]
    assert json.loads(response.content) == response.json()


@pytest.mark.parametrize(("kind", "more"), [("PNG", {}), ("JPEG", {}), ("WEBP", {"lossless": True})])
def test_a_truncated_picture_is_accepted_silently(call, encode, images, ramp, kind, more):
    whole = base64.b64decode(encode(ramp, kind, **more))
    half = base64.b64encode(whole[: len(whole) * 4 // 5]).decode()
    response = call().img2img(init_images=[half], denoising_strength=0)

    if kind == "WEBP":  # its decoder gives nothing for half a file, here and there
        assert response.json()["detail"] == "Invalid encoded image"
    else:
        assert images(response)[0].shape == (64, 64, 3)


def test_a_sampler_name_of_old_is_split_and_an_explicit_schedule_wins(call, info):
    split = info(call().txt2img(sampler_name="Euler a Karras"))
    explicit = info(call().txt2img(sampler_name="Euler a Karras", scheduler="exponential"))

    assert split["sampler_name"] == "Euler a"
    assert split["extra_generation_params"]["Schedule type"] == "Karras"
    assert explicit["sampler_name"] == "Euler a"
    assert explicit["extra_generation_params"]["Schedule type"] == "Exponential"


def in_lines(text: str) -> str:
    return "\n".join(text[start : start + 76] for start in range(0, len(text), 76))


@pytest.mark.parametrize("change", [lambda text: text.rstrip("="), in_lines], ids=["unpadded", "in lines"])
def test_base64_without_padding_or_with_line_breaks_is_read(call, encode, ramp, change):
    text = change(encode(ramp))

    assert call().img2img(init_images=[text]).status_code == 200


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("data:image/png;charset=x;base64,AAAA", "IndexError"),
        ("data:text/plain;base64,AAAA", "HTTPException"),
        ("http://example.org/x.png", "HTTPException"),
        ("aGVsbG8", "HTTPException"),
    ],
)
def test_what_is_no_picture_fails_as_it_does_there(call, text, error):
    response = call().img2img(init_images=[text])

    assert (response.status_code, response.json()["error"]) == (500, error)


def test_a_photograph_turned_by_exif_arrives_upright(call, encode, images, ramp):
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = encode(np.ascontiguousarray(np.rot90(ramp)), "JPEG", quality=100, exif=exif.tobytes())
    result = images(call().img2img(init_images=[turned], denoising_strength=0))[0]

    assert np.abs(result.astype(int) - ramp).mean() < 12


@pytest.mark.parametrize(
    ("field", "value", "kind", "message"),
    [
        ("upscaling_resize", 0, "not_gt", "greater than 0"),
        ("upscaling_resize_w", 0, "not_ge", "greater than or equal to 1"),
        ("extras_upscaler_2_visibility", -0.5, "not_ge", "greater than or equal to 0"),
        ("extras_upscaler_2_visibility", 1.5, "not_le", "less than or equal to 1"),
    ],
)
def test_an_enlargement_out_of_limits_is_refused_as_pydantic_1_does(
    call, encode, ramp, field, value, kind, message
):
    response = call().post("/sdapi/v1/extra-single-image", {"image": encode(ramp), field: value})
    (fault,) = response.json()["detail"]

    assert response.status_code == 422
    assert (fault["loc"], fault["type"]) == (["body", field], f"value_error.number.{kind}")
    assert fault["msg"] == f"ensure this value is {message}"
    assert fault["ctx"] == {"limit_value": float(message.split()[-1])}


def test_an_override_of_an_unknown_checkpoint_is_dropped_even_where_overrides_stay(call):
    caller = call()
    before = caller.get("/sdapi/v1/options").json()["sd_model_checkpoint"]
    caller.txt2img(
        override_settings={"sd_model_checkpoint": "zz"}, override_settings_restore_afterwards=False
    )

    assert caller.get("/sdapi/v1/options").json()["sd_model_checkpoint"] == before


def test_the_log_of_a_server_that_runs_for_weeks_does_not_grow(call, monkeypatch):
    monkeypatch.setattr("prodgen.server.state.KEPT_RECORDS", 2)
    caller = call()
    for seed in (1, 2, 3):
        caller.txt2img(seed=seed)

    assert [record.seed for record in caller.server.render_log] == [2, 3]


def test_a_wait_for_a_picture_is_short_enough_for_a_signal_that_came_too_early(monkeypatch, noise_server):
    waits = []
    plain = queue.SimpleQueue

    class Watched:
        def __init__(self):
            self.inner = plain()
            self.put = self.inner.put

        def get(self, timeout):
            waits.append(timeout)
            return self.inner.get(timeout=timeout)

    monkeypatch.setattr(transport, "queue", SimpleNamespace(SimpleQueue=Watched, Empty=queue.Empty))
    client = httpx.Client(transport=ApiTransport(noise_server(delay_s=0.1)), base_url="http://server")

    assert client.post("/sdapi/v1/txt2img", json={"steps": 1}, timeout=60).status_code == 200
    assert waits
    assert max(waits) <= 1
