"""Strangers at the door of `prodgen serve`: pages of other sites, false names, slow and endless requests."""

from __future__ import annotations

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from prodgen.errors import SettingError
from prodgen.server import crowd, patient_reading, speaking
from prodgen.server.socket_server import listening

HTTP = httpx.Client(
    verify=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0), timeout=30
)  # one for all: making each request's certificates anew takes longer than the request

BODY = {"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "seed": 42}
DRAW = b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\n"


@contextmanager
def connected(url: str) -> Iterator[socket.socket]:
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=40) as connection:
        yield connection


def until_closed(connection: socket.socket) -> bytes:
    """Everything that comes until the server closes."""
    received = b""
    try:
        while chunk := connection.recv(65536):
            received += chunk
    except ConnectionError:
        pass
    return received


def answer_to(url: str, request: bytes) -> bytes:
    """What comes back for these bytes while the client stays and waits."""
    with connected(url) as connection:
        connection.sendall(request)
        return connection.recv(65536)


def status_of(answer: bytes) -> int:
    return int(answer.split(b" ")[1])


FOREIGN = {
    "another site": {"origin": "https://evil.example"},
    "a page without an address": {"origin": "null"},
    "a file": {"origin": "file://"},
    "another port of this computer": {"origin": "http://127.0.0.1:3000"},
    "a name that begins like ours": {"origin": "http://127.0.0.1.evil.example:{port}"},
    "a name behind an account": {"origin": "http://127.0.0.1:{port}@evil.example"},
    "no address at all": {"origin": "http://[::"},
    "fetch metadata alone": {"sec-fetch-site": "cross-site"},
    "a sister site": {"sec-fetch-site": "same-site"},
    "a page that was sent on": {"origin": "null", "sec-fetch-site": "cross-site"},
    "an address that somebody follows": {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    "the other name of this computer": {"origin": "http://localhost:{port}"},
    "several sites at once": {"sec-fetch-site": "same-origin, cross-site"},
    "an extension of the browser": {"origin": "moz-extension://1b9d6bcd-bbfd-4b2d"},
    "an empty origin": {"origin": ""},
    "a referrer alone": {"referer": "https://evil.example/page.html"},
}


@pytest.fixture(scope="module")
def door() -> Iterator[tuple[str, object]]:
    """A server that lets programs on this computer in, and its address."""
    from prodgen.engines import embedded_server

    server = embedded_server()
    with listening(server) as url:
        yield url, server


def filled(headers: dict[str, str], url: str) -> dict[str, str]:
    return {name: value.replace("{port}", str(urlsplit(url).port)) for name, value in headers.items()}


@pytest.mark.parametrize("headers", FOREIGN.values(), ids=FOREIGN)
@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/sdapi/v1/options", b'{"samples_format": "xyz"}'),
        ("POST", "/sdapi/v1/interrupt", b""),
        ("POST", "/sdapi/v1/txt2img", json.dumps(BODY).encode()),
        ("GET", "/sdapi/v1/progress", b""),
        ("OPTIONS", "/sdapi/v1/txt2img", b""),
    ],
)
def test_a_page_of_another_site_can_neither_draw_nor_change_nor_stop_anything(
    door, headers, method, path, body
):
    url, server = door
    before = server.machine.options.shown(), len(server.render_log)

    response = HTTP.request(method, url + path, content=body, headers=filled(headers, url))

    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert (server.machine.options.shown(), len(server.render_log)) == before
    assert not server.machine.state.interrupted


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://127.0.0.1:{port}"},
        {"origin": "http://127.0.0.1:{port}", "sec-fetch-site": "same-origin"},
        {"sec-fetch-site": "none"},
        {"referer": "http://127.0.0.1:{port}/docs"},
    ],
)
def test_programs_and_the_servers_own_pages_go_on(door, headers):
    url, _ = door
    response = HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY, headers=filled(headers, url))

    assert response.status_code == 200
    assert not [name for name in response.headers if name.startswith("access-control")]


def test_a_password_does_not_let_pages_of_other_sites_in(noise_server):
    """A browser sends a password that it knows along with the requests of any page."""
    with listening(noise_server(auth={"ann": "x"})) as url:
        response = HTTP.post(
            f"{url}/sdapi/v1/interrupt", auth=("ann", "x"), headers={"origin": "https://evil.example"}
        )

    assert response.status_code == 403


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("evil.example", 403),
        ("evil.example:7860", 403),
        ("localhost.evil.example", 403),
        ("127.0.0.1.evil.example", 403),
        ("127.0.0.1:7860@evil.example", 403),
        ("0.0.0.0", 403),
        ("192.168.1.5:7860", 403),
        ("localhost:7860", 200),
        ("LOCALHOST.", 200),
        ("[::1]:7860", 200),
    ],
)
def test_a_name_that_somebody_pointed_here_is_not_served(door, host, status):
    assert HTTP.get(f"{door[0]}/sdapi/v1/samplers", headers={"host": host}).status_code == status


