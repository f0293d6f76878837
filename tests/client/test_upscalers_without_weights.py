"""An upscaler that is listed but lacks its weights: the server only resizes, and the picture shows it."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image, ImageFilter

from prodgen import files
from prodgen.client import Client, enlarge
from prodgen.client.knowledge import upscalers
from prodgen.client.work import upscaler_proof
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.errors import NotAppliedError
from prodgen.images import from_uint8, to_uint8
from prodgen.schema import Capabilities, Proof, Upscale
from prodgen.server import ApiServer, ApiTransport, Behaviour
from prodgen.text2image import new_job
from prodgen.text2image.planned_pictures import planned_pictures

ENLARGED = Path(__file__).parents[1] / "data" / "enlarged"


def textured(side: int = 96) -> np.ndarray:
    y, x = np.mgrid[:side, :side].astype(np.float32)
    plane = 0.5 + 0.2 * np.sin(x / 2.1) * np.cos(y / 1.7) + 0.2 * (np.hypot(x - 40, y - 50) < 25)
    return np.repeat(plane[..., None], 3, axis=2).clip(0, 1).astype(np.float32)


def client_of(*weightless: str) -> Client:
    server = ApiServer(IblEngine(checkpoints=("v1-5",)), Behaviour(weightless_upscalers=weightless))
    return Client("http://box", transport=ApiTransport(server), sleep=lambda _: None)


def test_an_upscaler_that_works_is_proven_by_its_picture():
    small, large = (
        files.load(ENLARGED / name).rgb for name in ("headphones.png", "headphones_x2_real_esrgan.png")
    )
    request = Upscale(image=small, upscaler_1="R-ESRGAN 4x+", upscaling_resize=2)

    proof = upscaler_proof.judge(request, large)

    assert proof is not None
    assert proof.kind == "picture"
    assert proof.strength > 0.5


def test_a_bounded_sharpening_is_not_refused_and_is_no_network_either():
    with client_of() as client:
        large = client.upscale(image=textured(), upscaler_1="prodgen-sharp")

    assert (large.proof.kind, large.proof.strength) == ("words", None)
    assert large.notices == ()


@pytest.mark.parametrize("radius", [1, 2, 4])
@pytest.mark.parametrize("factor", [1.5, 2])
def test_a_formula_with_an_unsharp_mask_does_not_pass_for_a_network(radius, factor):
    with Image.open(ENLARGED / "headphones.png") as small:
        side = round(64 * factor)
        plain = small.convert("RGB").resize((side, side), Image.Resampling.LANCZOS)
        request = Upscale(
            image=from_uint8(np.asarray(small)), upscaler_1="SwinIR 4x", upscaling_resize=factor
        )
    sharpened = plain.filter(ImageFilter.UnsharpMask(radius, 120, 0))

    proof = upscaler_proof.judge(request, from_uint8(np.asarray(sharpened)))

    assert proof is None or proof.kind == "words"


@pytest.mark.parametrize("quality", [20, 50, 90])
def test_a_formula_as_jpeg_does_not_pass_for_a_network(quality):
    plain = Image.fromarray(to_uint8(textured())).resize((192, 192), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    plain.save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as picture:
        large = from_uint8(np.asarray(picture))
    request = Upscale(image=textured(), upscaler_1="SwinIR 4x", upscaling_resize=2)

    proof = upscaler_proof.judge(request, large, is_lossless=False)

    assert proof is None or proof.kind == "words"


@pytest.mark.parametrize(
    "size", [{"upscaling_resize": 2.5}, {"upscaling_resize_w": 300, "upscaling_resize_h": 250}]
)
@pytest.mark.parametrize("crop", [None, True])
def test_an_upscaler_that_was_named_is_refused_if_it_only_resized(size, crop):
    if "upscaling_resize" in size and crop:
        pytest.skip("a factor cuts nothing")
    with client_of("4x-UltraSharp") as client, pytest.raises(NotAppliedError) as caught:
        client.upscale(image=textured(), upscaler_1="4x-UltraSharp", upscaling_crop=crop, **size)

    assert caught.value.feature == "upscaler"
    assert "'prodgen-sharp'" in caught.value.remedy


def test_auto_takes_the_next_upscaler_that_works_and_remembers():
    with client_of("R-ESRGAN 4x+", "4x-UltraSharp") as client:
        first = client.upscale(image=textured())
        second = enlarge(textured(), 200, 200, upscaler="auto", client=client)

    assert first.upscaler == second.upscaler == "prodgen-sharp"
    assert any("'R-ESRGAN 4x+'" in notice and "only resize" in notice for notice in second.notices)


def test_auto_says_so_where_no_upscaler_works(monkeypatch):
    monkeypatch.setattr(
        IblEngine, "upscale", lambda _, pixels, w, h, __: cv2.resize(pixels, (w, h), interpolation=2)
    )

    with client_of("R-ESRGAN 4x+") as client:
        large = client.upscale(image=textured())
        again = client.upscale(image=textured())

    assert large.upscaler == again.upscaler == "Lanczos"
    assert "by a formula (Lanczos)" in large.notices[0]
    assert large.image.shape == (192, 192, 3)


def test_a_formula_that_was_asked_for_is_no_fault():
    with client_of() as client:
        large = client.upscale(image=textured(), upscaler_1="Lanczos")

    assert large.proof.kind == "words"


def test_a_picture_without_structure_tells_nothing():
    with client_of("4x-UltraSharp") as client:
        large = client.upscale(image=np.full((64, 64, 3), 0.4, np.float32), upscaler_1="4x-UltraSharp")

    assert large.proof.kind == "words"
    assert large.proof.strength is None


class AsA1111(httpx.BaseTransport):
    """Enlarges in A1111's own arithmetic, by Lanczos: sides of what covers the size are multiples of 8."""

    def __init__(self, *, is_cutting: bool = True) -> None:
        self.inner = ApiTransport(
            ApiServer(IblEngine(checkpoints=("v1-5",)), Behaviour(weightless_upscalers=("SwinIR 4x",)))
        )
        self.is_cutting = is_cutting
        self.asked: list[tuple[int, int]] = []

    def handle_request(self, request):
        if not request.url.path.endswith("extra-single-image"):
            return self.inner.handle_request(request)
        fields = json.loads(request.read())
        with Image.open(
            io.BytesIO(base64.b64decode(fields["image"].partition(",")[2] or fields["image"]))
        ) as given:
            picture = given.convert("RGB")
        wide, high = size = fields["upscaling_resize_w"], fields["upscaling_resize_h"]
        self.asked.append(size)
        scale = max(wide / picture.width, high / picture.height)
        covering = int(picture.width * scale) // 8 * 8, int(picture.height * scale) // 8 * 8
        large = picture.resize(covering if self.is_cutting else size, Image.Resampling.LANCZOS)
        if self.is_cutting:
            cut = Image.new("RGB", size)
            cut.paste(large, (wide // 2 - large.width // 2, high // 2 - large.height // 2))
            large = cut
        buffer = io.BytesIO()
        large.save(buffer, "PNG")
        return httpx.Response(
            200, json={"html_info": "", "image": base64.b64encode(buffer.getvalue()).decode()}
        )


@pytest.mark.parametrize("is_cutting", [True, False])
@pytest.mark.parametrize("size", [(300, 250), (197, 203), (424, 424)])
def test_plain_resizing_is_seen_however_a_server_lays_the_picture_into_the_size(size, is_cutting):
    with (
        Client("http://box", transport=AsA1111(is_cutting=is_cutting)) as client,
        pytest.raises(NotAppliedError, match="only resized"),
    ):
        client.upscale(
            image=textured(),
            upscaler_1="SwinIR 4x",
            upscaling_resize_w=size[0],
            upscaling_resize_h=size[1],
        )


@pytest.mark.parametrize("side", [19, 57, 96])
@pytest.mark.parametrize("size", [(300, 250), (424, 424), (200, 200)])
def test_an_enlarged_picture_has_no_black_rim_where_the_server_makes_multiples_of_eight(size, side):
    transport = AsA1111()
    with Client("http://box", transport=transport) as client:
        large = enlarge(textured(side) * 0.5 + 0.5, *size, upscaler="Lanczos", client=client)

    assert large.image.shape == (size[1], size[0], 3)
    assert large.image.min() > 0.3


FORMULAS = {
    "Pillow's Lanczos": lambda a, size: Image.fromarray(a).resize(size, Image.Resampling.LANCZOS),
    "Pillow's bicubic": lambda a, size: Image.fromarray(a).resize(size, Image.Resampling.BICUBIC),
    "OpenCV's Lanczos": lambda a, size: cv2.resize(a, size, interpolation=cv2.INTER_LANCZOS4),
    "OpenCV's cubic": lambda a, size: cv2.resize(a, size, interpolation=cv2.INTER_CUBIC),
}


@pytest.mark.parametrize("name", FORMULAS)
@pytest.mark.parametrize("factor", [1.5, 2, 4])
def test_every_program_s_formula_is_recognised(name, factor):
    small = to_uint8(textured())
    size = (round(96 * factor), round(96 * factor))
    large = from_uint8(np.asarray(FORMULAS[name](small, size)))
    request = Upscale(image=from_uint8(small), upscaler_1="SwinIR 4x", upscaling_resize=factor)

    assert upscaler_proof.judge(request, large) is None


def test_a_server_that_compresses_its_answers_proves_less(monkeypatch):
    inner = ApiTransport(ApiServer(IblEngine(checkpoints=("v1-5",)), Behaviour()))

    class Jpeg(httpx.BaseTransport):
        def handle_request(self, request):
            response = inner.handle_request(request)
            if not request.url.path.endswith("extra-single-image"):
                return response
            content = json.loads(response.read())
            buffer = io.BytesIO()
            with Image.open(io.BytesIO(base64.b64decode(content["image"]))) as picture:
                picture.save(buffer, "JPEG", quality=80)
            return httpx.Response(200, json=content | {"image": base64.b64encode(buffer.getvalue()).decode()})

    with Client("http://box", transport=Jpeg()) as client:
        large = client.upscale(image=textured(), upscaler_1="prodgen-sharp")

    assert large.proof.kind == "words"


def test_a_second_pass_takes_no_upscaler_that_was_seen_to_resize_only():
    job = new_job({"prompt": "a table", "size": "1024x1024", "hires": 2})
    with client_of("R-ESRGAN 4x+") as client:
        before = planned_pictures(job, [1], client)[0].request.hr_upscaler
        client.upscale(image=textured())
        after = planned_pictures(job, [1], client)[0].request.hr_upscaler

    assert (before, after) == ("R-ESRGAN 4x+", "prodgen-sharp")


@pytest.mark.parametrize(
    "more", [{"upscaler_2": "Nearest", "extras_upscaler_2_visibility": 0.5}, {"codeformer_visibility": 0.5}]
)
def test_a_picture_of_two_upscalers_or_with_faces_restored_is_not_judged_by_formulas(more):
    small = to_uint8(textured())
    large = from_uint8(np.asarray(FORMULAS["Pillow's Lanczos"](small, (192, 192))))
    request = Upscale(image=from_uint8(small), upscaler_1="SwinIR 4x", upscaling_resize=2, **more)

    assert upscaler_proof.judge(request, large) == Proof("words")


@pytest.mark.parametrize(("side", "is_enough"), [(192, True), (190, True), (186, False), (96, False)])
def test_a_picture_that_is_not_enlarged_as_asked_is_refused(side, is_enough):
    request = Upscale(image=textured(), upscaler_1="SwinIR 4x", upscaling_resize=2)
    picture = np.zeros((side, side, 3), np.float32)

    if is_enough:
        upscaler_proof.check_enlarged("http://box", request, picture)
        return
    with pytest.raises(NotAppliedError, match="not 192x192"):
        upscaler_proof.check_enlarged("http://box", request, picture)


def test_auto_never_takes_an_upscaler_of_minutes():
    have = Capabilities("a1111", upscalers=("None", "LDSR", "Lanczos", "4x-UltraSharp", "R-ESRGAN 4x+"))

    assert upscalers.in_turn(have) == ("R-ESRGAN 4x+", "4x-UltraSharp")
    assert upscalers.in_turn(have, without=("R-ESRGAN 4x+", "4x-UltraSharp")) == ("Lanczos",)
