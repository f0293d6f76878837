"""Machines that share the work of a catalogue run: Dask workers as places with names.

Dask carries orders there and records back, and tells who is there; who makes what is decided by `dispatch`,
and what is done stands in the ledger (docs/decisions/016-dask.md). Pictures never travel: each worker reads
the photographs and writes its pictures itself, in a folder or bucket that all of them see.
"""

from prodgen.cluster.errand import MakePlace
from prodgen.cluster.hired_crew import HiredCrew
from prodgen.cluster.worker_machines import Cluster, open_cluster
from prodgen.cluster.worker_process import serve_orders

__all__ = ["Cluster", "HiredCrew", "MakePlace", "open_cluster", "serve_orders"]
