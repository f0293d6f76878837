"""The table of signs by which services that are no A1111 API are recognised, and the way to go from each.

A sign is one cheap question, what its answer must show, and two sentences. Signs are tried from the top: what
stands before every server (logins, challenges, proxies) first, then programs by what their own routes
answer, then pages by their marks, then what speaks a common protocol.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

from prodgen.client.reaching.seen_answer import SeenAnswer
from prodgen.dialects import ROUTES

Shows = Callable[[SeenAnswer], bool]

Kind = Literal["service", "gate", "tunnel"]
"""service: another program answers. gate: something asks who we are first. tunnel: a tunnel answers because
nothing stands at its other end."""

ASKED = ROUTES["samplers"]
"""The first question to every server."""

PAGE = "/"


def _anything(seen: SeenAnswer) -> bool:
    return True


@dataclass(frozen=True)
class Sign:
    """One kind of stranger: the question that shows it, and what to say then."""

    what: str
    """What answers, as the subject of a sentence; {title}, {status}, {to} (where a redirect leads), {proxy}
    and {version} are put in."""
    shows: Shows
    """Whether an answer proves it."""
    remedy: str
    """What to do; {as comfy}, the address as that of a ComfyUI server, is put in."""
    path: str = ASKED
    kind: Kind = "service"
    method: Literal["GET", "POST"] = "GET"
    """POST sends an empty object; only to a route at which that changes nothing that anybody keeps."""
    version: tuple[str, ...] = ()
    """Keys of the JSON under which its version stands."""
    first: Shows = _anything
    """What the answer to the first question must show besides, whatever `path` is."""


# What an answer can show.


def has(*keys: str) -> Shows:
    """Return a test for JSON in which something stands under these keys, one inside the other."""
    return lambda seen: seen.at(*keys) is not None


def says(value: object, *keys: str) -> Shows:
    """Return a test for JSON in which `value` stands under these keys; case does not matter."""
    return lambda seen: str(seen.at(*keys)).lower() == str(value).lower()


def titled(*parts: str) -> Shows:
    """Return a test for a page whose title holds one of these, written small."""
    return lambda seen: bool(seen.title) and any(part in seen.title.lower() for part in parts)


def holds(*parts: str) -> Shows:
    """Return a test for a body that holds one of these, written small."""
    return lambda seen: any(part in seen.text.lower() for part in parts)


def header(name: str, part: str = "") -> Shows:
    """Return a test for a header whose value holds `part`; case does not matter."""
    return lambda seen: name in seen.headers and part.lower() in seen.headers[name].lower()


def status(*codes: int) -> Shows:
    """Return a test for one of these statuses."""
    return lambda seen: seen.status in codes


def other_status(*codes: int) -> Shows:
    """Return a test for any status but these."""
    return lambda seen: seen.status not in codes


def leads_to(*parts: str) -> Shows:
    """Return a test for a redirect whose target, without its query, holds one of these."""
    return lambda seen: any(part.lower() in seen.location.lower() for part in parts)


def every(*shows: Shows) -> Shows:
    """Return a test for all of these at once."""
    return lambda seen: all(one(seen) for one in shows)


def either(*shows: Shows) -> Shows:
    """Return a test for one of these."""
    return lambda seen: any(one(seen) for one in shows)


def says_only(*texts: str) -> Shows:
    """Return a test for a body that is one of these texts and nothing else; case does not matter."""
    return lambda seen: seen.text.lower() in texts


def starts(texts: tuple[str, ...], *keys: str) -> Shows:
    """Return a test for JSON in which a text that starts like one of these stands under these keys."""
    return lambda seen: str(seen.at(*keys)).startswith(texts)


def has_just(*keys: str) -> Shows:
    """Return a test for a JSON object without other keys than these, the first of which it must have."""
    return lambda seen: (
        isinstance(seen.json, dict) and set(keys[:1]) <= set(seen.json) <= set(keys) and seen.status == 200
    )


def sends_on_to(*parts: str) -> Shows:
    """Return a test for a page that sends a browser on by itself, to an address that holds one of these."""
    return lambda seen: any(part in seen.sends_on_to.lower() for part in parts)


def asks_for_password(seen: SeenAnswer) -> bool:
    """Whether it is a web page with a field for a password."""
    return seen.asks_for_password


def hosted_at(ending: str) -> Shows:
    """Return a test for an address whose host ends so."""
    return lambda seen: seen.host.endswith(ending)


# The ways to go.

_SPEAKERS = "AUTOMATIC1111's web UI, Forge, reForge, SD.Next or stable-diffusion.cpp"
OTHER_API = (
    f"prodgen does not speak its API: start {_SPEAKERS} with its API on, or ComfyUI, at a port of its own, "
    "and give that address; or take engine://, prodgen's own, on the machine with the GPU; embedded:// draws "
    "without a model."
)
AS_COMFY = "prodgen draws by its workflows, if its address begins with comfy: give {as comfy}"
AS_SWARM = (
    "It draws by a ComfyUI server of its own, and hands that on: give {as comfy}/ComfyBackendDirect, or that "
    "server's own address as comfy://HOST:PORT."
)
AS_EASY = (
    "Since version 3.5 it draws by Forge, whose API listens on its own machine alone, at port 7860: run "
    f"prodgen there, with http://127.0.0.1:7860. For an older one: {OTHER_API}"
)
API_OFF = (
    "Start it with --api (in COMMANDLINE_ARGS of webui-user.sh or webui-user.bat; in a container, in its "
    "command) and ask again."
)
UPDATE_SDCPP = "Update stable-diffusion.cpp: its server answers /sdapi/v1 too."
NO_PICTURES = (
    f"It is made for text: give the address of {_SPEAKERS}, whose usual port is 7860; embedded:// draws "
    "without a server."
)
WRONG_PLACE = "Correct host and port: A1111 usually listens at port 7860."
LOG_IN = (
    "Give what it lets programs in by: PRODGEN_AUTH=user:password or 'Bearer TOKEN', or a header or cookie "
    "of it in PRODGEN_HEADERS; or use the server's own address behind it."
)
ROUTE_IT = (
    "Give the name or path under which the proxy hands the web UI on, with its port, or correct its settings."
)

_IS_DEVICE = either(
    titled(
        "router", "fritz!box", "openwrt", "speedport", "netgear", "tp-link", "mikrotik", "routeros", "unifi"
    ),
    titled("asus wireless", "d-link", "linksys", "synology", "diskstation", "livebox", "vodafone station"),
    header("www-authenticate", "netgear"),
    header("server", "router"),
)

_LOGIN_PATHS = ("login", "logon", "signin", "sign-in", "sign_in", "/sso", "/auth", "oauth", "openid", "saml")

_LEADS_TO_LOGIN = either(leads_to(*_LOGIN_PATHS), sends_on_to(*_LOGIN_PATHS))

_IS_LOGIN = either(
    asks_for_password,
    titled("log in", "login", "sign in", "sign-in", "anmelden", "authentik", "keycloak", "authelia"),
    titled("connexion", "se connecter", "iniciar sesión", "accedi", "inloggen", "登录", "ログイン"),
)

_WARNING_PAGES = (
    ("ngrok", either(header("ngrok-error-code", "6024"), holds("err_ngrok_6024")),
     "ngrok-skip-browser-warning"),
    ("localtunnel", either(titled("tunnel website ahead"), header("x-localtunnel-status")),
     "bypass-tunnel-reminder"),
    ("pinggy", every(holds("<html"), holds("pinggy")), "X-Pinggy-No-Screen"),
    ("zrok", every(holds("<html"), holds("zrok")), "skip_zrok_interstitial"),
    ("serveo", every(holds("<html"), holds("serveo")), "serveo-skip-browser-warning"),
    ("Dev Tunnel", every(holds("<html"), hosted_at(".devtunnels.ms")), "X-Tunnel-Skip-AntiPhishing-Page"),
)  # fmt: skip
"""Tunnels that show browsers a warning first: name, what shows it, and the header with which they do not.

