"""Proxies before a server, and pods that start: they are named, waited out, and nothing is drawn in vain."""

from __future__ import annotations

import json
import threading
import time

import httpx
import numpy as np
import pytest

from prodgen.client import Client
from prodgen.client.reaching import patience
from prodgen.client.work import tasks
from prodgen.engines import embedded_server
from prodgen.errors import (
    BackendAuthError,
    BackendBusyError,
    BackendError,
    BackendFaultError,
    BackendGatewayError,
    BackendOutOfMemoryError,
    BackendStartingError,
    BackendTimeoutError,
    BackendUnreachableError,
    NotABackendError,
)
from prodgen.schema import Txt2Img
from prodgen.server import ApiTransport, Behaviour

NGINX = "<html><head><title>{}</title></head><body><hr><center>nginx/1.25</center></body></html>"


def page(status, title, **headers):
    return httpx.Response(status, html=NGINX.format(title), headers=headers)


def plain(status, text, **headers):
    return httpx.Response(status, text=text, headers=headers)


IN_THE_MIDDLE = {
    "nginx 502": page(502, "502 Bad Gateway", server="nginx"),
    "nginx 504": page(504, "504 Gateway Time-out", server="nginx"),
    "traefik 504": plain(504, "Gateway Timeout"),
    "traefik 503": plain(503, "no available server"),
    "alb 502": httpx.Response(
        502, html="<html><title>502 Bad Gateway</title>", headers={"server": "awselb/2.0"}
    ),
    "alb 503": httpx.Response(503, html="<html><title>503</title></html>", headers={"server": "awselb/2.0"}),
    "envoy 503": plain(503, "upstream connect error or disconnect/reset before headers", server="envoy"),
    "empty 502": httpx.Response(502),
    "json 504": httpx.Response(504, json={"message": "Endpoint request timed out"}),
    "runpod 524": plain(524, "error code: 524", server="cloudflare"),
    "haproxy 408": httpx.Response(408, html="<html><body><h1>408 Request Time-out</h1></body></html>"),
    "limit 429": page(429, "429 Too Many Requests", server="nginx"),
    **{
        f"cloudflare {status}": page(status, f"sd.example | {status}: oh", server="cloudflare")
        for status in (520, 521, 522, 523, 524, 525, 526, 527, 530)
    },
}


class Gateway(httpx.BaseTransport):
    """A proxy before an embedded server, which answers in its place when it is told to.

    `cuts` are answered to drawings one after the other while the server draws on; `away` to whatever is asked
    then, each to one question.
    """

    def __init__(self, server, *, cuts=(), away=(), forwards=True):
        self.server = server
        self.cuts = list(cuts)
        self.away = list(away)
        self.forwards = forwards
        self.sent = []
        """When each drawing came, and how many pictures were done by then."""
        self.is_cut = False
        self.hides_files = False
        self.behind = []

    def handle_request(self, request):
        request.read()
        if self.is_cut and self.away:
            return copied(self.away.pop(0), request)
        if self.hides_files and request.url.path.startswith("/file="):
            return httpx.Response(404, json={"detail": "Not Found"}, request=request)
        if request.url.path.endswith("2img"):
            self.sent.append(len(self.server.render_log))
            if self.cuts:
                self.is_cut = True
                if self.forwards:
                    patient = httpx.Request(
                        "POST", request.url, headers=request.headers, content=request.read()
                    )
                    work = threading.Thread(target=ApiTransport(self.server).handle_request, args=(patient,))
                    work.start()
                    self.behind.append(work)
                    time.sleep(0.05)
                return copied(self.cuts.pop(0), request)
        return ApiTransport(self.server).handle_request(request)


def copied(response, request):
    return httpx.Response(
        response.status_code, headers=response.headers, content=response.content, request=request
    )


def client_of(gateway, **options):
    options.setdefault("sleep", lambda seconds: time.sleep(min(seconds, 0.02)))
    client = Client("http://sd.example", transport=gateway, **options)
    _ = client.capabilities
    return client


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 7} | fields))


