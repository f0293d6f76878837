"""Errors about what prodgen was given, and what it could not make of it; the root of the tree."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Literal

LONGEST_SHOWN = 60
"""Most characters of a value that an error repeats."""


class ProdgenError(Exception):
    """Base of all errors that prodgen raises on purpose."""


class ImageError(ProdgenError):
    """A picture cannot be read, written or used; the message names it and the remedy."""


class SegmentationError(ProdgenError):
    """No usable matte could be made of the photograph; the message says what to try."""


class WeightsError(ProdgenError):
    """The weights called `name`, of a network or a model, cannot be had, for `reason`."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(name, reason)
        self.name = name
        self.reason = reason

    def __str__(self) -> str:
        return f"the weights of {self.name!r} were not got: {self.reason}"


class ModelFileError(ProdgenError):
    """The model file at `path` cannot be used, for `reason`."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"the model file {self.path!r} cannot be used: {self.reason}"


EngineLack = Literal["library missing", "library broken", "torchvision mismatch"]
"""What an engine of this machine lacks."""


class EngineUnavailableError(ProdgenError):
    """The engine of this machine cannot draw for what it lacks; `reason` says that with the remedy."""

    def __init__(self, lack: EngineLack, reason: str) -> None:
        super().__init__(lack, reason)
        self.lack = lack
        self.reason = reason

    def __str__(self) -> str:
        return f"the engine of this machine cannot draw: {self.reason}"


class PlacementError(ProdgenError):
    """The product cannot be put on the canvas as asked."""


class IdentityError(ProdgenError):
    """The product in the result cannot be kept, or shown to be, the product in the photograph."""


class ProductNotKeptError(IdentityError):
    """The product in a finished picture is beyond a limit of failure, and was not to be delivered so."""

    def __init__(self, numbers: Iterable[str], reasons: Iterable[str], path: str | None) -> None:
        self.numbers = tuple(numbers)
        """Names of the measured numbers that are beyond it."""
        self.reasons = tuple(reasons)
        """A sentence each."""
        self.path = path
        """Where the picture was kept aside, if it was."""
        super().__init__(self.numbers, self.reasons, path)

    def __str__(self) -> str:
        where = "" if self.path is None else f"; the picture is at {self.path!r}"
        return f"the product could not be kept the same: {'; '.join(self.reasons)}{where}"


class Interrupted(ProdgenError):  # noqa: N818 - it is the user's wish, not a fault
    """The user stopped the work; nothing half-written was left behind."""


class SettingError(ProdgenError):
    """The value of a setting is wrong, for a reason that the message names."""


def shortened(value: object) -> str:
    """Return a value in quotes as a sentence shows it: of a long one only the beginning."""
    text = repr(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 3]}..."


class WrongValueError(SettingError):
    """`setting` cannot be `value`; `reason` says what is possible, such as "must be at least 1"."""

    def __init__(self, setting: str, value: object, reason: str) -> None:
        super().__init__(setting, value, reason)
        self.setting = setting
        self.value = value
        self.reason = reason

    def __str__(self) -> str:
        sentence = f"{self.setting or 'it'} {self.reason}"
        if self.value == "" or not isinstance(self.value, str | int | float):
            return sentence
        return f"{sentence}, not {shortened(self.value)}"


class IdleSettingError(SettingError):
    """`settings` would be without effect, for `reason`; leaving them out is the remedy."""

    def __init__(self, settings: Iterable[str], reason: str) -> None:
        self.settings = tuple(settings)
        self.reason = reason
        super().__init__(self.settings, reason)

    def __str__(self) -> str:
        return f"{self.reason}; leave out {' and '.join(self.settings)}"


class UnknownNameError(SettingError):
    """`name` is not one of the known `kind`s; the nearest known ones are suggested.

    `setting` is the field that it was given for, if it was one.
    """

    def __init__(
        self, kind: str, name: str, known: Iterable[str], hint: str = "", *, setting: str = ""
    ) -> None:
        self.kind = kind
        self.name = name
        self.known = tuple(known)
        self.hint = hint
        self.setting = setting
        super().__init__(kind, name, self.known, hint)

    @property
    def nearest(self) -> tuple[str, ...]:
        """Known names that look like the one given, best first; at most three."""
        lower = {known.lower(): known for known in self.known}
        close = difflib.get_close_matches(self.name.lower(), lower, n=3, cutoff=0.5)
        inside = [key for key in lower if self.name and self.name.lower() in key and key not in close]
        return tuple(lower[key] for key in [*close, *inside][:3])

    def __str__(self) -> str:
        message = f"unknown {self.kind} {shortened(self.name)}"
        if self.nearest:
            message += "; did you mean " + " or ".join(map(repr, self.nearest)) + "?"
        elif self.known:
            shown = ", ".join(self.known[:12]) + (", ..." if len(self.known) > 12 else "")
            message += f"; there are: {shown}"
        else:
            message += "; there are none here"
        return f"{message} {self.hint}".rstrip()
