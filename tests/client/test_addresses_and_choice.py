"""Where a backend is, with which password, and which backend it is to be."""

from __future__ import annotations

import base64
import logging

import httpx
import pytest

from prodgen.client import Client
from prodgen.client.reaching import addresses
from prodgen.errors import (
    BackendAuthError,
    BackendUnreachableError,
    SettingError,
)


@pytest.mark.parametrize(
    ("text", "url"),
    [
        ("127.0.0.1:7860", "http://127.0.0.1:7860"),
        ("http://gpu:7860/", "http://gpu:7860"),
        ("https://shop.example/sd/sdapi/v1/", "https://shop.example/sd"),
        ("http://gpu:7860/docs?__theme=dark", "http://gpu:7860"),
        ("http://[::1]:7860", "http://[::1]:7860"),
        ("https://ann:s3cret@gpu", "https://gpu"),
        ("embedded://", "embedded://"),
        ("unix:///run/sd.sock", "unix:///run/sd.sock"),
    ],
)
def test_an_address_is_understood_in_many_forms(text, url):
    assert addresses.parse(text).url == url


@pytest.mark.parametrize(
    "text", ["ftp://ann:s3cret@gpu", "http://", "http://ann:s3cret@gpu:x", "unix://x", "", "http:/gpu"]
)
def test_what_is_no_address_is_refused_without_repeating_a_password(text):
    with pytest.raises(SettingError) as refusal:
        addresses.parse(text)

    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("text", "is_local"),
    [
        ("localhost:7860", True),
        ("http://127.0.0.9", True),
        ("http://[::1]", True),
        ("unix:///x", True),
        ("http://192.168.0.2", False),
        ("http://gpu", False),
    ],
)
def test_loopback_is_told_from_a_network(text, is_local):
    assert addresses.parse(text).is_local is is_local


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ({"auth": ("ann", "s3cret")}, "Basic YW5uOnMzY3JldA=="),
        ({"auth": "ann:s3cret"}, "Basic YW5uOnMzY3JldA=="),
        ({"auth": "Bearer t0ken"}, "Bearer t0ken"),
        ({"headers": {"Authorization": "Other s3cret"}}, "Other s3cret"),
        ({}, None),
    ],
)
def test_a_password_is_sent_before_it_is_asked_for(recorded, options, sent):
    server = recorded()

    server.client(**options).options()

    assert server.headers[0].get("authorization") == sent


def test_a_password_may_come_from_the_environment_or_the_address(recorded, monkeypatch):
    monkeypatch.setenv("PRODGEN_AUTH", "ann:s3cret")
    server = recorded()
    server.client().options()
    Client("http://bob:other@127.0.0.1:7860", transport=httpx.MockTransport(server)).options()

    sent = [base64.b64decode(headers["authorization"].split()[1]) for headers in server.headers]
    assert sent == [b"ann:s3cret", b"bob:other"]


def test_a_password_is_never_shown(recorded, caplog):
    caplog.set_level(logging.DEBUG)
    server = recorded(samplers="auth/wrong-password")
    client = Client("http://ann:s3cret@127.0.0.1:7860", transport=httpx.MockTransport(server))

    with pytest.raises(BackendAuthError) as refusal:
        _ = client.capabilities

    assert "s3cret" not in f"{refusal.value!r} {refusal.value} {client!r} {client.address} {caplog.text}"


@pytest.mark.parametrize("address", ["http://999.1.1.1:7860", "http://ü..de", "http://gpu/\x01"])
def test_an_address_that_cannot_be_sent_to_is_refused_in_one_sentence(address):
    with pytest.raises(SettingError, match="no URL"):
        Client(address)


def test_a_sub_path_is_kept(recorded):
    server = recorded()
    server["/sd/sdapi/v1/options"] = {"a": 1}

    assert Client("http://x/sd", transport=httpx.MockTransport(server)).options() == {"a": 1}


def test_a_local_link_is_not_compressed(recorded):
    server = recorded()
    server.client().options()
    Client("http://far", transport=httpx.MockTransport(server)).options()

    assert server.headers[0]["accept-encoding"] == "identity"
    assert "gzip" in server.headers[1]["accept-encoding"]


def test_without_a_server_the_embedded_backend_is_used(monkeypatch):
    monkeypatch.setattr(addresses, "DEFAULT_URL", "http://127.0.0.1:9")

    with Client() as client:
        assert client.is_embedded
        assert client.name == "embedded backend (prodgen-ibl, no diffusion)"
        assert client.notices == ()


def test_a_backend_that_was_named_and_is_none_is_an_error(monkeypatch):
    monkeypatch.setenv("PRODGEN_BACKEND", "http://127.0.0.1:9")

    with pytest.raises(BackendUnreachableError, match="--api"):
        Client()


def test_something_else_at_the_default_address_is_passed_over_and_said(monkeypatch):
    import http.server
    import threading

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(addresses, "DEFAULT_URL", f"http://127.0.0.1:{server.server_port}")
    try:
        with Client() as client:
            assert client.address == "embedded://"
            assert "no usable A1111 API" in client.notices[0]
    finally:
        server.shutdown()
        server.server_close()


def Page(*arguments):  # noqa: N802 - stands for a handler class
    import http.server

    def do_get(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<html><title>A shop</title></html>")

    kind = type(
        "Handler",
        (http.server.BaseHTTPRequestHandler,),
        {"do_GET": do_get, "log_message": lambda *_: None},
    )
    return kind(*arguments)