def test_an_origin_below_a_line_that_is_no_header_is_not_overlooked(door):
    request = b"POST /sdapi/v1/interrupt HTTP/1.1\r\nHost: localhost\r\nno header\r\nOrigin: http://evil.example\r\n\r\n"
    with connected(door[0]) as connection:
        connection.sendall(request)
        assert status_of(until_closed(connection)) == 400


@pytest.mark.parametrize(
    "twice",
    [
        b"Origin: http://localhost\r\nOrigin: http://evil.example\r\n",
        b"Sec-Fetch-Site: same-origin\r\nSec-Fetch-Site: cross-site\r\n",
        b"Origin: http://localhost http://evil.example\r\n",
    ],
)
def test_a_site_that_is_named_beside_ours_is_not_overlooked(door, twice):
    request = b"POST /sdapi/v1/interrupt HTTP/1.1\r\nHost: localhost\r\n" + twice + b"\r\n"

    assert status_of(answer_to(door[0], request)) == 403


@pytest.mark.skipif(not socket.has_ipv6, reason="this computer has no IPv6")
def test_ipv6_is_guarded_as_ipv4_is(noise_server):
    try:
        with listening(noise_server(), host="::1") as url:
            port = urlsplit(url).port
            statuses = [
                HTTP.post(f"{url}/sdapi/v1/interrupt", headers=headers).status_code
                for headers in (
                    {},
                    {"origin": f"http://[::1]:{port}"},
                    {"origin": f"http://[::1]:{port}1"},
                    {"host": f"[2001:db8::1]:{port}"},
                    {"host": f"[::ffff:192.0.2.1]:{port}"},
                )
            ]
    except SettingError:
        pytest.skip("this computer has no address ::1")

    assert statuses == [200, 200, 403, 403, 403]


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "gpu.example"])
def test_no_address_open_to_others_is_served_without_a_password(noise_server, host):
    with pytest.raises(SettingError, match="--api-auth"), listening(noise_server(), host=host):
        pass


@pytest.mark.parametrize(
    ("lines", "status"),
    [
        (b"Host: localhost\r\nAuthorization: Basic \xe9\r\n", 401),
        (b"Host: localhost\r\nAuthorization: Basic /w==\r\n", 401),
        (b"Host: gpu.example:\xb2\r\nOrigin: http://gpu.example\r\n", 403),
        (b"Host: gpu.example:" + b"9" * 5000 + b"\r\nOrigin: http://gpu.example\r\n", 403),
    ],
    ids=["password in Latin-1", "password in no UTF-8", "superscript for a port", "port of 5000 digits"],
)
def test_a_password_or_port_that_cannot_be_read_is_answered_all_the_same(noise_server, lines, status):
    with listening(noise_server(auth={"a": "b"})) as url:
        assert status_of(answer_to(url, b"GET /sdapi/v1/samplers HTTP/1.1\r\n" + lines + b"\r\n")) == status


def test_two_hosts_in_one_request_are_refused(door):
    request = b"GET /sdapi/v1/samplers HTTP/1.1\r\nHost: localhost\r\nHost: evil.example\r\n\r\n"
    assert status_of(answer_to(door[0], request)) == 400


def test_behind_a_password_any_name_is_served(noise_server):
    with listening(noise_server(auth={"a": "b"})) as url:
        response = HTTP.get(f"{url}/sdapi/v1/samplers", auth=("a", "b"), headers={"host": "gpu.example"})

    assert response.status_code == 200


