"""What a dialect makes of a request: a path and fields, with pictures still as arrays.

How a picture becomes bytes depends on the connection (a local server gets it uncompressed), so a
dialect only says what belongs where.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from prodgen.images import Matte, RgbImage


@dataclass(frozen=True, eq=False)
class SentPicture:
    """A picture to send: colours, colours with alpha, or (mask) a matte alone as grey."""

    rgb: RgbImage | None = None
    matte: Matte | None = None

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        array = self.rgb if self.rgb is not None else self.matte
        assert array is not None  # noqa: S101 - one of the two is always given
        return array.shape[1], array.shape[0]


@dataclass(frozen=True, eq=False)
class Payload:
    """One call: where it goes, and the JSON fields, in which `SentPicture`s stand for base64 text."""

    path: str
    fields: dict[str, Any]

    def with_fields(self, **fields: Any) -> Payload:
        """Return a copy with some fields added or replaced."""
        return replace(self, fields={**self.fields, **fields})

    def with_overrides(self, options: dict[str, Any]) -> Payload:
        """Return a copy with more options overridden for this call."""
        merged = {**(self.fields.get("override_settings") or {}), **options}
        return self.with_fields(override_settings=merged, override_settings_restore_afterwards=True)