@pytest.mark.parametrize("cut", IN_THE_MIDDLE)
def test_work_that_a_gateway_cut_off_is_waited_out_before_it_is_sent_again(cut):
    server = embedded_server(Behaviour(delay_s=0.3))
    gateway = Gateway(server, cuts=[IN_THE_MIDDLE[cut]])

    with client_of(gateway) as client:
        generation = client.txt2img(cat())

    assert generation.seeds == (7,)
    assert gateway.sent == [0, 1]  # the second one when the first was drawn: never two at once
    assert len(server.render_log) == 2


def test_what_was_asked_twice_is_told_with_the_proxy_that_was_the_reason():
    gateway = Gateway(embedded_server(), cuts=[IN_THE_MIDDLE["nginx 504"]])

    with client_of(gateway) as client:
        notices = " ".join(client.txt2img(cat()).notices)

    assert "A proxy before it (nginx) gave up waiting for it after 0 s (504" in notices
    assert "it was asked again" in notices


AWAY = {
    "502": [page(502, "502 Bad Gateway")],
    "503 without words": [httpx.Response(503)],
    "521": [page(521, "down", server="cloudflare")],
    "404 page": [httpx.Response(404, html="<title>404 Not Found</title>")],
    "404 plain": [plain(404, "404 page not found")],
    "404 of routes to come": [httpx.Response(404, json={"detail": "Not Found"})],
    "loading page": [httpx.Response(200, html="<title>Starting up</title>")],
    "page without a word": [httpx.Response(200, html="<html>")],
    "loading JSON": [
        httpx.Response(503, json={"error": "Model x is currently loading", "estimated_time": 20})
    ],
    "llama": [httpx.Response(503, json={"error": {"message": "Loading model", "code": 503}})],
    "500": [httpx.Response(500, text="Internal Server Error")],
    "by turns": [
        page(502, "x"),
        httpx.Response(404, html="<p>"),
        httpx.Response(200, html="<h1>Loading...</h1>"),
    ],
}


@pytest.mark.parametrize("face", AWAY)
def test_a_server_that_is_restarted_behind_a_proxy_is_waited_for_and_draws_once(face, monkeypatch, caplog):
    """The proxy answers in its place for a while; then there is a server that knows nothing of the task."""
    if face != "500":  # whoever answers in the server's place shows that it may come back
        monkeypatch.setattr(tasks, "RESTART_S", 0.001)
    server = embedded_server()
    gateway = Gateway(server, cuts=[page(502, "502 Bad Gateway")], away=AWAY[face] * 12, forwards=False)

    with client_of(gateway) as client:
        assert client.txt2img(cat()).seeds == (7,)

    assert gateway.away == []
    assert len(server.render_log) == 1


@pytest.mark.parametrize(
    "face", ["404 page", "404 plain", "loading page", "loading JSON", "page without a word"]
)
def test_a_pod_that_starts_again_between_two_drawings_is_waited_for(face):
    server = embedded_server()
    gateway = Gateway(server, cuts=AWAY[face], away=AWAY[face] * 6, forwards=False)

    with client_of(gateway) as client:
        assert client.txt2img(cat()).seeds == (7,)

    assert gateway.away == []
    assert len(server.render_log) == 1


def test_a_login_page_in_place_of_what_worked_before_is_not_waited_for():
    gateway = Gateway(embedded_server())

    with client_of(gateway) as client:
        client.txt2img(cat())
        gateway.cuts = [httpx.Response(200, html="<title>Sign in to continue</title>")]
        with pytest.raises(BackendAuthError, match="Log in anew"):
            client.txt2img(cat())


