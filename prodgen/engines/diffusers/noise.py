"""A picture's random numbers: the ones that A1111 draws on a graphics card, made on any machine.

A1111's noise ("GPU" and "NV" alike) is the counter-based generator Philox 4x32-10 (Salmon et al., "Parallel
random numbers: as easy as 1, 2, 3", 2011), turned normal by Box and Muller. Each number depends on seed, draw
and place alone; so a picture of a batch has the noise that it would have by itself, and the CPU makes the
card's numbers. A card's own generator goes other ways above some 270,000 numbers; this one does not.

What A1111 does with seeds is here too: variation seeds, the shift of the step noise (ENSD), a seed's noise
kept in place at another size.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from prodgen.server.inpainting import LATENT_CELL_PX

if TYPE_CHECKING:
    from torch import Tensor

Normal = NDArray[np.float32]
"""Numbers with mean 0 and standard deviation 1."""

ROUNDS = 10
MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
KEY_STEPS = (0x9E3779B9, 0xBB67AE85)
"""Philox 4x32-10's rounds and constants, from its paper; CUDA's generator has the same."""

WORD = 2**32

ALMOST_PARALLEL = 0.9995
"""Cosine above which A1111 mixes two noises along a straight line, where the arc's formula divides by 0."""


def philox_normal(seed: int, draw: int, count: int) -> Normal:
    """Return `count` normal numbers: what CUDA's `torch.randn` gives for a seed at one of its draws.

    Args:
        seed: 0 to 2**64 - 1; larger ones and negative ones wrap around.
        draw: How many times the generator was used before.
        count: How many numbers.
    """
    low, half = np.uint64(WORD - 1), np.uint64(32)
    zeros = np.zeros(1, np.uint64)  # stands for a whole row for as long as all its numbers are one
    words = (zeros + np.uint64(draw), zeros, np.arange(count, dtype=np.uint64), zeros)
    key = (seed % WORD, seed // WORD % WORD)
    for _ in range(ROUNDS):
        first, second = words[0] * np.uint64(MULTIPLIERS[0]), words[2] * np.uint64(MULTIPLIERS[1])
        words = (
            second >> half ^ words[1] ^ np.uint64(key[0]),
            second & low,
            first >> half ^ words[3] ^ np.uint64(key[1]),
            first & low,
        )
        key = ((key[0] + KEY_STEPS[0]) % WORD, (key[1] + KEY_STEPS[1]) % WORD)
    radius = np.sqrt(-2.0 * np.log((words[0] + 0.5) / WORD))
    return np.asarray(radius * np.sin((words[1] + 0.5) / WORD * (2 * np.pi)), np.float32)


class PictureNoise:
    """The noise of the pictures of one batch, drawn as A1111 draws it.

    Args:
        seeds: One for each picture.
        shape: Channels, height and width of the latents.
        subseeds: Variation seeds, one for each picture; a missing one is 0.
        subseed_strength: 0 leaves the seed's noise, 1 is the subseed's.
        eta_noise_seed_delta: A1111's setting of that name (ENSD): is added to the seed for the step noise.
        seed_resize: Width and height in pixels of the picture whose noise shall lie in the middle; None, and
            sides of 0, leave it.
    """

    def __init__(
        self,
        seeds: Sequence[int],
        shape: tuple[int, int, int],
        *,
        subseeds: Sequence[int] = (),
        subseed_strength: float = 0.0,
        eta_noise_seed_delta: int = 0,
        seed_resize: tuple[int, int] | None = None,
    ) -> None:
        self._seeds, self._shape = tuple(seeds), shape
        self._subseeds, self._subseed_strength = tuple(subseeds), subseed_strength
        self._delta = eta_noise_seed_delta
        self._own_shape = shape
        if seed_resize is not None and min(seed_resize) > 0:
            self._own_shape = (
                shape[0],
                seed_resize[1] // LATENT_CELL_PX,
                seed_resize[0] // LATENT_CELL_PX,
            )
        self._draws = 0 if eta_noise_seed_delta else 1

    def first(self) -> Tensor:
        """Return the noise that the pictures start from, (n, *shape), float32 on the CPU."""
        return _stacked([self._start(place) for place in range(len(self._seeds))])

    def next(self) -> Tensor:
        """Return the next draw of each picture, for the noise that a sampler adds at a step."""
        drawn = [_normal(seed + self._delta, self._draws, self._shape) for seed in self._seeds]
        self._draws += 1
        return _stacked(drawn)

    def _start(self, place: int) -> Normal:
        seed = self._seeds[place]
        noise = _normal(seed, 0, self._own_shape)
        if self._subseeds and self._subseed_strength:
            subseed = self._subseeds[place] if place < len(self._subseeds) else 0
            noise = _along_the_arc(noise, _normal(subseed, 0, self._own_shape), self._subseed_strength)
        if self._own_shape != self._shape:
            noise = _in_the_middle(noise, _normal(seed, 0, self._shape))
        return noise


def _normal(seed: int, draw: int, shape: tuple[int, int, int]) -> Normal:
    return philox_normal(seed, draw, shape[0] * shape[1] * shape[2]).reshape(shape)


def _along_the_arc(low: Normal, high: Normal, share: float) -> Normal:
    """Return the spherical mix of two noises ("slerp"), along the axis that A1111 takes: a column's cells."""
    cosine = np.sum(
        low / np.linalg.norm(low, axis=1, keepdims=True) * high / np.linalg.norm(high, axis=1, keepdims=True),
        axis=1,
        keepdims=True,
    )
    if cosine.mean() > ALMOST_PARALLEL:
        return np.asarray(
            low * share + high * (1 - share), np.float32
        )  # A1111 has the two the wrong way round
    angle = np.arccos(cosine)
    mixed = np.sin((1 - share) * angle) * low + np.sin(share * angle) * high
    return np.asarray(mixed / np.sin(angle), np.float32)


def _in_the_middle(noise: Normal, around: Normal) -> Normal:
    """Return `around` with `noise` in its middle; what is too large is cut at the edges."""
    result = around.copy()
    target, source = [slice(None)], [slice(None)]
    for inner, outer in zip(noise.shape[1:], around.shape[1:], strict=True):
        offset = (outer - inner) // 2
        length = inner if offset >= 0 else inner + 2 * offset
        target.append(slice(max(offset, 0), max(offset, 0) + length))
        source.append(slice(max(-offset, 0), max(-offset, 0) + length))
    result[tuple(target)] = noise[tuple(source)]
    return result


def _stacked(noises: Sequence[Normal]) -> Tensor:
    import torch

    return torch.from_numpy(np.stack(noises))
