"""Options of a photographer's craft that contradict each other end in one sentence, before any work."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from prodgen import files
from prodgen.cli import main
from prodgen.files import load


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A red box of 40 x 60 on grey."""
    picture = np.full((120, 120, 3), 0.8, np.float32)
    picture[30:90, 40:80] = (0.7, 0.1, 0.1)
    files.save(tmp_path / "box.png", picture)
    return tmp_path / "box.png"


def shoot(photo: Path, *options: str, output: str = "out.png") -> Result:
    target = str(photo.parent / "made" / output)
    return CliRunner().invoke(main, ["shoot", str(photo), "-o", target, *options])


def never(*_args: object) -> None:
    raise AssertionError("work was done")


PACKSHOT, OUTPAINT = ("--recipe", "packshot"), ("--outpaint", "16:9")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((*PACKSHOT, "--tries", "3"), "recipe 'packshot' draws nothing by a seed; leave out --tries"),
        ((*PACKSHOT, "--place", "original", "--fill", "0.3"), "stays as it is .*; leave out --fill"),
        ((*PACKSHOT, "--place", "original", "--enlarge"), "leave out --enlarge"),
        ((*PACKSHOT, "--place", "original", "--rotate", "20"), "leave out --rotate"),
        ((*PACKSHOT, "--place", "original", "--padding", "5%"), "leave out --padding"),
        ((*PACKSHOT, "--upscaler", "ESRGAN"), "has no scene that it could enlarge; leave out --upscaler"),
        ((*OUTPAINT, "--variants", "2"), "leaves the product at its place; leave out --variants"),
        ((*OUTPAINT, "--expand", "20%"), "outpaint says already how much room .*; leave out --expand"),
        (("--recipe", "outpaint"), "say how much: --outpaint 16:9, or --expand 20%"),
        (("--prompt", "oak table", "--canvas", "grow"), "leave out --canvas grow"),
    ],
)
def test_what_cannot_hold_together_is_refused_before_the_product_is_cut_out(
    photo: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
):
    monkeypatch.setattr("prodgen.shots.run.prepare", never)

    done = shoot(photo, *options)

    assert done.exit_code in (1, 2), done.output
    (sentence,) = done.output.splitlines()
    assert re.search(said, sentence), sentence
    assert not (photo.parent / "made").exists()


def test_a_name_below_a_file_is_refused_before_any_work(photo: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("prodgen.shots.run.prepare", never)

    done = CliRunner().invoke(main, ["shoot", str(photo), *PACKSHOT, "-o", str(photo / "deep" / "out.png")])

    assert done.exit_code == 1
    assert "is no folder; choose another output" in done.output


def test_only_a_seed_can_stand_in_braces_in_a_name(photo: Path):
    done = shoot(photo, *PACKSHOT, output="{sku}.png")

    assert (done.exit_code, (photo.parent / "made").exists()) == (2, False)
    assert "'{sku}' stands for nothing in a name, {seed} does" in done.output


def test_a_product_that_its_original_place_enlarges_is_said_to_be_enlarged(photo: Path):
    done = shoot(photo, *PACKSHOT, "--place", "original", "--size", "240x240", "--json")

    assert load(photo.parent / "made" / "out.png").rgb.shape == (240, 240, 3)
    told = json.loads(done.stdout)["notices"]
    assert any("shown at 2.0 times the photograph's size" in note for note in told)


def test_rows_that_cannot_be_at_several_places_are_faults_of_the_sheet(photo: Path):
    sheet = photo.parent / "sheet.csv"
    sheet.write_text("photo,sku,outpaint\nbox.png,a,\nbox.png,b,16:9\n")
    call = ["batch", str(sheet), "-o", str(photo.parent / "run"), "--prompt", "oak table", "--variants", "2"]

    done = CliRunner().invoke(main, [*call, "--dry-run"])

    assert done.exit_code == 1
    assert "row 3" in done.output
    assert "leaves the product at its place; leave out variants" in done.output
