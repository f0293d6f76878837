"""The embedded server says what a real one said: recorded requests are sent to it, answers compared.

Two ways. Every recording is replayed and compared field by field, bar what must differ (model names,
hashes, times, drawn seeds, pixels). And what each recording *means* is asserted by one function that
runs on the recording and on the embedded server alike.
"""

from __future__ import annotations

import base64
import io
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from PIL import Image

from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.server.app import ApiServer
from prodgen.server.behaviour import Behaviour
from prodgen.server.transport import ApiTransport

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
FOLDERS = ("core", "errors", "auth", "iclight-v1", "iclight-v2", "nowebui", "v1.9.4", "progress-queue")

DIFFERS_BY_DESIGN = {
    r"script-(loopback|sd-upscale|prompt-matrix|xyz|too-(few|many)-args)": "selectable scripts are not there",
    r"alwayson-selectable": "selectable scripts are not there",
    r"get-(cmd-flags|embeddings|extensions|loras|memory|realesrgan|script|sd-|upscalers)": "lists",
    r"(script-info|scripts|extensions|memory-after-unload|loras-none)\.json": "lists",
    r"options-(get|after|while)|override-leak-0|fresh-install": "names of folders and checkpoints",
    r"txt2img-(embedding|full|override-vae)\.json": "embeddings and VAEs are not there",
    r"txt2img-infotext": "defaults that the parser invents, echoed in parameters only",
    r"route_(app_id|info|internal_(profile|quick|sysinfo)|robots)": "the user interface's own",
    r"not-loaded-default-folder-names": "an installation that cannot happen here",
    r"n_iter2?\.json|n_iter2": "the width of the recorded model stands in the text",
    r"options-post-everything|checkpoint-norestore\.json": "needs the recorded server's checkpoint names",
    r"progress-|internal-progress-|queue-|pending|skip|interrupt": "sequences, see test_jobs",
}
BEFORE = {
    "iclight-v1/swallowed-3": "iclight-v1/swallowed-2-valid.json",
    "iclight-v1/swallowed-4": "iclight-v1/swallowed-2-valid.json",
    "iclight-v1/swallowed-remove_bg": "iclight-v1/ok-txt2img-fc.json",
    "iclight-v1/img2img-fbc": "iclight-v1/ok-img2img-fc.json",
    "iclight-v1/txt2img-fc-gray": "iclight-v1/ok-txt2img-fc.json",
    "iclight-v1/txt2img-fc-palette": "iclight-v1/ok-txt2img-fc.json",
    "core/options-get-after-wrong-type": "core/options-post-wrong-type.json",
    "core/override-leak-4": "core/override-leak-3-options-reset.json",
    "core/override-leak-2": "core/override-leak-1-call-with-override.json",
}
"""What a server had been asked just before, where that shows in the recording."""


@dataclass(frozen=True)
class Recording:
    """One request to a real server, and its answer."""

    name: str
    request: dict[str, Any]
    status: int
    json: Any

    @classmethod
    def read(cls, path: Path, folder: Path) -> Recording | None:
        content = json.loads(path.read_text("utf-8"))
        request, response = content.get("request"), content.get("response")
        if not request or not response or "status" not in response:
            return None
        name = path.relative_to(folder).as_posix()
        return cls(name, request, response["status"], response.get("json"))


def recordings(folder: Path) -> Iterator[Recording]:
    for sub in FOLDERS:
        for path in sorted((folder / sub).glob("*.json")):
            found = Recording.read(path, folder)
            if found is not None and not any(re.search(x, found.name) for x in DIFFERS_BY_DESIGN):
                yield found


def server_like(name: str, renderer: Callable[..., Any]) -> ApiServer:
    """A server with the switches of the one that was recorded."""
    folder, file = name.split("/")
    switches: dict[str, Any] = {
        "ic_light": {"iclight-v2": "v2", "nowebui": None, "auth": None}.get(folder, "v1")
    }
    if "remove_bg.json" in file:
        switches["segment"] = lambda rgb: np.ones(rgb.shape[:2], np.float32)
    behaviour = Behaviour(
        version="v1.9.4" if folder == "v1.9.4" else "v1.10.1",
        release="1.9" if folder == "v1.9.4" else "1.10",
        auth={"user": "secret"} if folder == "auth" else None,
        nowebui=folder == "nowebui",
        ndarray_bug=file.startswith("bug-") or "no-weights" in file,
        false_strings=file.startswith("origproject"),
        leaky_overrides="leak" in file,
        **switches,
    )
    return ApiServer(IblEngine(renderer=renderer, checkpoints=("tiny-sd15", "zz tiny second")), behaviour)


def send(server: ApiServer, request: dict[str, Any]) -> httpx.Response:
    body = request.get("raw")
    if body is None and request.get("json") is not None:
        body = json.dumps(request["json"])
    with httpx.Client(transport=ApiTransport(server), base_url="http://embedded") as client:
        return client.request(
            request["method"], request["path"], headers=request.get("headers") or {}, content=body
        )


