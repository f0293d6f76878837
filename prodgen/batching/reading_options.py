"""Options of a catalogue run that have a grammar: memory, scenes, the address of a cluster."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from prodgen.catalogue.output_pattern import ENDINGS, ends_as_picture
from prodgen.errors import WrongValueError
from prodgen.schema.byte_counts import byte_count

LEAST_BYTES = 2**28
"""Least memory that is taken for meant: a shot of 1300x2000 pixels needs a gigabyte (docs/benchmarks.md)."""

MOST_LOCAL_WORKERS = 256
"""Most workers of "local:N": each is a process with an interpreter, and has a machine's cores to share."""


def read_cluster(text: str) -> str:
    """Return "local:N", or the address of a Dask scheduler, as it is.

    Raises:
        WrongValueError: If it is neither.
    """
    kind, _, number = text.partition(":")
    if kind != "local":
        return read_scheduler(text, name="cluster")
    if not re.fullmatch(r"[1-9]\d{0,2}", number, re.ASCII) or int(number) > MOST_LOCAL_WORKERS:
        raise WrongValueError(
            "cluster", text, f"must be local:N with N from 1 to {MOST_LOCAL_WORKERS} on this machine"
        )
    return text


def read_scheduler(text: str, *, name: str = "scheduler") -> str:
    """Return the address of a Dask scheduler, as it is.

    Raises:
        WrongValueError: If it is none; Dask itself says so late, and not in words for users.
    """
    host = r"(?:[^\s\[\]/:@]+|\[[0-9A-Fa-f:.]+\])"
    found = re.fullmatch(rf"(?:(?:tcp|tls|ws|wss|ucx)://)?{host}:(\d{{1,5}})", text, re.ASCII)
    if found is None or not 0 < int(found[1]) < 2**16:
        raise WrongValueError(name, text, "must be a scheduler's address, such as tcp://10.0.0.5:8786")
    return text


def read_bytes(text: str) -> int:
    """Return how many bytes "8G", "500 MB" or "1.5GiB" are; a K is 1024.

    Raises:
        WrongValueError: If it cannot be read, or is less than 256 MB.
    """
    count = byte_count(text, name="memory")
    if count < LEAST_BYTES:
        raise WrongValueError("memory", text, "must be at least 256M; a picture takes about 1G")
    return count


def read_scene(text: str) -> tuple[str, str]:
    """Return the name and the template of a scene written as NAME=TEMPLATE.

    Raises:
        WrongValueError: If one of them is missing.
    """
    name, _, template = text.partition("=")
    if not name.strip() or not template.strip() or "{" in name:
        raise WrongValueError("scene", text, "must be NAME=TEMPLATE, such as 'kitchen={name} on a worktop'")
    return name.strip(), template.strip()


def check_out(out: str | Path) -> str | Path:
    """Return the folder of a run, or its URL, as it is.

    A folder that is there already may be called whatever it is.

    Raises:
        WrongValueError: If its name is one for pictures: it ends as a picture's, or has a column in braces.
    """
    text = str(out).replace("\\", "/").rstrip("/")
    scheme, parted, place = text.rpartition("://")
    parts = PurePosixPath(place).parts
    first = next((k for k, part in enumerate(parts) if "{" in part and "}" in part), len(parts) - 1)
    is_name = bool(parts) and ("{" in parts[first] or ends_as_picture(parts[first]))
    if not is_name or (not parted and Path(out).is_dir()):
        return out
    ending = PurePosixPath(parts[-1]).suffix.lower()
    name = "/".join(parts[first:]) if "{" in parts[first] else "{sku}" + ending
    if ending not in ENDINGS and ends_as_picture(name):
        name = str(PurePosixPath(name).with_suffix(ENDINGS[0]))
    folder = f"{scheme}{parted}{PurePosixPath(*parts[:first])}" if first else "pictures"
    reason = (
        f"must be a folder for the whole run, with the pictures' names apart (-o {folder} --name '{name}')"
    )
    raise WrongValueError("out", text, reason)
