"""What provably ran when a picture was enlarged on the server: its size held against what was asked for."""

from __future__ import annotations

from prodgen.errors import NotAppliedError
from prodgen.images import RgbImage
from prodgen.schema import Upscale
from prodgen.schema.request import size_text


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
            feature="upscaler",
        )
