"""Which columns of a sheet mean something, by their keys; all others are free for templates."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from functools import cache

from prodgen.catalogue.cells import key_of
from prodgen.errors import SheetError, SheetFault

OF_A_SHOT = (
    "photo",
    "sku",
    "scene",
    "prompt",
    "negative_prompt",
    "pose",
    "light",
    "light_map",
    "light_from",
    "like",
    "background",
    "reference",
    "matte",
    "box",
    "points",
    "seed",
    "loras",
    "recipe",
)
"""Columns that say what is asked of one picture, beside the settings of its recipe."""

PICTURES = ("photo", "matte", "background", "reference", "light_map", "light_from", "like")
"""Columns whose cells are picture files, or URLs."""

REASON = "reason"
"""Column of failed.csv that says why a row failed; ignored when such a file is read as a sheet."""

FAILED_ROWS = "failed.csv"
"""Name of the sheet of rows that failed, in the folder of a run."""

_OTHER_WORDS = {
    "lora": "loras",
    "sampler": "sampler_name",
    "feather": "feather_px",
    "route": "recipe",
    "rotate": "rotation_deg",
    "strength": "blend",
    "shadow_direction": "shadow_azimuth_deg",
}
"""Options of the command line that have another name than what they set."""

_NEAR = 0.8
"""How alike two names are (difflib's ratio) for one to count as a slip of the other: one letter in five."""


@cache
def setting_columns() -> frozenset[str]:
    """Return the names of all settings that a recipe may have."""
    from prodgen.shots import Recipe, builtin_recipes
    from prodgen.shots.stages import STAGES

    of_stages = {name for kind in STAGES for name in kind.model_fields}
    of_recipes = {name for known in builtin_recipes() for name in Recipe.load(known).settings}
    return frozenset((of_stages | of_recipes) - {"stage", *OF_A_SHOT})


@cache
def _squeezed() -> dict[str, str]:
    known = {name.replace("_", ""): name for name in (*OF_A_SHOT, *setting_columns())}
    return known | {word.replace("_", ""): name for word, name in _OTHER_WORDS.items()}


def known_key(header: str) -> str:
    """Return the key of a column: the name of what it sets, however it is spelled, or a free column's."""
    key = key_of(header)
    return _squeezed().get(key.replace("_", ""), key)


def keys_of(source: str, headers: Sequence[str]) -> tuple[str, ...]:
    """Return the key of each column; a column without a name has the key "".

    Raises:
        SheetError: If two columns mean the same.
    """
    keys = tuple(known_key(header) for header in headers)
    faults, first = [], dict[str, str]()
    for header, key in zip(headers, keys, strict=True):
        if key and key in first:
            what = f"column {header!r} means the same as {first[key]!r}"
            faults.append(SheetFault(1, header, what, "rename or remove one of them"))
        first.setdefault(key, header)
    if faults:
        raise SheetError(source, faults)
    return keys


def meant_by(key: str, names: Iterable[str]) -> str:
    """Return the one of `names` that an unknown column probably is a slip of; or ""."""
    return next(iter(difflib.get_close_matches(key, names, n=1, cutoff=_NEAR)), "")
