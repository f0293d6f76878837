"""The product's matte: found in a photograph, checked, with colours at its edge that the backdrop is out of.

`cut_out` is all of it for one photograph; `segmenter` gives what finds products by its name.
"""

from prodgen.cutout.cutting import MOST_FEATHER_PX, CutOut, cut_out
from prodgen.cutout.doubts import Doubt, Segmentation
from prodgen.cutout.grouping import ProductGroup, group, read_heights
from prodgen.cutout.hints import Point, Rectangle, check_box, check_points
from prodgen.cutout.left_out import left_out
from prodgen.cutout.quality import MatteQuality
from prodgen.cutout.segmenters import NAMES, REFUSED, Segmenter, available, segmenter
from prodgen.cutout.sheets import Tried, compare, contact_sheet, preview, told

__all__ = [
    "MOST_FEATHER_PX",
    "NAMES",
    "REFUSED",
    "CutOut",
    "Doubt",
    "MatteQuality",
    "Point",
    "ProductGroup",
    "Rectangle",
    "Segmentation",
    "Segmenter",
    "Tried",
    "available",
    "check_box",
    "check_points",
    "compare",
    "contact_sheet",
    "cut_out",
    "group",
    "left_out",
    "preview",
    "read_heights",
    "segmenter",
    "told",
]
