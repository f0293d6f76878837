"""How a camera looked at a product: estimated from photograph and matte, said by a user, put into words.

`viewpoint` has the view itself, `pitch` the estimate,
`contour_measures` and `backdrop_signs` what it rests on.
"""

from prodgen.pose.pitch import LEAST_CONFIDENCE, TOLERANCE_DEG, Pose, Signs, estimate_pose
from prodgen.pose.viewpoint import FLOOR_BELOW_DEG, PoseHint, View, check_pose, read_words, words

__all__ = [
    "FLOOR_BELOW_DEG",
    "LEAST_CONFIDENCE",
    "TOLERANCE_DEG",
    "Pose",
    "PoseHint",
    "Signs",
    "View",
    "check_pose",
    "estimate_pose",
    "read_words",
    "words",
]
