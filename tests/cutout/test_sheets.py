"""Pictures of cut-outs that a person judges: what is doubtful is seen in them, and who found what."""

import numpy as np
import pytest

from prodgen import images
from prodgen.captions import text_line, wrapped
from prodgen.cutout import (
    CutOut,
    Doubt,
    MatteQuality,
    Segmentation,
    compare,
    contact_sheet,
    preview,
    sheets,
    told,
)
from prodgen.errors import SegmentationError

GREEN = np.float32([0.1, 0.6, 0.2])


@pytest.fixture
def square():
    """A matte of 200x300 with a square in it."""
    matte = np.zeros((200, 300), np.float32)
    matte[50:150, 50:150] = 1
    return matte


def cut_of(matte, *, doubtful=None):
    rgb = np.broadcast_to(GREEN, (*matte.shape, 3)).copy()
    quality = None
    if doubtful is not None:
        quality = MatteQuality(0.4, "warn", (Doubt("looks disagree", 0.3),), doubtful)
    doubts = () if quality is None else quality.doubts
    return CutOut(images.Photo(rgb), matte, "mine", doubts, quality)


def marks(picture):
    """Where a picture has the colour of marks."""
    return np.abs(picture - np.float32(sheets._MARK)).max(axis=2) < 0.01


def test_a_preview_shows_the_product_on_a_checkerboard(square):
    shown = preview(cut_of(square))

    np.testing.assert_allclose(shown[60:140, 60:140], np.broadcast_to(GREEN, (80, 80, 3)), atol=1e-5)
    assert set(np.unique(shown[:200, 200:300].round(2))) == {np.float32(0.86), np.float32(0.97)}


def test_a_light_product_stands_on_dark_squares(square):
    cut = CutOut(images.Photo(np.full((200, 300, 3), 0.95, np.float32)), square)

    assert preview(cut)[:200, 200:300].max() < 0.5


def test_a_doubtful_place_is_marked_there_and_nowhere_else(square):
    doubtful = np.zeros((20, 30), np.float32)
    doubtful[5:15, 18:28] = 1

    shown = preview(cut_of(square, doubtful=doubtful))

    where = marks(shown[:200, :300])
    assert where[50:150, 180:280].mean() > 0.15
    assert not where[:, :160].any()
    inside = shown[70:130, 200:260]
    assert (np.abs(inside - (0.5 * GREEN + 0.5 * 0.97)).max(axis=2) < 0.02).any(), (
        "the photo does not shine through"
    )


def test_a_preview_says_what_speaks_against_the_matte_below_the_picture(square):
    sure = np.zeros((20, 30), np.float32)

    plain, doubted = preview(cut_of(square)), preview(cut_of(square, doubtful=sure + 1))

    assert not marks(plain).any()
    assert len(doubted) > len(plain) > 200
    assert doubted[200:].min() < 0.5


def test_a_preview_is_no_larger_than_a_screen():
    large = np.zeros((400, 3300), np.float32)
    large[100:300, 100:3200] = 1

    assert preview(cut_of(large)).shape[1] == 1600


class Finder:
    """A segmenter that finds the left half, or fails."""

    def __init__(self, name):
        self.name = name

    def segment(self, rgb, *, box=None, points=()):
        if self.name == "sam":
            raise SegmentationError("nothing stands out")
        matte = np.zeros(rgb.shape[:2], np.float32)
        matte[:, : rgb.shape[1] // 2] = 1
        return Segmentation(matte)


@pytest.fixture
def two_here(monkeypatch):
    monkeypatch.setattr("prodgen.cutout.cutting.segmenter_named", Finder)
    monkeypatch.setattr(sheets, "available", lambda: ("auto", "classical", "sam"))


def test_every_segmenter_that_is_here_is_tried_and_one_that_fails_says_why(two_here):
    tried = compare(np.full((60, 90, 3), 0.5, np.float32))

    assert [one.segmenter for one in tried] == ["classical", "sam"]
    assert tried[0].as_dict()["product_share"] == pytest.approx(0.5)
    assert tried[1].as_dict()["failure"] == "nothing stands out"


def test_a_box_and_points_help_every_segmenter_that_is_compared(two_here):
    (one,) = compare(np.full((60, 90, 3), 0.5, np.float32), names=["classical"], box=(40, 20, 60, 40))

    assert one.cut.matte[:, :40].max() == one.cut.matte[:, 60:].max() == 0


def test_the_sheet_has_the_photograph_and_a_tile_for_each(two_here):
    photo = np.full((60, 90, 3), 0.5, np.float32)
    photo[:, :45] = GREEN

    sheet = contact_sheet(photo, compare(photo))

    greens = np.abs(sheet - GREEN).max(axis=2) < 0.02
    assert greens.sum() == pytest.approx(2 * 60 * 45, rel=0.02)  # the photograph's and one cut-out's
    reds = (sheet[..., 0] > 0.6) & (sheet[..., 1] < 0.3)
    assert reds.any(), "why the second found nothing is not said"


def test_what_is_told_of_a_cut_out_has_its_quality(square):
    facts = told(cut_of(square, doubtful=np.zeros((20, 30), np.float32)))

    assert (facts["segmenter"], facts["score"], facts["status"]) == ("mine", 0.4, "warn")
    assert facts["reasons"] == ["30% of it is product at one look and background at another"]
    assert facts["product_share"] == pytest.approx(1 / 6)
    assert told(cut_of(square))["status"] is None


def test_words_become_ink_of_one_height():
    line, other = text_line("u2netp", 20), text_line("I.", 20)

    assert line.max() == 1
    assert line.shape[0] == other.shape[0]
    assert line.shape[1] > 3 * other.shape[1]
    assert text_line("", 20).max() == 0


def test_text_is_wrapped_at_words_and_a_word_that_is_too_long_stands_alone():
    lines = wrapped("one two three aVeryLongWordThatDoesNotFitAnywhere four", 20, 100)

    assert " ".join(lines) == "one two three aVeryLongWordThatDoesNotFitAnywhere four"
    assert "aVeryLongWordThatDoesNotFitAnywhere" in lines
    assert all(text_line(line, 20).shape[1] <= 104 for line in lines if len(line) < 20)
