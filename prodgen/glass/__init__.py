"""Products of glass: how far their photograph's backdrop is seen through them, and a scene in its place."""

from prodgen.glass.bending import scene_without, see_through
from prodgen.glass.glass_found import FoundGlass, find_glass, named_glass
from prodgen.glass.unmixing import Unmixed, unmix

__all__ = ["FoundGlass", "Unmixed", "find_glass", "named_glass", "scene_without", "see_through", "unmix"]