def test_twenty_pictures_over_restarts_and_cuts_are_each_drawn_once_and_those_that_were_lost_again():
    server = embedded_server(Behaviour(delay_s=0.02, nowebui=True))
    gateway = Gateway(server)
    delivered, lost = [], 0

    with client_of(gateway) as client:
        for seed in range(20):
            gateway.is_cut = False
            gateway.forwards = seed % 4 == 1
            lost += gateway.forwards
            gateway.cuts = [list(IN_THE_MIDDLE.values())[seed]] if seed % 2 else []
            gateway.away = [] if gateway.forwards else list(AWAY.values())[seed % len(AWAY)] * 3
            delivered.append(client.txt2img(cat(seed=seed)).seeds[0])

    assert delivered == list(range(20))
    assert len(server.render_log) == 20 + lost


def test_a_proxy_that_cuts_every_picture_is_got_round_by_files_that_the_server_saved():
    server = embedded_server()
    reference = [client_of(Gateway(server)).txt2img(cat(seed=seed)) for seed in (7, 8, 9)]
    before = len(server.render_log)
    gateway = Gateway(server, cuts=[IN_THE_MIDDLE["cloudflare 524"]] * 99)

    with client_of(gateway) as client:
        first = client.txt2img(cat())
        second = client.txt2img(cat(seed=8, batch_size=2))

    drawn = [*first.images, *second.images]
    for picture, wanted in zip(drawn, reference, strict=True):
        np.testing.assert_array_equal(picture, wanted.images[0])
    assert (*first.seeds, *second.seeds) == (7, 8, 9)
    assert first.infotexts == reference[0].infotexts
    assert first.was_fetched
    assert any("proxy before this server does not wait" in notice for notice in second.notices)
    # The first one was lost once; from then on it is known, and each is drawn once.
    assert len(server.render_log) - before == 4


def test_a_server_that_saves_but_hands_out_no_file_is_asked_again_and_the_proxy_named():
    server = embedded_server()
    gateway = Gateway(server, cuts=[IN_THE_MIDDLE["nginx 504"]])
    gateway.hides_files = True

    with client_of(gateway) as client:
        assert client.txt2img(cat()).seeds == (7,)  # its second answer came through
        gateway.cuts = [IN_THE_MIDDLE["nginx 504"]] * 9
        with pytest.raises(BackendGatewayError, match="proxy_read_timeout"):
            client.txt2img(cat())

    assert len(gateway.sent) == 2 + 3


def test_a_saved_picture_that_was_lost_in_a_restart_is_drawn_again():
    server = embedded_server()
    gateway = Gateway(server, cuts=[IN_THE_MIDDLE["nginx 504"]])

    with client_of(gateway) as client:
        client.txt2img(cat())
        gateway.cuts, gateway.forwards = [page(502, "502 Bad Gateway")], False
        again = client.txt2img(cat(seed=8))

    assert again.seeds == (8,)
    assert [record.seed for record in server.render_log] == [7, 7, 8]


def test_a_proxy_that_cuts_every_time_is_named_with_what_to_raise():
    server = embedded_server(Behaviour(nowebui=True))  # hands no files out
    gateway = Gateway(server, cuts=[IN_THE_MIDDLE["nginx 504"]] * 9)

    with client_of(gateway) as client, pytest.raises(BackendGatewayError) as failure:
        client.txt2img(cat())

    assert (failure.value.proxy, failure.value.status, failure.value.gave_up) == ("nginx", 504, True)
    assert "proxy_read_timeout" in str(failure.value)
    assert len(gateway.sent) == 3


class Endless:
    """An engine's work that ends when it is interrupted alone."""

    def __init__(self):
        from prodgen.engines.ibl.ibl_engine import IblEngine
        from prodgen.server import ApiServer

        self.was_stopped = threading.Event()
        self.server = ApiServer(IblEngine(renderer=self._render))

    def _render(self, order):
        try:
            while True:
                time.sleep(0.01)
                order.progress(0.1)  # raises once the job is interrupted
        finally:
            self.was_stopped.set()


