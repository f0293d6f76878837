"""What goes wrong at a ComfyUI server, as somebody at the command line or with a `Client` meets it."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest

from prodgen import files
from prodgen.client import Client
from prodgen.errors import BackendAuthError
from prodgen.schema import Txt2Img

from .fake_comfy import OUT_OF_MEMORY, Answer, FakeComfy, png
from .typed_commands import address_of, typed, well_typed


def generated(comfy: FakeComfy, folder: Path, *more: object) -> tuple[int, str]:
    words = ("generate", "--prompt", "a lamp", "--size", "64x64", "--steps", 2, "--seed", 5)
    return typed(*words, *more, "--backend", address_of(comfy), "-o", folder / "lamp.png")


def test_a_shot_without_the_node_pack_names_it_and_its_address(comfy, tmp_path):
    rgba = np.zeros((64, 64, 4), np.uint8)
    rgba[16:48, 16:48] = (200, 40, 40, 255)
    (tmp_path / "mug.png").write_bytes(png(rgba))
    for name in ("LoadAndApplyICLightUnet", "ICLightAppply"):
        del comfy.object_info[name]

    code, told = typed(
        "shoot",
        tmp_path / "mug.png",
        "--prompt",
        "on a table",
        "--recipe",
        "relight",
        "--backend",
        address_of(comfy),
        "-o",
        tmp_path / "s.png",
    )

    assert code == 1
    assert "https://github.com/kijai/ComfyUI-IC-Light" in told
    assert len(told.strip().splitlines()) == 1
    assert not comfy.posted


def test_a_proxys_password_is_asked_for_and_taken_from_the_address(comfy, tmp_path):
    comfy.password = ("me", "secret")

    code, told = generated(comfy, tmp_path)
    assert code == 1
    assert "password" in told

    address = address_of(comfy).replace("://", "://me:secret@")
    told = well_typed(
        "generate", "--prompt", "a lamp", "--size", "64x64", "--backend", address, "-o", tmp_path / "l.png"
    )
    assert "secret" not in told
    assert "secret" not in str(files.read_text(tmp_path / "l.png"))


def test_a_wrong_password_is_an_error_of_its_own(comfy):
    comfy.password = ("me", "secret")

    with pytest.raises(BackendAuthError), Client(address_of(comfy), auth=("me", "wrong")) as client:
        client.txt2img(prompt="a lamp", width=64, height=64)


def test_a_restart_in_mid_run_is_told_and_the_picture_comes(comfy, tmp_path):
    comfy.gate.clear()

    def restart() -> None:
        comfy.wait_for(lambda: comfy.running is not None)
        comfy.restart()
        comfy.gate.set()

    thread = threading.Thread(target=restart)
    thread.start()
    code, told = generated(comfy, tmp_path)
    thread.join(20)

    assert code == 0, told
    assert len(comfy.posted) == 2
    assert "drawn again" in str(files.read_text(tmp_path / "lamp.png"))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (Answer(413, b"Maximum request body size 104857600 exceeded", "text/plain"), "413"),
        (
            Answer(500, b"500 Internal Server Error\n\nServer got itself in trouble", "text/plain"),
            "failed (500)",
        ),
        (Answer(403, b"", "text/plain"), "403"),
    ],
)
def test_what_a_server_or_proxy_answers_instead_is_told_in_one_line(comfy, tmp_path, answer, words):
    comfy.at["POST", "/prompt"] = answer

    code, told = generated(comfy, tmp_path)

    assert code == 1
    assert words in told
    assert len(told.strip().splitlines()) == 1
    assert not list(tmp_path.iterdir())


def test_too_little_memory_says_so(comfy, tmp_path):
    comfy.failing["KSampler"] = OUT_OF_MEMORY

    code, told = generated(comfy, tmp_path)

    assert code == 1
    assert "memory" in told


def test_a_result_of_the_cache_whose_file_is_gone_is_drawn_anew(comfy, tmp_path):
    assert generated(comfy, tmp_path)[0] == 0
    first = files.load(tmp_path / "lamp.png").rgb
    for place in [place for place in comfy.files if place[0] == "temp"]:
        del comfy.files[place]

    code, told = generated(comfy, tmp_path)

    assert code == 0, told
    assert np.array_equal(files.load(tmp_path / "lamp.png").rgb, first)


def test_two_clients_at_once_get_each_their_own_picture(comfy):
    drawn: dict[int, list[int]] = {}

    def draw(seed: int) -> None:
        with Client(address_of(comfy)) as client:
            one = client.txt2img(Txt2Img(prompt="a lamp", width=64, height=64, steps=2, seed=seed))
        drawn[seed] = np.rint(255 * one.image[0, 0]).astype(int).tolist()

    comfy.gate.clear()
    threads = [threading.Thread(target=draw, args=(seed,)) for seed in (10, 20)]
    for thread in threads:
        thread.start()
    comfy.wait_for(lambda: bool(comfy.posted))
    comfy.gate.set()
    for thread in threads:
        thread.join(30)

    assert drawn == {10: [30, 80, 120], 20: [40, 80, 120]}
