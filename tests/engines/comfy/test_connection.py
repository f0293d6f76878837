"""What goes wrong between us and a ComfyUI server, and what is said about it."""

from __future__ import annotations

import contextlib
import json
import logging
import socket
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
import websockets.sync.client

from prodgen.client import Client
from prodgen.connections import lines
from prodgen.engines import embedded_server
from prodgen.engines.comfy import comfy_connection
from prodgen.engines.comfy.comfy_connection import ComfyConnection, split_address
from prodgen.engines.comfy.comfy_server import ComfyServer
from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendBusyError,
    BackendCertificateError,
    BackendError,
    BackendFaultError,
    BackendGatewayError,
    BackendTimeoutError,
    BackendUnreachableError,
    GraphRefusedError,
    NotABackendError,
    SettingError,
)
from prodgen.server import socket_server
from prodgen.server.engine import EngineSettings

from .fake_comfy import Answer, FakeComfy
from .graphs_to_run import ignored, txt2img
from .typed_commands import address_of, typed


@pytest.fixture
def connection(comfy):
    ours = ComfyConnection(comfy.settings, sleep=lambda _: None)
    yield ours
    ours.close()


# -- addresses


@pytest.mark.parametrize(
    ("written", "url", "auth"),
    [
        ("comfy://box:8188", "http://box:8188", None),
        ("comfy://box", "http://box:8188", None),
        ("comfys://box", "https://box", None),
        ("comfys://box/comfy/", "https://box/comfy", None),
        ("http://box:9000", "http://box:9000", None),
        ("box:8188", "http://box:8188", None),
        ("comfy://[::1]:8188", "http://[::1]:8188", None),
        ("comfys://me:s%40fe@box", "https://box", ("me", "s@fe")),
    ],
)
def test_an_address_is_taken_apart(written, url, auth):
    assert split_address(written) == (url, auth)


@pytest.mark.parametrize("written", [None, "", "comfy://", "ftp://box", "comfy://me:secret@box:port"])
def test_what_is_no_address_is_refused_without_repeating_a_password(written):
    with pytest.raises(SettingError, match="looks like comfy://box:8188") as caught:
        split_address(written)
    assert "secret" not in str(caught.value)


# -- not reached


def test_nobody_there_says_how_to_start_comfyui(comfy, connection):
    comfy.stop()

    with pytest.raises(BackendUnreachableError, match=r"Start ComfyUI.*usually 8188") as caught:
        connection.get("/system_stats")
    assert caught.value.cause == "refused"


def test_a_proxy_that_restarts_is_asked_again(comfy, connection):
    comfy.at["GET", "/system_stats"] = [Answer(502), Answer(503), Answer(502)]

    assert connection.get("/system_stats")["system"]


def test_a_server_that_comes_back_meanwhile_is_found(comfy):
    comfy.stop()
    ours = ComfyConnection(comfy.settings, sleep=lambda _: comfy.restart())

    assert ours.get("/system_stats")["system"]
    ours.close()


def test_a_command_is_sent_once_though_its_answer_fails(comfy, connection):
    comfy.at["POST", "/free"] = Answer(502)

    with pytest.raises(BackendGatewayError):
        connection.post("/free", {})
    assert comfy.asked.count(("POST", "/free")) == 1


@pytest.mark.parametrize(
    ("answer", "kind", "said"),
    [
        (
            Answer(401, b"<title>Authorization Required</title>", "text/html"),
            BackendAuthError,
            "PRODGEN_AUTH",
        ),
        (Answer(403), BackendAuthError, "--enable-cors-header"),
        (Answer(403, b"Sorry, not for you", "text/plain"), BackendAuthError, "Sorry, not for you"),
        (Answer(413, b"Maximum request body size 9 exceeded."), BackendFaultError, "size 9 exceeded"),
        (Answer(413, b"<h1>413 Request Entity Too Large</h1>", "text/html"), BackendFaultError, "the proxy"),
        (
            Answer(500, b"500 Internal Server Error\n\nServer got itself in trouble"),
            BackendFaultError,
            "saying why",
        ),
        (Answer(500, b"my pack fell over"), BackendFaultError, "my pack fell over"),
        (
            Answer(502, b"<title>502 Bad Gateway</title><hr><center>nginx</center>", "text/html"),
            BackendGatewayError,
            "nginx",
        ),
        (Answer(504, b"", "text/html"), BackendGatewayError, "gave up waiting"),
        (Answer(429), BackendBusyError, "refuses work"),
        (Answer(404, b"not here"), NotABackendError, "is it ComfyUI"),
        (
            Answer(200, b"<html><title>Stable Diffusion</title></html>", "text/html"),
            NotABackendError,
            "Stable Diffusion",
        ),
        (Answer(200, b"<html><title>Log in</title></html>", "text/html"), BackendAuthError, "login page"),
        (Answer(200, b'{"system": '), AnswerError, "not whole JSON"),
    ],
)
def test_each_refusal_becomes_an_error_that_says_what_to_do(comfy, connection, answer, kind, said):
    comfy.at["GET", "/system_stats"] = answer

    with pytest.raises(kind) as caught:
        connection.get("/system_stats")
    assert said in str(caught.value)
    assert str(caught.value).startswith(address_of(comfy))