Sources: the documentation of each.
"""

GATES = (
    Sign(
        "a router's or another device's page ({title!r})",
        _IS_DEVICE,
        f"That is a device of the network, not the machine with the GPU. {WRONG_PLACE}",
    ),
    Sign(
        "Cloudflare's challenge for browsers stands before it",
        either(
            header("cf-mitigated", "challenge"),
            titled("just a moment...", "attention required! | cloudflare"),
        ),
        "It is no password: let this machine past it in Cloudflare's rules (by IP address, or by an Access "
        "service token in PRODGEN_HEADERS), or use the server's own address.",
        kind="gate",
    ),
    Sign(
        "Cloudflare Access asks for a login before it",
        either(leads_to("cloudflareaccess.com", "/cdn-cgi/access"), titled("cloudflare access")),
        "Make a service token there and set PRODGEN_HEADERS to its two lines, CF-Access-Client-Id: ID and "
        "CF-Access-Client-Secret: SECRET.",
        kind="gate",
    ),
    *(
        Sign(f"{name}'s warning page for browsers stands before it", shows,
             f"Set PRODGEN_HEADERS='{skipping}: 1'.", kind="gate")
        for name, shows, skipping in _WARNING_PAGES
    ),
    Sign("a login page stands before it (redirected to {to})", _LEADS_TO_LOGIN, LOG_IN, kind="gate"),
    Sign("a login page stands before it ({title!r})", _IS_LOGIN, LOG_IN, kind="gate"),
)  # fmt: skip
"""What asks who we are before it lets anybody through, and what is no computer for pictures at all.

