"""A server behind a socket: for other programs, other processes and load tests.

One thread owns all connections (asyncio): it reads requests and writes answers, so that a client that is
slow at either costs some memory and no thread. A request that has come whole is answered in a thread of its
own: drawing ones up to `crowd.MAX_DRAWINGS`, all others up to `QUICK_THREADS`. It listens on this computer
only, unless names and passwords are given. Who may speak to it is `admission`'s business and is asked before
a body is read; how long a client may take is `patient_reading`'s; who has to go is `crowd`'s.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prodgen import stopping
from prodgen.errors import SettingError
from prodgen.server.admission import is_loopback
from prodgen.server.app import ApiServer, HttpRequest
from prodgen.server.crowd import Crowd, FullError
from prodgen.server.patient_reading import CutOffError
from prodgen.server.speaking import Incoming, Speaker, zipped
from prodgen.server.wire import HttpAnswer, crash_answer

PORT = 7860
"""A1111's own, where clients look by themselves."""

BACKLOG = 128
"""Connections that the system keeps until they are accepted."""

QUICK_THREADS = 16
"""Requests answered at once that do not wait for drawing: lists, progress, interrupts; others wait for
these. Guard: each takes milliseconds."""


class _Front:
    """All connections of one server, in a thread of their own."""

    def __init__(self, api: ApiServer) -> None:
        self.api = api
        self.crowd = Crowd()
        self._is_ready = threading.Event()

    def run(self, listener: socket.socket) -> None:
        """Serve until `end` is called."""
        try:
            asyncio.run(self._serve(listener))
        finally:
            self._is_ready.set()  # who waits to end it must not wait for ever

    def end(self) -> None:
        """Close all connections; called from another thread."""
        self._is_ready.wait()
        with contextlib.suppress(RuntimeError):  # it has ended already
            self._loop.call_soon_threadsafe(self._ended.set)

    async def answer(self, request: HttpRequest, draws: bool) -> HttpAnswer:
        """Have a request answered in a thread.

        Raises:
            FullError: If there is no thread for it now.
        """
        if not draws:
            async with self._quick:
                return await self._in_a_thread(request)
        self.crowd.begin_drawing()
        try:
            return await self._in_a_thread(request)
        finally:
            self.crowd.end_drawing()

    async def _in_a_thread(self, request: HttpRequest) -> HttpAnswer:
        done: asyncio.Future[HttpAnswer] = self._loop.create_future()

        def settle(result: HttpAnswer) -> None:
            if not done.cancelled():
                done.set_result(result)

        def work() -> None:
            try:
                result = zipped(self.api.answer(request), request.headers.get("accept-encoding", ""))
            except Exception as error:  # noqa: BLE001 - no memory to compress; whoever waits is told
                result = crash_answer(error)
            with contextlib.suppress(RuntimeError):  # the loop has ended meanwhile
                self._loop.call_soon_threadsafe(settle, result)

        try:
            threading.Thread(target=work, name="prodgen-answer", daemon=True).start()
        except RuntimeError:  # the system has no thread to spare
            raise FullError from None
        return await done

    async def _serve(self, listener: socket.socket) -> None:
        self._loop, self._ended = asyncio.get_running_loop(), asyncio.Event()
        self._quick = asyncio.Semaphore(QUICK_THREADS)
        self._loop.set_exception_handler(lambda loop, context: None)  # what clients do is no news
        self._tasks: set[asyncio.Task[None]] = set()
        self._transports: weakref.WeakSet[asyncio.WriteTransport] = weakref.WeakSet()
        server = await self._loop.create_server(self._connection, sock=listener, backlog=BACKLOG)
        self._is_ready.set()
        await self._ended.wait()
        with contextlib.suppress(NotImplementedError):  # the event loop of Windows has no readers
            self._loop.remove_reader(listener)
        await _let_pass()  # who was accepted a moment ago has a task only now
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for transport in list(self._transports):  # those that still had something to send too
            transport.abort()
        await _let_pass()  # in which the sockets are closed

    def _connection(self) -> asyncio.StreamReaderProtocol:
        incoming = Incoming()

        def begin(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self._transports.add(writer.transport)
            task = self._loop.create_task(self._speak(incoming, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return asyncio.StreamReaderProtocol(incoming, begin)

    async def _speak(self, incoming: Incoming, writer: asyncio.StreamWriter) -> None:
        speaker = Speaker(self.api, self.crowd, self.answer, incoming, writer)
        try:
            await speaker.speak()
        except (CutOffError, ConnectionError):
            pass
        except asyncio.CancelledError:
            writer.transport.abort()
        finally:
            self.crowd.leave(speaker)
            writer.close()


async def _let_pass() -> None:
    """Let the loop do what it has put off: accepting and closing take it a few rounds."""
    for _ in range(5):
        await asyncio.sleep(0)


def read_api_auth(text: str) -> dict[str, str]:
    """Return names and passwords as A1111's --api-auth spells them: "user:password,user2:password2".

    Raises:
        SettingError: If an entry has no colon, no name or no password.
    """
    pairs = [entry.partition(":") for entry in text.split(",") if entry.strip()]
    if not pairs or not all(name.strip() and password for name, _, password in pairs):
        raise SettingError("--api-auth is user:password, several separated by commas")
    return {name.strip(): password for name, _, password in pairs}


class KeptPort:
    """A port of this computer that nobody else gets, and at which nobody listens yet."""

    def __init__(self) -> None:
        self._socket = socket.socket()
        self._socket.bind(("127.0.0.1", 0))
        self.number: int = self._socket.getsockname()[1]

    def free(self) -> None:
        """Let it go, to be listened at."""
        self._socket.close()


@contextmanager
def listening(server: ApiServer, *, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in the background for the length of a with block, and give its address.

    At its end all connections are closed and what is drawn is interrupted.

    Args:
        server: The server.
        host: Where to listen; other than this computer's own addresses need `auth` in the server.
        port: 0 takes any free one.

    Yields:
        The URL, such as "http://127.0.0.1:40123".

    Raises:
        SettingError: If the address is open to others without authentication, or cannot be had.
    """
    listener = _listen(server, host, port)
    front = _Front(server)
    thread = threading.Thread(target=front.run, args=(listener,), daemon=True)
    thread.start()
    try:
        yield _url(listener)
    finally:
        front.end()
        thread.join()
        server.end_drawing()  # nobody waits for it any more


def serve(
    server: ApiServer,
    *,
    host: str = "127.0.0.1",
    port: int = PORT,
    on_ready: Callable[[str], None] | None = None,
) -> None:
    """Serve until Ctrl-C, SIGTERM (`docker stop`, systemd) or SIGHUP ends it; see `listening`.

    A signal that is ignored, or that the program answers itself, does not end it.

    Args:
        server: The server.
        host: Where to listen.
        port: A1111's 7860, if not given; 0 takes any free one.
        on_ready: Called with the address once connections are accepted.

    Raises:
        SettingError: As for `listening`.
    """
    ended = threading.Event()

    def end() -> bool:
        ended.set()
        return True

    with (
        stopping.heeded(),
        stopping.answered_by(end, end),
        listening(server, host=host, port=port) as url,
    ):
        if on_ready is not None:
            on_ready(url)
        while not ended.wait(0.5):
            pass  # Windows delivers Ctrl-C between two waits only


def _listen(server: ApiServer, host: str, port: int) -> socket.socket:
    if server.auth is None and not is_loopback(host):
        raise SettingError(
            f"{host} is open to other computers: give names and passwords with --api-auth user:password,"
            " or listen on 127.0.0.1"
        )
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as error:
        reason = error.strerror or str(error)
        raise SettingError(f"cannot listen on {host}:{port} ({reason}); choose another --port") from error


def _url(listener: socket.socket) -> str:
    name, port = listener.getsockname()[:2]
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"
