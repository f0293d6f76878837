"""Turns an order into the shot that is rendered."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from prodgen.catalogue.order import Order
from prodgen.catalogue.row_rules import recipe_with
from prodgen.files import PictureSource
from prodgen.shots import Shot, new_shot


def order_shot(order: Order, *, root: Path, pictures: Mapping[str, PictureSource] | None = None) -> Shot:
    """Return the shot of an order.

    Args:
        order: What is asked for.
        root: The run's folder, below which the picture goes.
        pictures: Where pictures that are URLs were put, by the order's spelling.

    Raises:
        SettingError: If a field is wrong.
    """
    asked, put = order.asked_for, pictures or {}

    def picture(name: str) -> PictureSource | None:
        place = asked.get(name)
        return None if place is None else put.get(place, place)

    recipe, settings = asked.get("recipe", "auto"), asked.get("settings", {})
    is_open = picture("like") is not None and recipe == "auto"
    return new_shot(
        put.get(order.photo, order.photo),
        order.prompt,
        negative_prompt=asked.get("negative_prompt"),
        seed=order.seed,
        output=root / order.output,
        recipe=recipe if is_open else recipe_with(recipe, (), asked.get("recipe_sha256", "")),
        settings=settings,
        background=picture("background"),
        matte=picture("matte"),
        box=asked.get("box"),
        points=asked.get("points", ()),
        pose=asked.get("pose"),
        light=asked.get("light", ()),
        reference=picture("reference"),
        light_map=picture("light_map"),
        light_from=picture("light_from"),
        like=picture("like"),
        loras=asked.get("loras", ()),
        is_repeat=order.is_repeat,
    )
