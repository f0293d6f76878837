"""Recorded requests to a real server, sent to one of ours, and what of two answers can be compared."""

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
from PIL import Image

from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.server.app import ApiServer
from prodgen.server.behaviour import Behaviour
from prodgen.server.engine import Engine
from prodgen.server.transport import ApiTransport

CAPTURES = Path(__file__).resolve().parent.parent / "captures"

ANSWERED_S = 60
"""Seconds for an answer: an engine with a tiny model takes its time on a processor that others use too."""

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


def recorded_engine(renderer: Callable[..., Any]) -> Engine:
    """The embedded engine under the recorded server's names."""
    return IblEngine(renderer=renderer, checkpoints=("tiny-sd15", "zz tiny second"))


def server_like(name: str, engine: Engine) -> ApiServer:
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
    return ApiServer(engine, behaviour)


def send(server: ApiServer, request: dict[str, Any]) -> httpx.Response:
    body = request.get("raw")
    if body is None and request.get("json") is not None:
        body = json.dumps(request["json"])
    transport = ApiTransport(server)
    with httpx.Client(transport=transport, base_url="http://embedded", timeout=ANSWERED_S) as client:
        return client.request(
            request["method"], request["path"], headers=request.get("headers") or {}, content=body
        )


def replay(recording: Recording, folder: Path, engine: Engine) -> tuple[int, Any]:
    """Status and answer of one of our servers to a recorded request."""
    server = server_like(recording.name, engine)
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


def expected_and_found(recording: Recording, status: int, answer: Any) -> tuple[Any, Any]:
    """Both answers with their status, without what differs between any two servers or runs."""
    sent = recording.request.get("json")
    drawn = not isinstance(sent, dict) or ("infotext" not in sent and sent.get("seed", -1) == -1)
    expected = comparable(recording.json, drawn_seed=drawn)
    return (recording.status, expected), (status, comparable(answer, drawn_seed=drawn))
