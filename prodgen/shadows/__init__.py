"""The shadow a product throws on what it stands on, and its place in a picture.

A shadow is given as *transmission*: (H, W), 1 = untouched, to be multiplied in linear light.
Owns no scene and knows no backend; which light there is comes from the caller.
"""

from prodgen.shadows.casting import (
    CAMERA_PITCH_DEG,
    ambient_occlusion,
    cast_shadow,
    contact_shadow,
    ground_shadow,
    shadow_under,
    sky_directions,
)
from prodgen.shadows.pictures import apply_shadow, existing_shadow, keep_original_shadow, reflection
from prodgen.shadows.slices import Transmission

__all__ = [
    "CAMERA_PITCH_DEG",
    "Transmission",
    "ambient_occlusion",
    "apply_shadow",
    "cast_shadow",
    "contact_shadow",
    "existing_shadow",
    "ground_shadow",
    "keep_original_shadow",
    "reflection",
    "shadow_under",
    "sky_directions",
]
