import cv2
import numpy as np
import pytest

from prodgen import files, images, masks
from prodgen.cutout import networks
from prodgen.cutout.classical import ClassicalSegmenter
from prodgen.cutout.completion import complete_outline
from prodgen.errors import ImageError

SIDE = 480


def drawn(*shapes):
    """A matte of ellipses and rectangles, in ones."""
    large = np.zeros((2 * SIDE, 2 * SIDE), np.uint8)
    for draw, *where in shapes:
        draw(large, *where)
    return cv2.resize(large.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def rectangle(large, left, top, right, bottom):
    cv2.rectangle(large, (2 * left, 2 * top), (2 * right, 2 * bottom), 1, -1)


def ellipse(large, x, y, a, b):
    cv2.ellipse(large, (2 * x, 2 * y), (2 * a, 2 * b), 0, 0, 360, 1, -1)


LID = drawn((ellipse, 240, 160, 120, 25))
BODY = drawn((rectangle, 120, 160, 360, 400))
BITTEN = np.clip(BODY - LID, 0, 1)
JAR = np.maximum(BODY, LID)
BOTTLE = drawn((rectangle, 150, 230, 330, 400), (rectangle, 215, 110, 265, 230))


def photograph(paint, *, noise=0.003, backdrop=0.85):
    """8-bit picture of a sweep; each matte of `paint` with its own grey, later ones above."""
    y = np.linspace(-1, 1, SIDE, dtype=np.float32)[:, None]
    grey = np.broadcast_to(backdrop + 0.03 * np.tanh(2 * y), (SIDE, SIDE))
    for matte, value, is_relative in paint:
        grey = matte * (grey + value if is_relative else value) + (1 - matte) * grey
    rgb = np.repeat(grey[..., None], 3, axis=2)
    rgb = rgb + np.random.default_rng(2).normal(0, noise, rgb.shape)
    return images.from_uint8(images.to_uint8(np.clip(rgb, 0, 1).astype(np.float32)))


def cut(photo, **hints):
    return ClassicalSegmenter().segment(photo, **hints).matte


def iou(matte, true):
    return float(((matte > 0.5) & (true > 0.5)).sum() / ((matte > 0.5) | (true > 0.5)).sum())


@pytest.mark.parametrize("step", [-0.006, 0.006])
def test_a_lid_that_differs_from_the_backdrop_by_less_than_two_grey_levels_is_closed(step):
    photo = photograph([(LID, step, True), (BITTEN, 0.3, False)])

    result = complete_outline(photo, BITTEN)

    assert iou(BITTEN, JAR) < 0.93
    assert iou(result, JAR) > 0.985


def test_without_any_edge_a_hollow_stays_to_the_bit():
    photo = photograph([(BITTEN, 0.3, False)])

    np.testing.assert_array_equal(complete_outline(photo, BITTEN), BITTEN)


def test_a_bottles_shoulders_stay_hollow():
    photo = photograph([(BOTTLE, 0.95, False)])

    np.testing.assert_array_equal(complete_outline(photo, BOTTLE), BOTTLE)


@pytest.mark.parametrize("sigma", [5, 8, 14])
def test_a_soft_shadow_does_not_become_product(sigma):
    shadow = cv2.GaussianBlur(np.roll(JAR, (12, 24), axis=(0, 1)), (0, 0), sigma)
    photo = photograph([(shadow, -0.12, True), (JAR, 0.3, False)])

    np.testing.assert_array_equal(complete_outline(photo, JAR), JAR)


def test_a_line_on_a_table_is_not_an_outline():
    line = drawn((rectangle, 0, 132, SIDE, SIDE))
    photo = photograph([(line, -0.05, True), (BODY, 0.3, False)])

    np.testing.assert_array_equal(complete_outline(photo, BODY), BODY)


@pytest.mark.parametrize("seed", range(4))
def test_the_grain_of_wood_is_not_an_outline(seed):
    grain = np.random.default_rng(seed).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    grain = cv2.GaussianBlur(grain, (0, 0), sigmaX=60, sigmaY=1.5)
    photo = photograph([(0.02 * grain / grain.std(), 1.0, True), (BITTEN, 0.3, False)])

    np.testing.assert_array_equal(complete_outline(photo, BITTEN), BITTEN)


def test_what_lies_below_the_product_is_floor():
    strip = drawn((rectangle, 120, 400, 360, 424))
    photo = photograph([(strip, -0.008, True), (BODY, 0.3, False)])

    np.testing.assert_array_equal(complete_outline(photo, BODY), BODY)


def line(large, points, width):
    cv2.polylines(large, [2 * np.int32(points)], False, 1, 2 * width)


ACROSS = np.linspace(-1, 1, 60)
ARC = drawn((line, np.stack([240 + 150 * ACROSS, 160 + 200 * ACROSS**2], 1), 5))
LOOP = drawn((line, [(120, 120), (360, 120), (360, 330), (120, 330), (120, 120)], 16))


@pytest.mark.parametrize("sigma", [3, 6, 10])
@pytest.mark.parametrize("thin", [ARC, LOOP], ids=["arc", "loop"])
def test_the_opening_of_something_thin_stays_open(thin, sigma):
    shadow = cv2.GaussianBlur(np.roll(thin, (6, 10), axis=(0, 1)), (0, 0), sigma)
    photo = photograph([(shadow, -0.15, True), (thin, 0.2, False)])

    np.testing.assert_array_equal(complete_outline(photo, thin), thin)


def test_a_network_that_missed_a_white_lid_before_white_gets_it_whole(monkeypatch):
    photo = photograph([(LID, -0.008, True), (BITTEN, 0.3, False)])
    monkeypatch.setattr(networks, "predict", lambda *_: BITTEN)
    monkeypatch.setattr(networks, "fuse", lambda *_: BITTEN)

    matte = networks.RembgSegmenter("u2netp").segment(photo).matte

    assert iou(matte, JAR) > 0.985


def test_haze_beyond_a_found_edge_is_cleared():
    photo = photograph([(LID, -0.008, True), (BITTEN, 0.3, False)])
    hazy = np.maximum(BITTEN, 0.3 * drawn((rectangle, 200, 95, 280, 170)))

    result = complete_outline(photo, hazy)

    assert hazy[108:130, 220:260].min() > 0.2
    assert result[108:130, 220:260].max() < 0.01


def test_what_is_half_sure_before_a_found_edge_becomes_product():
    photo = photograph([(LID, -0.008, True), (BITTEN, 0.3, False)])
    half_sure = BITTEN - 0.4 * drawn((rectangle, 200, 190, 280, 196))  # below the rim of the bite

    result = complete_outline(photo, half_sure)

    assert half_sure[191:195, 210:270].max() < 0.7
    assert result[191:195, 210:270].min() > 0.95


def test_an_empty_matte_stays_empty():
    empty = np.zeros((SIDE, SIDE), np.float32)

    assert complete_outline(photograph([]), empty).max() == 0


def test_a_matte_of_another_size_is_refused():
    with pytest.raises(ImageError, match=r"the matte is 480x480 but the photo is 240x480"):
        complete_outline(photograph([])[:, ::2], JAR)


@pytest.mark.parametrize("size", [(1, 1), (3, 300), (64, 64)])
def test_a_full_matte_of_any_size_stays_full(size):
    full = np.ones(size, np.float32)

    np.testing.assert_array_equal(complete_outline(np.full((*size, 3), 0.8, np.float32), full), full)


def test_the_white_lid_before_white_is_whole(shared):
    true = files.load_matte(shared / "truth" / "jar_cutout.png")
    photo = files.load(shared / "truth" / "jar_input.png").rgb

    matte = cut(photo)

    assert iou(matte, true) > 0.98
    assert masks.hole_count(matte) == 0


def test_a_background_point_before_a_faint_edge_has_the_last_word():
    photo = photograph([(LID, 0.012, True), (BITTEN, 0.3, False)])

    assert cut(photo)[160, 240] > 0.5
    assert cut(photo, points=[(240, 160, False)])[160, 240] < 0.5
