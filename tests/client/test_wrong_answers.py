"""Whatever goes wrong on the way becomes one of our errors, in one sentence."""

from __future__ import annotations

import base64
import json
import socket
import ssl
import struct
import zlib

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.client.reaching import addresses, connection
from prodgen.client.reaching.connection import Connection
from prodgen.codecs import encode
from prodgen.connections.lines import translate
from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendCertificateError,
    BackendError,
    BackendFaultError,
    BackendLostError,
    BackendTimeoutError,
    BackendUnreachableError,
    NotABackendError,
    SettingError,
)
from prodgen.schema import Txt2Img


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 42} | fields))


def every_subclass(kind):
    return [kind, *(x for child in kind.__subclasses__() for x in every_subclass(child))]


def made(kind):
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "http://x")
        return kind("told", request=request, response=httpx.Response(500))
    return kind("told")


@pytest.mark.parametrize("kind", [*every_subclass(httpx.HTTPError), httpx.InvalidURL, httpx.StreamError])
def test_no_httpx_error_leaves_the_client(recorded, kind):
    if kind is httpx.StreamError or issubclass(kind, httpx.StreamError):
        error = httpx.StreamError("told")
    else:
        error = made(kind)
    server = recorded(options=error)

    with pytest.raises(BackendError):
        server.client().options()


@pytest.mark.parametrize("kind", every_subclass(httpx.TransportError))
def test_every_transport_error_says_what_to_do_or_what_happened(kind):
    said = str(translate("http://x", made(kind), 5))

    assert said.startswith("http://x: ")
    assert len(said) > 30


def test_an_option_of_the_wrong_type_is_refused_because_the_server_would_break(recorded):
    server = recorded()
    client = server.client()

    for wrong, says in (
        ({"CLIP_stop_at_last_layers": "two"}, "takes values like 1.0"),
        ({"samples_save": 1}, "takes values like True"),
        ({"sample_format": "png"}, "did you mean 'samples_format'"),
    ):
        with pytest.raises(SettingError, match=says):
            client.set_options(wrong)
    client.set_options({"CLIP_stop_at_last_layers": 2, "samples_save": False})

    posted = [body for method, _, body in server.calls if method == "POST"]
    assert posted == [{"CLIP_stop_at_last_layers": 2, "samples_save": False}]


def json_of(name):
    from pathlib import Path

    path = Path(__file__).resolve().parent.parent / "captures" / f"{name}.json"
    return json.loads(path.read_text())["response"]["json"]


def png(width, height):
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")
    )


def answer_with(data):
    text = data if isinstance(data, str) else base64.b64encode(data).decode()
    return httpx.Response(200, json={**json_of("core/txt2img-min"), "images": [text]})


GOOD = encode("PNG", np.full((64, 64, 3), 0.5, np.float32))


@pytest.mark.parametrize(
    ("response", "error", "says"),
    [
        (httpx.Response(200, html="<html><title>Hi</title>"), NotABackendError, "web page"),
        (httpx.Response(200, content=b'{"images": ["AAAA'), AnswerError, "whole JSON"),
        (httpx.Response(200, content=b""), AnswerError, "0 bytes"),
        (httpx.Response(200, json=[]), AnswerError, "something else"),
        (httpx.Response(200, json={"images": ["x" * 99], "info": "no"}), AnswerError, "result 1"),
        (answer_with("?" * 99), AnswerError, "base64"),
        (answer_with(b"no picture" * 9), AnswerError, "result 1"),
        (answer_with(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), AnswerError, "result 1"),
        (answer_with(GOOD[:-40]), AnswerError, "cut off"),
        (answer_with(GOOD[:80] + b"\x00" + GOOD[81:]), AnswerError, "damaged"),
        (answer_with(png(20_000, 20_000)), AnswerError, "20000x20000"),
        (answer_with(encode("PNG", np.zeros((64, 64, 3), np.float32))), BackendFaultError, "all black"),
        (httpx.Response(302, headers={"location": "/login"}), NotABackendError, "redirected"),
        (httpx.Response(413, html="<title>413</title>"), BackendFaultError, "too large for a proxy"),
        (httpx.Response(403, html="<title>403 Forbidden</title>"), BackendAuthError, "Forbidden"),
        (httpx.Response(500, text="CUDA out of memory. Tried"), BackendFaultError, "smaller picture"),
        (httpx.Response(500, text="Internal Server Error"), BackendFaultError, "Internal Server Error"),
        (httpx.Response(400, json={"error": "prompt required"}), BackendFaultError, "prompt required"),
    ],
)
def test_whatever_a_server_answers_becomes_one_sentence(recorded, response, error, says):
    with pytest.raises(error, match=says):
        recorded(txt2img=lambda _: response).client().txt2img(cat())


