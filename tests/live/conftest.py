"""A server of your own under test, and the list of what it lacks.

    PRODGEN_LIVE_BACKEND=http://gpu:7860 pytest -m live tests/live

Safe on a server that others use: pictures of 64 x 64 in a few steps, one after the other, no model is
loaded or unloaded, nobody else's work is stopped, and the options are afterwards as they were.
PRODGEN_LIVE_AUTH=user:password is for a server that wants one.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import NoReturn

import pytest

from prodgen.client import Client
from prodgen.errors import UnsupportedFeatureError

ADDRESS = os.environ.get("PRODGEN_LIVE_BACKEND")
AUTH = os.environ.get("PRODGEN_LIVE_AUTH")

TIMEOUT_S = 300.0
"""For one tiny picture behind the queue of a server that others use."""

OURS = (
    "CLIP_stop_at_last_layers",
    "samples_filename_pattern",
    "save_images_add_number",
    "save_to_dirs",
    "samples_format",
)
"""Options that these tests override; they are put back should one of them stay."""

_lacking: list[str] = []
_examined: list[str] = []


@pytest.fixture(scope="session")
def live() -> Iterator[Client]:
    if not ADDRESS:
        pytest.skip("PRODGEN_LIVE_BACKEND names no server")
    with Client(ADDRESS, auth=AUTH, timeout_s=TIMEOUT_S) as client:
        before = client.options() if "options" in client.capabilities.answered else {}
        yield client
        _examined.append(client.name)
        if before:
            after = client.options()
            stayed = {key: before[key] for key in OURS if after.get(key) != before.get(key)}
            if stayed:
                client.set_options(stayed)


@pytest.fixture
def lacks() -> Callable[[str], NoReturn]:
    """Note that the server does not have something, and skip the rest of the test."""

    def note(what: str) -> NoReturn:
        if what not in _lacking:
            _lacking.append(what)
        pytest.skip(f"this server lacks: {what}")

    return note


@pytest.fixture
def offered(lacks: Callable[[str], NoReturn]) -> Callable[[str], AbstractContextManager[None]]:
    """A block in which a refusal by the dialect means that the server lacks something."""

    @contextmanager
    def attempt(what: str) -> Iterator[None]:
        try:
            yield
        except UnsupportedFeatureError as error:
            lacks(f"{what} ({error})")

    return attempt


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not _examined:
        return
    terminalreporter.section(f"what {_examined[0]} lacks")
    for what in _lacking or ["nothing that was asked for"]:
        terminalreporter.line(f"* {what}")
