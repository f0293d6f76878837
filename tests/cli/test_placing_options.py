"""Where the product stands, as the command line is asked for it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import files
from prodgen.cli import main


def packshot(photo: Path, output: Path, *options: str) -> Result:
    """Run a packshot, which asks no backend, of a red box with its own transparency."""
    call = ["shoot", str(photo), "--recipe", "packshot", "--size", "200x200", "-o", str(output), *options]
    return CliRunner().invoke(main, call)


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A red box of 40 x 60 on transparency."""
    matte = np.zeros((120, 120), np.float32)
    matte[30:90, 40:80] = 1
    picture = np.full((120, 120, 3), 0.5, np.float32)
    picture[matte > 0] = (0.8, 0.1, 0.1)
    files.save(tmp_path / "box.png", picture, matte=matte)
    return tmp_path / "box.png"


def box_of(path: Path) -> tuple[int, int, int, int]:
    """Left, top, right and bottom of what is not white."""
    rows, columns = np.nonzero(files.load(path).rgb.min(axis=-1) < 0.5)
    return int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1


@pytest.mark.parametrize(
    ("options", "box"),
    [
        (("--place", "top-left", "--padding", "left=10,top=20"), (10, 20, 50, 80)),
        (("--place", "bottom-right", "--padding", "5%"), (150, 130, 190, 190)),
        (("--ground-line", "0.6"), (80, 60, 120, 120)),
        (("--rotate", "90"), (70, 80, 130, 120)),
    ],
)
def test_the_product_is_where_it_was_asked_to_be(photo, tmp_path, options, box):
    done = packshot(photo, tmp_path / "out.png", *options)

    assert done.exit_code == 0, done.output
    assert box_of(tmp_path / "out.png") == pytest.approx(box, abs=1)


def test_a_picture_is_replayed_at_its_place(photo, tmp_path):
    packshot(photo, tmp_path / "out.png", "--rotate", "30", "--padding", "left=12%", "--place", "top-left")

    done = CliRunner().invoke(
        main, ["replay", str(tmp_path / "out.png"), "--photo", str(photo), "-o", str(tmp_path / "again.png")]
    )

    assert done.exit_code == 0, done.output
    np.testing.assert_array_equal(
        files.load(tmp_path / "again.png").rgb, files.load(tmp_path / "out.png").rgb
    )


def test_variants_are_named_after_their_places(photo, tmp_path):
    done = packshot(photo, tmp_path / "out.png", "--variants", "3", "--seed", "4", "--json")

    assert done.exit_code == 0, done.output
    made = sorted(path.name for path in tmp_path.glob("out*.png"))
    assert made == ["out-auto.png", "out-left-third.png", "out-right-third.png"]
    left, right = (box_of(tmp_path / f"out-{side}-third.png")[0] for side in ("left", "right"))
    assert right - left == pytest.approx(200 / 3, abs=1)
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 3


def test_variants_leave_no_place_to_be_chosen(photo, tmp_path):
    done = packshot(photo, tmp_path / "out.png", "--variants", "3", "--place", "left")

    assert done.exit_code == 2
    assert "leave out --place" in done.output


def test_a_product_left_in_mid_air_is_told(tmp_path):
    matte = np.zeros((120, 120), np.float32)
    matte[60:, 40:80] = 1
    files.save(tmp_path / "cut.png", np.full((120, 120, 3), 0.3, np.float32), matte=matte)

    snapped = packshot(tmp_path / "cut.png", tmp_path / "a.png")
    asked = packshot(tmp_path / "cut.png", tmp_path / "b.png", "--no-snap")

    assert box_of(tmp_path / "a.png")[3] == 200
    assert box_of(tmp_path / "b.png")[3] < 160
    assert "mid-air" not in snapped.output
    assert "cuts the product off at the bottom" in " ".join(asked.output.split())


def test_a_spot_that_there_is_not_is_refused_before_anything_is_cut_out(tmp_path):
    files.save(tmp_path / "plain.png", np.full((60, 60, 3), 0.5, np.float32))  # holds no product to cut out
    done = packshot(tmp_path / "plain.png", tmp_path / "out.png", "--place", "botom")
    assert done.exit_code == 1
    assert "bottom" in done.output


def test_less_than_the_asked_share_is_told_with_what_leaves_no_more_room(photo, tmp_path):
    done = packshot(photo, tmp_path / "a.png", "--size", "64x64", "--fill", "0.9", "--padding", "30%")

    assert "padding and ground line leave no more room" in " ".join(done.output.split())


def test_a_product_too_wide_for_its_place_is_told_where_it_stands(tmp_path):
    matte = np.zeros((120, 120), np.float32)
    matte[50:80, 10:110] = 1
    photo = tmp_path / "bar.png"
    files.save(photo, np.full((120, 120, 3), 0.3, np.float32), matte=matte)

    wide, small = (
        packshot(photo, tmp_path / f"{fill}.png", "--place", "left-third", "--size", "64x64", "--fill", fill)
        for fill in ("0.9", "0.3")
    )

    assert "too wide for place 'left-third'" in " ".join(wide.output.split())
    assert "too wide" not in small.output


def test_a_turned_product_that_was_cut_off_is_told_without_a_remedy_that_is_none(tmp_path):
    matte = np.zeros((120, 120), np.float32)
    matte[60:, 40:80] = 1
    files.save(tmp_path / "cut.png", np.full((120, 120, 3), 0.3, np.float32), matte=matte)

    done = packshot(tmp_path / "cut.png", tmp_path / "a.png", "--rotate", "20")

    assert "turned it ends in mid-air" in " ".join(done.output.split())
    assert "--snap" not in done.output


@pytest.mark.parametrize("recipe", ["packshot", "cutout"])
def test_several_pictures_of_a_recipe_that_draws_nothing_are_refused_as_they_would_be_equal(
    photo, tmp_path, recipe
):
    call = ["shoot", str(photo), "--recipe", recipe, "--count", "2", "-o", str(tmp_path / "out")]

    done = CliRunner().invoke(main, call)

    assert done.exit_code == 1
    assert f"recipe '{recipe}' draws nothing, so that its 2 pictures would be equal" in done.output
    assert done.output.rstrip().endswith("leave out --count")
    assert not (tmp_path / "out").exists()
