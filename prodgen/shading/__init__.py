"""What the light did to the product: estimated from a relit picture, applied to the photograph's own pixels.

Pure: arrays and numbers in, arrays and numbers out. Judges nothing; `prodgen.identity` does.
"""

from prodgen.shading.blend import blend, edge_colors, scene_behind
from prodgen.shading.field import LightField, apply, light_field, read_field
from prodgen.shading.illuminant import Illuminant
from prodgen.shading.relit_layer import RelitLayer, lay
from prodgen.shading.working_pair import Region, WorkingPair, pair_pictures

__all__ = [
    "Illuminant",
    "LightField",
    "Region",
    "RelitLayer",
    "WorkingPair",
    "apply",
    "blend",
    "edge_colors",
    "lay",
    "light_field",
    "pair_pictures",
    "read_field",
    "scene_behind",
]
