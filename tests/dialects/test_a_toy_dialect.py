"""Adding a dialect is one file and one table line: a toy one, added here, works everywhere at once."""

from __future__ import annotations

import importlib.util
import itertools
import json

import httpx
import pytest
from click.testing import CliRunner

from prodgen.client import Client
from prodgen.dialects import A1111, DIALECTS, ROUTES, by_name, by_routes, by_version
from prodgen.doctor.servers_page import page
from prodgen.errors import UnsupportedFeatureError

THE_FILE = '''
"""Toy UI: A1111's API, but prompts are called text, and there is no ControlNet."""

from typing import Any, ClassVar

from prodgen.dialects.a1111 import A1111
from prodgen.errors import UnsupportedFeatureError


class ToyUI(A1111):
    """Differs in two things: prompts are called text, and there is no ControlNet."""

    name: ClassVar[str] = "toy"
    title: ClassVar[str] = "Toy UI"
    version_marks: ClassVar[tuple[str, ...]] = ("toy-",)

    @classmethod
    def has_these_routes(cls, routes: Any) -> bool:
        """Return True where there are samplers and nothing else."""
        return set(routes) == {"samplers"}

    def prompt(self, prompt: str, loras: Any) -> dict[str, Any]:
        """Return the prompt under this server's name for it."""
        return {"text": super().prompt(prompt, loras)["prompt"]}

    def controlnet(self, unit: Any) -> dict[str, Any]:
        """Refuse: this server has no extensions."""
        raise UnsupportedFeatureError("ControlNet", self.title)
'''


@pytest.fixture
def toy(tmp_path):
    file = tmp_path / "toy_ui.py"
    file.write_text(THE_FILE)
    spec = importlib.util.spec_from_file_location("toy_ui", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    before = dict(DIALECTS)
    DIALECTS.clear()
    DIALECTS.update({"toy": module.ToyUI, **before})  # the table line
    yield module.ToyUI
    DIALECTS.clear()
    DIALECTS.update(before)


def toy_server(sent):
    """Has samplers only, and answers a drawing with a refusal, after noting what it was sent."""

    def answer(request):
        if request.url.path == ROUTES["samplers"]:
            return httpx.Response(200, json=[{"name": "Euler"}])
        if request.url.path.endswith("txt2img"):
            sent.append(json.loads(request.read()))
            return httpx.Response(500, json={"detail": "toys do not draw"})
        return httpx.Response(404, json={"detail": "Not Found"})

    return httpx.MockTransport(answer)


def test_it_is_found_by_name_version_and_routes(toy):
    assert type(by_name("toy")) is toy
    assert type(by_version("toy-1.0")) is toy
    assert type(by_routes(["samplers"])) is toy


def test_a_client_recognises_such_a_server_and_speaks_its_dialect(toy):
    sent = []
    with (
        Client("http://x", transport=toy_server(sent)) as client,
        pytest.raises(Exception, match="toys do not"),
    ):
        client.txt2img(prompt="a bag")

    assert type(client.dialect) is toy
    assert sent[0]["text"] == "a bag"
    assert "prompt" not in sent[0]


def test_the_page_of_servers_has_a_column_for_it(toy):
    text = page()

    assert "**Toy UI**: differs in two things" in text
    assert "* Toy UI: where there are samplers and nothing else." in text


def test_the_command_line_takes_its_name(toy):
    from prodgen.cli import main

    outcome = CliRunner().invoke(main, ["list", "samplers", "--backend", "embedded://", "--dialect", "toy"])

    assert outcome.exit_code == 0, outcome.output


def test_what_it_cannot_do_is_refused(toy):
    from prodgen.dialects.abilities import can

    assert can(toy(), "LoRA")
    assert not can(toy(), "ControlNet (with the extension)")
    with pytest.raises(UnsupportedFeatureError):
        toy().controlnet(None)


def test_no_two_dialects_claim_the_same_lists():
    names = sorted(ROUTES)
    for count in range(len(names) + 1):
        for routes in itertools.combinations(names, count):
            claiming = [dialect for dialect in DIALECTS.values() if dialect.has_these_routes(routes)]
            assert len(claiming) <= 1, (routes, claiming)


def test_no_two_dialects_claim_the_same_version():
    marks = [mark for dialect in DIALECTS.values() for mark in dialect.__dict__.get("version_marks", ())]

    assert len(marks) == len(set(marks))
    assert "v1." in A1111.version_marks
