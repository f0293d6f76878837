"""`prodgen weights`: networks and models are listed, got with their hash checked, and never got unasked."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import socket
import sys
import threading
import time

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from prodgen.cli import main
from prodgen.cutout import networks, segmenters
from prodgen.weights import download, manifest, on_this_machine, transfer
from prodgen.weights.folders import user_cache_folder

GOOD = b"\x08\x08" + bytes(range(256)) * 64
"""Bytes that begin as an ONNX file does."""


def run(*words: str):
    return CliRunner().invoke(main, words)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine without weights but prodgen's own."""
    for name in ("U2NET_HOME", "XDG_DATA_HOME", "PRODGEN_MODELS", "PRODGEN_BACKEND_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REMBG_HOME", str(tmp_path / "rembg"))
    return tmp_path / "rembg"


@pytest.fixture
def isnet(home, tmp_path, monkeypatch):
    """An entry of isnet-general-use for which GOOD is the right file; nothing answers at its source."""

    def entry(**changes: object) -> None:
        known = [
            dataclasses.replace(
                weight,
                sha256=hashlib.sha256(GOOD).hexdigest(),
                size=len(GOOD),
                sources=(manifest.Source("https://127.0.0.1:9/isnet.onnx"),),
            )
            for weight in manifest.read_list()
            if weight.name == "isnet-general-use"
        ]
        others = [weight for weight in manifest.read_list() if weight.name != "isnet-general-use"]
        changed = tuple(dataclasses.replace(weight, **changes) for weight in known)
        monkeypatch.setattr(on_this_machine, "read_list", lambda: (*changed, *others))

    entry()
    return entry


def serve(monkeypatch, content: bytes, *, stops: bool = False) -> None:
    """Let every source give these bytes."""

    def fetch(source, partial, *, on_start, **_options):
        on_start(0, len(content))
        partial.write_bytes(content)
        if stops:
            raise transfer.StoppedError

    monkeypatch.setattr(download.transfer, "fetch", fetch)


def test_the_list_has_size_licence_and_what_is_here(home):
    rows = {row["name"]: row for row in json.loads(run("weights", "list", "--json").output)}

    assert {name for name, row in rows.items() if row["use"] == "cuts out"} == set(networks.MODELS)
    assert {"sd15-photo", "iclight-fc", "iclight-fbc", "sdxl", "sdxl-turbo", "sd21"} <= set(rows)
    assert rows["u2netp"]["packaged"]
    assert rows["u2netp"]["files"] == [str(networks.PACKAGED_FILE)]
    assert (rows["isnet-general-use"]["bytes"], rows["isnet-general-use"]["files"]) == (178648008, [])
    assert rows["birefnet-general"]["licence"] == "MIT"
    assert "DIS5K" in rows["birefnet-general"]["note"]
    assert "u2netp                           5 MB  Apache-2.0  comes with prodgen" in run("weights").output


def test_every_network_has_an_entry_with_a_hash_for_each_of_its_files():
    for network in map(on_this_machine.weight_set, networks.MODELS):
        assert all(weight.verified for weight in network.weights), network.name
        assert all(weight.commercial == "yes" for weight in network.weights), network.name


def test_the_packaged_network_is_the_one_that_the_list_knows():
    (weight,) = on_this_machine.weight_set("u2netp").weights

    assert weight.packaged
    assert (weight.sha256, weight.size) == (
        networks.PACKAGED_SHA256,
        networks.PACKAGED_FILE.stat().st_size,
    )


def test_what_was_got_lies_where_rembg_looks_and_auto_takes_it(isnet, home, monkeypatch):
    serve(monkeypatch, GOOD)

    result = run("weights", "get", "isnet-general-use")

    path = home / "models/isnet-general-use/isnet-general-use.onnx"
    assert result.exit_code == 0, result.output
    assert path.read_bytes() == GOOD
    assert "Apache-2.0" in result.output
    assert "DIS5K" in result.output
    assert segmenters.segmenter().name == "isnet-general-use"
    assert run("weights", "where", "isnet-general-use").output.strip() == str(path)


def test_what_is_here_is_not_got_again(isnet, home, monkeypatch):
    flat = home.parent / ".u2net" / "isnet-general-use.onnx"
    flat.parent.mkdir()
    flat.write_bytes(GOOD)
    monkeypatch.setattr(download.transfer, "fetch", None)

    result = run("weights", "get", "isnet-general-use", "u2netp")

    assert result.exit_code == 0, result.output
    assert str(flat) in result.output


