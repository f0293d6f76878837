"""Puts a real product photograph into a generated scene, and keeps it the same product.

    from prodgen import shoot

    shoot("mug.jpg", "on a wooden table, sunset").save("mug-sunset.png")

What there is to call: `shoot` and `shoot_all` (a product into a scene), `generate` (a picture from words),
`cut_out` (a product from its photograph), `group` (several products side by side), `inspect` (is it still the
same product?), `replay` (a picture once more), and `Client` (all that a Stable Diffusion server can do). All
errors are kinds of `ProdgenError`.

Names are imported when they are first used, so that `import prodgen` costs nothing.
"""

from __future__ import annotations

try:
    from prodgen._version import __version__ as __version__  # written by the installation
except ImportError:  # a source tree on the path that was never installed
    __version__ = "0+uninstalled"

TYPE_CHECKING = False  # as typing has it, whose import would double what this one costs
if TYPE_CHECKING:
    from prodgen.batching import batch
    from prodgen.client import Client
    from prodgen.cutout import CutOut, MatteQuality, ProductGroup, cut_out, group
    from prodgen.errors import (
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
        ClusterError,
        EngineUnavailableError,
        GraphRefusedError,
        IdentityError,
        IdleSettingError,
        ImageError,
        Interrupted,
        LedgerError,
        MissingExtensionError,
        ModelFileError,
        NotABackendError,
        NotAppliedError,
        NoWorkerError,
        OutputInUseError,
        PlacementError,
        ProdgenError,
        ProductNotKeptError,
        RemoteWorkerLostError,
        ResultNotSentError,
        SegmentationError,
        SettingError,
        SheetError,
        StorageError,
        UnknownNameError,
        UnsupportedFeatureError,
        WeightsError,
        WorkerLostError,
        WrongValueError,
    )
    from prodgen.files import load, save
    from prodgen.identity import Likeness, Verdict
    from prodgen.images import Photo
    from prodgen.inspecting import Inspection, inspect
    from prodgen.judgement import Judgement
    from prodgen.light import Light
    from prodgen.replaying import Replay, replay
    from prodgen.schema import (
        ADetailer,
        Capabilities,
        ControlNetUnit,
        Generation,
        ICLight,
        Img2Img,
        Lora,
        Script,
        SoftInpainting,
        Txt2Img,
        Upscale,
    )
    from prodgen.shots import Recipe, Result, Shot, new_shot, shoot, shoot_all
    from prodgen.text2image import GeneratedPicture, PictureJob, generate

__all__ = [
    "ADetailer",
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
    "Capabilities",
    "Client",
    "ClusterError",
    "ControlNetUnit",
    "CutOut",
    "EngineUnavailableError",
    "GeneratedPicture",
    "Generation",
    "GraphRefusedError",
    "ICLight",
    "IdentityError",
    "IdleSettingError",
    "ImageError",
    "Img2Img",
    "Inspection",
    "Interrupted",
    "Judgement",
    "LedgerError",
    "Light",
    "Likeness",
    "Lora",
    "MatteQuality",
    "MissingExtensionError",
    "ModelFileError",
    "NoWorkerError",
    "NotABackendError",
    "NotAppliedError",
    "OutputInUseError",
    "Photo",
    "PictureJob",
    "PlacementError",
    "ProdgenError",
    "ProductGroup",
    "ProductNotKeptError",
    "Recipe",
    "RemoteWorkerLostError",
    "Replay",
    "Result",
    "ResultNotSentError",
    "Script",
    "SegmentationError",
    "SettingError",
    "SheetError",
    "Shot",
    "SoftInpainting",
    "StorageError",
    "Txt2Img",
    "UnknownNameError",
    "UnsupportedFeatureError",
    "Upscale",
    "Verdict",
    "WeightsError",
    "WorkerLostError",
    "WrongValueError",
    "batch",
    "cut_out",
    "generate",
    "group",
    "inspect",
    "load",
    "new_shot",
    "replay",
    "save",
    "shoot",
    "shoot_all",
]

_HOMES = {
    "batching": "batch",
    "client": "Client",
    "cutout": "CutOut MatteQuality ProductGroup cut_out group",
    "errors": (
        "AnswerError BackendAuthError BackendBusyError BackendCertificateError BackendError "
        "BackendFaultError BackendGatewayError BackendLostError BackendOutOfMemoryError "
        "BackendStartingError BackendTimeoutError BackendUnreachableError ClusterError "
        "EngineUnavailableError GraphRefusedError IdentityError IdleSettingError ImageError Interrupted "
        "LedgerError MissingExtensionError ModelFileError NoWorkerError "
        "NotABackendError NotAppliedError OutputInUseError PlacementError "
        "ProdgenError ProductNotKeptError RemoteWorkerLostError ResultNotSentError SegmentationError "
        "SettingError SheetError StorageError UnknownNameError UnsupportedFeatureError WeightsError "
        "WorkerLostError WrongValueError"
    ),
    "files": "load save",
    "identity": "Likeness Verdict",
    "images": "Photo",
    "inspecting": "Inspection inspect",
    "judgement": "Judgement",
    "light": "Light",
    "replaying": "Replay replay",
    "schema": (
        "ADetailer Capabilities ControlNetUnit Generation ICLight Img2Img Lora Script SoftInpainting "
        "Txt2Img Upscale"
    ),
    "shots": "Recipe Result Shot new_shot shoot shoot_all",
    "text2image": "GeneratedPicture PictureJob generate",
}
"""The public names that come from each module, with spaces between them."""

if not TYPE_CHECKING:  # a type checker that saw this would believe any name to be there

    def __getattr__(name: str) -> object:
        """Import a public name when it is first used."""
        from prodgen.lazy_names import imported

        return imported(__name__, _HOMES, name)


def __dir__() -> list[str]:
    """Name everything public, imported or not."""
    return sorted({*__all__, "__version__"})
