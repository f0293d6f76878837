"""A stand-in for a server with the ControlNet extension: it lists units, and reports those that were sent."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from prodgen.client import Client
from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.server import ApiServer, ApiTransport, Behaviour
from prodgen.server.app import HttpRequest
from prodgen.server.wire import HttpAnswer

DRAWINGS = ("/sdapi/v1/txt2img", "/sdapi/v1/img2img")


class ReferenceServer(ApiServer):
    """A diffusion model's lists in front of the embedded renderer; `sent` keeps the requests to draw."""

    def __init__(
        self,
        *,
        modules: Sequence[str] = (),
        models: Sequence[str] = (),
        checkpoint: str = "photon",
        ic_light: str | None = None,
    ) -> None:
        behaviour = Behaviour(ic_light=ic_light)  # type: ignore[arg-type]  # one of its spellings
        super().__init__(IblEngine(checkpoints=(checkpoint,)), behaviour)
        self.modules, self.models = modules, models
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def answer(self, request: HttpRequest) -> HttpAnswer:
        lists = {"/controlnet/model_list": "models", "/controlnet/module_list": "modules"}
        if self.modules and request.path in lists:
            name = lists[request.path]
            return _answer({f"{name[:-1]}_list": list(getattr(self, name))})
        if self.modules and request.path == "/sdapi/v1/script-info":
            known = json.loads(super().answer(request).body)
            units = [
                {"name": "controlnet", "is_alwayson": True, "is_img2img": is_img2img, "args": []}
                for is_img2img in (False, True)
            ]
            return _answer([*known, *units])
        return self._drawn(request) if request.path in DRAWINGS else super().answer(request)

    def _drawn(self, request: HttpRequest) -> HttpAnswer:
        fields = json.loads(request.body)
        self.sent.append((request.path, json.loads(request.body)))
        script = (fields.get("alwayson_scripts") or {}).pop("ControlNet", {"args": []})
        passed_on = dataclasses.replace(request, body=json.dumps(fields).encode())
        came = super().answer(passed_on)
        drawn = json.loads(came.body)
        if "info" not in drawn:
            return came
        info = json.loads(drawn["info"])
        for number, unit in enumerate(script["args"]):
            told = f"Module: {unit['module']}, Model: {unit.get('model') or 'None'}, Weight: {unit['weight']}"
            info["extra_generation_params"][f"ControlNet {number}"] = told
            info["infotexts"] = [f'{text}, ControlNet {number}: "{told}"' for text in info["infotexts"]]
        return _answer({**drawn, "info": json.dumps(info)})


@contextmanager
def connected(server: ApiServer) -> Iterator[Client]:
    """Give a client of a server."""
    with Client("http://127.0.0.1:7860", transport=ApiTransport(server)) as client:
        yield client


def _answer(content: object) -> HttpAnswer:
    return HttpAnswer(200, json.dumps(content).encode())
