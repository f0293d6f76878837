"""What /openapi.json says is what is taken and answered: requests are made of it, answers checked by it."""

from __future__ import annotations

import base64
import io
import logging
import re
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from PIL import Image

from prodgen.engines import embedded_server
from prodgen.server.app import ROUTES, ApiServer
from prodgen.server.socket_server import listening

schemathesis = pytest.importorskip(
    "schemathesis", reason="schemathesis is not installed: pip install 'prodgen[dev]'"
)


def picture(mode: str, width: int, height: int, kind: str) -> str:
    target = io.BytesIO()
    Image.new(mode, (width, height), 120).save(target, kind)
    return base64.b64encode(target.getvalue()).decode()


PICTURES = [
    picture("RGB", 40, 24, "PNG"),
    picture("RGBA", 16, 16, "PNG"),
    picture("L", 64, 64, "PNG"),
    picture("I;16", 9, 5, "PNG"),
    "data:image/jpeg;base64," + picture("RGB", 33, 31, "JPEG"),
    picture("RGB", 1, 1, "WEBP"),
]
schemathesis.openapi.format("picture", st.sampled_from(PICTURES))


@pytest.fixture(scope="module")
def described() -> dict[str, Any]:
    with listening(embedded_server()) as url:
        return httpx.get(f"{url}/openapi.json", trust_env=False).json()


@pytest.fixture(scope="module")
def operations(described) -> list[Any]:
    return [found.ok() for found in schemathesis.openapi.from_dict(described).get_all_operations()]


@pytest.fixture
def unmeant() -> Iterator[list[logging.LogRecord]]:
    """Errors that the server did not raise on purpose."""
    records: list[logging.LogRecord] = []
    handler = logging.Handler(logging.DEBUG)
    handler.emit = records.append  # type: ignore[method-assign]
    logger = logging.getLogger("prodgen.server.app")
    level = logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.DEBUG)
    yield records
    logger.removeHandler(handler)
    logger.setLevel(level)


def test_every_route_is_described_and_nothing_else(described):
    found = {path: {method.upper() for method in methods} for path, methods in described["paths"].items()}
    assert found.pop("/file={path}") == {"GET"}
    assert found == {path: set(methods) for path, methods in ROUTES.items()}


def test_every_schema_is_one(described):
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_the_defaults_that_are_described_are_those_that_are_drawn_with(described, call):
    answer = call().post("/sdapi/v1/txt2img", {}).json()["parameters"]
    fields = described["components"]["schemas"]["Txt2ImgRequest"]["properties"]

    assert {name: field["default"] for name, field in fields.items()} == {**answer, "seed": -1}


def smaller(body: Any) -> Any:
    """A request with fewer and smaller pictures, so that drawing them takes no time."""
    if not isinstance(body, dict):
        return body
    limits = {"width": 64, "height": 64, "batch_size": 2, "n_iter": 2, "hr_resize_x": 64, "hr_resize_y": 64}
    limits |= {"hr_scale": 2, "upscaling_resize": 4, "upscaling_resize_w": 64, "upscaling_resize_h": 64}
    for name, most in limits.items():
        if isinstance(body.get(name), (int, float)) and body[name] > most:
            body[name] = most
    if isinstance(body.get("init_images"), list):
        body["init_images"] = body["init_images"][:1]  # not more than are drawn
    return body


def attack(
    server: ApiServer, operation: Any, *, mode: Any, examples: int, look: Callable[[Any], None]
) -> None:
    """Send requests that are made of the description, and look at each answer."""
    checks = schemathesis.specs.openapi.checks

    with listening(server) as url:

        @settings(
            max_examples=examples,
            deadline=None,
            derandomize=True,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def send(case: Any) -> None:
            case.body = smaller(case.body)
            response = case.call(base_url=url, timeout=20)
            assert "Traceback" not in response.text
            case.validate_response(
                response,
                checks=[
                    checks.response_schema_conformance,
                    checks.status_code_conformance,
                    checks.content_type_conformance,
                ],
            )
            look(response)

        send()


def few_or_many(operation: Any) -> int:
    return 15 if operation.body else 3


def test_what_the_description_says_is_taken_and_answered_in_its_form(operations, noise_server, unmeant):
    def look(response: Any) -> None:
        assert response.status_code < 500, response.text[:300]

    for operation in operations:
        attack(
            noise_server(),
            operation,
            mode=schemathesis.GenerationMode.POSITIVE,
            examples=few_or_many(operation),
            look=look,
        )

    assert not unmeant, unmeant[0].exc_info


def test_what_it_does_not_say_is_refused_or_taken_without_an_error_that_nobody_meant(
    operations, noise_server, unmeant
):
    for operation in operations:
        if operation.body:
            attack(
                noise_server(),
                operation,
                mode=schemathesis.GenerationMode.NEGATIVE,
                examples=15,
                look=lambda response: None,
            )

    assert not unmeant, unmeant[0].exc_info


@pytest.mark.parametrize(
    "fields",
    [
        {"steps": "2"},
        {"width": 64.7, "height": "64"},
        {"prompt": 5},
        {"restore_faces": "yes", "tiling": 0},
        {"unknown_field": {"a": 1}, "another": None},
        {"sampler_name": "nobody knows", "scheduler": 7},
        {"styles": ["unknown"], "comments": {"a": [1]}},
        {"override_settings": [["CLIP_stop_at_last_layers", 2]]},
        {"alwayson_scripts": {"Seed": ["ignored"]}},
        {"denoising_strength": 1.5, "subseed_strength": 2},
        {"seed": 2**40, "subseed": -2},
        {"cfg_scale": 0, "eta": "0.5"},
    ],
    ids=str,
)
def test_what_a1111_takes_beyond_its_description_stays_taken(call, fields):
    body = {"steps": 1, "width": 64, "height": 64, **fields}

    assert call().post("/sdapi/v1/txt2img", body).status_code == 200


def test_the_page_of_the_api_stands_alone_and_names_every_route(call):
    response = call().get("/docs")

    assert response.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert not re.search(r"<script|https?://|src=|@import|url\(", response.text)
    assert all(f"<code>{path}</code>" in response.text for path in ROUTES)
    assert "denoising_strength" in response.text


def test_the_page_needs_no_password_and_says_that_the_routes_do(call):
    caller = call(auth={"a": "b"})

    assert caller.get("/docs").status_code == 200
    assert caller.get("/openapi.json").json()["security"] == [{"password": []}]
