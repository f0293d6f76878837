"""One function cuts out: for Python, the command line, the recipe's stage and the inspection alike."""

import io

import numpy as np
import pytest
from PIL import Image

from prodgen import codecs, files, images
from prodgen.cutout import Doubt, Segmentation, cut_out, cutting
from prodgen.errors import ImageError, SegmentationError, SettingError, UnknownNameError

RED, BLUE = np.float32([0.8, 0.1, 0.1]), np.float32([0.1, 0.2, 0.8])


class FoundElsewhere:
    """A segmenter of the user's own: it finds the matte it was made with."""

    name = "mine"

    def __init__(self, matte):
        self.matte = matte

    def segment(self, rgb, *, box=None, points=()):
        return Segmentation(self.matte, (Doubt("busy backdrop"),))


@pytest.fixture
def photo(disc):
    """A red disc before blue, with a soft edge."""
    return (RED * disc[..., None] + BLUE * (1 - disc[..., None])).astype(np.float32)


def test_a_picture_in_memory_is_cut_out_in_one_line(tmp_path):
    y, x = np.mgrid[:240, :240]
    true = np.clip(70.5 - np.hypot(x - 120, y - 120), 0, 1).astype(np.float32)
    photo = RED * true[..., None] + BLUE * (1 - true[..., None])

    cut_out(photo, segmenter="classical").save(tmp_path / "cut.png")

    back = files.load(tmp_path / "cut.png")
    assert ((back.matte > 0.5) == (true > 0.5)).mean() > 0.99
    assert np.abs(back.rgb[true > 0.5] - RED).mean() < 0.02


def test_the_picture_is_pillows_with_the_matte_as_alpha(photo, disc):
    picture = cut_out(photo, matte=disc).picture

    assert picture.mode == "RGBA"
    np.testing.assert_array_equal(np.asarray(picture)[..., 3], images.to_uint8(disc))


def test_the_foreground_has_no_backdrop_left_in_its_edge(photo, disc):
    cut = cut_out(photo, matte=disc)

    edge = (disc > 0.2) & (disc < 0.9)
    assert np.abs(cut.foreground - RED)[edge].mean() < 0.2 * np.abs(photo - RED)[edge].mean()


def test_the_matte_is_written_as_a_grey_picture(photo, disc, tmp_path):
    cut_out(photo, matte=disc).save_matte(tmp_path / "matte.png")

    with Image.open(tmp_path / "matte.png") as written:
        assert written.mode == "L"
        np.testing.assert_array_equal(np.asarray(written), images.to_uint8(disc))


def test_a_prompt_shows_the_cut_out_in_one_line(photo, disc):
    assert repr(cut_out(photo, matte=disc)) == "<CutOut 64x64, matte as given>"


def test_a_notebook_shows_the_cut_out(photo, disc):
    shown = codecs.decode(cut_out(photo, matte=disc)._repr_png_())

    np.testing.assert_array_equal(images.to_uint8(shown.matte), images.to_uint8(disc))


def test_a_jpeg_which_has_no_transparency_is_refused(photo, disc, tmp_path):
    with pytest.raises(ImageError, match=r"'cut.jpg': a JPEG has no transparency; save the cut-out as PNG"):
        cut_out(photo, matte=disc).save(tmp_path / "cut.jpg")

    assert list(tmp_path.iterdir()) == []


def test_a_matte_of_ones_own_is_taken_as_it_is_and_no_segmenter_runs(photo, disc):
    file = io.BytesIO(codecs.encode_matte("PNG", disc))

    cut = cut_out(photo, matte=file, segmenter=FoundElsewhere(disc * 0))

    np.testing.assert_array_equal(images.to_uint8(cut.matte), images.to_uint8(disc))
    assert cut.segmenter is None


def test_the_photographs_own_transparency_is_the_matte(photo, disc):
    cut = cut_out(np.dstack([photo, disc]))

    np.testing.assert_array_equal(cut.matte, disc)
    assert cut.segmenter is None


@pytest.mark.parametrize(
    "asked", [{"segmenter": "classical"}, {"box": (2, 2, 62, 62)}, {"points": [(32, 32, True)]}]
)
def test_who_names_a_segmenter_a_box_or_points_gets_what_it_finds_within_the_own_transparency(
    photo, disc, asked, monkeypatch
):
    monkeypatch.setattr(cutting, "segmenter_named", lambda name: FoundElsewhere(disc))
    own = np.roll(disc, 9, axis=1)

    np.testing.assert_array_equal(cut_out(np.dstack([photo, own]), **asked).matte, disc * own)


def test_who_keeps_the_own_transparency_gets_it_whatever_segmenter_is_named(photo, disc):
    own = np.roll(disc, 9, axis=1)

    kept = cut_out(np.dstack([photo, own]), segmenter=FoundElsewhere(disc), keep_alpha=True)

    np.testing.assert_array_equal(kept.matte, own)
    assert kept.segmenter is None


def test_who_ignores_the_own_transparency_gets_what_is_visible_cut_out_anew(photo, disc, monkeypatch):
    monkeypatch.setattr(cutting, "segmenter_named", lambda name: FoundElsewhere(disc))
    own = np.roll(disc, 9, axis=1)

    anew = cut_out(np.dstack([photo, own]), keep_alpha=False)

    np.testing.assert_array_equal(anew.matte, disc * own)