Source: developers.cloudflare.com (the header cf-mitigated of challenges, service tokens of Access).
"""

TUNNELS = (
    Sign(
        "RunPod's proxy answers in place of the pod ({status})",
        every(hosted_at(".proxy.runpod.net"), status(404)),
        "See that the pod runs and has finished starting, that the port in the address is among its HTTP "
        "ports, and that the web UI listens on all addresses (--listen).",
        kind="tunnel",
    ),
    Sign(
        "Hugging Face answers in place of the Space ({status})",
        every(hosted_at(".hf.space"), status(404)),
        "See that the Space of that name runs; a private one wants PRODGEN_AUTH='Bearer hf_...'.",
        kind="tunnel",
    ),
    Sign(
        "ngrok answers that nothing stands behind its tunnel",
        either(header("ngrok-error-code"), holds("err_ngrok_")),
        "Start the tunnel again, and see that its port is the web UI's.",
        kind="tunnel",
    ),
    Sign(
        "Gradio's share link leads nowhere any more",
        holds("no interface is running right now"),
        "Start the web UI again with --share: such a link ends with it, or after some days.",
        kind="tunnel",
    ),
)
"""Tunnels that answer because the server behind them does not, in ways that are theirs alone."""

_EASY_STATES = ("Init", "LoadingModel", "Online", "Rendering", "Unavailable")
"""States of Easy Diffusion's server. Source: its task_manager.py."""

_IS_GRADIO = holds("gradio_config", "<gradio-app", "gradio.app", "gradio.js")

# With 500 and above a page says that something failed, and nothing of what is missing.
_API_MISSING = either(status(404, 405), every(status(200), holds("<html")))


# A route answers 405 to GET where it takes POST; a server that answers so to everything shows nothing by it.
_TAKES_POST = status(405)
_ELSE_NOT = other_status(405)

