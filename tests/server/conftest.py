"""A renderer that draws one colour, so that the protocol is tested and not the pictures; clients of it."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from prodgen.engines.ibl.ibl_engine import CHECKPOINT, IblEngine
from prodgen.engines.ibl.render_order import Rendering, RenderOrder
from prodgen.server.app import ApiServer
from prodgen.server.behaviour import Behaviour
from prodgen.server.engine import Engine
from prodgen.server.transport import ApiTransport

from .engines_at_hand import engine_at_hand
from .replayed_recordings import ANSWERED_S

SMALL = {"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "seed": 42}


def draw_noise(order: RenderOrder) -> Rendering:
    """The seed's noise, with the product in front of it."""
    for step in range(4):
        if order.progress:
            order.progress(step / 4)
    noise = np.random.default_rng(order.seed).random((order.height, order.width, 3)).astype(np.float32)
    image = noise if order.background is None else order.background
    if order.foreground is not None and order.matte is not None:
        image = image + (order.foreground - image) * order.matte[..., None]
    unknown = tuple(word for word in order.prompt.split() if word == "zorgblat")
    return Rendering(image=image.astype(np.float32), scene="noise", floor="none", unknown_words=unknown)


def drawing_noise(
    *,
    renderer: Callable[[RenderOrder], Rendering] = draw_noise,
    checkpoints: Sequence[str] = (CHECKPOINT,),
    **switches: Any,
) -> ApiServer:
    """A server with the embedded engine's inventory and another renderer."""
    return ApiServer(IblEngine(renderer=renderer, checkpoints=checkpoints), Behaviour(**switches))


class Caller:
    """An httpx client with the few calls that tests make again and again."""

    def __init__(self, server: ApiServer, **more: Any) -> None:
        self.server = server
        more = {"timeout": ANSWERED_S, **more}
        self.http = httpx.Client(transport=ApiTransport(server), base_url="http://embedded", **more)

    def get(self, path: str, **more: Any) -> httpx.Response:
        return self.http.get(path, **more)

    def post(self, path: str, body: object = None, **more: Any) -> httpx.Response:
        return self.http.post(path, json=body, **more)

    def txt2img(self, **fields: Any) -> httpx.Response:
        return self.post("/sdapi/v1/txt2img", {**SMALL, **fields})

    def img2img(self, **fields: Any) -> httpx.Response:
        return self.post("/sdapi/v1/img2img", {**SMALL, **fields})


@pytest.fixture(scope="session")
def engine(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[str, Engine]]:
    """An engine by its name, made once a run."""
    with engine_at_hand(request.param, tmp_path_factory.mktemp("models")) as made:
        yield request.param, made


@pytest.fixture
def call() -> Iterator[Callable[..., Caller]]:
    """Makes a client of a fresh server with these switches."""
    made: list[Caller] = []

    def make(**switches: Any) -> Caller:
        made.append(Caller(drawing_noise(**switches)))
        return made[-1]

    yield make
    for caller in made:
        caller.http.close()


@pytest.fixture
def calling() -> Callable[[ApiServer], Caller]:
    """Makes a client of any server."""
    return Caller


@pytest.fixture
def noise_server() -> Callable[..., ApiServer]:
    """Makes a server that draws noise."""
    return drawing_noise


def as_text(pixels: np.ndarray, kind: str = "PNG", **more: Any) -> str:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, kind, **more)
    return base64.b64encode(target.getvalue()).decode()


def as_pixels(text: str) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(text))))


@pytest.fixture
def encode() -> Callable[..., str]:
    """A picture as base64 of a file."""
    return as_text


@pytest.fixture
def decode() -> Callable[[str], np.ndarray]:
    """Base64 of a file as pixels, in the file's own mode."""
    return as_pixels


@pytest.fixture
def images() -> Callable[[httpx.Response], list[np.ndarray]]:
    """The pictures of an answer."""

    def read(response: httpx.Response) -> list[np.ndarray]:
        assert response.status_code == 200, response.text[:300]
        return [as_pixels(text) for text in response.json()["images"]]

    return read


@pytest.fixture
def info() -> Callable[[httpx.Response], dict[str, Any]]:
    """The `info` of an answer, parsed."""

    def read(response: httpx.Response) -> dict[str, Any]:
        assert response.status_code == 200, response.text[:300]
        return json.loads(response.json()["info"])

    return read


@pytest.fixture
def ramp() -> np.ndarray:
    """A photograph's stand-in: (64, 64, 3), every pixel of its row and column another colour."""
    y, x = np.mgrid[:64, :64]
    return np.dstack([x * 4, y * 4, 255 - x * 2]).astype(np.uint8)


@pytest.fixture
def cut_out(ramp: np.ndarray) -> np.ndarray:
    """The stand-in cut out: (64, 64, 4), a disc."""
    y, x = np.mgrid[:64, :64]
    disc = np.where(np.hypot(x - 31.5, y - 31.5) < 20, 255, 0).astype(np.uint8)
    return np.dstack([ramp, disc])


@pytest.fixture
def draw() -> Callable[[RenderOrder], Rendering]:
    """The renderer itself."""
    return draw_noise
