"""Who makes which picture when: windows of places, measured speed, faults, and the end of a run."""

from __future__ import annotations
