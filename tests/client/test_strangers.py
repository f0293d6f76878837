"""Other programs at the address: each is named with the way to go, by whatever command meets it."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from PIL import Image

from prodgen.cli import main
from prodgen.client import Client
from prodgen.errors import BackendAuthError, BackendError, BackendFaultError, NotABackendError

Answer = tuple[int, dict[str, str], str]


def page(title: str, body: str = "", status: int = 200, **headers: str) -> Answer:
    text = f"<!doctype html><html><head><title>{title}</title></head><body>{body}</body></html>"
    return status, {"content-type": "text/html", **headers}, text


def data(value: Any, status: int = 200, **headers: str) -> Answer:
    return status, {"content-type": "application/json", **headers}, json.dumps(value)


def plain(text: str, status: int = 200, **headers: str) -> Answer:
    return status, {"content-type": "text/plain", **headers}, text


def redirect(to: str) -> Answer:
    return 302, {"location": to}, ""


FASTAPI = data({"detail": "Not Found"}, 404)
AIOHTTP = plain("404: Not Found", 404, server="Python/3.12 aiohttp/3.11")
GO = plain("404 page not found\n", 404)
NGINX = page("404 Not Found", "<center>nginx</center>", 404, server="nginx/1.26")
LM_STUDIO = data({"error": "Unexpected endpoint or method. (GET /sdapi/v1/samplers)"})
GRADIO = "<script>window.gradio_config = {}</script>"
LOGIN = '<form><input name="user"><input type="password" name="pw"></form>'

STRANGERS: dict[str, tuple[str, str, Answer, dict[str, Answer]]] = {
    # case -> what the error names, what the remedy holds, the answer to everything else, known paths
    "ComfyUI": (
        "ComfyUI 0.3.64",
        "give comfy://gpu:7860",
        AIOHTTP,
        {"/system_stats": data({"system": {"comfyui_version": "0.3.64"}, "devices": []})},
    ),
    "ComfyUI, of before it told its version": (
        "ComfyUI",
        "give comfy://gpu:7860",
        AIOHTTP,
        {"/system_stats": data({"system": {"os": "posix", "python_version": "3.10"}, "devices": [{}]})},
    ),
    "ComfyUI, behind a proxy that shows its page alone": (
        "ComfyUI",
        "give comfy://gpu:7860",
        NGINX,
        {"/": page("ComfyUI", server="nginx")},
    ),
    "InvokeAI by its version": (
        "InvokeAI 5.6.0",
        "its API on",
        FASTAPI,
        {"/api/v1/app/version": data({"version": "5.6.0"})},
    ),
    "InvokeAI by its page": ("InvokeAI", "its API on", FASTAPI, {"/": page("Invoke - Community Edition")}),
    "SwarmUI": (
        "SwarmUI",
        "give comfy://gpu:7860/ComfyBackendDirect",
        redirect("/Error/404"),
        {"/": redirect("Text2Image")},
    ),
    "SwarmUI that answers 404 by a page": (
        "SwarmUI",
        "give comfy://gpu:7860/ComfyBackendDirect",
        page("Oops", "", 404),
        {"/": redirect("/Text2Image")},
    ),
    "Easy Diffusion by its ping": (
        "Easy Diffusion",
        "draws by Forge",
        FASTAPI,
        {"/ping": data({"status": "Online", "devices": {"all": {}, "active": {}}, "packages_installed": []})},
    ),
    "Easy Diffusion by its page": (
        "Easy Diffusion",
        "draws by Forge",
        FASTAPI,
        {"/": page("Easy Diffusion")},
    ),
    "Fooocus-API by its queue": (
        "Fooocus-API",
        "its API on",
        FASTAPI,
        {"/v1/generation/job-queue": data({"running_size": 0, "finished_size": 3, "last_job_id": None})},
    ),
    "Fooocus-API by its home page": (
        "Fooocus-API",
        "its API on",
        FASTAPI,
        {"/": (200, {"content-type": "text/html"}, 'Swagger-UI to: <a href="/docs">/docs</a>')},
    ),
    "Fooocus": ("Fooocus answers", "no API", FASTAPI, {"/": page("Fooocus 2.5.5", GRADIO)}),
    "SD.Next without samplers": (
        "SD.Next",
        "loaded a model",
        FASTAPI,
        {"/sdapi/v1/samplers": data([]), "/sdapi/v1/version": data({"app": "sd.next", "hash": "1a2b"})},
    ),
    "SD.Next by its page": (
        "SD.Next without its API",
        "has started",
        FASTAPI,
        {"/": page("SD.Next", GRADIO)},
    ),
    "an early stable-diffusion.cpp": (
        "stable-diffusion.cpp",
        "Update",
        (404, {}, ""),
        {"/": data({"ok": True, "service": "sd-cpp-http"})},
    ),
    "stable-diffusion.cpp with its own API alone": (
        "stable-diffusion.cpp",
        "Update",
        (404, {}, ""),
        {"/": page("sd"), "/sdcpp/v1/capabilities": data({"supported_modes": ["img_gen"]})},
    ),
    "KoboldCpp without an image model": (
        "KoboldCpp 1.92",
        "--sdmodel",
        FASTAPI,
        {
            "/sdapi/v1/samplers": data([]),
            "/api/extra/version": data({"result": "KoboldCpp", "version": "1.92"}),
        },
    ),
    "SwarmUI by its session": (
        "SwarmUI 0.9.7",
        "give comfy://gpu:7860/ComfyBackendDirect",
        FASTAPI,
        {"/API/GetNewSession": data({"session_id": "9D35", "user_id": "local", "version": "0.9.7"})},
    ),
    "InvokeAI with more to tell": (
        "InvokeAI 6.9.0",
        "its API on",
        FASTAPI,
        {"/api/v1/app/version": data({"version": "6.9.0", "highlights": None, "commit": "1a"})},
    ),
    "Easy Diffusion that draws": (
        "Easy Diffusion",
        "draws by Forge",
        FASTAPI,
        {"/ping": data({"status": "Rendering"})},
    ),
    "Easy Diffusion by its settings": (
        "Easy Diffusion",
        "draws by Forge",
        FASTAPI,
        {"/get/app_config": data({"update_branch": "main", "render_devices": "auto"})},
    ),
    "Fooocus-API with a key": (
        "Fooocus-API",
        "its API on",
        FASTAPI,
        {"/v1/generation/text-to-image": data({"detail": "Method Not Allowed"}, 405)},
    ),
    "Draw Things": (
        "Draw Things",
        "its API on",
        (404, {}, ""),
        {"/": data({"model": "sd_v1.5_f16.ckpt", "sampler": "Euler A Trailing", "guidance_scale": 7})},
    ),
    "an API like OpenAI's by its route for pictures": (
        "OpenAI",
        "its API on",
        FASTAPI,
        {"/v1/images/generations": data({"detail": "Method Not Allowed"}, 405)},
    ),
    "Ollama": ("Ollama", "made for text", GO, {"/": plain("Ollama is running")}),
    "LM Studio": ("LM Studio", "made for text", LM_STUDIO, {}),
    "llama.cpp": ("llama.cpp", "made for text", data({"error": {"code": 404}}, 404, server="llama.cpp"), {}),
    "Open WebUI": ("Open WebUI", "made for text", FASTAPI, {"/": page("Open WebUI")}),
    "LocalAI": ("LocalAI", "its API on", data({"error": {"code": 404}}, 404), {"/": page("LocalAI API")}),
    "an API like OpenAI's": (
        "OpenAI",
        "its API on",
        FASTAPI,
        {"/v1/models": data({"object": "list", "data": [{"id": "flux"}]})},
    ),
    "an API like OpenAI's with a key": (
        "OpenAI",
        "its API on",
        data({"error": {"message": "no key", "type": "invalid_request_error"}}, 401),
        {},
    ),
    "A1111 without its API": (
        "API switched off",
        "--api",
        FASTAPI,
        {"/": page("Stable Diffusion", GRADIO), "/internal/ping": data({})},
    ),
    "A1111 without its API, and a page of its own": (
        "API switched off",
        "--api",
        FASTAPI,
        {"/internal/ping": data({})},
    ),
    "Forge without its API": (
        "Forge with its API switched off",
        "--api",
        FASTAPI,
        {
            "/": page(
                "Stable Diffusion", f"{GRADIO}<script src='file=extensions-builtin/sd_forge_hypertile/x.js'>"
            )
        },
    ),
    "a Gradio page": ("'Whisper demo'", "--api", FASTAPI, {"/": page("Whisper demo", GRADIO)}),
    "a Gradio page with a login": (
        "asks for a login",
        "--api-auth",
        data({"detail": "Not Found"}, 404),
        {"/": page("Gradio", '<script>window.gradio_config = {"auth_required": true};</script>')},
    ),
    "A1111 without its API, by its page alone": (
        "a Stable Diffusion web UI with its API switched off",
        "--api",
        FASTAPI,
        {"/": page("Stable Diffusion", GRADIO)},
    ),
    "SwarmUI by its page": (
        "SwarmUI",
        "give comfy://gpu:7860/ComfyBackendDirect",
        page("404", "", 404),
        {"/": page("Text2Image - SwarmUI")},
    ),
    "Jupyter": (
        "JupyterLab or a notebook",
        "7860",
        page("404", "", 404),
        {"/": page("Home - Jupyter Server")},
    ),
    "Apache": ("Apache without a route", "path", page("404", "", 404, server="Apache/2.4"), {}),
    "a router": ("FRITZ!Box", "7860", page("FRITZ!Box", LOGIN), {}),
    "another router": ("TP-Link", "7860", page("404", "", 404), {"/": page("TP-Link Archer", LOGIN)}),
    "nginx with nothing behind": ("nginx", "path", NGINX, {"/": page("Welcome to nginx!", server="nginx")}),
    "nginx without its name in a header": ("nginx", "path", page("404", "<center>nginx</center>", 404), {}),
    "Traefik without a router": ("Traefik", "path", GO, {}),
    "Caddy": ("Caddy", "path", (404, {"server": "Caddy"}, ""), {}),
    "a web page of anybody": ("'Our shop'", "7860", page("Our shop"), {}),
    "an API of anybody": (
        "'Weather'",
        "7860",
        FASTAPI,
        {"/openapi.json": data({"info": {"title": "Weather"}})},
    ),
}

PROXIES_WITHOUT_A_ROUTE: dict[str, tuple[str, Answer]] = {
    # case -> what the error names, the answer to everything
    "Caddy, which answers 200 with nothing": ("Caddy", (200, {"server": "Caddy"}, "")),
    "Envoy": ("Envoy", (404, {"server": "envoy"}, "")),
    "openresty": ("nginx", page("404 Not Found", "<center>openresty/1.25</center>", 404)),
    "Kubernetes without an ingress": ("web server", plain("default backend - 404", 404)),
}

GATES_AT_THE_DOOR: dict[str, tuple[Answer, Answer]] = {
    # case -> the answer to everything else, and to the page
    "a redirect": (page("404", "", 404), redirect("/users/sign_in")),
    "a form": (FASTAPI, page("Portal", LOGIN)),
}

GATES: dict[str, tuple[str, str, Answer]] = {
    "Cloudflare's challenge": (
        "challenge",
        "no password",
        page("Just a moment...", status=403, **{"cf-mitigated": "challenge", "server": "cloudflare"}),
    ),
    "Cloudflare's block": ("challenge", "no password", page("Attention Required! | Cloudflare", status=403)),
    "Cloudflare Access": (
        "Cloudflare Access",
        "CF-Access-Client-Id",
        redirect("https://us.cloudflareaccess.com/cdn-cgi/access/login/sd.example?kid=secret"),
    ),
    "ngrok": ("ngrok", "ngrok-skip-browser-warning", page("x", "ERR_NGROK_6024", 511)),
    "Cloudflare Access without a browser": (
        "Cloudflare Access",
        "CF-Access-Client-Id",
        page("Error ・ Cloudflare Access", "Forbidden", 403),
    ),
    "a page that refreshes to a login": (
        "login page stands before it (redirected to /login)",
        "PRODGEN_HEADERS",
        plain('<html><meta http-equiv="refresh" content="0; url=/login?next=secret"></html>'),
    ),
    "a script that leads to a login": (
        "login page stands before it (redirected to /sso/start)",
        "PRODGEN_HEADERS",
        plain("<html><script>window.location.replace('/sso/start?rd=secret')</script></html>"),
    ),
    "a login in another language": ("login page", "PRODGEN_HEADERS", page("Connexion", "<div id=app>")),
    "pinggy": ("pinggy", "X-Pinggy-No-Screen", page("Caution", "served by pinggy.io")),
    "zrok": ("zrok", "skip_zrok_interstitial", page("zrok", "shared with zrok")),
    "serveo": ("serveo", "serveo-skip-browser-warning", page("Warning", "a tunnel of Serveo")),
    "oauth2-proxy": ("login page", "PRODGEN_HEADERS", redirect("/oauth2/start?rd=%2F")),
    "a form that a script makes": (
        "login page",
        "PRODGEN_HEADERS",
        page("Anmelden - Keycloak", "<div id=app>"),
    ),
    "localtunnel": ("localtunnel", "bypass-tunnel-reminder", page("Tunnel website ahead!", "", 511)),
    "a form": ("login page", "PRODGEN_HEADERS", page("Sign in", LOGIN)),
    "a form at 401": ("login page", "PRODGEN_HEADERS", page("Sign in", LOGIN, 401)),
}

TUNNELS: dict[str, tuple[str, str, str, Answer]] = {
    "RunPod without the pod": (
        "https://ab-7860.proxy.runpod.net",
        "RunPod",
        "HTTP ports",
        page("404", "", 404),
    ),
    "a Dev Tunnel's warning": (
        "https://ab-7860.euw.devtunnels.ms",
        "Dev Tunnel",
        "X-Tunnel-Skip-AntiPhishing-Page",
        page("You are about to connect", ""),
    ),
    "a private Space": ("https://me-sd.hf.space", "Hugging Face", "Bearer hf_", page("404", "", 404)),
    "ngrok without a tunnel": ("https://x.ngrok.app", "tunnel", "again", page("x", "ERR_NGROK_3200", 404)),
    "Gradio's share link": (
        "https://ab12.gradio.live",
        "share link",
        "--share",
        page("Gradio", "No interface is running right now", 404),
    ),
    "ngrok by its header": (
        "https://x.ngrok.app",
        "tunnel",
        "again",
        (404, {"ngrok-error-code": "ERR_NGROK_8012"}, ""),
    ),
}


def fake(other: Answer, known: dict[str, Answer] | None = None) -> Callable[[httpx.Request], httpx.Response]:
    def answer(request: httpx.Request) -> httpx.Response:
        status, headers, body = (known or {}).get(request.url.path, other)
        return httpx.Response(status, headers=headers, text=body)

    return answer


def met(answer: Callable[[httpx.Request], httpx.Response], address: str = "http://gpu:7860") -> BackendError:
    """The error that the first use of such a server ends with."""
    with (
        Client(address, transport=httpx.MockTransport(answer), sleep=lambda _: None) as client,
        pytest.raises(BackendError) as caught,
    ):
        client.txt2img(prompt="a mug")
    return caught.value


@pytest.mark.parametrize("case", STRANGERS)
def test_another_program_is_named_with_the_way_to_go(case):
    name, remedy, other, known = STRANGERS[case]

    error = met(fake(other, known))

    assert isinstance(error, NotABackendError)
    assert name in error.reason
    assert remedy in error.remedy


@pytest.mark.parametrize("case", GATES)
def test_what_asks_who_we_are_is_no_wrong_password(case):
    name, remedy, other = GATES[case]

    error = met(fake(other))

    assert isinstance(error, BackendAuthError)
    assert name in error.reason
    assert remedy in error.remedy
    assert "secret" not in str(error)


@pytest.mark.parametrize("case", GATES_AT_THE_DOOR)
def test_a_login_that_stands_before_the_page_alone_is_named_too(case):
    other, door = GATES_AT_THE_DOOR[case]

    error = met(fake(other, {"/": door}))

    assert isinstance(error, BackendAuthError)
    assert "login page" in error.reason


@pytest.mark.parametrize("case", TUNNELS)
def test_a_tunnel_that_answers_in_place_of_the_server_is_named(case):
    address, name, remedy, other = TUNNELS[case]

    error = met(fake(other), address)

    assert name in error.reason
    assert remedy in error.remedy


def test_a_password_that_a1111_itself_asks_for_is_asked_for_and_nothing_else_is_looked_at():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(401, json={"detail": "Not authenticated"})

    error = met(answer)

    assert isinstance(error, BackendAuthError)
    assert "--api-auth" in error.remedy
    assert set(asked) == {"/sdapi/v1/samplers"}


@pytest.mark.parametrize(
    "body", [page("401 Authorization Required", "<center>nginx</center>", 401), plain("", 401)]
)
def test_a_password_that_a_proxy_asks_for_stays_a_matter_of_passwords(body):
    status, headers, text = body

    error = met(fake((status, {**headers, "www-authenticate": 'Basic realm="sd"', "server": "nginx"}, text)))

    assert isinstance(error, BackendAuthError)
    assert "PRODGEN_AUTH" in error.remedy


@pytest.mark.parametrize("case", PROXIES_WITHOUT_A_ROUTE)
def test_a_proxy_that_hands_nothing_on_is_named(case):
    name, answer = PROXIES_WITHOUT_A_ROUTE[case]

    error = met(fake(answer))

    assert f"{name} without a route" in error.reason
    assert "path" in error.remedy


@pytest.mark.parametrize("server", ["nginx", "Apache/2.4", "Caddy"])
def test_a_refusal_by_a_proxy_is_no_missing_route(server):
    error = met(fake(page("403 Forbidden", "", 403, server=server)))

    assert isinstance(error, BackendAuthError)
    assert "forbidden" in error.reason


def test_an_error_that_a_proxy_hands_on_is_not_the_proxys_own():
    error = met(fake(data({"detail": "Not Found"}, 404, server="nginx")))

    assert "nginx" not in error.reason


@pytest.mark.parametrize(
    "fault",
    [page("Internal Server Error", "", 500), plain("Internal Server Error", 500)],
    ids=["page", "text"],
)
@pytest.mark.parametrize(
    "door",
    [
        page("Internal Server Error", "", 500),
        page("Stable Diffusion", GRADIO),
        page("SD.Next", GRADIO),
        page("Forge", '<script>window.gradio_config = {"auth_required": true};</script>'),
    ],
)
def test_a_failing_server_is_not_taken_for_a_page_or_an_api_switched_off(fault, door):
    known = {"/": door, "/internal/ping": data({})}

    error = met(fake(fault, known))

    assert isinstance(error, BackendFaultError)
    assert "500" in error.reason


def test_an_error_of_a1111s_own_is_passed_on_as_it_is():
    fault = data({"error": "KeyError", "detail": "", "body": "", "errors": "'sd_model'"}, 500)

    error = met(fake(fault, {"/": page("Stable Diffusion", GRADIO), "/internal/ping": data({})}))

    assert isinstance(error, BackendFaultError)
    assert "sd_model" in error.reason


def test_a_redirect_to_https_is_not_taken_for_the_proxy_that_sends_it():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(request.url.path)
        return httpx.Response(301, headers={"location": f"https://gpu{request.url.path}", "server": "nginx"})

    assert "redirected" in met(answer).reason
    assert set(asked) == {"/sdapi/v1/samplers"}  # nothing else can be seen either


def test_questions_to_a_stranger_are_few_and_change_nothing():
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append((request.method, request.url.path))
        return httpx.Response(404)

    met(answer)

    # SwarmUI alone is asked by POST: for a session, as every visit of its page does.
    assert {path for method, path in asked if method != "GET"} == {"/API/GetNewSession"}
    assert len(set(asked)) == len(asked) - 1  # the first question, once for its answer as it came
    assert len(asked) < 20


def test_a_stranger_that_stops_answering_costs_no_second_error():
    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path != "/sdapi/v1/samplers":
            raise httpx.ReadTimeout("silence")
        return httpx.Response(404, json={"detail": "Not Found"})

    assert "/sdapi/v1/samplers" in met(answer).reason


class ComfyUI(BaseHTTPRequestHandler):
    """Answers the questions that recognise ComfyUI, and no others."""

    def do_GET(self) -> None:
        known = {"/system_stats": data({"system": {"comfyui_version": "0.3.64"}, "devices": []})}
        status, headers, body = known.get(self.path, AIOHTTP)
        self.send_response(status)
        for name, value in {**headers, "content-length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body.encode())

    do_POST = do_GET  # noqa: N815 - the name that http.server calls

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def comfyui() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), ComfyUI) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize(
    "command",
    [
        ("generate", "--prompt", "a mug", "-o", "drawn.png"),
        ("upscale", "mug.png", "-o", "large.png"),
        ("list", "loras"),
        ("doctor",),
    ],
    ids=lambda command: command[0],
)
@pytest.mark.parametrize("is_named_by", ["variable", "option"])
def test_every_command_that_meets_a_stranger_names_it(command, is_named_by, comfyui, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "red").save("mug.png")
    if is_named_by == "variable":
        monkeypatch.setenv("PRODGEN_BACKEND", comfyui)
    else:
        command = (*command, "--backend", comfyui)

    result = CliRunner().invoke(main, [*command])

    assert result.exit_code == 1
    assert "ComfyUI 0.3.64 answers there, not the API of A1111" in result.output
    assert "give comfy://127.0.0.1:" in result.output


@pytest.mark.parametrize("address", ["auto", "http://127.0.0.1:9"])
def test_an_error_that_names_no_stranger_is_not_its_own_cause(monkeypatch, address: str):
    # Whoever follows causes to their end, as Dask does to send an error, would never come to one.
    monkeypatch.setenv("PRODGEN_BACKEND", "http://127.0.0.1:9")

    with pytest.raises(BackendError) as caught, Client(address) as client:
        _ = client.capabilities

    seen: list[BaseException] = []
    error: BaseException | None = caught.value
    while error is not None:
        assert all(error is not other for other in seen)
        seen.append(error)
        error = error.__cause__


def test_a_comfyui_behind_a_certificate_and_a_path_is_told_its_whole_address():
    _, _, other, known = STRANGERS["ComfyUI"]
    answers = fake(other, {f"/ai{path}": answer for path, answer in known.items()})

    assert "give comfys://gpu.example/ai" in met(answers, "https://gpu.example/ai").remedy
