"""Answers made into pictures: what is not a picture becomes an error that says which one."""

from __future__ import annotations

from collections.abc import Sequence

from prodgen.client.reaching import encoding
from prodgen.client.reaching.connection import Answer, Connection
from prodgen.dialects import AnswerShapeError, ReadGeneration, read_generation
from prodgen.errors import AnswerError, ImageError
from prodgen.images import RgbImage
from prodgen.schema import Drawing, Img2Img, Txt2Img


def read(connection: Connection, path: str, answer: Answer, *, count: int) -> ReadGeneration:
    """Take apart the answer to a generation.

    Raises:
        AnswerError: If it is something else.
    """
    try:
        return read_generation(connection.parsed(path, answer), count=count)
    except AnswerShapeError as error:
        raise AnswerError(connection.url, f"{path} answered something else: {error}") from error


def decode(url: str, text: str, name: str) -> tuple[RgbImage, bool]:
    """Return a picture from base64 text, and whether its format is lossless.

    Raises:
        AnswerError: If it is damaged, or larger than any model draws.
    """
    try:
        data = encoding.decode_base64(text)
    except ValueError as error:
        raise AnswerError(url, f"{name} is no base64: {error}") from error
    return decode_file(url, data, name), data.startswith(b"\x89PNG")


def decode_file(url: str, data: bytes, name: str) -> RgbImage:
    """Return a picture from a file.

    Raises:
        AnswerError: If it is damaged, or larger than any model draws.
    """
    try:
        return encoding.decode_picture(data, name=name)
    except ImageError as error:
        raise AnswerError(url, f"{error}") from error


def decode_all(url: str, texts: Sequence[str], what: str) -> tuple[list[RgbImage], bool]:
    """Return pictures from base64 texts, and whether all their formats are lossless.

    Raises:
        AnswerError: If one is damaged, or larger than any model draws.
    """
    decoded = [decode(url, text, f"{what} {number}") for number, text in enumerate(texts, 1)]
    return [picture for picture, _ in decoded], all(is_lossless for _, is_lossless in decoded)


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