def test_a_file_with_another_hash_never_takes_the_networks_name(isnet, home, monkeypatch):
    serve(monkeypatch, GOOD[:-1] + b"x")

    result = run("weights", "get", "isnet-general-use")

    assert result.exit_code == 1
    assert "was expected" in result.stderr
    assert networks.weights("isnet-general-use") == ()


def test_a_network_with_an_md5_alone_is_checked_by_it_and_says_so(isnet, home, monkeypatch):
    isnet(sha256=manifest.UNVERIFIED, md5=hashlib.md5(GOOD).hexdigest())
    serve(monkeypatch, GOOD)
    good = run("weights", "get", "isnet-general-use")
    (home / "models/isnet-general-use/isnet-general-use.onnx").unlink()
    serve(monkeypatch, GOOD[:-1] + b"x")
    bad = run("weights", "get", "isnet-general-use")

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert "by MD5" in good.output
    assert "has MD5" in bad.stderr


def test_without_a_connection_it_is_one_sentence_within_seconds(isnet, home):
    began = time.monotonic()

    result = run("weights", "get", "isnet-general-use")

    assert time.monotonic() - began < 40
    assert result.exit_code == 1
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("prodgen: the weights of 'isnet-general-use' were not got: 127.0.0.1:9: no answer")
    assert "Errno" not in result.stderr
    assert "Traceback" not in result.stderr


def test_an_address_that_never_answers_is_given_up_within_seconds(monkeypatch):
    asked = []
    addresses = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 443))] * 3
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr(socket, "create_connection", lambda _to, wait, _origin: asked.append(wait))

    transfer._open_socket(("far.example", 443), 60.0)

    assert asked[0] * len(addresses) <= transfer.CONNECT_S


@pytest.mark.parametrize(("waits", "times"), [(True, 3), (False, 1)])
def test_a_source_that_cannot_be_reached_is_asked_again_only_by_who_waits(
    tmp_path, monkeypatch, waits, times
):
    asked = []

    def unreached(*_arguments, **_options):
        asked.append(1)
        raise transfer.TransferError("no answer", again=True, unreached=True)

    monkeypatch.setattr(transfer, "_fetch_once", unreached)

    with pytest.raises(transfer.TransferError):
        transfer.fetch(
            manifest.Source("https://far.example/a"),
            tmp_path / "a.part",
            size=None,
            retries=2,
            waits_for_network=waits,
            pause_s=0,
            on_start=lambda *_: None,
            on_bytes=lambda _: None,
            stop=threading.Event(),
        )

    assert len(asked) == times


def test_a_stopped_download_ends_as_ctrl_c_does(isnet, home, monkeypatch):
    serve(monkeypatch, GOOD, stops=True)

    assert run("weights", "get", "isnet-general-use").exit_code == 130


def test_a_folder_that_cannot_be_used_is_one_sentence(isnet, home, monkeypatch):
    home.write_text("a file")

    result = run("weights", "get", "isnet-general-use")

    assert result.exit_code == 1
    assert "name another with REMBG_HOME" in result.stderr


HEADER = json.dumps({"a": {"dtype": "U8", "shape": [64], "data_offsets": [0, 64]}}).encode()
MODEL = len(HEADER).to_bytes(8, "little") + HEADER + bytes(64)
"""Bytes that are a safetensors file of one tensor."""


@pytest.fixture
def model(home, monkeypatch):
    """An entry of sd15-photo for which MODEL is the right file, and one of a model without a known hash."""

    def fits(name: str, **changes: object) -> manifest.Weight:
        weight = next(weight for weight in manifest.read_list() if weight.name == name)
        return dataclasses.replace(weight, size=len(MODEL), **changes)

    known = (
        fits("sd15-photo", sha256=hashlib.sha256(MODEL).hexdigest()),
        fits("controlnet-openpose"),
    )
    monkeypatch.setattr(on_this_machine, "read_list", lambda: known)


def test_models_lie_as_the_web_ui_has_them_and_are_found_by_key_and_by_file_name(model, home, monkeypatch):
    serve(monkeypatch, MODEL)

    result = run("weights", "get", "sd15-photo")

    path = home.parent / ".local/share/prodgen/models/Stable-diffusion/realisticVisionV51_v51VAE.safetensors"
    assert result.exit_code == 0, result.output
    assert path.read_bytes() == MODEL
    assert run("weights", "where", "realisticVisionV51_v51VAE").output.strip() == str(path)


@pytest.mark.parametrize("variable", ["PRODGEN_MODELS", "PRODGEN_BACKEND_DIR"])
def test_models_lie_where_they_are_told_to_and_else_beside_an_installed_server(
    home, tmp_path, monkeypatch, variable
):
    folder = tmp_path / "server/webui/models"
    folder.mkdir(parents=True)
    monkeypatch.setenv(variable, str(folder if variable == "PRODGEN_MODELS" else tmp_path / "server"))

    assert run("weights", "where").output.splitlines()[1] == f"models    {folder}"


