"""The product's matte: found in a photograph, checked, with colours at its edge that the backdrop is out of.

`cut_out` is all of it for one photograph; `segmenter` gives what finds products by its name.
"""

from prodgen.cutout.cutting import CutOut, cut_out
from prodgen.cutout.doubts import Doubt, Segmentation
from prodgen.cutout.hints import Point, Rectangle
from prodgen.cutout.quality import MatteQuality
from prodgen.cutout.segmenters import NAMES, REFUSED, Segmenter, available, segmenter

__all__ = [
    "NAMES",
    "REFUSED",
    "CutOut",
    "Doubt",
    "MatteQuality",
    "Point",
    "Rectangle",
    "Segmentation",
    "Segmenter",
    "available",
    "cut_out",
    "segmenter",
]
