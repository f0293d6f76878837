"""What the embedded server asks of the renderer, and what it gets."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prodgen.images import Matte, RgbImage


@dataclass(frozen=True)
class RenderOrder:
    """One picture to draw."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    width: int = 512
    height: int = 512
    foreground: RgbImage | None = None
    matte: Matte | None = None
    background: RgbImage | None = None
    light_map: RgbImage | None = None
    progress: Callable[[float], None] | None = None


@dataclass(frozen=True)
class Rendering:
    """One picture drawn."""

    image: RgbImage
    scene: str
    floor: str
    unknown_words: tuple[str, ...] = ()
    understood: tuple[str, ...] = ()
    light: object = None
