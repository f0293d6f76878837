"""The one owner of seeds: their range, how one is drawn, and which others belong to it.

A seed decides a picture. Two kinds of seeds are derived from one that was asked for: siblings, which are
further pictures of the same job (`--count`), and retries, which replace a picture that failed (`--tries`).

Both together never use a seed twice. Sibling k of seed s is s + k, and try n of it is s + k + n*STEP, all
modulo 2**32. Two of them are the same only if m*STEP, with m = n - n', lies within the largest k of a
multiple of 2**32. m = 0 (the same try of two siblings) would need the same k. For the others, STEP / 2**32
is the golden ratio's fractional part to 32 bits, whose multiples keep further from whole numbers than those
of any other number (Hurwitz, 1891; Knuth, The Art of Computer Programming, volume 3, section 6.4): for
m = 1 to 15 the nearest is m = 13, at 0.034 * 2**32 = 1.47e8. So 1.47e8 siblings of 16 tries each are apart.
A seed s of more than 32 bits is counted on modulo 2**64, where 15*STEP does not come round: all are apart.
"""

from __future__ import annotations

import secrets
from pathlib import Path

SEEDS = 2**32
"""Number of seeds that are drawn from: 0 to 2**32 - 1, as A1111 draws them."""

MAX_SEED = SEEDS - 1
"""The largest seed of a product shot and of a sheet, whose programs keep no more than 15 digits."""

LARGEST_SEED = 2**64 - 1
"""The largest seed of a picture drawn from words.

ComfyUI's samplers take up to this number, and torch too, to which A1111 hands any seed as it is.
stable-diffusion.cpp keeps a signed number of 64 bits, and refuses the upper half by itself.
"""

STEP = 0x9E3779B1
"""Distance of one retry from the next: a prime 8 below 2**32 divided by the golden ratio."""

MAX_TRIES = 16
"""Most pictures drawn in place of one; what is shown to be apart above is shown for so many."""

PLACEHOLDER = "{seed}"
"""Stands in a file's name for the seed that was used."""


def draw() -> int:
    """Draw a seed, so that it is known before anything is sent; from the range that A1111 draws from."""
    return secrets.randbelow(SEEDS - 2)


def siblings(first: int | None, count: int) -> list[int]:
    """Return the seeds of the pictures of one job: `first` (drawn if None) and those that follow it."""
    start = draw() if first is None else first
    return [(start + number) % _ring(start) for number in range(count)]


def tries(seed: int, count: int) -> list[int]:
    """Return the seeds to try in turn until a picture is good: `seed` itself, then ones no sibling uses."""
    return [(seed + number * STEP) % _ring(seed) for number in range(count)]


def _ring(seed: int) -> int:
    """Return the number of seeds after which counting on from `seed` begins again at 0."""
    return SEEDS if seed < SEEDS else LARGEST_SEED + 1


def in_name(path: Path, seed: int) -> Path:
    """Return a file's path with the seed where its name says "{seed}"."""
    return path.with_name(path.name.replace(PLACEHOLDER, str(seed)))
