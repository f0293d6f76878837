"""Models with tiny random weights, written once a run; tests here are skipped where torch is missing."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def models_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A models folder with every kind of file; nobody may write to it."""
    torch = pytest.importorskip("torch")
    torch.set_num_threads(1)
    from benchmarks.engine_models import write_models

    return write_models(tmp_path_factory.mktemp("models"))
