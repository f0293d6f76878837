"""`prodgen shoot` and `prodgen generate` drawn by the engine of this machine, with tiny random networks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner

pytest.importorskip("torch")

from prodgen import files
from prodgen.cli import main


@pytest.fixture
def photo(tmp_path: Path) -> Path:
    """A red mug on white, 128 x 128, with its cut-out beside it."""
    picture = np.full((128, 128, 3), 0.9, np.float32)
    matte = np.zeros((128, 128), np.float32)
    picture[40:104, 44:84] = (0.7, 0.1, 0.1)
    matte[40:104, 44:84] = 1
    files.save(tmp_path / "mug.png", picture)
    files.save(tmp_path / "matte.png", np.repeat(matte[..., None], 3, axis=2))
    return tmp_path / "mug.png"


def run(*arguments: str | Path) -> str:
    """Run a command and return what it printed; fail with that if it failed."""
    result = CliRunner().invoke(main, [str(argument) for argument in arguments])
    assert result.exit_code == 0, result.output
    return result.output


def test_a_product_is_shot_with_no_server_at_all(models_folder, photo, tmp_path):
    output = tmp_path / "shot.png"
    backend = f"engine://{models_folder}"

    run(
        *("shoot", photo, "--matte", photo.with_name("matte.png"), "--prompt", "on a wooden table"),
        *("--recipe", "inpaint", "--backend", backend, "--steps", "1", "--seed", "7", "--output", output),
    )

    shot = files.load(output).rgb
    assert shot[:40].std() > 0.1  # what the networks drew, where the even white ground was


def test_a_picture_is_drawn_from_words_with_no_server_at_all(models_folder, tmp_path):
    output = tmp_path / "words.png"

    run(
        *("generate", "--prompt", "a red mug", "--backend", f"engine://{models_folder}"),
        *("--size", "64x64", "--steps", "2", "--seed", "7", "--output", output),
    )

    assert files.load(output).rgb.shape == (64, 64, 3)
