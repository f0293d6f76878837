"""Every error that prodgen raises on purpose, as one tree.

    ProdgenError
        ImageError                  a picture cannot be read, written or used
        SettingError                a value or a name is wrong
            WrongValueError             the value of one setting: knows which, and what is possible
            UnknownNameError            a name: knows the nearest right ones
            IdleSettingError            settings that would be without effect: knows which, and why
        SheetError                  a catalogue's sheet has faults; knows the row and column of each
        SegmentationError           no usable matte
        WeightsError                a network's weights cannot be downloaded
        PlacementError              the product does not fit the canvas
        IdentityError               the product cannot be kept the same
            ProductNotKeptError         it was drawn, and is beyond a limit; knows which, and the picture
        LedgerError                 what is written down about a catalogue run cannot be used; knows the file
            OutputInUseError            another run works on the same folder; knows which
        StorageError                a store cannot be read or written; `cause` says in which way
        WorkerLostError             the process that worked on it ended
        Interrupted                 the user stopped the work
        BackendError                a backend could not do what was asked
            BackendUnreachableError     nothing answers; `cause` says in which way
            BackendCertificateError     its certificate is not trusted
            BackendBusyError            it answers "later"
            BackendAuthError            it wants another name or password
            NotABackendError            something answers, but not an A1111 API
            BackendTimeoutError         no answer in time; the work may still be going on
            BackendFaultError           it failed while working
                BackendOutOfMemoryError     the picture is too large for its memory
                BackendLostError            the connection broke before the answer was whole
                ResultNotSentError          it drew the picture, but cannot send it
            AnswerError                 its answer cannot be read
            NotAppliedError             it answered, but `feature`, which was asked for, provably did not run
        UnsupportedFeatureError     this kind of backend cannot do that at all
            MissingExtensionError       it could, with an extension that it lacks

Each carries the facts as attributes, says in `str()` what happened and what to do, and survives pickling:
`args` rebuild it. Code decides on the class and the attributes, never on the sentence.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

LONGEST_SHOWN = 60
"""Most characters of a value that an error repeats."""


class ProdgenError(Exception):
    """Base of all errors that prodgen raises on purpose."""


class ImageError(ProdgenError):
    """A picture cannot be read, written or used; the message names it and the remedy."""


class SegmentationError(ProdgenError):
    """No usable matte could be made of the photograph; the message says what to try."""


class WeightsError(ProdgenError):
    """The weights of the network `name` cannot be had, for `reason`."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"the weights of {self.name!r} were not got: {self.reason}"


class PlacementError(ProdgenError):
    """The product cannot be put on the canvas as asked."""


class IdentityError(ProdgenError):
    """The product in the result cannot be kept, or shown to be, the product in the photograph."""


class ProductNotKeptError(IdentityError):
    """The product in a finished picture is beyond a limit of failure, and was not to be delivered so."""

    def __init__(self, numbers: Iterable[str], reasons: Iterable[str], path: str | None) -> None:
        self.numbers = tuple(numbers)
        """Names of the measured numbers that are beyond it."""
        self.reasons = tuple(reasons)
        """A sentence each."""
        self.path = path
        """Where the picture was kept aside, if it was."""
        super().__init__(self.numbers, self.reasons, path)

    def __str__(self) -> str:
        where = "" if self.path is None else f"; the picture is at {self.path!r}"
        return f"the product could not be kept the same: {'; '.join(self.reasons)}{where}"


class LedgerError(ProdgenError):
    """The ledger of a catalogue run at `path` cannot be used, for `reason`; `remedy` says what to do."""

    def __init__(self, path: str, reason: str, remedy: str = "") -> None:
        super().__init__(path, reason, remedy)
        self.path = path
        self.reason = reason
        self.remedy = remedy

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}" + (f"; {self.remedy}" if self.remedy else "")


class OutputInUseError(LedgerError):
    """Another run works on the folder `path`: process `pid` on machine `host`, since `since`.

    `pid` is 0 and the texts are empty where the other run has not said it yet.
    """

    def __init__(
        self,
        path: str,
        pid: int = 0,
        host: str = "",
        since: str = "",
        remedy: str = "stop it or wait for its end, or choose another output",
    ) -> None:
        who = f" (process {pid} on {host}, since {since})" if pid else ""
        super().__init__(path, f"another run works on this folder{who}", remedy)
        self.args = (path, pid, host, since, remedy)
        self.pid = pid
        self.host = host
        self.since = since


StorageCause = Literal["missing", "refused", "full", "unreachable", "other"]
"""Why a store did not do what was asked: no such object, folder or bucket; no right to it; no space left;
nobody answers, or only with faults; anything else."""


