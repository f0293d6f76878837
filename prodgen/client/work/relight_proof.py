"""Whether IC-Light relit our product: by the picture first, by what the server says where that cannot tell.

A1111 swallows what goes wrong in IC-Light, and IC-Light itself can patch a model that does not draw. So a
foreground that comes back shows that the arguments were read; the product in the picture shows the rest.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from prodgen import presence
from prodgen.client.reaching import encoding
from prodgen.dialects import ReadGeneration
from prodgen.dialects.ic_light import USUAL_MODELS
from prodgen.errors import NotAppliedError
from prodgen.images import Matte, RgbImage, as_floats, resize
from prodgen.presence import Presence
from prodgen.schema import Capabilities, Drawing, ICLight, Img2Img, Proof

SAME_LEVELS = 1
"""8-bit levels by which the foreground that comes back may differ: rounding on the way to grey."""

SAME_LEVELS_LOSSY = 12.0
"""Mean 8-bit levels by which it may differ on the product where the server resizes it, or sends JPEG or lossy
WebP.
"""

SAME_ASPECT = 0.02
"""Share by which a result's aspect may differ from the one asked for: sides are cut to multiples of 8."""

IC_LIGHT = "IC-Light"
"""The `feature` of a NotAppliedError about relighting."""

PATCHED_KEY = "IC-Light patched"
"""Under this key the bridge extension, from 1.1.0 on, names the model that it saw drawing with IC-Light."""

NO_FOREGROUND = {
    "fetched": "this server cannot send it",
    "a word": "the server put 'False' in its place (a patched api.py)",
}
"""Why no foreground can come back, in words."""

Failure = Literal["absent", "unread", "another's", "reported"]
"""Why a picture counts as not relit: the product is not in it; nothing shows that the arguments were read;
they were another caller's; or the bridge extension reports an error."""


@dataclass(frozen=True)
class Relighting:
    """What a picture and its answer tell of IC-Light."""

    proof: Proof | None = None
    failure: Failure | None = None
    reported: str = ""
    """The bridge's error, in its own words."""
    has_foreground: bool = False
    """Whether our foreground came back."""
    notices: tuple[str, ...] = ()


def on_grey(unit: ICLight) -> NDArray[np.uint8]:
    """The foreground as IC-Light shows it: on grey 127 by its alpha, cut off to whole numbers.

    The arithmetic of the extension itself (127 + (c - 127) * alpha, truncated), which all
    recorded answers repeat to the bit.
    """
    colours = encoding.to_uint8(unit.foreground).astype(np.float32)
    alpha = encoding.to_uint8(unit.matte).astype(np.float32)[..., None] / 255
    return (127 + (colours - 127) * alpha).clip(0, 255).astype(np.uint8)


def judge(
    request: Drawing,
    capabilities: Capabilities,
    read: ReadGeneration,
    results: Sequence[RgbImage],
    extras: Sequence[RgbImage],
    *,
    is_lossless: bool = True,
    can_see_extras: bool = True,
) -> Relighting:
    """Return what is known of the relighting that a request asked for.

    Args:
        request: One with IC-Light.
        capabilities: Of the server.
        read: Its answer.
        results: The answer's pictures, decoded; at least one.
        extras: Its further pictures, decoded.
        is_lossless: Whether pictures came in a lossless format.
        can_see_extras: Whether further pictures come with the answer at all.
    """
    unit = request.ic_light
    assert unit is not None  # noqa: S101 - who asks this, asked for it
    if error := read.parameters.get("IC-Light error"):
        # The bridge extension sees what the pictures that come back do not show.
        return Relighting(failure="reported", reported=str(error))
    each = [shown(request, capabilities, picture) for picture in results]
    seen = min(each, key=_rank)
    ours = on_grey(unit)
    has_foreground = any(_is_same(ours, unit.matte, extra, is_lossless) for extra in extras)
    if seen.verdict == "absent":
        is_patched = PATCHED_KEY in read.parameters and has_foreground and seen.visible < presence.FAINT
        # What comes in one answer was drawn by one model, patched or not.
        is_mixed = can_see_extras and any(found.verdict == "present" for found in each)
        if not (is_patched or is_mixed):
            return Relighting(failure="absent", has_foreground=has_foreground)
        numbers = [str(number) for number, found in enumerate(each, 1) if found.verdict == "absent"]
        return Relighting(has_foreground=has_foreground, notices=(_not_shown(numbers, len(each)),))
    others = extras if seen.verdict != "present" else tuple(filter(_is_on_grey, extras))
    if others and not has_foreground and not unit.detail_transfer:
        return Relighting(failure="another's")
    if seen.verdict == "present":
        return Relighting(Proof("picture", round(seen.agreement, 3)), has_foreground=has_foreground)
    if PATCHED_KEY in read.parameters:
        return Relighting(Proof("bridge"), has_foreground=has_foreground)
    if has_foreground:
        return Relighting(Proof("foreground"), has_foreground=True)
    if can_see_extras and not read.is_missing_a_picture:
        return Relighting(failure="unread")
    why = NO_FOREGROUND["a word" if can_see_extras else "fetched"]
    return Relighting(
        notices=(
            f"The picture is too poor in edges to show that IC-Light ran, and its foreground could not be "
            f"compared with ours: {why}. With prodgen's bridge extension on the server it can "
            "(install_backend.sh)",
        )
    )


