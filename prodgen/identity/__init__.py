"""The same product in new light: estimate the light, apply it to the photograph, measure that it held.

Pure: arrays and numbers in, arrays and numbers out. `field` says how the light is found,
`illuminant` how its colour is told from the model's inventions, `measure` how likeness is measured.
"""

from prodgen.identity.blend import blend, edge_colors, scene_behind
from prodgen.identity.evidence import Region
from prodgen.identity.field import LightField, apply, light_field
from prodgen.identity.illuminant import Illuminant
from prodgen.identity.lettering import Reader, Word
from prodgen.identity.measure import Comparison, compare_pictures, measure
from prodgen.identity.repair import Repaired, repair
from prodgen.identity.verdict import Identity, Limit, Verdict, profile_limits, profiles, read_limits

__all__ = [
    "Comparison",
    "Identity",
    "Illuminant",
    "LightField",
    "Limit",
    "Reader",
    "Region",
    "Repaired",
    "Verdict",
    "Word",
    "apply",
    "blend",
    "compare_pictures",
    "edge_colors",
    "light_field",
    "measure",
    "profile_limits",
    "profiles",
    "read_limits",
    "repair",
    "scene_behind",
]
