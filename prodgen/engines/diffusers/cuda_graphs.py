"""Calls of the denoising network, recorded once for each size as a CUDA graph and replayed.

PyTorch starts 3,000 kernels for each step of Stable Diffusion 1.5, one by one; on a fast GPU that takes
longer than the kernels themselves. A graph starts them all at once: 0.57 s in place of 0.82 s for 25 steps
of 0.5 megapixels on an H100. Weights are changed in place, so that a graph stays right when they change.
"""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

import torch

from prodgen.engines.diffusers.guidance import NetworkInput

GRAPH_SHARE = 1 / 8
"""Share of the GPU's memory that recorded graphs may hold. One of 0.5 megapixels holds 0.4 GB (measured), so
that it fits a GPU of 4 GB; larger pictures keep the kernels busy without a graph."""

STEPS_AHEAD = 2
"""Network calls that are handed to the GPU before the first of them has to be done. With one, the GPU waits
for Python; with many, progress runs ahead of the picture and an interrupt comes late."""

GraphKey = tuple[int, int, int, int, bool, bool]
"""Pictures with both halves of guidance, latent height and width, tokens, whether there is SDXL's pooled
text, whether edges meet."""


@dataclass
class _Recording:
    graph: torch.cuda.CUDAGraph
    latents: torch.Tensor
    timestep: torch.Tensor
    context: torch.Tensor
    extra: dict[str, torch.Tensor] | None
    output: torch.Tensor
    held_bytes: int


class UnetCaller:
    """Calls one UNet, by CUDA graphs where the device has them and they are exact; a `guidance.Network`.

    Args:
        unet: diffusers' UNet2DConditionModel; its weights may change in place, their addresses not.
        memory_bytes: What the process may take of the GPU.
        with_graphs: False calls it kernel by kernel, as a CPU always does.
    """

    def __init__(
        self, unet: Callable[..., tuple[torch.Tensor, ...]], *, memory_bytes: int = 0, with_graphs: bool
    ) -> None:
        self._unet = unet
        self._memory_bytes = memory_bytes
        self.with_graphs = with_graphs
        self.edges_meet = False
        """Whether the UNet's convolutions wrap around at the moment."""

        self._recordings: OrderedDict[GraphKey, _Recording] = OrderedDict()
        self._unfit: set[GraphKey] = set()
        self._under_way: deque[torch.cuda.Event] = deque()
        self._most_rows: dict[tuple[int, ...], int] = {}

    @property
    def recorded(self) -> tuple[GraphKey, ...]:
        """Sizes that there is a graph for, the one used last at the end."""
        return tuple(self._recordings)

    @property
    def held_bytes(self) -> int:
        """Memory of the GPU that the graphs hold."""
        return sum(recording.held_bytes for recording in self._recordings.values())

    def forget(self) -> None:
        """Give back the graphs and their memory: before weights move, or where memory is short."""
        self._recordings.clear()
        self._unfit.clear()
        self._under_way.clear()

    def __call__(self, asked: NetworkInput) -> torch.Tensor:
        """Return the network's output, (m, 4, h, w), in its own dtype.

        Where memory does not suffice for all rows at once, graphs are given up and half as many rows are
        asked for at a time, down to one; and so for the pictures of that size that follow.

        Raises:
            torch.OutOfMemoryError: If it does not suffice for one row.
        """
        size = (*asked.latents.shape[2:],)
        most = min(self._most_rows.get(size, len(asked.latents)), len(asked.latents))
        while True:
            try:
                return torch.cat([self._at_once(part) for part in asked.parts(most)])
            except torch.OutOfMemoryError:
                if most == 1:
                    raise
            # Outside the handler, whose error would hold on to what the call left unfinished.
            self._most_rows[size] = most = (most + 1) // 2
            self._recordings.clear()
            self._under_way.clear()
            if asked.latents.device.type == "cuda":
                torch.cuda.empty_cache()

    def _at_once(self, asked: NetworkInput) -> torch.Tensor:
        if asked.latents.device.type != "cuda":
            return self._called(asked.latents, asked.timestep, asked.context, asked.added, asked)
        while len(self._under_way) >= STEPS_AHEAD:
            self._under_way.popleft().synchronize()
        result = self._on_gpu(asked)
        # Blocking: a thread that waits sleeps, and leaves its core to the encoding of PNGs.
        event = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]  # PyTorch's
        event.record()
        self._under_way.append(event)
        return result

    def _on_gpu(self, asked: NetworkInput) -> torch.Tensor:
        timestep = torch.full((), asked.timestep, device=asked.latents.device, dtype=torch.float32)
        has_controls = asked.mid is not None
        key = (
            asked.latents.shape[0],
            *asked.latents.shape[2:],
            asked.context.shape[1],
            asked.added is not None,
            self.edges_meet,
        )
        if not self.with_graphs or has_controls or key in self._unfit:
            return self._called(asked.latents, timestep, asked.context, asked.added, asked)
        recording = self._recordings.get(key)
        if recording is None:
            return self._record(key, asked, timestep)
        self._recordings.move_to_end(key)
        recording.latents.copy_(asked.latents)
        recording.timestep.copy_(timestep)
        recording.context.copy_(asked.context)
        if recording.extra is not None and asked.pooled is not None:
            recording.extra["text_embeds"].copy_(asked.pooled)  # the sizes belong to the key
        recording.graph.replay()
        return recording.output.clone()  # the next replay writes over it

    def _record(self, key: GraphKey, asked: NetworkInput, timestep: torch.Tensor) -> torch.Tensor:
        """Return the output for `asked`, and keep a graph of the call if it gives the same to the bit."""
        latents, context = asked.latents.clone(), asked.context.clone()
        extra = None if asked.added is None else {name: one.clone() for name, one in asked.added.items()}
        expected = self._called(latents, timestep, context, extra)  # libraries choose their kernels here
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        before = torch.cuda.memory_reserved()
        graph = torch.cuda.CUDAGraph()
        try:
            with torch.cuda.graph(graph):
                output = self._called(latents, timestep, context, extra)
        except RuntimeError:  # no memory for it, or a kernel that cannot be recorded
            self._unfit.add(key)
            return expected
        held = max(torch.cuda.memory_reserved() - before, 0)
        graph.replay()
        limit = self._memory_bytes * GRAPH_SHARE
        if held > limit or not torch.equal(output, expected):
            self._unfit.add(key)
            return expected
        while self._recordings and self.held_bytes + held > limit:
            self._recordings.popitem(last=False)
        self._recordings[key] = _Recording(graph, latents, timestep, context, extra, output, held)
        return expected

    def _called(
        self,
        latents: torch.Tensor,
        timestep: torch.Tensor | float,
        context: torch.Tensor,
        extra: dict[str, torch.Tensor] | None,
        controls: NetworkInput | None = None,
    ) -> torch.Tensor:
        return self._unet(
            latents,
            timestep,
            encoder_hidden_states=context,
            added_cond_kwargs=extra,
            down_block_additional_residuals=None if controls is None else controls.down,
            mid_block_additional_residual=None if controls is None else controls.mid,
            return_dict=False,
        )[0]
