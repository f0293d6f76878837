"""Whose fault an error is, and what follows for its order and its place: one table, by the error tree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prodgen.errors import (
    BackendAuthError,
    BackendBusyError,
    BackendCertificateError,
    BackendError,
    BackendLostError,
    BackendOutOfMemoryError,
    BackendTimeoutError,
    BackendUnreachableError,
    ClusterError,
    GraphRefusedError,
    Interrupted,
    NotABackendError,
    NoWorkerError,
    ProdgenError,
    RemoteWorkerLostError,
    StorageError,
    UnknownNameError,
    UnsupportedFeatureError,
    WeightsError,
    WorkerLostError,
)

Again = Literal["never", "elsewhere", "anywhere"]
"""Where an order may be tried again."""

PlaceBlame = Literal["fine", "suspect", "lost", "gone"]
"""What an error says of the place: nothing; perhaps a fault, if more follow at once; give it no more orders
until it answers a probe; never give it any more."""


@dataclass(frozen=True, slots=True)
class Blame:
    """What follows from an error."""

    whose: Literal["row", "place", "run"]
    again: Again
    place: PlaceBlame = "fine"
    counts: bool = True
    """Whether it is one of the few attempts that an order has."""


_NEVER_BEGUN = Blame("place", "anywhere", "lost", counts=False)
_BROKE_AT_WORK = Blame("place", "anywhere", "lost")
_TOO_MUCH_FOR_IT = Blame("row", "elsewhere", "suspect")

TABLE: tuple[tuple[type[BaseException], Blame], ...] = (
    # The user's wish, and nobody's fault.
    (Interrupted, Blame("run", "anywhere", counts=False)),
    # Nothing can be written: every other order would fail too.
    (StorageError, Blame("run", "anywhere", counts=False)),
    # No backend ever saw the order, and the next one would fare no better.
    (BackendUnreachableError, _NEVER_BEGUN),
    (BackendCertificateError, _NEVER_BEGUN),
    (BackendAuthError, _NEVER_BEGUN),
    (NotABackendError, _NEVER_BEGUN),
    (BackendBusyError, _NEVER_BEGUN),
    # A machine that cannot get a network's weights fails with every order.
    (WeightsError, _NEVER_BEGUN),
    # The machine cannot start a process, or each ends at its start: no row's fault, and nothing to wait for.
    (NoWorkerError, Blame("place", "anywhere", "gone", counts=False)),
    # The backend broke with this order in its hands, which may be the reason: both are suspect.
    (BackendTimeoutError, _BROKE_AT_WORK),
    (BackendLostError, _BROKE_AT_WORK),
    # The whole machine went away with it: rarely for the order's sake, but never three times by chance.
    (RemoteWorkerLostError, _BROKE_AT_WORK),
    # The scheduler went away, or a machine that did not yet have the order.
    (ClusterError, _NEVER_BEGUN),
    # Too large for this card, or unknown to this server; another may have more.
    (BackendOutOfMemoryError, Blame("row", "elsewhere")),
    (UnsupportedFeatureError, _TOO_MUCH_FOR_IT),
    (UnknownNameError, _TOO_MUCH_FOR_IT),
    (GraphRefusedError, _TOO_MUCH_FOR_IT),
    # It answered with a fault: one may be chance or the order's, several in a row are the place's.
    (BackendError, Blame("place", "anywhere", "suspect")),
    # The process died, usually for want of memory; the place has another one.
    (WorkerLostError, Blame("row", "anywhere")),
    # A photograph, a setting, a product that cannot be kept: no place changes that.
    (ProdgenError, Blame("row", "never")),
)
"""The first line whose class fits holds."""


def blame_for(error: BaseException) -> Blame:
    """Return what follows from an error; one that is no ProdgenError is a fault of prodgen's own."""
    return next((blame for kind, blame in TABLE if isinstance(error, kind)), Blame("row", "never"))
