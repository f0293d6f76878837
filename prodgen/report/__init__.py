"""What came of a catalogue run, for people: report.html, report.csv, and which pictures stand out.

It reads records and writes two files; it opens no picture and asks no backend.
"""

from __future__ import annotations

from prodgen.report.consistency import Outlier, SceneLooks, Spread, sentences, side_by_side
from prodgen.report.run_facts import PlaceFacts, RunFacts
from prodgen.report.two_files import write_report

__all__ = [
    "Outlier",
    "PlaceFacts",
    "RunFacts",
    "SceneLooks",
    "Spread",
    "sentences",
    "side_by_side",
    "write_report",
]
