"""ControlNets at work (arXiv 2302.05543): what each adds to the network, when, and to which of its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from prodgen.engines.diffusers.control_maps import control_map
from prodgen.engines.diffusers.guidance import NetworkInput
from prodgen.server.finer_settings import ControlOrder

if TYPE_CHECKING:
    from torch import Tensor

BALANCED, PICTURE_FIRST = 0, 2
"""Two of the extension's control modes; the third, 1, puts the prompt first."""

SOFTENING = 0.825
"""Factor from each layer to the next shallower one where the prompt goes first: the ControlNet's authors'."""

DEEPEST = 12
"""Number of the layer that is not softened, counted from the picture down: SD 1.5's middle."""


class ActiveControl:
    """One ControlNet with its map.

    Args:
        network: diffusers' ControlNetModel, on its device.
        order: What is asked for.
        width: Of the pictures to be drawn, in pixels.
        height: Of the pictures to be drawn, in pixels.
        is_second_pass: Whether this is the hires pass, in which the extension softens every control.

    Raises:
        wire.Refused: With 422, for a preprocessor that needs a network of its own.
    """

    def __init__(
        self, network: Any, order: ControlOrder, width: int, height: int, *, is_second_pass: bool = False
    ) -> None:
        import torch

        self.map = control_map(order, width, height)
        """(H, W, 3) uint8, what is steered by."""

        self._network, self._order = network, order
        self._is_softened = is_second_pass or order.control_mode != BALANCED
        hint = torch.from_numpy(np.ascontiguousarray(self.map)).permute(2, 0, 1)[None]
        self._hint = hint.to(network.device, network.dtype) / 255

    def residuals(
        self, asked: NetworkInput, *, is_positive: Sequence[bool], share: float
    ) -> tuple[tuple[Tensor, ...], Tensor] | None:
        """Return what is added on the way down and in the middle, or None outside its share of the steps."""
        if not self._order.guidance_start <= share <= self._order.guidance_end:
            return None
        rows = len(asked.latents)
        down, mid = self._network(
            asked.latents,
            asked.timestep,
            encoder_hidden_states=asked.context,
            controlnet_cond=self._hint.expand(rows, -1, -1, -1),
            conditioning_scale=self._order.weight,
            added_cond_kwargs=asked.added,
            return_dict=False,
        )
        layers: list[Tensor] = [*down, mid]
        if self._is_softened:
            layers = [layer * SOFTENING ** (DEEPEST - number) for number, layer in enumerate(layers)]
        if self._order.control_mode == PICTURE_FIRST:
            marks = asked.latents.new_tensor([float(one) for one in is_positive])[:, None, None, None]
            layers = [layer * marks for layer in layers]
        return tuple(layers[:-1]), layers[-1]
