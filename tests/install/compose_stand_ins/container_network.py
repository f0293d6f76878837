"""The network of a compose project, for one process: containers' names, addresses and ports on loopback.

Put on a process's path as `sitecustomize`, so it is there before anything else. Every container has a
file that says its names, its address and the ports that it listens on. A name is one of a container that
runs, or unknown. A port that a container listens on at loopback is for itself alone; 127.0.0.1 is the
container, never the machine.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

OWN = Path(os.environ["STAND_IN_CONTAINER"])
REFUSED = ("127.0.0.1", 1)
LOOPBACK = ("127.0.0.1", "localhost")
FIRST_EPHEMERAL_PORT = 32768

real_bind, real_connect, real_connect_ex = socket.socket.bind, socket.socket.connect, socket.socket.connect_ex
real_getaddrinfo = socket.getaddrinfo


def containers() -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted(OWN.parent.glob("*.json"))]


def bind(self: socket.socket, address: Any) -> None:
    if self.family != socket.AF_INET or not address[1]:
        real_bind(self, address)
        return
    real_bind(self, ("127.0.0.1", 0))
    own = json.loads(OWN.read_text())
    own["ports"][str(address[1])] = [address[0], self.getsockname()[1]]
    partial = OWN.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(own))
    partial.replace(OWN)


def on_loopback(address: Any) -> Any:
    host, port = address[:2]
    own = json.loads(OWN.read_text())
    if host in (*LOOPBACK, own["ip"]):
        if str(port) in own["ports"]:
            return ("127.0.0.1", own["ports"][str(port)][1])
        return address if port >= FIRST_EPHEMERAL_PORT else REFUSED
    for other in containers():
        if other["ip"] == host:
            bound_to, real = other["ports"].get(str(port), ("127.0.0.1", 1))
            return REFUSED if bound_to in LOOPBACK else ("127.0.0.1", real)
    return address


def connect(self: socket.socket, address: Any) -> None:
    real_connect(self, on_loopback(address) if self.family == socket.AF_INET else address)


def connect_ex(self: socket.socket, address: Any) -> int:
    return real_connect_ex(self, on_loopback(address) if self.family == socket.AF_INET else address)


def getaddrinfo(host: Any, port: Any, *arguments: Any, **options: Any) -> Any:
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in ("", "localhost", socket.gethostname()) or name[-1:].isdigit() or ":" in name:
        return real_getaddrinfo(host, port, *arguments, **options)
    for one in containers():
        if name in one["names"]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (one["ip"], int(port or 0)))]
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


socket.socket.bind = bind  # type: ignore[method-assign]
socket.socket.connect = connect  # type: ignore[method-assign]
socket.socket.connect_ex = connect_ex  # type: ignore[method-assign]
socket.getaddrinfo = getaddrinfo