@pytest.mark.parametrize("framing", [b"Content-Length: 120000000\r\n", b"Transfer-Encoding: chunked\r\n"])
@pytest.mark.parametrize(
    ("start", "status"),
    [
        (b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\n", 401),
        (b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YTpj\r\n", 401),
        (b"POST /sdapi/v1/nothing HTTP/1.1\r\nHost: localhost\r\n", 404),
        (b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\nOrigin: http://evil.example\r\n", 403),
    ],
)
def test_whoever_is_refused_is_told_before_a_byte_of_the_body_is_read(noise_server, start, status, framing):
    with listening(noise_server(auth={"a": "b"})) as url:
        answer = answer_to(url, start + framing + b"Expect: 100-continue\r\n\r\n")

    assert status_of(answer) == status
    assert b"connection: close" in answer


def test_a_false_host_is_refused_before_a_byte_of_the_body_is_read(door):
    request = b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 120000000\r\n\r\n"
    assert status_of(answer_to(door[0], request)) == 403


def test_a_refused_caller_is_not_reset_while_it_goes_on_sending(noise_server):
    """A reset may take the refusal away from a caller who has not read it yet."""
    request = b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2000000\r\n\r\n"
    with listening(noise_server(auth={"a": "b"})) as url, connected(url) as connection:
        connection.sendall(request)
        answer = connection.recv(65536)
        for _ in range(4):
            time.sleep(0.03)
            connection.sendall(b"x" * 1000)

    assert status_of(answer) == 401


def test_a_caller_who_asks_first_is_told_to_go_on(door):
    body = json.dumps(BODY).encode()
    with connected(door[0]) as connection:
        connection.sendall(DRAW + b"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n" % len(body))
        first = connection.recv(65536)
        connection.sendall(body)
        second = connection.recv(65536)

    assert (status_of(first), status_of(second)) == (100, 200)


@pytest.mark.parametrize(
    ("framing", "status"),
    [
        (b"Content-Length: 999999999999\r\n", 413),
        (b"Content-Length: -1\r\n", 400),
        (b"Content-Length: +5\r\n", 400),
        (b"Content-Length: 1_0\r\n", 400),
        (b"Content-Length: x\r\n", 400),
        (b"Content-Length: 5\r\nContent-Length: 6\r\n", 400),
        (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
        (b"Transfer-Encoding: gzip, chunked\r\n", 400),
        (b"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", 400),
        (b"Content-Length : 5\r\n", 400),
        (b"no header\r\nContent-Length: 5\r\n", 400),
    ],
)
def test_a_body_whose_end_cannot_be_told_is_refused_before_reading(door, framing, status):
    assert status_of(answer_to(door[0], DRAW + framing + b"\r\n")) == status


@pytest.mark.parametrize("chunk", [b"-5\r\nhello\r\n", b"0x5\r\nhello\r\n", b"2\r\nhello\r\n", b"zz\r\n"])
def test_what_is_no_chunk_cuts_the_connection_and_starts_no_work(noise_server, chunk):
    server = noise_server()
    with listening(server) as url, connected(url) as connection:
        connection.sendall(DRAW + b"Transfer-Encoding: chunked\r\n\r\n" + chunk + b"0\r\n\r\n")
        assert until_closed(connection) == b""

    assert server.render_log == []


def drip(connection: socket.socket, data: bytes, pause_s: float, length: int = 1) -> None:
    """Send piece by piece until all is sent or the other side has had enough."""
    try:
        for place in range(0, len(data), length):
            connection.sendall(data[place : place + length])
            time.sleep(pause_s)
    except OSError:
        pass


@pytest.mark.parametrize(
    ("limit", "before", "dripped"),
    [
        ("HEAD_S", b"", DRAW + b"X-Slow: " + b"x" * 200),
        ("HEAD_S", DRAW, b"X: y\r\n" * 40),
        ("BODY_GRACE_S", DRAW + b"Content-Length: 200\r\n\r\n", b" " * 200),
        ("BODY_GRACE_S", DRAW + b"Transfer-Encoding: chunked\r\n\r\n", b"1\r\n \r\n" * 30),
        ("IDLE_S", b"", b""),
    ],
    ids=["first line", "headers", "body", "chunks", "nothing at all"],
)
def test_a_client_that_drips_is_cut_off_and_others_are_served_meanwhile(
    noise_server, monkeypatch, limit, before, dripped
):
    monkeypatch.setattr(patient_reading, limit, 1.0)
    server = noise_server()
    with listening(server) as url, connected(url) as connection:
        started = time.monotonic()
        connection.sendall(before)
        slow = threading.Thread(target=drip, args=(connection, dripped, 0.02))
        slow.start()
        other = HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY)
        assert until_closed(connection) == b""
        took_s = time.monotonic() - started
        slow.join()

    assert other.status_code == 200
    assert 0.9 < took_s < 40
    assert len(server.render_log) == 1


def test_a_large_body_may_take_long_as_long_as_it_keeps_coming(noise_server, monkeypatch):
    monkeypatch.setattr(patient_reading, "BODY_GRACE_S", 1.0)
    monkeypatch.setattr(patient_reading, "SLOWEST_BYTES_S", 50)
    body = json.dumps(BODY).encode().ljust(1000)
    with listening(noise_server()) as url, connected(url) as connection:
        connection.sendall(DRAW + b"Content-Length: 1000\r\n\r\n")
        for start in range(0, 1000, 100):
            connection.sendall(body[start : start + 100])
            time.sleep(0.15)

        assert status_of(connection.recv(65536)) == 200


@pytest.mark.parametrize(
    ("framing", "sent"),
    [
        (b"Content-Length: 2000000", b" " * 1_900_000),
        (b"Transfer-Encoding: chunked", b"1D0000\r\n" + b" " * 1_900_000),
    ],
    ids=["length", "chunk"],
)
def test_a_body_that_came_fast_and_then_stops_is_cut_off_all_the_same(
    noise_server, monkeypatch, framing, sent
):
    """Two of the largest would hold all the memory there is for bodies, for an hour and a half."""
    monkeypatch.setattr(patient_reading, "BODY_GRACE_S", 0.5)
    with listening(noise_server()) as url, connected(url) as connection:
        started = time.monotonic()
        connection.sendall(DRAW + framing + b"\r\n\r\n" + sent)

        assert until_closed(connection) == b""
        assert 0.4 < time.monotonic() - started < 30  # at 50 kB a second the whole has 38 s


@pytest.mark.parametrize("line", [b"X: " + b"y" * 1000 + b"\r\n", b"A: b\r\n"])
def test_headers_without_end_are_cut_off(door, line):
    with connected(door[0]) as connection:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n")
        thread = threading.Thread(target=endless, args=(connection, line))
        thread.start()
        answer = until_closed(connection)
        thread.join(40)

    assert not thread.is_alive()
    assert answer == b"" or status_of(answer) == 431


def test_a_megabyte_of_few_long_headers_is_cut_off(door):
    request = b"GET / HTTP/1.1\r\nHost: localhost\r\n" + (b"X: " + b"y" * 60_000 + b"\r\n") * 20
    with connected(door[0]) as connection:
        thread = threading.Thread(target=drip, args=(connection, request + b"\r\n", 0, 10_000))
        thread.start()
        assert status_of(until_closed(connection)) == 431
        thread.join(40)


def endless(connection: socket.socket, line: bytes) -> None:
    try:
        for _ in range(100_000):
            connection.sendall(line * 10)
    except OSError:
        pass


def is_closed(connection: socket.socket) -> bool:
    """Whether the server has closed a connection on which nothing was said."""
    connection.setblocking(False)
    try:
        return connection.recv(1) == b""
    except BlockingIOError:
        return False


def cannot_be_written(connection: socket.socket) -> bool:
    try:
        connection.send(b"x")
    except OSError:
        return True
    return False


def wait_until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.01)


def test_idle_connections_without_number_do_not_keep_others_out(noise_server, monkeypatch):
    monkeypatch.setattr(crowd, "MAX_CONNECTIONS", 4)
    with listening(noise_server()) as url:
        idle = [socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=40) for _ in range(12)]
        response = HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY)
        wait_until(lambda: sum(is_closed(connection) for connection in idle) >= 8)
        assert is_closed(idle[0])  # the one that has waited longest goes first
        assert not is_closed(idle[-1])
        for connection in idle:
            connection.close()

    assert response.status_code == 200


