"""A product that is larger than it was photographed is told so; two stages can make it so."""

from __future__ import annotations

TOLD_FROM = 1.02
"""Times its size in the photograph from which a product is said to be enlarged. Chosen: less is not seen."""


def told_enlarged(scale: float) -> str | None:
    """Return the notice for a product at so many times its size in the photograph; None if it needs none."""
    if scale <= TOLD_FROM:
        return None
    return (
        f"the product is shown at {scale:.1f} times the photograph's size: it was interpolated, no detail was"
        " invented"
    )
