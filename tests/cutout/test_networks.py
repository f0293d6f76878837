"""What trained networks say of a photo, and how they are loaded."""

import hashlib
import os
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest

from prodgen import cutout
from prodgen.cutout import cores, networks, rembg_sessions
from prodgen.errors import SegmentationError

pytest.importorskip("rembg")
pytest.importorskip("onnxruntime")


def photo_of_a_can(width=400, height=300):
    """A dark red can on light grey."""
    picture = np.full((height, width, 3), 0.8, np.float32)
    left, right = int(width * 0.4), int(width * 0.6)
    cv2.rectangle(picture, (left, height // 5), (right, height * 4 // 5), (0.6, 0.1, 0.1), -1)
    return cv2.GaussianBlur(picture, (0, 0), 1)


def test_a_product_is_probable_and_its_backdrop_is_not():
    found = networks.predict("u2netp", photo_of_a_can())

    assert found.shape == (320, 320)
    assert found.dtype == np.float32
    assert found[160, 160] > 0.9
    assert found[20, 20] < 0.1


def test_a_picture_without_a_product_is_not_stretched_until_it_has_one():
    found = networks.predict("u2netp", np.full((240, 320, 3), 0.7, np.float32))

    assert found.max() < 0.9


def test_a_large_photo_and_the_same_one_small_get_the_same_answer():
    small = photo_of_a_can(640, 640)
    large = cv2.resize(small, (2600, 2600), interpolation=cv2.INTER_CUBIC).clip(0, 1)

    difference = np.abs(networks.predict("u2netp", large) - networks.predict("u2netp", small))

    assert difference.mean() < 0.01


def test_the_answer_is_rembgs_own_before_it_stretches_it():
    rgb = photo_of_a_can(320, 320)
    session, _ = rembg_sessions._session("u2netp", rembg_sessions.U2NETP, (networks.PACKAGED_FILE,))
    from prodgen.codecs import to_pillow

    (mask, *_) = session.predict(to_pillow(rgb))
    raw = networks.predict("u2netp", rgb)

    stretched = (raw - raw.min()) / (raw.max() - raw.min())
    np.testing.assert_allclose(stretched, np.asarray(mask) / 255, atol=1.01 / 255)


def test_logits_get_their_sigmoid_once_and_probabilities_none(monkeypatch):
    class Inner:
        def get_outputs(self):
            return [SimpleNamespace(name="answer"), SimpleNamespace(name="for training")]

        def run(self, outputs, _):
            assert outputs == ["answer"]
            return [np.full((1, 1, 4, 4), 2.0, np.float32)]

    class Session:
        inner_session = Inner()

        def normalize(self, *_):
            return {}

    monkeypatch.setattr(rembg_sessions, "_session", lambda *_: (Session(), ()))
    rgb = np.zeros((4, 4, 3), np.float32)
    logits = rembg_sessions.BIREFNET._replace(size=4)
    probabilities = rembg_sessions.ISNET._replace(size=4)

    assert rembg_sessions.probability("x", logits, (), rgb)[0, 0] == pytest.approx(1 / (1 + np.exp(-2)))
    assert rembg_sessions.probability("x", probabilities, (), rgb)[0, 0] == 1


def test_what_ships_is_the_file_that_rembg_asks_for():
    shipped = networks.PACKAGED_FILE.read_bytes()

    assert hashlib.sha256(shipped).hexdigest() == networks.PACKAGED_SHA256
    assert hashlib.md5(shipped).hexdigest() == "8e83ca70e441ab06c318d82300c84806"


def test_a_damaged_packaged_network_is_said_in_one_sentence(tmp_path, monkeypatch):
    damaged = tmp_path / "u2netp.onnx"
    damaged.write_bytes(networks.PACKAGED_FILE.read_bytes()[:-1])
    monkeypatch.setattr(networks, "PACKAGED_FILE", damaged)

    with pytest.raises(SegmentationError, match=r"missing or damaged.*install prodgen again.*classical"):
        networks.predict("u2netp", photo_of_a_can())


def test_a_missing_packaged_network_is_said_in_one_sentence(tmp_path, monkeypatch):
    monkeypatch.setattr(networks, "PACKAGED_FILE", tmp_path / "u2netp.onnx")

    with pytest.raises(SegmentationError, match="missing or damaged"):
        networks.predict("u2netp", photo_of_a_can())


def test_weights_that_are_not_here_are_answered_with_the_command_that_gets_them(tmp_path, monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(tmp_path))

    with pytest.raises(SegmentationError, match="prodgen weights get isnet-general-use"):
        cutout.segmenter("isnet-general-use").segment(photo_of_a_can())


def test_a_network_runs_without_the_parts_of_rembg_that_compile_for_a_minute():
    code = (
        "import sys, numpy as np; from prodgen.cutout import networks;"
        "networks.predict('u2netp', np.zeros((9, 9, 3), np.float32));"
        "print([name for name in ('numba', 'pymatting', 'skimage') if name in sys.modules])"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "[]"
    assert out.stderr == ""


def test_a_rembg_whose_sessions_lean_on_the_rest_of_it_is_imported_whole(monkeypatch):
    real = rembg_sessions.importlib.import_module
    asked = []

    def import_module(name):
        asked.append(name)
        if name.startswith(rembg_sessions._ALONE):
            raise ImportError("attempted relative import beyond top-level package")
        return real(name.replace("rembg.sessions", rembg_sessions._ALONE))

    monkeypatch.setattr(rembg_sessions.importlib, "import_module", import_module)

    assert rembg_sessions._session_class("u2netp").name() == "u2netp"
    assert asked[-1] == "rembg.sessions.u2netp"


@pytest.mark.parametrize("missing", ["rembg", "onnxruntime", "pooch"])
def test_without_a_part_of_it_the_network_is_an_instruction(missing):
    code = (
        f"import sys; sys.modules[{missing!r}] = None\n"
        "import numpy as np; from prodgen import cutout\n"
        "try: cutout.segmenter('u2netp').segment(np.zeros((9, 9, 3), np.float32))\n"
        "except cutout.cutting.SegmentationError as error: print(error)"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert "needs rembg and onnxruntime" in out.stdout
    assert "pip install 'rembg[cpu]'" in out.stdout


def test_threads_that_start_together_share_one_session():
    rembg_sessions._loaded.cache_clear()
    threads = [threading.Thread(target=networks.predict, args=("u2netp", photo_of_a_can())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert rembg_sessions._loaded.cache_info().misses == 1


@pytest.mark.parametrize(("wish", "threads"), [("", 3), ("2", 2), ("1,4", 1), ("0", 3), ("many", 3)], ids=str)
def test_a_session_asks_for_as_many_threads_as_there_are_cores_or_as_is_wished(monkeypatch, wish, threads):
    monkeypatch.setenv("OMP_NUM_THREADS", wish)
    monkeypatch.setattr(rembg_sessions, "usable_cores", lambda: 3)
    rembg_sessions._loaded.cache_clear()

    session, _ = rembg_sessions._session("u2netp", rembg_sessions.U2NETP, (networks.PACKAGED_FILE,))

    assert session.inner_session.get_session_options().intra_op_num_threads == threads
    rembg_sessions._loaded.cache_clear()


@pytest.mark.parametrize(
    ("quota", "expected"), [("max 100000", 4), ("150000 100000", 2), ("20000 100000", 1), ("", 4), ("-1", 4)]
)
def test_cores_are_those_of_the_container(tmp_path, monkeypatch, quota, expected):
    limit = tmp_path / "cpu.max"
    limit.write_text(quota)
    for cpu in range(8):
        topology = tmp_path / f"cpu{cpu}" / "topology"
        topology.mkdir(parents=True)
        (topology / "thread_siblings_list").write_text(f"{cpu % 4},{cpu % 4 + 4}\n")
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(cores, "_CPUS", tmp_path)
    monkeypatch.setattr(cores, "_QUOTAS", ((limit, None), (Path("/nowhere"), Path("/nowhere"))))

    assert cores.usable_cores() == expected


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the peak is counted in other units")
def test_a_second_picture_takes_no_more_memory_than_the_first():
    code = (
        "import resource, numpy as np; from prodgen.cutout import networks\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024\n"
        "rgb = np.random.default_rng(1).random((64, 64, 3), np.float32)\n"
        "networks.predict('u2netp', rgb); first = peak(); networks.predict('u2netp', rgb)\n"
        "print(peak() - first)"
    )

    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert float(out.stdout) < 100, "MB; with onnxruntime's memory pattern it is 200"
