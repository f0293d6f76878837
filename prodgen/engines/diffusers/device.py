"""Which device this machine draws on, and why not on its GPU: found out without a picture being drawn.

PyTorch and diffusers are imported here when they are first needed, so that whatever is wrong with them is
said once, with the remedy, and not in the middle of a drawing.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import time
import warnings
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from prodgen.errors import EngineUnavailableError

INSTALL = "pip install 'prodgen[engine]'"

FIT_TORCHVISION = (
    "pip install --upgrade torch torchvision, or pip uninstall torchvision: prodgen does not need it"
)
"""What to do about a torchvision of another PyTorch."""

USUAL_SIZE = (576, 896)
"""Pixels of a relit picture, by the recipes."""

USUAL_STEPS = 25
"""Steps of a relit picture, by the recipes."""

PYTORCH_PAGE = "https://pytorch.org/get-started/locally"
"""Where PyTorch says which of its builds fits which driver and system."""

SlowBecause = Literal["no GPU", "build without CUDA", "old driver", "GPU hidden"]
"""Why the CPU draws: there is no NVIDIA driver; PyTorch is a build for CPUs; the driver is older than
PyTorch's CUDA; both fit, and PyTorch sees no GPU all the same (CUDA_VISIBLE_DEVICES, a container without the
GPU)."""


@dataclass(frozen=True)
class Device:
    """What pictures are drawn on."""

    kind: Literal["cuda", "cpu"]
    title: str
    """Such as "NVIDIA GeForce RTX 3090"; "CPU" without a GPU."""

    memory_bytes: int | None = None
    """All memory of the GPU; None on a CPU."""

    slow_because: SlowBecause | None = None
    """Why it is the CPU; None on a GPU."""

    remedy: str = ""
    """What brings a GPU into play that is there and not used; "" otherwise."""

    @property
    def is_gpu(self) -> bool:
        """Whether it is a GPU."""
        return self.kind == "cuda"


@lru_cache(1)
def find_device() -> Device:
    """Return the device that pictures are drawn on: the first NVIDIA GPU, else the CPU. Imports PyTorch.

    Raises:
        EngineUnavailableError: If PyTorch or diffusers is missing, or does not load.
    """
    require_libraries()
    import torch

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # an old driver is warned of; `_hidden_gpu` says it with the remedy
        if torch.cuda.is_available():
            card = torch.cuda.get_device_properties(0)
            return Device("cuda", card.name, card.total_memory)
    reason, remedy = _hidden_gpu(torch.version.cuda, cuda_of_driver())
    return Device("cpu", "CPU", slow_because=reason, remedy=remedy)


def _hidden_gpu(built_for: str | None, driver: tuple[int, int] | None) -> tuple[SlowBecause, str]:
    """Return why PyTorch does not draw on a GPU, and what to do about it.

    Args:
        built_for: The CUDA version that PyTorch was built for, such as "13.0"; None is a build for CPUs.
        driver: The CUDA version that the driver speaks, (major, minor); None without a driver.
    """
    if driver is None:
        return "no GPU", ""
    if built_for is None:
        text = f"this machine has an NVIDIA driver, but its PyTorch is a build for CPUs; see {PYTORCH_PAGE}"
        return "build without CUDA", text
    if driver[0] < int(built_for.partition(".")[0]):  # within one major version CUDA is compatible
        text = (
            f"the GPU's driver speaks CUDA {driver[0]}.{driver[1]}, and PyTorch was built for CUDA"
            f" {built_for}:"
            f" update the driver, or install an older build ({PYTORCH_PAGE})"
        )
        return "old driver", text
    text = (
        "there is an NVIDIA driver, but PyTorch sees no GPU: look at CUDA_VISIBLE_DEVICES, and give"
        " a container"
        " the GPU (docker run --gpus all)"
    )
    return "GPU hidden", text


@lru_cache(1)
def cuda_of_driver() -> tuple[int, int] | None:
    """Return the newest CUDA version that the NVIDIA driver speaks, (major, minor); None without a driver."""
    for name in ("libcuda.so.1", "nvcuda.dll"):
        version = ctypes.c_int(0)
        try:
            status = ctypes.CDLL(name).cuDriverGetVersion(ctypes.byref(version))
        except (OSError, AttributeError):
            continue
        if status == 0 and version.value > 0:
            return version.value // 1000, version.value % 1000 // 10
    return None


def require_libraries() -> None:
    """Import PyTorch, diffusers and transformers.

    Raises:
        EngineUnavailableError: If one is missing or does not load, with the remedy.
    """
    for name in ("torch", "transformers", "diffusers"):
        try:
            importlib.import_module(name)
            if name == "diffusers":
                importlib.import_module("diffusers.models")  # lazy by itself; here torchvision comes in
        except ImportError as error:
            if importlib.util.find_spec(name) is None:
                text = f"it needs {name}, which is not installed: {INSTALL}"
                raise EngineUnavailableError("library missing", text) from error
            raise _not_loading(name, error) from error
        except (OSError, RuntimeError) as error:  # a shared library of it, or torchvision's operators
            raise _not_loading(name, error) from error


def _not_loading(name: str, error: Exception) -> EngineUnavailableError:
    """Return the error for a library that is installed but does not load: torchvision is usually why."""
    if name != "torch" and importlib.util.find_spec("torchvision") is not None:
        try:
            importlib.import_module("torchvision")
        except (ImportError, OSError, RuntimeError):
            text = (
                "the torchvision that is installed does not fit this PyTorch, so that no network"
                f" loads: {FIT_TORCHVISION}"
            )
            return EngineUnavailableError("torchvision mismatch", text)
    said = str(error).partition("\n")[0]
    text = f"{name} is installed, but does not load ({said}): {INSTALL} --force-reinstall"
    return EngineUnavailableError("library broken", text)


def drawing_gflop(width: int, height: int, steps: int) -> float:
    """Return the work of one picture by Stable Diffusion 1.5 with guidance, in GFLOP.

    Fitted to counts of PyTorch's FLOP counter at seven sizes of 0.26 to 4.2 megapixels, 2 % apart at most: a
    step costs 2.58 TFLOP a megapixel, and 1.8 a squared megapixel for the attention; decoding 9.45 and 0.5.
    """
    megapixels = width * height / 1e6
    step = 2_580 * megapixels + 1_800 * megapixels**2
    return steps * step + 9_450 * megapixels + 500 * megapixels**2


@lru_cache(1)
def cpu_gflop_per_s() -> float:
    """Return how fast the CPU multiplies matrices of 1024 x 1024, in GFLOP/s; takes about 0.1 s."""
    import torch

    square = torch.ones(1024, 1024)
    best = float("inf")
    for _ in range(3):  # the first wakes the threads
        begun = time.perf_counter()
        square @ square
        best = min(best, time.perf_counter() - begun)
    return 2 * 1.024**3 / best


def seconds_on_cpu(width: int, height: int, steps: int) -> float:
    """Return about how long this CPU draws one picture by Stable Diffusion 1.5, in seconds; a lower bound."""
    return drawing_gflop(width, height, steps) / cpu_gflop_per_s()
