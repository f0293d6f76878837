"""Where the product stands on the canvas, and how large: sizes, boxes, and the resampling of the photograph.

`canvas_sizes` decides the sizes of canvases and of what a model draws; `spots` and `paddings` read what is
asked for, `deciding` decides the product's place, `canvas` puts it there. Nothing here knows light or scenes.
"""

from prodgen.placement.canvas import Placement, apply
from prodgen.placement.canvas_sizes import LEAST_SIDE, MOST_SIDE, Size, parse_ratio, parse_size, working_size
from prodgen.placement.deciding import DEFAULT_FILL, cut_sides, extended, place, sides_in_mid_air
from prodgen.placement.paddings import Padding, read_sides
from prodgen.placement.spots import PLACES, VARIANTS, OnGround, read_spot

__all__ = [
    "DEFAULT_FILL",
    "LEAST_SIDE",
    "MOST_SIDE",
    "PLACES",
    "VARIANTS",
    "OnGround",
    "Padding",
    "Placement",
    "Size",
    "apply",
    "cut_sides",
    "extended",
    "parse_ratio",
    "parse_size",
    "place",
    "read_sides",
    "read_spot",
    "sides_in_mid_air",
    "working_size",
]
