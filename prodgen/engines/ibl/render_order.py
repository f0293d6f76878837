"""What the renderer is asked for one picture, and what it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from prodgen.images import Matte, RgbImage


@dataclass(frozen=True)
class RenderOrder:
    """One picture to draw; all pictures in it have its own size."""

    prompt: str
    negative_prompt: str = ""
    seed: int = 0
    width: int = 512
    height: int = 512
    foreground: RgbImage | None = None
    matte: Matte | None = None
    background: RgbImage | None = None
    light_map: RgbImage | None = None
    """A picture whose bright side says where the light comes from."""

    progress: Callable[[float], None] | None = None
    """Called with the share that is drawn, 0 to 1; what it raises is let through."""


@dataclass(frozen=True)
class Rendering:
    """One picture drawn."""

    image: RgbImage
    scene: str
    """The place of words.toml that was drawn."""

    floor: str
    """The material of words.toml that the product stands on."""

    unknown_words: tuple[str, ...] = ()
    """What the prompt asks for and the picture does not show, in the prompt's words."""

    out_of_view: tuple[str, ...] = ()
    """What the camera, straight above the product, does not see, in the prompt's words."""

    is_default: bool = False
    """Whether the prompt names nothing that can be drawn, so that the scene is the default one."""

    is_shadowless: bool = False
    """Whether the product's shadow was left out, as asked."""

    is_uneven: bool = False
    """Whether that shadow falls on more than a flat floor: a stand, steps, a wall with an arch."""
