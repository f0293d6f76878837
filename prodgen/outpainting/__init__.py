"""A picture with more room around it: how much, what a plain backdrop looks like out there, and the joint.

`expansion` reads what is asked for, `continuing` goes on with a plain backdrop without any model, `joining`
fits what a model drew to the old picture, and `seams` measures whether the joint can be seen. The old pixels
stay.
"""

from prodgen.outpainting.continuing import continue_backdrop, is_plain
from prodgen.outpainting.expansion import Expansion, check_ratio, check_sides, read_expansion
from prodgen.outpainting.joining import BAND_SHARE, Joint, join, start_picture
from prodgen.outpainting.seams import Seam, measure_seam

__all__ = [
    "BAND_SHARE",
    "Expansion",
    "Joint",
    "Seam",
    "check_ratio",
    "check_sides",
    "continue_backdrop",
    "is_plain",
    "join",
    "measure_seam",
    "read_expansion",
    "start_picture",
]
