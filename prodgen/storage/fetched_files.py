"""Pictures by URL as files: fetched whole, once, into a bounded cache."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
import threading
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from prodgen import files
from prodgen.errors import ImageError, StorageError
from prodgen.storage.store import Store
from prodgen.storage.store_addresses import is_url, open_store, split_object

CACHE_BYTES = 2 << 30
"""Bytes kept by default: about 1,000 photographs of 2 MB, so that all orders of a product share a fetch."""


@dataclass(eq=False)
class _Fetched:
    """One address: its file once it is here, and how many hold it."""

    lock: threading.Lock = field(default_factory=threading.Lock)
    holders: int = 0
    path: Path | None = None
    size: int = 0


class FetchedFiles:
    """The files that addresses stand for; a path stands for itself. Any thread may call it.

    What is held stays; of the rest the longest unused goes when there is more than `max_bytes`. A pickled one
    is empty and fetches for itself. Each address is fetched once: an object that changes during a run counts
    as it was.
    """

    def __init__(self, scratch: Path, *, base: Path = Path(), max_bytes: int = CACHE_BYTES) -> None:
        self.scratch = scratch
        self.base = base
        """The folder that relative paths start from."""
        self.max_bytes = max_bytes
        self._start()

    def _start(self) -> None:
        self._lock = threading.Lock()
        self._known: dict[str, _Fetched] = {}
        self._stores: dict[str, Store] = {}
        self._folder: str | None = None

    def __getstate__(self) -> tuple[Path, Path, int]:
        return self.scratch, self.base, self.max_bytes

    def __setstate__(self, state: tuple[Path, Path, int]) -> None:
        self.scratch, self.base, self.max_bytes = state
        self._start()

    @contextmanager
    def held(self, addresses: Iterable[str]) -> Iterator[Mapping[str, Path]]:
        """Give the file of each address; they stay until the block is left.

        Raises:
            ImageError: If one cannot be fetched for a reason of its own. A path is not looked at.
            StorageError: If a whole store cannot be reached.
        """
        with ExitStack() as stack:
            yield {address: stack.enter_context(self._held(address)) for address in addresses}

    def close(self) -> None:
        """Remove what was fetched."""
        with self._lock:
            self._known.clear()
            if self._folder is not None:
                shutil.rmtree(self._folder, ignore_errors=True)
                self._folder = None

    @contextmanager
    def _held(self, address: str) -> Iterator[Path]:
        if not is_url(address):
            yield self.base / address
            return
        with self._lock:
            # Put in again, it comes last: the first ones are the longest unused.
            entry = self._known[address] = self._known.pop(address, _Fetched())
            entry.holders += 1
        try:
            with entry.lock:
                path = entry.path or self._fetch(address, entry)
            yield path
        finally:
            with self._lock:
                entry.holders -= 1
                self._make_room()

    def _fetch(self, address: str, entry: _Fetched) -> Path:
        try:
            data, name = self._read(address)
        except StorageError as error:
            if error.cause == "unreachable" and not _is_web(address):
                raise
            raise ImageError(str(error)) from error
        with self._lock:
            if self._folder is None:
                self.scratch.mkdir(parents=True, exist_ok=True)
                self._folder = tempfile.mkdtemp(prefix="fetched-", dir=self.scratch)
                weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
            digest = hashlib.sha256(address.encode()).hexdigest()[:24]
            # The photograph's own name comes last: stories and sidecars tell it.
            path = Path(self._folder, digest, PurePosixPath(name).name[-100:] or "picture")
        files.write_bytes(path, data)
        entry.path, entry.size = path, len(data)
        return path

    def _read(self, address: str) -> tuple[bytes, str]:
        """Return an address's content, and its name there."""
        if _is_web(address):
            from prodgen.storage import web_files

            return web_files.fetch(address), unquote(urlsplit(address).path)
        store_address, name = split_object(address)
        with self._lock:
            store = self._stores.get(store_address)
            if store is None:
                store = self._stores[store_address] = open_store(store_address)
        return store.get(name), name

    def _make_room(self) -> None:
        too_much = sum(entry.size for entry in self._known.values()) - self.max_bytes
        for address, entry in list(self._known.items()):
            if entry.holders or not (entry.path is None or too_much > 0):
                continue
            del self._known[address]
            too_much -= entry.size
            if entry.path is not None:
                entry.path.unlink(missing_ok=True)


def _is_web(address: str) -> bool:
    return address.partition(":")[0].lower() in ("http", "https")
