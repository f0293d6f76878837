"""Drawing with nothing but words: what is left open is decided by us, recorded, and told by the result."""

from __future__ import annotations

import inspect
import textwrap
from pathlib import Path
from typing import get_type_hints

import numpy as np
import pytest
from PIL import Image

from prodgen import files
from prodgen.client import Client
from prodgen.client.work import asking
from prodgen.dialects import infotexts
from prodgen.errors import ImageError, SettingError, WrongValueError
from prodgen.schema import Capabilities, Checkpoint, Generation, Img2Img, Txt2Img, Upscale


@pytest.fixture(scope="module")
def client():
    with Client("embedded://") as embedded:
        yield embedded


@pytest.fixture(scope="module")
def drawn(client) -> Generation:
    return client.txt2img(prompt="a wooden table", width=128, height=64)


def test_the_example_in_the_text_of_client_runs_as_it_stands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PRODGEN_BACKEND", "embedded://")
    indented = [line for line in inspect.getdoc(Client).splitlines() if line.startswith("    ") or not line]
    code = textwrap.dedent("\n".join(indented)).strip()
    # Small, so that the test is quick; what is not given is tested below.
    code = code.replace('light")', 'light", width=64, height=64)').replace(
        'light", seed', 'light", width=64, height=64, seed'
    )

    exec(compile(code, "the example", "exec"), {})

    assert len(code.splitlines()) <= 10
    assert Path("table.png").exists()
    assert files.load("table-large.png").rgb.shape == (128, 128, 3)
    assert capsys.readouterr().out.endswith("(64, 64, 3)\n")


def test_a_prompt_alone_is_enough_and_the_size_is_the_servers_own(client):
    generation = client.txt2img(prompt="a wooden table")

    side = client.capabilities.native_side
    assert generation.image.shape == (side, side, 3)


def test_a_seed_that_was_drawn_is_told_and_draws_the_same_again(client, drawn):
    again = client.txt2img(prompt="a wooden table", width=128, height=64, seed=drawn.seed)
    other = client.txt2img(prompt="a wooden table", width=128, height=64)

    np.testing.assert_array_equal(again.image, drawn.image)
    assert other.seed != drawn.seed


@pytest.mark.parametrize(
    ("checkpoint", "side"),
    [
        ("photon.safetensors [1]", 512),
        ("juggernautXL_v9.safetensors", 1024),
        ("prodgen-ibl (no diffusion)", 1024),
        (None, 512),
    ],
)
def test_the_size_that_a_checkpoint_was_made_for_is_known(checkpoint, side):
    assert Capabilities("a1111", checkpoint=checkpoint).native_side == side


def test_the_size_is_that_of_the_checkpoint_that_this_call_loads():
    have = Capabilities(
        "a1111",
        checkpoint="photon.safetensors [1]",
        checkpoints=(Checkpoint("dreamXL.safetensors [2]", "dreamXL", hash="2"),),
    )
    large = np.zeros((2048, 2048, 3), np.float32)

    drawn = asking.txt2img(None, {"prompt": "a", "checkpoint": "2"}, have)
    over = asking.img2img(None, {"prompt": "a", "checkpoint": "2", "init_image": large}, have)

    assert (drawn.width, over.width) == (1024, 1000)


@pytest.mark.parametrize(
    ("call", "sentence"),
    [
        (lambda client: client.txt2img("a bag"), "a request is a Txt2Img, not a str"),
        (lambda client: client.img2img(prompt="a bag"), "^init_image must be given$"),
    ],
)
def test_a_call_that_lacks_what_it_needs_is_refused_in_one_sentence(client, call, sentence):
    with pytest.raises(SettingError, match=sentence):
        call(client)


