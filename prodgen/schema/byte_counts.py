"""Amounts of memory as people write them."""

from __future__ import annotations

import re

from prodgen.errors import WrongValueError

_UNITS = {"": 1, "K": 2**10, "M": 2**20, "G": 2**30, "T": 2**40}


def byte_count(text: str, name: str) -> int:
    """Return how many bytes "8G", "500 MB" or "1.5GiB" are; a K is 1024.

    Args:
        text: The amount.
        name: What it is of, for the error.

    Raises:
        WrongValueError: If it cannot be read.
    """
    found = re.fullmatch(r"(\d{1,9}(?:\.\d{1,6})?)\s*([KMGT]?)(?:i?B)?", text.strip(), re.IGNORECASE)
    if found is None:
        raise WrongValueError(name, text, 'must be a number of bytes such as "8G" or "500M"')
    return int(float(found[1]) * _UNITS[found[2].upper()])
