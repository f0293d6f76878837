"""How a stage has its scene drawn: at the checkpoint's size, smaller where the backend's memory ends."""

from __future__ import annotations

from collections.abc import Callable

from prodgen import placement
from prodgen.errors import BackendOutOfMemoryError
from prodgen.schema import Generation

SMALLEST_MEGAPIXELS = 0.2
"""Below, Stable Diffusion 1.5 loses the product's shape."""

SHRINK = 0.6
"""Area of the next try; attention's memory grows with the square of the area, so this frees two thirds."""


def draw_within_memory(
    draw: Callable[[int, int], Generation], canvas: tuple[int, int], *, megapixels: float, may_shrink: bool
) -> tuple[Generation, str | None]:
    """Draw at the working size, and smaller while the backend runs out of memory.

    Args:
        draw: Draws at a width and height.
        canvas: (width, height) of the picture that is wanted in the end.
        megapixels: Size to begin with.
        may_shrink: Whether smaller sizes may be tried.

    Returns:
        The generation, and a sentence if it is smaller than it should be.

    Raises:
        BackendOutOfMemoryError: If it may not shrink, or the smallest size is still too large.
    """
    size = placement.working_size(*canvas, megapixels=megapixels)
    wanted = size
    while True:
        try:
            drawn = draw(*size)
        except BackendOutOfMemoryError:
            megapixels = min(megapixels, size[0] * size[1] / 1e6) * SHRINK
            smaller = placement.working_size(*canvas, megapixels=megapixels)
            if not may_shrink or megapixels < SMALLEST_MEGAPIXELS or smaller == size:
                raise
            size = smaller
        else:
            break
    if size == wanted:
        return drawn, None
    return drawn, (
        f"the backend ran out of memory at {wanted[0]}x{wanted[1]}, so the scene was drawn at"
        f" {size[0]}x{size[1]}; the product keeps its own resolution"
    )
