"""A picture once more, from what it tells of itself."""

from prodgen.replaying.recall import Difference, Recalled, adapt, compare, pixels_differ, recall

__all__ = ["Difference", "Recalled", "adapt", "compare", "pixels_differ", "recall"]
