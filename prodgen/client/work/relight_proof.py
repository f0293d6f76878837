"""What provably ran when IC-Light was asked for: the foreground that it used comes back with the picture."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from prodgen.client.reaching import encoding
from prodgen.dialects import ReadGeneration
from prodgen.dialects.ic_light import USUAL_MODELS
from prodgen.errors import NotAppliedError
from prodgen.images import RgbImage
from prodgen.schema import ICLight

SAME_LEVELS = 1
"""8-bit levels by which the foreground that comes back may differ: rounding on the way to grey."""

SAME_LEVELS_LOSSY = 12.0
"""Mean 8-bit levels by which it may differ where the server sends JPEG or lossy WebP."""

IC_LIGHT = "IC-Light"
"""The `feature` of a NotAppliedError about relighting."""

IC_LIGHT_NEEDS = (
    "It needs A1111 1.10 or later, sd-webui-model-patcher, and the weight file {model!r} "
    "in models/ic-light or models/unet; the server's console says which is missing."
)


def on_grey(unit: ICLight) -> NDArray[np.uint8]:
    """The foreground as IC-Light shows it: on grey 127 by its alpha, cut off to whole numbers.

    The arithmetic of the extension itself (127 + (c - 127) * alpha, truncated), which all
    recorded answers repeat to the bit.
    """
    colours = encoding.to_uint8(unit.foreground).astype(np.float32)
    alpha = encoding.to_uint8(unit.matte).astype(np.float32)[..., None] / 255
    return (127 + (colours - 127) * alpha).clip(0, 255).astype(np.uint8)


def check(
    url: str,
    unit: ICLight,
    read: ReadGeneration,
    extras: Sequence[RgbImage],
    notices: list[str],
    *,
    is_lossless: bool = True,
    can_see_extras: bool = True,
) -> bool | None:
    """Return whether IC-Light provably ran; None where the answer proves nothing.

    Args:
        url: Where the server is.
        unit: What was asked for.
        read: The server's answer.
        extras: Its further pictures, decoded.
        notices: Gets a sentence if nothing could be proven.
        is_lossless: Whether pictures came in a lossless format.
        can_see_extras: Whether further pictures come with the answer at all.

    Raises:
        NotAppliedError: If it did not run, or relit another picture than ours.
    """
    if error := read.parameters.get("IC-Light error"):
        # Only prodgen's bridge extension reports this; it sees what the pictures that come back do not show.
        raise NotAppliedError(url, f"IC-Light failed on the server: {error}", feature=IC_LIGHT)
    if not can_see_extras:
        notices.append(
            "IC-Light's foreground could not be compared with ours: this server cannot send it. "
            "With prodgen's bridge extension on the server it can (install_backend.sh)"
        )
        return None
    ours = on_grey(unit)
    same_size = [extra for extra in extras if extra.shape == ours.shape]
    if any(_is_same(ours, encoding.to_uint8(extra), is_lossless) for extra in same_size):
        return True
    if read.is_missing_a_picture:
        notices.append(
            "IC-Light's foreground could not be compared with ours: the server put 'False' in its place "
            "(a patched api.py). With prodgen's bridge extension it would come (install_backend.sh)"
        )
        return None
    model = unit.model or USUAL_MODELS[unit.mode]
    if extras and not unit.detail_transfer:
        raise NotAppliedError(
            url,
            "IC-Light relit another picture than ours: an earlier caller's foreground came back",
            feature=IC_LIGHT,
            remedy=f"It could not read this request and used the last one again; is {model!r} the name of a "
            "weight file there?",
        )
    raise NotAppliedError(
        url,
        "IC-Light did not run: the foreground did not come back with the picture, which is not relit",
        feature=IC_LIGHT,
        remedy=IC_LIGHT_NEEDS.format(model=model),
    )


def _is_same(ours: NDArray[np.uint8], theirs: NDArray[np.uint8], is_lossless: bool) -> bool:
    difference = np.abs(ours.astype(np.int16) - theirs)
    if is_lossless:
        return int(difference.max()) <= SAME_LEVELS
    return float(difference.mean()) <= SAME_LEVELS_LOSSY