def test_an_endless_answer_is_cut(recorded):
    def forever():
        while True:
            yield b" " * (1 << 20)

    endless = httpx.Response(200, content=forever())

    with pytest.raises(AnswerError, match="cannot be meant"):
        recorded(options=endless).client().options()


def test_an_answer_that_unpacks_without_end_is_cut(recorded, monkeypatch):
    import gzip

    monkeypatch.setattr(connection, "MAX_LIST_BYTES", 1 << 20)
    bomb = gzip.compress(bytes(2 << 20))
    server = recorded(options=httpx.Response(200, content=bomb, headers={"content-encoding": "gzip"}))

    with pytest.raises(AnswerError, match="cannot be meant"):
        server.client().options()


def test_a_unix_socket_is_spoken_to(tmp_path):
    import http.server
    import socketserver
    import threading

    path = tmp_path / "sd.sock"

    class Quiet(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(200)
            self.send_header("Content-Length", "8")
            self.end_headers()
            self.wfile.write(b'{"a": 1}')

        def address_string(self):
            return "socket"

        def log_message(self, *_):
            pass

    class Local(socketserver.UnixStreamServer):
        def get_request(self):
            request, _ = super().get_request()
            return request, ("socket", 0)

    with Local(str(path), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Client(f"unix://{path}") as client:
            assert client.options() == {"a": 1}
        server.shutdown()


def test_an_answer_in_drops_does_not_last_for_ever(recorded):
    import time

    def drops():
        while True:
            time.sleep(0.02)
            yield b" "

    client = recorded(options=httpx.Response(200, content=drops())).client(timeout_s=0.2)

    with pytest.raises(BackendTimeoutError, match=r"no whole answer within 0\.2 s"):
        client.options()


def test_a_server_that_is_no_a1111_is_named_so(recorded):
    with pytest.raises(NotABackendError, match="--api"):
        _ = recorded(samplers="core/route_sdapi_v1_nonexistent").client().capabilities


def test_a_list_that_cannot_be_read_is_left_out(recorded, caplog):
    has = recorded(options="core/options-get-after-wrong-type").client().capabilities

    assert "options" not in has.answered
    assert "left out" in caplog.text


def test_a_connection_is_closed_with_its_client(recorded):
    server = recorded()
    with server.client() as client:
        client.options()

    with pytest.raises(BackendLostError, match="the connection was closed here"):
        client.options()


def test_an_unreadable_certificate_file_is_an_error():
    with pytest.raises(SettingError, match="certificate"):
        Connection(addresses.parse("https://x"), timeout_s=1, verify="/no/such/file.pem")


def below(error, cause):
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "cause"),
    [
        (httpx.ConnectTimeout("x"), "no answer"),
        (httpx.ProxyError("x"), "proxy"),
        (httpx.ConnectError("x"), "other"),
        (below(httpx.ConnectError("x"), ConnectionRefusedError("x")), "refused"),
        (below(httpx.ConnectError("x"), socket.gaierror("x")), "unknown host"),
        (below(httpx.ConnectError("x"), below(OSError("x"), ssl.SSLError("x"))), "no TLS"),
    ],
)
def test_in_which_way_nothing_answered_is_a_fact(error, cause):
    found = translate("http://x", error)

    assert isinstance(found, BackendUnreachableError)
    assert found.cause == cause


def test_a_certificate_that_is_not_trusted_is_a_kind_of_its_own():
    error = below(httpx.ConnectError("x"), ssl.SSLCertVerificationError("x"))

    assert isinstance(translate("https://x", error), BackendCertificateError)
