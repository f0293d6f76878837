"""Which family of Stable Diffusion a checkpoint is of, told by names: the one owner of their marks.

A1111's API does not say it. Names of files do as a rule, and so do the names of A1111's own configuration
files, which stand beside a checkpoint or come with the program.
"""

from __future__ import annotations

import re
from typing import Literal

ModelFamily = Literal["sd15", "sd21", "sdxl", "flux", ""]
"""A family of checkpoints; "" where nothing tells it."""

_MARKS: tuple[tuple[ModelFamily, re.Pattern[str]], ...] = (
    ("flux", re.compile(r"flux|pixelwave", re.IGNORECASE)),
    ("sdxl", re.compile(r"xl|pony|illustrious|noob", re.IGNORECASE)),
    ("sd15", re.compile(r"sd[-_. ]?v?1|v1[-_.]5", re.IGNORECASE)),
)
"""Marks in names of checkpoints. Pony, Illustrious and NoobAI are trained on SDXL, by their makers' pages."""

_CONFIGS: dict[ModelFamily, str] = {
    "sd15": "v1-inference.yaml",
    "sd21": "v2-inference-v.yaml",
    "sdxl": "sd_xl_base.yaml",
}
"""Configuration files by family, as they are called in A1111's folder `configs` and in Stability's
repositories."""


def family_by_name(name: str) -> ModelFamily:
    """Return the family of a checkpoint of this name; "" if it has no mark of any."""
    return next((family for family, mark in _MARKS if mark.search(name)), "")


def family_by_config(path: str) -> ModelFamily:
    """Return the family that a checkpoint's configuration file is for, by its name; "" if that tells none."""
    file = path.replace("\\", "/").rpartition("/")[2]
    return next((family for family, known in _CONFIGS.items() if file == known), "")


def config_of(family: str) -> str | None:
    """Return the name of the configuration file of a family; None if A1111 has none for it.

    What is distilled of a family, as "sdxl-turbo", is built as it is.
    """
    return next((file for known, file in _CONFIGS.items() if known == family.partition("-")[0]), None)
