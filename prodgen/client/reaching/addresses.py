"""Where a backend is: what people write, taken apart, with the password kept out of sight.

Understands URLs with sub-paths, bare `host:port`, IPv6, `unix:///path/to.sock`, and what draws in this
process: `embedded://`, `engine://` (with a folder of weights: `engine:///srv/models`), `comfy://host:8188`
and `comfys://` (a ComfyUI server by http and by https). Reaches nothing.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from prodgen.errors import SettingError

EMBEDDED = "embedded://"
"""The address of the backend inside prodgen."""

ENGINE = "engine://"
"""The address of the engine that draws with this computer's own GPU."""

PROGRAMS: Mapping[str, tuple[str, str, int | None]] = {
    "comfy": ("comfy", "http", 8188),
    "comfys": ("comfy", "https", None),
}
"""Schemes of addresses at which another program draws: the engine that has it draw, how it is reached, and
the port where none is written (None: the usual one)."""

_LIKE_THIS = "write it like http://127.0.0.1:7860, embedded://, engine:// or comfy://127.0.0.1:8188"

DEFAULT_URL = "http://127.0.0.1:7860"
"""The address that A1111 listens at unless it is started with another."""

BACKEND_VARIABLE = "PRODGEN_BACKEND"
AUTH_VARIABLE = "PRODGEN_AUTH"
CA_FILE_VARIABLE = "PRODGEN_CA_FILE"
HEADERS_VARIABLE = "PRODGEN_HEADERS"

_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A token of RFC 9110."""

_HEADER_VALUE = re.compile(r"[\t\x20-\x7e]*")
"""No control characters; ASCII alone, because servers read the rest in different ways."""

_LOCAL_NAMES = frozenset({"localhost", "localhost.localdomain", "ip6-localhost"})


@dataclass(frozen=True)
class Address:
    """One place where a backend is, without its password."""

    url: str
    """Without user, password, query and trailing slash; safe to show."""
    auth: tuple[str, str] | None = field(default=None, repr=False)
    socket: str | None = None
    """Path of a unix socket, if it is one."""
    engine: str | None = None
    """What draws in this process, by its name in `engines.ENGINES`; None where a server is spoken to."""
    models: str | None = None
    """Folder of the engine's weights, where the address names one."""
    program: str | None = None
    """URL of the program that the engine has draw, if there is one."""

    @property
    def is_embedded(self) -> bool:
        """Whether it is the backend inside prodgen, which needs no model."""
        return self.url == EMBEDDED

    @property
    def is_inside(self) -> bool:
        """Whether an engine in this process answers, and no server is spoken to by HTTP."""
        return self.engine is not None

    @property
    def is_local(self) -> bool:
        """Whether bytes to it cost next to nothing: same process, socket or loopback."""
        if self.is_inside or self.socket is not None:
            return True
        return is_this_machine(urlsplit(self.url).hostname or "")


def is_inside(url: str) -> bool:
    """Whether an address as it is shown, without a password, is that of an engine in this process."""
    return url.startswith((EMBEDDED, ENGINE)) or url.partition("://")[0] in PROGRAMS


def is_this_machine(host: str) -> bool:
    """Whether a host is the machine that names it: loopback or 0.0.0.0; `host` in lower case."""
    if host in _LOCAL_NAMES:
        return True
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified  # 0.0.0.0 is what a server calls itself


def parse(text: str) -> Address:
    """Take apart what somebody wrote as an address.

    Raises:
        SettingError: If it is no address; the message never repeats a password.
    """
    written = text.strip()
    scheme, mark, rest = written.partition("://")
    if written.rstrip("/") in ("embedded:", "embedded"):
        return Address(EMBEDDED, engine="ibl")
    if written.rstrip("/") in ("engine:", "engine"):
        return _engine("")
    if scheme.lower() == "engine" and mark:
        return _engine(rest)
    if scheme.lower() in PROGRAMS and mark:
        engine, way, port = PROGRAMS[scheme.lower()]
        there = _web(f"{way}://{rest}", text, port=port)
        url = f"{scheme.lower()}://{there.url.partition('://')[2]}"
        return Address(url, there.auth, engine=engine, program=there.url)
    if written.startswith("unix://"):
        path = written.removeprefix("unix://")
        if not path.startswith("/"):
            raise SettingError("a unix socket is written unix:///path/to.sock")
        return Address(f"unix://{path}", socket=path)
    if re.match(rf"(engine|{'|'.join(PROGRAMS)}):/", written, re.IGNORECASE):
        raise SettingError(f"two slashes are wanted in the backend's address: {_LIKE_THIS}")
    if "://" not in written and not written.startswith(("http:", "https:")):
        written = f"http://{written}"
    return _web(written, text)


def _engine(rest: str) -> Address:
    """Return the address of the GPU engine, with the folder of weights that follows its scheme."""
    if rest and not rest.startswith("/"):
        raise SettingError(
            "the GPU engine is written engine://, or with its weights engine:///path/to/models"
        )
    folder = rest.rstrip("/")
    return Address(f"{ENGINE}{folder}", engine="diffusers", models=unquote(folder) or None)


def _web(written: str, text: str, *, port: int | None = None) -> Address:
    """Return the address of a server that is reached by http or https.

    Args:
        written: The address as a URL.
        text: The address as it was given, for messages.
        port: The port where none is written; None: that of the scheme.
    """
    try:
        parts = urlsplit(written)
        host, port = parts.hostname, parts.port or port
    except ValueError as error:
        what = f"the backend's address is no URL: {_without_secret(text)!r}; {_LIKE_THIS}"
        raise SettingError(what) from error
    if parts.scheme not in ("http", "https") or not host:
        raise SettingError(
            f"the backend's address is no http(s) URL: {_without_secret(text)!r}; {_LIKE_THIS}"
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
        token = given[len("bearer ") :].strip()
        if not _HEADER_VALUE.fullmatch(token):
            raise SettingError("the bearer token has characters that no header can carry")
        return token
    user, colon, password = given.partition(":")
    if not colon:
        raise SettingError(f"{AUTH_VARIABLE} must be user:password or 'Bearer TOKEN'")
    return user, password


def parse_headers(headers: Mapping[str, str] | None) -> dict[str, str]:
    """Return the headers of an argument, with those of `PRODGEN_HEADERS` that it does not name.

    The variable holds one `Name: value` a line.

    Raises:
        SettingError: If a name or a value cannot be a header's; the message repeats no value.
    """
    given = dict(headers or {})
    for name, value in given.items():
        if not _is_header(name, value):
            raise SettingError(f"header {name!r} has characters that no header can carry")
    known = {name.lower() for name in given}
    for number, line in enumerate(os.environ.get(HEADERS_VARIABLE, "").splitlines(), 1):
        if not line.strip():
            continue
        name, colon, value = line.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or not _is_header(name, value):
            raise SettingError(f"{HEADERS_VARIABLE}: line {number} is not 'Name: value' in plain characters")
        if name.lower() not in known:
            given[name] = value
    return given


def _is_header(name: str, value: str) -> bool:
    return bool(_HEADER_NAME.fullmatch(name) and _HEADER_VALUE.fullmatch(value))


def verification(verify: str | bool) -> str | bool:
    """Return how certificates are verified: as an argument says, else with `PRODGEN_CA_FILE`."""
    return os.environ.get(CA_FILE_VARIABLE) or True if verify is True else verify
