"""What is known of one server: its kind, version and lists, each asked once and remembered.

Sends questions only; draws nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from prodgen.client.knowledge import lists, names
from prodgen.client.knowledge.service import ControlNet
from prodgen.client.reaching.connection import Connection
from prodgen.dialects import A1111, ReadGeneration, by_version, embedded
from prodgen.errors import AnswerError, NotAppliedError
from prodgen.schema import Capabilities, ControlNetUnit


class KnownServer:
    """What is known of the server at the other end of a connection."""

    def __init__(self, connection: Connection, dialect: A1111 | None) -> None:
        self.connection = connection
        self.controlnet = ControlNet(connection)
        self.sends_arrays = False
        """Whether it was seen to fail at sending IC-Light's results."""
        self.cuts_long_answers = False
        """Whether a proxy before it was seen to give up waiting for a drawing."""
        self.idle_upscalers: set[str] = set()
        """Upscalers that were seen to enlarge by a formula only, for lack of their weights."""
        self.known_dialect = dialect
        """The dialect, as far as it is known without asking."""
        self.version: str | None = None
        """Version of its program, known from its first answer to a drawing on; None before."""
        self._capabilities: Capabilities | None = None
        self._controlnet_names: tuple[tuple[str, ...], tuple[str, ...]] | None = None
        self._asking = threading.Lock()

    @property
    def url(self) -> str:
        """The server's address, without a password."""
        return self.connection.url

    @property
    def is_embedded(self) -> bool:
        """Whether it is prodgen's own backend, here or behind a socket."""
        if self.connection.address.is_embedded:
            return True
        return (self.capabilities.checkpoint or "").startswith(embedded.CHECKPOINT)

    @property
    def name(self) -> str:
        """The backend in words, as for a report."""
        if self.is_embedded:
            where = "" if self.connection.address.is_embedded else f" at {self.url}"
            return f"embedded backend ({embedded.CHECKPOINT}, no diffusion){where}"
        if not self.dialect.has_console:
            return f"{self.version or self.dialect.title} at {self.url}"
        version = f" {self.version}" if self.version else ""
        return f"{self.dialect.title}{version} at {self.url}"

    @property
    def capabilities(self) -> Capabilities:
        """What the server has; asked once, at first use.

        Raises:
            BackendError: If it cannot be asked.
        """
        with self._asking:
            if self._capabilities is None:
                self._capabilities, self.known_dialect = lists.ask(self.connection, self.known_dialect)
            return self._capabilities

    @property
    def dialect(self) -> A1111:
        """How this kind of server wants things spelled."""
        if self.known_dialect is None:
            _ = self.capabilities
        assert self.known_dialect is not None  # noqa: S101 - asking sets it
        return self.known_dialect

    def forget(self) -> None:
        """Forget the answers, so that the next question is asked of the server again."""
        self._capabilities = self._controlnet_names = None
        self.sends_arrays = self.cuts_long_answers = False
        self.idle_upscalers.clear()

    def check_controlnet(self, units: Iterable[ControlNetUnit]) -> None:
        """Refuse units that the extension would ignore silently.

        Raises:
            UnknownNameError: If it has no such model or preprocessor.
            BackendError: If it cannot be asked.
        """
        asked = tuple(units)
        if not asked or not self.capabilities.controlnet:
            return
        if self._controlnet_names is None:
            self._controlnet_names = (self.controlnet.models(), self.controlnet.modules())
        names.check_controlnet(asked, *self._controlnet_names)

    @contextmanager
    def in_its_words(self) -> Iterator[None]:
        """Have errors without a remedy of their own name one that fits this kind of server."""
        try:
            yield
        except (NotAppliedError, AnswerError) as error:
            if error.remedy == type(error).remedy and self.known_dialect is not None:
                lack = "something idle" if isinstance(error, NotAppliedError) else "a bad answer"
                error.remedy = self.known_dialect.remedy(lack)
            raise

    def learn_version(self, read: ReadGeneration) -> None:
        """Take the version from the first answer to a drawing; no list holds it."""
        version = read.info.get("version") or read.infotext_value("Version")
        if self.version is None and version:
            self.version = str(version)
            better = by_version(self.version)
            # The routes cannot tell reForge from A1111; the version can.
            if better is not None and type(self.known_dialect) is A1111:
                self.known_dialect = better
