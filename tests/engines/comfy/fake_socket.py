"""The server's half of a websocket (RFC 6455), as small as tests need: handshake, text and binary frames."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import socket
import struct
import threading

GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class FakeSocket:
    """One client's websocket."""

    def __init__(self, line: socket.socket) -> None:
        self.line = line
        self.heard: list[str] = []
        """What the client said, in text."""
        self.knows_metadata = False
        """Whether its first message asked for previews with metadata."""
        self._lock = threading.Lock()

    @staticmethod
    def accept_key(key: str) -> str:
        return base64.b64encode(hashlib.sha1((key + GUID).encode()).digest()).decode()

    def say(self, kind: str, told: dict) -> None:
        self.send(1, json.dumps({"type": kind, "data": told}).encode())

    def send(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        head = bytes([0x80 | opcode])
        if size < 126:
            head += bytes([size])
        elif size < 1 << 16:
            head += bytes([126]) + struct.pack(">H", size)
        else:
            head += bytes([127]) + struct.pack(">Q", size)
        with self._lock, contextlib.suppress(OSError):
            self.line.sendall(head + payload)

    def listen(self) -> None:
        """Read until the client is gone."""
        with contextlib.suppress(OSError, struct.error):
            while True:
                first, second = self._exactly(2)
                size = second & 0x7F
                if size == 126:
                    (size,) = struct.unpack(">H", self._exactly(2))
                elif size == 127:
                    (size,) = struct.unpack(">Q", self._exactly(8))
                mask = self._exactly(4) if second & 0x80 else b"\0" * 4
                payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._exactly(size)))
                if first & 0x0F == 8:
                    self.send(8, payload)
                    return
                if first & 0x0F == 9:
                    self.send(10, payload)
                if first & 0x0F == 1:
                    self.heard.append(payload.decode())
                    if len(self.heard) == 1:
                        told = json.loads(payload)
                        flags = told.get("data", {}) if told.get("type") == "feature_flags" else {}
                        self.knows_metadata = bool(flags.get("supports_preview_metadata"))
                        self.say("feature_flags", {"supports_preview_metadata": True})

    def cut(self) -> None:
        """Break the connection without a close frame, as a process that ends does."""
        with contextlib.suppress(OSError):
            self.line.shutdown(socket.SHUT_RDWR)

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self.line.recv(count - len(found))
            if not piece:
                raise OSError("gone")
            found += piece
        return found
