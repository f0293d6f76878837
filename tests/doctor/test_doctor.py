"""The doctor: each illness shows in its own line with a remedy, and the patient is left as it was."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import socket
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from prodgen.cli import main
from prodgen.client import Extension, Memory
from prodgen.doctor import ExamineOptions, Report, SetupFacts, examine, gather, judge
from prodgen.doctor.facts import DrawingTrials, RelightTrial
from prodgen.doctor.gathering import within
from prodgen.doctor.relight_checks import BRIDGE_VERSION
from prodgen.doctor.servers_page import page
from prodgen.engines import load_engine
from prodgen.engines.ibl.ibl_engine import CHECKPOINT, IblEngine
from prodgen.engines.ibl.render import render
from prodgen.engines.ibl.render_order import Rendering, RenderOrder
from prodgen.errors import (
    BackendFaultError,
    BackendGatewayError,
    BackendOutOfMemoryError,
    BackendTimeoutError,
    NotAppliedError,
)
from prodgen.schema import ScriptArgument, ScriptInfo
from prodgen.server import ApiServer, ApiTransport, Behaviour
from prodgen.server.app import HttpRequest
from prodgen.server.injected_faults import EVERY_KIND, Fault, at_random, in_turn
from prodgen.server.socket_server import listening
from prodgen.server.wire import HttpAnswer, answer


class Altered(ApiServer):
    """The embedded server with some routes answered otherwise, as servers with other extensions do."""

    def __init__(
        self, routes: dict[str, object], *, checkpoints: tuple[str, ...] = (CHECKPOINT,), **switches: object
    ) -> None:
        super().__init__(IblEngine(checkpoints=checkpoints), Behaviour(**switches))
        self.routes = routes
        self.asked: list[str] = []

    def answer(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(f"{request.method} {request.path}")
        if request.path in self.routes and request.method == "GET":
            return answer(self.routes[request.path])
        return super().answer(request)


def examined(server: ApiServer, *, fixes: bool = False, **how: object) -> Report:
    """The report on a server that does not call itself embedded, as far as its address goes."""
    transport = ApiTransport(server)
    return examine(
        "http://127.0.0.1:1", how=ExamineOptions(transport=transport, timeout_s=20, **how), fixes=fixes
    )


def real(*, renderer: Callable[[RenderOrder], Rendering] = render, **switches: object) -> ApiServer:
    """A server with the name of a real checkpoint."""
    engine = IblEngine(checkpoints=("photon", "photon-inpainting"), renderer=renderer)
    return ApiServer(engine, Behaviour(**{"version": "v1.10.1", **switches}))


@pytest.fixture(scope="module")
def facts() -> SetupFacts:
    """Facts of a server in good health that passes for a real one; tests make it ill."""
    found = gather("http://127.0.0.1:1", ExamineOptions(transport=ApiTransport(real()), timeout_s=20))
    assert found.capabilities is not None
    bridge = ScriptInfo("prodgen bridge", True, False, (ScriptArgument("version", BRIDGE_VERSION),))
    have = dataclasses.replace(found.capabilities, scripts=(*found.capabilities.scripts, bridge))
    here = dataclasses.replace(
        found.here, segmenters=("auto", "classical", "isnet-general-use"), segmenter="isnet-general-use"
    )
    memory = Memory(1 << 30, 1 << 34, 2 << 30, 24 << 30)
    return dataclasses.replace(found, capabilities=have, here=here, memory=memory)


def ill(facts: SetupFacts, **changes: object) -> Report:
    return judge(dataclasses.replace(facts, **changes))


def having(facts: SetupFacts, **changes: object) -> Report:
    assert facts.capabilities is not None
    return ill(facts, capabilities=dataclasses.replace(facts.capabilities, **changes))


def test_the_embedded_backend_is_all_ok():
    report = examine("embedded://")

    assert [x for x in report.findings if x.status != "OK"] == []
    assert {"relights fc", "relights fbc", "overrides", "scenes", "outputs"} <= {
        x.name for x in report.findings
    }


def test_a_real_server_in_good_health_is_all_ok(facts):
    report = judge(facts)

    assert [x for x in report.findings if x.status != "OK"] == []
    assert report.backend == "A1111 v1.10.1"


@pytest.mark.parametrize("spelling", ["v2", "v15"])
def test_every_spelling_of_ic_light_is_seen_to_relight(spelling):
    report = examined(real(ic_light=spelling))

    assert report.named("relights fc").status == "OK"
    assert report.named("relights fbc").status == "OK"


# Nobody there, or the wrong one.


def test_a_refused_connection_names_the_remedy():
    report = examine(f"http://127.0.0.1:{_free_port()}")

    assert report.named("address").status == "broken"
    assert "--api" in report.named("address").remedy
    assert {x.name for x in report.findings} == {"address", "outputs", "cut-out", "print", "scenes"}


def test_an_unknown_host_is_told_from_a_refused_connection():
    report = examine("http://no-such-host.invalid:7860")

    assert "no machine of that name" in report.named("address").remedy


def test_a_server_that_accepts_and_never_answers_is_given_up_on():
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        started = time.monotonic()
        report = examine(f"http://127.0.0.1:{silent.getsockname()[1]}", how=ExamineOptions(timeout_s=1))

    assert report.named("address").status == "broken"
    assert "hangs" in report.named("address").remedy
    assert time.monotonic() - started < 40


def test_a_server_that_answers_in_drops_for_ever_is_given_up_on(monkeypatch):
    monkeypatch.setattr("prodgen.doctor.gathering.ASKING_S", 0.6)
    over = threading.Event()

    def drip(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, contextlib.suppress(OSError):
            connection.sendall(b"HTTP/1.1 200 OK\r\nx: ")
            while not over.wait(0.05):
                connection.sendall(b"y")

    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        dripping = threading.Thread(target=drip, args=(listener,))
        dripping.start()
        try:
            report = examine(f"http://127.0.0.1:{listener.getsockname()[1]}", how=ExamineOptions(timeout_s=1))
        finally:
            over.set()
            dripping.join()

    assert report.named("address").status == "broken"


@pytest.mark.parametrize("kind", [kind for kind in EVERY_KIND if kind != "too_many"])  # as busy
def test_whatever_goes_wrong_is_a_finding_and_options_stay_as_they_were(kind):
    faults = at_random(share=0.2, seed=3, kinds=[kind], paths=("2img", "options", "progress", "extensions"))
    server = real(faults=faults, leaky_overrides=True)
    before = server.machine.options.shown()
    transport = ApiTransport(server)

    report = examine("http://127.0.0.1:1", how=ExamineOptions(transport=transport, timeout_s=2))

    assert report.findings
    assert server.machine.options.shown() == before


def test_work_that_never_ends_is_left_behind():
    over = threading.Event()
    with pytest.raises(BackendTimeoutError):
        within(0.05, "http://x", over.wait)
    over.set()


def test_a_missing_password_is_asked_for_and_a_wrong_one_corrected(monkeypatch):
    server = real(auth={"ann": "s3cret"})

    missing = examined(server).named("address")
    monkeypatch.setenv("PRODGEN_AUTH", "ann:hunter2")
    wrong = examined(server).named("address")

    assert "set PRODGEN_AUTH" in missing.remedy
    assert "correct PRODGEN_AUTH" in wrong.remedy
    assert "hunter2" not in f"{wrong.what}{wrong.remedy}"


def test_a_server_with_a_password_in_its_address_is_examined_and_the_password_not_told():
    with listening(real(auth={"ann": "s3cret"})) as url:
        report = examine(url.replace("://", "://ann:s3cret@"), how=ExamineOptions(timeout_s=20), fixes=True)

    assert report.named("drawing").status == "OK"
    assert report.named("clock").status == "OK"
    assert "s3cret" not in json.dumps(report.as_dict())


def test_another_service_is_no_backend():
    report = examined(Altered({"/sdapi/v1/samplers": {"hello": "world"}}))

    assert report.named("address").status == "broken"
    assert "7860" in report.named("address").remedy


def test_a_stranger_is_named_with_the_way_to_go():
    class Swarm(ApiServer):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            to = "Text2Image" if request.path == "/" else "/Error/404"
            return HttpAnswer(302, b"", "text/html", {"location": to})

    found = examined(Swarm(load_engine())).named("address")

    assert "SwarmUI answers there" in found.what
    assert found.remedy.startswith("it draws by a ComfyUI server of its own")


@pytest.mark.parametrize(
    ("path", "says", "name"),
    [
        ("/api/extra/version", {"result": "KoboldCpp", "version": "1.92"}, "KoboldCpp 1.92"),
        ("/sdcpp/v1/capabilities", {"supported_modes": ["img_gen"]}, "stable-diffusion.cpp"),
    ],
)
def test_a_program_that_imitates_a_part_of_the_api_is_called_by_its_own_name(path, says, name):
    class Imitator(Altered):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            if any(part in request.path for part in ("script", "progress", "schedulers", "/internal")):
                return answer({"detail": "Not Found"}, 404)
            return super().answer(request)

    report = examined(Imitator({path: says}, checkpoints=("photon",)), draws=False)

    assert report.backend == name
    assert report.named("version").what.startswith(f"{name}, spoken to as dialect 'sdcpp'")


@pytest.mark.parametrize("slow", [["/sdapi/v1/loras"], ["/sdapi/v1/loras", "/sdapi/v1/embeddings"]])
def test_a_list_that_takes_too_long_is_named_and_all_else_is_examined(slow):
    class Slow(Altered):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            if request.path in slow:
                raise httpx.ReadTimeout("still reading the folder")
            return super().answer(request)

    report = examined(Slow({}, checkpoints=("photon",)), draws=False)

    assert report.named("lists").status == "warning"
    assert all(f"{path.rsplit('/', 1)[-1]}: no answer" in report.named("lists").what for path in slow)
    assert report.named("samplers").status == "OK"
    assert report.is_sound


def test_a_list_that_cannot_be_read_is_named_and_all_else_is_examined():
    class Broken(Altered):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            given = super().answer(request)
            is_lame = request.path == "/sdapi/v1/loras"
            return dataclasses.replace(given, body=given.body[:-9]) if is_lame else given

    report = examined(Broken({}, checkpoints=("photon",)), draws=False)

    assert "not read: loras: /sdapi/v1/loras answered" in report.named("lists").what
    assert report.named("samplers").status == "OK"


def test_a_server_that_answers_one_list_and_hangs_at_all_others_is_no_working_one():
    class Hanging(Altered):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            if request.path.startswith("/sdapi/v1/") and "samplers" not in request.path:
                raise httpx.ReadTimeout("no answer")
            return super().answer(request)

    assert not examined(Hanging({}), draws=False).is_sound


def test_a_web_ui_without_its_api_is_recognised():
    class NoApi(ApiServer):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            if request.path == "/":
                return HttpAnswer(200, b"<html><title>Stable Diffusion</title>gradio</html>", "text/html")
            return answer({"detail": "Not Found"}, 404)

    assert "--api" in examined(NoApi(load_engine())).named("address").remedy


# Relighting.


def test_the_ndarray_fault_is_found_and_saving_and_fetching_seen_to_work():
    report = examined(real(ndarray_bug=True))

    assert report.named("results").status == "warning"
    assert "bridge" in report.named("results").remedy
    assert report.named("relights fc").status == "OK"


def test_the_ndarray_fault_without_a_page_is_broken():
    report = examined(real(ndarray_bug=True, nowebui=True))

    assert report.named("results").status == "broken"
    assert "--nowebui" in report.named("results").what
    assert report.named("own tasks").status == "warning"


def test_the_text_false_in_place_of_a_picture_is_found():
    assert "api.py" in examined(real(false_strings=True)).named("results").remedy


def test_a1111_before_1_10_does_not_relight():
    report = examined(real(release="1.9", version="v1.9.4"))

    assert report.named("relights fc").status == "broken"
    assert "1.10" in report.named("relights fc").remedy


def test_a_server_that_sends_our_foreground_back_but_draws_as_without_it_is_caught():
    def draw_unlit(order: RenderOrder) -> Rendering:
        return render(dataclasses.replace(order, foreground=None, matte=None, light_map=None))

    report = examined(real(ic_light="v2", renderer=draw_unlit))

    assert "same as without" in report.named("relights fc").what


def test_a_picture_that_equals_the_plain_one_is_not_relit(facts):
    trials = dataclasses.replace(facts.trials, relit={"fc": RelightTrial(proof="foreground", is_plain=True)})

    assert ill(facts, trials=trials).named("relights fc").status == "broken"


@pytest.mark.parametrize(
    ("proof", "said"),
    [
        ("picture", "the product is seen in the picture, and the picture differs from a plain one"),
        ("bridge", "prodgen's bridge saw the patched model draw, and the picture differs from a plain one"),
        ("words", "the picture differs from a plain one"),
        (None, "the picture differs from a plain one"),
    ],
)
def test_what_shows_that_ic_light_relit_is_said(facts, proof, said):
    trials = dataclasses.replace(facts.trials, relit={"fc": RelightTrial(proof=proof)})

    assert ill(facts, trials=trials).named("relights fc").what == said


def test_an_sdxl_checkpoint_is_named_as_the_reason(facts):
    error = NotAppliedError("http://x", "IC-Light did not run: no foreground", feature="IC-Light")
    trials = dataclasses.replace(facts.trials, relit={"fc": RelightTrial(error)})
    have = dataclasses.replace(facts.capabilities, checkpoint="sdxl_base [1234]")

    assert "SD 1.5" in ill(facts, trials=trials, capabilities=have).named("relights fc").remedy


def test_a_missing_ic_light_is_broken_and_says_what_works_without():
    report = examined(real(ic_light=None))

    assert report.named("IC-Light").status == "broken"
    assert "inpaint" in report.named("IC-Light").remedy
    assert not report.is_sound


def test_ic_light_that_is_loaded_before_its_patcher_is_found():
    extensions = [{"name": "sd-forge-ic-light"}, {"name": "sd-webui-model-patcher"}]
    report = examined(Altered({"/sdapi/v1/extensions": extensions}, ic_light=None, checkpoints=("photon",)))

    assert "patcher" in report.named("IC-Light").what
    assert "aa-sd-webui-model-patcher" in report.named("IC-Light").remedy


def test_ic_light_without_a_patcher_is_found(facts):
    have = dataclasses.replace(facts.capabilities, ic_light=None, scripts=())
    report = ill(facts, capabilities=have, extensions=(Extension("sd-forge-ic-light"),))

    assert "install sd-webui-model-patcher" in report.named("IC-Light").remedy


def test_an_unknown_spelling_is_not_guessed_at(facts):
    script = ScriptInfo("ic light", True, False, (ScriptArgument("a"),) * 7)

    assert "7 arguments" in having(facts, ic_light=None, scripts=(script,)).named("IC-Light").what


@pytest.mark.parametrize(
    ("order", "used", "other"),
    [
        (("v1", "v2"), "takes one dict (huchenlei's)", "13 values (Haoming02's 2.0)"),
        (("v2", "v1"), "takes 13 values (Haoming02's 2.0)", "one dict (huchenlei's)"),
    ],
)
def test_two_ic_lights_are_both_named_and_which_is_used(order, used, other):
    def listed(spelling: str) -> list[dict[str, object]]:
        question = HttpRequest.of("GET", "/sdapi/v1/script-info", {}, b"")
        return json.loads(real(ic_light=spelling).answer(question).body)

    both = [script for spelling in order for script in listed(spelling) if script["name"] == "ic light"]
    folders = [{"name": "sd-forge-ic-light"}, {"name": "ic_light_2"}, {"name": "sd-webui-model-patcher"}]
    routes = {"/sdapi/v1/script-info": both, "/sdapi/v1/extensions": folders}

    finding = examined(Altered(routes, checkpoints=("photon",)), draws=False).named("IC-Light")

    assert finding.status == "warning"
    assert finding.what.startswith("2 are installed (folders 'sd-forge-ic-light' and 'ic_light_2')")
    assert f"the first is used, which {used}" in finding.what
    assert f"the other takes {other}" in finding.what


@pytest.mark.parametrize("extensions", [(), None])
def test_a_server_that_lists_no_extension_proves_no_absence_of_one(facts, extensions):
    have = dataclasses.replace(facts.capabilities, ic_light=None, scripts=())
    finding = ill(facts, capabilities=have, extensions=extensions).named("IC-Light")

    assert finding.status == "broken"
    assert "not installed" not in finding.what
    assert "whether its folder is there is not known" in finding.what
    assert "'Error loading script: '" in finding.remedy


def test_three_ic_lights_are_all_named(facts):
    scripts = tuple(
        ScriptInfo("IC Light", True, False, (ScriptArgument("a"),) * count) for count in (1, 13, 14)
    )

    what = having(facts, scripts=scripts).named("IC-Light").what

    assert what.startswith("3 are installed")
    assert "the others take 13 values (Haoming02's 2.0) and arguments of an unknown kind" in what


def test_scripts_that_cannot_be_listed_prove_no_absence_of_ic_light(facts):
    unread = {"scripts": "it failed (500)"}
    finding = having(facts, ic_light=None, scripts=(), unread=unread).named("IC-Light")

    assert finding.status == "warning"
    assert "not known" in finding.what
    assert "(it failed (500))" in finding.what


@pytest.mark.parametrize("arguments", [(), (ScriptArgument("version", None),), (ScriptArgument("x", "9"),)])
def test_a_bridge_that_does_not_tell_its_version_is_not_taken_for_a_new_one(facts, arguments):
    finding = having(facts, scripts=(ScriptInfo("prodgen bridge", True, False, arguments),)).named("bridge")

    assert finding.status == "warning"
    assert "does not tell its version" in finding.what


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (BackendFaultError("http://gpu", "it failed (500): sd_vae: str expected"), "config.json"),
        (BackendTimeoutError("http://gpu", "it did not answer"), "longer time-out"),
        (BackendGatewayError("http://gpu", "nginx got no answer", status=502), "proxy's log"),
    ],
)
def test_options_that_cannot_be_read_have_the_remedy_of_their_cause(facts, error, remedy):
    report = having(dataclasses.replace(facts, options_error=error), unread={"options": error.reason})

    assert report.named("options").status == "broken"
    assert remedy in report.named("options").remedy
    assert all(finding.name != "lists" for finding in report.findings)


@pytest.mark.parametrize(
    ("error", "remedy"),
    [
        (BackendFaultError("http://gpu", "it failed (500)"), "console"),
        (BackendOutOfMemoryError("http://gpu", "it ran out of memory"), "smaller picture"),
        (BackendGatewayError("http://gpu", "nginx got no answer", status=502), "proxy's log"),
    ],
)
def test_a_picture_that_failed_has_the_remedy_of_its_cause(facts, error, remedy):
    finding = ill(facts, trials=DrawingTrials(error=error)).named("drawing")

    assert finding.status == "broken"
    assert remedy in finding.remedy


def test_version_and_model_that_the_bridge_tells_are_told(facts):
    relit = {"fc": RelightTrial(proof="foreground", patched="photon [1a2b]")}
    trials = dataclasses.replace(facts.trials, relit=relit)

    what = ill(facts, trials=trials).named("bridge").what

    assert what == f"prodgen's bridge {BRIDGE_VERSION}; the model that it saw relight is 'photon [1a2b]'"


def test_the_model_that_the_bridge_names_is_read_from_the_picture_that_was_relit():
    class Bridged(ApiServer):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            given = super().answer(request)
            if not request.path.endswith("txt2img") or given.status != 200:
                return given
            drawn = json.loads(given.body)
            info = json.loads(drawn["info"])
            info["extra_generation_params"] |= {"prodgen bridge": "1.1.0", "IC-Light patched": "photon"}
            return answer({**drawn, "info": json.dumps(info)})

    server = Bridged(IblEngine(checkpoints=("photon",)), Behaviour(version="v1.10.1"))
    found = gather("http://127.0.0.1:1", ExamineOptions(transport=ApiTransport(server), timeout_s=20))

    assert found.trials.relit["fc"].patched == "photon"


def test_a_drawing_that_fails_is_told_in_the_servers_words_with_the_place_in_its_console(facts):
    error = BackendFaultError("http://x", "it failed (500): UniPC order must be < sampling steps")
    finding = ill(facts, trials=DrawingTrials(error=error)).named("drawing")

    assert "UniPC order must be < sampling steps" in finding.what
    assert "'API error: POST'" in finding.remedy


def test_a_missing_and_an_old_bridge_are_found(facts):
    old = ScriptInfo("prodgen bridge", True, False, (ScriptArgument("version", "1.0.0"),))

    assert having(facts, scripts=(old,)).named("bridge").status == "warning"
    assert having(facts, scripts=()).named("bridge").status == "warning"


def test_the_bridge_in_the_repository_is_the_version_that_is_asked_for(root):
    script = root / "deploy/extensions/zz-prodgen-bridge/scripts/prodgen_bridge.py"
    if not script.exists():
        pytest.skip("the extension is not beside the package here")
    assert f'VERSION = "{BRIDGE_VERSION}"' in script.read_text("utf-8")


# The server as such.


def test_overrides_that_leak_are_found_and_put_back():
    server = real(leaky_overrides=True)
    before = server.machine.options.shown()

    report = examined(server)

    assert report.named("overrides").status == "warning"
    assert server.machine.options.shown() == before


def test_a_leak_is_still_found_the_second_time(monkeypatch):
    server = real(leaky_overrides=True)
    # What was drawn by lot first is saved by then.
    monkeypatch.setattr("random.sample", lambda keys, count: keys[:count])
    examined(server)
    monkeypatch.setattr("random.sample", lambda keys, count: keys[-count:])

    assert examined(server).named("overrides").status == "warning"


def test_the_leak_is_cured_for_every_caller():
    server = real(leaky_overrides=True)
    before = server.machine.options.shown()

    report = examined(server, fixes=True)

    assert report.named("overrides").status == "OK"
    assert any("saved the server's" in done for done in report.done)
    assert server.machine.options.shown() == before
    with server.machine.options.overridden({"CLIP_stop_at_last_layers": 2}, restore=True):
        pass
    assert server.machine.options["CLIP_stop_at_last_layers"] == before["CLIP_stop_at_last_layers"]


def test_an_option_is_put_back_even_if_the_picture_fails():
    server = real(leaky_overrides=True, faults=in_turn(["half_json"]))
    before = server.machine.options.shown()

    report = examined(server)

    assert report.named("drawing").status == "broken"
    assert server.machine.options.shown() == before


def test_options_that_cannot_be_read_are_told():
    server = real()
    server.machine.options.post({"CLIP_stop_at_last_layers": "two"})

    assert "CLIP_stop_at_last_layers" in examined(server).named("options").what


def test_nothing_is_drawn_while_the_server_works_for_another_caller():
    busy = {"progress": 0.3, "state": {"job": "theirs", "job_count": 1, "sampling_step": 3}}
    server = Altered({"/sdapi/v1/progress": busy}, checkpoints=("photon",), leaky_overrides=True)

    report = examined(server, fixes=True)

    assert "another caller" in report.named("drawing").what
    assert server.render_log == []
    assert not any("POST" in call and "refresh" not in call for call in server.asked)


def test_quick_draws_nothing():
    server = real()

    report = examined(server, draws=False)

    assert report.is_sound
    assert server.render_log == []


def test_a_server_that_hangs_while_it_draws_is_given_up_on():
    server = real(faults=in_turn([Fault("hang", hang_s=3)]))
    started = time.monotonic()

    report = examine("http://127.0.0.1:1", how=ExamineOptions(transport=ApiTransport(server), timeout_s=1))

    assert report.named("drawing").status == "broken"
    assert time.monotonic() - started < 40


def test_few_and_tiny_pictures_are_drawn():
    server = real(ndarray_bug=True)

    examined(server)

    # Plain, fc and fbc in two ways to be sent; then the plain one again and two LoRAs.
    assert len(server.render_log) <= 6 + 3
    assert {(record.width, record.height) for record in server.render_log} == {(64, 64)}


def test_no_interrupt_is_sent():
    server = Altered({}, checkpoints=("photon",))

    examined(server)

    assert not [call for call in server.asked if "interrupt" in call or "skip" in call]


@pytest.mark.parametrize(
    ("memory", "word"),
    [
        (Memory(1, 2, None, None), "GPU"),
        (Memory(1, 2, 0, 2 << 30), "--medvram"),
        (Memory(1, 2, 23 << 30, int(23.5 * (1 << 30))), "unload"),
    ],
)
def test_too_little_memory_is_told(facts, memory, word):
    assert word in ill(facts, memory=memory).named("memory").remedy


def test_a_clock_that_is_wrong_is_told(facts):
    found = ill(facts, clock_ahead_s=-3600.0).named("clock")

    assert "60 minutes behind" in found.what


def test_a_version_that_contradicts_the_dialect_is_told(facts):
    trials = DrawingTrials(version="classic")

    assert "forge-classic" in ill(facts, trials=trials).named("version").remedy


# What is asked for by name, and this machine.


@pytest.mark.parametrize(
    ("changes", "name", "status"),
    [
        ({"samplers": ("Euler",)}, "samplers", "broken"),
        ({"schedulers": ("Uniform",)}, "samplers", "broken"),
        ({"loras": ("other",)}, "LoRAs", "warning"),
        ({"upscalers": ("None", "Lanczos")}, "upscaler", "warning"),
        ({"checkpoints": ()}, "checkpoints", "broken"),
    ],
)
def test_what_the_recipes_need_and_is_not_there_is_told(facts, changes, name, status):
    found = having(facts, **changes).named(name)

    assert found.status == status
    assert found.remedy


def test_untold_hashes_of_loras_are_a_warning_unless_a_picture_shows_that_they_work(facts):
    untold = dataclasses.replace(facts.capabilities, tells_lora_hashes=False)

    assert ill(facts, capabilities=untold).named("LoRAs").status == "OK"
    assert ill(facts, capabilities=untold, trials=DrawingTrials()).named("LoRAs").status == "warning"


def test_missing_loras_make_the_server_read_its_folders_again():
    server = Altered({"/sdapi/v1/loras": []}, checkpoints=("photon",))

    report = examined(server, fixes=True, draws=False)

    assert "POST /sdapi/v1/refresh-loras" in server.asked
    assert report.named("LoRAs").status == "warning"


def test_nothing_is_put_right_while_the_server_works_for_another_caller():
    busy = {"progress": 0.3, "state": {"job": "theirs", "job_count": 1}}
    routes = {"/sdapi/v1/loras": [], "/sdapi/v1/progress": busy}
    server = Altered(routes, checkpoints=("photon",))

    report = examined(server, fixes=True)

    assert [call for call in server.asked if call.startswith("POST")] == []
    assert "another caller" in report.done[0]


def test_outputs_that_cannot_be_written_and_a_full_disk_are_told(facts, tmp_path):
    file = tmp_path / "file"
    file.touch()
    full = dataclasses.replace(facts.here, free_bytes=1 << 20)

    assert examined(real(), outputs=file / "x", draws=False).named("outputs").status == "broken"
    assert ill(facts, here=full).named("outputs").status == "broken"
    assert ill(facts, here=dataclasses.replace(full, free_bytes=1 << 29)).named("outputs").status == "warning"


def test_a_cut_out_without_a_network_and_damaged_scenes_are_told(facts):
    here = dataclasses.replace(
        facts.here,
        segmenters=("auto", "classical"),
        segmenter="classical",
        scene_errors=("city: damaged",),
        scenes=7,
    )
    report = ill(facts, here=here)

    assert report.named("cut-out").status == "warning"
    assert report.named("cut-out").remedy == "pip install 'rembg[cpu]'"
    assert report.named("scenes").status == "broken"


def test_what_auto_would_take_is_told_and_where_a_larger_network_comes_from(facts):
    larger = "; a larger network: prodgen weights get isnet-general-use (179 MB, Apache-2.0)"
    here = dataclasses.replace(
        facts.here,
        segmenters=("auto", "classical", "u2netp"),
        segmenter="u2netp",
        better_network=larger,
    )

    finding = ill(facts, here=here).named("cut-out")

    assert finding.status == "OK"
    assert finding.what == f"by 'u2netp'; also classical{larger}"


def test_whether_print_can_be_read_is_told_with_the_remedy(facts):
    def said(ocr: str | None) -> tuple[str, str]:
        finding = ill(facts, here=dataclasses.replace(facts.here, ocr=ocr)).named("print")
        return finding.status, f"{finding.what} {finding.remedy}"

    assert said("tesseract 5.3.0") == ("OK", "is read by tesseract 5.3.0, before and after ")
    assert said(None)[0] == "OK"
    assert "apt install tesseract-ocr" in said(None)[1]
    assert said("")[0] == "warning"
    assert "apt install tesseract-ocr" in said("")[1]


# The command.


def doctor(*arguments: object):
    return CliRunner().invoke(main, ["doctor", *map(str, arguments)])


def test_the_command_exits_0_if_nothing_is_broken_and_1_otherwise():
    good = doctor("--backend", "embedded://")
    bad = doctor(f"http://127.0.0.1:{_free_port()}")

    assert (good.exit_code, bad.exit_code) == (0, 1)
    assert "remedy:" in bad.output
    assert "\x1b[" not in good.output + bad.output


def test_the_command_prints_one_json_object():
    told = json.loads(doctor("embedded://", "--json", "--quick").output)

    assert told["is_sound"] is True
    assert {"name", "status", "what", "remedy", "fix"} == set(told["findings"][0])


def test_two_different_servers_are_one_too_many():
    assert doctor("embedded://", "--backend", "http://x").exit_code == 2


def test_the_page_about_servers_is_up_to_date(root: Path):
    assert (root / "docs" / "servers.md").read_text("utf-8") == page()


def _free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as found:
        return int(found.getsockname()[1])
