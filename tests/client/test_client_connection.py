"""Reaching a server: addresses, passwords, time-outs, retries, limits, and what goes wrong."""

from __future__ import annotations

import base64
import json
import logging
import struct
import zlib

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.client.reaching import addresses, decoding, encoding
from prodgen.client.reaching.connection import TRIES, Connection, translate
from prodgen.codecs import decode, encode_png
from prodgen.dialects import SentPicture
from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendBusyError,
    BackendError,
    BackendFaultError,
    BackendTimeoutError,
    BackendUnreachableError,
    ImageError,
    NotABackendError,
    ProdgenError,
    SettingError,
)
from prodgen.images import from_uint8
from prodgen.schema import Txt2Img, Upscale


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 42} | fields))


def every_subclass(kind):
    return [kind, *(x for child in kind.__subclasses__() for x in every_subclass(child))]


def made(kind):
    if kind is httpx.HTTPStatusError:
        request = httpx.Request("GET", "http://x")
        return kind("told", request=request, response=httpx.Response(500))
    return kind("told")


# Addresses and passwords.


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


# Which backend.


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


# What goes wrong.


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


def test_a_refused_connection_is_tried_again(recorded):
    failures = [httpx.ConnectError("refused"), httpx.ConnectError("refused")]

    def sometimes(request):
        if failures:
            raise failures.pop()
        return httpx.Response(200, json={"a": 1})

    assert recorded(options=sometimes).client().options() == {"a": 1}


def test_a_server_that_is_not_there_is_given_up_soon(recorded):
    server = recorded(options=httpx.ConnectError("refused"))

    with pytest.raises(BackendUnreachableError):
        server.client().options()

    assert len(server.calls) == TRIES


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_and_then_left(recorded, status):
    _, waits = None, []
    server = recorded(txt2img=lambda _: httpx.Response(status, json={"detail": "full"}))

    with pytest.raises(BackendBusyError, match="full"):
        server.client(sleep=waits.append).txt2img(cat())

    assert len(server.sent("txt2img")) == TRIES
    assert waits == sorted(waits)


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(recorded):
    waits = []
    answers = [httpx.Response(503, headers={"retry-after": seconds}) for seconds in ("7", "900")]
    server = recorded(options=lambda _: answers.pop(0) if answers else httpx.Response(200, json={}))

    server.client(sleep=waits.append).options()

    assert waits == [7, 30]


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


@pytest.mark.parametrize("status", [500, 504])
def test_a_server_that_failed_is_not_asked_twice(recorded, status):
    server = recorded(txt2img=lambda _: httpx.Response(status, text="Internal Server Error"))

    with pytest.raises(BackendFaultError):
        server.client().txt2img(cat())

    assert len(server.sent("txt2img")) == 1


def test_a_time_out_is_not_tried_again_but_the_work_is_stopped(recorded):
    server = recorded(
        txt2img=httpx.ReadTimeout("slow"), interrupt={}, progress="progress-queue/queue-progress"
    )
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q1"

    with pytest.raises(BackendTimeoutError, match="its work was stopped"):
        server.client().txt2img(cat())

    assert len(server.sent("txt2img")) == 1
    assert len(server.sent("interrupt")) == 1


def test_ctrl_c_stops_our_own_work_on_the_server(recorded):
    def pressed(request):
        raise KeyboardInterrupt

    server = recorded(txt2img=pressed, interrupt={}, progress="progress-queue/queue-progress")
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q1"

    with pytest.raises(KeyboardInterrupt):
        server.client().txt2img(cat())

    asked = [body["id_task"] for body in server.sent("/internal/progress")]
    assert asked == [server.sent("txt2img")[0]["force_task_id"]]
    assert len(server.sent("interrupt")) == 1


def test_ctrl_c_never_stops_another_callers_work(recorded):
    def pressed(request):
        raise KeyboardInterrupt

    server = recorded(txt2img=pressed, interrupt={}, progress="progress-queue/queue-progress")
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q2"  # ours is only queued

    with pytest.raises(KeyboardInterrupt):
        server.client().txt2img(cat())

    assert not server.sent("interrupt")


