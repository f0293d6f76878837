"""A drawn picture is delivered whatever form the answer has: report, base64, wrapping, file format."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import re

import httpx
import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from prodgen import codecs
from prodgen.client.reaching.addresses import parse
from prodgen.client.reaching.connection import Connection
from prodgen.client.work import results
from prodgen.errors import AnswerError, BackendFaultError, BackendOutOfMemoryError
from prodgen.images import from_uint8
from prodgen.schema import Img2Img, Txt2Img, Upscale

PIXELS = np.random.default_rng(7).integers(0, 255, (64, 64, 3), dtype=np.uint8)
INFOTEXT = (
    "a cat\nNegative prompt: blur\nSteps: 4, Sampler: Euler a, Schedule type: Karras, CFG scale: 7, "
    "Seed: 77, Size: 64x64, Model hash: 3448d5dd09, Model: tiny-sd15, Version: v1.10.1"
)


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 4, "width": 64, "height": 64, "seed": 42} | fields))


def file_of(pixels=PIXELS, kind="PNG", infotext=None, **options):
    buffer = io.BytesIO()
    if infotext is not None:
        options["pnginfo"] = PngImagePlugin.PngInfo()
        options["pnginfo"].add_text("parameters", infotext)
    Image.fromarray(pixels).save(buffer, kind, **options)
    return buffer.getvalue()


def text_of(data):
    return base64.b64encode(data).decode()


GOOD = text_of(file_of())


@pytest.fixture
def drawn(recorded):
    """Draw from a server that gives this answer."""

    def draw(answer, request=None):
        body = json.dumps(answer).encode()
        server = recorded(txt2img=lambda _: httpx.Response(200, content=body))
        return server.client().txt2img(request or cat())

    return draw


REPORT = {"seed": 77, "all_seeds": [77], "sampler_name": "Euler a", "sd_model_name": "tiny-sd15"}


@pytest.mark.parametrize(
    ("info", "seed", "sampler"),
    [
        ("", 42, None),
        (None, 42, None),
        ([], 42, None),
        ({}, 42, None),
        ("done in 3 s", 42, None),
        ("{half", 42, None),
        (3, 42, None),
        ([[["nothing"]]], 42, None),
        (REPORT, 77, "Euler a"),
        (json.dumps(REPORT), 77, "Euler a"),
        (json.dumps(json.dumps(REPORT)), 77, "Euler a"),
        (str(REPORT), 77, "Euler a"),
        (str({5: {1, 2}}), 42, None),
        (str({5: 6}), 42, None),
        ([REPORT], 77, "Euler a"),
        ([json.dumps(REPORT)], 77, "Euler a"),
        (INFOTEXT, 77, "Euler a"),
        ([INFOTEXT], 77, "Euler a"),
        ({"infotexts": INFOTEXT}, 77, "Euler a"),
        ({"infotext": INFOTEXT}, 77, "Euler a"),
        ({"seed": "77"}, 77, None),
        ({"seed": 77.0}, 77, None),
        ({"all_seeds": ["77"]}, 77, None),
        ({"seed": -1}, 42, None),
        ({"seed": True}, 42, None),
        ({"seed": float("nan"), "all_seeds": [float("inf")]}, 42, None),
        ({"seed": 77, "index_of_first_image": float("inf")}, 77, None),
        ({"seed": 77, "index_of_first_image": 5}, 77, None),
        ({"seed": 77, "index_of_first_image": 1}, 77, None),
        ({"seed": 77, "infotexts": None, "extra_generation_params": "none"}, 77, None),
    ],
)
def test_every_form_of_report_is_read_as_far_as_it_goes(drawn, info, seed, sampler):
    found = drawn({"images": [GOOD], "parameters": {}, "info": info})

    np.testing.assert_array_equal(found.image, from_uint8(PIXELS))
    assert (found.seed, found.applied.sampler) == (seed, sampler)


def test_a_server_that_reports_nothing_is_claimed_nothing_of_and_that_is_said_once(drawn):
    found = drawn({"images": [GOOD]}, cat(sampler_name="Euler", scheduler="Karras", checkpoint="tiny-sd15"))

    assert (found.applied.sampler, found.applied.checkpoint, found.infotexts) == (None, None, ())
    assert [notice for notice in found.notices if "says nothing of how it drew" in notice]
    assert len(found.notices) == 1


def test_a_report_that_stands_in_the_picture_alone_is_read_there(drawn):
    picture = text_of(file_of(infotext=INFOTEXT))

    found = drawn({"images": [picture], "info": ""}, cat(sampler_name="Euler a", scheduler="Karras"))

    assert (found.seed, found.checkpoint, found.checkpoint_hash) == (77, "tiny-sd15", "3448d5dd09")
    assert found.infotexts == (INFOTEXT,)
    assert found.notices == ()


@pytest.mark.parametrize(
    "seeds", [[5], [5, 6], [5, 6, 7, 8], [5, None], [5, float("nan"), 7], ["5", "6", "7"]]
)
def test_seeds_of_the_wrong_number_lose_no_picture_and_keep_their_place(drawn, seeds):
    found = drawn({"images": [GOOD] * 3, "info": {"all_seeds": seeds}}, cat(seed=5, batch_size=3))

    assert len(found.images) == 3
    assert found.seeds == (5, 6, 7)


FORMS = {
    "wrapped at 76": base64.encodebytes(file_of()).decode(),
    "wrapped with carriage returns": base64.encodebytes(file_of()).decode().replace("\n", "\r\n"),
    "escaped line breaks": base64.encodebytes(file_of()).decode().replace("\n", "\\n"),
    "URL-safe": base64.urlsafe_b64encode(file_of()).decode(),
    "without padding": text_of(file_of()).rstrip("="),
    "too much padding": text_of(file_of()).rstrip("=") + "====",
    "data URI": "data:image/png;base64," + GOOD,
    "data URI in capitals": "DATA:image/PNG;charset=utf-8;BASE64," + GOOD,
    "percent signs": "data:image/png;base64,"
    + GOOD.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D"),
    "blanks around": f"\n  {GOOD} \t\n",
    "bytes literal": f"b'{GOOD}'",
    "bytes literal, wrapped": repr(base64.encodebytes(file_of())),
    "quotes": f'"{GOOD}"',
    "escaped slashes": GOOD.replace("/", "\\/"),
}


@pytest.mark.parametrize("form", FORMS)
def test_base64_is_read_in_every_form(drawn, form):
    found = drawn({"images": [FORMS[form]], "info": "{}"})

    np.testing.assert_array_equal(found.image, from_uint8(PIXELS))


@pytest.mark.parametrize(
    "answer",
    [
        {"images": [{"image": GOOD}]},
        {"images": [{"b64_json": GOOD, "revised_prompt": "a"}]},
        {"images": [{"url": f"data:image/png;base64,{GOOD}"}]},
        {"images": [{"name": "a.png", "data": GOOD}]},
        {"images": [{"image": {"base64": GOOD}}]},
        {"images": GOOD},
        {"image": GOOD},
        {"image": {"data": GOOD}, "images": None},
        {"data": [{"b64_json": GOOD}], "created": 1},
        {"output": {"images": [GOOD], "info": ""}, "status": "COMPLETED"},
        {"result": {"image": GOOD}},
        {"output": [GOOD]},
        [GOOD],
    ],
)
def test_pictures_are_found_in_every_wrapping(drawn, answer):
    np.testing.assert_array_equal(drawn(answer).image, from_uint8(PIXELS))


def test_a_report_beside_pictures_in_a_wrapping_is_read(drawn):
    wrapped = {"status": "COMPLETED", "output": {"images": [GOOD], "info": json.dumps(REPORT)}}

    assert drawn(wrapped).seed == 77


def test_an_answer_that_is_the_picture_itself_is_read(recorded):
    answer = httpx.Response(200, content=file_of(), headers={"content-type": "image/png"})

    found = recorded(txt2img=lambda _: answer).client().txt2img(cat())

    np.testing.assert_array_equal(found.image, from_uint8(PIXELS))


@pytest.mark.parametrize(
    ("kind", "options", "is_lossless"),
    [
        ("PNG", {}, True),
        ("WEBP", {"lossless": True}, True),
        ("WEBP", {"lossless": True, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}, True),
        ("BMP", {}, True),
        ("TIFF", {}, True),
        ("TIFF", {"compression": "tiff_lzw"}, True),
        ("JPEG", {}, False),
        ("WEBP", {"quality": 80}, False),
        ("WEBP", {"quality": 80, "exif": b"Exif\0\0MM\0*\0\0\0\x08\0\0\0\0\0\0"}, False),
    ],
)
def test_only_formats_that_lose_something_are_told_of(drawn, kind, options, is_lossless):
    found = drawn({"images": [text_of(file_of(kind=kind, **options))], "info": json.dumps(REPORT)})

    assert any("samples_format" in notice for notice in found.notices) is not is_lossless
    if is_lossless:
        np.testing.assert_array_equal(found.image, from_uint8(PIXELS))


@pytest.mark.parametrize(
    "pixels",
    [
        PIXELS[..., 0],
        PIXELS[..., 0].astype(np.uint16) * 257,
        np.array(Image.fromarray(PIXELS).quantize(16).convert("RGB")),
    ],
    ids=["grey", "16 bit", "palette"],
)
def test_pictures_of_every_depth_are_read(drawn, pixels):
    is_palette = pixels.ndim == 3
    data = io.BytesIO()
    picture = Image.fromarray(pixels)
    (picture.quantize(16) if is_palette else picture).save(data, "PNG")
    wanted = pixels[..., :3] if is_palette else np.repeat(pixels[..., None], 3, 2)
    scale = np.iinfo(pixels.dtype).max

    found = drawn({"images": [text_of(data.getvalue())]})

    np.testing.assert_allclose(found.image, wanted.astype(np.float32) / scale, atol=1e-6)


def test_alpha_that_comes_back_is_kept_and_saved(drawn, tmp_path):
    alpha = np.zeros((64, 64), np.uint8)
    alpha[:, :32] = 255
    data = file_of(np.dstack([PIXELS, alpha]))

    found = drawn({"images": [text_of(data), GOOD], "info": {"all_seeds": [1, 2]}}, cat(batch_size=2))

    np.testing.assert_array_equal(found.mattes[0], from_uint8(alpha))
    assert found.mattes[1] is None
    first, second = found.save(tmp_path / "cut.png")
    np.testing.assert_array_equal(codecs.decode(first.read_bytes()).matte, from_uint8(alpha))
    assert codecs.decode(second.read_bytes()).matte is None


def test_a_grid_in_front_is_no_result_also_where_nothing_says_so(drawn):
    grid = text_of(file_of(np.tile(PIXELS, (2, 2, 1))))

    found = drawn({"images": [grid, GOOD, GOOD, GOOD, GOOD], "info": ""}, cat(batch_size=4))

    assert [image.shape for image in found.images] == [(64, 64, 3)] * 4
    assert [extra.shape for extra in found.extras] == [(128, 128, 3)]


def test_a_place_of_the_first_picture_that_leaves_too_few_is_not_believed(drawn):
    found = drawn({"images": [GOOD] * 3, "info": {"index_of_first_image": 1}}, cat(batch_size=3))

    assert len(found.images) == 3


def test_one_damaged_picture_costs_no_other(drawn):
    cut = text_of(file_of()[:-300])

    found = drawn(
        {"images": [GOOD, cut, "False", GOOD], "info": {"all_seeds": [5, 6, 7, 8]}}, cat(seed=5, batch_size=4)
    )

    assert found.seeds == (5, 8)
    assert any("result 2 is damaged" in notice for notice in found.notices)
    assert any("result 3 is missing" in notice for notice in found.notices)


def test_a_damaged_extra_picture_costs_no_result(drawn):
    found = drawn({"images": [GOOD, text_of(file_of()[:-300])], "info": json.dumps(REPORT)})

    assert found.seeds == (77,)
    assert found.extras == ()
    assert any("damaged" in notice for notice in found.notices)


def test_a_picture_that_is_cut_off_alone_is_an_error(drawn, capfd):
    with pytest.raises(AnswerError, match="damaged or cut off"):
        drawn({"images": [GOOD[:4000]]})
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("answer", "error", "says"),
    [
        (
            {"error": "OutOfMemoryError", "detail": "CUDA out of memory", "images": []},
            BackendOutOfMemoryError,
            "",
        ),
        ({"error": "OutOfMemoryError", "detail": "CUDA out of memory"}, BackendOutOfMemoryError, "Try 64x64"),
        (
            {"images": [], "info": {"error": "CUDA error: device-side assert"}},
            BackendFaultError,
            "device-side",
        ),
        ({"images": [], "info": "the model could not be loaded"}, BackendFaultError, "could not be loaded"),
        (
            {"images": [], "info": json.dumps({"errors": ["first", "second"]})},
            BackendFaultError,
            "first; second",
        ),
        ({"images": None, "detail": "VAE not found"}, BackendFaultError, "VAE not found"),
        ({"images": [""], "error": {"message": "no such model"}}, BackendFaultError, "no such model"),
        ({"images": [], "info": "{}"}, AnswerError, "no picture came back"),
    ],
)
def test_an_answer_without_a_picture_repeats_what_the_server_says(drawn, answer, error, says):
    with pytest.raises(error, match=re.escape(says) or "CUDA out of memory") as refusal:
        drawn(answer, cat(width=64, height=64))

    assert "(200)" not in str(refusal.value)


def test_what_the_server_says_beside_a_picture_is_repeated(drawn):
    found = drawn({"images": [GOOD], "info": {**REPORT, "comments": ["half of the LoRA was\n ignored"]}})

    assert "The server says: 'half of the LoRA was ignored'" in found.notices


@pytest.mark.parametrize("answer", [{"image": {"data": GOOD}}, {"images": [FORMS["wrapped at 76"]]}])
def test_an_enlarged_picture_is_found_in_every_wrapping(recorded, answer):
    half = PIXELS[::2, ::2].astype(np.float32) / 255
    server = recorded(extra_single_image=lambda _: httpx.Response(200, json=answer))

    large = server.client().upscale(Upscale(image=half, upscaler_1="Lanczos", upscaling_resize=2))

    assert large.image.shape == (64, 64, 3)


def test_img2img_reads_the_same_forms(recorded):
    server = recorded(img2img=lambda _: httpx.Response(200, json={"image": GOOD}))
    request = Img2Img(prompt="a", seed=9, width=64, height=64, init_image=from_uint8(PIXELS))

    assert server.client().img2img(request).seeds == (9,)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps(
            {"images": [GOOD], "info": json.dumps(REPORT | {"infotexts": [f"\ud83d {INFOTEXT}"]})}
        ).encode(),
        json.dumps({"images": [GOOD], "info": REPORT, "prompt": "\ud83d"}).encode(),
        json.dumps({"images": [GOOD], "info": REPORT, "prompt": "Küche"}, ensure_ascii=False).encode(
            "latin-1"
        ),
        json.dumps({"images": [GOOD], "info": REPORT}).encode("utf-16"),
        json.dumps({"images": [GOOD], "info": REPORT}).encode("utf-8-sig"),
        json.dumps({"images": [FORMS["wrapped at 76"]], "info": REPORT}).replace("\\n", "\n").encode(),
        json.dumps({"images": [GOOD], "info": REPORT | {"x": float("nan"), "y": -float("inf")}}).encode(),
    ],
    ids=["half a pair in info", "half a pair", "Latin-1", "UTF-16", "BOM", "raw line breaks", "NaN"],
)
def test_json_that_is_not_quite_json_loses_no_picture(recorded, tmp_path, body):
    found = recorded(txt2img=lambda _: httpx.Response(200, content=body)).client().txt2img(cat())

    np.testing.assert_array_equal(found.image, from_uint8(PIXELS))
    assert found.seed == 77
    found.save(tmp_path / "a.png")


def test_json_that_calls_itself_a_web_page_is_read(recorded):
    page = {"content-type": "text/html; charset=utf-8"}
    body = json.dumps({"images": [GOOD], "info": REPORT}).encode()
    samplers = httpx.Response(200, content=b'[{"name": "Euler a"}]', headers=page)
    server = recorded(samplers=samplers, txt2img=lambda _: httpx.Response(200, content=body, headers=page))

    assert server.client().txt2img(cat()).seed == 77


def test_a_picture_with_a_wrong_checksum_is_refused_without_a_line_on_stderr(drawn, capfd):
    data = bytearray(file_of())
    data[len(data) // 2] ^= 1

    with pytest.raises(AnswerError, match="damaged"):
        drawn({"images": [text_of(bytes(data))]})
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    "address",
    [
        "/files/2026/a.png",
        "http://127.0.0.1:7860/files/2026/a.png",
        "http://127.0.0.1:7860/files/2026/a.png?v=1",
        "https://127.0.0.1/files/2026/a.png",
        "http://localhost:8188/files/2026/a.png",
    ],
)
def test_a_picture_that_lies_on_the_same_server_is_fetched(recorded, address):
    server = recorded(txt2img={"images": [{"url": address}], "info": REPORT})
    server["/files/2026/a.png"] = httpx.Response(
        200, content=file_of(), headers={"content-type": "image/png"}
    )

    np.testing.assert_array_equal(server.client().txt2img(cat()).image, from_uint8(PIXELS))


@pytest.mark.parametrize("address", ["http://169.254.169.254/a.png", "http://evil:abc/a.png", "//evil/a.png"])
def test_nothing_is_fetched_from_another_machine(recorded, address):
    server = recorded(txt2img={"images": [address], "info": REPORT})
    server["/a.png"] = httpx.Response(200, content=file_of())

    with pytest.raises(AnswerError, match="another machine"):
        server.client().txt2img(cat())
    assert not [path for _, path, _ in server.calls if path == "/a.png"]


@pytest.mark.parametrize(
    ("own", "address"),
    [
        ("https://shop.example/sd", "http://shop.example:7860/sd/files/a.png"),
        ("https://shop.example/sd", "http://0.0.0.0:7860/files/a.png"),
        ("https://shop.example/sd", "/sd/files/a.png"),
        ("https://shop.example/sd", "/files/a.png"),
        ("https://shop.example/file", "/files/a.png"),
        ("unix:///run/sd.sock", "/files/a.png"),
        ("unix:///run/sd.sock", "http://localhost/files/a.png"),
    ],
)
def test_whatever_a_server_calls_itself_its_files_are_fetched_where_it_was_reached(own, address):
    def answer(request):
        path = request.url.path.removeprefix(httpx.URL(own).path if own.startswith("http") else "")
        return httpx.Response(200, content=b"file") if path == "/files/a.png" else httpx.Response(404)

    transport = httpx.MockTransport(answer)
    with contextlib.closing(Connection(parse(own), timeout_s=5, transport=transport)) as connection:
        assert results._file(connection, address, "result 1", limit=99) == b"file"


def test_an_address_that_cannot_be_read_is_told_and_costs_no_other_picture(drawn):
    found = drawn({"images": ["http://[::1/a.png", GOOD]}, cat(batch_size=2))

    assert len(found.images) == 1
    assert any("an address that cannot be read" in notice for notice in found.notices)


def test_an_address_that_leads_to_nothing_costs_no_other_picture(recorded):
    server = recorded(txt2img={"images": [{"url": "/gone.png"}, GOOD], "info": {"all_seeds": [5, 6]}})

    found = server.client().txt2img(cat(batch_size=2))

    assert found.seeds == (6,)
    assert any("cannot be fetched" in notice for notice in found.notices)