class StorageError(ProdgenError):
    """What lies at `address` cannot be read or written, for `reason`; `cause` says in which way."""

    def __init__(self, address: str, reason: str, *, cause: StorageCause = "other") -> None:
        super().__init__(address, reason)
        self.address = address
        self.reason = reason
        self.cause: StorageCause = cause

    def __str__(self) -> str:
        return f"{self.address!r} {self.reason}"


class WorkerLostError(ProdgenError):
    """The process of `worker` ended while it worked on `what`, for `reason`."""

    def __init__(self, worker: str, what: str, reason: str) -> None:
        super().__init__(worker, what, reason)
        self.worker = worker
        self.what = what
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.worker} ended while it worked on {self.what!r}: {self.reason}"


class Interrupted(ProdgenError):  # noqa: N818 - it is the user's wish, not a fault
    """The user stopped the work; nothing half-written was left behind."""


class SettingError(ProdgenError):
    """The value of a setting is wrong, for a reason that the message names."""


def shortened(value: object) -> str:
    """Return a value in quotes as a sentence shows it: of a long one only the beginning."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


class WrongValueError(SettingError):
    """`setting` cannot be `value`; `reason` says what is possible, such as "must be at least 1"."""

    def __init__(self, setting: str, value: object, reason: str) -> None:
        super().__init__(setting, value, reason)
        self.setting = setting
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        sentence = f"{self.setting or 'it'} {self.reason}"
        if self.value == "" or not isinstance(self.value, str | int | float):
            return sentence
        return f"{sentence}, not {shortened(self.value)}"


class IdleSettingError(SettingError):
    """`settings` would be without effect, for `reason`; leaving them out is the remedy."""

    def __init__(self, settings: Iterable[str], reason: str) -> None:
        self.settings = tuple(settings)
        self.reason = reason
        super().__init__(self.settings, reason)

    def __str__(self) -> str:
        return f"{self.reason}; leave out {' and '.join(self.settings)}"


class UnknownNameError(SettingError):
    """`name` is not one of the known `kind`s; the nearest known ones are suggested.

    `setting` is the field that it was given for, if it was one.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], hint: str = "", *, setting: str = ""
    ) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        self.hint = hint
        self.setting = setting
        super().__init__(kind, name, self.known, hint)

    @property
    def nearest(self) -> tuple[str, ...]:
        """Known names that look like the one given, best first; at most three."""
        lower = {known.lower(): known for known in self.known}
        close = difflib.get_close_matches(self.name.lower(), lower, n=3, cutoff=0.5)
        inside = [key for key in lower if self.name and self.name.lower() in key and key not in close]
        return tuple(lower[key] for key in [*close, *inside][:3])

    def __str__(self) -> str:
        message = f"unknown {self.kind} {shortened(self.name)}"
        if self.nearest:
            message += "; did you mean " + " or ".join(map(repr, self.nearest)) + "?"
        elif self.known:
            shown = ", ".join(self.known[:12]) + (", ..." if len(self.known) > 12 else "")
            message += f"; there are: {shown}"
        else:
            message += "; there are none here"
        return f"{message} {self.hint}".rstrip()


@dataclass(frozen=True, slots=True)
class SheetFault:
    """What is wrong in one place of a sheet."""

    row: int
    """The row as the sheet's user counts, from 1 with the header; 0 if it concerns the whole sheet."""
    column: str
    """The column's name as the sheet spells it, or "" if it concerns the whole row."""
    what: str
    """What is wrong."""
    remedy: str = ""
    """What to do about it, where `what` does not say so already."""

    def __str__(self) -> str:
        place = ", ".join(filter(None, [f"row {self.row}" if self.row else "", self.column]))
        sentence = f"{self.what}; {self.remedy}" if self.remedy else self.what
        return f"{place}: {sentence}" if place else sentence


class SheetError(ProdgenError):
    """The sheet `source` cannot be run as it is; `faults` has the first of its faults, `total` counts all."""

    def __init__(self, source: str, faults: Iterable[SheetFault], total: int = 0) -> None:
        self.source = source
        self.faults = tuple(faults)
        self.total = max(total, len(self.faults))
        super().__init__(source, self.faults, self.total)

    def __str__(self) -> str:
        if self.total == 1:
            return f"{self.source}: {self.faults[0]}"
        lines = [f"{self.source} has {self.total:,} faults:", *(f"  {fault}" for fault in self.faults)]
        if more := self.total - len(self.faults):
            lines.append(f"  ... and {more:,} more")
        return "\n".join(lines)


UnreachableCause = Literal["unknown host", "refused", "no TLS", "no answer", "proxy", "other"]
"""In which way nothing answered: no such name in DNS, nobody listens there, a server without TLS at an
https:// address, silence, or a proxy on the way that refuses."""

