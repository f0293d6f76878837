"""A server made of recorded answers of real ones, and requests to it that match the recordings."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from prodgen.client import Client
from prodgen.images import from_uint8
from prodgen.schema import ICLight

CAPTURES = Path(__file__).resolve().parent.parent / "captures"

LISTS = {
    "samplers": "core/get-samplers",
    "schedulers": "core/get-schedulers",
    "upscalers": "core/get-upscalers",
    "latent-upscale-modes": "core/get-latent-upscale-modes",
    "sd-models": "core/get-sd-models",
    "sd-vae": "core/get-sd-vae",
    "loras": "core/get-loras",
    "embeddings": "core/get-embeddings",
    "prompt-styles": "core/get-prompt-styles",
    "script-info": "iclight-v1/script-info",
    "options": "core/options-get",
    "progress": "core/get-progress",
}


@cache
def capture(name: str) -> dict[str, Any]:
    return json.loads((CAPTURES / f"{name}.json").read_text())


def replayed(name: str) -> httpx.Response:
    answer = capture(name)["response"]
    if "json" in answer:
        return httpx.Response(answer["status"], json=answer["json"])
    return httpx.Response(answer["status"], text=answer.get("text", ""))


class Recorded:
    """Answers with recordings; remembers what it was asked."""

    def __init__(self, **answers: Any) -> None:
        self.answers: dict[str, Any] = {f"/sdapi/v1/{key}": value for key, value in LISTS.items()}
        self.answers["/internal/ping"] = "core/route_internal_ping"
        self.answers |= {f"/sdapi/v1/{key.replace('_', '-')}": value for key, value in answers.items()}
        self.calls: list[tuple[str, str, Any]] = []
        self.headers: list[httpx.Headers] = []

    def __setitem__(self, path: str, answer: Any) -> None:
        self.answers[path] = answer

    def sent(self, path: str) -> list[Any]:
        return [body for _, called, body in self.calls if called.endswith(path)]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        body = request.read()
        path = request.url.path
        self.calls.append((request.method, path, json.loads(body) if body else None))
        self.headers.append(request.headers)
        answer = self.answers.get(path)
        if request.method == "POST" and path == "/sdapi/v1/options":
            return httpx.Response(200, content=b"null")
        if isinstance(answer, list) and answer and request.method == "POST":
            answer = answer.pop(0) if len(answer) > 1 else answer[0]
        if answer is None:
            return httpx.Response(404, json={"detail": "Not Found"})
        if isinstance(answer, str):
            return replayed(answer)
        if isinstance(answer, Exception):
            raise answer
        if callable(answer):
            return answer(request)
        return httpx.Response(200, json=answer) if isinstance(answer, dict | list) else answer

    def client(self, **options: Any) -> Client:
        options.setdefault("sleep", lambda _: None)
        return Client("http://127.0.0.1:7860", transport=httpx.MockTransport(self), **options)


@pytest.fixture
def recorded() -> Callable[..., Recorded]:
    return Recorded


@pytest.fixture
def captured() -> Callable[[str], dict[str, Any]]:
    return capture


def pixels_of(text: str) -> np.ndarray:
    with Image.open(io.BytesIO(base64.b64decode(text.rpartition(",")[2]))) as picture:
        return np.asarray(picture)


@pytest.fixture
def pixels() -> Callable[[str], np.ndarray]:
    """The 8-bit pixels behind base64 text, by Pillow."""
    return pixels_of


@pytest.fixture
def ic_light() -> Callable[[str], ICLight]:
    """The IC-Light unit that a recorded request stands for."""

    def make(name: str, **changes: Any) -> ICLight:
        arguments = capture(name)["request"]["json"]["alwayson_scripts"]["IC Light"]["args"]
        found = arguments[0] if isinstance(arguments[0], dict) else None
        if found is None:
            keys = ("enabled", "model_type", "input_fg", "uploaded_bg")
            found = dict(zip(keys, arguments, strict=False))
        foreground = pixels_of(found["input_fg"])
        background = pixels_of(found["uploaded_bg"]) if found.get("uploaded_bg") else None
        fields = {
            "mode": "fbc" if background is not None else "fc",
            "foreground": from_uint8(foreground[..., :3]),
            "matte": from_uint8(foreground[..., 3]),
            "background": None if background is None else from_uint8(background[..., :3]),
        }
        return ICLight(**(fields | changes))

    return make
