"""A mask is proven by the pixels that it keeps."""

from __future__ import annotations

import json

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.engines import embedded_transport
from prodgen.errors import NotAppliedError
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


def test_an_inverted_mask_is_understood():
    with Client("embedded://") as client:
        generation = client.img2img(request(inpainting_mask_invert=True))

    assert generation.applied.proofs.get("inpaint mask") is None or (
        generation.applied.proofs["inpaint mask"].strength == 1.0
    )
