"""Whether it still is the same product: measured, judged by limits, and repaired where limits are broken.

Pure: arrays and numbers in, arrays and numbers out. What light the product is in, `prodgen.shading` finds.
"""

from prodgen.identity.blended_regions import BlendedRegions, Taken, product_with
from prodgen.identity.blending import Blended, Blending
from prodgen.identity.measure import Comparison, Measurement, measure, read_print
from prodgen.identity.repair import Repaired, repair
from prodgen.identity.restore import Restored, restore
from prodgen.identity.verdict import (
    MIRROR_PERCENT,
    BrokenLimit,
    Likeness,
    Limit,
    Status,
    Verdict,
    profile_limits,
    profiles,
    read_limits,
    tightest,
)
from prodgen.identity.words import NUMBERS, figures, headline, named, notices, reasons, summary
from prodgen.ocr import Reader, Word

__all__ = [
    "MIRROR_PERCENT",
    "NUMBERS",
    "Blended",
    "BlendedRegions",
    "Blending",
    "BrokenLimit",
    "Comparison",
    "Likeness",
    "Limit",
    "Measurement",
    "Reader",
    "Repaired",
    "Restored",
    "Status",
    "Taken",
    "Verdict",
    "Word",
    "figures",
    "headline",
    "measure",
    "named",
    "notices",
    "product_with",
    "profile_limits",
    "profiles",
    "read_limits",
    "read_print",
    "reasons",
    "repair",
    "restore",
    "summary",
    "tightest",
]
