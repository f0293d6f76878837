"""What the recipe knows of a product: how it is built, and how it may be photographed."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["thin", "holes", "glass", "metal", "white", "black", "fabric", "usual"]


@dataclass(frozen=True)
class Product:
    """One product."""

    name: str
    kind: Kind
    build: Callable[[random.Random], None]
    """Adds its objects to the scene, standing on z = 0."""
    settings: tuple[str, ...]
    """The settings of its pictures."""
    colour: tuple[float, float, float] = (0.5, 0.5, 0.5)
    """Its own colour, sRGB, for a backdrop in the same."""
    pitch: tuple[float, float] = (8, 28)
    """How far the camera looks down, degrees: smallest and largest."""
    azimuth: tuple[float, float] = (-35, 35)
    extent: tuple[float, float] = (0.5, 0.8)
    """Share of the frame that it fills, by its longer side: smallest and largest."""
    centre: tuple[float, float] | None = None
    """Where its middle is in the frame; None: drawn, wholly inside."""
    shapes: tuple[tuple[int, int], ...] | None = None
    """Width to height of the picture, one of these; None: drawn from the usual ones."""
    glass: bool = False
    aside: bool = False
    """Kept aside: nothing may be fitted or tuned on its pictures."""
