"""A mask is proven by the pixels that it keeps."""

from __future__ import annotations

import io
import json

import cv2
import httpx
import numpy as np
import pytest
from PIL import Image

from prodgen.client import Client
from prodgen.client.work import mask_proof
from prodgen.engines import embedded_transport
from prodgen.errors import NotAppliedError
from prodgen.images import from_uint8, to_uint8
from prodgen.schema import Img2Img

SIDE = 128


def picture() -> np.ndarray:
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    return np.stack([x / SIDE, y / SIDE, 0.5 + 0.3 * np.sin(x / 5)], axis=-1).astype(np.float32)


def request(**fields) -> Img2Img:
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[40:80, 40:80] = 1
    given = {"prompt": "a red ball", "seed": 1, "steps": 2, "width": SIDE, "height": SIDE}
    return Img2Img(**(given | {"init_image": picture(), "inpaint_mask": mask, "mask_blur": 2} | fields))


class WithoutMasks(httpx.BaseTransport):
    """Redraws everything, as a server that does not know masks."""

    def __init__(self) -> None:
        self.inner = embedded_transport()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        if request.url.path.endswith("img2img"):
            fields = json.loads(body)
            fields["mask"] = None
            body = json.dumps(fields).encode()
        kept = {key: value for key, value in request.headers.items() if key.lower() != "content-length"}
        return self.inner.handle_request(
            httpx.Request(request.method, request.url, headers=kept, content=body)
        )


@pytest.mark.parametrize("full_res", [False, True])
def test_a_mask_that_was_kept_is_proven_to_the_pixel(full_res):
    with Client("embedded://") as client:
        generation = client.img2img(request(inpaint_full_res=full_res))

    proof = generation.applied.proofs["inpaint mask"]
    assert (proof.kind, proof.strength) == ("picture", 1.0)


def test_a_server_that_redraws_everything_is_refused():
    with Client("http://box", transport=WithoutMasks()) as client, pytest.raises(NotAppliedError) as caught:
        client.img2img(request(denoising_strength=1.0))

    assert caught.value.feature == "inpaint mask"


def as_jpeg(pixels: np.ndarray, quality: int) -> np.ndarray:
    buffer = io.BytesIO()
    Image.fromarray(to_uint8(pixels)).save(buffer, "JPEG", quality=quality)
    with Image.open(buffer) as picture:
        return from_uint8(np.asarray(picture.convert("RGB")))


def inpainted(before: np.ndarray, outside: np.ndarray, *, strength: float = 1.0) -> np.ndarray:
    after = outside.copy()
    after[40:80, 40:80] += strength * (np.float32([1, 0, 0]) - after[40:80, 40:80])
    return after


def fine_texture() -> np.ndarray:
    return np.random.default_rng(3).uniform(0, 1, (SIDE, SIDE, 3)).astype(np.float32)


CHANGES = {
    "JPEG": lambda before: as_jpeg(before, 30),
    "a model's encoder": lambda before: cv2.GaussianBlur(before, (0, 0), 2),
    "a shift by a pixel": lambda before: np.roll(before, 1, axis=1),
}


@pytest.mark.parametrize("strength", [0.1, 1.0])
@pytest.mark.parametrize("name", CHANGES)
def test_texture_that_an_encoder_lost_is_not_taken_for_a_redrawn_picture(name, strength):
    before = fine_texture()

    found = mask_proof.judge(
        request(init_image=before),
        [inpainted(before, CHANGES[name](before), strength=strength)],
        is_lossless=True,
    )

    assert not found.is_ignored
    assert "came back changed" in found.notice
    assert found.proof.strength > 0.5


def test_one_redrawn_picture_of_several_is_enough_to_refuse_the_mask():
    good = inpainted(picture(), picture())
    redrawn = np.broadcast_to(np.float32([1, 0, 0]), good.shape)

    assert mask_proof.judge(request(), [good, good], is_lossless=True).proof.strength == 1.0
    assert mask_proof.judge(request(), [good, redrawn, good], is_lossless=True).is_ignored


def test_a_mask_too_small_to_be_seen_in_the_result_says_nothing_of_a_changed_picture():
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[60, 60] = 1
    half = cv2.resize(picture(), (SIDE // 2, SIDE // 2), interpolation=cv2.INTER_NEAREST)

    found = mask_proof.judge(request(inpaint_mask=mask, mask_blur=0), [half[::-1]], is_lossless=True)

    assert (found.proof, found.is_ignored) == (None, False)


def test_a_mask_is_as_black_as_its_eight_bits_say():
    mask = np.maximum(request().inpaint_mask, np.float32(0.001))

    found = mask_proof.judge(request(inpaint_mask=mask), [inpainted(picture(), picture())], is_lossless=True)

    assert found.proof.strength == 1.0


@pytest.mark.parametrize("blur", [0, 4, 8])
def test_pixels_that_the_masks_blur_reaches_may_change(blur):
    reached = cv2.GaussianBlur(request().inpaint_mask, (0, 0), max(blur, 0.1))[..., None]
    after = picture() * (1 - reached) + np.float32([1, 0, 0]) * reached

    found = mask_proof.judge(request(mask_blur=blur), [after], is_lossless=True)

    assert found.proof.strength == 1.0


def test_an_inverted_mask_is_understood():
    mask = np.zeros((SIDE, SIDE), np.float32)
    mask[24:104, 24:104] = 1

    with Client("embedded://") as client:
        generation = client.img2img(request(inpaint_mask=mask, inpainting_mask_invert=True))

    assert generation.applied.proofs["inpaint mask"].strength == 1.0


@pytest.mark.parametrize("fields", [{"resize_mode": "crop"}, {"restore_faces": True}])
def test_nothing_is_said_where_something_else_may_change_unmasked_pixels(fields):
    redrawn = np.broadcast_to(np.float32([1, 0, 0]), picture().shape)

    assert mask_proof.judge(request(), [redrawn], is_lossless=True).is_ignored
    assert mask_proof.judge(request(**fields), [redrawn], is_lossless=True) == mask_proof.KeptMask()