def test_a_redirected_post_is_not_followed_and_says_the_right_address(comfy, server):
    target = "https://box.example/comfy/prompt?token=secret"
    comfy.at["POST", "/prompt"] = Answer(301, headers={"Location": target})

    with pytest.raises(NotABackendError, match=r"Give comfys://box\.example/comfy as its address") as caught:
        server.run(txt2img(), ignored)
    assert "secret" not in str(caught.value)


# -- passwords


def test_a_proxys_password_goes_with_http_and_with_the_websocket(comfy):
    comfy.password = ("me", "safe")
    ours = ComfyServer(replace(comfy.settings, auth=("me", "safe")), poll_s=0.02)

    ours.run(txt2img(), ignored)

    shown = [headers for headers in comfy.headers if headers.get("Upgrade")]
    assert len(shown) == 1
    assert shown[0]["Authorization"].startswith("Basic ")
    ours.close()


def test_a_password_in_the_address_is_used_and_not_shown(comfy):
    comfy.password = ("me", "safe")
    ours = ComfyServer(EngineSettings(address=comfy.address.replace("http://", "comfy://me:safe@")))

    assert ours.system_stats()
    assert "safe" not in ours.url
    ours.close()


def test_without_the_password_it_is_asked_for(comfy, server):
    comfy.password = ("me", "safe")

    with pytest.raises(BackendAuthError, match="password or a token"):
        server.run(txt2img(), ignored)


def test_a_token_and_headers_go_along_everywhere(comfy):
    settings = replace(comfy.settings, auth="Bearer abc", headers={"X-Key": "7"})
    ours = ComfyServer(settings, poll_s=0.02)

    ours.run(txt2img(), ignored)
    ours.upload(np.zeros((2, 2, 3), np.uint8))

    assert {headers.get("Authorization") for headers in comfy.headers} == {"Bearer abc"}
    assert {headers.get("X-Key") for headers in comfy.headers} == {"7"}
    assert not any("Origin" in headers for headers in comfy.headers)
    ours.close()


# -- certificates


def test_comfys_believes_a_certificate_of_ones_own_for_http_and_the_websocket(authority):
    ca_file, context = authority
    comfy = FakeComfy(tls=context)
    address = comfy.address.replace("https://", "comfys://")
    ours = ComfyServer(EngineSettings(address=address, verify=ca_file), poll_s=0.02)

    assert ours.run(txt2img(), ignored).pictures
    assert [headers for headers in comfy.headers if headers.get("Upgrade")]
    ours.close()
    comfy.stop()


def test_a_certificate_of_a_stranger_is_refused(authority):
    _, context = authority
    comfy = FakeComfy(tls=context)
    ours = ComfyServer(EngineSettings(address=comfy.address))

    with pytest.raises(BackendCertificateError):
        ours.system_stats()
    ours.close()
    comfy.stop()


# -- time and size


