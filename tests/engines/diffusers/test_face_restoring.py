"""Faces drawn anew, with stand-ins for the two networks: YuNet, and GFPGAN by way of spandrel."""

from __future__ import annotations

import re
import sys
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)

from safetensors.torch import save_file

from prodgen.engines.diffusers.companions import FACE_RESTORERS, face_restorer_kind
from prodgen.engines.diffusers.diffusers_engine import DiffusersEngine
from prodgen.engines.diffusers.face_restoring import UPRIGHT, FaceRestorer, load_face_restorer, yunet
from prodgen.engines.diffusers.header import read_header
from prodgen.errors import ModelFileError
from prodgen.server.engine import BatchOrder, EngineSettings
from prodgen.server.finer_settings import FinerSettings

SIZE = (160, 200)
"""Height and width of the pictures."""

QUARTER = np.float32([[0, -0.15, 150], [0.15, 0, 40]])
"""A face of 77 px that lies on its side: the upright one, smaller and turned."""

POINTS = (UPRIGHT @ QUARTER[:, :2].T + QUARTER[:, 2]).astype(np.float32)


@pytest.fixture
def picture() -> np.ndarray:
    smooth = np.random.default_rng(1).integers(40, 200, (10, 12, 3), dtype=np.uint8)
    return cv2.resize(smooth, SIZE[::-1], interpolation=cv2.INTER_CUBIC)


class Negative(torch.nn.Module):
    """Stands in for GFPGAN: takes -1 to 1, gives the negative, and notes how it was called."""

    def forward(self, face, **how):
        self.seen = face, how
        return -face, []


@pytest.fixture
def network(monkeypatch) -> Negative:
    """A spandrel that finds `Negative` in every file."""
    model, spandrel = Negative(), ModuleType("spandrel")
    found = SimpleNamespace(
        model=model, purpose="FaceSR", architecture=SimpleNamespace(id="GFPGAN", name="GFPGAN")
    )
    found.to = lambda *_: found
    found.eval = lambda: found
    spandrel.__spec__ = ModuleSpec("spandrel", None)
    spandrel.UnsupportedModelError = type("UnsupportedModelError", (Exception,), {})
    spandrel.ModelLoader = lambda: SimpleNamespace(load_from_state_dict=lambda _: found)
    spandrel.found = found
    monkeypatch.setitem(sys.modules, "spandrel", spandrel)
    return model


class Detector:
    """Stands in for YuNet: finds one face, where `POINTS` are in a picture of `SIZE`."""

    def setInputSize(self, size):  # noqa: N802 - OpenCV's
        self.size = size

    def detect(self, picture):
        assert picture.shape[1::-1] == self.size
        row = np.zeros((1, 15), np.float32)
        row[0, 4:14] = (POINTS * (self.size[0] / SIZE[1])).ravel()
        return 1, row


@pytest.fixture
def files(tmp_path, monkeypatch) -> Path:
    """The folder GFPGAN with a file of each kind."""
    monkeypatch.setattr(cv2.FaceDetectorYN, "create", lambda *_: Detector())
    folder = tmp_path / "GFPGAN"
    folder.mkdir()
    save_file({name: torch.zeros(1) for name in FACE_RESTORERS["GFPGAN"]}, folder / "v1.4.safetensors")
    (folder / "face_detection_yunet_2026may.onnx").write_bytes(b"onnx")
    return folder


def loaded(files: Path) -> FaceRestorer:
    detector = files / "face_detection_yunet_2026may.onnx"
    return load_face_restorer(files / "v1.4.safetensors", detector, device=torch.device("cpu"))


def test_a_face_is_drawn_anew_in_its_place_and_the_rest_stays(files, network, picture):
    made = loaded(files).restored(picture)

    x, y = POINTS.mean(axis=0).round().astype(int)
    np.testing.assert_allclose(made[y, x].astype(int), 255 - picture[y, x].astype(int), atol=3)
    np.testing.assert_array_equal(made[:, :70], picture[:, :70])
    np.testing.assert_array_equal(made[125:], picture[125:])


