"""Pictures from wherever they come (`load`), and picture files by path: written whole or not at all."""

from __future__ import annotations

import errno
import os
import tomllib
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from prodgen import codecs
from prodgen.errors import ImageError, SettingError
from prodgen.images import Matte, Photo, RgbImage, as_floats, from_array
from prodgen.transparency import without_hidden_colours

PictureSource = (
    str
    | os.PathLike[str]
    | bytes
    | bytearray
    | memoryview
    | BinaryIO
    | codecs.PillowPicture
    | NDArray[Any]
    | Photo
)
"""Whatever can be read as a picture; see `load`."""

MAX_FILE_BYTES = 1280 * 1024 * 1024
"""Largest file read."""

MAX_TEXT_BYTES = 1 << 20
"""Largest text file read in place of a picture; real infotexts have a few thousand characters."""

MAX_TOML_BYTES = 1 << 20
"""Largest TOML file read: recipes and tables of a person's own have a few thousand characters."""

UNFINISHED = ".part"
"""Ending of a file that is being written, or was when the power went."""


def load(source: PictureSource) -> Photo:
    """Read whatever is a picture.

    Args:
        source: A path; a file's bytes; a file object opened in binary mode; a picture of Pillow's; an array
            as `images.from_array` takes it; or a `Photo`, which is given back as it is.

    Returns:
        The picture; colours under alpha 0 are replaced by those of the nearest visible pixels.

    Raises:
        ImageError: If it is missing, unreadable, no picture, broken, animated or too large.
    """
    return without_hidden_colours(_photo_of(source))


def _photo_of(source: PictureSource, *, as_shares: bool = False) -> Photo:
    match source:
        case Photo():
            return source
        case str() | os.PathLike():
            return codecs.decode(_read(Path(source)), name=repr(str(source)), as_shares=as_shares)
        case bytes() | bytearray() | memoryview():
            return codecs.decode(bytes(source), as_shares=as_shares)
        case codecs.PillowPicture():
            return codecs.from_pillow(source, as_shares=as_shares)
        case np.ndarray():
            photo = from_array(source)
            codecs.check_size(*photo.size, name="the array")
            return photo
        case _ if hasattr(source, "read"):
            return codecs.decode(_content(source), name="the file object", as_shares=as_shares)
    raise ImageError(
        f"a {type(source).__name__} is no picture; give a path, bytes, a file object, a Pillow picture"
        " or an array"
    )


def load_matte(source: PictureSource) -> Matte:
    """Read a matte: its alpha where it has one that varies, else its brightness; white = product.

    Its values are shares: a colour profile, which Photoshop gives to masks too, does not change them.

    Args:
        source: Whatever `load` takes.

    Raises:
        ImageError: For the reasons for which `load` raises it.
    """
    photo = _photo_of(source, as_shares=True)
    if photo.matte is not None:
        return photo.matte
    red, green, blue = (photo.pixels[..., channel] for channel in range(3))
    # The mean of three equal numbers is not always that number: a matte given as an array stays as it is.
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return np.ascontiguousarray(as_floats(red))
    return np.asarray(photo.rgb.mean(axis=2), np.float32)


def _content(file: BinaryIO) -> bytes:
    content = bytearray()
    try:
        # A pipe or a socket may give less at a time than is asked for.
        while len(content) <= MAX_FILE_BYTES and (part := file.read(MAX_FILE_BYTES + 1 - len(content))):
            content += part
    except TypeError as error:
        raise ImageError("the file object gives text; open it in binary mode, with 'rb'") from error
    except (OSError, ValueError) as error:
        raise ImageError(f"the file object cannot be read: {error}") from error
    if not content:
        raise ImageError("the file object has nothing more to read; rewind it with seek(0), or open it again")
    if len(content) > MAX_FILE_BYTES:
        raise ImageError(f"the file object has more than {MAX_FILE_BYTES >> 20} MiB, and more is not read")
    return bytes(content)


