"""A small picture of what is being drawn, from latents alone: a matrix in place of the VAE's decoder."""

from __future__ import annotations

import numpy as np
import torch

from prodgen.server.wire import Pixels

PREVIEW_STEPS = 10
"""Steps between two previews: A1111's default for `show_progress_every_n_steps`."""

_SD = ((0.298, 0.207, 0.208), (0.187, 0.286, 0.173), (-0.158, 0.189, 0.264), (-0.184, -0.271, -0.473))
_XL = (
    (0.3448, 0.4168, 0.4395),
    (-0.1953, -0.0290, 0.0250),
    (0.1074, 0.0886, -0.0163),
    (-0.3730, -0.2499, -0.2088),
)
"""Red, green and blue for each latent channel; both tables are A1111's `cheap_approximation`."""


def latent_preview(latents: torch.Tensor, *, is_xl: bool) -> Pixels:
    """Return a picture of one latent, (4, h, w) to (h, w, 3), an eighth of the result's size.

    Args:
        latents: The network's estimate of the finished picture (x0), scaled as the network sees it.
        is_xl: Whether it is SDXL's, whose channels mean other colours.
    """
    colours = torch.tensor(_XL if is_xl else _SD, dtype=torch.float32)
    picture = torch.einsum("chw,cr->hwr", latents.float().cpu(), colours)
    levels = ((picture * 0.5 + 0.5).clamp(0, 1).nan_to_num() * 255).round()
    return np.ascontiguousarray(levels.to(torch.uint8).numpy())