def test_the_network_sees_the_face_upright_in_its_own_range_and_draws_no_noise(files, network, picture):
    x, y = POINTS[0].round().astype(int)
    picture[y - 3 : y + 4, x - 3 : x + 4] = (255, 0, 0)

    loaded(files).restored(picture)

    face, how = network.seen
    assert how == {"return_rgb": False, "randomize_noise": False}
    assert face.shape == (1, 3, 512, 512)
    column, row = UPRIGHT[0].round().astype(int)
    assert face[0, :, row, column].tolist() == pytest.approx([1, -1, -1], abs=0.05)


def test_a_face_that_is_drawn_as_it_was_changes_a_picture_by_what_resampling_changes(picture):
    same = FaceRestorer(lambda _: [POINTS], lambda face: face)

    assert np.abs(same.restored(picture).astype(int) - picture).max() <= 6


def test_a_picture_without_a_face_stays_as_it_is(picture):
    np.testing.assert_array_equal(
        FaceRestorer(lambda _: [], lambda face: 255 - face).restored(picture), picture
    )


def test_faces_of_a_large_picture_are_looked_for_in_a_smaller_one(files):
    found = yunet(files / "face_detection_yunet_2026may.onnx")(np.zeros((1600, 2000, 3), np.uint8))

    np.testing.assert_allclose(found[0], POINTS * 10, rtol=1e-5)


def test_a_detector_that_opencv_cannot_use_is_refused(tmp_path):
    (tmp_path / "faces.onnx").write_bytes(b"no network")

    with pytest.raises(ModelFileError, match="YuNet"):
        yunet(tmp_path / "faces.onnx")


def test_the_documented_lines_make_safetensors_of_gfpgans_pickle(tmp_path, monkeypatch):
    page = (Path(__file__).parents[3] / "docs" / "engine.md").read_text("utf-8")
    (lines,) = re.findall(r"```py\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    torch.save(
        {"params_ema": {key: torch.zeros(2, 2).T for key in FACE_RESTORERS["GFPGAN"]}}, "GFPGANv1.4.pth"
    )

    exec(compile(lines, "engine.md", "exec"), {})

    assert face_restorer_kind(read_header(tmp_path / "GFPGANv1.4.safetensors")) == "GFPGAN"


def test_a_network_that_restores_no_faces_is_refused(files, network):
    sys.modules["spandrel"].found.purpose = "SR"

    with pytest.raises(ModelFileError, match="restores no faces"):
        loaded(files)


@pytest.fixture
def engine(files, models_folder):
    for name in ("Stable-diffusion", "ic-light"):
        (files.parent / name).symlink_to(models_folder / name)
    made = DiffusersEngine(EngineSettings(models=files.parent))
    yield made
    made.close()


def test_the_engine_restores_faces_where_everything_is_there(engine, network):
    inventory = engine.inventory()
    order = BatchOrder("a mug", "", (1,), 64, 64, inventory.checkpoints[0], steps=1)

    pictures = [
        next(engine.draw(order if name is None else _with(order, name), lambda *_: None)).pixels
        for name in (None, *inventory.face_restorers)
    ]

    assert (inventory.face_restorers, inventory.face_remedy) == (("GFPGAN",), "")
    assert np.abs(pictures[1].astype(int) - pictures[0]).max() > 20


def _with(order: BatchOrder, name: str) -> BatchOrder:
    from dataclasses import replace

    return replace(order, finer=FinerSettings(restore_faces=name))


@pytest.mark.parametrize(
    ("gone", "said"),
    [
        ("v1.4.safetensors", "put a GFPGAN"),
        ("face_detection_yunet_2026may.onnx", "yunet_2026may.onnx into"),
        ("spandrel", "prodgen[upscalers]"),
    ],
)
def test_what_is_missing_for_faces_is_named_and_none_is_listed(
    engine, files, network, monkeypatch, gone, said
):
    if gone == "spandrel":
        monkeypatch.setitem(sys.modules, "spandrel", None)
    else:
        (files / gone).unlink()

    inventory = engine.inventory()

    assert inventory.face_restorers == ()
    assert said in inventory.face_remedy
    assert ";" not in inventory.face_remedy
