"""A shop with some photographs, and sheets that name them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A folder with photos/1.jpg to photos/9.jpg; nothing in this room opens a photograph."""
    folder = tmp_path / "shop"
    (folder / "photos").mkdir(parents=True)
    for number in range(1, 10):
        (folder / "photos" / f"{number}.jpg").write_bytes(b"photo")
    return folder


@pytest.fixture
def sheet(shop: Path) -> Callable[..., Path]:
    """Writes a sheet into the shop."""

    def write(text: str | bytes, name: str = "sheet.csv") -> Path:
        path = shop / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write