def test_a_connection_that_is_drawn_for_is_not_closed_for_idle_ones(noise_server, monkeypatch):
    monkeypatch.setattr(crowd, "MAX_CONNECTIONS", 2)
    server = noise_server(delay_s=0.5)
    statuses: list[int] = []
    with listening(server) as url:

        def post() -> None:
            statuses.append(HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY).status_code)

        thread = threading.Thread(target=post)
        thread.start()
        wait_until(lambda: server.machine.state.job != "")
        idle = [socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=40) for _ in range(5)]
        thread.join()
        for connection in idle:
            connection.close()

    assert statuses == [200]


def test_a_client_that_does_not_read_its_answer_is_given_up(noise_server, monkeypatch):
    monkeypatch.setattr(speaking, "ANSWER_GRACE_S", 0.3)
    monkeypatch.setattr(patient_reading, "SLOWEST_BYTES_S", 10**9)
    body = json.dumps({**BODY, "width": 1024, "height": 1024, "batch_size": 3}).encode()
    with listening(noise_server()) as url, connected(url) as connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.sendall(DRAW + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        wait_until(lambda: cannot_be_written(connection))


def test_answers_say_that_they_are_what_they_say_and_not_for_other_sites(door):
    headers = HTTP.get(f"{door[0]}/").headers

    assert headers["x-content-type-options"] == "nosniff"
    assert headers["cross-origin-resource-policy"] == "same-origin"
