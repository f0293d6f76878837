"""A graph goes to a ComfyUI server, and its pictures come back, whatever happens on the way."""

from __future__ import annotations

import numpy as np

from prodgen.engines.comfy.comfy_server import ComfyServer

from .fake_comfy import FakeComfy
from .graphs_to_run import txt2img


def ignored(share, preview=None):
    """Progress that nobody looks at."""


def test_a_graph_gives_its_pictures_in_the_batchs_order(comfy: FakeComfy, server: ComfyServer):
    run = server.run(txt2img(seed=7, batch=2), ignored)

    assert [pixels[0, 0].tolist() for pixels in run.pictures["save"]] == [[27, 80, 120], [28, 80, 120]]
    assert run.graph["sampler"]["inputs"]["seed"] == 7
    assert run.notices == ()


def test_an_upload_is_sent_once_and_found_by_its_name(comfy: FakeComfy, server: ComfyServer):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)

    first, again = server.upload(pixels), server.upload(pixels)

    assert first == again
    assert comfy.uploads == [first]
