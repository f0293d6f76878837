"""What HTTP says of an error that an engine raises: whose fault it is, and whether another try may help."""

from __future__ import annotations

from pathlib import Path

from prodgen.errors import (
    BackendBusyError,
    BackendError,
    BackendLostError,
    BackendOutOfMemoryError,
    BackendTimeoutError,
    BackendUnreachableError,
    GraphRefusedError,
    ModelFileError,
    ProdgenError,
    UnsupportedFeatureError,
)
from prodgen.server.wire import Crashed, HttpAnswer, Refused, crash_answer, error_answer

_STATUS: dict[type[ProdgenError], int] = {
    BackendBusyError: 503,
    BackendUnreachableError: 502,
    BackendLostError: 502,
    BackendTimeoutError: 504,
    GraphRefusedError: 422,
    UnsupportedFeatureError: 422,
}
"""What is said as a gateway says it (RFC 9110, 15.6): the program behind the engine is busy, not there, or
silent. And 422 for what the engine cannot do, or the program
behind it does not take."""


def engine_fault(error: ProdgenError) -> HttpAnswer:
    """Return the answer to an error of the engine; what clients know from A1111 keeps its words there."""
    if isinstance(error, BackendOutOfMemoryError):
        return error_answer(Crashed("OutOfMemoryError", error.server_text or str(error)))
    if isinstance(error, ModelFileError):  # the client chose it; where it lies is this computer's business
        reason = f"the model file {Path(error.path).name!r} cannot be used: {error.reason}"
        return error_answer(Refused(422, reason))
    status = next((number for kind, number in _STATUS.items() if isinstance(error, kind)), None)
    if status is not None:
        return error_answer(Refused(status, str(error)))
    if isinstance(error, BackendError):
        return error_answer(Refused(500, str(error)))
    return crash_answer(error)
