"""The websocket of a ComfyUI server, for steps and previews; pictures and failures never depend on it.

An extra (`prodgen[comfy]`): without it, or where a proxy lets no websocket pass, the server is asked again
and again instead. One socket for each prompt, under a client_id that nobody else has.
"""

from __future__ import annotations

import base64
import contextlib
import json
import logging
import threading
from types import TracebackType
from typing import TYPE_CHECKING, Self

from prodgen.connections.lines import certificates_for
from prodgen.engines.comfy.comfy_connection import ComfyConnection
from prodgen.engines.comfy.socket_news import News

if TYPE_CHECKING:
    from websockets.sync.client import ClientConnection

log = logging.getLogger(__name__)

_quiet = log.getChild("handshake")
_quiet.setLevel(logging.INFO)  # websockets writes all headers to its log at DEBUG, the password's among them

OPEN_S = 5.0
"""Seconds for the handshake; a picture is not kept waiting longer for its preview."""

CLOSE_S = 0.5
"""Seconds for the other side to take leave."""

MAX_MESSAGE_BYTES = 16 << 20
"""Largest message; a preview of 512 pixels as JPEG has 0.1 MB, a whole picture as PNG some."""

FLAGS = json.dumps({"type": "feature_flags", "data": {"supports_preview_metadata": True}})
"""Said first: previews shall name the prompt that they belong to. Servers that do not know it ignore it."""


class ComfySocket:
    """Listens for one prompt while the `with` block runs."""

    def __init__(
        self, connection: ComfyConnection, client_id: str, news: News, *, is_wanted: bool = True
    ) -> None:
        self.news = news
        self._connection = connection
        self._client_id = client_id
        self._is_wanted = is_wanted
        self._socket: ClientConnection | None = None
        self._opened = contextlib.ExitStack()

    @property
    def is_open(self) -> bool:
        """Whether it listens."""
        return self._socket is not None

    def __enter__(self) -> Self:
        """Open it and begin to listen, if there is a way."""
        if not self._is_wanted:
            return self
        try:
            from websockets.exceptions import WebSocketException
        except ImportError:
            log.debug("websockets is not installed: no steps, no previews (pip install 'prodgen[comfy]')")
            return self
        try:
            self._socket = self._open()
        except (
            OSError,
            ValueError,
            ImportError,
            WebSocketException,
        ) as error:  # a SOCKS proxy needs a package
            log.debug(
                "%s: no websocket, so it is asked again and again instead: %s", self._connection.url, error
            )
            return self
        threading.Thread(target=self._listen, args=(self._socket,), daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close it."""
        self._socket = None
        with contextlib.suppress(OSError):
            self._opened.close()

    def _open(self) -> ClientConnection:
        from websockets.sync.client import connect

        connection = self._connection
        headers = dict(connection.headers)
        agent = headers.pop("User-Agent", "prodgen")
        if connection.auth is not None:  # as on HTTP: a proxy asks for its password at the handshake too
            secret = base64.b64encode(":".join(connection.auth).encode()).decode()
            headers["Authorization"] = f"Basic {secret}"
        is_tls = connection.base_url.startswith("https:")
        way = connect(
            f"ws{connection.base_url.removeprefix('http')}/ws?clientId={self._client_id}",
            ssl=certificates_for(connection.base_url, connection.verify, is_local=connection.is_local)
            if is_tls
            else None,
            additional_headers=headers,
            user_agent_header=agent,
            proxy=None if connection.is_local else True,
            logger=_quiet,
            open_timeout=OPEN_S,
            close_timeout=CLOSE_S,
            # A server whose node holds Python's lock answers no ping for a while, and is well all the same.
            ping_timeout=None,
            max_size=MAX_MESSAGE_BYTES,
        )
        opened = self._opened.enter_context(way)
        opened.send(FLAGS)
        return opened

    def _listen(self, opened: ClientConnection) -> None:
        from websockets.exceptions import WebSocketException

        try:
            for message in opened:
                self.news.hear(message)
        except (OSError, WebSocketException) as error:
            log.debug("%s: the websocket broke: %s", self._connection.url, error)
        finally:
            self._socket = None
            self.news.changed.set()
