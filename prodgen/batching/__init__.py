"""A catalogue run from sheet to report."""

from __future__ import annotations

from prodgen.batching.catalogue_run import batch
from prodgen.batching.reading_rules import read_rules

__all__ = ["batch", "read_rules"]