def test_after_a_broken_connection_the_work_is_waited_out_before_it_is_asked_for_again(recorded):
    states = ["Q1", "Q1", "after", "after"]
    sent_while_running = []

    def broken_once(request):
        if len(server.sent("txt2img")) == 1:
            raise httpx.ReadError("reset")
        sent_while_running.append(bool(states))
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    def told(request):
        return httpx.Response(
            200, json={"active": states.pop(0) == "Q1", "queued": False, "completed": False}
        )

    server = recorded(txt2img=broken_once, progress="progress-queue/queue-progress")
    server["/internal/progress"] = told

    generation = server.client().txt2img(cat())

    assert len(server.sent("txt2img")) == 2
    assert sent_while_running == [False]
    assert any("connection broke" in notice for notice in generation.notices)


def json_of(name):
    from pathlib import Path

    path = Path(__file__).resolve().parent.parent / "captures" / f"{name}.json"
    return json.loads(path.read_text())["response"]["json"]


def test_a_job_that_failed_inside_is_not_waited_for_though_it_stays_active(recorded):
    calls = []

    def broken_once(request):
        calls.append(1)
        if len(calls) == 1:
            raise httpx.RemoteProtocolError("Server disconnected")
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    server = recorded(txt2img=broken_once, progress="progress-queue/progress-after-failed")
    server["/internal/progress"] = "progress-queue/internal-progress-of-failed-task"

    server.client().txt2img(cat())

    assert len(calls) == 2


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


GOOD = encode_png(np.full((64, 64, 3), 0.5, np.float32))


@pytest.mark.parametrize(
    ("response", "error", "says"),
    [
        (httpx.Response(200, html="<html><title>Hi</title>"), NotABackendError, "web page"),
        (httpx.Response(200, content=b'{"images": ["AAAA'), AnswerError, "whole JSON"),
        (httpx.Response(200, content=b""), AnswerError, "0 bytes"),
        (httpx.Response(200, json=[]), AnswerError, "something else"),
        (httpx.Response(200, json={"images": ["x" * 99], "info": "no"}), AnswerError, "info"),
        (answer_with("?" * 99), AnswerError, "base64"),
        (answer_with(b"no picture" * 9), AnswerError, "result 1"),
        (answer_with(GOOD[:-40]), AnswerError, "cut off"),
        (answer_with(GOOD[:80] + b"\x00" + GOOD[81:]), AnswerError, "damaged"),
        (answer_with(png(20_000, 20_000)), AnswerError, "20000x20000"),
        (answer_with(encode_png(np.zeros((64, 64, 3), np.float32))), BackendFaultError, "all black"),
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


def test_an_answer_that_unpacks_without_end_is_cut(recorded):
    import gzip

    bomb = gzip.compress(bytes(80 << 20))
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


def test_an_answer_in_drops_does_not_last_for_ever(recorded, monkeypatch):
    import itertools
    import time

    clock = itertools.count(0, 500)
    server = recorded(options=httpx.Response(200, content=(b" " for _ in range(99))))
    client = server.client()
    monkeypatch.setattr(time, "monotonic", lambda: next(clock))

    with pytest.raises(BackendTimeoutError, match="in time"):
        client.options()


def test_a_server_that_is_no_a1111_is_named_so(recorded):
    with pytest.raises(NotABackendError, match="--api"):
        _ = recorded(samplers="core/route_sdapi_v1_nonexistent").client().capabilities


def test_a_list_that_cannot_be_read_is_left_out(recorded, caplog):
    has = recorded(options="core/options-get-after-wrong-type").client().capabilities

    assert "options" not in has.answered
    assert "left out" in caplog.text


def test_all_our_errors_survive_a_journey_to_another_process():
    import pickle

    for kind in every_subclass(BackendError):
        error = pickle.loads(pickle.dumps(kind("http://x", "why")))
        assert isinstance(error, ProdgenError)
        assert "why" in str(error)


# Progress.


def test_progress_is_told_meanwhile_and_is_our_own(recorded, monkeypatch):
    import threading

    from prodgen.client.work import tasks

    monkeypatch.setattr(tasks, "POLL_S", 0.01)
    told = threading.Event()
    seen = []

    def slow(request):
        told.wait(5)
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    server = recorded(txt2img=slow)
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q2"

    def on_progress(progress):
        seen.append(progress)
        told.set()

    server.client().txt2img(cat(), on_progress=on_progress)

    assert seen[0].queued
    assert seen[0].is_ours
    assert seen[0].text == "In queue: 1/2"


def test_an_error_in_the_callback_reaches_the_caller(recorded, monkeypatch):
    import threading

    from prodgen.client.work import tasks

    monkeypatch.setattr(tasks, "POLL_S", 0.01)
    told = threading.Event()

    def slow(request):
        told.wait(5)
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    def on_progress(progress):
        told.set()
        raise ZeroDivisionError

    server = recorded(txt2img=slow)
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q2"

    with pytest.raises(ZeroDivisionError):
        server.client().txt2img(cat(), on_progress=on_progress)


# Bytes.

COLOURS = from_uint8(np.random.default_rng(1).integers(0, 256, (37, 53, 3), dtype=np.uint8))
ALPHA = from_uint8(np.random.default_rng(2).integers(0, 255, (37, 53), dtype=np.uint8))
PICTURES = [SentPicture(COLOURS), SentPicture(COLOURS, ALPHA), SentPicture(matte=ALPHA)]


@pytest.mark.parametrize(
    "formats", [{"bmp", "tiff", "webp", "png"}, {"bmp", "png"}, {"webp", "png"}, {"png"}]
)
@pytest.mark.parametrize("is_local", [True, False])
@pytest.mark.parametrize("picture", PICTURES)
def test_a_picture_arrives_to_the_bit_in_every_format(picture, is_local, formats):
    data = bytes(encoding.encode_picture(picture, formats=formats, is_local=is_local))

    arrived = decode(data)
    if picture.rgb is None:
        np.testing.assert_array_equal(arrived.rgb[..., 0], ALPHA)
    else:
        np.testing.assert_array_equal(arrived.rgb, COLOURS)
    if picture.rgb is not None and picture.matte is not None:
        np.testing.assert_array_equal(arrived.matte, ALPHA)


def test_a_body_is_the_json_that_a_plain_encoder_would_make():
    fields = {"a": [SentPicture(COLOURS), None], "ü": {"b": 'c"', "d": SentPicture(COLOURS)}}
    body = b"".join(encoding.encode_body(fields, formats={"png"}, is_local=False))

    file = encoding.encode_picture(SentPicture(COLOURS), formats={"png"}, is_local=False)
    text = base64.b64encode(file).decode()
    assert json.loads(body) == {"a": [text, None], "ü": {"b": 'c"', "d": text}}


def test_a_body_can_be_sent_more_than_once():
    body = encoding.encode_body(
        {"a": SentPicture(np.zeros((900, 900, 3), np.float32))}, formats={"bmp"}, is_local=True
    )

    assert b"".join(body) == b"".join(body)
    assert len(b"".join(body)) == body.size


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "P"])
@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_pictures_of_a_server_are_read_exactly(mode, kind):
    import io

    from PIL import Image

    buffer = io.BytesIO()
    original = Image.fromarray((COLOURS * 255 + 0.5).astype(np.uint8)).convert(mode)
    original.save(buffer, kind, lossless=True)

    read = decoding.decode_picture(buffer.getvalue(), name="it")

    np.testing.assert_array_equal(read, from_uint8(np.asarray(original.convert("RGB"))))


