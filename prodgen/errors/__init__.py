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
        ModelFileError              a model file cannot be used; knows which
        EngineUnavailableError      this machine cannot draw by itself; `lack` says for want of what
        PlacementError              the product does not fit the canvas
        IdentityError               the product cannot be kept the same
            ProductNotKeptError         it was drawn, and is beyond a limit; knows which, and the picture
        LedgerError                 what is written down about a catalogue run cannot be used; knows the file
            OutputInUseError            another run works on the same folder; knows which
        StorageError                a store cannot be read or written; `cause` says in which way
        WorkerLostError             the process that worked on it ended
        NoWorkerError               no such process can be started, or each ends at its start
        ClusterError                machines that were to share the work cannot do it
            RemoteWorkerLostError       one of them went away, with orders in its hands
        Interrupted                 the user stopped the work
        BackendError                a backend could not do what was asked
            BackendUnreachableError     nothing answers; `cause` says in which way
            BackendCertificateError     its certificate is not trusted
            BackendBusyError            it answers "later"
                BackendStartingError        it is starting
            BackendAuthError            it wants another name or password
            NotABackendError            something answers, but not an A1111 API
            BackendTimeoutError         no answer in time; the work may still be going on
            BackendFaultError           it failed while working
                BackendOutOfMemoryError     the picture is too large for its memory
                BackendLostError            the connection broke before the answer was whole
                    BackendGatewayError         a proxy before it answered in its place; knows which
                GraphRefusedError           a ComfyUI server does not run the graph
                ResultNotSentError          it drew the picture, but cannot send it
            AnswerError                 its answer cannot be read
            NotAppliedError             it answered, but `feature`, which was asked for, provably did not run
        UnsupportedFeatureError     this kind of backend cannot do that at all
            MissingExtensionError       it could, with an extension that it lacks

Each carries the facts as attributes, says in `str()` what happened and what to do, and survives pickling:
`args` rebuild it. Code decides on the class and the attributes, never on the sentence. Beside the tree stands
`LeftOnServer`, a KeyboardInterrupt: the user stopped a call, and the server will draw it all the same.
"""

from __future__ import annotations

from prodgen.errors.backends import (
    BRIDGE_REMEDY,
    AnswerError,
    BackendAuthError,
    BackendBusyError,
    BackendCertificateError,
    BackendError,
    BackendFaultError,
    BackendGatewayError,
    BackendLostError,
    BackendOutOfMemoryError,
    BackendStartingError,
    BackendTimeoutError,
    BackendUnreachableError,
    GraphRefusedError,
    LeftBecause,
    LeftOnServer,
    MissingExtensionError,
    NodeFault,
    NotABackendError,
    NotAppliedError,
    ResultNotSentError,
    UnreachableCause,
    UnsupportedFeatureError,
)
from prodgen.errors.own import (
    LONGEST_SHOWN,
    EngineLack,
    EngineUnavailableError,
    IdentityError,
    IdleSettingError,
    ImageError,
    Interrupted,
    ModelFileError,
    PlacementError,
    ProdgenError,
    ProductNotKeptError,
    SegmentationError,
    SettingError,
    UnknownNameError,
    WeightsError,
    WrongValueError,
    shortened,
)
from prodgen.errors.runs import (
    ClusterError,
    LedgerError,
    NoWorkerError,
    OutputInUseError,
    RemoteWorkerLostError,
    SheetError,
    SheetFault,
    StorageCause,
    StorageError,
    WorkerLostError,
)

__all__ = [
    "BRIDGE_REMEDY",
    "LONGEST_SHOWN",
    "AnswerError",
    "BackendAuthError",
    "BackendBusyError",
    "BackendCertificateError",
    "BackendError",
    "BackendFaultError",
    "BackendGatewayError",
    "BackendLostError",
    "BackendOutOfMemoryError",
    "BackendStartingError",
    "BackendTimeoutError",
    "BackendUnreachableError",
    "ClusterError",
    "EngineLack",
    "EngineUnavailableError",
    "GraphRefusedError",
    "IdentityError",
    "IdleSettingError",
    "ImageError",
    "Interrupted",
    "LedgerError",
    "LeftBecause",
    "LeftOnServer",
    "MissingExtensionError",
    "ModelFileError",
    "NoWorkerError",
    "NodeFault",
    "NotABackendError",
    "NotAppliedError",
    "OutputInUseError",
    "PlacementError",
    "ProdgenError",
    "ProductNotKeptError",
    "RemoteWorkerLostError",
    "ResultNotSentError",
    "SegmentationError",
    "SettingError",
    "SheetError",
    "SheetFault",
    "StorageCause",
    "StorageError",
    "UnknownNameError",
    "UnreachableCause",
    "UnsupportedFeatureError",
    "WeightsError",
    "WorkerLostError",
    "WrongValueError",
    "shortened",
]