@contextlib.contextmanager
def dripping(first: bytes, drop: bytes):
    """A server that answers `first`, and then one drop after the other."""
    listener = socket.create_server(("127.0.0.1", 0))

    def work() -> None:
        with contextlib.suppress(OSError):
            line, _ = listener.accept()
            with line:
                line.recv(65536)
                line.sendall(first)
                for _ in range(400):
                    line.sendall(drop)
                    time.sleep(0.02)

    threading.Thread(target=work, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.close()


@pytest.mark.parametrize(
    ("first", "drop"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X-A: b\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 99999\r\n\r\n", b" "),
        (b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n", b" "),
    ],
)
def test_an_answer_that_drips_ends_at_its_deadline(first, drop):
    with dripping(first, drop) as address:
        ours = ComfyConnection(EngineSettings(address=address))
        began = time.monotonic()
        with pytest.raises(BackendTimeoutError):
            ours.get("/queue", within_s=0.3, tries=1)
        assert time.monotonic() - began < 3
        ours.close()


def test_an_answer_without_end_is_given_up(comfy, connection, monkeypatch):
    monkeypatch.setattr(comfy_connection, "MAX_ANSWER_BYTES", 1000)
    comfy.at["GET", "/queue"] = Answer(body=json.dumps({"queue_running": ["x" * 2000]}).encode())

    with pytest.raises(AnswerError, match="more than"):
        connection.get("/queue")


def test_no_error_of_httpx_comes_through(comfy, connection):
    comfy.stop()

    for ask in (
        lambda: connection.get("/x", tries=1),
        lambda: connection.post("/x", {}),
        lambda: connection.fetch("/x"),
    ):
        with pytest.raises(BackendError):
            ask()


# -- strangers, logins and proxies


@pytest.mark.parametrize("code", [302, 307])
def test_a_redirect_to_a_login_is_no_address_of_comfyui(comfy, connection, code):
    login = "https://login.example.com/oauth2/start?rd=secret"
    comfy.at["GET", "/system_stats"] = Answer(code, headers={"Location": login})

    with pytest.raises(BackendAuthError, match="a login stands before it") as caught:
        connection.get("/system_stats")
    assert "PRODGEN_HEADERS" in str(caught.value)
    assert "comfys://" not in str(caught.value)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("body", [b"[]", b'{"other": 1}', b"<html><title>Sign in</title></html>"])
def test_a_stranger_s_remedy_is_not_that_of_a1111(comfy, server, body):
    comfy.at["GET", "/system_stats"] = Answer(200, body)

    with pytest.raises(BackendError) as caught:
        server.system_stats()
    assert "--api" not in str(caught.value)


def test_an_a1111_given_as_comfyui_is_named_with_its_address():
    with socket_server.listening(embedded_server()) as url:
        code, told = typed("generate", "--prompt", "a cup", "--backend", url.replace("http", "comfy", 1))

    assert code == 1
    assert f"Give {url} as its address" in told
    assert url.replace("http", "comfy", 1) in told


@pytest.mark.parametrize(
    ("proxy", "said"),
    [
        ("socks5://127.0.0.1:1", r"pip install 'httpx\[socks\]'"),
        ("gopher://x", "of an unknown kind, gopher://"),
    ],
)
@pytest.mark.parametrize("scheme", ["http", "comfy"])
def test_a_proxy_that_cannot_be_used_is_told_in_a_sentence(monkeypatch, proxy, said, scheme):
    monkeypatch.setenv("ALL_PROXY", proxy)
    monkeypatch.setattr(lines.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(SettingError, match=said):
        _ = Client(f"{scheme}://192.0.2.2:7860").capabilities


def test_the_password_is_in_no_log_whatever_its_level(comfy, caplog):
    caplog.set_level(logging.DEBUG)
    settings = replace(comfy.settings, auth=("me", "hunter22"))
    ours = ComfyServer(settings, poll_s=0.02)

    ours.run(txt2img(), ignored)
    ours.close()

    assert [headers for headers in comfy.headers if headers.get("Upgrade")]
    assert "Basic" not in caplog.text
    assert "hunter22" not in caplog.text


def test_an_error_that_is_no_refusal_of_the_graph_blames_the_server(comfy, server):
    fault = {"error": {"type": "x", "message": "my pack fell over"}, "node_errors": {}}
    comfy.at["POST", "/prompt"] = Answer(500, json.dumps(fault).encode())

    with pytest.raises(BackendFaultError, match="my pack fell over") as caught:
        server.run(txt2img(), ignored)
    assert not isinstance(caught.value, GraphRefusedError)


def test_an_answer_is_read_up_to_a_limit_that_memory_holds(comfy, connection):
    comfy.at["GET", "/queue"] = Answer(body=b'"' + b"x" * (65 << 20) + b'"')

    with pytest.raises(AnswerError, match="more than 64 MB"):
        connection.get("/queue")


def test_a_websocket_is_not_given_up_while_a_node_keeps_the_server_from_its_pings(comfy, server, monkeypatch):
    asked = {}
    connect = websockets.sync.client.connect

    def noting(*where, **how):
        asked.update(how)
        return connect(*where, **how)

    monkeypatch.setattr(websockets.sync.client, "connect", noting)
    server.run(txt2img(), ignored)

    assert asked["ping_timeout"] is None
