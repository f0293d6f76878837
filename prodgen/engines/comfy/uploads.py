"""Pictures on their way to a ComfyUI server: named by their content, sent once, sent again if they are gone.

A name that is made of the content can meet no other picture of that name, and a picture that is already there
is not stored twice. Nothing that was sent can be deleted again: the server has no route for it.
"""

from __future__ import annotations

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import NDArray

from prodgen import codecs
from prodgen.connections.bodies import Body
from prodgen.engines.comfy.comfy_connection import FILE_S, ComfyConnection
from prodgen.errors import AnswerError

FOLDER = "prodgen"
"""Folder below the server's input folder."""

KEPT_BYTES = 64 << 20
"""Bytes of the last sent pictures that are kept, in case the server loses its input folder, as a container
does that is made anew. Guard: twenty photographs of 1300 x 2000 pixels."""

_BOUNDARY = "prodgen-7MA4YWxkTrZu0gW"


class Uploads:
    """What was sent to one server."""

    def __init__(self, connection: ComfyConnection) -> None:
        self._connection = connection
        self._names: dict[str, str] = {}
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def name_of(self, pixels: NDArray[np.uint8]) -> str:
        """Return the name by which a graph's LoadImage finds a picture, which is sent if it must be.

        Args:
            pixels: (H, W) grey, (H, W, 3) or (H, W, 4), sRGB.

        Raises:
            BackendError: If it cannot be sent.
        """
        data = codecs.encode_pixels("PNG", np.ascontiguousarray(pixels))
        digest = hashlib.sha256(data).hexdigest()
        with self._lock:
            known = self._names.get(digest)
        if known is not None:
            return known
        name = self._send(f"{digest[:32]}.png", data)
        with self._lock:
            self._names[digest] = name
            self._kept[name] = data
            while sum(map(len, self._kept.values())) > KEPT_BYTES and len(self._kept) > 1:
                self._kept.popitem(last=False)
        return name

    def send_again(self, names: Collection[str]) -> bool:
        """Send those pictures once more that the server has lost; return whether all could be.

        Raises:
            BackendError: If one cannot be sent.
        """
        with self._lock:
            found = {name: self._kept[name] for name in names if name in self._kept}
            # The next graph with a picture that is not kept sends it anew.
            self._names = {
                key: name for key, name in self._names.items() if name not in names or name in found
            }
        for name, data in found.items():
            self._send(name.rpartition("/")[2], data)
        return bool(names) and len(found) == len(set(names))

    def _send(self, name: str, data: bytes) -> str:
        answer = self._connection.send("/upload/image", _form(name, data), within_s=FILE_S)
        if answer.status != 200:
            raise self._connection.error_of(answer)
        stored: Any = self._connection.parsed(answer)
        if not isinstance(stored, dict) or not isinstance(stored.get("name"), str):
            raise AnswerError(self._connection.url, "/upload/image did not say where the picture is")
        # The answered name counts: another picture of the wanted one would have made the server change it.
        folder = stored.get("subfolder") or ""
        return f"{folder}/{stored['name']}" if folder else stored["name"]


def _form(name: str, data: bytes) -> Body:
    """Return a multipart form with one picture, as RFC 7578 has it."""
    head = f'--{_BOUNDARY}\r\nContent-Disposition: form-data; name="'
    fields = "".join(
        f'{head}{key}"\r\n\r\n{value}\r\n' for key, value in (("type", "input"), ("subfolder", FOLDER))
    )
    file = f'{head}image"; filename="{name}"\r\nContent-Type: image/png\r\n\r\n'
    parts = (f"{fields}{file}".encode(), data, f"\r\n--{_BOUNDARY}--\r\n".encode())
    return Body(parts, f"multipart/form-data; boundary={_BOUNDARY}")
