"""The answer to a drawing taken apart into pictures, and how large it can be.

What was drawn is delivered as far as it is whole: of several pictures the damaged and the black ones are left
out, with a sentence; only if none is left is it an error.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, replace
from urllib.parse import urljoin, urlsplit

from prodgen import codecs
from prodgen.client.reaching import addresses, decoding, faults
from prodgen.client.reaching.connection import Connection, WholeAnswer
from prodgen.client.work import black_pictures, drawn_sizes
from prodgen.dialects import (
    AnswerShapeError,
    ReadGeneration,
    infotexts,
    is_address,
    pictures_in,
    read_generation,
)
from prodgen.errors import AnswerError, BackendError, ImageError
from prodgen.images import Photo, RgbImage
from prodgen.schema import Drawing, Img2Img, Txt2Img


@dataclass(frozen=True, eq=False)
class DrawnPictures:
    """What came of a drawing: whole pictures, and what is said of each."""

    read: ReadGeneration
    """What the server says; its seeds and infotexts are those of `results`."""
    results: tuple[Photo, ...]
    """In seed order, at least one; at the size asked for where masks or products were sent."""
    seeds: tuple[int, ...]
    """One for each result: as the server says, else as asked for."""
    extras: tuple[RgbImage, ...]
    notices: tuple[str, ...]
    is_lossless: bool
    """Whether all results came in a format that keeps every value."""
    is_fitted: bool = False
    """Whether a result came in another size and was brought back to the one asked for."""


def read(
    connection: Connection,
    path: str,
    answer: WholeAnswer,
    *,
    count: int,
    has_pictures: bool = True,
    has_maps: bool = False,
) -> ReadGeneration:
    """Take apart the answer to a generation.

    Args:
        connection: To the server.
        path: The route that answered.
        answer: Its answer.
        count: How many results were asked for.
        has_pictures: Whether the pictures were to come with it.
        has_maps: Whether maps of ControlNet may come after them.

    Raises:
        BackendFaultError: If it holds no picture but says what went wrong.
        AnswerError: If it is something else.
    """
    if answer.content_type.startswith("image/"):  # the picture itself, as some servers choose to answer
        return read_generation({"images": [base64.b64encode(answer.body).decode()]}, count=count)
    parsed = connection.parsed(path, answer)
    try:
        found = read_generation(parsed, count=count, has_maps=has_maps)
    except AnswerShapeError as error:
        if isinstance(parsed, dict) and (text := _said(connection.url, path, answer)):
            raise faults.fault(connection.url, OK, text) from error
        raise AnswerError(connection.url, f"{path} answered something else: {error}") from error
    is_refusal = bool(found.remarks) if has_pictures else isinstance(parsed, dict) and parsed.get("error")
    if is_refusal and not any(found.results):
        text = _said(connection.url, path, answer) or "; ".join(found.remarks)
        raise faults.fault(connection.url, OK, text)
    return found


OK = 200
"""The HTTP status of an answer that a server calls good, whatever its body says."""


def _said(url: str, path: str, answer: WholeAnswer) -> str:
    """What an answer says in words, as a refusal does."""
    headers = {"content-type": answer.content_type}
    return faults.readable(faults.Refusal(url, path, OK, answer.body, headers))


def single(connection: Connection, path: str, answer: WholeAnswer, *, name: str) -> tuple[Photo, bool]:
    """Return the one picture of an answer that is no generation's, and whether its format keeps every value.

    Raises:
        BackendFaultError: If it holds no picture but says what went wrong.
        AnswerError: If it is something else, or the picture is damaged.
    """
    texts = pictures_in(parsed := connection.parsed(path, answer)) or ()
    text = next(filter(None, texts), "")
    if not text:
        said = _said(connection.url, path, answer) if isinstance(parsed, dict) else ""
        if said:
            raise faults.fault(connection.url, OK, said)
        raise AnswerError(connection.url, f"{path} answered no picture")
    limit = decoding.answer_limit(0, codecs.MAX_PIXELS)
    data = _file(connection, text, name, limit=limit)
    return decoding.decode_file(connection.url, data, name), decoding.is_lossless(data)


def decoded(
    connection: Connection, request: Drawing, read: ReadGeneration, *, has_faults: bool = True
) -> DrawnPictures:
    """Decode an answer's pictures, fetched where it gives their addresses on the same server; see `whole`.

    Raises:
        AnswerError: If none is whole, or none has a size that can be used.
        BackendFaultError: If all are black.
    """
    url, texts = connection.url, (*read.results, *read.extras)
    limit = decoding.answer_limit(0, pixels(request))
    files: list[bytes | AnswerError] = []
    for number, text in enumerate(texts, 1):
        if not text:
            files.append(AnswerError(url, f"result {number} is missing: the server put nothing in its place"))
            continue
        try:
            files.append(_file(connection, text, f"result {number}", limit=limit))
        except AnswerError as error:
            files.append(error)
    return whole(url, request, read, files, has_faults=has_faults)


def _file(connection: Connection, text: str, name: str, *, limit: int) -> bytes:
    """Return the file behind base64 or an address; of other machines than the server nothing is fetched.

    A server behind a proxy writes a scheme and port of its own into addresses, or "localhost": whatever they
    say, the file is asked for where the server was reached.

    Raises:
        AnswerError: If there is none.
    """
    if not is_address(text):
        return decoding.file_behind(connection.url, text, name)
    try:
        own, there = urlsplit(connection.url), urlsplit(urljoin(f"{connection.url}/", text.strip()))
    except ValueError as error:
        raise AnswerError(connection.url, f"{name} is an address that cannot be read: {error}") from error
    host = there.hostname
    if host not in (None, own.hostname) and not addresses.is_this_machine(host):
        raise AnswerError(
            connection.url,
            f"{name} is an address on another machine ({host}), and nothing is fetched from there",
            remedy="Set the server to send pictures as base64.",
        )
    try:
        path = f"/{there.path.removeprefix(f'{own.path}/').lstrip('/')}"
        return connection.fetch(f"{path}?{there.query}" if there.query else path, limit=limit)
    except BackendError as error:
        raise AnswerError(connection.url, f"{name} cannot be fetched: {error.reason}") from error


def whole(
    url: str,
    request: Drawing,
    read: ReadGeneration,
    files: Sequence[bytes | AnswerError],
    *,
    has_faults: bool = True,
) -> DrawnPictures:
    """Return the pictures in files as far as they are whole, with what is said of each.

    Args:
        url: Where the server is.
        request: What was asked for.
        read: What the server says of them.
        files: The results' files, then those of further pictures; an error in place of one that is none.
        has_faults: Whether broken numbers or a safety filter can make black pictures there.

    Raises:
        AnswerError: If none is whole, or none has a size that can be used.
        BackendFaultError: If all are black.
    """
    notices = [f"The server says: {remark!r}" for remark in read.remarks]
    pictures, errors = _decoded(url, files)
    count = len(read.results) or len(files)
    first = 0 if read.names_first else drawn_sizes.place_of_first(pictures, request.count)
    places = range(first, min(first + count, len(files)))
    results = [pictures[place] for place in places]
    if not any(results):
        raise next(iter(errors.values()), None) or AnswerError(
            url, "no picture came back", remedy="The server's console says why."
        )
    notices += [f"Left out: {error.reason}" for error in errors.values()]
    if len(results) < request.count:
        notices.append(
            f"{len(results)} of {request.count} pictures came back: the run was interrupted on the server, "
            "or it draws fewer at once"
        )
    read = _with_written(read, [files[place] for place in places])
    black = black_pictures.left_out(url, request, read, results, notices) if has_faults else set()
    kept = [place for place, picture in enumerate(results) if picture is not None and place not in black]
    came = [x for k, x in enumerate(results) if x and k in kept]
    sized = drawn_sizes.as_asked(url, request, came, notices)
    seeds = [read.seeds[place] if place < len(read.seeds) else None for place in kept]
    sources = [files[places[place]] for place in kept]
    return DrawnPictures(
        read=replace(read, infotexts=tuple(read.infotexts[place] for place in kept if read.infotexts)),
        results=sized,
        seeds=tuple(
            seed if seed is not None else _asked_seed(request, place)
            for seed, place in zip(seeds, kept, strict=True)
        ),
        extras=tuple(x.rgb for place, x in enumerate(pictures) if x is not None and place not in places),
        notices=tuple(notices),
        is_lossless=all(isinstance(x, bytes) and decoding.is_lossless(x) for x in sources),
        is_fitted=any(one.size != other.size for one, other in zip(came, sized, strict=True)),
    )


def _decoded(
    url: str, files: Sequence[bytes | AnswerError]
) -> tuple[list[Photo | None], dict[int, AnswerError]]:
    """Return the picture in each file, None where there is none, and by place what is wrong there."""
    pictures: list[Photo | None] = []
    errors: dict[int, AnswerError] = {}
    for place, data in enumerate(files):
        try:
            if isinstance(data, AnswerError):
                raise data
            pictures.append(decoding.decode_file(url, data, f"result {place + 1}"))
        except AnswerError as error:
            pictures.append(None)
            errors[place] = error
    return pictures, errors


def _with_written(read: ReadGeneration, files: Sequence[bytes | AnswerError]) -> ReadGeneration:
    """Return what the server says, with what it wrote into the pictures alone."""
    texts = list(read.infotexts) or [""] * len(files)
    for place, data in enumerate(files):
        if not texts[place] and isinstance(data, bytes):
            try:
                texts[place] = codecs.decode_text(data).get("parameters", "")
            except ImageError:
                continue
    if not any(texts):
        return read
    seeds = list(read.seeds) or [None] * len(files)
    for place, text in enumerate(texts):
        written = infotexts.pairs(text.strip().rsplit("\n", 1)[-1]).get("Seed", "")
        if seeds[place] is None and written.isdecimal():
            seeds[place] = int(written)
    return replace(read, infotexts=tuple(texts), seeds=tuple(seeds))


def _asked_seed(request: Drawing, place: int) -> int:
    """The seed that result `place` was asked for with; a second one that is mixed in counts up instead."""
    return request.seed if request.subseed_strength else request.seed + place


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
