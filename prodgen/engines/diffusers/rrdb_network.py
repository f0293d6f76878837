"""The network of ESRGAN and Real-ESRGAN (arXiv 1809.00219): residual-in-residual dense blocks.

It holds weights under all three kinds of names: of the first release ("RRDB_trunk.0.RDB1.conv1"), of most
files that people trained ("model.1.sub.0.RDB1.conv1.0"), and Real-ESRGAN's ("body.0.rdb1.conv1").
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate, leaky_relu, pixel_unshuffle

SLOPE = 0.2
"""What leaky rectifiers multiply numbers below 0 by."""

RESIDUAL_SHARE = 0.2
"""What a block adds to its input is scaled by this."""

_OTHER_NAMES = (
    (re.compile(r"^model\.0\."), "conv_first."),
    (re.compile(r"^model\.1\.sub\.(\d+)\.RDB(\d)\.conv(\d)\.0\."), r"body.\1.rdb\2.conv\3."),
    (re.compile(r"^model\.1\.sub\.(\d+)\.(weight|bias)$"), r"conv_body.\2"),
    (re.compile(r"^model\.3\."), "conv_up1."),
    (re.compile(r"^model\.6\."), "conv_up2."),
    (re.compile(r"^model\.8\."), "conv_hr."),
    (re.compile(r"^model\.10\."), "conv_last."),
    (re.compile(r"^RRDB_trunk\.(\d+)\.RDB(\d)\."), r"body.\1.rdb\2."),
    (re.compile(r"^trunk_conv\."), "conv_body."),
    (re.compile(r"^upconv(\d)\."), r"conv_up\1."),
    (re.compile(r"^HRconv\."), "conv_hr."),
)


class _DenseBlock(nn.Module):
    """Five convolutions, each of which reads all before it."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        for number in range(1, 6):
            given, made = features + (number - 1) * growth, features if number == 5 else growth
            setattr(self, f"conv{number}", nn.Conv2d(given, made, 3, padding=1))

    def forward(self, picture: Tensor) -> Tensor:
        known = [picture]
        for number in range(1, 5):
            known.append(leaky_relu(getattr(self, f"conv{number}")(torch.cat(known, 1)), SLOPE))
        last: Tensor = self.get_submodule("conv5")(torch.cat(known, 1))
        return last * RESIDUAL_SHARE + picture


class _Rrdb(nn.Module):
    """Three dense blocks in a row."""

    def __init__(self, features: int, growth: int) -> None:
        super().__init__()
        self.rdb1, self.rdb2, self.rdb3 = (_DenseBlock(features, growth) for _ in range(3))

    def forward(self, picture: Tensor) -> Tensor:
        made: Tensor = self.rdb3(self.rdb2(self.rdb1(picture)))
        return made * RESIDUAL_SHARE + picture


class RrdbNet(nn.Module):
    """Enlarges a picture four times; fed with a picture folded into more channels, twice or not at all.

    Args:
        channels: Of the first convolution: 3, or 12 (twice as large), or 48 (as large).
        features: Channels within.
        growth: Channels that each convolution of a dense block adds.
        blocks: How many blocks there are.
    """

    def __init__(self, *, channels: int, features: int, growth: int, blocks: int) -> None:
        super().__init__()
        self.fold = {3: 1, 12: 2, 48: 4}[channels]
        self.scale = 4 // self.fold
        self.conv_first = nn.Conv2d(channels, features, 3, padding=1)
        self.body = nn.Sequential(*(_Rrdb(features, growth) for _ in range(blocks)))
        self.conv_body = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up1 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_up2 = nn.Conv2d(features, features, 3, padding=1)
        self.conv_hr = nn.Conv2d(features, features, 3, padding=1)
        self.conv_last = nn.Conv2d(features, 3, 3, padding=1)

    def forward(self, picture: Tensor) -> Tensor:
        """Return (n, 3, scale h, scale w) of (n, 3, h, w), 0 to 1; sides are multiples of `fold`."""
        first = self.conv_first(pixel_unshuffle(picture, self.fold) if self.fold > 1 else picture)
        made = first + self.conv_body(self.body(first))
        for up in (self.conv_up1, self.conv_up2):
            made = leaky_relu(up(interpolate(made, scale_factor=2.0, mode="nearest")), SLOPE)
        last: Tensor = self.conv_last(leaky_relu(self.conv_hr(made), SLOPE))
        return last


def rrdb_of(weights: Mapping[str, Tensor]) -> RrdbNet | None:
    """Return the network that these weights are of, with them in it; None if they are of another one."""
    named = {_renamed(name): tensor for name, tensor in weights.items()}
    blocks = {int(found[1]) for name in named if (found := re.match(r"body\.(\d+)\.", name))}
    first, inner = named.get("conv_first.weight"), named.get("body.0.rdb1.conv1.weight")
    if first is None or inner is None or first.shape[1] not in (3, 12, 48):
        return None
    with torch.device("meta"):
        network = RrdbNet(
            channels=first.shape[1], features=first.shape[0], growth=inner.shape[0], blocks=len(blocks)
        )
    expected = network.state_dict()
    if named.keys() != expected.keys() or any(named[key].shape != expected[key].shape for key in expected):
        return None
    network.load_state_dict(named, assign=True)
    return network.eval().requires_grad_(requires_grad=False)


def _renamed(name: str) -> str:
    for pattern, replacement in _OTHER_NAMES:
        if pattern.match(name):
            return pattern.sub(replacement, name)
    return name
