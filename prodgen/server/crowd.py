"""Who is connected, what is held for them, and who has to go when there are too many.

Everything here runs in the one thread that owns the connections, so nothing is locked.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Literal, Protocol

MAX_CONNECTIONS = 256
"""Connections at once. When more come, the one that has kept us waiting longest is closed: one that has asked
nothing yet before one that sends a body. Guard: six times the threads of A1111."""

SPARE_FILES = 64
"""Files that are left for all else that this program opens, where the system lets it open few: macOS gives a
program 256, and each connection is one. Guard: a server that draws has a dozen open."""

MAX_DRAWINGS = 100
"""Requests that wait for the lock or have it, each in a thread; what comes beyond them is answered 503.
Guard: A1111 starts no more than 40, and lets its callers wait without a word."""

MAX_HELD_BYTES = 512 * 1024 * 1024
"""Bytes of bodies that are being received or worked on, together: two of the largest."""

MAX_UNREAD_BYTES = 512 * 1024 * 1024
"""Bytes of answers that clients have not taken yet, together; beyond them the oldest of these is given up.
Guard: a hundred times the answer with a picture of 1024 x 1024 in noise."""

Phase = Literal["silent", "sending", "working", "reading"]
"""What a connection does: it has asked nothing yet, sends a body, is worked for, or reads an answer."""


class Visitor(Protocol):
    """What the crowd asks of a connection."""

    def close(self) -> None:
        """Close it; what waits for it ends."""
        ...

    def reset(self) -> None:
        """Close it at once, with what has not been sent yet."""
        ...


def most_connections() -> int:
    """Return how many connections there may be: fewer where the system lets few files be open."""
    try:
        import resource
    except ImportError:  # Windows, whose sockets are no files
        return MAX_CONNECTIONS
    files, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return MAX_CONNECTIONS
    return max(1, min(MAX_CONNECTIONS, files - SPARE_FILES))


class FullError(Exception):
    """There is no room for this request now; it may come again."""


class Crowd:
    """All connections of one server."""

    def __init__(self) -> None:
        self._in: dict[Phase, OrderedDict[Visitor, None]] = {
            "silent": OrderedDict(),
            "sending": OrderedDict(),
            "working": OrderedDict(),
            "reading": OrderedDict(),
        }
        self._held: dict[Visitor, int] = {}
        self._unread: OrderedDict[Visitor, int] = OrderedDict()
        self._drawings = 0

    def connections(self) -> list[Visitor]:
        """Return all of them."""
        return [visitor for phase in self._in.values() for visitor in phase]

    def enter(self, visitor: Visitor) -> None:
        """Take in a connection, and close another one if it is one too many.

        Raises:
            FullError: If nobody can be sent away: all others are worked for, or read their answers.
        """
        if len(self.connections()) >= most_connections():
            waited_for = self._in["silent"] or self._in["sending"]
            if not waited_for:
                raise FullError
            oldest = next(iter(waited_for))
            del waited_for[oldest]
            oldest.close()
        self._in["silent"][visitor] = None

    def move(self, visitor: Visitor, phase: Phase) -> None:
        """Note what a connection does from now on; one that was sent away stays away."""
        for others in self._in.values():
            if visitor in others:
                del others[visitor]
                self._in[phase][visitor] = None
                return

    def leave(self, visitor: Visitor) -> None:
        """Forget a connection that has ended."""
        for others in self._in.values():
            others.pop(visitor, None)
        self.drop_body(visitor)
        self._unread.pop(visitor, None)

    def hold(self, visitor: Visitor, size: int) -> None:
        """Count bytes of a body that have come.

        Raises:
            FullError: If they are too many, with those of all others.
        """
        if sum(self._held.values()) + size > MAX_HELD_BYTES:
            raise FullError
        self._held[visitor] = self._held.get(visitor, 0) + size

    def drop_body(self, visitor: Visitor) -> None:
        """Note that a connection's body is needed no more."""
        self._held.pop(visitor, None)

    def owe(self, visitor: Visitor, size: int) -> None:
        """Count an answer that is being sent, and give up older ones where there are too many bytes."""
        self._unread[visitor] = size
        while sum(self._unread.values()) > MAX_UNREAD_BYTES and len(self._unread) > 1:
            oldest, _ = self._unread.popitem(last=False)
            oldest.reset()

    def settle(self, visitor: Visitor) -> None:
        """Note that an answer was sent."""
        self._unread.pop(visitor, None)

    @property
    def is_full(self) -> bool:
        """Whether no further drawing is taken."""
        return self._drawings >= MAX_DRAWINGS

    def begin_drawing(self) -> None:
        """Count a request that waits for the lock.

        Raises:
            FullError: If there are too many.
        """
        if self.is_full:
            raise FullError
        self._drawings += 1

    def end_drawing(self) -> None:
        """Note that such a request was answered."""
        self._drawings -= 1