def replay(recording: Recording, folder: Path, renderer: Callable[..., Any]) -> tuple[int, Any]:
    server = server_like(recording.name, renderer)
    for start, before in BEFORE.items():
        if recording.name.startswith(start) and (folder / before).exists():
            earlier = Recording.read(folder / before, folder)
            assert earlier is not None
            send(server, earlier.request)
    response = send(server, recording.request)
    is_json = response.headers["content-type"] == "application/json"
    return response.status_code, response.json() if is_json else None


def picture(text: str) -> Image.Image | None:
    """The picture in a field, None for the text "False"."""
    return Image.open(io.BytesIO(base64.b64decode(text))) if len(text) > 90 else None


def outline(text: str) -> object:
    """Size, mode and text chunks of a picture."""
    found = picture(text)
    return text if found is None else (found.size, found.mode, sorted(found.info))


VOLATILE = {"subseed": 0, "all_subseeds": 0, "sd_model_hash": "", "job_timestamp": ""}


def comparable(answer: Any, *, drawn_seed: bool) -> Any:
    """An answer without what differs between any two servers or runs."""
    if not isinstance(answer, dict):
        return answer
    result = dict(answer)
    for key in ("images", "image"):
        if isinstance(result.get(key), list):
            result[key] = [outline(text) for text in result[key]]
        elif key in result:
            result[key] = outline(result[key])
    if "info" in result and "parameters" in result and "images" in result:
        said = json.loads(result["info"])
        result["order of info"] = list(said)
        extra = said["extra_generation_params"]
        extra.pop("Scene", None), extra.pop("Floor", None)
        text = json.dumps({**said, **VOLATILE})
        if drawn_seed:
            text = re.sub(r'(Seed: |"seed": |"all_seeds": \[)\d+', r"\1", text)
        text = re.sub(r"(Model hash|VAE hash): \w+", r"\1: -", text)
        text = re.sub(r", Scene: \w+, Floor: \w+", "", text)
        text = re.sub(r"\[\w{10}\]|(?<=: )[0-9a-f]{12}(?=[,\"\\])", "-", text.replace(".safetensors", ""))
        result["info"] = text
    if "state" in result:
        result["state"] = sorted(result["state"])
    return result


def assert_same(recording: Recording, folder: Path, renderer: Callable[..., Any]) -> None:
    status, answer = replay(recording, folder, renderer)
    assert status == recording.status, (recording.name, answer)
    sent = recording.request.get("json")
    drawn = not isinstance(sent, dict) or ("infotext" not in sent and sent.get("seed", -1) == -1)
    expected = comparable(recording.json, drawn_seed=drawn)
    assert comparable(answer, drawn_seed=drawn) == expected, recording.name


@pytest.mark.parametrize("recording", list(recordings(CAPTURES)), ids=lambda recording: recording.name)
def test_the_embedded_server_answers_a_recorded_request_as_the_real_one_did(recording, draw):
    assert_same(recording, CAPTURES, draw)


def test_the_embedded_server_answers_every_recording_there_is_as_the_real_one_did(shared, draw):
    folder = shared / "a1111" / "captures"
    found = list(recordings(folder))
    assert len(found) > 250
    wrong = []
    for recording in found:
        try:
            assert_same(recording, folder, draw)
        except AssertionError as error:
            wrong.append(str(error)[:400])
    assert not wrong, "\n".join(wrong)


def both(name: str) -> pytest.MarkDecorator:
    """Runs an assertion on the recording, and on the embedded server's answer to the same request."""
    return pytest.mark.parametrize("target", [("recorded", name), ("embedded", name)], ids=lambda x: x[0])


@pytest.fixture
def met(target: tuple[str, str], draw: Callable[..., Any]) -> tuple[Recording, int, Any]:
    """The recording, and status and answer of the target."""
    who, name = target
    recording = Recording.read(CAPTURES / name, CAPTURES)
    assert recording is not None
    if who == "recorded":
        return recording, recording.status, recording.json
    return recording, *replay(recording, CAPTURES, draw)


def pixels_of(text: str) -> np.ndarray:
    found = picture(text)
    assert found is not None
    return np.asarray(found)


def on_grey(text: str) -> np.ndarray:
    rgba = pixels_of(text).astype(np.float64)
    return (127 + (rgba[..., :3] - 127) * rgba[..., 3:] / 255).astype(np.uint8)


@both("iclight-v1/ok-txt2img-fc.json")
def test_v1_gives_the_foreground_sent_back_on_grey_after_the_result(met):
    recording, _, answer = met
    sent = recording.request["json"]["alwayson_scripts"]["IC Light"]["args"][0]["input_fg"]
    np.testing.assert_array_equal(pixels_of(answer["images"][1]), on_grey(sent))


@both("iclight-v2/ok-txt2img-fc.json")
def test_v2_gives_the_foreground_sent_back_on_grey_after_the_result(met):
    recording, _, answer = met
    sent = recording.request["json"]["alwayson_scripts"]["IC Light"]["args"][2]
    np.testing.assert_array_equal(pixels_of(answer["images"][1]), on_grey(sent))


