"""Small cut-out photographs, orders for them, and crews that work in this process or in others."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from prodgen import files
from prodgen.catalogue import Order
from prodgen.places import Crew, Workplace
from prodgen.storage import FetchedFiles, open_store

SMALL = {"place": "original", "megapixels": 0.1, "steps": 1}


@pytest.fixture
def shop(tmp_path):
    """Photographs of discs, and what makes orders for them; crews are closed at the end."""
    y, x = np.mgrid[:96, :96]
    alpha = np.clip(30.5 - np.hypot(x - 48, y - 48), 0, 1).astype(np.float32)
    shade = (0.6 + 0.4 * x / 96)[..., None] * np.array((0.8, 0.3, 0.2))
    for number in range(3):
        files.save(tmp_path / f"disc{number}.png", shade.astype(np.float32), matte=alpha)
    out, crews = tmp_path / "out", []

    def order(number: int, photo: int = 0, **asked) -> Order:
        settings = {**SMALL, **asked.pop("settings", {})}
        return Order(
            slot=f"disc{number}",
            sku=f"disc{number}",
            row=number,
            photo=str(tmp_path / f"disc{photo}.png"),
            prompt=f"table {number}",
            seed=number,
            output=f"disc{number}.png",
            asked_for={"settings": settings, **asked},
        )

    def crew(**given) -> Crew:
        workplace = Workplace(open_store(out), FetchedFiles(tmp_path / "scratch"))
        crews.append(Crew(workplace, **{"workers": 0, **given}))
        return crews[-1]

    yield SimpleNamespace(order=order, crew=crew, out=out)
    for one in crews:
        one.close()


class Steps(list):
    """The steps that a place tells of, as (order, step)."""

    def __call__(self, _place, order, step):
        self.append((order.slot, step))


@pytest.fixture
def steps():
    return Steps()
