"""Numbers as programs and people write them into texts: with decimal commas, percent signs, or not at all."""

from __future__ import annotations

import math
from contextlib import suppress
from decimal import Decimal, InvalidOperation

MOST_DIGITS = 40
"""Characters of the longest number that is read; a seed of 64 bits has 20 digits."""


def number_of(text: str) -> float | None:
    """Return the number that a text is: "7", "7.5", "7,5", "70%"; None for "None", "nan" and other words."""
    plain = text.strip()
    share = plain.endswith("%")
    plain = plain.removesuffix("%").strip().replace(",", ".")
    if not plain or len(plain) > MOST_DIGITS:
        return None
    with suppress(ValueError, OverflowError):
        number = float(plain) / (100 if share else 1)
        return number if math.isfinite(number) else None
    return None


def whole_number_of(text: str) -> int | None:
    """Return the whole number that a text is, exactly however long, such as a seed; "20.0" is 20."""
    if number_of(text) is None:
        return None
    with suppress(InvalidOperation):
        number = Decimal(text.strip().replace(",", "."))
        return int(number) if abs(number) < 10**MOST_DIGITS and number == int(number) else None
    return None
