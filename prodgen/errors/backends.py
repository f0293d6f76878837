"""Errors of backends: not reached, busy, failing, answering nonsense, or not able to do what was asked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from prodgen.errors.own import ProdgenError

UnreachableCause = Literal["unknown host", "refused", "no TLS", "no answer", "proxy", "gateway", "other"]
"""In which way nothing answered: no such name in DNS, nobody listens there, a server without TLS at an
https:// address, silence, a proxy of ours (HTTPS_PROXY) that refuses, or a gateway, which is the server's own
proxy, that answers in its place and does not reach it."""

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
    "gateway": "Start the server behind it, and check the host and port that the proxy or tunnel leads to.",
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
    """The backend refuses work for now (HTTP 429 or 503); it asks to be left alone for `retry_after_s`."""

    remedy = "Try again later, or give prodgen another backend."

    def __init__(
        self, url: str, reason: str, *, remedy: str | None = None, retry_after_s: float = 0.0
    ) -> None:
        super().__init__(url, reason, remedy=remedy)
        self.retry_after_s = retry_after_s


class BackendStartingError(BackendBusyError):
    """The backend is starting: it says so, or a page answers in place of what worked before."""

    remedy = "Wait until it has started; if it stays so, look at the console of the server or its pod."


class BackendAuthError(BackendError):
    """The backend, or a proxy before it, refuses access; mostly it wants another password or token."""

    remedy = "Set PRODGEN_AUTH=user:password as in the server's --api-auth, or PRODGEN_AUTH='Bearer TOKEN'."


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


class BackendGatewayError(BackendLostError):
    """A proxy before the backend answered in its place, with `status`; what became of the work is not known.

    `proxy` is the name of its product, "" if that does not show; `gave_up` is True where it did not wait any
    longer, False where it got no answer or a broken one.
    """

    remedy = "Look at the proxy's log and at the server's console."

    def __init__(
        self,
        url: str,
        reason: str,
        *,
        remedy: str | None = None,
        server_text: str = "",
        status: int = 0,
        proxy: str = "",
        gave_up: bool = False,
    ) -> None:
        super().__init__(url, reason, remedy=remedy, server_text=server_text)
        self.status = status
        self.proxy = proxy
        self.gave_up = gave_up


@dataclass(frozen=True)
class NodeFault:
    """What a ComfyUI server finds wrong with one node of a graph."""

    node_id: str
    """"" where the server does not name the node."""

    class_type: str
    kind: str
    """The server's own word: "value_not_in_list", "required_input_missing"."""

    input_name: str
    """The input at fault; "" if it is the node itself."""

    said: str
    """The server's sentence."""


class GraphRefusedError(BackendFaultError):
    """A ComfyUI server does not run a graph; `node_faults` are what it finds wrong, node by node."""

    remedy = "Correct the graph, or install on the server what it names."

    def __init__(
        self,
        url: str,
        reason: str,
        *,
        remedy: str | None = None,
        server_text: str = "",
        node_faults: tuple[NodeFault, ...] = (),
    ) -> None:
        super().__init__(url, reason, remedy=remedy, server_text=server_text)
        self.node_faults = node_faults


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


LeftBecause = Literal["queued", "no task ids", "no answer"]
"""Why a server could not be made to end a call: it waits in the queue, from which no A1111 takes a call out;
the server does not tell whose work it does, and others' must not be interrupted; or it did not answer."""


class LeftOnServer(KeyboardInterrupt):
    """The user stopped a call, and the server at `url` will draw it all the same, for the reason `because`.

    Where everything of a call was ended, the KeyboardInterrupt stays as it was.
    """

    def __init__(self, url: str, task_id: str, because: LeftBecause) -> None:
        super().__init__(url, task_id, because)
        self.url = url
        self.task_id = task_id
        """The server's name for the call; "" where it has none."""
        self.because: LeftBecause = because

    def __str__(self) -> str:
        task = f"task {self.task_id}" if self.task_id else "what was asked"
        if self.because == "queued":
            said = f"{self.url} takes nothing out of its queue and will still draw {task}"
        elif self.because == "no task ids":
            return (
                f"{self.url} does not tell whose work it does, so it was not interrupted: it may still draw"
            )
        else:
            said = f"{self.url} does not answer and may still draw {task}"
        remedy = f"prodgen cancel {self.task_id} --backend {self.url} ends it when it begins"
        return f"{said}; {remedy}" if self.task_id else said