def test_several_pictures_are_not_saved_to_a_folder(client, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    two = client.txt2img(prompt="a", width=64, height=64, batch_size=2, seed=5)

    with pytest.raises(ImageError, match="the ending must be one of"):
        two.save(".")


def test_a_saved_picture_carries_its_infotext_and_what_it_is(drawn, tmp_path):
    (path,) = drawn.save(tmp_path / "a.png")

    text = files.read_text(path)
    assert infotexts.read(text["parameters"]).values["Seed"] == str(drawn.seed)
    assert "compositeSynthetic" in text["XML:com.adobe.xmp"]
    np.testing.assert_array_equal(files.load(path).rgb, drawn.image)


def test_no_picture_of_several_is_lost_when_they_are_saved(client, tmp_path):
    two = client.txt2img(prompt="a", width=64, height=64, batch_size=2, seed=5)

    paths = two.save(tmp_path / "a.png")

    assert [path.name for path in paths] == ["a-1.png", "a-2.png"]
    seeds = [infotexts.read(files.read_text(path)["parameters"]).values["Seed"] for path in paths]
    assert seeds == ["5", "6"]


def test_a_picture_is_not_saved_under_an_unknown_ending(drawn, tmp_path):
    with pytest.raises(ImageError, match="ending"):
        drawn.save(tmp_path / "a.xyz")

    assert list(tmp_path.iterdir()) == []


def test_a_picture_to_draw_over_comes_from_a_file_bytes_or_pillow(client, drawn, tmp_path):
    path = drawn.save(tmp_path / "a.png")[0]
    results = [
        client.img2img(init_image=source, prompt="a", denoising_strength=0.3, seed=1)
        for source in (path, str(path), path.read_bytes(), Image.open(path, formats=["PNG"]), drawn.image)
    ]

    assert all(result.image.shape == drawn.image.shape for result in results)
    assert all(np.array_equal(result.image, results[0].image) for result in results)


def test_a_mask_comes_from_a_file_too(client, drawn, tmp_path):
    mask = np.zeros((64, 128), np.float32)
    mask[:, 64:] = 1
    files.save_matte(tmp_path / "mask.png", mask)
    repainted = client.img2img(
        init_image=drawn.image,
        prompt="marble",
        inpaint_mask=tmp_path / "mask.png",
        denoising_strength=1,
        seed=3,
    ).image

    assert np.abs(repainted[:, :32] - drawn.image[:, :32]).max() < 1 / 255
    assert np.abs(repainted[:, 100:] - drawn.image[:, 100:]).max() > 0.05


@pytest.mark.parametrize(
    ("size", "megapixels", "drawn_at"),
    [
        ((64, 128), 0.6, (64, 128)),
        ((100, 70), 0.6, (96, 64)),
        ((4000, 3000), 0.6, (888, 664)),
        ((10, 10), 1, (64, 64)),
    ],
)
def test_a_large_picture_is_drawn_over_at_a_size_that_the_model_was_made_for(size, megapixels, drawn_at):
    from prodgen.client.work.asking import drawing_size

    assert drawing_size(*size, megapixels) == drawn_at


def test_a_picture_alone_is_enough_to_enlarge(client, drawn, tmp_path):
    path = drawn.save(tmp_path / "a.png")[0]

    larger = client.upscale(image=path)

    assert larger.image.shape == (128, 256, 3)
    assert larger.upscaler == "prodgen-sharp"
    assert larger.backend == client.name
    assert files.load(larger.save(tmp_path / "b.png")).rgb.shape == (128, 256, 3)


def test_a_factor_and_a_size_are_both_understood(client, drawn):
    assert client.upscale(image=drawn.image, upscaling_resize=1.5).image.shape == (96, 192, 3)
    sized = client.upscale(image=drawn.image, upscaling_resize_w=256, upscaling_resize_h=128)
    assert sized.image.shape == (128, 256, 3)


def test_a_request_and_fields_beside_it_are_refused(client, drawn):
    request = Txt2Img(prompt="a", seed=1, width=64, height=64)

    with pytest.raises(SettingError, match="seed, steps: give a request or its fields, not both"):
        client.txt2img(request, seed=3, steps=4)
    with pytest.raises(SettingError, match="upscaling_resize"):
        client.upscale(
            Upscale(image=drawn.image, upscaler_1="Lanczos", upscaling_resize=2), upscaling_resize=3
        )


def test_what_cannot_be_left_open_is_asked_for(client):
    with pytest.raises(SettingError, match="prompt must be given"):
        client.txt2img()
    with pytest.raises(SettingError, match="init_image must be given"):
        client.img2img(prompt="a")
    with pytest.raises(SettingError, match="image must be given"):
        client.upscale()


def test_a_wrong_field_is_refused_by_name(client):
    with pytest.raises(WrongValueError) as refusal:
        client.txt2img(prompt="a", steps=0)

    assert refusal.value.setting == "steps"


@pytest.mark.parametrize("method", [Client.txt2img, Client.img2img, Client.upscale])
def test_help_shows_typed_parameters_that_are_all_explained(method):
    from prodgen.client import client as home

    parameters = inspect.signature(method).parameters
    assert not any(p.kind in (p.VAR_KEYWORD, p.VAR_POSITIONAL) for p in parameters.values())
    assert all(p.default is None for name, p in parameters.items() if name != "self")
    assert {*parameters} - {"self"} <= get_type_hints(method, vars(home)).keys()
    for name in parameters:
        assert name == "self" or f"    {name}: " in inspect.getdoc(method)


@pytest.mark.parametrize("method", [Client.txt2img, Client.img2img, Client.upscale])
def test_every_keyword_is_a_field_of_the_request(method):
    request = {"txt2img": Txt2Img, "img2img": Img2Img, "upscale": Upscale}[method.__name__]
    keywords = {*inspect.signature(method).parameters} - {"self", "request", "on_progress"}

    assert keywords <= request.model_fields.keys()
