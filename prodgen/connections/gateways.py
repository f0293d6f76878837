"""Gateways, which are proxies before a server: what their own answers mean, and how their time-out is raised.

A gateway answers in the server's place with a status of its own: it reached nothing, it got no good answer,
or it did not wait any longer. The settings that are named here are those of each product's documentation.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from prodgen.errors import BackendError, BackendGatewayError, BackendUnreachableError

NOT_REACHED = frozenset({521, 523, 525, 526, 530})
"""Statuses of Cloudflare's that say that the request never reached the server: refused, no route to it, no
TLS with it, its certificate not trusted, its name or tunnel unknown."""

GAVE_UP = frozenset({408, 504, 522, 524})
"""Statuses that say that a gateway did not wait any longer; what became of the work is not known."""

NO_GOOD_ANSWER = frozenset({502, 520, 527})
"""Statuses that say that a gateway got no answer, or a broken one; what became of the work is not known."""

_NOTHING = "(?!)"
"""A regular expression that fits nothing."""

_USUAL_SETTING = "Raise the time-out of that proxy (in nginx: proxy_read_timeout)"
_ROUND_IT = "or give an address that goes round it (a port of its own, a tunnel of ssh)"


@dataclass(frozen=True)
class _Product:
    """A kind of gateway, and how it shows."""

    name: str
    remedy: str
    """How its time-out is raised."""
    header: str = _NOTHING
    """Regular expression that fits the beginning of a line "name: value" of its answers' headers."""
    text: str = _NOTHING
    """Regular expression that fits the body of its own answers."""
    host: str = _NOTHING
    """Regular expression that fits the end of the hosts that it answers for."""


_PRODUCTS = (
    _Product(
        "RunPod's proxy",
        "It ends every request after 100 s: expose the pod's port as TCP and give that address",
        host=r"\.proxy\.runpod\.net",
    ),
    _Product(
        "AWS CloudFront",
        "Raise the response timeout of its origin",
        header=r"server: cloudfront|x-amz-cf-id:",
    ),
    _Product(
        "Cloudflare",
        "It ends requests after its Proxy Read Timeout, which only some plans can raise: do so",
        header=r"cf-ray:|server: cloudflare",
        text=r"\bcloudflare\b|\berror code: (1\d\d\d|52\d)\b",
    ),
    _Product(
        "AWS load balancer",
        "Raise the load balancer's idle_timeout.timeout_seconds",
        header="server: awselb",
        host=r"\.elb\.amazonaws\.com",
    ),
    _Product(
        "nginx",
        "Raise proxy_read_timeout in its configuration",
        header="server: (nginx|openresty)",
        text=r"<center>(nginx|openresty)\b",
    ),
    _Product(
        "Google's load balancer",
        "Raise the timeout of its backend service",
        header=r"via: 1\.1 google|server: google frontend",
    ),
    _Product(
        "Envoy",
        "Raise the timeout of its route",
        header="server: (istio-)?envoy",
        text=r"\bupstream (connect error|request timeout)|\bno healthy upstream",
    ),
    _Product("Caddy", "Raise the timeouts of its reverse_proxy", header="server: caddy"),
    _Product(
        "Apache", "Raise ProxyTimeout in its configuration", header="server: apache", text=r"\bProxy Error\b"
    ),
    _Product(
        "HAProxy",
        "Raise timeout server in its configuration",
        text=r"<h1>5\d\d [^<]*</h1>\s+(The server didn't respond in time|No server is available)",
    ),
    _Product(
        "Traefik",
        "Raise responseHeaderTimeout of its serversTransport and respondingTimeouts of its entry point",
        # It names itself in no header, and answers in plain words.
        text=r"\A(no available server|Bad Gateway|Gateway Timeout|404 page not found)\s*\Z",
    ),
)
"""The first that shows is taken: a product that stands on another one is above it."""


def product_of(url: str, headers: Mapping[str, str], body: bytes) -> tuple[str, str]:
    """Return what kind of gateway answered, and how its time-out is raised; empty if it does not show."""
    lines = "\n".join(f"{name}: {value}" for name, value in headers.items())
    text = body[:20_000].decode("utf-8", "replace")
    host = url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
    for product in _PRODUCTS:
        if (
            re.search(f"(?im)^({product.header})", lines)
            or re.search(product.text, text, re.IGNORECASE)
            or re.search(f"(?i)({product.host})$", host)
        ):
            return product.name, product.remedy
    return "", ""


def error_of(
    url: str, status: int, headers: Mapping[str, str], body: bytes, *, said: str, elapsed_s: float
) -> BackendError:
    """Return what a gateway's own status means.

    Args:
        url: Address of the server.
        status: One of the statuses above.
        headers: Its headers, names in lower case.
        body: Its body.
        said: The readable part of it, in one line.
        elapsed_s: Seconds from the request to this answer.
    """
    name, setting = product_of(url, headers, body)
    if 520 <= status <= 530 and name != _PRODUCTS[0].name:  # nobody else answers with these
        name, setting = next((x.name, x.remedy) for x in _PRODUCTS if x.name == "Cloudflare")
    who = f"a proxy before it ({name})" if name else "a proxy before it"
    words = f": {said}" if said else ""
    if status in NOT_REACHED:
        return BackendUnreachableError(url, f"{who} cannot reach it ({status}{words})", cause="gateway")
    gave_up = status in GAVE_UP
    if gave_up:
        what = f"gave up waiting for it after {elapsed_s:.0f} s"
        remedy = f"{setting or _USUAL_SETTING}, {_ROUND_IT}."
    else:
        what, remedy = "got no answer from it", None
    return BackendGatewayError(
        url,
        f"{who} {what} ({status}{words})",
        remedy=remedy,
        server_text=said,
        status=status,
        proxy=name,
        gave_up=gave_up,
    )
