"""Where shots are made: a backend and its share of the CPU; order in, picture and record out.

LocalPlace   a backend, as dispatch sees it
Crew         the processes of this machine that do the CPU's work, shared by all its places
Bench        what happens in one such process
Workplace    what a process has to know beside its orders
"""

from __future__ import annotations

from prodgen.places.crew import Crew
from prodgen.places.local_place import LocalPlace
from prodgen.places.workplace import Backend, Workplace

__all__ = ["Backend", "Crew", "LocalPlace", "Workplace"]