@both("iclight-v2/ok-img2img-fc.json")
def test_v2_takes_the_init_image_for_the_subject_in_img2img(met):
    recording, _, answer = met
    subject = recording.request["json"]["init_images"][0]
    np.testing.assert_array_equal(pixels_of(answer["images"][1]), on_grey(subject))


@both("iclight-v1/ok-img2img-fc.json")
def test_v1_takes_the_foreground_for_the_subject_in_img2img(met):
    recording, _, answer = met
    sent = recording.request["json"]["alwayson_scripts"]["IC Light"]["args"][0]["input_fg"]
    np.testing.assert_array_equal(pixels_of(answer["images"][1]), on_grey(sent))


@both("iclight-v1/swallowed-3-wrong-model_type-after-valid.json")
def test_v1_relights_the_previous_callers_foreground_when_arguments_are_wrong(met):
    recording, status, answer = met
    sent = recording.request["json"]["alwayson_scripts"]["IC Light"]["args"][0]["input_fg"]
    assert status == 200
    assert not np.array_equal(pixels_of(answer["images"][1]), on_grey(sent))


@both("iclight-v2/swallowed-wrong-model_type.json")
def test_v2_shows_the_foreground_of_a_picture_that_it_did_not_relight(met):
    _, status, answer = met
    assert (status, len(answer["images"])) == (200, 2)


@both("iclight-v2/swallowed-bad-base64.json")
def test_v2_swallows_an_undecodable_foreground_without_a_trace(met):
    _, status, answer = met
    assert (status, len(answer["images"])) == (200, 1)


@both("iclight-v1/bug-txt2img-fc.json")
def test_ic_light_fails_on_an_unpatched_server(met):
    _, status, answer = met
    assert (status, answer["errors"]) == (500, "'numpy.ndarray' object has no attribute 'info'")


@both("iclight-v1/origproject-apipy-txt2img-fc.json")
def test_the_old_patch_puts_the_text_false_among_the_images(met):
    assert met[2]["images"][1] == "False"


@both("v1.9.4/iclight-txt2img-fc.json")
def test_on_1_9_ic_light_does_nothing_and_leaves_no_extra_picture(met):
    assert (met[1], len(met[2]["images"])) == (200, 1)


@both("core/txt2img-sampler-alias.json")
def test_an_unknown_sampler_silently_becomes_the_first(met):
    assert json.loads(met[2]["info"])["sampler_name"] == "DPM++ 2M"


@both("core/txt2img-lora-unknown.json")
def test_an_unknown_lora_is_ignored_and_leaves_no_hash(met):
    assert "Lora hashes" not in json.loads(met[2]["info"])["extra_generation_params"]


@both("core/txt2img-lora.json")
def test_a_known_lora_leaves_its_hash(met):
    assert json.loads(met[2]["info"])["extra_generation_params"]["Lora hashes"].startswith("more_details: ")


@both("core/txt2img-size-100x68.json")
def test_a_size_is_floored_to_eight_while_info_still_names_the_asked_one(met):
    said = json.loads(met[2]["info"])
    assert pixels_of(met[2]["images"][0]).shape == (64, 96, 3)
    assert (said["width"], said["height"]) == (100, 68)


@both("core/txt2img-min.json")
def test_the_picture_carries_its_infotext(met):
    said = json.loads(met[2]["info"])
    assert picture(met[2]["images"][0]).info["parameters"] == said["infotexts"][0]


@both("core/img2img-mask-fill1.json")
def test_pixels_outside_the_mask_come_back_to_the_bit(met):
    recording, _, answer = met
    fields = recording.request["json"]
    kept = pixels_of(fields["mask"]) == 0
    np.testing.assert_array_equal(
        pixels_of(answer["images"][0])[kept], pixels_of(fields["init_images"][0])[kept]
    )


@both("core/img2img-mask-rgba-alpha.json")
def test_the_alpha_of_a_mask_is_the_mask_and_opaque_is_repainted(met):
    recording, _, answer = met
    fields = recording.request["json"]
    same = (pixels_of(answer["images"][0]) == pixels_of(fields["init_images"][0])).all(axis=2)
    np.testing.assert_array_equal(same, pixels_of(fields["mask"])[..., 3] == 0)


@both("core/img2img-mask-fullres-biginit.json")
def test_only_masked_gives_the_init_images_size_whatever_was_asked(met):
    assert pixels_of(met[2]["images"][0]).shape == (96, 160, 3)


@both("core/img2img-mask-blank-nofullres.json")
def test_an_empty_mask_gives_the_init_image_back(met):
    recording, _, answer = met
    init = recording.request["json"]["init_images"][0]
    np.testing.assert_array_equal(pixels_of(answer["images"][0]), pixels_of(init))


@both("core/override-leak-2-next-call-without-override.json")
def test_an_override_leaks_on_a_fresh_install(met):
    assert picture(met[2]["images"][0]).format == "JPEG"
