"""A server's options: read, changed, and left as they were by calls that override them.

A1111 restores what a call overrides only if the key was ever saved; on a fresh install it leaks to
all later callers until a restart. Saving a key's present value once, before it is overridden for
the first time, cures it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from prodgen.client.reaching.connection import Connection
from prodgen.errors import AnswerError, SettingError, UnknownNameError

PATH = "/sdapi/v1/options"


class Options:
    """The options of one server, shared by all its callers."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._settled: set[str] = set()
        self._known: frozenset[str] = frozenset()

    def get(self) -> dict[str, Any]:
        """Return all options.

        Raises:
            BackendError: If the server does not tell them.
        """
        options = self._connection.get(PATH)
        if not isinstance(options, dict):
            raise AnswerError(self._connection.url, "its options are no list of names and values")
        self._known = frozenset(options)
        return options

    def check(self, keys: Iterable[str]) -> None:
        """Refuse to override an option that does not exist; A1111 fails at it, others ignore it.

        Raises:
            UnknownNameError: For the first such key, with the nearest known ones.
            BackendError: If the server cannot be asked.
        """
        asked = tuple(keys)
        if self._known.issuperset(asked):
            return
        known = self.get()
        for key in asked:
            if key not in known:
                raise UnknownNameError("option of the server", key, known)

    def set(self, values: Mapping[str, Any]) -> None:
        """Change options, for all callers.

        A1111 stores a value of the wrong type, and cannot tell any option after that until it is
        corrected; so names and types are held against the present ones first.

        Raises:
            SettingError: If there is no such option, or its values are of another type.
            BackendError: If the server refuses them.
        """
        current = self.get()
        for key, value in values.items():
            if key not in current:
                raise UnknownNameError("option", key, current)
            if not _is_like(value, current[key]):
                kind = type(current[key]).__name__
                raise SettingError(
                    f"option {key!r} takes values like {current[key]!r} ({kind}), not {value!r}"
                )
        self.put_back(values)

    def put_back(self, values: Mapping[str, Any]) -> None:
        """Set options to values that were read before, without asking for the present ones.

        Raises:
            BackendError: If the server refuses them.
        """
        self._connection.post(PATH, dict(values))
        self._settled.update(values)

    def save_all(self) -> int:
        """Save every option with the value that it has, so that overrides of one call end with it.

        Returns:
            The number of options.

        Raises:
            BackendError: If the server does not list its options, or refuses them.
        """
        values = {key: value for key, value in self.get().items() if value is not None}
        self.put_back(values)
        return len(values)

    def settle(self, keys: Iterable[str]) -> None:
        """See to it that these keys are restored after a call that overrides them.

        Raises:
            BackendError: If the server can be asked neither for them nor to keep them.
        """
        unsettled = [key for key in keys if key not in self._settled]
        if not unsettled:
            return
        current = self.get()
        values = {key: current[key] for key in unsettled if current.get(key) is not None}
        if values:
            self.put_back(values)
        self._settled.update(unsettled)


def _is_like(value: object, present: object) -> bool:
    """Whether a value may replace the present one; the server gives all numbers as floats."""
    if present is None or value is None:
        return True
    if isinstance(present, bool) or isinstance(value, bool):
        return isinstance(present, bool) and isinstance(value, bool)
    if isinstance(present, int | float):
        return isinstance(value, int | float)
    return isinstance(value, type(present))
