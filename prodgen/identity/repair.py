"""Where the light cost the product too much, take less of it there, until it is the same product again.

The way back is always open: with no light at all the picture is the photograph. So it is walked
only as far as needed, and only where needed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from prodgen.identity.measure import BLACK, WHITE, Comparison, compare_pictures, measure, read_text
from prodgen.identity.verdict import Identity, Verdict, profile_limits
from prodgen.images import Matte, RgbImage
from prodgen.masks import blur
from prodgen.ocr import Reader
from prodgen.shading.blend import blend
from prodgen.shading.field import LightField, light_field

ROUNDS = 5
"""Times the light is weakened before giving up; each halves it where it failed."""


BEYOND_LIGHT = ("light", "outline")
"""Numbers that no weaker light mends: it is further from the relit one, and the scene keeps what grew."""


@dataclass(frozen=True)
class Repaired:
    """The best picture that could be made, and what is known about it."""

    picture: RgbImage
    identity: Identity
    verdict: Verdict
    field: LightField
    """The light that was used in the end."""
    rounds: int
    """0 if nothing had to be repaired."""


def repair(
    original: RgbImage,
    relit: RgbImage,
    matte: Matte,
    *,
    profile: str = "editorial",
    strength: float = 1.0,
    ambience: float = 1.0,
    foreground: RgbImage | None = None,
    field: LightField | None = None,
    reader: Reader | None = None,
) -> Repaired:
    """Blend, measure, and move towards the photograph where the limits are broken.

    Args:
        original: The photograph, (H, W, 3), sRGB, [0, 1].
        relit: The same framing in new light, of any size.
        matte: (H, W), 1 = product.
        profile: Whose limits must hold: not to be failed; warnings are let be.
        strength: As for `blend`; where repair is needed less is taken.
        ambience: As for `blend`.
        foreground: As for `blend`.
        field: A light field to begin with, instead of one made here.
        reader: As for `measure`; asked once, about the picture that is returned.

    Returns:
        The picture; its verdict still is "fail" if the way to the photograph did not help, as where
        the scene holds remains of a product that grew. It must not be delivered silently then.

    Raises:
        ImageError: If photograph and matte differ in size.
        IdentityError: If the matte holds no product, or `relit` does not show it there.
        UnknownNameError: If there is no such profile.
    """
    limits = profile_limits(profile)
    whole = (
        field
        if field is not None
        else light_field(original, relit, matte, strength=strength, ambience=ambience)
    )
    share = np.ones(whole.gain.shape[:2], np.float32)
    current = whole
    for count in range(ROUNDS + 1):
        picture = blend(original, relit, matte, foreground=foreground, field=current)
        told = measure(original, picture, matte, relit=whole if whole.strength > 0 else relit)
        verdict = told.verdict(profile)
        # A weaker light is further from the relit one: that alone is no reason to weaken it more.
        broken = [reason for reason in verdict.reasons if not reason.startswith(BEYOND_LIGHT)]
        if verdict.status != "fail" or count == ROUNDS or not broken:
            break
        seen = compare_pictures(original, picture, matte)
        fault = _faults(seen, worst=limits["delta_e_p95"].warn)
        fitted = cv2.resize(fault, share.shape[::-1], interpolation=cv2.INTER_AREA)
        share = share * (1 - 0.5 * np.clip(fitted, 0, 1))
        current = whole.weakened(share)
    weakened = 100 * float((share < 0.95).mean())
    told = told.model_copy(update={"repaired_percent": weakened})
    # Only now: print is read with the light taken out, so that no weaker light would mend it.
    if reader is not None and told.print_agreement is not None:
        errors = read_text(compare_pictures(original, picture, matte), reader)
        told = told.model_copy(update={"text_errors_percent": errors})
        verdict = told.verdict(profile)
    return Repaired(picture, told, verdict, current, count)


def _faults(seen: Comparison, *, worst: float) -> Matte:
    """(h, w), 1 where the product is not itself: wrong colour, or lost in white or black; softly spread."""
    photo, found = seen.photo, seen.found
    white = (found.min(axis=-1) >= WHITE) & (photo.min(axis=-1) < 0.94)
    black = (found.max(axis=-1) <= BLACK) & (photo.max(axis=-1) > 0.06)
    wrong = (seen.heat() > worst) | (seen.inside > 0) & (white | black)
    extent = float(np.sqrt(max(float(seen.inside.sum()), 1.0)))
    spread = np.clip(3 * blur(wrong.astype(np.float32), 0.03 * extent), 0, 1)
    if spread.max() < 0.5:
        # The fault has no place (detail, edges): then it is everywhere.
        return np.ones_like(spread)
    return spread
