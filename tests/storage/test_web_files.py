"""Photographs from the web: only public addresses, only so large, only so long."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest

from prodgen.errors import ImageError, StorageError
from prodgen.storage import FetchedFiles, web_files

PUBLIC = "93.184.216.34"


class Answers(BaseHTTPRequestHandler):
    """Answers by the path of a request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self):
        self.server.asked.append((self.path, self.headers["Host"]))
        getattr(self, f"_{self.path.strip('/').partition('.')[0].partition('?')[0]}", self._gone)()

    def _send(self, content=b"", status=200, length=None, **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def _mug(self):
        self._send(b"pixels")

    def _gone(self):
        self._send(b"no", 404)

    def _moved(self):
        self._send(status=302, Location="/mug.jpg")

    def _inside(self):
        self._send(status=302, Location="http://169.254.169.254/latest/meta-data")

    def _file(self):
        self._send(status=302, Location="file:///etc/passwd")

    def _round(self):
        self._send(status=302, Location="/round")

    def _busy(self):
        self._send(b"later", 503 if len(self.server.asked) < 3 else 200)

    def _large(self):
        self._send(b"x" * 3000)

    def _half(self):
        self._send(b"x" * 10, length=100)
        self.close_connection = True

    def _slow(self):
        self.send_response(200)
        self.end_headers()
        for _ in range(40):
            self.wfile.write(b"x")
            self.wfile.flush()
            time.sleep(0.05)

    def _dripping(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        for one in range(80):
            self.wfile.write(f"X-{one}: mug\r\n".encode())
            time.sleep(0.05)

    def _silent(self):
        time.sleep(3)

    def _again(self):
        time.sleep(0.2)
        self._send(status=302, Location="/again")

    def log_message(self, *arguments):
        pass


@pytest.fixture
def shop(monkeypatch):
    """A server on loopback that the name shop.example stands for, as if it were a public address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    server.asked, server.daemon_threads = [], True
    server.handle_error = lambda *_: None  # whoever has waited long enough hangs up in the middle
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    real = socket.create_connection

    def resolve(host, port, **named):
        ip = {"shop.example": PUBLIC}.get(host, host)
        ipaddress.ip_address(ip)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80))]

    def connect(address, timeout):
        assert address[0] == PUBLIC
        return real(server.server_address, timeout)

    there = {"getaddrinfo": resolve, "create_connection": connect, "SOCK_STREAM": socket.SOCK_STREAM}
    monkeypatch.setattr(web_files, "socket", SimpleNamespace(**there))
    monkeypatch.setattr(web_files, "PAUSE_S", 0.01)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def test_a_photograph_on_the_web_becomes_a_file_with_its_own_name(shop, tmp_path):
    with FetchedFiles(tmp_path).held(["http://shop.example/mug.jpg?size=large"]) as paths:
        (path,) = paths.values()
        assert (path.name, path.read_bytes()) == ("mug.jpg", b"pixels")

    assert shop.asked == [("/mug.jpg?size=large", "shop.example")]


def test_one_that_cannot_be_fetched_is_the_fault_of_its_picture_alone(shop, tmp_path):
    for path in ("nothing.jpg", "inside", "half"):
        with (
            pytest.raises(ImageError, match=r"shop\.example"),
            FetchedFiles(tmp_path).held([f"http://shop.example/{path}"]),
        ):
            pass


def test_a_redirect_is_followed(shop):
    assert web_files.fetch("http://shop.example/moved") == b"pixels"


def test_a_server_that_is_busy_is_asked_again(shop):
    assert web_files.fetch("http://shop.example/busy") == b"later"

    assert len(shop.asked) == 3


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("inside", "private network"),
        ("file", "no web address"),
        ("round", "more than 5 other addresses"),
        ("large", "more is not fetched"),
    ],
)
def test_what_no_further_try_would_change_is_refused(shop, monkeypatch, path, reason):
    monkeypatch.setattr(web_files, "MAX_BYTES", 2000)

    with pytest.raises(StorageError, match=reason) as caught:
        web_files.fetch(f"http://shop.example/{path}")

    assert caught.value.cause == "refused"
    assert len(shop.asked) <= 6


@pytest.mark.parametrize(
    ("path", "cause", "reason"),
    [
        ("nothing.jpg", "missing", "answers 404"),
        ("half", "unreachable", "broke off|IncompleteRead"),
    ],
)
def test_a_server_that_does_not_send_the_file_whole_is_said(shop, path, cause, reason):
    with pytest.raises(StorageError, match=reason) as caught:
        web_files.fetch(f"http://shop.example/{path}")

    assert caught.value.cause == cause


@pytest.mark.parametrize("path", ["slow", "dripping", "again", "silent"])
def test_one_time_limit_holds_for_connection_redirects_headers_and_content_together(shop, monkeypatch, path):
    monkeypatch.setattr(web_files, "TOTAL_S", 0.5)
    begun = time.monotonic()

    with pytest.raises(StorageError, match="was not here within") as caught:
        web_files.fetch(f"http://shop.example/{path}")

    assert caught.value.cause == "unreachable"
    assert time.monotonic() - begun >= 0.5


def test_a_handshake_that_never_ends_is_within_the_limit_too(shop, monkeypatch):
    monkeypatch.setattr(web_files, "TOTAL_S", 0.5)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        shop.server_address = mute.getsockname()

        with pytest.raises(StorageError, match="was not here within"):
            web_files.fetch("https://shop.example/mug.jpg")


@pytest.mark.parametrize(
    "address",
    [
        "http://127.0.0.1/x",
        "http://127.1/x",
        "http://localhost/x",
        "http://10.1.2.3/x",
        "http://192.168.0.1/x",
        "http://169.254.169.254/latest",
        "http://100.64.0.1/x",
        "http://0.0.0.0/x",
        "http://[::1]/x",
        "http://[::ffff:127.0.0.1]/x",
        "http://[64:ff9b::7f00:1]/x",
        "http://[2002:7f00:1::]/x",
        "http://[fd00::1]/x",
        "http://224.0.0.1/x",
        "https://0x7f000001/x",
    ],
)
def test_no_private_address_is_connected_to_however_it_is_written(address, monkeypatch):
    def connect(*arguments):
        pytest.fail(f"{address} was connected to")

    monkeypatch.setattr(web_files.socket, "create_connection", connect)

    with pytest.raises(StorageError, match="private network"):
        web_files.fetch(address)


def test_one_private_address_among_public_ones_is_enough_to_refuse(monkeypatch):
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in (PUBLIC, "10.0.0.1")]
    monkeypatch.setattr(web_files.socket, "getaddrinfo", lambda *arguments, **named: found)

    with pytest.raises(StorageError, match="private network"):
        web_files.fetch("http://both.example/x")


@pytest.mark.parametrize(
    "address", ["ftp://h/x", "http:///x", "http://h:0/x", "http://h:many/x", "http://[::1/x"]
)
def test_what_is_no_web_address_is_refused(address):
    with pytest.raises(StorageError, match="no web address"):
        web_files.fetch(address)


def test_a_password_in_an_address_is_refused_and_not_repeated():
    with pytest.raises(StorageError) as caught:
        web_files.fetch("https://shop:geheim@shop.example/x")

    assert "geheim" not in str(caught.value)


def test_a_way_from_tls_to_none_is_refused(shop, monkeypatch):
    monkeypatch.setattr(web_files, "_get", lambda url, address, until: web_files._checked(url, "http://h/x"))

    with pytest.raises(StorageError, match="without TLS"):
        web_files.fetch("https://shop.example/x")


def test_a_server_with_a_certificate_that_nobody_trusts_is_not_read(shop):
    # It speaks no TLS at all here: the handshake fails before anything is asked.
    with pytest.raises(StorageError, match="cannot be fetched"):
        web_files.fetch("https://shop.example/mug.jpg")

    assert shop.asked == []
    assert ssl.create_default_context().verify_mode is ssl.CERT_REQUIRED