def test_work_behind_a_proxy_that_gave_up_is_stopped_when_our_time_is_up():
    endless = Endless()
    gateway = Gateway(endless.server, cuts=[IN_THE_MIDDLE["cloudflare 524"]])

    with (
        client_of(gateway, timeout_s=1.0) as client,
        pytest.raises(BackendTimeoutError, match="did not end within 1 s; its work was stopped"),
    ):
        client.txt2img(cat())

    assert endless.was_stopped.wait(50)
    gateway.behind[0].join(50)


def test_a_server_that_tells_nothing_of_its_work_is_not_asked_twice(recorded):
    server = recorded(txt2img=lambda _: page(504, "504 Gateway Time-out"))
    del server.answers["/internal/ping"]
    del server.answers["/sdapi/v1/progress"]

    with pytest.raises(BackendGatewayError, match="does not tell whether it still draws"):
        server.client().txt2img(cat())

    assert len(server.sent("txt2img")) == 1


# The first question to an address.


def asked_first(recorded, response, **options):
    options.setdefault("timeout_s", 5)
    return recorded(samplers=lambda _: response).client(**options)


@pytest.mark.parametrize(
    ("response", "kind", "says"),
    [
        (page(502, "502 Bad Gateway", server="nginx"), BackendGatewayError, "(nginx) got no answer"),
        (plain(504, "Gateway Timeout"), BackendGatewayError, "responseHeaderTimeout"),
        (plain(504, "upstream request timeout", server="envoy"), BackendGatewayError, "timeout of its route"),
        (plain(504, "", via="1.1 google"), BackendGatewayError, "backend service"),
        (plain(504, "", server="CloudFront"), BackendGatewayError, "CloudFront"),
        (plain(502, "", server="Caddy"), BackendGatewayError, "(Caddy)"),
        (plain(504, "x", server="awselb/2.0"), BackendGatewayError, "idle_timeout"),
        (httpx.Response(502, html="<title>502 Proxy Error</title>"), BackendGatewayError, "(Apache)"),
        (
            httpx.Response(504, html="<h1>504 Gateway Time-out</h1>\nThe server didn't respond in time."),
            BackendGatewayError,
            "timeout server",
        ),
        (page(522, "x", server="cloudflare"), BackendGatewayError, "(Cloudflare) gave up"),
        (httpx.Response(504), BackendGatewayError, "proxy_read_timeout"),
        (page(521, "x"), BackendUnreachableError, "(Cloudflare) cannot reach it (521"),
        (page(523, "x"), BackendUnreachableError, "cannot reach it (523"),
        (
            plain(530, "error code: 1033", server="cloudflare"),
            BackendUnreachableError,
            "proxy or tunnel leads",
        ),
        (page(500, "Oops"), BackendFaultError, "it failed (500): Oops"),
        (page(503, "503 Service Unavailable"), BackendBusyError, "503 Service Unavailable"),
        (plain(503, "CUDA out of memory. Tried"), BackendOutOfMemoryError, "CUDA out of memory"),
        (httpx.Response(400, json={"error": "ErrorOutOfDeviceMemory"}), BackendOutOfMemoryError, "smaller"),
    ],
)
def test_what_a_gateway_answers_to_the_first_question_is_named(recorded, response, kind, says):
    with pytest.raises(kind) as failure:
        _ = asked_first(recorded, response).capabilities

    assert says in str(failure.value)
    assert "--api" not in str(failure.value)


def test_the_proxy_of_a_pod_is_known_by_its_address():
    transport = httpx.MockTransport(lambda _: plain(524, "error code: 524", server="cloudflare"))

    with (
        Client("https://abc-7860.proxy.runpod.net", transport=transport, sleep=lambda _: None) as client,
        pytest.raises(BackendGatewayError, match=r"RunPod.*expose the pod's port as TCP"),
    ):
        client.options()


def test_a_question_that_a_gateway_gave_up_on_is_not_asked_again(recorded):
    server = recorded(options=lambda _: page(504, "x"))

    with pytest.raises(BackendGatewayError):
        server.client().options()

    assert len(server.calls) == 1


