"""Pictures from web addresses (http, https), with limits: a sheet from elsewhere decides what is fetched.

Only public addresses are connected to: whoever writes a sheet must not be able to reach, by way of the
machine that runs it, what only that machine can reach. The address that was checked is the one that is
connected to, so that a name that means another address a moment later (DNS rebinding) gains nothing;
redirects are checked like the first address. Proxies are not used: what they reach cannot be checked here.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import time
from functools import partial
from typing import Any
from urllib.parse import SplitResult, quote, urljoin, urlsplit

from prodgen import __version__
from prodgen.errors import StorageCause, StorageError

MAX_BYTES = 256 * 1024 * 1024
"""Largest file fetched: twice a 16-bit TIFF of 24 megapixels, 138 MB."""

TOTAL_S = 120.0
"""Seconds for one file, with all tries and redirects: a photograph of 30 MB over a line of 2 Mbit/s."""

QUIET_S = 20.0
"""Seconds without a byte after which a server counts as gone."""

MOST_REDIRECTS = 5
"""Redirects followed: shops' picture servers use one or two."""

TRIES, PAUSE_S = 3, 2.0
"""How often a server that is busy, or a line that breaks, is tried, and seconds in between."""

_READ_BYTES = 256 * 1024

_NAT64 = ipaddress.ip_network("64:ff9b::/96")
"""IPv6 addresses that stand for IPv4 ones (RFC 6052)."""

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


def fetch(url: str) -> bytes:
    """Return what is at a web address, whole.

    Raises:
        StorageError: If it is not a public address, is not there, is too large or too slow. Its cause is
            "refused" for what no further try would change.
    """
    until = time.monotonic() + TOTAL_S
    for _ in range(TRIES - 1):
        try:
            return _followed(url, until)
        except StorageError as error:
            if error.cause != "unreachable" or time.monotonic() + PAUSE_S >= until:
                raise
            time.sleep(PAUSE_S)
    return _followed(url, until)


def _followed(url: str, until: float) -> bytes:
    address = url
    for _ in range(MOST_REDIRECTS + 1):
        try:
            found = _get(url, address, until)
        except (OSError, http.client.HTTPException) as error:
            reason = f"cannot be fetched: {str(error) or type(error).__name__}"
            if time.monotonic() >= until:
                reason = f"was not here within {TOTAL_S:.0f} s"
            raise StorageError(url, reason, cause="unreachable") from error
        if isinstance(found, bytes):
            return found
        address = found
    raise StorageError(url, f"leads to more than {MOST_REDIRECTS} other addresses", cause="refused")


def _get(url: str, address: str, until: float) -> bytes | str:
    """Return a file's content, or the address that a server sends us to."""
    parts = _checked(url, address)
    ip = _public_ip(url, parts)
    path = quote(parts.path or "/", safe="/%:@!$&'()*+,;=~") + (f"?{parts.query}" if parts.query else "")
    connection = _connected(parts, ip, until)
    try:
        headers = {"User-Agent": f"prodgen/{__version__}", "Accept": "image/*,*/*;q=0.5"}
        connection.request("GET", path, headers=headers)
        with connection.getresponse() as answer:
            if answer.status in (301, 302, 303, 307, 308) and (there := answer.getheader("Location")):
                return urljoin(address, there)
            if answer.status != 200:
                raise StorageError(
                    url, f"was not sent: the server answers {answer.status}", cause=_cause(answer.status)
                )
            return _content(url, answer)
    finally:
        connection.close()


def _cause(status: int) -> StorageCause:
    if status in (404, 410):
        return "missing"
    return "unreachable" if status in (408, 425, 429) or status >= 500 else "refused"


def _content(url: str, answer: http.client.HTTPResponse) -> bytes:
    content = bytearray()
    while part := answer.read1(_READ_BYTES):
        content += part
        if len(content) > MAX_BYTES:
            reason = (
                f"has more than {MAX_BYTES >> 20} MiB, and more is not fetched; save it and give its path"
            )
            raise StorageError(url, reason, cause="refused")
    if answer.length:
        raise StorageError(url, f"broke off, {answer.length} bytes too early", cause="unreachable")
    return bytes(content)


def _checked(url: str, address: str) -> SplitResult:
    try:
        parts = urlsplit(address)
        is_usable = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_usable = False
    if not is_usable:
        raise StorageError(url, "is no web address that can be fetched", cause="refused")
    if parts.username or parts.password:
        raise StorageError(f"{parts.scheme}://...", "holds a password; save the file and give its path")
    if url.startswith("https:") and parts.scheme != "https":
        raise StorageError(url, "leads to an address without TLS", cause="refused")
    return parts


def _public_ip(url: str, parts: SplitResult) -> str:
    """Return the IP address of a host, all of whose addresses are public."""
    host = parts.hostname or ""
    found = socket.getaddrinfo(host, parts.port or parts.scheme, type=socket.SOCK_STREAM)
    addresses = [ipaddress.ip_address(str(one[4][0]).partition("%")[0]) for one in found]
    private = [ip for ip in addresses if not is_public(ip)]
    if private or not addresses:
        reason = f"lies in a private network ({host} is {private[0] if private else 'nowhere'}); give a path"
        raise StorageError(url, reason, cause="refused")
    return str(addresses[0])


def is_public(ip: IpAddress) -> bool:
    """Say whether an address is one of the public Internet, also if it only wraps one of IPv4."""
    if isinstance(ip, ipaddress.IPv6Address):
        inner = ip.ipv4_mapped or ip.sixtofour or (ip.teredo and ip.teredo[1])
        if ip in _NAT64:
            inner = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if inner:
            return is_public(inner)
    return ip.is_global and not ip.is_multicast


def _connected(parts: SplitResult, ip: str, until: float) -> http.client.HTTPConnection:
    """Return a connection to that very address, which knows the host by its name and ends at a time."""
    is_secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if is_secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port)
    connection.response_class = partial(_TimedAnswer, until=until)  # type: ignore[assignment]
    connection.sock = socket.create_connection((ip, connection.port), _left(until))
    try:
        if is_secure:
            connection.sock.settimeout(_left(until))  # for the whole handshake
            connection.sock = ssl.create_default_context().wrap_socket(
                connection.sock, server_hostname=parts.hostname
            )
    except BaseException:
        connection.close()
        raise
    return connection


def _left(until: float) -> float:
    """Return the seconds for which a server may be silent now.

    Raises:
        TimeoutError: If the time is over.
    """
    left = min(QUIET_S, until - time.monotonic())
    if left <= 0:
        raise TimeoutError
    return left


class _TimedAnswer(http.client.HTTPResponse):
    """An answer that is waited for until a time, however slowly its headers and its content drip."""

    def __init__(self, sock: socket.socket, *arguments: Any, until: float, **named: Any) -> None:
        super().__init__(sock, *arguments, **named)
        self.fp: io.BufferedReader = io.BufferedReader(_TimedReader(sock, self.fp.detach(), until))


class _TimedReader(io.RawIOBase):
    """The bytes of a socket; each time that it is asked, it waits no longer than there is time left."""

    def __init__(self, sock: socket.socket, raw: io.RawIOBase, until: float) -> None:
        self._sock, self._raw, self._until = sock, raw, until

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        self._sock.settimeout(_left(self._until))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
