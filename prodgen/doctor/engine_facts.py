"""Facts about the engine of prodgen's own: its packages, the GPU, the models. Asked without drawing anything.

Everything is looked at even where the first thing is missing already, so that one examination says all that
there is to do.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from prodgen.errors import EngineUnavailableError

if TYPE_CHECKING:
    from prodgen.engines.diffusers.device import Device

PACKAGES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]] = {
    "diffusers": ((0, 42), (0, 43)),
    "safetensors": ((0, 8), ()),
    "scipy": ((1, 13), ()),
    "torch": ((2, 6), ()),
    "transformers": ((5, 17), (6,)),
}
"""Package -> the lowest release that does, and the first that does not; () where none is known. As in the
extra `engine` of pyproject.toml."""


@dataclass(frozen=True)
class LeftOut:
    """A file of the models folder that cannot be used."""

    file: str
    reason: str


@dataclass(frozen=True)
class EngineFacts:
    """What the engine of this machine has to draw with."""

    models: Path
    """The models folder, which may not exist."""
    missing: tuple[str, ...] = ()
    """Packages that are not installed."""
    unfit: tuple[str, ...] = ()
    """Packages of a release that does not do, with it: "diffusers 0.31.0"."""
    fault: EngineUnavailableError | None = None
    """Why what is installed does not load; None if it does, or if something is missing or unfit."""
    device: Device | None = None
    """What draws; None where PyTorch cannot be asked."""
    seconds: float | None = None
    """About how long a CPU draws a picture of 0.5 megapixels; None on a GPU."""
    has_folder: bool = False
    checkpoints: Mapping[str, str] | None = None
    """Name of each checkpoint -> its family; None if the folder could not be read."""
    ic_light: tuple[str, ...] = ()
    """IC-Light's models that are there: "FC", "FBC"."""
    left_out: tuple[LeftOut, ...] = ()

    @property
    def can_draw(self) -> bool:
        """Whether nothing is missing for a first picture."""
        return self.device is not None and bool(self.checkpoints)


def look_at_engine(models: Path | None) -> EngineFacts:
    """Return what the engine of this machine has. Imports PyTorch, if it is there.

    Args:
        models: The models folder; None is the usual one.
    """
    from prodgen.weights.folders import models_folder

    folder = models or models_folder()
    missing = tuple(name for name in PACKAGES if _release(name) is None)
    unfit = tuple(f"{name} {_release(name)}" for name in PACKAGES if name not in missing and not _fits(name))
    device, seconds, fault = None, None, None
    if not missing and not unfit:
        try:
            device, seconds = _device()
        except EngineUnavailableError as error:
            fault = error
    known = EngineFacts(folder, missing, unfit, fault, device, seconds, has_folder=folder.is_dir())
    return _with_models(known)


def _release(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _fits(name: str) -> bool:
    lowest, first_wrong = PACKAGES[name]
    release = tuple(map(int, re.findall(r"\d+", (_release(name) or "").partition("+")[0])))
    return lowest <= release and (not first_wrong or release < first_wrong)


def _device() -> tuple[Device, float | None]:
    from prodgen.engines.diffusers.device import USUAL_SIZE, USUAL_STEPS, find_device, seconds_on_cpu

    device = find_device()
    return device, None if device.is_gpu else seconds_on_cpu(*USUAL_SIZE, USUAL_STEPS)


def _with_models(known: EngineFacts) -> EngineFacts:
    """Return these facts with what lies in the models folder; needs no PyTorch."""
    from dataclasses import replace

    from prodgen.engines.diffusers.model_folder import ModelFolder

    try:
        folder = ModelFolder(known.models)
    except OSError:
        return known
    return replace(
        known,
        checkpoints={file.name: file.family for file in folder.checkpoints},
        ic_light=tuple(sorted(folder.ic_light)),
        left_out=tuple(
            LeftOut(str(file.path.relative_to(known.models)), file.reason) for file in folder.skipped
        ),
    )
