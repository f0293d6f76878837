"""What prodgen's own backend cannot do or draw is said as it is, and of no other backend."""

from __future__ import annotations

import numpy as np
import pytest

from prodgen.client import Client
from prodgen.engines import embedded_server
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.errors import NotABackendError, UnsupportedFeatureError
from prodgen.schema import ADetailer, ControlNetUnit, ICLight, Txt2Img, Upscale
from prodgen.server import ApiServer, ApiTransport

GREY = np.full((64, 64, 3), 0.5, np.float32)
HALF = np.pad(np.ones((32, 32), np.float32), 16)


@pytest.fixture(params=["embedded://", "http://server"])
def client(request):
    with Client(request.param, transport=ApiTransport(embedded_server())) as embedded:
        yield embedded


@pytest.fixture
def trained():
    """A server that has a trained model, to all appearances."""
    server = ApiServer(IblEngine(checkpoints=["sd_xl_base_1.0"]))
    with Client("http://server", transport=ApiTransport(server)) as other:
        yield other


def drawing(prompt: str = "a", **fields: object) -> Txt2Img:
    return Txt2Img.model_validate({"prompt": prompt, "seed": 1, "width": 64, "height": 64, **fields})


@pytest.mark.parametrize(
    ("fields", "feature"),
    [
        ({"controlnet": (ControlNetUnit(model="m", image=GREY),)}, "ControlNet"),
        ({"adetailer": (ADetailer(ad_model="face_yolov8n.pt"),)}, "ADetailer"),
        ({"restore_faces": True}, "face restoration"),
    ],
)
def test_what_needs_trained_weights_is_refused_without_talk_of_installing(client, fields, feature):
    with pytest.raises(UnsupportedFeatureError) as caught:
        client.txt2img(drawing(**fields))

    said = str(caught.value)
    assert said.startswith(f"the embedded backend cannot do {feature}: ")
    assert not [word for word in ("A1111", "extension", "CodeFormer", "install") if word in said]


def test_restoring_faces_while_enlarging_is_refused(client):
    with pytest.raises(UnsupportedFeatureError, match="the embedded backend cannot do face restoration"):
        client.upscale(
            Upscale(image=GREY, upscaler_1="prodgen-sharp", upscaling_resize=2, codeformer_visibility=1)
        )


def test_a_route_that_it_lacks_is_no_matter_of_its_address():
    with Client("embedded://") as client, pytest.raises(NotABackendError) as caught:
        client.controlnet.models()

    assert "The embedded backend cannot do that" in str(caught.value)
    assert "--api" not in str(caught.value)


def test_what_is_asked_for_and_not_drawn_is_told_with_the_picture(client):
    told = client.txt2img(drawing("on marble with lemons and golden particles")).notices

    assert told == (
        "lemons and golden particles are not drawn here; a Stable Diffusion server would (--backend URL)",
    )


def test_what_is_out_of_view_from_straight_above_is_told_with_the_picture(client):
    told = client.txt2img(drawing("on steps in a kitchen, flat lay")).notices

    assert told == ("steps and kitchen cannot be seen from straight above: only the ground is drawn",)


def test_one_thing_is_not_drawn_in_the_singular(client):
    assert client.txt2img(drawing("on marble, a stream")).notices[0].startswith("stream is not drawn here")


def test_a_prompt_without_a_known_word_is_told_to_give_the_default(client):
    told = client.txt2img(drawing("!!!???...")).notices

    assert len(told) == 1
    assert "its default studio was drawn" in told[0]


def test_of_many_things_only_the_first_are_named(client):
    told = client.txt2img(drawing("on oak, " + ", ".join(f"zorg{chr(97 + n)}" for n in range(20)))).notices

    assert "zorgl and 8 more are not drawn here" in told[0]


def test_nothing_is_told_where_everything_is_drawn(client):
    assert client.txt2img(drawing("red mug on a wooden table, sunset, 8k")).notices == ()


def test_a_background_of_the_users_leaves_the_prompt_unread_and_says_so(client):
    unit = ICLight(mode="fbc", foreground=GREY, matte=HALF, background=GREY)

    told = client.txt2img(drawing("in a kitchen with lemons", ic_light=unit)).notices

    assert len(told) == 1
    assert "does not read the prompt" in told[0]


@pytest.mark.parametrize("prompt", ["on marble with lemons", "!!!???..."])
def test_a_backend_with_a_trained_model_is_never_told_to_draw_less(trained, prompt):
    assert trained.txt2img(drawing(prompt)).notices == ()
