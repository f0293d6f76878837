"""What a backend has, as its lists are printed: names that other commands take, one a line."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from click.testing import CliRunner, Result

from prodgen.cli import main
from prodgen.engines import load_engine
from prodgen.engines.ibl.ibl_engine import CHECKPOINT, IblEngine
from prodgen.server import ApiServer
from prodgen.server.app import HttpRequest
from prodgen.server.socket_server import listening
from prodgen.server.wire import HttpAnswer, answer

LISTS = (
    "checkpoints",
    "vaes",
    "loras",
    "embeddings",
    "samplers",
    "schedulers",
    "upscalers",
    "styles",
    "scripts",
)


def listed(name: str, *arguments: str, backend: str = "embedded://") -> Result:
    return CliRunner().invoke(main, ["list", name, "--backend", backend, *arguments])


class Furnished(ApiServer):
    """With styles, embeddings and VAEs, and without schedules; remembers what was asked."""

    def __init__(self, *, checkpoints: Sequence[str] = (CHECKPOINT,)) -> None:
        super().__init__(IblEngine(checkpoints=checkpoints))
        self.asked: list[str] = []

    def answer(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(request.path)
        answers = {
            "/sdapi/v1/prompt-styles": [{"name": "moody", "prompt": "dark,\nrainy", "negative_prompt": None}],
            "/sdapi/v1/embeddings": {"loaded": {"badhands": {}}, "skipped": {}},
            "/sdapi/v1/sd-vae": [{"model_name": "vae-ft-mse.safetensors", "filename": "/x"}],
        }
        if request.path == "/sdapi/v1/schedulers":
            return answer({"detail": "Not Found"}, 404)
        return answer(answers[request.path]) if request.path in answers else super().answer(request)


@pytest.fixture(scope="module")
def furnished():
    server = Furnished(checkpoints=("photon", "photon-inpainting"))
    with listening(server) as url:
        yield server, url


@pytest.mark.parametrize("name", LISTS)
def test_every_list_can_be_had_as_text_and_as_json(name):
    text, as_json = listed(name), listed(name, "--json")

    assert (text.exit_code, as_json.exit_code) == (0, 0)
    names = [row["name"] for row in json.loads(as_json.stdout)]
    assert all(line.startswith(entry) for line, entry in zip(text.stdout.splitlines(), names, strict=True))


@pytest.mark.parametrize(
    ("name", "entry"),
    [
        ("checkpoints", "prodgen-ibl"),
        ("loras", "more_details"),
        ("samplers", "DPM++ 2M SDE"),
        ("schedulers", "Karras"),
        ("upscalers", "prodgen-sharp"),
        ("scripts", "ic light"),
    ],
)
def test_the_embedded_backend_lists_what_it_has(name, entry):
    assert entry in listed(name).stdout


@pytest.mark.parametrize(
    ("name", "entry"), [("styles", "moody"), ("embeddings", "badhands"), ("vaes", "vae-ft-mse")]
)
def test_a_server_lists_what_the_embedded_one_lacks(furnished, name, entry):
    assert listed(name, backend=furnished[1]).stdout.startswith(entry)


def test_a_style_of_several_lines_takes_one(furnished):
    assert listed("styles", backend=furnished[1]).stdout == "moody  dark, rainy\n"


def test_the_chosen_checkpoint_is_marked(furnished):
    lines = listed("checkpoints", backend=furnished[1]).stdout.splitlines()

    assert [line.endswith("chosen") for line in lines] == [True, False]


def test_a_word_leaves_only_names_that_hold_it():
    assert listed("loras", "DETAIL").stdout.splitlines() == ["more_details  prodgen-ibl"]


def test_nothing_found_is_said_on_stderr_and_is_no_error():
    result = listed("loras", "unheard-of")

    assert (result.exit_code, result.stdout) == (0, "")
    assert "no LoRAs with 'unheard-of'" in result.stderr


def test_a_list_that_this_kind_of_server_does_not_have_is_empty(furnished):
    assert "there are no schedulers" in listed("schedulers", backend=furnished[1]).stderr


def test_a_server_that_is_none_is_an_error_of_one_line():
    class Other(ApiServer):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            return answer({"detail": "Not Found"}, 404)

    with listening(Other(load_engine())) as url:
        result = listed("samplers", backend=url)

    assert result.exit_code == 1
    assert result.output.count("\n") == 1


def test_the_arguments_of_a_script_are_told_by_its_whole_name():
    text = listed("scripts", "Refiner").stdout

    assert "takes 3 arguments" in text
    assert "Switch at: 0.8; 0.01 to 1" in text


def test_folders_are_read_again_when_asked(furnished):
    server, url = furnished
    listed("loras", "--refresh", backend=url)

    assert "/sdapi/v1/refresh-loras" in server.asked
