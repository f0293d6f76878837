"""What a drawing begins with beside noise: pictures as latents, masks, IC-Light's light.

Everything A1111 and IC-Light's authors do to a picture before the network sees it is here, and nothing of
how it is drawn.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from prodgen.server.ic_light_script import GREY, Conditions
from prodgen.server.inpainting import LATENT_CELL_PX, RepaintPlan, filled_from_around
from prodgen.server.wire import Pixels

Encode = Callable[[torch.Tensor], torch.Tensor]
"""Turns pictures, (n, 3, H, W) in -1 to 1, into scaled latents, (n, 4, H / 8, W / 8)."""

FROM_AROUND, FROM_ORIGINAL, FROM_NOISE, FROM_NOTHING = range(4)
"""Values of inpainting_fill."""

CHANNELS_WITH_MASK = 9
"""Input channels of an inpainting checkpoint: noisy latents 4, mask 1, the picture without the masked part
4."""


def as_pictures(pictures: Sequence[Pixels]) -> torch.Tensor:
    """Return pictures of one size, (H, W, 3) uint8, as one tensor, (n, 3, H, W) in -1 to 1."""
    stacked = torch.from_numpy(np.ascontiguousarray(np.stack(pictures)))
    return stacked.permute(0, 3, 1, 2).float() / 127.5 - 1


def begun_with(
    plans: Sequence[RepaintPlan], fill: int, encode: Encode, noise: Callable[[], torch.Tensor]
) -> torch.Tensor:
    """Return what img2img begins with, before noise is added, (n, 4, h, w).

    Args:
        plans: One for each picture.
        fill: inpainting_fill; without a zone it means nothing.
        encode: Encodes pictures.
        noise: Returns the pictures' first noise, for `FROM_NOISE`.
    """
    pictures = [
        filled_from_around(plan.start, plan.zone)
        if plan.zone is not None and fill == FROM_AROUND
        else plan.start
        for plan in plans
    ]
    latents = encode(as_pictures(pictures))
    repaint = repainted(plans)
    if repaint is None or fill not in (FROM_NOISE, FROM_NOTHING):
        return latents
    repaint = repaint.to(latents)
    kept = latents * (1 - repaint)
    return kept + noise().to(latents) * repaint if fill == FROM_NOISE else kept


def repainted(plans: Sequence[RepaintPlan]) -> torch.Tensor | None:
    """Return which cells are repainted, (n, 1, h, w), 1 = repaint; None where everything is."""
    if all(plan.cells is None for plan in plans):
        return None
    shape = (plans[0].start.shape[0] // LATENT_CELL_PX, plans[0].start.shape[1] // LATENT_CELL_PX)
    cells = [np.full(shape, 255, np.uint8) if plan.cells is None else plan.cells for plan in plans]
    return torch.from_numpy(np.stack(cells)[:, None]).float() / 255


def inpainting_conditions(
    plans: Sequence[RepaintPlan], count: int, width: int, height: int, encode: Encode
) -> torch.Tensor:
    """Return what an inpainting checkpoint sees beside the noisy latents: (n, 5, h, w), the mask first.

    Without plans, which is txt2img, everything is masked.
    """
    if not plans:
        nothing = encode(torch.zeros(1, 3, height, width)).expand(count, -1, -1, -1)
        return torch.cat([torch.ones_like(nothing[:, :1]), nothing], dim=1)
    repaint = repainted(plans)
    pictures = as_pictures([plan.start for plan in plans])
    if repaint is None:
        repaint = torch.ones(len(plans), 1, height // LATENT_CELL_PX, width // LATENT_CELL_PX)
    holes = torch.nn.functional.interpolate(repaint, (height, width), mode="nearest")
    masked = encode(pictures * (1 - holes))
    return torch.cat([repaint.to(masked), masked], dim=1)


def light_conditions(conditions: Conditions, encode: Encode) -> torch.Tensor:
    """Return what IC-Light's network sees beside the noisy latents, (1, 4 or 8, h, w).

    The foreground lies on grey 127, which is exactly 0: IC-Light's authors divide by 127, not by 127.5.
    """
    pictures = [_on_grey(conditions)]
    if conditions.background is not None:
        pictures.append(conditions.background)
    stacked = torch.from_numpy(np.stack(pictures)).permute(0, 3, 1, 2).float() / GREY - 1
    return encode(stacked).reshape(
        1, -1, stacked.shape[2] // LATENT_CELL_PX, stacked.shape[3] // LATENT_CELL_PX
    )


def light_map(conditions: Conditions, *, reinforce: bool) -> Pixels | None:
    """Return the picture whose light img2img begins with; None where there is none.

    Args:
        conditions: IC-Light's pictures.
        reinforce: Whether the product is laid onto it.
    """
    if conditions.light_map is None or not reinforce:
        return conditions.light_map
    share = conditions.matte[..., None].astype(np.float32) / 255
    mixed = conditions.foreground * share + conditions.light_map * (1 - share)
    return np.rint(mixed).astype(np.uint8)


def _on_grey(conditions: Conditions) -> Pixels:
    share = conditions.matte[..., None].astype(np.float32) / 255
    return np.rint(conditions.foreground * share + GREY * (1 - share)).astype(np.uint8)
