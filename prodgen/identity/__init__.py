"""Is it still the same product: measured, judged by limits, and repaired where the limits are broken.

Pure: arrays and numbers in, arrays and numbers out. What light the product is in, `prodgen.shading` finds.
"""

from prodgen.identity.measure import Comparison, compare_pictures, measure
from prodgen.identity.repair import Repaired, repair
from prodgen.identity.verdict import Identity, Limit, Verdict, profile_limits, profiles, read_limits
from prodgen.ocr import Reader, Word

__all__ = [
    "Comparison",
    "Identity",
    "Limit",
    "Reader",
    "Repaired",
    "Verdict",
    "Word",
    "compare_pictures",
    "measure",
    "profile_limits",
    "profiles",
    "read_limits",
    "repair",
]