PROGRAMS = (
    Sign("LM Studio", starts(("Unexpected endpoint or method",), "error"), NO_PICTURES),
    Sign("SwarmUI", leads_to("/error/404"), AS_SWARM),
    Sign("SwarmUI", leads_to("text2image"), AS_SWARM, PAGE),
    Sign("SwarmUI", titled("swarmui"), AS_SWARM, PAGE),
    Sign("Ollama", holds("ollama is running"), NO_PICTURES, PAGE),
    Sign("stable-diffusion.cpp", says("sd-cpp-http", "service"), UPDATE_SDCPP, PAGE),
    Sign("Fooocus-API", holds('swagger-ui to: <a href="/docs">'), OTHER_API, PAGE),
    Sign("ComfyUI{version}", has("system", "comfyui_version"), AS_COMFY, "/system_stats",
         version=("system", "comfyui_version")),
    Sign("ComfyUI", every(has("system", "python_version"), has("devices")), AS_COMFY, "/system_stats"),
    Sign("ComfyUI", titled("comfyui"), AS_COMFY, PAGE),
    Sign("InvokeAI", titled("invoke - community edition", "invokeai", "invoke ai"), OTHER_API, PAGE),
    Sign("InvokeAI{version}", has("version"), OTHER_API, "/api/v1/app/version", version=("version",)),
    Sign("SwarmUI{version}", has("session_id"), AS_SWARM, "/API/GetNewSession", method="POST",
         version=("version",)),
    Sign("KoboldCpp{version} without a model for pictures", says("koboldcpp", "result"),
         "Start it with --sdmodel FILE: it then answers a part of this API.", "/api/extra/version",
         version=("version",)),
    Sign("Easy Diffusion", titled("easy diffusion"), AS_EASY, PAGE),
    Sign("Easy Diffusion", starts(_EASY_STATES, "status"), AS_EASY, "/ping"),
    Sign("Easy Diffusion", either(has("update_branch"), has("render_devices")), AS_EASY, "/get/app_config"),
    Sign("Fooocus-API", every(has("running_size"), has("finished_size")), OTHER_API,
         "/v1/generation/job-queue"),
    Sign("Fooocus-API", _TAKES_POST, OTHER_API, "/v1/generation/text-to-image", first=_ELSE_NOT),
    Sign("Draw Things", every(has("model"), has("sampler"), has("guidance_scale")), OTHER_API, PAGE),
    Sign("stable-diffusion.cpp", has("supported_modes"), UPDATE_SDCPP, "/sdcpp/v1/capabilities"),
    Sign("LocalAI", titled("localai"), OTHER_API, PAGE),
    Sign("llama.cpp", either(header("server", "llama.cpp"), titled("llama.cpp")), NO_PICTURES, PAGE),
    Sign("Open WebUI", titled("open webui"), NO_PICTURES, PAGE),
    Sign("Fooocus", every(_IS_GRADIO, titled("fooocus")), f"It has a page, but no API. {OTHER_API}", PAGE),
    Sign("SD.Next", either(says("sd.next", "app"), says("sdnext", "app"), says("sd-next", "app")),
         "It names no samplers: wait until it has loaded a model; its console says more.",
         "/sdapi/v1/version"),
    Sign("SD.Next without its API", titled("sd.next"), "Wait until it has started; its console says more.",
         PAGE, first=_API_MISSING),
    Sign("Forge with its API switched off",
         every(_IS_GRADIO, holds("extensions-builtin/sd_forge", "modules_forge")), API_OFF, PAGE,
         first=_API_MISSING),
    Sign("a Stable Diffusion web UI with its API switched off",
         either(titled("stable diffusion"), holds("txt2img_textarea")), API_OFF, PAGE, first=_API_MISSING),
    Sign("a Stable Diffusion web UI with its API switched off", has_just(), API_OFF, "/internal/ping",
         first=_API_MISSING),
    Sign("a Gradio page that asks for a login",
         every(_IS_GRADIO, holds('"auth_required":true', '"auth_required": true')),
         f"If it is A1111's: {API_OFF} The API's password is that of --api-auth, not of --gradio-auth.",
         PAGE, first=_API_MISSING),
    Sign("a Gradio page ({title!r})", _IS_GRADIO,
         f"If it is A1111's or Forge's: {API_OFF} prodgen speaks to no other Gradio page.", PAGE,
         first=_API_MISSING),
)  # fmt: skip
"""Programs, by what their own routes answer.

Sources, each program's own: ComfyUI server.py, InvokeAI app_info.py and api_app.py, SwarmUI WebServer.cs
("/" leads to Text2Image, an unknown path to /Error/404) and ComfyUIBackendExtension.cs
(/ComfyBackendDirect), Easy Diffusion server.py (/ping) and webui_common.py (port 7860), Fooocus-API api.py
and routes/query.py, stable-diffusion.cpp examples/server, koboldcpp.py (/api/extra/version), A1111 ui.py
(/internal/ping). LM Studio answers every path that it lacks with 200 and this error.
"""

