"""Where a backend is: what people write, taken apart, with the password kept out of sight.

Understands URLs with sub-paths, bare `host:port`, IPv6, `unix:///path/to.sock` and `embedded://`.
Reaches nothing.
"""

from __future__ import annotations

import ipaddress
import os
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from prodgen.errors import SettingError

EMBEDDED = "embedded://"
"""The address of the backend inside prodgen."""

DEFAULT_URL = "http://127.0.0.1:7860"
"""Where A1111 is when nothing else was said."""

BACKEND_VARIABLE = "PRODGEN_BACKEND"
AUTH_VARIABLE = "PRODGEN_AUTH"

_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


@dataclass(frozen=True)
class Address:
    """One place where a backend is, without its password."""

    url: str
    """Without user, password, query and trailing slash; safe to show."""
    auth: tuple[str, str] | None = field(default=None, repr=False)
    socket: str | None = None
    """Path of a unix socket, if it is one."""

    @property
    def is_embedded(self) -> bool:
        """Whether it is the backend inside prodgen."""
        return self.url == EMBEDDED

    @property
    def is_local(self) -> bool:
        """Whether bytes to it cost next to nothing: same process, socket or loopback."""
        if self.is_embedded or self.socket is not None:
            return True
        host = urlsplit(self.url).hostname or ""
        if host in _LOCAL_NAMES:
            return True
        try:
            return ipaddress.ip_address(host).is_loopback
        except ValueError:
            return False


def parse(text: str) -> Address:
    """Take apart what somebody wrote as an address.

    Raises:
        SettingError: If it is no address; the message never repeats a password.
    """
    written = text.strip()
    if written.rstrip("/") in ("embedded:", "embedded"):
        return Address(EMBEDDED)
    if written.startswith("unix://"):
        path = written.removeprefix("unix://")
        if not path.startswith("/"):
            raise SettingError("a unix socket is written unix:///path/to.sock")
        return Address(f"unix://{path}", socket=path)
    if "://" not in written and not written.startswith(("http:", "https:")):
        written = f"http://{written}"
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise SettingError(f"the backend's address is no URL: {_without_secret(text)!r}") from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingError(
            f"the backend's address is no http(s) URL: {_without_secret(text)!r}; "
            "write it like http://127.0.0.1:7860 or embedded://"
        )
    shown_host = f"[{host}]" if ":" in host else host
    path = parts.path.rstrip("/").removesuffix("/docs").removesuffix("/sdapi/v1").rstrip("/")
    url = f"{parts.scheme}://{shown_host}{f':{port}' if port else ''}{path}"
    auth = None
    if parts.username is not None:
        auth = (unquote(parts.username), unquote(parts.password or ""))
    return Address(url, auth)


def _without_secret(text: str) -> str:
    scheme, mark, rest = text.rpartition("://")
    return f"{scheme}{mark}{rest.rpartition('@')[2]}"


def parse_auth(auth: tuple[str, str] | str | None) -> tuple[str, str] | str | None:
    """Return name and password, or a bearer token, from an argument or `PRODGEN_AUTH`.

    `user:password` is a pair, `Bearer ...` a token.

    Raises:
        SettingError: If it is neither; the message does not repeat it.
    """
    given = auth if auth is not None else os.environ.get(AUTH_VARIABLE) or None
    if given is None or isinstance(given, tuple):
        return given
    if given.lower().startswith("bearer "):
        return given[len("bearer ") :].strip()
    user, colon, password = given.partition(":")
    if not colon:
        raise SettingError(f"{AUTH_VARIABLE} must be user:password or 'Bearer TOKEN'")
    return user, password
