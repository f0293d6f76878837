"""Real sockets: certificates of one's own, IPv6, headers from the environment, servers that drip."""

from __future__ import annotations

import contextlib
import http.server
import logging
import socket
import threading
import time

import pytest

from prodgen.client import Client
from prodgen.client.knowledge import choosing
from prodgen.client.reaching import addresses
from prodgen.client.reaching.access import Access
from prodgen.errors import (
    BackendCertificateError,
    BackendTimeoutError,
    BackendUnreachableError,
    ProdgenError,
    SettingError,
)

SECRET = "s3cret-t0ken"


class Options(http.server.BaseHTTPRequestHandler):
    """Answers every question with one option, and notes the headers it was asked with."""

    def do_GET(self):
        self.server.heard.append(dict(self.headers))
        self.send_response(200)
        self.send_header("Content-Length", "8")
        self.end_headers()
        self.wfile.write(b'{"a": 1}')

    def log_message(self, *_):
        pass


class IPv6(http.server.ThreadingHTTPServer):
    address_family = socket.AF_INET6


@contextlib.contextmanager
def serving(kind=http.server.ThreadingHTTPServer, host="127.0.0.1", tls=None):
    with kind((host, 0), Options) as server:
        server.heard = []
        # A client that does not believe us hangs up in the middle; that is no error of the server's.
        server.handle_error = lambda *_: None
        if tls is not None:
            server.socket = tls.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        try:
            yield server
        finally:
            server.shutdown()


def test_a_certificate_of_ones_own_authority_is_believed(authority):
    ca_file, context = authority

    with (
        serving(tls=context) as server,
        Client(f"https://127.0.0.1:{server.server_port}", verify=ca_file) as x,
    ):
        assert x.options() == {"a": 1}


def test_the_authority_may_be_named_in_the_environment(authority, monkeypatch):
    ca_file, context = authority
    monkeypatch.setenv("PRODGEN_CA_FILE", ca_file)

    with serving(tls=context) as server, Client(f"https://127.0.0.1:{server.server_port}") as client:
        assert client.options() == {"a": 1}


def test_a_certificate_of_an_unknown_authority_is_refused_and_the_remedy_told(authority):
    _, context = authority

    with serving(tls=context) as server:
        client = Client(f"https://127.0.0.1:{server.server_port}")
        with client, pytest.raises(BackendCertificateError, match="PRODGEN_CA_FILE"):
            client.options()

        assert server.heard == []


def test_verification_can_be_turned_off_on_purpose(authority, monkeypatch):
    _, context = authority
    monkeypatch.setenv("PRODGEN_CA_FILE", "/no/such/file.pem")

    with (
        serving(tls=context) as server,
        Client(f"https://127.0.0.1:{server.server_port}", verify=False) as client,
    ):
        assert client.options() == {"a": 1}


def test_a_certificate_file_that_is_none_is_an_error_but_only_where_it_is_needed(monkeypatch, tmp_path):
    empty = tmp_path / "ca.pem"
    empty.write_text("no certificate")
    monkeypatch.setenv("PRODGEN_CA_FILE", str(empty))

    with pytest.raises(SettingError, match="certificate file"):
        Client("https://127.0.0.1:1")
    with serving() as server, Client(f"http://127.0.0.1:{server.server_port}") as client:
        assert client.options() == {"a": 1}


def test_a_server_at_an_ipv6_address_is_spoken_to():
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            pass
    except OSError as error:
        pytest.skip(f"this machine has no IPv6 loopback: {error}")

    with serving(IPv6, "::1") as server, Client(f"http://[::1]:{server.server_port}") as client:
        assert client.options() == {"a": 1}
        assert client.address == f"http://[::1]:{server.server_port}"


# Proxies from the environment.


@pytest.fixture
def proxy(monkeypatch):
    """A proxy that HTTP_PROXY names; it answers everything by itself, and notes what it was asked."""
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "http_proxy"):
        monkeypatch.delenv(name, raising=False)
    with serving() as server:
        monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{server.server_port}")
        yield server


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_server_on_this_machine_is_never_reached_through_a_proxy(proxy, host):
    with serving() as server, Client(f"http://{host}:{server.server_port}") as client:
        assert client.options() == {"a": 1}

        assert len(server.heard) == 1
    assert proxy.heard == []


@pytest.mark.parametrize("host", ["gpu.invalid", "192.0.2.7"])
def test_a_server_elsewhere_is_reached_through_the_proxy(proxy, host):
    with Client(f"http://{host}:7860") as client:
        assert client.options() == {"a": 1}

    assert [headers["Host"] for headers in proxy.heard] == [f"{host}:7860"]


# Headers from the environment.


def test_headers_of_the_environment_are_sent_and_those_of_the_caller_go_first(monkeypatch):
    monkeypatch.setenv("PRODGEN_HEADERS", f"X-Token: {SECRET}\n\nX-Shop : a:b\n")

    with serving() as server:
        with Client(f"http://127.0.0.1:{server.server_port}", headers={"x-shop": "mine"}) as client:
            client.options()

        assert server.heard[0]["X-Token"] == SECRET
        assert server.heard[0]["x-shop"] == "mine"
        assert "X-Shop" not in server.heard[0]


