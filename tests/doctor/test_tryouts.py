"""A listed thing is not a working thing: tiny pictures show which names of the lists do something."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator
from typing import Any

import cv2
import numpy as np
import pytest
from click.testing import CliRunner

from prodgen.cli import main
from prodgen.client import is_resampling
from prodgen.doctor import ExamineOptions, Report, examine, tryouts
from prodgen.doctor.listed_things import listed, to_try
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.schema import Capabilities
from prodgen.server import ApiServer, ApiTransport, Behaviour
from prodgen.server.app import HttpRequest
from prodgen.server.engine import BatchOrder, DrawnPicture, EngineInventory, ModelFile, ReportProgress
from prodgen.server.wire import HttpAnswer, Pixels, answer

REAL_ESRGAN = "R-ESRGAN 4x+"
LORAS = ("more_details", "SDXLrender_v2.0", "film grain")


class Shelf(IblEngine):
    """An engine with more upscalers and LoRAs in its lists than work."""

    def __init__(self, *, lame: tuple[str, ...] = (), falls_back_to: int = cv2.INTER_LANCZOS4) -> None:
        super().__init__(checkpoints=("photon", "photon-inpainting"))
        self.lame = lame
        self.falls_back_to = falls_back_to

    def inventory(self) -> EngineInventory:
        known = super().inventory()
        more = ModelFile("film grain", metadata={})
        return dataclasses.replace(
            known, upscalers=(REAL_ESRGAN, "4x-UltraSharp", "SwinIR 4x"), loras=(*known.loras, more)
        )

    def upscale(self, pixels: Pixels, width: int, height: int, name: str) -> Pixels:
        if name in self.lame:
            return cv2.resize(pixels, (width, height), interpolation=self.falls_back_to)
        return super().upscale(pixels, width, height, name)

    def draw(self, order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        loras = tuple((file, weight) for file, weight in order.loras if file.name not in self.lame)
        return super().draw(dataclasses.replace(order, loras=loras), progress)


class Server(ApiServer):
    """That engine behind the wire."""

    def __init__(
        self, lame: tuple[str, ...] = (), *, falls_back_to: int = cv2.INTER_LANCZOS4, **switches: Any
    ) -> None:
        engine = Shelf(lame=lame, falls_back_to=falls_back_to)
        super().__init__(engine, Behaviour(**{"version": "v1.10.1", **switches}))
        self.is_busy = False
        self.asked: list[str] = []

    def answer(self, request: HttpRequest) -> HttpAnswer:
        self.asked.append(f"{request.method} {request.path}")
        if request.path == "/sdapi/v1/progress" and self.is_busy:
            return answer({"progress": 0.4, "state": {"job": "theirs", "job_count": 1}})
        return super().answer(request)

    def tried(self, path: str) -> int:
        return self.asked.count(f"POST /sdapi/v1/{path}")


def examined(server: ApiServer, **how: object) -> Report:
    transport = ApiTransport(server)
    return examine("http://127.0.0.1:1", how=ExamineOptions(transport=transport, timeout_s=20, **how))


@pytest.mark.parametrize("way", [cv2.INTER_LANCZOS4, cv2.INTER_CUBIC, cv2.INTER_NEAREST])
def test_an_upscaler_that_falls_back_to_plain_resizing_is_told_and_what_takes_its_place(way):
    finding = examined(Server(lame=(REAL_ESRGAN,), falls_back_to=way)).named("upscaler")

    assert finding.status == "warning"
    assert "upscaler 'R-ESRGAN 4x+' only resized the picture" in finding.what
    assert finding.what.endswith("'4x-UltraSharp' enlarges scenes instead")
    assert "'Unable to load'" in finding.remedy


def test_an_upscaler_that_works_is_said_to_have_been_tried():
    finding = examined(Server()).named("upscaler")

    assert (finding.status, finding.what) == (
        "OK",
        "'R-ESRGAN 4x+' enlarges scenes, and does more than resize them",
    )


def test_another_upscaler_that_only_resizes_is_a_warning():
    finding = examined(Server(lame=("4x-UltraSharp",))).named("upscaler")

    assert finding.status == "warning"
    assert "'4x-UltraSharp' only resized" in finding.what


def test_a_lora_that_the_server_says_it_applied_but_that_changes_nothing_is_told():
    finding = examined(Server(lame=("more_details",))).named("LoRAs")

    assert finding.status == "warning"
    assert finding.what == "'more_details' changes nothing: the picture is the one without it"
    assert "Couldn't find network with name" in finding.remedy


def test_loras_that_work_are_told_also_where_the_server_tells_no_hashes():
    server = Server()
    server.machine.options.post({"lora_add_hashes_to_infotext": False})

    finding = examined(server).named("LoRAs")

    assert (finding.status, finding.what) == ("OK", "'more_details' and 'SDXLrender_v2.0' change the picture")


def test_what_is_known_from_lists_alone_is_said():
    finding = examined(Server()).named("only listed")

    assert finding.status == "OK"
    assert finding.what.startswith("1 upscaler, 1 LoRA: listed, not tried")


def test_all_of_it_is_tried_if_asked_for():
    report = examined(Server(lame=("SwinIR 4x", "film grain")), tries_everything=True)

    assert "'SwinIR 4x' only resized" in report.named("upscaler").what
    assert "'film grain' changes nothing" in report.named("LoRAs").what
    assert "only listed" not in {finding.name for finding in report.findings}


def test_quick_tries_nothing_and_says_so():
    server = Server(lame=(REAL_ESRGAN, "more_details"))

    report = examined(server, draws=False)

    assert server.tried("txt2img") + server.tried("extra-single-image") == 0
    assert report.named("upscaler").what == "'R-ESRGAN 4x+' is listed for scenes; it was not tried"
    assert "listed; they were not tried" in report.named("LoRAs").what
    assert report.named("only listed").what.startswith("3 upscalers, 3 LoRAs")


def test_trying_ends_when_another_callers_work_comes():
    class GetsBusy(Server):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            self.is_busy = self.tried("extra-single-image") > 0
            return super().answer(request)

    server = GetsBusy(ic_light=None)

    report = examined(server, tries_everything=True)

    assert "another caller's work came" in report.named("only listed").what
    assert len(server.render_log) == 1


def test_trying_ends_when_its_time_is_up(monkeypatch):
    monkeypatch.setattr("prodgen.doctor.gathering.TRYING_S", 0.0)
    server = Server(ic_light=None)

    report = examined(server)

    assert server.tried("extra-single-image") <= 3
    assert "not tried; the 0 s for it were over" in report.named("only listed").what


def test_the_number_of_pictures_is_bounded():
    server = Server(ndarray_bug=True)

    examined(server)

    assert len(server.render_log) <= 10
    assert {(record.width, record.height) for record in server.render_log} == {(64, 64)}


def test_an_attempt_that_fails_says_why():
    class NoMemory(Server):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            if "extra-single" in request.path and b"R-ESRGAN" in request.body:
                return answer({"error": "OutOfMemoryError", "errors": "CUDA out of memory"}, 500)
            return super().answer(request)

    finding = examined(NoMemory()).named("upscaler")

    assert finding.status == "broken"
    assert "'R-ESRGAN 4x+' failed: it ran out of memory" in finding.what


@pytest.mark.parametrize(
    ("status", "body", "remedy"),
    [
        (500, {"error": "OutOfMemoryError", "errors": "CUDA out of memory"}, "smaller picture"),
        (404, {"detail": "Not Found"}, "update the server"),
        (401, {"detail": "Not authenticated"}, "PRODGEN_AUTH"),
        (500, {"error": "KeyError", "errors": "x"}, "put its weights into"),
    ],
)
def test_an_attempt_that_fails_for_another_reason_than_weights_is_not_laid_at_their_door(
    status, body, remedy
):
    class Failing(Server):
        def answer(self, request: HttpRequest) -> HttpAnswer:
            return answer(body, status) if "extra-single" in request.path else super().answer(request)

    told = examined(Failing()).named("upscaler").remedy

    assert remedy in told
    assert ("weights" in told) == ("weights" in remedy)


def test_the_command_says_what_was_tried():
    told = json.loads(CliRunner().invoke(main, ["doctor", "embedded://", "--json"]).output)

    assert any("does more than resize" in finding["what"] for finding in told["findings"])


def test_nothing_and_everything_cannot_both_be_tried():
    assert CliRunner().invoke(main, ["doctor", "embedded://", "--quick", "--all"]).exit_code == 2


# What is tried, and in which order.


def test_what_recipes_use_comes_first_and_one_of_each_kind_before_all_others():
    have = Capabilities(
        "a1111",
        upscalers=("None", "Lanczos", "Nearest", "4x-UltraSharp", "ESRGAN_4x", "SwinIR 4x"),
        loras=("a", "b", "more_details"),
        vaes=("v1", "v2"),
        answered=frozenset({"vaes"}),
    )

    usual = to_try(listed(have, ("None", "canny", "depth")), everything=False)

    assert usual == [
        ("upscaler", "ESRGAN_4x"),
        ("upscaler", "4x-UltraSharp"),
        ("LoRA", "more_details"),
        ("LoRA", "a"),
        ("ControlNet model", "canny"),
        ("VAE", "v1"),
    ]
    everything = to_try(listed(have, ("None", "canny", "depth")), everything=True)
    assert everything[: len(usual)] == usual
    assert set(everything[len(usual) :]) == {
        ("upscaler", "SwinIR 4x"),
        ("LoRA", "b"),
        ("ControlNet model", "depth"),
        ("VAE", "v2"),
    }


@pytest.mark.parametrize(
    ("name", "resamples"),
    [
        ("Lanczos", True),
        ("Resize Nearest", True),
        ("Latent (bicubic)", False),
        ("None", False),
        ("4x_BoxArt", False),
    ],
)
def test_plain_ways_are_told_from_networks_by_their_names(name, resamples):
    assert is_resampling(name) is resamples


class Client:
    """A client whose pictures are noisy as a GPU's, with or without an effect."""

    def __init__(self, effect: float, noise: float) -> None:
        self.effect, self.noise = effect, noise
        self.random = np.random.default_rng(4)

    def is_idle(self) -> bool:
        return True

    def draw(self, **fields: Any) -> tuple[np.ndarray, str | None]:
        picture = np.full((64, 64, 3), 0.5, np.float32)
        picture += self.random.normal(0, self.noise / 255, picture.shape)
        if fields:
            picture[20:40, 20:40] += self.effect / 255
        return picture.astype(np.float32), None


