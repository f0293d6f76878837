"""The shadow of a product on the floor: computed, found in a picture, kept from a photograph.

A shadow is given as transmission: (H, W), 1 = no shadow, to be multiplied in linear light. `slices` makes a
rough body of the outline, `casting` computes what it hides, `pictures` reads and writes pictures,
`beyond_canvas` measures what falls outside the canvas, `floor_strip` is the floor next to the foot. The light
comes from the caller.
"""

from prodgen.shadows.beyond_canvas import CanvasRoom, Overhang, overhang
from prodgen.shadows.casting import (
    CAMERA_PITCH_DEG,
    FLOOR_BOUNCE,
    ambient_occlusion,
    cast_shadow,
    contact_shadow,
    ground_shadow,
    shadow_under,
    sky_directions,
)
from prodgen.shadows.floor_strip import floor_strip
from prodgen.shadows.pictures import (
    apply_shadow,
    bounce,
    existing_shadow,
    keep_original_shadow,
    mirror_share,
    reflection,
)
from prodgen.shadows.slices import REACH, Transmission

__all__ = [
    "CAMERA_PITCH_DEG",
    "FLOOR_BOUNCE",
    "REACH",
    "CanvasRoom",
    "Overhang",
    "Transmission",
    "ambient_occlusion",
    "apply_shadow",
    "bounce",
    "cast_shadow",
    "contact_shadow",
    "existing_shadow",
    "floor_strip",
    "ground_shadow",
    "keep_original_shadow",
    "mirror_share",
    "overhang",
    "reflection",
    "shadow_under",
    "sky_directions",
]
