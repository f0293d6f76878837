"""The answer to a drawing taken apart, and how large it can be."""

from __future__ import annotations

from prodgen.client.reaching.connection import Connection, WholeAnswer
from prodgen.dialects import AnswerShapeError, ReadGeneration, read_generation
from prodgen.errors import AnswerError
from prodgen.schema import Drawing, Img2Img, Txt2Img


def read(connection: Connection, path: str, answer: WholeAnswer, *, count: int) -> ReadGeneration:
    """Take apart the answer to a generation.

    Raises:
        AnswerError: If it is something else.
    """
    try:
        return read_generation(connection.parsed(path, answer), count=count)
    except AnswerShapeError as error:
        raise AnswerError(connection.url, f"{path} answered something else: {error}") from error


def pixels(request: Drawing) -> int:
    """How many pixels come back at most: the results, as many extras, and a grid of them all."""
    area = request.width * request.height
    if isinstance(request, Txt2Img) and request.enable_hr:
        scale = request.hr_scale or 2.0
        area = max(int(area * scale * scale), (request.hr_resize_x or 0) * (request.hr_resize_y or 0))
    if isinstance(request, Img2Img):
        area = max(area, request.init_image.size // 3)
    if request.ic_light is not None:
        area += request.ic_light.matte.size
    return area * (3 * request.count + 4 * len(request.controlnet) + 1)