@pytest.mark.parametrize("cut", range(0, len(GOOD) - 1, 7))
def test_a_picture_that_was_cut_off_is_never_taken(cut):
    with pytest.raises(ImageError):
        decoding.decode_picture(GOOD[:cut], name="it")


def test_a_data_uri_is_read_as_its_content():
    assert decoding.decode_base64("data:image/png;base64,QUJD") == decoding.decode_base64("QUJD") == b"ABC"


def test_uploads_over_a_network_are_small(recorded):
    server = recorded(extra_single_image="core/extra-single-lanczos-x2")
    request = Upscale(image=np.full((64, 64, 3), 0.5, np.float32), upscaler_1="Lanczos", upscaling_resize=2)
    server.client().upscale(request)
    Client("http://far", transport=httpx.MockTransport(server)).upscale(request)

    local, far = (base64.b64decode(body["image"]) for body in server.sent("extra-single-image"))
    assert local[:2] == b"BM"
    assert far[8:12] == b"WEBP"


def test_a_connection_is_closed_with_its_client(recorded):
    server = recorded()
    with server.client() as client:
        client.options()

    with pytest.raises(RuntimeError):
        client.options()


def test_an_unreadable_certificate_file_is_an_error():
    with pytest.raises(SettingError, match="certificate"):
        Connection(addresses.parse("https://x"), timeout_s=1, verify="/no/such/file.pem")
