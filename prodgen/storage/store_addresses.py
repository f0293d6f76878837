"""Which store a path or URL stands for."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from urllib.parse import unquote, urlsplit

from prodgen.errors import StorageError
from prodgen.storage.folder_store import FolderStore
from prodgen.storage.object_store import CREDENTIALS, ObjectStore
from prodgen.storage.store import Store

_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://")


def is_url(address: str) -> bool:
    """Say whether it is written as a URL, such as "s3://bucket/mug.jpg"; anything else is a path."""
    return _URL.match(address) is not None


def open_store(address: str | Path) -> Store:
    """Return the store at a path, or at a file://, s3://, gs:// or az:// URL; nothing is asked or made yet.

    In a URL %20 is a space, and %25 a per cent sign.

    Raises:
        StorageError: If it is a URL of another kind, lacks its bucket, or holds credentials.
    """
    url = _URL.match(str(address))
    if url is None:
        return FolderStore(Path(address))
    scheme, text = url[1].lower(), str(address)
    if scheme == "file":
        return FolderStore(file_path(text))
    _check_scheme(scheme, text)
    bucket, _, prefix = text[url.end() :].partition("/")
    if "@" in bucket or ":" in bucket:
        raise StorageError(
            f"{scheme}://...", f"holds more than a bucket; credentials belong into {CREDENTIALS[scheme]}"
        )
    if not bucket:
        raise StorageError(text, f"names no bucket; write it as {scheme}://BUCKET/FOLDER")
    prefix = unquote(prefix.strip("/"))
    if any(part in ("", ".", "..") for part in prefix.split("/")) and prefix:
        raise StorageError(text, "is no place in a bucket: leave out '..' and double slashes")
    return ObjectStore(scheme, bucket, prefix)


def split_object(address: str) -> tuple[str, str]:
    """Return the address of the store and the name in it of the one object that a URL stands for.

    Raises:
        StorageError: If it is no URL of an object.
    """
    if address.lower().startswith("file:"):
        path = file_path(address)
        return str(path.parent), path.name
    scheme, _, rest = address.partition("://")
    bucket, _, name = rest.partition("/")
    if not name or name.endswith("/"):
        raise StorageError(address, "names no object; write it as s3://BUCKET/FOLDER/NAME")
    return f"{scheme}://{bucket}", unquote(name)


def state_folder(address: str) -> Path:
    """Return the folder on this machine where a run keeps its ledger if its OUT cannot hold one.

    It is the same for each run with that OUT: under XDG_STATE_HOME, or ~/.local/state.
    """
    home = os.environ.get("XDG_STATE_HOME") or Path("~/.local/state").expanduser()
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", address).strip("-")[-40:]
    return Path(home) / "prodgen" / f"{name}-{hashlib.sha256(address.encode()).hexdigest()[:12]}"


def file_path(url: str) -> Path:
    """Return the path that a file:// URL stands for, its %2E and the like read.

    Raises:
        StorageError: If it names another machine.
    """
    parts = urlsplit(url)
    if parts.netloc not in ("", "localhost") or not parts.path:
        raise StorageError(url, "is no file of this machine; write it as file:///FOLDER")
    return Path(unquote(parts.path))


def _check_scheme(scheme: str, text: str) -> None:
    if scheme not in CREDENTIALS:
        known = ", ".join(f"{name}://" for name in ("file", *CREDENTIALS))
        raise StorageError(text, f"is of a kind that cannot be read or written; there are: {known}")
