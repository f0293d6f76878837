"""Light: one setting for light map, prompt and shadow; its estimate from a picture; relighting by it.

`setting` reads and writes a light, `estimating` finds the light of a background picture, `relighting` puts a
product into that light without a diffusion model. Shadows are in `prodgen.shadows`.
"""

from prodgen.light.estimating import Surroundings, estimate_light, estimate_surroundings
from prodgen.light.setting import NEUTRAL_K, Light, light_map, words

__all__ = [
    "NEUTRAL_K",
    "Light",
    "Surroundings",
    "estimate_light",
    "estimate_surroundings",
    "light_map",
    "words",
]
