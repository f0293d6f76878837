"""Where the product stands on the canvas, and how large.

Arithmetic of sizes and boxes, plus the one resampling that puts a photograph there. Owns the
canvas size and the working size; knows nothing about light or scenes.
"""

from prodgen.placement.canvas import DEFAULT_FILL, PLACES, Placement, apply, place, product_crop
from prodgen.placement.canvas_sizes import LEAST_SIDE, MOST_SIDE, Size, parse_size, working_size

__all__ = [
    "DEFAULT_FILL",
    "LEAST_SIDE",
    "MOST_SIDE",
    "PLACES",
    "Placement",
    "Size",
    "apply",
    "parse_size",
    "place",
    "product_crop",
    "working_size",
]
