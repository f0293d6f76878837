"""What provably ran when a picture was enlarged on the server: no formula, and to the size asked for.

A server whose upscaler lacks its weights resizes by Lanczos instead, and answers 200 in the upscaler's name.
"""

from __future__ import annotations

from collections.abc import Collection

from prodgen import codecs
from prodgen.client.knowledge import upscalers
from prodgen.errors import NotAppliedError
from prodgen.images import RgbImage
from prodgen.schema import Capabilities, Proof, Upscale
from prodgen.schema.request import size_text

UPSCALER = "upscaler"
"""The `feature` of a NotAppliedError about enlarging."""

PLAIN = 0.35
"""Distance from the nearest formula below which a picture counts as resized: 1 = from Lanczos to bilinear.

Measured on 64x64 pixels of 16 product pictures with structure, enlarged 1.5, 2, 3.2 and 4 times: Pillow's
and OpenCV's Lanczos, cubic and linear at most 0.17, "prodgen-sharp" at least 0.68, Real-ESRGAN's networks at
least 1.87.
"""

NO_FILTER = 1.25
"""Distance from every linear filter of a formula from which on a network drew the picture.

Measured on those pictures: unsharp masks and sharpening kernels after a formula at most 0.84,
"prodgen-sharp", which is a formula with a bounded sharpening, at most 1.16; Real-ESRGAN's networks
(x4plus, its anime one, animevideov3 twice and four times, also reduced afterwards) at least 1.40. Sharpened
by an unsharp mask of 150 % before a formula enlarges it, some are further away and pass for a network's.
"""


def wanted_size(request: Upscale) -> tuple[float, float]:
    """Width and height that an enlarged picture is to have."""
    factor = request.upscaling_resize or 1.0
    height, width = request.image.shape[:2]
    return request.upscaling_resize_w or width * factor, request.upscaling_resize_h or height * factor


def check_enlarged(url: str, request: Upscale, picture: RgbImage) -> None:
    """Refuse a picture that was not enlarged as asked.

    Raises:
        NotAppliedError: If so.
    """
    wanted_w, wanted_h = wanted_size(request)
    height, width = picture.shape[:2]
    # One side may end smaller where a size was asked for: the server keeps the proportions.
    if width < 0.98 * wanted_w and height < 0.98 * wanted_h:
        raise NotAppliedError(
            url,
            f"upscaler {request.upscaler_1!r} made {width}x{height} of {size_text(request.image)}, "
            f"not {wanted_w:.0f}x{wanted_h:.0f}",
            feature=UPSCALER,
        )


def only_resized(
    url: str, name: str, capabilities: Capabilities, *, without: Collection[str]
) -> NotAppliedError:
    """Return the error that an upscaler resized by a formula, with the name of one to try instead."""
    other = upscalers.in_turn(capabilities, without=without)[0]
    return NotAppliedError(
        url,
        f"upscaler {name!r} only resized the picture by a formula, though the server lists and names it: its "
        "weights are missing there",
        feature=UPSCALER,
        remedy="Put its weights into the server's models folder (its console says which and where), or take "
        f"another: {other!r}.",
    )


def told(name: str, idle: Collection[str], *, is_named: bool) -> tuple[str, ...]:
    """Return a sentence on the upscalers that were passed over because they only resize, if there are any."""
    if is_named or not idle:
        return ()
    listed = " and ".join(repr(other) for other in sorted(idle))
    instead = f"{name!r} enlarged the picture"
    if upscalers.is_resampling(name):
        instead = f"the picture was enlarged by a formula ({name}), which invents no detail"
    return (
        f"The upscalers {listed} are listed by the server but only resize, their weights being missing: "
        f"{instead}",
    )


def judge(request: Upscale, picture: RgbImage, *, is_lossless: bool = True) -> Proof | None:
    """Return how it is known that an upscaler ran; None if the picture was resized by a formula.

    Upscalers that are formulas by their name are believed, and so is a server where nothing could be seen:
    in pictures without structure, in lossy formats, mixed of two upscalers, with faces restored, or like what
    a filter makes of a formula's.
    """
    faces = request.gfpgan_visibility or request.codeformer_visibility
    if upscalers.is_resampling(request.upscaler_1) or request.upscaler_2 or faces:
        return Proof("words")
    distance = codecs.distance_from_formulas(request.image, picture)
    if distance is None:
        return Proof("words")
    if distance.from_formulas < PLAIN:
        return None
    # What a lossy format adds is no filter's doing either.
    if not is_lossless or distance.from_filtered < NO_FILTER:
        return Proof("words")
    return Proof("picture", round(distance.from_filtered / (1 + distance.from_filtered), 3))
