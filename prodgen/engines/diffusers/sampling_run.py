"""What a sampler works with, and the small steps that all samplers are put together from.

Everything is in sigma space: latents keep the noise that they have, and a denoiser says what it takes to be
under it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor


class Estimate(Protocol):
    """A denoiser: says what is under the noise."""

    def __call__(self, latents: Tensor, sigma: float) -> Tensor:
        """Return the clean latents that these, with noise of that sigma, seem to come from ("x0")."""
        ...


@dataclass(frozen=True)
class SamplingRun:
    """What a sampler works with."""

    estimate: Estimate
    sigmas: Sequence[float]
    """Falling noise levels; the last one is mostly 0."""

    draw: Callable[[], Tensor]
    """New noise for each picture, of the latents' shape and device."""

    eta: float = 0.0
    """Share of the noise that is taken away and added anew at each step: 0 none, 1 an ancestral step's."""

    def steps(self) -> Iterator[tuple[float, float]]:
        """Yield each step's noise level and the next one's."""
        return pairwise(self.sigmas)

    def slope(self, latents: Tensor, sigma: float) -> Tensor:
        """Return d latents / d sigma, the direction of the probability flow."""
        return (latents - self.estimate(latents, sigma)) / sigma

    def down(self, sigma: float, following: float) -> float:
        """Return the level that an ancestral step goes down to, below the next one, before it adds noise."""
        return math.sqrt(max(following**2 - self.added(sigma, following) ** 2, 0.0))

    def added(self, sigma: float, following: float) -> float:
        """Return the noise that takes an ancestral step up again to the next level."""
        return min(following, self.eta * following * math.sqrt(max(1 - (following / sigma) ** 2, 0.0)))

    def stepped(self, latents: Tensor, clean: Tensor, sigma: float, following: float) -> Tensor:
        """Return the latents at the next level: on the straight way to `clean`, then with new noise."""
        latents = towards(latents, clean, sigma, self.down(sigma, following))
        added = self.added(sigma, following)
        return latents + self.draw() * added if added else latents


def towards(latents: Tensor, clean: Tensor, sigma: float, following: float) -> Tensor:
    """Return the latents at another level, on the straight way to `clean` (Euler; DPM-Solver++ 1)."""
    share = following / sigma
    return latents * share + clean * (1 - share)