def _read(path: Path) -> bytes:
    try:
        if path.is_dir():
            raise ImageError(f"{str(path)!r} is a folder; give the picture inside it")
        if path.is_fifo() or path.is_socket():  # nobody may ever write into it
            raise ImageError(f"{str(path)!r} is not a regular file; write the picture into one first")
        with path.open("rb") as file:
            # The size in the folder does not help: a device or a pipe has none, and may never end.
            content = file.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError as error:
        said = f"cannot be read: {reason_of(error)}" if _is_folder_gone() else "does not exist"
        raise ImageError(f"{str(path)!r} {said}") from error
    except (OSError, ValueError) as error:  # a path with a null character is a ValueError
        raise ImageError(f"{str(path)!r} cannot be read: {reason_of(error)}") from error
    if len(content) > MAX_FILE_BYTES:
        raise ImageError(
            f"{str(path)!r} has more than {MAX_FILE_BYTES >> 20} MiB, and more is not read; make it smaller"
        )
    return content


def read_toml(path: Path, *, called: str) -> dict[str, Any]:
    """Return what a TOML file holds.

    Args:
        path: The file's.
        called: What it is meant to be, as messages call it: "recipe".

    Raises:
        SettingError: If it cannot be read, is too large, or is not TOML.
    """
    where = f"{called} {str(path)!r}"
    try:
        if path.stat().st_size > MAX_TOML_BYTES:
            raise SettingError(f"{where} is too large to be one")
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SettingError(f"{where} cannot be read: {reason_of(error)}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SettingError(f"{where} is not TOML: {error}") from error


def reason_of(error: OSError | ValueError) -> str:
    """Return why a path could not be used, in words for a person, with the remedy where one is known."""
    if isinstance(error, OSError) and error.errno == errno.ENAMETOOLONG:
        return "its name is too long for this file system; choose a shorter one"
    if isinstance(error, FileNotFoundError) and _is_folder_gone():
        return "the folder you are in no longer exists; change to one that does (cd)"
    return str(getattr(error, "strerror", None) or error)


def _is_folder_gone() -> bool:
    """Whether the working folder was deleted while something still stands in it."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


def read_text(path: str | Path) -> dict[str, str]:
    """Texts in a picture file by name; see `codecs.decode_text`.

    A .txt file stands for a picture that has its words, in any usual encoding, as the text "parameters".

    Raises:
        ImageError: If it is missing, unreadable, no picture, broken, animated or too large.
    """
    content = _read(Path(path))
    if not is_text(Path(path)):
        return codecs.decode_text(content, name=repr(str(path)))
    if len(content) > MAX_TEXT_BYTES:
        raise ImageError(f"{str(path)!r} is too large to be an infotext")
    return {"parameters": codecs.plain_text(content)}


def is_text(path: Path) -> bool:
    """Whether a file is a text in place of a picture, by its name."""
    return path.suffix.lower() == ".txt"


def format_of(path: Path) -> str:
    """Return the format, a value of `codecs.FORMATS`, that a file's ending stands for.

    Raises:
        ImageError: If it is none that can be written.
    """
    kind = codecs.FORMATS.get(path.suffix.lower())
    if kind is None:
        raise ImageError(f"{path.name!r}: the ending must be one of {', '.join(codecs.FORMATS)}")
    return kind


def save(
    path: str | Path,
    rgb: RgbImage,
    *,
    matte: Matte | None = None,
    text: Mapping[str, str] | None = None,
    quality: int = 95,
) -> None:
    """Write a picture whole or not at all: temporary name, fsync, rename.

    Args:
        path: Its ending decides the format: PNG, JPEG, WebP or TIFF.
        rgb: (H, W, 3), sRGB, [0, 1].
        matte: Stored as alpha. JPEG has none: there the picture stands on white.
        text: "parameters" goes to PNG text or EXIF (TIFF has no place for it), "XML:com.adobe.xmp" to
            where the format keeps XMP, others to PNG text only.
        quality: Of JPEG (4:4:4) and lossy WebP, 1 to 100; a WebP of 100 is lossless.

    Raises:
        ImageError: If the ending is unknown, the format cannot hold it, or the file cannot be written.
    """
    target = Path(path)
    write_bytes(target, codecs.encode(format_of(target), rgb, matte=matte, text=text, quality=quality))


def save_matte(path: str | Path, matte: Matte) -> None:
    """Write a matte as an 8-bit grey picture, white = product; whole or not at all.

    Raises:
        ImageError: If the ending is unknown or the file cannot be written.
    """
    target = Path(path)
    write_bytes(target, codecs.encode_matte(format_of(target), matte))


def refuse_overwriting(target: Path, *sources: Path | None) -> None:
    """Refuse to write where one of these files is, also if a link leads there: it would be lost.

    Raises:
        ImageError: If `target` is one of them, or cannot be the path of a file.
    """
    try:
        # Not Path.resolve(), which fails at a link that leads to itself.
        real, exists = os.path.realpath(target), target.exists()
        nearest = next((folder for folder in target.parents if folder.exists()), Path())
        (nearest / target.name).exists()  # in a folder that is yet to be made, a name can be too long as well
        lost = [
            source
            for source in sources
            if source is not None
            and (os.path.realpath(source) == real or (exists and source.exists() and source.samefile(target)))
        ]
    except (OSError, ValueError) as error:
        raise ImageError(f"{str(target)!r} cannot be written: {reason_of(error)}") from error
    if lost:
        raise ImageError(
            f"{str(target)!r} is {str(lost[0])!r} itself, which would be lost; choose another output"
        )


def write_bytes(target: Path, data: bytes) -> None:
    """Write a file whole or not at all; a crash leaves the old file or none, never half of one.

    It is on the disk when this returns: the file is synced, and so is its name in the folder.

    Raises:
        ImageError: If the folder cannot be made or is read-only, or the disk full.
    """
    with writing(target) as file:
        file.write(data)


@contextmanager
def writing(target: Path) -> Iterator[BinaryIO]:
    """Give a file to write into, piece by piece; it becomes `target` at the end, whole, or not at all.

    A crash or an exception leaves the old file or none, never half of one.

    Raises:
        ImageError: If the folder cannot be made or is read-only, or the disk full.
    """
    with _writing(target) as temporary:
        with _filling(temporary) as file:
            yield file
        temporary.replace(target)
        _sync_folder(target.parent)


def write_new_bytes(target: Path, data: bytes) -> bool:
    """Write a file as `write_bytes` does, unless there is one; if several try at once, one of them does.

    A file system without hard links (FAT, some network shares) cannot decide that: there the last one wins.

    Returns:
        Whether it was written.

    Raises:
        ImageError: For the reasons for which `write_bytes` raises it.
    """
    with _writing(target) as temporary:
        with _filling(temporary) as file:
            file.write(data)
        try:
            os.link(temporary, target)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if target.exists():
                return False
            temporary.replace(target)
        _sync_folder(target.parent)
        return True


_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""What link(2) says where the file system has no hard links."""


@contextmanager
def _filling(temporary: Path) -> Iterator[BinaryIO]:
    with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_TRUNC), "wb") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())
    # So far it is private to its owner; a delivered picture is as public as any new file.
    temporary.chmod(0o666 & ~_umask())


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it, each with its name synced, so that no crash takes it back."""
    if not folder.is_dir():
        _make_folder(folder.parent)
        folder.mkdir(exist_ok=True)
        _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    if os.name == "posix":  # elsewhere a folder cannot be opened, and the system keeps its names itself
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


@contextmanager
def _writing(target: Path) -> Iterator[Path]:
    # The name is known before the file is there: an interrupt at any moment between takes it away again.
    temporary = target.parent / f".{target.stem[:40]}-{uuid.uuid4().hex}{UNFINISHED}"
    try:
        _make_folder(target.parent)
        os.close(os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        yield temporary
    except (FileExistsError, NotADirectoryError) as error:
        raise ImageError(
            f"{str(target)!r} cannot be written: {str(target.parent)!r} is no folder; choose another output"
        ) from error
    except (OSError, ValueError) as error:
        raise ImageError(f"{str(target)!r} cannot be written: {reason_of(error)}") from error
    finally:
        with suppress(OSError, ValueError):  # of a folder that is none, or a name that cannot be
            temporary.unlink()


def _umask() -> int:
    mask = os.umask(0o022)
    os.umask(mask)
    return mask
