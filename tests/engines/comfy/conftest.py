"""A fake ComfyUI server for each test, and a graph that it runs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from prodgen.engines.comfy.comfy_engine import ComfyEngine
from prodgen.engines.comfy.comfy_server import ComfyServer

from .fake_comfy import FakeComfy


@pytest.fixture
def comfy() -> Iterator[FakeComfy]:
    fake = FakeComfy()
    yield fake
    fake.stop()


@pytest.fixture
def server(comfy: FakeComfy) -> Iterator[ComfyServer]:
    """Our side, asking often."""
    ours = ComfyServer(comfy.settings, poll_s=0.02, sleep=lambda _: None)
    yield ours
    ours.close()


@pytest.fixture
def engine(comfy: FakeComfy, server: ComfyServer) -> Iterator[ComfyEngine]:
    ours = ComfyEngine(comfy.settings, server=server)
    ours.inventory()
    yield ours
    ours.close()
