"""Answers that no server should give: whatever comes, the caller gets a picture or an error of ours."""

from __future__ import annotations

import json

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prodgen.errors import AnswerError, BackendError, NotABackendError, ProdgenError
from prodgen.schema import Txt2Img

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["name", "args", "title", "images", "info", "state", "loaded", "x"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)
info_keys = [
    "seed",
    "all_seeds",
    "index_of_first_image",
    "infotexts",
    "extra_generation_params",
    "sampler_name",
    "sd_model_name",
    "version",
]
many = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
REQUEST = Txt2Img(prompt="a cat", steps=1, width=64, height=64, seed=42)
LISTS = [
    "samplers",
    "schedulers",
    "upscalers",
    "latent-upscale-modes",
    "sd-models",
    "sd-vae",
    "loras",
    "embeddings",
    "prompt-styles",
    "script-info",
    "options",
    "progress",
]


def outcome(act):
    try:
        act()
    except ProdgenError as error:
        return error
    return None


@many
@given(answer=anything)
def test_any_json_for_a_generation_is_an_error_of_ours(recorded, answer):
    server = recorded(txt2img=lambda _: httpx.Response(200, json=answer))

    assert isinstance(outcome(lambda: server.client().txt2img(REQUEST)), BackendError)


@many
@given(changes=st.dictionaries(st.sampled_from(info_keys), anything, max_size=4))
def test_any_report_with_a_good_picture_is_read_as_far_as_it_goes(recorded, captured, changes):
    good = captured("core/txt2img-min")["response"]["json"]
    info = json.dumps(json.loads(good["info"]) | changes)
    server = recorded(txt2img=lambda _: httpx.Response(200, json=good | {"info": info}))

    error = outcome(lambda: server.client().txt2img(REQUEST))

    assert error is None or isinstance(error, BackendError)


@pytest.mark.parametrize("answer", [[], [1], [{}], {"ok": True}])
def test_a_server_that_answers_anything_with_json_is_not_taken_for_a_backend(recorded, answer):
    server = recorded()
    for path in server.answers:
        server[path] = lambda _: httpx.Response(200, json=answer)

    with pytest.raises(NotABackendError, match="not an AUTOMATIC1111 server"):
        _ = server.client().capabilities


def test_half_an_answer_is_told_with_what_to_do(recorded):
    server = recorded(samplers=lambda _: httpx.Response(200, text='[{"name": '))

    with pytest.raises(AnswerError, match=r"not whole JSON .*look at the server's console, or for a proxy"):
        _ = server.client().capabilities


@pytest.mark.parametrize("route", LISTS)
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(answer=anything)
def test_any_json_for_a_list_is_survived(recorded, route, answer):
    server = recorded(**{route: lambda _: httpx.Response(200, json=answer)}, txt2img="core/txt2img-min")

    error = outcome(lambda: server.client().txt2img(REQUEST))

    assert error is None or isinstance(error, ProdgenError)


@many
@given(answer=anything)
def test_any_json_about_progress_is_survived(recorded, answer):
    server = recorded(progress=lambda _: httpx.Response(200, json=answer))
    server["/internal/progress"] = lambda _: httpx.Response(200, json=answer)
    client = server.client()

    for act in (client.progress, client.interrupt):
        error = outcome(act)
        assert error is None or isinstance(error, BackendError)


@many
@given(body=st.binary(max_size=200))
def test_any_bytes_are_an_error_of_ours(recorded, body):
    server = recorded(txt2img=lambda _: httpx.Response(200, content=body))

    assert isinstance(outcome(lambda: server.client().txt2img(REQUEST)), BackendError)
