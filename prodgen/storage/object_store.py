"""A bucket of an object store, or a part of it: Amazon S3 and its like, Google Cloud Storage, Azure.

The library obstore speaks to it (docs/decisions/015-obstore.md). Credentials come from the environment, by
the names that its maker gave them, and are in no address, message or pickle. A bucket is never created.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

from prodgen.errors import SettingError, StorageCause, StorageError
from prodgen.files import MAX_FILE_BYTES
from prodgen.storage.store import Stored, check_name

if TYPE_CHECKING:
    from obstore.store import ObjectStore as Connection

CREDENTIALS = {
    "s3": "AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_REGION and, if it is not Amazon's, AWS_ENDPOINT_URL",
    "gs": "GOOGLE_APPLICATION_CREDENTIALS",
    "az": "AZURE_STORAGE_ACCOUNT_NAME and AZURE_STORAGE_ACCOUNT_KEY",
}
"""The kinds of object store by their URL's scheme, with the environment variables that open each."""

RETRIES = 5
"""How often a request is sent again after a fault of the server or of the line."""

RETRY_S = 60.0
"""Seconds after which a request is not sent again: a place then fails and its order goes elsewhere."""

REQUEST_S = 300.0
"""Seconds that one request may take: a picture of 100 MB over a line of 3 Mbit/s."""


class ObjectStore:
    """Objects under a prefix of a bucket."""

    folder = None
    """Nothing of it is on this machine."""

    def __init__(self, scheme: str, bucket: str, prefix: str) -> None:
        self.address = f"{scheme}://{bucket}/{prefix}".rstrip("/")
        self._scheme, self._bucket = scheme, bucket
        self._prefix = f"{prefix}/" if prefix else ""

    @cached_property
    def _connection(self) -> Connection:
        """The connection, made when first used; pickled, it takes its credentials from where it is then."""
        from obstore.store import from_url

        # Only who names a server without TLS gets one.
        named = [
            os.environ.get(name, "") for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT", "AWS_ENDPOINT_URL_S3")
        ]
        options: Any = {
            "retry_config": {"max_retries": RETRIES, "retry_timeout": timedelta(seconds=RETRY_S)},
            "client_options": {
                "timeout": timedelta(seconds=REQUEST_S),
                "connect_timeout": timedelta(seconds=10),
                "allow_http": any(endpoint.startswith("http://") for endpoint in named),
            },
        }
        return from_url(f"{self._scheme}://{self._bucket}", **options)

    def get(self, name: str) -> bytes:
        """Read an object whole."""
        with self._explaining(name) as key:
            import obstore

            found = obstore.get(self._connection, key)
            if (size := found.meta["size"]) > MAX_FILE_BYTES:
                reason = f"has {size >> 20} MiB, and more than {MAX_FILE_BYTES >> 20} MiB is not read"
                raise StorageError(f"{self.address}/{name}", reason)
            return found.bytes().to_bytes()

    def put(self, name: str, data: bytes) -> None:
        """Write an object by one request, since an upload that is given up leaves parts that cost money."""
        with self._explaining(name) as key:
            import obstore

            obstore.put(self._connection, key, data, use_multipart=False)

    def put_new(self, name: str, data: bytes) -> bool:
        """Write an object on the condition that there is none (If-None-Match).

        After an answer that was lost on the way it may say no where it was itself that wrote: whoever has to
        know reads the object.
        """
        with self._explaining(name) as key:
            import obstore
            from obstore.exceptions import AlreadyExistsError

            try:
                obstore.put(self._connection, key, data, mode="create", use_multipart=False)
            except AlreadyExistsError:
                return False
            return True

    def stat(self, name: str) -> Stored | None:
        """Return size and ETag of an object."""
        with self._explaining(name) as key:
            import obstore

            try:
                found = obstore.head(self._connection, key)
            except FileNotFoundError:
                return None
            return Stored(found["size"], str(found["e_tag"] or found["last_modified"].timestamp()))

    def list(self, prefix: str = "") -> Iterator[str]:
        """Give the names under a folder."""
        with self._explaining(prefix or None) as key:
            import obstore

            for some in obstore.list(self._connection, key or None):
                yield from (found["path"].removeprefix(self._prefix) for found in some)

    def delete(self, name: str) -> None:
        """Remove an object, if it is there."""
        with self._explaining(name) as key:
            import obstore

            try:
                obstore.delete(self._connection, key)
            except FileNotFoundError:
                return

    def check(self) -> None:
        """Ask for the first names, which fails for a wrong bucket, key or server."""
        next(self.list(), None)

    @contextmanager
    def _explaining(self, name: str | None) -> Iterator[str]:
        """Give the key of a name (None: of all); each error of the library becomes a sentence."""
        try:
            from obstore import exceptions
        except ImportError as error:
            raise SettingError(
                f"{self.address!r} needs the library obstore: pip install 'prodgen[objectstore]'"
            ) from error
        where = f"{self.address}/{name}" if name else self.address
        refused = (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError)
        try:
            yield self._prefix + ("" if name is None else check_name(self.address, name))
        except FileNotFoundError as error:
            reason = f"does not exist; check the name, and that there is a bucket {self._bucket!r}"
            raise StorageError(where, reason, cause="missing") from error
        except (exceptions.BaseError, OSError, ValueError) as error:
            opened_by = CREDENTIALS[self._scheme]
            cause: StorageCause = "refused" if isinstance(error, refused) else "unreachable"
            reason = f"cannot be used: {_first_line(error)}. Check bucket {self._bucket!r}, {opened_by}"
            raise StorageError(where, reason, cause=cause) from error


def _first_line(error: BaseException) -> str:
    """Return what a server said without its XML, and without the library's dump of its own state."""
    return str(error).partition("\n")[0].partition(": <?xml")[0].partition(" <")[0].rstrip(" :.")
