"""One deadline for each call: however slowly and steadily a server sends, the call ends in time."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

import pytest
from click.testing import CliRunner

from prodgen.cli import listing, main
from prodgen.client.reaching import addresses, encoding
from prodgen.client.reaching.connection import Connection
from prodgen.client.work import calling
from prodgen.client.work.calling import Call, Worker
from prodgen.connections.deadlines import Deadline
from prodgen.dialects import Payload
from prodgen.errors import BackendTimeoutError

WITHIN_S = 0.4
PLENTY_S = 20.0
"""Seconds within which a call that is cut after `WITHIN_S` has surely ended, on a busy machine too."""

GOOD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 8\r\n\r\n" + b'{"a": 1}'


def drops(piece):
    """Endless drops, with the number of each, until the other side is gone."""
    for number in range(1200):
        yield piece.replace(b"%", b"%d" % number)
        time.sleep(0.05)


def headers():
    yield b"HTTP/1.1 200 OK\r\n"
    yield from drops(b"X-%: a\r\n")


def interim():
    yield from drops(b"HTTP/1.1 102 Processing\r\n\r\n")


def body():
    yield b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n"
    yield from drops(b" ")


def body_without_length():
    yield b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n[1"
    yield from drops(b" ")


def refusal():
    yield b"HTTP/1.1 500 Oh\r\nContent-Type: text/plain\r\nContent-Length: 9999\r\n\r\n"
    yield from drops(b" ")


def redirect():
    yield b"HTTP/1.1 308 There\r\nContent-Length: 0\r\n"
    yield from drops(b"X-%: a\r\n")


DRIPS = (headers, interim, body, body_without_length, refusal, redirect)


def read_request(line):
    received = b""
    while b"\r\n\r\n" not in received:
        piece = line.recv(65536)
        if not piece:
            return None
        received += piece
    head, _, rest = received.partition(b"\r\n\r\n")
    length = next(
        (int(x.split(b":")[1]) for x in head.split(b"\r\n") if x.lower().startswith(b"content-l")), 0
    )
    while len(rest) < length:
        rest += line.recv(65536)
    return head.split(b" ")[1].decode()


@contextlib.contextmanager
def serving(answer, *, tls=None, path=None):
    """A server that answers each request with the pieces of `answer(its path)`; yields where, and its log."""
    log = []

    def speak(line):
        with contextlib.suppress(OSError):
            if tls is not None:
                line = tls.wrap_socket(line, server_side=True)
            log.append("connected")
            with line:
                while asked := read_request(line):
                    log.append(asked)
                    for piece in answer(asked):
                        line.sendall(piece)

    def accept():
        with contextlib.suppress(OSError):
            while True:
                threading.Thread(target=speak, args=(listener.accept()[0],), daemon=True).start()

    if path is None:
        listener = socket.create_server(("127.0.0.1", 0))
        where = f"{'http' if tls is None else 'https'}://127.0.0.1:{listener.getsockname()[1]}"
    else:
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(path))
        listener.listen()
        where = f"unix://{path}"
    with listener:
        threading.Thread(target=accept, daemon=True).start()
        yield where, log
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


def connect(where, **options):
    return Connection(addresses.parse(where), **{"timeout_s": WITHIN_S, **options})


def call_list(connection):
    connection.get("/slow")


def call_short(connection):
    connection.post("/slow", {"id_task": "x"}, timeout_s=WITHIN_S)


def call_render(connection):
    asked = encoding.encode_body({"prompt": "x"}, formats=("png",), is_local=True)
    connection.render("/slow", asked, limit=1 << 20)


def call_look(connection):
    connection.look("/slow", within_s=WITHIN_S)


def ends_in_time(call, connection):
    begun = time.monotonic()
    with pytest.raises(BackendTimeoutError, match=r"no whole answer within 0\.4 s"):
        call(connection)
    return WITHIN_S * 0.9 < time.monotonic() - begun < PLENTY_S


@pytest.mark.parametrize("drip", DRIPS)
@pytest.mark.parametrize("call", [call_list, call_short, call_render])
def test_no_call_lasts_longer_than_its_time_though_the_answer_drips(call, drip):
    with serving(lambda _: drip()) as (where, _):
        connection = connect(where)

        assert ends_in_time(call, connection)
        connection.close()


@pytest.mark.parametrize("drip", [headers, body])
@pytest.mark.parametrize("what", ["loras", "checkpoints"])
def test_a_list_of_the_command_line_is_given_up_soon_with_one_sentence(what, drip, monkeypatch):
    monkeypatch.setattr(listing, "LISTED_WITHIN_S", WITHIN_S)
    begun = time.monotonic()
    with serving(lambda _: drip()) as (where, _):
        result = CliRunner().invoke(main, ["list", what, "--backend", where])

    assert time.monotonic() - begun < PLENTY_S
    assert result.exit_code == 1
    assert "no whole answer within 0.4 s. It may be busy" in result.output
    assert len(result.output.splitlines()) == 1


def test_a_look_at_a_stranger_ends_though_its_headers_drip():
    with serving(lambda _: headers()) as (where, _), contextlib.closing(connect(where)) as connection:
        assert ends_in_time(call_look, connection)


def test_a_file_that_drips_is_given_up_within_the_time_of_a_drawing():
    with serving(lambda _: body()) as (where, _), contextlib.closing(connect(where)) as connection:
        assert ends_in_time(lambda x: x.fetch("/file=x.png", limit=1 << 20), connection)


def draw(connection):
    drawing = Call(Payload("/sdapi/v1/txt2img", {"prompt": "x"}), "prodgen-1", pixels=1)
    Worker(connection).do(drawing, formats=("png",), knows_tasks=True, notices=[])


RUNNING = b'{"active": true, "queued": false}'


def told(body):
    return [b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body]


@pytest.mark.parametrize("hangs", ["/internal/progress", "/sdapi/v1/progress", "/sdapi/v1/interrupt"])
def test_a_server_that_hangs_when_it_is_told_to_stop_is_left_soon_after_the_time_out(hangs, monkeypatch):
    monkeypatch.setattr(calling, "STOP_S", 4 * WITHIN_S)  # time for two answers, also on a busy machine

    def answer(asked):
        path = asked.partition("?")[0]
        if path in (hangs, "/sdapi/v1/txt2img"):
            return headers()
        return told(RUNNING if path == "/internal/progress" else b'{"state": {"job": "x"}}')

    with serving(answer) as (where, log), contextlib.closing(connect(where)) as connection:
        begun = time.monotonic()
        with pytest.raises(BackendTimeoutError, match="may still be drawing"):
            draw(connection)

        assert time.monotonic() - begun < PLENTY_S
    assert any(asked.startswith(hangs) for asked in log)


@pytest.mark.parametrize("knows_tasks", [True, False])
def test_waiting_for_a_server_that_lost_the_answer_and_hangs_ends_with_the_calls_time(
    knows_tasks, monkeypatch
):
    monkeypatch.setattr(calling, "STOP_S", WITHIN_S)

    def cut(asked):
        if asked == "/sdapi/v1/txt2img":
            raise OSError  # the connection breaks
        if asked == "/internal/progress" and not knows_tasks:
            return [b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"]
        return headers()

    with serving(cut) as (where, log), contextlib.closing(connect(where, timeout_s=1.5)) as connection:
        begun = time.monotonic()
        with pytest.raises(BackendTimeoutError, match=r"did not end within 1\.5 s"):
            draw(connection)

        assert time.monotonic() - begun < PLENTY_S
    assert log.count("/sdapi/v1/txt2img") == 1


def answer_first(asked):
    return [GOOD] if asked == "/first" else headers()


def check_kept(where, log, **options):
    with contextlib.closing(connect(where, **options)) as connection:
        assert connection.get("/first", timeout_s=PLENTY_S) == {"a": 1}
        assert ends_in_time(call_list, connection)
        assert connection.get("/first", timeout_s=PLENTY_S) == {"a": 1}
    # The dripped one went out on the connection that was kept, and the last one needed a new one.
    assert log == ["connected", "/first", "/slow", "connected", "/first"]


def test_a_kept_connection_is_cut_as_well():
    with serving(answer_first) as (where, log):
        check_kept(where, log)


def test_a_kept_connection_with_tls_is_cut_as_well(authority):
    ca_file, context = authority

    with serving(answer_first, tls=context) as (where, log):
        check_kept(where, log, verify=ca_file)


def test_a_kept_unix_socket_is_cut_as_well(tmp_path):
    with serving(answer_first, path=tmp_path / "sd.sock") as (where, log):
        check_kept(where, log)


def test_only_the_call_whose_time_is_up_is_cut():
    """Another one, under way at the same time over the same Connection, gets its answer."""

    def answer(asked):
        if asked == "/slow":
            return headers()
        time.sleep(3 * WITHIN_S)
        return [GOOD]

    got = []
    with serving(answer) as (where, _), contextlib.closing(connect(where)) as connection:
        patient = threading.Thread(target=lambda: got.append(connection.get("/patient", timeout_s=20)))
        patient.start()
        assert ends_in_time(call_list, connection)
        patient.join(20)

    assert got == [{"a": 1}]


def test_a_server_that_reads_no_request_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        connection = connect(f"http://127.0.0.1:{listener.getsockname()[1]}")
        large = encoding.encode_body({"prompt": "x" * (32 << 20)}, formats=("png",), is_local=True)

        assert ends_in_time(lambda x: x.render("/sdapi/v1/txt2img", large, limit=1 << 20), connection)
        connection.close()


def test_a_tls_handshake_in_drops_is_given_up():
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip():
            line, _ = listener.accept()
            with contextlib.suppress(OSError), line:
                line.recv(9999)
                line.sendall(b"\x16\x03\x03\x3f\x00\x02\x00\x3e\xfc")  # a server's hello, of 16 KiB
                for piece in drops(b"\x00"):
                    line.sendall(piece)

        threading.Thread(target=drip, daemon=True).start()
        connection = connect(f"https://127.0.0.1:{listener.getsockname()[1]}", verify=False)

        assert ends_in_time(call_list, connection)
        connection.close()


def test_all_tries_of_a_call_share_its_time():
    def busy(_):
        time.sleep(0.1)
        yield b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"

    with serving(busy) as (where, log), contextlib.closing(connect(where)) as connection:
        begun = time.monotonic()
        with pytest.raises(Exception, match="busy"):
            connection.get("/x")

        assert time.monotonic() - begun < PLENTY_S
        assert log.count("/x") <= 2  # four, had it more time


def test_a_whole_answer_just_before_the_end_is_good_and_nothing_is_cut_later():
    with serving(lambda _: [GOOD]) as (where, log), contextlib.closing(connect(where)) as connection:
        assert connection.get("/x", timeout_s=2.0) == {"a": 1}
        time.sleep(2.2)
        assert connection.get("/x", timeout_s=2.0) == {"a": 1}

        assert log.count("connected") == 1


def test_calls_one_after_the_other_use_one_connection_and_no_thread_stays():
    with serving(lambda _: [GOOD]) as (where, log), contextlib.closing(connect(where)) as connection:
        before = threading.active_count()
        for _ in range(20):
            connection.get("/x", timeout_s=PLENTY_S)
        assert log.count("connected") == 1

        until = time.monotonic() + PLENTY_S
        while threading.active_count() > before + 1 and time.monotonic() < until:
            time.sleep(0.01)
        assert threading.active_count() <= before + 1  # the server's own


def test_a_deadline_tells_what_is_left():
    deadline = Deadline(1.0)
    assert 0 < deadline.left_s <= 1.0
    assert not deadline.has_passed

    time.sleep(1.05)

    assert deadline.left_s == 0
    assert deadline.has_passed
