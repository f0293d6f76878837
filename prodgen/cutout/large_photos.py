"""Photographs larger than a segmenter needs: it is shown a reduced one, the edge is fitted in the photograph.

So time and memory grow with the outline and the file's own 8-bit pixels, and not with copies of the picture.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from prodgen.cutout.hints import Point, Rectangle
from prodgen.images import Photo, reduced

SEGMENTED_PX = 2048
"""Longest side that segmenters are shown. Speed and memory: networks see at most 1024 pixels of it, and edges
are fitted in the photograph. Chosen."""


LARGE_PX = 3072
"""Longest side above which a photograph is reduced.
Speed: by less than a half it would not be worth it."""


def is_large(photo: Photo) -> bool:
    """Whether a photograph is to be reduced before it is segmented."""
    return max(photo.size) > LARGE_PX


def reduced_photo(photo: Photo) -> Photo:
    """Return the photograph at the size that segmenters are shown, its alpha with it."""
    scale = SEGMENTED_PX / max(photo.size)
    size = max(16, round(photo.size[0] * scale)), max(16, round(photo.size[1] * scale))
    matte = None if photo.matte is None else reduced(photo.matte, size)
    return replace(photo, pixels=reduced(photo.pixels, size), matte=matte)


def box_in(small: Photo, large: Photo, box: Rectangle | None) -> Rectangle | None:
    """Return a box of a large photograph in pixels of the reduced one, rounded outwards."""
    if box is None:
        return None
    ratio = np.divide(small.size, large.size)
    left, top = np.floor(np.array(box[:2]) * ratio).astype(int).tolist()
    right, bottom = np.minimum(np.ceil(np.array(box[2:]) * ratio), small.size).astype(int).tolist()
    return left, top, right, bottom


def points_in(small: Photo, large: Photo, points: tuple[Point, ...]) -> tuple[Point, ...]:
    """Return points of a large photograph in pixels of the reduced one."""
    across, down = np.divide(small.size, large.size).tolist()
    return tuple((x * across, y * down, is_product) for x, y, is_product in points)
