"""Enlarging pictures by a network: ESRGAN and its kin by an own module, other kinds through spandrel.

Files are safetensors; spandrel is an extra of its own, because it brings torchvision along.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from prodgen.engines.diffusers.tiles import by_tiles, with_memory_for

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from prodgen.engines.diffusers.tensor_files import TensorFile

Pixels8 = NDArray[np.uint8]

TILES_PX = (512, 256, 128)
"""Sides of the tiles that are tried, the largest first.

Measured on an H100, 1024 to 4096: whole 10.2 GB and 0.42 s, tiles of 512 4.4 GB and 0.45 s, of 256 2.9 GB
and 0.63 s, models included.
"""

OVERLAP_PX = 16
"""Pixels that tiles share: twice A1111's 8, so that half of it can be the soft seam."""

MOST_ROUNDS = 3
"""How often A1111 sends a picture through the network until it is large enough."""


@dataclass(frozen=True)
class UpscalerNetwork:
    """A network that enlarges, on its device."""

    run: Callable[[Tensor], Tensor]
    """(n, 3, h, w) to (n, 3, scale h, scale w), 0 to 1."""

    scale: int
    device: torch.device
    dtype: torch.dtype
    multiple: int = 1
    """The network takes sides that are multiples of it."""

    def enlarge(self, pixels: Pixels8, *, tile_px: int = TILES_PX[0]) -> Pixels8:
        """Return a picture, (H, W, 3), `scale` times as large.

        Args:
            pixels: The picture.
            tile_px: Side of the tiles; smaller ones are taken where memory is too little.
        """
        import torch
        from torch.nn.functional import pad

        def attempt(tile: int | None) -> Tensor:
            return by_tiles(source, self.run, tile=tile, overlap=OVERLAP_PX, factor=Fraction(self.scale))

        height, width = pixels.shape[:2]
        sizes = (tile_px, *(size for size in TILES_PX if size < tile_px))
        with torch.no_grad():
            source = torch.from_numpy(np.ascontiguousarray(pixels)).to(self.device, self.dtype)
            source = source.permute(2, 0, 1)[None] / 255
            source = pad(source, (0, -width % self.multiple, 0, -height % self.multiple), mode="replicate")
            made = with_memory_for(attempt, sizes)[0, :, : height * self.scale, : width * self.scale]
            whole = (made.float().clamp(0, 1) * 255).round().to(torch.uint8)
        return np.asarray(whole.permute(1, 2, 0).cpu().numpy(), np.uint8)


def load_upscaler(path: Path, *, device: torch.device | str, dtype: torch.dtype) -> UpscalerNetwork:
    """Load a network that enlarges.

    Args:
        path: A safetensors file.
        device: Where it is to run.
        dtype: What it calculates with; a network that cannot do so in half precision gets float32.

    Raises:
        ModelFileError: If it is none, or of a kind that spandrel is needed for.
    """
    import torch

    from prodgen.engines.diffusers.rrdb_network import rrdb_of
    from prodgen.engines.diffusers.tensor_files import TensorFile

    file = TensorFile(path)
    weights = {name: file.raw(name) for name in file.header.tensors}
    network = rrdb_of(weights)
    if network is not None:
        network.to(torch.device(device), dtype)
        return UpscalerNetwork(network, network.scale, torch.device(device), dtype, network.fold)
    return _by_spandrel(file, torch.device(device), dtype)


def read_by_spandrel(file: TensorFile, why: str) -> Any:
    """Return what spandrel makes of a file: a `spandrel.ModelDescriptor`.

    Args:
        file: A network of a kind that spandrel knows.
        why: The refusal's beginning where spandrel is missing.

    Raises:
        ModelFileError: If spandrel is missing, cannot be used, or does not know the network.
    """
    try:
        import spandrel
    except ImportError:
        file.header.refuse(f"{why}: pip install 'prodgen[upscalers]'")
    except RuntimeError as error:  # torchvision of another build: "operator torchvision::nms does not exist"
        file.header.refuse(f"spandrel cannot be used, torchvision does not belong to this torch ({error})")
    try:
        weights = {name: file.raw(name) for name in file.header.tensors}
        return spandrel.ModelLoader().load_from_state_dict(weights)
    except spandrel.UnsupportedModelError:
        file.header.refuse("it is of a kind that spandrel does not know either")


def _by_spandrel(file: TensorFile, device: torch.device, dtype: torch.dtype) -> UpscalerNetwork:
    import torch

    found = read_by_spandrel(file, "it is no ESRGAN; other upscalers need spandrel")
    if found.input_channels != 3 or found.purpose not in ("SR", "FaceSR"):
        file.header.refuse(
            f"it does not enlarge colour pictures ({found.architecture.name}, {found.purpose})"
        )
    usable = dtype if dtype != torch.float16 or found.supports_half else torch.float32
    found.to(device, usable).eval()
    return UpscalerNetwork(found, found.scale, device, usable)


def enlarged_to(pixels: Pixels8, width: int, height: int, network: UpscalerNetwork) -> Pixels8:
    """Return a picture at a size: through the network until it is large enough, then resampled.

    Args:
        pixels: (H, W, 3), or (H, W, 4): alpha is resampled.
        width: Of the result.
        height: Of the result.
        network: Enlarges the colours.
    """
    colours: Pixels8 = pixels[..., :3]
    for done in range(MOST_ROUNDS):
        rows, columns = colours.shape[:2]
        if rows >= height and columns >= width and (done or (rows, columns) != (height, width)):
            break
        colours = network.enlarge(colours)
    colours = _resampled(colours, width, height)
    if pixels.shape[2] == 3:
        return colours
    return np.dstack([colours, _resampled(pixels[..., 3], width, height)])


def _resampled(pixels: Pixels8, width: int, height: int) -> Pixels8:
    if pixels.shape[:2] == (height, width):
        return pixels
    shrinks = width <= pixels.shape[1] and height <= pixels.shape[0]
    how = cv2.INTER_AREA if shrinks else cv2.INTER_LANCZOS4
    return np.asarray(cv2.resize(np.ascontiguousarray(pixels), (width, height), interpolation=how), np.uint8)