def test_a_photo_with_nothing_to_keep_is_segmented_and_says_so(photo, disc):
    cut = cut_out(photo, segmenter=FoundElsewhere(disc), keep_alpha=True)

    assert cut.segmenter == "mine"
    assert "no transparency to keep" in " ".join(cut.notices)


@pytest.fixture
def nearly_opaque(photo):
    """A photo of which one pixel is transparent."""
    alpha = np.ones(photo.shape[:2], np.float32)
    alpha[0, 0] = 0
    return np.dstack([photo, alpha])


def test_a_photo_that_is_nearly_all_opaque_is_segmented(nearly_opaque, disc, monkeypatch):
    monkeypatch.setattr(cutting, "segmenter_named", lambda name: FoundElsewhere(disc))

    np.testing.assert_array_equal(cut_out(nearly_opaque).matte, disc * nearly_opaque[..., 3])


def test_transparency_that_is_no_cut_out_cannot_be_kept(nearly_opaque):
    with pytest.raises(SegmentationError, match=r"own transparency is no cut-out.*leave out --keep-alpha"):
        cut_out(nearly_opaque, keep_alpha=True)


class Watching(FoundElsewhere):
    """It finds product in all that it is shown, and notes what that was."""

    def __init__(self):
        self.seen = []

    def segment(self, rgb, *, box=None, points=()):
        self.seen.append((rgb.copy(), box, points))
        return Segmentation(np.ones(rgb.shape[:2], np.float32))


def test_any_segmenter_sees_the_box_with_a_margin_and_nothing_outside_the_box_is_product(photo):
    segmenter = Watching()

    cut = cut_out(photo, segmenter=segmenter, box=(20, 24, 40, 44), points=[(30, 30, True)])

    ((seen, box, points),) = segmenter.seen
    np.testing.assert_array_equal(seen, photo[22:46, 18:42])
    assert (box, points) == ((2, 2, 22, 22), ((12, 8, True),))
    expected = np.zeros((64, 64), np.float32)
    expected[24:44, 20:40] = 1
    np.testing.assert_array_equal(cut.matte, expected)


def test_a_box_clears_a_given_matte_too(photo, disc):
    cut = cut_out(photo, matte=disc, box="0,0,50%,100%")

    np.testing.assert_array_equal(cut.matte[:, :32], disc[:, :32])
    assert cut.matte[:, 32:].max() == 0


def test_feathering_makes_the_edge_so_many_pixels_wide(photo):
    hard = np.zeros((64, 64), np.float32)
    hard[:, :32] = 1

    row = cut_out(photo, matte=hard, feather_px=8).matte[32]

    assert ((row > 0.1) & (row < 0.9)).sum() == 8


def test_a_given_matte_is_fitted_to_the_photograph_if_asked(photo, disc):
    hard = (disc > 0.5).astype(np.float32)

    as_given, fitted = cut_out(photo, matte=hard), cut_out(photo, matte=hard, refine_edge=True)

    np.testing.assert_array_equal(as_given.matte, hard)
    assert np.abs(fitted.matte - disc).mean() < 0.5 * np.abs(hard - disc).mean()


def test_a_hard_matte_is_told_what_can_be_done_about_its_edge(photo, disc):
    hard = (disc > 0.5).astype(np.float32)

    (notice,) = cut_out(photo, matte=hard).notices

    assert "--refine-edge" in notice
    assert "--feather" in notice
    assert cut_out(photo, matte=disc).notices == ()
    assert cut_out(photo, matte=hard, feather_px=2).notices == ()


def test_an_outline_that_a_segmenter_made_up_is_doubted_and_an_own_alpha_is_not(disc):
    blank = np.ones((64, 64, 3), np.float32)

    found = cut_out(blank, segmenter=FoundElsewhere(disc))
    own = cut_out(np.dstack([blank, disc]))

    assert [doubt.kind for doubt in found.doubts] == ["busy backdrop", "doubtful cut-out"]
    assert found.quality.status != "pass"
    assert found.segmenter == "mine"
    assert own.doubts == ()
    assert own.quality is None


def test_notices_are_what_was_guessed_on_reading_and_the_doubts(disc):
    guessed = images.Photo(np.ones((64, 64, 3), np.float32), notices=("its colours are a guess",))

    cut = cut_out(guessed, segmenter=FoundElsewhere(disc))

    assert cut.notices == ("its colours are a guess", *map(str, cut.doubts))


@pytest.mark.parametrize(
    ("options", "error", "words"),
    [
        ({"matte": np.ones((8, 8))}, ImageError, "the matte is 8x8 but the photo is 64x64"),
        ({"matte": np.zeros((64, 64))}, SegmentationError, "matte is empty; in a matte the product is white"),
        ({"matte": np.float32([0.9, 0.3, 0.1]) * np.ones((64, 64, 1))}, ImageError, "the matte has colours"),
        ({"segmenter": "clasical"}, UnknownNameError, "did you mean 'classical'"),
        ({"segmenter": "classical", "box": (0, 0, 65, 9)}, SettingError, "does not lie in the photo"),
        ({"feather_px": -1}, SettingError, "feather_px must be from 0 to 100, not -1"),
    ],
)
def test_what_cannot_be_cut_out_is_refused(photo, options, error, words):
    with pytest.raises(error, match=words):
        cut_out(photo, **options)
