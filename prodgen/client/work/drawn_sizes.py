"""Sizes that a server chose: some round to 64 or cap both sides, and what they drew is still a picture.

Delivered as it came where size is taste; where the place of things matters (a mask, a product that was sent
to be relit) brought back to the size asked for, or refused if the proportions are others.
"""

from __future__ import annotations

from collections.abc import Sequence

from prodgen.errors import AnswerError
from prodgen.images import Photo, resize
from prodgen.schema import Drawing, Img2Img, Txt2Img

GRID_PX = 8
"""Pixels of one cell of a latent picture; A1111 takes every side down to a multiple of it without a word."""

COARSE_GRID_PX = 64
"""Multiple that other servers round sides to: a latent cell at the deepest layer of their models."""


def as_asked(url: str, request: Drawing, pictures: Sequence[Photo], notices: list[str]) -> tuple[Photo, ...]:
    """Return the pictures, at the size asked for where that matters.

    Args:
        url: Where the server is.
        request: What was asked for.
        pictures: The results.
        notices: Gets a sentence if the size is another.

    Raises:
        AnswerError: If the proportions are others and the place of things matters.
    """
    size = expected(request)
    others = [] if size is None else [x.size for x in pictures if _is_another(x.size, size)]
    if size is None or not others:
        return tuple(pictures)
    wanted, came = (round(size[0]), round(size[1])), others[0]
    if isinstance(request, Txt2Img) and request.enable_hr and came == (request.width, request.height):
        notices.append(f"The second pass (hires fix) did not run: {_text(came)} came, not {_text(wanted)}")
        return tuple(pictures)
    said = f"the server drew {_text(came)}, but {_text(wanted)} was asked for: it has sizes of its own"
    remedy = _remedy(wanted, came)
    if request.ic_light is None and not (isinstance(request, Img2Img) and request.inpaint_mask is not None):
        notices.append(f"{said[:1].upper()}{said[1:]}. {remedy}")
        return tuple(pictures)
    for picture in pictures:
        if _cut(picture.size, wanted) >= GRID_PX:
            raise AnswerError(
                url,
                f"{said}, and in other proportions product and mask lie elsewhere than where they were sent",
                remedy=remedy,
            )
    notices.append(
        f"{said[:1].upper()}{said[1:]}; it was brought back to {_text(wanted)}, so it is softer. {remedy}"
    )
    return tuple(_resized(picture, wanted) for picture in pictures)


def expected(request: Drawing) -> tuple[float, float] | None:
    """Return width and height that the results should have; None where a script or a second pass decides."""
    if request.scripts:
        return None
    if isinstance(request, Img2Img) and request.inpaint_full_res and request.inpaint_mask is not None:
        height, width = request.init_image.shape[:2]
        return width, height
    if isinstance(request, Txt2Img) and request.enable_hr:
        if request.hr_resize_x or request.hr_resize_y:
            sized = (request.hr_resize_x, request.hr_resize_y)
            return (sized[0], sized[1]) if sized[0] and sized[1] else None
        scale = request.hr_scale or 2.0
        return request.width * scale, request.height * scale
    return request.width, request.height


def place_of_first(pictures: Sequence[Photo | None], count: int) -> int:
    """Return the place of the first result where a server does not say it: 1 if a grid comes first.

    A grid is larger than the results, which are all of one size.
    """
    sizes = [picture.size for picture in pictures if picture is not None]
    if count < 2 or len(pictures) <= count or len(sizes) < len(pictures):
        return 0
    first, results = sizes[0], set(sizes[1 : count + 1])
    return int(len(results) == 1 and first not in results and first > min(results))


def _is_another(came: tuple[int, int], size: tuple[float, float]) -> bool:
    return any(abs(side - wanted) >= GRID_PX for side, wanted in zip(came, size, strict=True))


def _cut(came: tuple[int, int], wanted: tuple[int, int]) -> float:
    """Pixels of the size asked for that other proportions leave out, if things keep their shape."""
    scale = max(came[0] / wanted[0], came[1] / wanted[1])
    return max(wanted[0] - came[0] / scale, wanted[1] - came[1] / scale)


def _resized(picture: Photo, size: tuple[int, int]) -> Photo:
    if picture.size == size:
        return picture
    matte = None if picture.matte is None else resize(picture.matte, *size)
    return Photo(resize(picture.rgb, *size), matte, picture.notices)


def _remedy(wanted: tuple[int, int], came: tuple[int, int]) -> str:
    is_rounded = all(
        side % COARSE_GRID_PX == 0 and abs(side - asked) < COARSE_GRID_PX
        for side, asked in zip(came, wanted, strict=True)
    )
    return f"Ask for {_text(came)}" + (
        f", or other multiples of {COARSE_GRID_PX}." if is_rounded else ", or for less on each side."
    )


def _text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
