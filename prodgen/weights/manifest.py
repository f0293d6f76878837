"""The list of model files (`weights.toml`): read, checked, and searched by name. Knows no network."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

LIST_FILE = Path(__file__).with_name("weights.toml")
"""The list that prodgen ships."""

UNVERIFIED = "unverified"
"""Stands in place of a hash that nobody could be asked for. Never a hash made up to fill the gap."""

KINDS = ("safetensors", "pickle", "onnx")
COMMERCIAL = ("yes", "no", "ask")

_REQUIRED = (
    "name",
    "title",
    "file",
    "kind",
    "sha256",
    "default",
    "licence",
    "licence_url",
    "commercial",
    "sources",
)
_OPTIONAL = ("size", "md5", "hash_from", "packaged", "note", "stages", "aliases")


class WeightsListError(ValueError):
    """The list of weights cannot be read, or says something that cannot be."""


class UnknownWeightError(ValueError):
    """No file in the list has this name; says which names are near."""


@dataclass(frozen=True)
class Source:
    """One place to get a file from."""

    url: str
    token: str | None = None
    """Environment variable with the access token, sent only where it is set."""
    token_needed: bool = False
    """Whether the source answers a log-in page or a refusal without a token."""


@dataclass(frozen=True)
class Weight:
    """One model file, as the list describes it."""

    name: str
    title: str
    file: str
    """Below the models folder, with forward slashes."""
    kind: str
    sha256: str
    """64 lower-case hexadecimal digits, or `UNVERIFIED`."""
    default: bool
    licence: str
    licence_url: str
    commercial: str
    """`yes` (under the licence's conditions), `no`, or `ask` (its owner's terms must be read first)."""
    sources: tuple[Source, ...]
    size: int | None = None
    """Bytes; None where it is not known."""
    md5: str = ""
    """32 hexadecimal digits where no SHA-256 is known: tells a damaged file, not a forged one."""
    hash_from: str = ""
    packaged: bool = False
    """Whether the file comes inside prodgen, so that there is nothing to download."""
    note: str = ""
    stages: tuple[str, ...] = ()
    aliases: tuple[str, ...] = ()

    @property
    def verified(self) -> bool:
        """Whether a hash is known for it."""
        return self.sha256_is_known or bool(self.md5)

    @property
    def sha256_is_known(self) -> bool:
        """Whether the hash is one that also tells a forged file."""
        return self.sha256 != UNVERIFIED

    @property
    def names(self) -> tuple[str, ...]:
        """Every name it goes by: its own, its aliases, and its file name without extension."""
        return (self.name, *self.aliases, PurePosixPath(self.file).stem)


def read_list(path: Path = LIST_FILE) -> tuple[Weight, ...]:
    """Read and check a list of weights.

    Raises:
        WeightsListError: If the file is missing or not TOML, or an entry is incomplete or contradictory.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise WeightsListError(f"cannot read the list of weights {str(path)!r}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise WeightsListError(f"{str(path)!r} is not valid TOML: {error}") from error
    entries = content.get("weights")
    if content.get("schema") != 1 or not isinstance(entries, list):
        raise WeightsListError(f"{str(path)!r} must say schema = 1 and have [[weights]] entries")
    weights = tuple(_weight(entry) for entry in entries)
    for field in ("name", "file"):
        values = [getattr(weight, field) for weight in weights]
        if twice := sorted({value for value in values if values.count(value) > 1}):
            raise WeightsListError(f"{str(path)!r} has {field} {twice[0]!r} twice")
    return weights


def choose(weights: Iterable[Weight], names: Iterable[str]) -> tuple[Weight, ...]:
    """Return the weights with these names (or aliases), in the order asked for.

    Raises:
        UnknownWeightError: If a name is not in the list.
    """
    by_name = {name.casefold(): weight for weight in weights for name in weight.names}
    chosen: dict[str, Weight] = {}
    for name in names:
        weight = by_name.get(name.casefold())
        if weight is None:
            near = difflib.get_close_matches(name.casefold(), by_name, n=3) or sorted(
                {w.name for w in by_name.values()}
            )
            raise UnknownWeightError(f"no weights are named {name!r}; there are: {', '.join(near)}")
        chosen[weight.name] = weight
    return tuple(chosen.values())


def _weight(entry: Mapping[str, Any]) -> Weight:
    """Turn one TOML entry into a `Weight`, strictly: a misspelt key must not go unnoticed."""
    label = repr(entry.get("name", "(without a name)"))
    if missing := [key for key in _REQUIRED if key not in entry]:
        raise WeightsListError(f"weights {label}: {', '.join(missing)} missing")
    if unknown := sorted(set(entry) - {*_REQUIRED, *_OPTIONAL}):
        raise WeightsListError(f"weights {label}: unknown key {unknown[0]!r}")
    if entry["kind"] not in KINDS:
        raise WeightsListError(
            f"weights {label}: kind must be one of {', '.join(KINDS)}, not {entry['kind']!r}"
        )
    if entry["commercial"] not in COMMERCIAL:
        raise WeightsListError(f"weights {label}: commercial must be one of {', '.join(COMMERCIAL)}")
    if entry["commercial"] == "no" and entry["default"]:
        raise WeightsListError(f"weights {label}: what forbids commercial use must not be in the default set")
    _check_hash(label, entry)
    _check_file(label, entry["file"])
    if not entry["sources"]:
        raise WeightsListError(f"weights {label}: at least one source is needed")
    _check_url(label, entry["licence_url"])
    sources = tuple(_source(label, source) for source in entry["sources"])
    return Weight(
        **{key: value for key, value in entry.items() if key not in ("sources", "stages", "aliases")},
        sources=sources,
        stages=tuple(entry.get("stages", ())),
        aliases=tuple(entry.get("aliases", ())),
    )


def _source(label: str, entry: Mapping[str, Any]) -> Source:
    if unknown := sorted(set(entry) - {"url", "token", "token_needed"}):
        raise WeightsListError(f"weights {label}: unknown key {unknown[0]!r} in a source")
    if "url" not in entry:
        raise WeightsListError(f"weights {label}: a source has no url")
    _check_url(label, entry["url"])
    return Source(**entry)


def _check_hash(label: str, entry: Mapping[str, Any]) -> None:
    sha256, md5, size = entry["sha256"], entry.get("md5"), entry.get("size")
    if sha256 != UNVERIFIED and not re.fullmatch(r"[0-9a-f]{64}", str(sha256)):
        raise WeightsListError(f"weights {label}: sha256 must be 64 lower-case hex digits or {UNVERIFIED!r}")
    if md5 is not None and not re.fullmatch(r"[0-9a-f]{32}", str(md5)):
        raise WeightsListError(f"weights {label}: md5 must be 32 lower-case hex digits")
    if (sha256 != UNVERIFIED or md5) and not entry.get("hash_from"):
        raise WeightsListError(f"weights {label}: hash_from must say where the hash was read")
    if size is not None and (not isinstance(size, int) or size <= 0):
        raise WeightsListError(f"weights {label}: size must be a number of bytes")


def _check_file(label: str, file: str) -> None:
    """Refuse a path that could leave the models folder."""
    path = PurePosixPath(file)
    if path.is_absolute() or ".." in path.parts or "\\" in file or not path.suffix:
        raise WeightsListError(f"weights {label}: {file!r} must be a plain path below the models folder")


def _check_url(label: str, url: str) -> None:
    """Refuse what is not http(s), has credentials in it, or goes over the open network unencrypted."""
    parts = urlsplit(url)
    loopback = parts.hostname in ("127.0.0.1", "localhost", "::1")
    if (
        parts.scheme not in ("https", "http")
        or not parts.hostname
        or (parts.scheme == "http" and not loopback)
    ):
        raise WeightsListError(f"weights {label}: {url!r} is not an https address")
    if parts.username or "token=" in parts.query:
        raise WeightsListError(f"weights {label}: a token does not belong into the address {url!r}")