BRIDGE_REMEDY = (
    "Install prodgen's bridge extension on the server (install_backend.sh does; or copy the folder "
    "deploy/extensions/zz-prodgen-bridge into its extensions folder) and restart it"
)
"""What makes a server able to send IC-Light's results."""


class BackendError(ProdgenError):
    """The backend at `url` could not do what was asked, for `reason`; `remedy` says what to do about it."""

    remedy: str = "The server's console says more."

    def __init__(self, url: str, reason: str, *, remedy: str | None = None) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason
        if remedy is not None:
            self.remedy = remedy

    def __str__(self) -> str:
        said = f"{self.url}: {self.reason}"
        return f"{said.removesuffix('.')}. {self.remedy}" if self.remedy else said


_UNREACHABLE_REMEDIES: dict[UnreachableCause, str] = {
    "unknown host": "No machine of that name is known: correct it, or add it to DNS or /etc/hosts.",
    "refused": "Start the server with --api (and --listen, if it is another machine), or correct the port; "
    "embedded:// draws without one.",
    "no TLS": "Use http:// instead of https://: what answers there speaks no TLS.",
    "no answer": "Check host, port and firewall: packets to it get no answer.",
    "proxy": "Check HTTP_PROXY and HTTPS_PROXY, or name this host in NO_PROXY.",
    "other": "Is the backend running, with --api, at this address?",
}


class BackendUnreachableError(BackendError):
    """Nothing answered at `url`; `cause` says in which way."""

    def __init__(
        self, url: str, reason: str, *, remedy: str | None = None, cause: UnreachableCause = "other"
    ) -> None:
        super().__init__(url, reason, remedy=_UNREACHABLE_REMEDIES[cause] if remedy is None else remedy)
        self.cause: UnreachableCause = cause


class BackendCertificateError(BackendError):
    """The certificate of the backend at `url` is not trusted."""

    remedy = (
        "Set PRODGEN_CA_FILE to the file of the certificate authority that signed it, "
        "or use http:// in a network that you trust."
    )


class BackendBusyError(BackendError):
    """The backend refuses work for now (HTTP 429 or 503)."""

    remedy = "Try again later, or give prodgen another backend."


class BackendAuthError(BackendError):
    """The backend wants a name and password that it was not given."""

    remedy = "Set PRODGEN_AUTH=user:password as in the server's --api-auth."


class NotABackendError(BackendError):
    """Something answers at `url`, but it is no A1111 API."""

    remedy = "Check the address, and that the server was started with --api."


class BackendTimeoutError(BackendError):
    """No answer came in time; the backend may still be rendering."""

    remedy = "Give it a longer time-out, or ask for a smaller picture."


class BackendFaultError(BackendError):
    """The backend failed while it was working; `server_text` is its own text on it, "" if it gave none."""

    def __init__(self, url: str, reason: str, *, remedy: str | None = None, server_text: str = "") -> None:
        super().__init__(url, reason, remedy=remedy)
        self.server_text = server_text


class BackendOutOfMemoryError(BackendFaultError):
    """The backend ran out of memory."""

    remedy = "Ask for a smaller picture or a smaller batch."


class BackendLostError(BackendFaultError):
    """The connection broke before the answer was whole; what became of the work is not known."""

    remedy = "Ask again once the server is idle; if it breaks again, its console says why."


class ResultNotSentError(BackendFaultError):
    """The backend drew the picture but cannot send it: A1111 fails at the array that IC-Light adds."""

    remedy = f"{BRIDGE_REMEDY}."


class AnswerError(BackendError):
    """The backend's answer cannot be read, or breaks its own protocol."""

    remedy = (
        "Try again; if it stays so, look at the server's console, or for a proxy that cuts answers short."
    )


class NotAppliedError(BackendError):
    """The backend answered, but `feature`, which was asked for, provably did not run."""

    remedy = "The server's console says why."

    def __init__(self, url: str, reason: str, *, remedy: str | None = None, feature: str = "") -> None:
        super().__init__(url, reason, remedy=remedy)
        self.feature = feature


class UnsupportedFeatureError(ProdgenError):
    """A backend that speaks `dialect` cannot do `feature` at all; `remedy`, if given, says what to do."""

    def __init__(self, feature: str, dialect: str, remedy: str = "") -> None:
        super().__init__(feature, dialect, remedy)
        self.feature = feature
        self.dialect = dialect
        self.remedy = remedy

    def __str__(self) -> str:
        sentence = f"the {self.dialect} backend cannot do {self.feature}"
        return f"{sentence}: {self.remedy}" if self.remedy else sentence


class MissingExtensionError(UnsupportedFeatureError):
    """A backend that speaks `dialect` could do `feature` with an extension it lacks; `remedy` gets it."""

    def __str__(self) -> str:
        return f"the {self.dialect} backend has no {self.feature}: {self.remedy}"