def _not_shown(numbers: Sequence[str], count: int) -> str:
    """Return a sentence on results that do not show the product, though the model was patched."""
    which = "The picture" if count == 1 else f"Of {count} pictures number {', '.join(numbers)}"
    return (
        f"{which} does not show the product, though IC-Light ran: it may be lost in the dark or in glare; "
        "look at it before use, and try another seed or light"
    )


def _rank(found: Presence) -> tuple[int, float]:
    return ("absent", "untold", "present").index(found.verdict), found.agreement


def shown(request: Drawing, capabilities: Capabilities, picture: RgbImage) -> Presence:
    """Return how clearly our product shows in a result; untold where it would be there without IC-Light."""
    unit = request.ic_light
    assert unit is not None  # noqa: S101 - who asks this, asked for it
    aspect = picture.shape[1] / picture.shape[0]
    if abs(aspect * request.height / request.width - 1) > SAME_ASPECT:
        return presence.UNTOLD
    if isinstance(request, Img2Img) and request.inpaint_mask is not None:
        return presence.UNTOLD
    product, matte = _cropped(unit, request.width, request.height)
    found = presence.find(product, matte, picture)
    if found.verdict == "present" and _starts_with_product(request, capabilities, product, matte):
        return Presence("untold", found.agreement, found.deviations)
    return found


def _cropped(unit: ICLight, width: int, height: int) -> tuple[RgbImage, NDArray[np.float32]]:
    """Return the centre of cut-out and matte that has the aspect of width x height, as the extension does."""
    rows, columns = unit.matte.shape
    scale = max(width / columns, height / rows)
    wide, high = min(columns, max(1, round(width / scale))), min(rows, max(1, round(height / scale)))
    left, top = (columns - wide) // 2, (rows - high) // 2
    part = np.s_[top : top + high, left : left + wide]
    return unit.foreground[part], unit.matte[part]


def _starts_with_product(
    request: Drawing, capabilities: Capabilities, product: RgbImage, matte: NDArray[np.float32]
) -> bool:
    """Whether the server draws over a picture with the product: a plain result would show it as well."""
    if not isinstance(request, Img2Img) or request.ic_light is None:
        return False
    if is_init(capabilities) or request.ic_light.reinforce_fg:
        return True
    return presence.find(product, matte, request.init_image).verdict == "present"


def is_init(capabilities: Capabilities) -> bool:
    """Whether this server's IC-Light takes the product as the init picture, and the light map as its own."""
    return capabilities.ic_light == "positional-13"


def _is_on_grey(extra: RgbImage) -> bool:
    """Whether a picture is somebody's foreground: most of its rim is IC-Light's grey."""
    eight = encoding.to_uint8(extra)
    rim = np.concatenate([eight[0], eight[-1], eight[:, 0], eight[:, -1]]).astype(np.int16)
    return bool(np.median(np.abs(rim - 127)) <= SAME_LEVELS)


def _is_same(ours: NDArray[np.uint8], matte: Matte, theirs: RgbImage, is_lossless: bool) -> bool:
    """Whether a picture is our foreground; where formats or sizes change pixels, compared on the product."""
    height, width = theirs.shape[:2]
    if abs(ours.shape[1] * height / (ours.shape[0] * width) - 1) > SAME_ASPECT:
        return False
    is_resized = theirs.shape != ours.shape
    if is_resized:
        ours, matte = (
            encoding.to_uint8(resize(as_floats(ours), width, height)),
            resize(matte, width, height),
        )
    difference = np.abs(ours.astype(np.int16) - encoding.to_uint8(theirs))
    if is_lossless and not is_resized:
        return int(difference.max()) <= SAME_LEVELS
    on_product = difference[matte > 0.5] if np.any(matte > 0.5) else difference
    return float(on_product.mean()) <= SAME_LEVELS_LOSSY


def error(url: str, unit: ICLight, found: Relighting, *, needs: str, was_redrawn: bool) -> NotAppliedError:
    """Return the error that says why a picture counts as not relit.

    Args:
        url: The server's address.
        unit: What was asked for.
        found: What is known; it has a failure.
        needs: What IC-Light needs on this kind of server, with `{model!r}` for its weights.
        was_redrawn: Whether it failed a second time, with the model loaded beforehand.
    """
    model = unit.model or USUAL_MODELS[unit.mode]
    twice = (
        ", also after its checkpoint was loaded beforehand and the picture drawn again" if was_redrawn else ""
    )
    needs = needs.format(model=model)
    if found.failure == "reported":
        return NotAppliedError(url, f"IC-Light failed on the server: {found.reported}", feature=IC_LIGHT)
    if found.failure == "another's":
        reason = f"IC-Light relit another picture than ours: an earlier caller's foreground came back{twice}"
        remedy = (
            "It could not read this request and used the last one again; is "
            f"{model!r} the name of a weight file there?"
        )
    elif found.failure == "absent" and found.has_foreground:
        reason = (
            "IC-Light read the product, but the picture does not show it: it patched another model than the "
            f"one that drew{twice}"
        )
        remedy = (
            "Other callers of this server may ask for other checkpoints meanwhile: keep it to one, or "
            f"install prodgen's bridge extension there, version 1.1.0 or later (install_backend.sh). {needs}"
        )
    else:
        what = (
            "the picture does not show the product"
            if found.failure == "absent"
            else ("the foreground did not come back with the picture, which is not relit")
        )
        reason, remedy = f"IC-Light did not run: {what}{twice}", needs
    return NotAppliedError(url, reason, feature=IC_LIGHT, remedy=remedy)