@pytest.mark.parametrize("kind", ["LoRA", "ControlNet model", "VAE"])
@pytest.mark.parametrize(
    ("effect", "noise", "works"), [(0, 0, False), (1, 0, True), (0, 1.5, False), (40, 1.5, True)]
)
def test_noise_of_a_gpu_is_no_effect_and_an_effect_is_none_of_it(kind, effect, noise, works):
    client = Client(effect, noise)

    tried = tryouts.Tryouts(client, client.draw, client.draw()[0]).run([(kind, "x")], within_s=60)

    assert [attempt.works for attempt in tried.attempts] == [works]


def test_a_vae_that_is_in_use_already_is_not_said_to_do_nothing():
    client = Client(0, 0)

    def draw(**fields: Any) -> tuple[np.ndarray, str | None]:
        return client.draw()[0], fields.get("vae")

    tried = tryouts.Tryouts(client, draw, draw()[0]).run([("VAE", "kl-f8.pt")], within_s=60)

    assert tried.attempts[0].works


# Things that the embedded server does not have.

UNIT_TEXT = "Module: none, Model: canny [abc], Weight: 1.0"


class Extended(Server):
    """With ControlNet and VAEs, which change the picture if they work."""

    def __init__(self, *, ignores: str = "", is_leaky: bool = False) -> None:
        super().__init__(leaky_overrides=is_leaky)
        self.ignores = ignores

    def answer(self, request: HttpRequest) -> HttpAnswer:
        if request.path == "/controlnet/model_list":
            return answer({"model_list": ["None", "canny [abc]"]})
        if request.path == "/controlnet/module_list":
            return answer({"module_list": ["none", "canny"]})
        if request.path == "/sdapi/v1/sd-vae":
            return answer([{"model_name": "kl-f8.pt", "filename": "/m/kl-f8.pt"}])
        if request.path == "/sdapi/v1/script-info":
            scripts = json.loads(super().answer(request).body)
            unit = {"name": "controlnet", "is_alwayson": True, "is_img2img": False, "args": []}
            return answer([*scripts, unit])
        if request.path == "/sdapi/v1/txt2img":
            return self.drawn(request)
        return super().answer(request)

    def drawn(self, request: HttpRequest) -> HttpAnswer:
        fields = json.loads(request.body)
        unit = (fields.get("alwayson_scripts") or {}).pop("ControlNet", None)
        vae = (fields.get("override_settings") or {}).get("sd_vae")
        if (unit and self.ignores != "ControlNet") or (vae and self.ignores != "VAE"):
            fields["prompt"] += " on a marble table at sunset"
        drawn = json.loads(
            super().answer(dataclasses.replace(request, body=json.dumps(fields).encode())).body
        )
        if "info" not in drawn:
            return answer(drawn, 500)
        info = json.loads(drawn["info"])
        if unit:
            info["extra_generation_params"]["ControlNet 0"] = UNIT_TEXT
            info["infotexts"] = [f'{x}, ControlNet 0: "{UNIT_TEXT}"' for x in info["infotexts"]]
        if vae:
            info["sd_vae_name"] = vae if self.ignores != "VAE" else None
        return answer({**drawn, "info": json.dumps(info)})


@pytest.mark.parametrize("is_leaky", [False, True])
def test_controlnet_and_a_vae_that_work_are_told_and_options_are_as_before(is_leaky):
    server = Extended(is_leaky=is_leaky)
    before = server.machine.options.shown()

    report = examined(server)

    assert report.named("ControlNet").what == "'canny [abc]' changes the picture"
    assert report.named("VAEs").what == "'kl-f8.pt' changes the picture"
    assert server.machine.options.shown() == before


def test_a_controlnet_unit_that_is_counted_but_does_nothing_is_told():
    finding = examined(Extended(ignores="ControlNet")).named("ControlNet")

    assert finding.status == "warning"
    assert "'canny [abc]' changes nothing" in finding.what
    assert "lines with 'ControlNet'" in finding.remedy


def test_a_vae_that_is_not_used_is_told():
    finding = examined(Extended(ignores="VAE")).named("VAEs")

    assert finding.status == "warning"
    assert "kl-f8.pt" in finding.what
    assert "Couldn't find VAE named" in finding.remedy
