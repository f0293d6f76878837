"""What light a scene has: one setting that drives light map, prompt words and shadow.

Owns the direction words, the light map for IC-Light, and the estimate of a light from one
8-bit picture. Knows no product pixels and draws no shadow.
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
