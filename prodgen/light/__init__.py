"""Light: one setting for light map, prompt and shadow; its estimate from a picture; relighting by it.

`setting` is a light, `light_words` reads it, `light_maps` draws several as one picture, `estimating` finds
the light of a background picture, `relighting` puts a product into that light without a diffusion model.
Shadows are in `prodgen.shadows`.
"""

from prodgen.light.estimating import Surroundings, estimate_light, estimate_surroundings
from prodgen.light.light_maps import light_map
from prodgen.light.setting import (
    AMBIENT_BELOW,
    MOST_LIGHTS,
    NEUTRAL_K,
    Light,
    from_where,
    read_degrees,
    read_lights,
    words,
)

__all__ = [
    "AMBIENT_BELOW",
    "MOST_LIGHTS",
    "NEUTRAL_K",
    "Light",
    "Surroundings",
    "estimate_light",
    "estimate_surroundings",
    "from_where",
    "light_map",
    "read_degrees",
    "read_lights",
    "words",
]
