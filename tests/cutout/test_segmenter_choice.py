import importlib.util
import sys

import numpy as np
import pytest

from prodgen import cutout, files, masks
from prodgen.cutout import networks, segmenters
from prodgen.cutout.doubts import check_matte
from prodgen.errors import SegmentationError, SettingError, UnknownNameError

needs_rembg = pytest.mark.skipif(
    importlib.util.find_spec("rembg") is None or importlib.util.find_spec("onnxruntime") is None,
    reason="rembg is not installed: pip install 'rembg[cpu]'",
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A home without any weights."""
    for name in ("U2NET_HOME", "REMBG_HOME", "XDG_DATA_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def put(path):
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not really a network")
    return path


def test_auto_without_rembg_is_classical_and_says_what_is_missing(home, monkeypatch):
    monkeypatch.setattr(segmenters, "is_installed", lambda: False)

    chosen = cutout.segmenter()

    assert chosen.name == "classical"
    (doubt,) = chosen.doubts
    assert doubt.kind == "no network installed"
    assert "pip install 'rembg[cpu]'" in str(doubt)


@needs_rembg
def test_auto_is_the_network_that_comes_with_prodgen_where_no_weights_were_got(home):
    assert cutout.segmenter().name == "u2netp"
    assert cutout.available() == ("auto", "classical", "u2netp")


def test_classical_by_name_is_no_second_best():
    assert cutout.segmenter("classical").doubts == ()


@needs_rembg
def test_auto_takes_the_network_whose_weights_are_there(home):
    put(home / ".u2net" / "u2net.onnx")

    assert cutout.segmenter().name == "u2net"
    assert cutout.available() == ("auto", "classical", "u2net", "u2netp")


@pytest.mark.parametrize(
    ("variable", "folder"),
    [
        (None, ".rembg/models/birefnet-dis"),
        (None, ".u2net"),
        ("U2NET_HOME", "mine"),
        ("U2NET_HOME", "mine/models/birefnet-dis"),
        ("REMBG_HOME", "mine/models/birefnet-dis"),
        ("XDG_DATA_HOME", "mine/rembg/models/birefnet-dis"),
        ("XDG_DATA_HOME", "mine/.u2net"),
    ],
)
def test_weights_are_found_wherever_rembg_keeps_them(home, monkeypatch, variable, folder):
    if variable:
        monkeypatch.setenv(variable, str(home / "mine"))
    path = put(home / folder / "birefnet-dis.onnx")

    assert networks.weights("birefnet-dis") == (path,)


def test_weights_of_sam_are_both_its_files(home):
    encoder = put(home / ".u2net" / "sam_vit_b_01ec64.encoder.onnx")
    assert networks.weights("sam") == ()

    decoder = encoder.with_name("sam_vit_b_01ec64.decoder.onnx")
    decoder.write_bytes(b"x")

    assert networks.weights("sam") == (encoder, decoder)


def test_an_unknown_model_is_answered_with_the_nearest_names():
    with pytest.raises(UnknownNameError, match="did you mean 'isnet-general-use'"):
        cutout.segmenter("isnet-general")


@pytest.mark.parametrize(
    ("name", "reason"), [("bria-rmbg", "commercial"), ("withoutbg", "sends"), ("atlascloud", "sends")]
)
def test_models_with_a_catch_are_refused_with_the_reason(name, reason):
    with pytest.raises(SettingError, match=f"{name}.*{reason}.*isnet-general-use"):
        cutout.segmenter(name)


def test_no_name_offered_is_one_that_is_refused():
    assert not set(cutout.NAMES) & set(cutout.REFUSED)


def test_where_joined_segmenters_differ_the_surer_one_wins(monkeypatch):
    answers = {"u2netp": [1, 1, 0.6, 0.9, 0], "u2net": [1, 0, 0.1, 0.3, 0]}
    mattes = {"u2netp": [1, 1, 1, 1, 0], "u2net": [1, 0, 0, 0, 0]}

    class Finder:
        def __init__(self, name):
            self.name = name

        def segment(self, rgb, *, box=None, points=()):
            matte, look = (np.float32([kind[self.name]]) for kind in (mattes, answers))
            return segmenters.Segmentation(matte, (segmenters.Doubt("busy backdrop"),), (look,))

    monkeypatch.setattr(segmenters, "RembgSegmenter", Finder)

    joined = cutout.segmenter("u2netp + u2net+u2netp")
    found = joined.segment(np.zeros((1, 5, 3), np.float32))

    assert joined.name == "u2netp+u2net"
    np.testing.assert_allclose(found.matte, [[1, 0.5, 0, 1, 0]], atol=1e-6)
    assert len(found.doubts) == 1, "told twice"
    assert len(found.looks) == 4


@needs_rembg
@pytest.mark.parametrize("name", ["u2netp+u2netp", "auto+u2netp"])
def test_a_segmenter_joined_with_itself_is_that_one_and_agrees_with_nobody(home, name):
    assert isinstance(cutout.segmenter(name), networks.RembgSegmenter)


@pytest.mark.parametrize("variable", ["U2NET_HOME", "REMBG_HOME", "XDG_DATA_HOME"])
def test_an_empty_variable_names_no_folder_for_weights(home, monkeypatch, variable):
    monkeypatch.setenv(variable, "")

    assert networks.home() == home / ".rembg"


@pytest.mark.skipif(sys.platform != "linux", reason="homes are looked up in another way")
def test_a_user_without_a_home_has_no_further_weights(home, monkeypatch):
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("pwd.getpwuid", lambda _: (_ for _ in ()).throw(KeyError))

    assert networks.weights("u2net") == ()


def test_an_unknown_name_among_several_is_answered_with_the_nearest():
    with pytest.raises(UnknownNameError, match="unknown segmenter 'clasical'; did you mean 'classical'"):
        cutout.segmenter("u2netp+clasical")


def test_every_name_offered_gives_a_segmenter(home):
    for name in cutout.NAMES:
        assert cutout.segmenter(name).name in cutout.NAMES[1:]


@pytest.mark.parametrize("name", ["u2net", "sam"])
def test_a_box_outside_the_photo_is_refused_before_any_network_is_loaded(home, name):
    with pytest.raises(SettingError, match=r"does not lie in the photo of 8x8"):
        cutout.segmenter(name).segment(np.zeros((8, 8, 3), np.float32), box=(0, 0, 9, 4))


@needs_rembg
def test_broken_weights_are_one_sentence_with_the_remedy(home):
    put(home / ".rembg" / "models" / "u2net" / "u2net.onnx")

    with pytest.raises(SegmentationError, match=r"weights of 'u2net'.*prodgen weights get u2net.*classical"):
        cutout.segmenter("u2net").segment(np.zeros((8, 8, 3), np.float32))


@needs_rembg
@pytest.mark.weights
def test_isnet_cuts_out_the_truth_set(shared, monkeypatch):
    monkeypatch.setenv("U2NET_HOME", str(shared / "models"))
    monkeypatch.setenv("MODEL_CHECKSUM_DISABLED", "1")
    if not networks.weights("isnet-general-use"):
        pytest.skip("the weights of isnet-general-use are not on this machine")
    chosen = cutout.segmenter()
    assert chosen.name == "isnet-general-use"

    scores = []
    for name in ("box", "jar", "mug", "pouch"):
        photo = files.load(shared / "truth" / f"{name}_input.png").rgb
        true = files.load_matte(shared / "truth" / f"{name}_cutout.png")
        matte = chosen.segment(photo).matte
        assert check_matte(matte, photo) == []
        assert masks.hole_count(matte) == masks.hole_count(true), name
        scores.append(((matte > 0.5) & (true > 0.5)).sum() / ((matte > 0.5) | (true > 0.5)).sum())
    assert np.mean(scores) >= 0.98, scores
