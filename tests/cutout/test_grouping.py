"""Several products in one picture: heights, gaps, who stands in front, and what is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from click.testing import CliRunner

from prodgen import files
from prodgen.cli import main
from prodgen.cutout import group, read_heights
from prodgen.errors import ImageError, WrongValueError

RED, GREEN = (0.8, 0.1, 0.1), (0.1, 0.6, 0.2)


@pytest.fixture
def box(tmp_path):
    """Writes a box of a colour and size on transparency, and returns its file."""

    def write(name, colour, width, height):
        matte = np.zeros((height + 20, width + 30), np.float32)
        matte[10 : 10 + height, 15 : 15 + width] = 1
        picture = np.full((*matte.shape, 3), 0.2, np.float32)
        picture[matte > 0] = colour
        files.save(tmp_path / name, picture, matte=matte)
        return tmp_path / name

    return write


def found(made, colour):
    """Left, top, right, bottom of the pixels of a colour."""
    near = (np.abs(made.picture - colour).max(axis=-1) < 0.02) & (made.matte > 0.5)
    rows, columns = np.nonzero(near)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


def test_products_stand_on_one_line_in_their_order(box):
    made = group([box("a.png", RED, 40, 60), box("b.png", GREEN, 30, 100)], gap=0.2)

    red, green = found(made, RED), found(made, GREEN)
    assert red[3] == green[3]
    assert green[0] - red[2] == round(0.2 * 35)
    assert made.scales == (1, 1)


def test_heights_are_made_true_by_making_the_other_smaller(box):
    made = group([box("a.png", RED, 40, 60), box("b.png", GREEN, 30, 100)], heights="2,1")

    red, green = found(made, RED), found(made, GREEN)
    assert red[3] - red[1] == 60
    assert green[3] - green[1] == 30
    assert max(made.scales) == 1


def test_a_product_keeps_its_own_pixels(box):
    photo = box("a.png", RED, 40, 60)
    rng = np.random.default_rng(1)
    own = files.load(photo)
    noisy = rng.random(own.rgb.shape, np.float32)
    files.save(photo, noisy, matte=own.matte)

    made = group([photo, box("b.png", GREEN, 30, 100)])

    left, bottom = np.nonzero(made.matte.any(axis=0))[0][0], np.nonzero(made.matte.any(axis=1))[0][-1] + 1
    kept = made.picture[bottom - 60 : bottom, left : left + 40]
    np.testing.assert_array_equal(kept, files.load(photo).rgb[10:70, 15:55])


def test_where_two_overlap_the_left_one_is_in_front(box):
    made = group([box("a.png", RED, 40, 60), box("b.png", GREEN, 40, 60)], gap=-0.5)

    red, green = found(made, RED), found(made, GREEN)
    assert red[2] - red[0] == 40
    assert green[2] - green[0] == 20
    assert made.matte.max() == 1


def test_a_smaller_product_has_no_rim_of_its_old_background(box):
    made = group([box("a.png", RED, 41, 67), box("b.png", GREEN, 40, 100)], heights="1,3")

    left_half = made.picture[:, : found(made, GREEN)[0] - 1]
    seen = left_half[made.matte[:, : left_half.shape[1]] > 0.1]
    assert np.abs(seen - RED).max() < 0.02


@pytest.mark.parametrize(
    "heights", ["", "a,b", "1", "1,2,3", "0,1", "-1,2", "nan,1", "1,100", (1.0, float("inf"))]
)
def test_heights_that_cannot_be_are_refused(box, heights):
    with pytest.raises(WrongValueError, match="heights"):
        group([box("a.png", RED, 40, 60), box("b.png", GREEN, 30, 50)], heights=heights)


@pytest.mark.parametrize("number", [0, 1, 13])
def test_a_group_has_two_to_twelve_products(box, number):
    with pytest.raises(WrongValueError, match="2 to 12"):
        group([box("a.png", RED, 40, 60)] * number)


def test_a_jpeg_cannot_hold_a_group(box, tmp_path):
    made = group([box("a.png", RED, 40, 60), box("b.png", GREEN, 30, 50)])

    with pytest.raises(ImageError, match="no transparency"):
        made.save(tmp_path / "set.jpg")


def test_heights_are_read_for_any_number():
    assert read_heights("9, 12.5") == (9, 12.5)


def test_the_command_makes_a_photograph_that_can_be_shot(box, tmp_path):
    photos = [str(box("a.png", RED, 80, 120)), str(box("b.png", GREEN, 90, 100))]
    made = CliRunner().invoke(
        main, ["group", *photos, "--heights", "9,12", "-o", str(tmp_path / "set.png"), "--json"]
    )

    assert made.exit_code == 0, made.output
    told = json.loads(made.stdout)
    assert [product["scale"] for product in told["products"]] == [0.625, 1]
    call = ["shoot", str(tmp_path / "set.png"), "--recipe", "packshot", "-o", str(tmp_path / "shot.png")]
    shot = CliRunner().invoke(main, call)
    assert shot.exit_code == 0, shot.output
    picture = files.load(tmp_path / "shot.png").rgb
    for colour in (RED, GREEN):
        assert (np.abs(picture - colour).max(axis=-1) < 0.02).sum() > 1000


def test_one_photograph_is_no_group(box, tmp_path):
    done = CliRunner().invoke(
        main, ["group", str(box("a.png", RED, 40, 60)), "-o", str(tmp_path / "set.png")]
    )

    assert done.exit_code == 2
    assert "two photographs" in done.output


def test_a_group_never_overwrites_its_photographs(box):
    photos = [str(box("a.png", RED, 40, 60)), str(box("b.png", GREEN, 30, 50))]

    done = CliRunner().invoke(main, ["group", *photos, "-o", photos[0]])

    assert done.exit_code == 1
    assert files.load(photos[0]).matte is not None
