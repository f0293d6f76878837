"""Spellings of /sdapi/v1: what kinds of servers there are, and how they are told apart.

A dialect turns a request into fields and refuses what its kind of server would ignore. It sends nothing. A
new one is a file with a subclass of `A1111`, which holds the differences only, and a line in `DIALECTS`.
"""

from __future__ import annotations

from collections.abc import Collection

from prodgen.dialects.a1111 import A1111, ROUTES
from prodgen.dialects.forge import Forge, ForgeClassic, ReForge
from prodgen.dialects.payload import Payload, SentPicture
from prodgen.dialects.reading import AnswerShapeError, ReadGeneration, read_generation
from prodgen.dialects.sdcpp import StableDiffusionCpp
from prodgen.dialects.sdnext import SDNext
from prodgen.dialects.wrapped_pictures import is_address, pictures_in
from prodgen.errors import UnknownNameError

DIALECTS: dict[str, type[A1111]] = {
    dialect.name: dialect
    for dialect in (
        A1111,
        Forge,
        ForgeClassic,
        ReForge,
        SDNext,
        StableDiffusionCpp,
    )
}
"""Name -> dialect: the one table that a new dialect is entered into. The first that recognises a server is
taken, so a narrower kind stands above a wider one."""


def by_name(name: str) -> A1111:
    """Return the dialect of that name.

    Raises:
        UnknownNameError: If there is none.
    """
    if name not in DIALECTS:
        raise UnknownNameError("dialect", name, DIALECTS)
    return DIALECTS[name]()


def by_version(version: str) -> A1111 | None:
    """Return the dialect that a server's own version text belongs to; None if it belongs to none."""
    for dialect in DIALECTS.values():
        if version.startswith(dialect.version_marks):
            return dialect()
    return None


def by_routes(routes: Collection[str]) -> A1111:
    """Return the dialect that fits the names of `ROUTES` which a server answered.

    What no dialect recognises is taken for A1111, whose API all others imitate.
    """
    for dialect in DIALECTS.values():
        if dialect.has_these_routes(routes):
            return dialect()
    return A1111()


__all__ = [
    "A1111",
    "DIALECTS",
    "ROUTES",
    "AnswerShapeError",
    "Payload",
    "ReadGeneration",
    "SentPicture",
    "by_name",
    "by_routes",
    "by_version",
    "is_address",
    "pictures_in",
    "read_generation",
]
