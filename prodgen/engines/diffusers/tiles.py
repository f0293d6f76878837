"""Running a network over a large picture piece by piece, so that it needs the memory of one piece.

Owns the cutting, the soft seams, and the way to smaller pieces where memory runs out. Pictures are torch
tensors, (n, channels, h, w).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


def by_tiles(
    source: Tensor,
    run: Callable[[Tensor], Tensor],
    *,
    tile: int | None,
    overlap: int,
    factor: Fraction,
    wraps: bool = False,
) -> Tensor:
    """Return what `run` makes of a picture, tile by tile; neighbours are mixed where they overlap.

    Args:
        source: The picture.
        run: Makes (n, channels, h * factor, w * factor) of (n, channels, h, w).
        tile: Side of a tile in the source's cells; None, or one that holds the picture, runs it whole.
        overlap: Cells that neighbours share, fewer than `tile`; the mix goes linearly from one to the other.
        factor: How much larger the result is. Sizes, tile and overlap times it must be whole numbers.
        wraps: Whether the picture goes on at its other end, beyond each edge.

    Returns:
        The result; float32 where there are tiles.
    """
    import torch

    height, width = source.shape[-2:]
    if tile is None or (height <= tile and width <= tile):
        return run(source)
    if wraps:
        down, across = min(overlap, height), min(overlap, width)
        ring = torch.nn.functional.pad(source, (across, across, down, down), mode="circular")
        made = by_tiles(ring, run, tile=tile, overlap=overlap, factor=factor)
        top, left = int(down * factor), int(across * factor)
        return made[..., top : made.shape[-2] - top, left : made.shape[-1] - left]
    total: Tensor | None = None
    weights: Tensor | None = None
    for top in _begins(height, tile, overlap):
        for left in _begins(width, tile, overlap):
            bottom, right = min(top + tile, height), min(left + tile, width)
            made = run(source[..., top:bottom, left:right]).float()
            if total is None or weights is None:
                total = made.new_zeros((*made.shape[:2], int(height * factor), int(width * factor)))
                weights = made.new_zeros((1, 1, *total.shape[-2:]))
            rows = slice(int(top * factor), int(bottom * factor))
            columns = slice(int(left * factor), int(right * factor))
            seam = int(overlap * factor)
            column = _ramps(made.shape[-2], seam, has_before=top > 0, has_after=bottom < height)
            row = _ramps(made.shape[-1], seam, has_before=left > 0, has_after=right < width)
            share = torch.tensor(column)[:, None] * torch.tensor(row)[None, :]
            share = share.to(made)
            total[..., rows, columns] += made * share
            weights[..., rows, columns] += share
    if total is None or weights is None:
        raise ValueError("the picture has no size")
    return total / weights


def _begins(length: int, tile: int, overlap: int) -> list[int]:
    """Return where tiles begin: evenly from the start, and one that ends with the picture."""
    last = max(length - tile, 0)
    return [*range(0, last, tile - overlap), last]


def _ramps(length: int, seam: int, *, has_before: bool, has_after: bool) -> list[float]:
    """Return a tile's weight along one side: 1, falling towards neighbours."""
    return [
        min(
            1.0,
            (place + 1) / (seam + 1) if has_before else 1.0,
            (length - place) / (seam + 1) if has_after else 1.0,
        )
        for place in range(length)
    ]


def with_memory_for(attempt: Callable[[int | None], Tensor], sizes: Sequence[int | None]) -> Tensor:
    """Return what `attempt` makes, with the first of some tile sizes that the device's memory is enough for.

    Raises:
        torch.OutOfMemoryError: If it is too little for the last one too.
    """
    import torch

    *larger, smallest = sizes
    for size in larger:
        try:
            return attempt(size)
        except torch.OutOfMemoryError:
            pass  # what the attempt holds is let go before the next one
        torch.cuda.empty_cache()
    return attempt(smallest)
