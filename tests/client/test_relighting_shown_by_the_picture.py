"""A picture that does not show the product was not relit, whatever the server says of it.

The embedded server is taught A1111's fault: in a call that changes the loaded checkpoint IC-Light does
nothing, while its foreground comes back and an early bridge extension says "applied".
"""

from __future__ import annotations

import json

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.errors import NotAppliedError
from prodgen.schema import ICLight, Img2Img, Proof, Txt2Img
from prodgen.server import ApiServer, ApiTransport, Behaviour

CHECKPOINTS = ("v1-5-pruned", "realistic")
SIDE = 256


def product() -> tuple[np.ndarray, np.ndarray]:
    """A striped bottle before nothing."""
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    matte = np.clip(40.5 - np.abs(x - 128) * (1 + (y < 90)), 0, 1) * ((y > 40) & (y < 220))
    stripes = np.where((y // 12) % 2, 0.7, 0.3)[..., None] * np.array([1, 0.8, 0.5])
    return stripes.astype(np.float32), matte.astype(np.float32)


def request(**fields):
    foreground, matte = product()
    unit = ICLight(foreground=foreground, matte=matte)
    return Txt2Img(
        **(
            {"prompt": "on a table", "seed": 3, "steps": 2, "width": SIDE, "height": SIDE, "ic_light": unit}
            | fields
        )
    )


def light_map_request(**fields):
    ramp = np.repeat(np.linspace(0.2, 0.9, SIDE, dtype=np.float32)[None, :, None], SIDE, 0).repeat(3, 2)
    given = {**request().sent_fields, "init_image": ramp, "denoising_strength": 0.9}
    return Img2Img(**(given | fields))


def server_of(**switches) -> ApiServer:
    behaviour = Behaviour(loses_relight_in_swap=True, **switches)
    return ApiServer(IblEngine(checkpoints=CHECKPOINTS), behaviour)


def client_of(server: ApiServer) -> Client:
    return Client("http://box", transport=ApiTransport(server), sleep=lambda _: None)


def another_caller_overrides_the_checkpoint(server: ApiServer) -> None:
    with client_of(server) as other:
        other.txt2img(prompt="a cat", seed=1, steps=1, width=64, height=64, checkpoint="realistic")


def sizes(server: ApiServer) -> list[int]:
    return [record.width for record in server.render_log]


ALL = [{"ic_light": spelling, "bridge": bridge} for spelling in ("v1", "v2") for bridge in (None, "1.0.0")]


@pytest.mark.parametrize("switches", ALL)
def test_a_call_that_another_caller_left_with_another_model_is_drawn_once_more_and_told(switches):
    server = server_of(**switches)
    another_caller_overrides_the_checkpoint(server)

    with client_of(server) as client:
        generation = client.txt2img(request())

    assert generation.applied.ic_light is True
    assert generation.applied.proofs["IC-Light"].kind == "picture"
    assert generation.seed == 3
    assert any("drawn once more" in notice for notice in generation.notices)
    assert sizes(server) == [64, SIDE, 64, SIDE]


class Remarking(ApiTransport):
    """A way to a server that says the same of each picture."""

    def handle_request(self, request):
        answer = super().handle_request(request)
        if not request.url.path.endswith("txt2img"):
            return answer
        return httpx.Response(200, json={**json.loads(answer.read()), "warning": "xformers is missing"})


def test_what_a_server_says_of_both_drawings_is_told_once():
    server = server_of(ic_light="v1", bridge=None)
    another_caller_overrides_the_checkpoint(server)

    with Client("http://test", transport=Remarking(server)) as client:
        generation = client.txt2img(request())

    assert sizes(server) == [64, SIDE, 64, SIDE]
    assert sum("xformers is missing" in notice for notice in generation.notices) == 1


@pytest.mark.parametrize("switches", ALL)
def test_a_checkpoint_that_the_call_itself_brings_is_loaded_before_it(switches):
    server = server_of(**switches)

    with client_of(server) as client:
        generation = client.txt2img(request(checkpoint="realistic"))
        again = client.txt2img(request(checkpoint="realistic"))

    assert generation.applied.proofs["IC-Light"].kind == "picture"
    assert generation.applied.checkpoint == "realistic"
    assert not any("once more" in notice for notice in generation.notices + again.notices)
    assert sizes(server) == [64, SIDE, SIDE]
    np.testing.assert_array_equal(generation.image, again.image)


def test_a_checkpoint_that_we_drew_with_ourselves_is_replaced_before_a_relighting():
    server = server_of()

    with client_of(server) as client:
        client.txt2img(prompt="a cat", seed=1, steps=1, width=64, height=64, checkpoint="realistic")
        generation = client.txt2img(request())

    assert generation.applied.ic_light is True
    assert generation.applied.checkpoint == "v1-5-pruned"
    assert sizes(server) == [64, 64, SIDE]


@pytest.mark.parametrize("spelling", ["v1", "v2"])
def test_a_light_map_of_which_the_picture_could_not_tell_has_its_model_loaded_first(spelling):
    server = server_of(ic_light=spelling)
    another_caller_overrides_the_checkpoint(server)

    with client_of(server) as client:
        generation = client.img2img(light_map_request())

    assert generation.applied.ic_light is True
    assert sizes(server) == ([64, 64, SIDE] if spelling == "v2" else [64, SIDE, 64, SIDE])


def test_a_bridge_that_renews_the_patch_leaves_nothing_to_be_done_twice():
    server = server_of(bridge="1.1.0")
    another_caller_overrides_the_checkpoint(server)

    with client_of(server) as client:
        generation = client.txt2img(request(checkpoint="v1-5-pruned"))

    assert generation.applied.ic_light is True
    assert sizes(server) == [64, SIDE]


class NeverRelights(ApiServer):
    """Swaps its checkpoint in every call, as if another caller's came in between each time."""

    def answer(self, request):
        self.machine.loaded = self.machine.inventory.checkpoints[1]
        return super().answer(request)


@pytest.mark.parametrize("bridge", [None, "1.0.0"])
def test_a_server_that_never_relights_gets_two_tries_and_an_error_that_names_the_cause(bridge):
    behaviour = Behaviour(loses_relight_in_swap=True, bridge=bridge)
    server = NeverRelights(IblEngine(checkpoints=CHECKPOINTS), behaviour)

    with client_of(server) as client, pytest.raises(NotAppliedError) as caught:
        client.txt2img(request())

    assert caught.value.feature == "IC-Light"
    assert "patched another model than the one that drew" in str(caught.value)
    assert "other checkpoints meanwhile" in caught.value.remedy
    assert sizes(server) == [SIDE, 64, SIDE]


def test_a_picture_that_is_fetched_from_the_server_is_judged_all_the_same():
    server = server_of(ndarray_bug=True)

    with client_of(server) as client:
        client.txt2img(request())
        another_caller_overrides_the_checkpoint(server)
        generation = client.txt2img(request())

    assert generation.was_fetched
    assert generation.applied.proofs["IC-Light"].kind == "picture"
    assert any("drawn once more" in notice for notice in generation.notices)


def test_a_relit_picture_proves_itself_where_no_foreground_comes_back():
    server = server_of(ndarray_bug=True)

    with client_of(server) as client:
        generation = client.txt2img(request())

    assert generation.was_fetched
    proof = generation.applied.proofs["IC-Light"]
    assert isinstance(proof, Proof)
    assert proof.kind == "picture"
    assert 0.3 < proof.strength <= 1
