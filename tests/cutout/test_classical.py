import io

import cv2
import numpy as np
import pytest
from PIL import Image

from prodgen import codecs, color, files, images, masks
from prodgen.cutout.backdrop import fit_backdrop
from prodgen.cutout.classical import ClassicalSegmenter
from prodgen.cutout.contrast import measure_contrast
from prodgen.cutout.silhouette import silhouette
from prodgen.errors import SegmentationError, SettingError

SIDE = 320


def shape(draw):
    """An anti-aliased matte of what `draw` draws, four times as large, in ones."""
    large = np.zeros((4 * SIDE, 4 * SIDE), np.uint8)
    draw(large)
    return cv2.resize(large.astype(np.float32), (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def bottle(large):
    cv2.rectangle(large, (500, 520), (800, 1080), 1, -1)
    cv2.rectangle(large, (590, 240), (710, 520), 1, -1)


def ring(large):
    cv2.ellipse(large, (640, 700), (330, 270), 15, 0, 360, 1, 110)


def sweep(colour, fall=0.25):
    """A backdrop that darkens upwards, with a bend, and towards its corners."""
    y, x = np.mgrid[-1 : 1 : SIDE * 1j, -1 : 1 : SIDE * 1j].astype(np.float32)
    light = 1 + fall * np.tanh(2 * y) / 2 - 0.3 * fall * x * x
    return np.float32(colour) * light[..., None]


def photograph(matte, product, backdrop, *, shadow=0.4, noise=0.004):
    """The product over the backdrop, with a soft shadow to its right, as 8-bit file."""
    cast = cv2.GaussianBlur(np.roll(matte, (6, 14), axis=(0, 1)), (0, 0), 8)[..., None]
    y = np.linspace(0.9, 1.1, SIDE, dtype=np.float32)[:, None, None]
    rgb = backdrop * (1 - shadow * cast)
    rgb = np.float32(product) * y * matte[..., None] + rgb * (1 - matte[..., None])
    rgb = rgb + np.random.default_rng(1).normal(0, noise, rgb.shape)
    return images.from_uint8(images.to_uint8(rgb.astype(np.float32)))


def rough(photo, **how):
    """The silhouette before GrabCut and the soft edge."""
    nothing = np.zeros(photo.shape[:2], np.bool_)
    return silhouette(measure_contrast(color.to_lab(photo)), background=nothing, product=nothing, **how)


def cut(photo, **hints):
    return ClassicalSegmenter().segment(photo, **hints).matte


def iou(matte, true):
    return float(((matte > 0.5) & (true > 0.5)).sum() / ((matte > 0.5) | (true > 0.5)).sum())


@pytest.mark.parametrize(
    ("product", "backdrop"),
    [
        ((0.7, 0.1, 0.1), (0.85, 0.85, 0.85)),  # coloured before white
        ((0.06, 0.06, 0.07), (0.55, 0.55, 0.56)),  # black before grey
        ((0.9, 0.9, 0.88), (0.08, 0.08, 0.09)),  # white before black
        ((0.5, 0.07, 0.1), (0.75, 0.25, 0.2)),  # red before red
        ((0.8, 0.65, 0.2), (0.2, 0.35, 0.6)),  # gold before blue
    ],
)
def test_a_product_is_cut_out_of_an_uneven_backdrop_without_its_shadow(product, backdrop):
    true = shape(bottle)

    matte = cut(photograph(true, product, sweep(backdrop)))

    assert iou(matte, true) > 0.97
    assert np.abs(matte - true).mean() < 0.004


def test_the_dark_line_where_the_product_stands_is_not_product():
    true = shape(bottle)
    photo = photograph(true, (0.75, 0.35, 0.2), sweep((0.85, 0.85, 0.85)), shadow=0)
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    below, beside = np.maximum(y - 270, 0), np.maximum(np.abs(x - 162) - 34, 0)
    dark = 0.85 * np.exp(-((below / 7) ** 2) - (beside / 6) ** 2) * (y > 262)
    photo = photo * (1 - (dark * (1 - true)))[..., None]

    photo = photo.astype(np.float32)
    matte = cut(photo)
    with_shadow, without = (rough(photo, has_shadow=kept) for kept in (False, True))

    assert iou(matte, true) > 0.97
    assert matte[275:, 140:185].max() < 0.5
    assert without[273:].sum() < 0.5 * with_shadow[273:].sum()


def test_a_deep_shadow_is_backdrop_and_what_is_nearly_black_is_not():
    backdrop = np.full((SIDE, SIDE, 3), 0.85, np.float32)
    backdrop[120:200, 40:140] = 0.55
    backdrop[120:200, 180:280] = 0.06

    off_backdrop = measure_contrast(color.to_lab(backdrop)).off_backdrop

    assert not off_backdrop[125:195, 45:135].any()
    assert off_backdrop[125:195, 185:275].all()


def test_a_faint_patch_on_the_backdrop_is_dust():
    true = shape(bottle)
    photo = photograph(true, (0.7, 0.1, 0.1), sweep((0.8, 0.8, 0.8)), noise=0)
    photo[60:110, 30:80] += np.float32(0.02)

    assert rough(photo)[50:120, 20:90].max() == 0


def test_a_faint_white_product_before_white_is_found_by_its_edges():
    true = shape(bottle)
    photo = photograph(true, (0.86, 0.86, 0.86), sweep((0.8, 0.8, 0.8), fall=0.05), noise=0.0, shadow=0.15)

    assert iou(cut(photo), true) > 0.95


def test_a_hole_shows_the_backdrop_and_stays_open():
    true = shape(ring)

    matte = cut(photograph(true, (0.7, 0.5, 0.1), sweep((0.8, 0.8, 0.8))))

    assert masks.hole_count(matte) == 1
    assert iou(matte, true) > 0.95


def test_a_pale_label_is_not_a_hole():
    true = shape(bottle)
    photo = photograph(true, (0.6, 0.1, 0.1), sweep((0.8, 0.8, 0.8)))
    photo[170:230, 145:180] = (0.93, 0.9, 0.8)

    matte = cut(photo)

    assert masks.hole_count(matte) == 0
    assert iou(matte, true) > 0.97


def test_a_product_that_leaves_the_picture_is_found_up_to_the_border():
    true = shape(lambda large: cv2.rectangle(large, (400, 500), (900, 1280), 1, -1))

    matte = cut(photograph(true, (0.1, 0.4, 0.2), sweep((0.85, 0.85, 0.85))))

    assert iou(matte, true) > 0.97
    assert matte[-1, 160] > 0.5


def test_noise_and_jpeg_leave_no_specks_on_the_backdrop():
    true = shape(bottle)
    photo = photograph(true, (0.5, 0.3, 0.15), sweep((0.8, 0.78, 0.74)), noise=0.015)
    done, data = cv2.imencode(".jpg", images.to_uint8(photo)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 70])
    assert done

    matte = cut(codecs.decode(data.tobytes()).rgb)

    assert iou(matte, true) > 0.95
    assert matte[masks.dilate(true, 6) == 0].max() < 0.01


def test_a_matte_is_soft_and_at_the_photos_own_size():
    true = cv2.resize(shape(bottle), (900, 700), interpolation=cv2.INTER_LINEAR)
    backdrop = cv2.resize(sweep((0.85, 0.85, 0.85)), (900, 700))
    photo = np.float32([0.7, 0.1, 0.1]) * true[..., None] + backdrop * (1 - true[..., None])

    matte = cut(photo.astype(np.float32))

    assert matte.shape == (700, 900)
    assert matte.dtype == np.float32
    assert 0 <= matte.min() <= matte.max() <= 1
    assert ((matte > 0.1) & (matte < 0.9)).any()
    assert iou(matte, true) > 0.98


def test_the_same_photo_gives_the_same_matte():
    photo = photograph(shape(ring), (0.7, 0.5, 0.1), sweep((0.8, 0.8, 0.8)))

    first, second = (cut(photo) for _ in range(2))

    np.testing.assert_array_equal(first, second)


def test_a_backdrop_without_a_product_is_an_error_that_says_what_to_try():
    empty = photograph(np.zeros((SIDE, SIDE), np.float32), (0, 0, 0), sweep((0.8, 0.8, 0.8)))

    with pytest.raises(SegmentationError, match=r"nothing stands out.*--segmenter.*--matte"):
        cut(empty)


def test_a_picture_of_one_colour_holds_no_product():
    with pytest.raises(SegmentationError, match="nothing stands out"):
        ClassicalSegmenter().segment(np.full((100, 100, 3), 0.5, np.float32))


def test_a_box_keeps_everything_outside_out():
    true = shape(bottle)
    both = np.maximum(true, shape(lambda large: cv2.circle(large, (1080, 800), 120, 1, -1)))
    photo = photograph(both, (0.7, 0.1, 0.1), sweep((0.85, 0.85, 0.85)))

    matte = cut(photo, box=(100, 40, 220, 290))

    assert iou(matte, true) > 0.95
    assert matte[:, 230:].max() == 0


def test_a_point_tells_what_is_background():
    true = shape(bottle)
    photo = photograph(true, (0.6, 0.1, 0.1), sweep((0.8, 0.8, 0.8)))
    photo[170:230, 145:180] = (0.93, 0.9, 0.8)

    matte = cut(photo, points=[(162, 200, False)])

    assert matte[200, 162] < 0.5
    assert matte[150, 162] > 0.5


@pytest.mark.parametrize("place", [{"box": (0, 0, 999, 10)}, {"points": [(-1, 5, True)]}])
def test_a_box_or_point_outside_the_photo_is_refused(place):
    with pytest.raises(SettingError, match="does not lie in the photo of 320x320"):
        cut(sweep((0.8, 0.8, 0.8)), **place)


@pytest.mark.parametrize("size", [(1, 1), (3, 200), (17, 16)])
def test_the_smallest_pictures_get_an_answer_or_an_error_of_ours(size):
    photo = np.full((*size, 3), 0.8, np.float32)

    with pytest.raises(SegmentationError):
        cut(photo)


def test_a_pattern_without_any_backdrop_does_not_crash():
    board = np.kron(np.indices((8, 8)).sum(axis=0) % 2, np.ones((40, 40))).astype(np.float32)

    try:
        matte = cut(np.repeat(board[..., None], 3, axis=2))
    except SegmentationError:
        return
    assert matte.shape == (320, 320)


def test_the_backdrop_is_known_behind_the_product():
    plain = color.to_lab(sweep((0.8, 0.75, 0.7)))
    covered = color.to_lab(photograph(shape(bottle), (0.1, 0.3, 0.6), sweep((0.8, 0.75, 0.7)), shadow=0))

    backdrop = fit_backdrop(covered)

    off = np.abs(backdrop.lab - plain)
    assert off.mean() < 0.5
    assert off.max() < 3
    assert backdrop.border_share > 0.99


def test_the_truth_set_is_cut_out_with_its_holes(shared):
    scores = []
    for name in ("box", "jar", "mug", "pouch"):
        true = files.load_matte(shared / "truth" / f"{name}_cutout.png")
        matte = cut(files.load(shared / "truth" / f"{name}_input.png").rgb)
        assert masks.hole_count(matte) == masks.hole_count(true), name
        scores.append(iou(matte, true))

    assert np.mean(scores) >= 0.96, scores


def test_the_outline_of_a_round_product_has_no_stairs(root):
    rgb = files.load(root / "examples" / "photos" / "jar.png").rgb

    matte = cut(rgb)

    # Down the jar's round left side: where the edge of each row lies, to a part of a pixel.
    left = (1 - matte[340:500, :352]).sum(axis=1)
    assert np.abs(np.diff(left, 2)).max() < 0.65


@pytest.mark.parametrize(
    ("product", "quality", "noise"),
    [
        ("mug", 98, 0),
        ("mug", 85, 0),
        ("mug", 75, 0),
        ("jar", 95, 0),  # its lid is as white as the backdrop
        ("jar", 85, 0),
        ("jar", 75, 0),
        ("jar", 90, 1.5),
        ("pouch", 98, 1),  # the noise nearly hides the blocks
    ],
)
def test_a_jpeg_is_cut_out_as_the_picture_that_it_was_made_of(root, product, quality, noise):
    clean = files.load(root / "examples" / "photos" / f"{product}.png").rgb
    grain = np.random.default_rng(3).standard_normal(clean.shape) * noise / 255
    packed = io.BytesIO()
    seen = images.to_uint8(np.clip(clean + grain, 0, 1).astype(np.float32))
    Image.fromarray(seen).save(packed, "JPEG", quality=quality)

    one, other = (cut(rgb) for rgb in (clean, codecs.decode(packed.getvalue(), name="photo").rgb))

    assert iou(one, other) > 0.96