_WEB_SERVERS = ("nginx", "Caddy", "Apache", "Envoy")
"""Those of the proxies that `SeenAnswer.proxy` knows that answer by themselves where they have no route."""


def _is_no_refusal(seen: SeenAnswer) -> bool:
    """Whether the answer says what is there: a refusal and a failure (500 and above) do not."""
    return seen.status < 500 and seen.status not in (401, 403)


def _has_no_route(seen: SeenAnswer) -> bool:
    """Whether a web server answers with a page of its own: not found, nothing at all, or its welcome."""
    is_own = seen.proxy in _WEB_SERVERS and seen.json is None
    # Caddy without a route answers 200 with nothing.
    return (is_own and (seen.status == 404 or not seen.text)) or _IS_WELCOME(seen)


_IS_WELCOME = either(
    titled("welcome to nginx", "caddy works", "apache2 "), says_only("default backend - 404")
)
"""First pages of web servers that hand on nothing yet, and what Kubernetes answers for them."""

_LEFT = (
    Sign("JupyterLab or a notebook", either(titled("jupyter"), leads_to("/lab", "/tree")), WRONG_PLACE, PAGE),
    Sign("a login page (redirected to {to})", _LEADS_TO_LOGIN, LOG_IN, PAGE, kind="gate"),
    Sign("a login page ({title!r})", _IS_LOGIN, LOG_IN, PAGE, kind="gate"),
    Sign("an API like OpenAI's", either(says("list", "object"), has("error", "type")), OTHER_API,
         "/v1/models"),
    Sign("an API like OpenAI's", _TAKES_POST, OTHER_API, "/v1/images/generations", first=_ELSE_NOT),
    # FastAPI's own default is no name.
    Sign("another API ({title!r})", lambda seen: seen.at("info", "title") not in (None, "FastAPI"),
         WRONG_PLACE, "/openapi.json"),
    Sign("Traefik (or another program written in Go) without a route to the web UI",
         says_only("404 page not found"), ROUTE_IT),
    Sign("{proxy} without a route to the web UI", _has_no_route, ROUTE_IT, PAGE,
         first=_is_no_refusal),
    Sign("a web page ({title!r})", titled(""), WRONG_PLACE, PAGE, first=_is_no_refusal),
)  # fmt: skip

PAGES = (replace(GATES[0], path=PAGE), *_LEFT)
"""What is left: devices, web servers without a route (Traefik answers Go's own 404), and common protocols."""

IMITATORS = (
    Sign("KoboldCpp{version}", says("koboldcpp", "result"), "", "/api/extra/version", version=("version",)),
    Sign("stable-diffusion.cpp", has("supported_modes"), "", "/sdcpp/v1/capabilities"),
    Sign("SD.Next{version}", has("app"), "", "/sdapi/v1/version", version=("updated",)),
)
"""Programs that answer A1111's API, or a part of it, and say elsewhere who they are."""

SIGNS: tuple[Sign, ...] = (*GATES, *TUNNELS, *PROGRAMS, *PAGES)
"""All signs, in the order in which they are tried."""
