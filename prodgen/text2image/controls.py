"""Control pictures as a user writes them (`openpose:pose.png:1.0`), turned into ControlNet units.

The server's model is found by a word of its name, and the picture is read; the extension does the rest.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from prodgen import files
from prodgen.errors import ImageError, SettingError, UnknownNameError, WrongValueError
from prodgen.schema import ControlNetUnit, Request

if TYPE_CHECKING:
    from prodgen.client import Client


class Control(Request):
    """One control picture with its ControlNet model."""

    model: str = Field(min_length=1)
    """ControlNet model of the server, or a word of its name: openpose, canny, depth, tile ..."""

    picture: Path
    """The control map, or with `module` a photograph that the server makes into a map."""

    weight: float = Field(default=1.0, ge=0, le=2)
    """Strength of the control, 0 to 2."""

    module: str = Field(default="none", min_length=1)
    """Preprocessor of the server; "none": the picture is a map already."""

    digest: str | None = None
    """SHA-256 that the picture's file must have; None: any. A story keeps it for `replay`."""

    def words(self) -> str:
        """Return the control as on a command line, with the file's name only."""
        module = "" if self.module == "none" else f"+{self.module}"
        return f"{self.model}{module}:{self.picture.name}:{self.weight:g}"


def read_control(text: str) -> Control:
    """Return the control that `MODEL[+MODULE]:FILE[:WEIGHT]` means.

    Raises:
        SettingError: If it is not of that form, or the weight out of range.
    """
    name, colon, rest = text.partition(":")
    path, last_colon, weight = rest.rpartition(":")
    try:
        number = float(weight) if last_colon else 1.0
    except ValueError:  # a colon within the path, as in C:\pose.png
        path, number = rest, 1.0
    else:
        path = path if last_colon else rest
    model, _, module = name.partition("+")
    if not colon or not model or not path:
        raise WrongValueError("controlnet", text, "must be MODEL:FILE:WEIGHT, such as openpose:pose.png:1.0")
    return Control(model=model, picture=Path(path), weight=number, module=module or "none")


def digest_of(path: Path) -> str:
    """Return a file's SHA-256.

    Raises:
        ImageError: If it cannot be read.
    """
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {files.reason_of(error)}") from error


def unit(control: Control, client: Client) -> ControlNetUnit:
    """Return the ControlNet unit of a control on this server.

    Raises:
        ImageError: If its picture cannot be read, or is another one than `digest` says.
        UnknownNameError: If the server has no such model or preprocessor.
        SettingError: If several models fit.
    """
    picture = files.load(control.picture).rgb
    if control.digest and digest_of(control.picture) != control.digest:
        raise ImageError(f"{str(control.picture)!r} is not the control picture that was used then")
    model = control.model
    if client.capabilities.controlnet:
        model = _model(control.model, client.controlnet.models())
        modules = client.controlnet.modules()
        if modules and control.module not in modules:
            raise UnknownNameError("ControlNet preprocessor", control.module, modules, setting="controlnet")
    return ControlNetUnit(model=model, module=control.module, image=picture, weight=control.weight)


def _model(word: str, known: tuple[str, ...]) -> str:
    fitting = [name for name in known if word in (name, name.split(" [")[0])]
    fitting = fitting or [name for name in known if word.lower() in name.lower()]
    if not fitting:
        raise UnknownNameError("ControlNet model", word, known, "(put its file into models/ControlNet)")
    if len(fitting) > 1:
        raise SettingError(f"controlnet {word!r} fits several models; name one: {', '.join(fitting)}")
    return fitting[0]