STARTING = [
    httpx.Response(503, json={"error": "Model x is currently loading", "estimated_time": 7.5}),
    httpx.Response(
        503, json={"error": {"message": "Loading model", "type": "unavailable_error", "code": 503}}
    ),
    httpx.Response(503, text="Your pod is starting, please wait"),
    httpx.Response(503, json={"detail": "Service not ready"}),
    httpx.Response(200, json={"status": "Loading model"}),
    httpx.Response(200, text="Booting"),
    httpx.Response(200, html="<html><title>Loading...</title><body>spinner"),
    httpx.Response(200, html="<html><body><h1>Space is waking up</h1>"),
    httpx.Response(404, html="<title>Pod is being started</title>"),
    httpx.Response(502, html="<title>The application is starting</title>"),
    httpx.Response(
        500,
        json={
            "error": "AttributeError",
            "errors": "'Api' object has no attribute 'default_script_arg_img2img'",
        },
    ),
]


@pytest.mark.parametrize("response", STARTING)
def test_who_says_that_it_is_starting_is_waited_for_and_this_is_told_once(recorded, caplog, response):
    answers = [response] * 9
    waits = []
    server = recorded()
    good = server.answers["/sdapi/v1/samplers"]
    server["/sdapi/v1/samplers"] = lambda x: copied(answers.pop(), x) if answers else replay(recorded, good)

    assert server.client(sleep=waits.append).capabilities.samplers

    assert waits == [7.5 if b"7.5" in response.content else patience.START_POLL_S] * 9
    assert caplog.text.count("it is still starting") == 1


def replay(recorded, name):
    from .conftest import replayed

    return replayed(name)


def test_who_starts_for_ever_is_given_up(recorded):
    waits = []

    with pytest.raises(BackendStartingError, match="still starting"):
        _ = asked_first(recorded, STARTING[2], sleep=waits.append, timeout_s=9999).capabilities

    assert sum(waits) <= patience.START_S


def test_nobody_who_does_not_say_so_is_waited_for(recorded):
    waits = []
    grafana = httpx.Response(200, html="<title>Grafana</title>")
    fault = httpx.Response(500, text="error while loading model: no such file")

    with pytest.raises(NotABackendError):
        _ = asked_first(recorded, grafana, sleep=waits.append).capabilities
    with pytest.raises(BackendFaultError):
        _ = asked_first(recorded, fault, sleep=waits.append).capabilities

    assert waits == []


def test_a_server_that_is_starting_when_it_draws_is_asked_until_it_can(recorded, captured, caplog):
    answers = [STARTING[-1]] * 6
    drawn = captured("core/txt2img-min")["response"]["json"]
    server = recorded(
        txt2img=lambda x: copied(answers.pop(), x) if answers else httpx.Response(200, json=drawn)
    )

    assert server.client().txt2img(cat(seed=42)).images

    assert len(server.sent("txt2img")) == 7
    assert caplog.text.count("still starting") == 1


def test_auto_waits_for_the_server_that_was_named_and_says_that_it_starts(recorded, monkeypatch):
    answers = [STARTING[0]] * 3
    server = recorded()

    def answer(request):
        return copied(answers.pop(), request) if answers else replay(recorded, "core/get-samplers")

    server["/sdapi/v1/samplers"] = answer
    monkeypatch.setenv("PRODGEN_BACKEND", "http://pod.example")
    monkeypatch.setattr("prodgen.client.knowledge.choosing.Access.open", lambda *_: connection_to(server))

    assert Client().address == "http://pod.example"
    assert answers == []


def connection_to(server):
    from prodgen.client.reaching import addresses
    from prodgen.client.reaching.connection import Connection

    where = addresses.parse("http://pod.example")
    return Connection(where, timeout_s=9, transport=httpx.MockTransport(server), sleep=lambda _: None)


# Who refuses access, and where redirects lead.


