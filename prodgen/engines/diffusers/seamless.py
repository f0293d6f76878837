"""Pictures whose edges meet, as those of a tile: A1111's "tiling".

Convolutions read beyond an edge what lies at the opposite one ("circular padding"), in the networks as they
are, for the time of a picture.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import torch

from prodgen.engines.diffusers.cuda_graphs import UnetCaller


@contextmanager
def edges_met(networks: Sequence[torch.nn.Module], callers: Sequence[UnetCaller]) -> Iterator[None]:
    """Let networks see a picture as a ring in both directions, until the block ends.

    Args:
        networks: UNets, VAEs and ControlNets.
        callers: What calls the UNets: a graph that was recorded before knows nothing of this.
    """
    padded = [
        part
        for network in networks
        for part in network.modules()
        if isinstance(part, torch.nn.Conv2d) and part.padding_mode == "zeros" and any(part.padding)
    ]
    for convolution in padded:
        convolution.padding_mode = "circular"
    for caller in callers:
        caller.edges_meet = True
    try:
        yield
    finally:
        for convolution in padded:
            convolution.padding_mode = "zeros"
        for caller in callers:
            caller.edges_meet = False
