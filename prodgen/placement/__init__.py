"""Where the product stands on the canvas, and how large: sizes, boxes, and the resampling of the photograph.

`canvas_sizes` decides the sizes of canvases and of what a model draws, `canvas` the product's place. Nothing
here knows light or scenes.
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