@pytest.mark.parametrize(
    ("response", "says", "never"),
    [
        (httpx.Response(401, json={"detail": "Not authenticated"}), "user:password", "{"),
        (
            httpx.Response(
                401, json={"detail": {"error": "Unauthorized", "msg": "Authentication key is missing"}}
            ),
            "Unauthorized: Authentication key is missing. Set PRODGEN_AUTH='Bearer TOKEN'",
            "{",
        ),
        (httpx.Response(401, headers={"www-authenticate": 'Bearer realm="x"'}), "'Bearer TOKEN'", "{"),
        (httpx.Response(401, headers={"www-authenticate": "Basic realm=x"}), "user:password.", "Bearer"),
        (httpx.Response(403, json={"error": {"message": "Invalid API key"}}), "PRODGEN_HEADERS", "{"),
        (httpx.Response(403, html="<title>Just a moment...</title>"), "no password helps", "PRODGEN_AUTH"),
        (httpx.Response(403, headers={"cf-mitigated": "challenge"}), "no password helps", "PRODGEN_AUTH"),
        (httpx.Response(403, html="<title>403 Forbidden</title>"), "403 Forbidden", "--api"),
    ],
)
def test_who_refuses_access_is_told_with_what_it_wants(recorded, response, says, never):
    with pytest.raises(BackendAuthError) as refusal:
        recorded(txt2img=lambda _: response).client().txt2img(cat())

    assert says in str(refusal.value)
    assert never not in str(refusal.value)


@pytest.mark.parametrize(
    ("location", "says"),
    [
        (
            "https://ann:s3cret@sd.example/sdapi/v1/options?token=s3cret",
            "Give https://sd.example as the address",
        ),
        ("https://sd.example/base/sdapi/v1/options", "Give https://sd.example/base as the address"),
        ("//sd.example/sdapi/v1/options/", "Give http://sd.example as the address"),
        ("/login?next=s3cret", "to http://127.0.0.1:7860/login. Open that in a browser"),
        ("https://[broken", "Give the address that it leads to"),
        ("", "Give the address that it leads to"),
    ],
)
def test_a_redirect_is_named_without_what_may_be_secret(recorded, location, says):
    server = recorded(options=lambda _: httpx.Response(307, headers={"location": location}))

    with pytest.raises(NotABackendError) as refusal:
        server.client().options()

    assert says in str(refusal.value)
    assert "s3cret" not in str(refusal.value)


@pytest.mark.parametrize("packing", ["br", "zstd", "gzip, br", "x-own"])
def test_an_answer_that_is_packed_as_nobody_asked_is_named(recorded, packing):
    server = recorded(
        options=lambda _: httpx.Response(200, content=Packed(), headers={"content-encoding": packing})
    )

    with pytest.raises(
        BackendError, match=f"packed as {packing.rpartition(' ')[2]}, which was not asked for"
    ):
        server.client().options()


class Packed(httpx.SyncByteStream):
    def __iter__(self):
        yield b"\x8b\x02\x80{}\x03"


def test_errors_about_gateways_survive_pickling():
    import pickle

    error = BackendGatewayError("http://x", "y", status=524, proxy="Cloudflare", gave_up=True)
    again = pickle.loads(pickle.dumps(error))

    assert (str(again), again.status, again.proxy, again.gave_up) == (str(error), 524, "Cloudflare", True)
    assert pickle.loads(pickle.dumps(BackendStartingError("x", "y", retry_after_s=3))).retry_after_s == 3


def test_what_the_task_was_asked_is_the_only_thing_that_decides(monkeypatch):
    """A task that the server has queued is waited for, though nothing of it runs yet."""
    monkeypatch.setattr(tasks, "POLL_S", 0.01)
    server = embedded_server(Behaviour(delay_s=0.2))
    gateway = Gateway(server, cuts=[IN_THE_MIDDLE["nginx 504"]])
    other = threading.Thread(target=lambda: client_of(Gateway(server)).txt2img(cat(seed=1, steps=9)))
    other.start()

    with client_of(gateway) as client:
        assert client.txt2img(cat()).seeds == (7,)
    other.join(20)

    assert json.dumps(sorted(record.seed for record in server.render_log)) == "[1, 7, 7]"