@pytest.mark.parametrize(
    "lines", [SECRET, f"X Y: {SECRET}", f": {SECRET}", f"X-Token: {SECRET}\x07", f"X-Token: {SECRET}\xe9"]
)
def test_a_line_that_is_no_header_is_refused_by_its_number_alone(monkeypatch, lines):
    monkeypatch.setenv("PRODGEN_HEADERS", f"X-Shop: a\n{lines}")

    with pytest.raises(SettingError, match="line 2") as refusal:
        Client("http://127.0.0.1:1")

    assert SECRET not in f"{refusal.value!r}"


@pytest.mark.parametrize("value", [f"{SECRET}\nX: y", f"{SECRET}\xe9", f"{SECRET}\0"])
def test_a_header_of_the_caller_that_cannot_be_sent_is_refused_without_its_value(value):
    with pytest.raises(SettingError, match="X-Token") as refusal:
        Client("http://127.0.0.1:1", headers={"X-Token": value})

    assert SECRET not in f"{refusal.value!r}"


@pytest.mark.parametrize("auth", [f"Bearer {SECRET}\n x", f"Bearer {SECRET}\xe9"])
def test_a_token_that_cannot_be_sent_is_refused_without_being_shown(auth):
    with pytest.raises(ProdgenError) as refusal, Client("http://127.0.0.1:1", auth=auth) as client:
        client.options()

    assert SECRET not in f"{refusal.value!r} {refusal.value}"


def test_secrets_are_in_no_log_error_or_repr(monkeypatch, caplog):
    caplog.set_level(logging.DEBUG)
    monkeypatch.setenv("PRODGEN_HEADERS", f"X-Token: {SECRET}")
    settings = Access(("ann", SECRET), {"X-Other": SECRET}, 1, None, True, lambda _: None)

    with serving() as server:
        connection = settings.open(f"127.0.0.1:{server.server_port}")
        connection.get("/x")
        assert server.heard[0]["X-Token"] == SECRET
    with pytest.raises(ProdgenError) as failure:
        settings.open("http://127.0.0.1:9").get("/x", tries=1)
    connection.close()

    shown = (
        f"{settings!r} {connection!r} {connection.address!r} {failure.value!r} {failure.value} {caplog.text}"
    )
    assert SECRET not in shown


# Servers that drip.


@contextlib.contextmanager
def dripping(head):
    """A server that sends `head` and then a byte now and then, until the client hangs up (or a minute)."""
    hung_up = threading.Event()

    def drip(line):
        with contextlib.suppress(OSError), line:
            line.recv(9999)
            line.sendall(head)
            for _ in range(1200):
                line.sendall(b"a")
                time.sleep(0.05)
            return
        hung_up.set()

    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept():
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=drip, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", hung_up
        finally:
            listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\nX-Drip: ", b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n", b""]
)
def test_looking_for_a_server_ends_though_what_answers_drips_for_ever(monkeypatch, head):
    monkeypatch.setattr(choosing, "PROBE_S", 0.3)
    with dripping(head) as (url, hung_up):
        monkeypatch.setattr(addresses, "DEFAULT_URL", url)
        begun = time.monotonic()

        with Client() as client:
            assert client.address == "embedded://"
            assert "no whole answer within 0.3 s" in client.notices[0]

        assert time.monotonic() - begun < 30
        assert hung_up.wait(30)


def test_a_named_server_that_drips_for_ever_is_an_error(monkeypatch):
    monkeypatch.setattr(choosing, "PROBE_S", 0.3)
    with dripping(b"HTTP/1.1 200 OK\r\nX-Drip: ") as (url, _):
        monkeypatch.setenv("PRODGEN_BACKEND", url)

        with pytest.raises(BackendTimeoutError, match=r"within 0\.3 s"):
            Client()


def test_a_server_that_answered_in_time_is_not_cut_off_later(monkeypatch):
    monkeypatch.setattr(choosing, "PROBE_S", 1.0)
    with serving() as server:
        settings = Access(None, None, 5, None, True)
        with contextlib.closing(settings.open(f"127.0.0.1:{server.server_port}")) as connection:
            assert connection.get("/x", timeout_s=1.0, tries=1) == {"a": 1}
            time.sleep(1.1)
            assert connection.get("/x") == {"a": 1}

        assert len(server.heard) == 2


def test_a_server_without_tls_at_an_https_address_is_said_to_be_one():
    with serving() as server, Client(f"https://127.0.0.1:{server.server_port}") as client:
        with pytest.raises(BackendUnreachableError, match="http:// instead of https://") as failure:
            client.options()

        assert failure.value.cause == "no TLS"


def test_a_refused_connection_is_told_from_an_unknown_host():
    with pytest.raises(BackendUnreachableError) as refused, Client("http://127.0.0.1:9") as client:
        client.options()
    with pytest.raises(BackendUnreachableError) as unknown, Client("http://no-such-host.invalid") as client:
        client.options()

    assert (refused.value.cause, unknown.value.cause) == ("refused", "unknown host")