def test_a_model_without_a_known_hash_is_taken_only_when_that_was_said(model, home, monkeypatch):
    serve(monkeypatch, MODEL)

    refused = run("weights", "get", "controlnet-openpose")
    taken = run("weights", "get", "controlnet-openpose", "--accept-unverified")
    again = run("weights", "get", "controlnet-openpose")

    assert (refused.exit_code, taken.exit_code, again.exit_code) == (1, 0, 0)
    assert "--accept-unverified" in refused.stderr
    assert "no hash of it is known" in taken.output


def test_terms_that_may_forbid_commerce_are_said_before_a_download(home, monkeypatch):
    monkeypatch.setattr(on_this_machine, "_download", lambda *_: None)

    assert "commercial use depends on its owner's terms" in run("weights", "get", "sdxl-turbo").output


@pytest.mark.skipif(sys.platform != "linux", reason="homes are looked up in another way")
def test_a_user_without_a_home_gets_no_folder_called_like_one(isnet, photo, tmp_path, monkeypatch):
    def nobody(_):
        raise KeyError

    for name in ("HOME", "REMBG_HOME", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("pwd.getpwuid", nobody)
    monkeypatch.chdir(tmp_path)

    got, cut = run("weights", "get", "isnet-general-use"), run("segment", photo, "-o", "m.png")

    assert (got.exit_code, cut.exit_code) == (1, 0)
    assert "has no home folder; name a folder with REMBG_HOME" in got.stderr
    assert "weights get" not in cut.output
    assert sorted(path.name for path in tmp_path.iterdir()) == ["can.png", "m.png"]


def test_too_little_space_is_said_before_anything_is_got(isnet, home, monkeypatch):
    monkeypatch.setattr(on_this_machine, "free_bytes", lambda _: 1000)

    result = run("weights", "get", "isnet-general-use")

    assert result.exit_code == 1
    assert "MB are free" in result.stderr


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["get", "isnet-general"], "did you mean 'isnet-general-use'"),
        (["get", "bria-rmbg"], "commercial"),
        (["get"], "name what to get"),
        (["fetch", "u2net"], "there is no action 'fetch'"),
    ],
)
def test_a_wrong_call_is_refused_with_what_is_possible(home, words, said):
    result = run("weights", *words)

    assert result.exit_code in (1, 2)
    assert said in result.stderr


def test_an_unknown_name_lists_each_possible_one_once(home):
    told = run("weights", "get", "nosuch").stderr

    names = told.partition("possible: ")[2].strip().split(", ")
    assert "there is no set of weights 'nosuch'" in told
    assert len(set(names)) == len(names) > 5


def test_an_alias_of_the_list_names_the_network(home):
    assert on_this_machine.weight_set("birefnet").name == "birefnet-general"


@pytest.fixture
def photo(tmp_path, monkeypatch):
    """A can on grey, and a network that sees it at once."""
    seen = np.zeros((320, 320), np.float32)
    seen[80:260, 100:220] = 1
    monkeypatch.setattr(networks, "predict", lambda _name, _rgb: seen)
    picture = np.full((160, 160, 3), 210, np.uint8)
    cv2.rectangle(picture, (50, 40), (110, 130), (30, 30, 160), -1)
    path = tmp_path / "can.png"
    assert cv2.imwrite(str(path), picture)
    return str(path)


def test_the_larger_network_is_offered_once_and_never_as_a_doubt(home, photo, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a new cache"))
    words = ["segment", photo, "-o", str(tmp_path / "m.png")]

    quiet, scripted = run(*words, "-q"), run(*words, "--json")
    first, second = run(*words), run(*words)

    offered = [line for line in first.output.splitlines() if "prodgen weights get isnet-general-use" in line]
    assert len(offered) == 1
    assert offered[0].startswith("offer ")
    assert "179 MB, Apache-2.0" in offered[0]
    assert not any("weights get" in result.output for result in (quiet, scripted, second))


def test_nothing_is_offered_where_that_cannot_be_remembered(home, photo, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))

    assert "weights get" not in run("segment", photo, "-o", str(tmp_path / "m.png")).output


def test_nothing_is_offered_to_who_has_a_larger_network(home, tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "a new cache"))
    path = home / "models/u2net/u2net.onnx"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"x")

    assert on_this_machine.worth_getting() is None
    assert not (user_cache_folder() / "larger-network-offered").exists()
