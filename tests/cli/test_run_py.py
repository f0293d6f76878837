"""run.py keeps the flags of the original script, and does with them what its README says."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from prodgen import files, images

NAMED_BY_TIME = re.compile(r"\d{8}-\d{6}\.png")


@pytest.fixture
def run(root, tmp_path, tmp_path_factory, monkeypatch):
    """Run it in an empty folder, for a small photograph."""
    monkeypatch.chdir(tmp_path)
    main = runpy.run_path(str(root / "run.py"))["main"]
    photo = tmp_path_factory.mktemp("photos") / "mug.png"
    files.save(photo, images.resize(files.load(root / "examples" / "photos" / "mug.png").rgb, 160, 160))

    def call(*flags: str) -> Result:
        given = ["--input_path", str(photo), "--prompt", "sunset", "--seed", "7", "--backend", "embedded://"]
        return CliRunner().invoke(main, [*given, *flags])

    return call


@pytest.mark.parametrize(
    "flags",
    [(), *(("--output_filename", given) for given in ("outputs/run", "new/", "new.png/", "a/b/v1.2"))],
)
def test_a_directory_takes_a_picture_named_by_the_time(run, flags, tmp_path):
    done = run(*flags)

    (made,) = (path for path in tmp_path.rglob("*.png") if path.is_file())
    assert done.exit_code == 0, done.output
    assert made.parent == tmp_path / Path(flags[1] if flags else "outputs/run")
    assert NAMED_BY_TIME.fullmatch(made.name)


def test_a_path_is_written_there(run, tmp_path):
    done = run("--output_filename", "mine/mug.jpg")

    assert done.exit_code == 0, done.output
    assert (tmp_path / "mine" / "mug.jpg").exists()


def test_a_directory_that_is_there_may_be_called_like_a_picture(run, tmp_path):
    (tmp_path / "odd.png").mkdir()

    done = run("--output_filename", "odd.png")

    assert done.exit_code == 0, done.output
    assert [NAMED_BY_TIME.fullmatch(path.name) is not None for path in (tmp_path / "odd.png").iterdir()] == [
        True
    ]


def test_a_format_that_is_not_written_is_refused(run, tmp_path):
    done = run("--output_filename", "mug.gif")

    assert done.exit_code == 1
    assert "the ending must be one of .png" in done.stderr
    assert list(tmp_path.iterdir()) == []
