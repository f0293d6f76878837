"""Names of a package that are imported when first used, so that importing the package costs nothing."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from importlib import import_module


def imported(package: str, homes: Mapping[str, str], name: str) -> object:
    """Return what a package's `__getattr__` (PEP 562) is asked for, which from then on is there.

    Args:
        package: Its name, such as "prodgen".
        homes: By module below the package: the names that come from it, with spaces between them.
        name: The name that is missing.

    Raises:
        AttributeError: If it comes from none of the modules.
    """
    home = next((home for home, names in homes.items() if name in names.split()), None)
    if home is None:
        raise AttributeError(f"module {package!r} has no attribute {name!r}")
    value = getattr(import_module(f"{package}.{home}"), name)
    setattr(sys.modules[package], name, value)
    return value
