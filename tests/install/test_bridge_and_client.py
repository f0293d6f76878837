"""What the bridge extension reports reaches the user as an error, not as a picture that was not relit."""

from __future__ import annotations

import json

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.engines import embedded_transport
from prodgen.errors import NotAppliedError
from prodgen.schema import ICLight, Txt2Img


class WithBridge(httpx.BaseTransport):
    """The embedded server, with what the bridge extension puts into an answer."""

    def __init__(self, **told: str) -> None:
        self.inner = embedded_transport()
        self.told = {key.replace("_", " ").replace("IC ", "IC-"): value for key, value in told.items()}

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.inner.handle_request(request)
        if not request.url.path.endswith("/txt2img"):
            return response
        content = json.loads(response.read())
        info = json.loads(content["info"])
        info["extra_generation_params"] = info["extra_generation_params"] | self.told
        return httpx.Response(200, json=content | {"info": json.dumps(info)})


@pytest.fixture
def request_to_relight(disc) -> Txt2Img:
    unit = ICLight(foreground=np.full((64, 64, 3), 0.5, np.float32), matte=disc)
    return Txt2Img(prompt="a bag", seed=1, steps=2, width=128, height=128, ic_light=unit)


def test_an_error_inside_ic_light_is_raised_although_a_foreground_came_back(request_to_relight):
    told = "process_before_every_sampling: SystemError: no such model"

    with (
        Client("http://box", transport=WithBridge(IC_Light_error=told)) as client,
        pytest.raises(NotAppliedError, match="IC-Light failed on the server: process_before_every_sampling"),
    ):
        client.txt2img(request_to_relight)


def test_without_an_error_the_same_answer_is_a_picture(request_to_relight):
    with Client("http://box", transport=WithBridge(prodgen_bridge="1.0.0")) as client:
        assert client.txt2img(request_to_relight).applied.ic_light is True
