"""A ComfyUI server without a model: the real one's answers, as they were recorded, and its faults on demand.

Shapes, statuses and the order of messages are those of tests/captures/comfyui (ComfyUI 0.3.64); `has_jobs`,
`wants_uuid` and `says_missing_node_type` make it a newer one, `knows_interrupt_id = False` an older one.
"""

from __future__ import annotations

import base64
import contextlib
import heapq
import itertools
import json
import re
import socket
import ssl
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import cv2
import numpy as np

from prodgen.server.engine import EngineSettings

from .fake_socket import FakeSocket

CAPTURES = Path(__file__).parents[2] / "captures" / "comfyui"

OUT_OF_MEMORY = (
    "torch.OutOfMemoryError",
    "CUDA out of memory. Tried to allocate 20.00 GiB\nThis error means you ran out of memory on your GPU.\n",
)


def recorded(name: str) -> dict[str, Any]:
    """One recording, such as "errors/prompt-cycle"."""
    return json.loads((CAPTURES / f"{name}.json").read_text("utf-8"))


@dataclass
class Answer:
    status: int = 200
    body: bytes = b""
    kind: str = "application/json; charset=utf-8"
    headers: dict[str, str] = field(default_factory=dict)


def as_json(value: object, status: int = 200) -> Answer:
    return Answer(status, json.dumps(value).encode())


def in_trouble() -> Answer:
    return Answer(
        500, b"500 Internal Server Error\n\nServer got itself in trouble", "text/plain; charset=utf-8"
    )


def refused(
    kind: str, message: str, details: str = "", node_errors: dict | None = None, **extra: Any
) -> Answer:
    error = {"type": kind, "message": message, "details": details, "extra_info": extra}
    return as_json({"error": error, "node_errors": node_errors or {}}, 400)


def png(pixels: np.ndarray) -> bytes:
    order = {3: cv2.COLOR_RGB2BGR, 4: cv2.COLOR_RGBA2BGRA}
    return cv2.imencode(".png", cv2.cvtColor(pixels, order[pixels.shape[2]]))[1].tobytes()


class NodeInterruptedError(Exception):
    pass


class ProcessDiedError(Exception):
    pass


@dataclass(order=True)
class Item:
    number: float
    prompt_id: str = field(compare=False)
    graph: dict = field(compare=False)
    extra: dict = field(compare=False)
    outputs: list = field(compare=False)

    @property
    def shown(self) -> list:
        return [self.number, self.prompt_id, self.graph, self.extra, self.outputs]


class FakeComfy:
    """A server on a port of this machine."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.object_info: dict[str, Any] = recorded("core/object_info-needed")["response"]["json"]
        self.has_jobs = self.wants_uuid = self.says_missing_node_type = False
        self.knows_interrupt_id = self.knows_prompt_id = self.has_websocket = True
        self.previews = self.knows_metadata = True
        self.password: tuple[str, str] | None = None
        """Wanted by the proxy before it."""
        self.draw: Callable[[dict, str], list[np.ndarray]] = flat_pictures
        """What a node that saves or previews pictures gets to save: of the graph and the node's id."""
        self.compute: Callable[[dict, str], object] = lambda graph, node_id: None
        """The work of a node, done where it is reached; see `graph_painter`."""
        self.failing: dict[str, tuple[str, str]] = {}
        """For each node class that raises: the exception's type and message."""
        self.dying = ""
        """Class of the node in which the process dies."""
        self.gate = threading.Event()
        """While it is not set, samplers do not get beyond their first step."""
        self.gate.set()
        self.says_success_only_s = 0.0
        """Seconds between "execution_success" and the entry in the history."""
        self.at: dict[tuple[str, str], list[Answer] | Answer] = {}
        """Answers in place of the usual ones, by method and path; of a list, one after the other."""
        self.posted: list[dict] = []
        """Bodies of POST /prompt, refused ones too."""
        self.asked: list[tuple[str, str]] = []
        """Method and path of all requests."""
        self.headers: list[Mapping[str, str]] = []
        self.uploads: list[str] = []
        self.files: dict[tuple[str, str], bytes] = {}
        """By folder ("input", "output", "temp") and path below it."""
        self.sockets: dict[str, FakeSocket] = {}
        self.finished: list[str] = []
        self._server: ThreadingHTTPServer | None = None
        self._port = 0
        self._lines: list[socket.socket] = []
        self._ending = threading.Lock()
        self._reset()
        self.start()

    # -- life

    def _reset(self) -> None:
        self.lock = threading.Condition()
        self.pending: list[Item] = []
        self.running: Item | None = None
        self.history: dict[str, dict] = {}
        self.interrupted = False
        self.numbers = itertools.count()
        self.cache: dict[str, Any] = {}

    def start(self) -> None:
        self.is_alive = True
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def setup(self) -> None:
                super().setup()
                fake._lines.append(self.connection)

            def handle(self) -> None:
                with contextlib.suppress(OSError):  # the client went away, or this process "died"
                    super().handle()

            def do_GET(self) -> None:
                fake._serve(self, "GET")

            def do_POST(self) -> None:
                fake._serve(self, "POST")

        self._server = ThreadingHTTPServer(("127.0.0.1", self._port), Handler)
        self._server.daemon_threads = True
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()
        threading.Thread(target=self._work, args=(self.lock,), daemon=True).start()

    def stop(self) -> None:
        """End as a killed process does: no leave is taken, and queue and history are gone."""
        with self._ending:
            self.is_alive = False
            with self.lock:
                self.lock.notify_all()
            if self._server is not None:
                self._server.shutdown()
                self._server.server_close()
                self._server = None
            self.sockets.clear()
            for line in self._lines:
                with contextlib.suppress(OSError):
                    line.shutdown(socket.SHUT_RDWR)
            self._lines.clear()

    def restart(self) -> None:
        self.stop()
        self._reset()
        for key in [key for key in self.files if key[0] == "temp"]:
            del self.files[key]
        self.start()

    @property
    def address(self) -> str:
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self._port}"

    @property
    def settings(self) -> EngineSettings:
        return EngineSettings(address=self.address)

    @property
    def sent(self) -> list[dict]:
        """The graphs that were posted."""
        return [body["prompt"] for body in self.posted]

    def wait_for(self, is_so: Callable[[], bool], within_s: float = 10.0) -> None:
        end = time.monotonic() + within_s
        while not is_so():
            assert time.monotonic() < end, "it never came to that"
            time.sleep(0.005)

    # -- http

    def _serve(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        body = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        parts = urlsplit(handler.path)
        path = unquote(parts.path)
        self.asked.append((method, handler.path))
        self.headers.append(dict(handler.headers))
        query = {key: value[0] for key, value in parse_qs(parts.query).items()}
        answer = self._prearranged(method, path) or self._barred(handler)
        if answer is None and path == "/ws" and handler.headers.get("Upgrade", "").lower() == "websocket":
            self._upgrade(handler, query)
            return
        if answer is None:
            answer = self._routed(
                method,
                path.removeprefix("/api") if "/jobs" not in path else path,
                query,
                body,
                handler.headers,
            )
        with contextlib.suppress(OSError):
            handler.send_response(answer.status)
            for name, value in {
                "Content-Type": answer.kind,
                "Content-Length": str(len(answer.body)),
                **answer.headers,
            }.items():
                handler.send_header(name, value)
            handler.end_headers()
            handler.wfile.write(answer.body)

    def _prearranged(self, method: str, path: str) -> Answer | None:
        told = self.at.get((method, path))
        if isinstance(told, list):
            return told.pop(0) if told else None
        return told

    def _barred(self, handler: BaseHTTPRequestHandler) -> Answer | None:
        if self.password is not None:
            secret = base64.b64encode(":".join(self.password).encode()).decode()
            if handler.headers.get("Authorization") != f"Basic {secret}":
                return Answer(
                    401,
                    b"<html><head><title>401 Authorization Required</title></head></html>",
                    "text/html",
                    {"WWW-Authenticate": 'Basic realm="comfy"'},
                )
        origin, host = handler.headers.get("Origin"), handler.headers.get("Host")
        if origin not in (None, "null") and urlsplit(origin).netloc != host:
            return Answer(403)
        return None

    def _routed(self, method: str, path: str, query: dict, body: bytes, headers: Mapping[str, str]) -> Answer:
        try:
            fields = json.loads(body) if body and "multipart" not in headers.get("Content-Type", "") else None
        except ValueError:
            return in_trouble()
        match (method, path.strip("/").split("/")):
            case ("POST", ["prompt"]):
                return self._prompt(fields)
            case ("GET", ["prompt"]):
                return as_json(
                    {"exec_info": {"queue_remaining": len(self.pending) + (self.running is not None)}}
                )
            case ("GET", ["queue"]):
                with self.lock:
                    running = [self.running.shown] if self.running else []
                    return as_json(
                        {"queue_running": running, "queue_pending": [x.shown for x in self.pending]}
                    )
            case ("POST", ["queue"]):
                self._delete(fields)
                return Answer()
            case ("GET", ["history", prompt_id]):
                entry = self.history.get(prompt_id)
                return as_json({prompt_id: entry} if entry else {})
            case ("GET", ["history"]):
                return as_json(self.history)
            case ("POST", ["history"]):
                for prompt_id in fields.get("delete", ()):
                    self.history.pop(prompt_id, None)
                return Answer()
            case ("POST", ["interrupt"]):
                wanted = (fields or {}).get("prompt_id") if self.knows_interrupt_id else None
                if self.running is not None and wanted in (None, self.running.prompt_id):
                    self.interrupted = True
                return Answer()
            case ("POST", ["upload", "image"]):
                return self._upload(body, headers)
            case ("GET", ["view"]):
                return self._view(query)
            case ("GET", ["object_info"]):
                return as_json(self.object_info)
            case ("GET", ["object_info", name]):
                return as_json({name: self.object_info[name]} if name in self.object_info else {})
            case ("GET", ["system_stats"]):
                return as_json(
                    {
                        "system": {
                            "comfyui_version": "0.3.64",
                            "argv": ["main.py"],
                            "pytorch_version": "2.14.1+cpu",
                            "python_version": "3.11",
                        },
                        "devices": [
                            {
                                "name": "cpu",
                                "type": "cpu",
                                "vram_total": 25_000_000_000,
                                "vram_free": 22_000_000_000,
                            }
                        ],
                    }
                )
            case ("GET", ["features"]):
                return as_json({"supports_preview_metadata": True, "max_upload_size": 104857600})
            case ("GET", ["embeddings"]):
                return as_json(["badwords"])
            case ("POST", ["free"]):
                return Answer() if fields is not None else in_trouble()
            case ("GET", ["api", "jobs"]) if self.has_jobs:
                return as_json({"jobs": [], "pagination": {}})
            case ("GET", ["api", "jobs", prompt_id]) if self.has_jobs:
                return self._job(prompt_id)
            case ("POST", ["api", "jobs", prompt_id, "cancel"]) if self.has_jobs:
                return as_json({"cancelled": self._cancel_job(prompt_id)})
        return Answer(404, b"", "application/octet-stream")

    def _job(self, prompt_id: str) -> Answer:
        with self.lock:
            if self.running is not None and self.running.prompt_id == prompt_id:
                return as_json({"id": prompt_id, "status": "in_progress"})
            if any(x.prompt_id == prompt_id for x in self.pending):
                return as_json({"id": prompt_id, "status": "pending"})
        entry = self.history.get(prompt_id)
        if entry is None:
            return as_json({"error": "Job not found"}, 404)
        return as_json({"id": prompt_id, "status": "completed" if entry["status"]["completed"] else "failed"})

    def _cancel_job(self, prompt_id: str) -> bool:
        with self.lock:
            if self.running is not None and self.running.prompt_id == prompt_id:
                self.interrupted = True
                return True
        return self._delete({"delete": [prompt_id]})

    def _delete(self, fields: Mapping[str, Any]) -> bool:
        with self.lock:
            kept = (
                []
                if fields.get("clear")
                else [x for x in self.pending if x.prompt_id not in fields.get("delete", ())]
            )
            changed = len(kept) != len(self.pending)
            self.pending = kept
            heapq.heapify(self.pending)
            return changed

    def _upload(self, body: bytes, headers: Mapping[str, str]) -> Answer:
        boundary = headers["Content-Type"].partition("boundary=")[2].encode()
        fields: dict[str, Any] = {}
        for part in body.split(b"--" + boundary)[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            name = re.search(rb'name="([^"]*)"', head)[1].decode()
            file = re.search(rb'filename="([^"]*)"', head)
            fields[name] = (file[1].decode(), content[:-2]) if file else content[:-2].decode()
        if "image" not in fields:
            return Answer(400)
        name, data = fields["image"]
        folder, below = fields.get("type", "input"), fields.get("subfolder", "")
        place = f"{below}/{name}" if below else name
        stem, dot, ending = name.rpartition(".")
        for count in itertools.count(1):
            if self.files.get((folder, place), data) == data:
                break
            name = f"{stem} ({count}){dot}{ending}"
            place = f"{below}/{name}" if below else name
        self.files[folder, place] = data
        self.uploads.append(place)
        return as_json({"name": name, "subfolder": below, "type": folder})

    def _view(self, query: Mapping[str, str]) -> Answer:
        below = query.get("subfolder", "")
        name = query.get("filename", "")
        data = self.files.get((query.get("type", "output"), f"{below}/{name}" if below else name))
        return Answer(404) if data is None else Answer(200, data, "image/png")

    # -- prompts

    def _prompt(self, fields: Any) -> Answer:
        if not isinstance(fields, dict) or "prompt" not in fields:
            return refused("no_prompt", "No prompt provided", "No prompt provided")
        self.posted.append(fields)
        graph = fields["prompt"]
        prompt_id = (
            str(fields["prompt_id"]) if self.knows_prompt_id and "prompt_id" in fields else str(uuid.uuid4())
        )
        if self.wants_uuid and not re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", prompt_id):
            return refused("invalid_prompt_id", "prompt_id must be a valid UUID")
        for node_id, node in graph.items():
            name = node.get("class_type")
            if name is None:
                return refused(
                    "invalid_prompt",
                    "Cannot execute because a node is missing the class_type property.",
                    f"Node ID '#{node_id}'",
                )
            if name not in self.object_info:
                if self.says_missing_node_type:
                    return refused(
                        "missing_node_type",
                        f"Node '{name}' not found. The custom node may not be installed.",
                        f"Node ID '#{node_id}'",
                        node_id=node_id,
                        class_type=name,
                    )
                return refused(
                    "invalid_prompt",
                    f"Cannot execute because node {name} does not exist.",
                    f"Node ID '#{node_id}'",
                )
        outputs = [x for x, node in graph.items() if self.object_info[node["class_type"]].get("output_node")]
        if not outputs:
            return refused("prompt_no_outputs", "Prompt has no outputs")
        faults = self._faults(graph, outputs)
        good = [x for x in outputs if not (upstream(graph, x) & faults.keys())]
        if not good:
            return refused(
                "prompt_outputs_failed_validation", "Prompt outputs failed validation", node_errors=faults
            )
        extra = dict(fields.get("extra_data") or {})
        if "client_id" in fields:
            extra["client_id"] = fields["client_id"]
        with self.lock:
            number = fields.get("number", next(self.numbers))
            heapq.heappush(self.pending, Item(number, prompt_id, graph, extra, good))
            self.lock.notify_all()
        return as_json({"prompt_id": prompt_id, "number": number, "node_errors": faults})

    def _faults(self, graph: dict, outputs: list[str]) -> dict:
        found: dict[str, dict] = {}
        for node_id in sorted(set().union(*(upstream(graph, x) for x in outputs))):
            name = graph[node_id]["class_type"]
            inputs = self.object_info[name]["input"]
            errors = [
                fault
                for key, config in {**inputs.get("required", {}), **inputs.get("optional", {})}.items()
                for fault in self._input_faults(
                    graph[node_id]["inputs"], key, config, key in inputs.get("required", {})
                )
            ]
            if errors:
                found[node_id] = {"errors": errors, "dependent_outputs": outputs, "class_type": name}
        return found

    def _input_faults(self, given: dict, key: str, config: list, is_required: bool) -> list[dict]:
        def fault(kind: str, message: str, details: str) -> list[dict]:
            info = {"input_name": key, "input_config": config, "received_value": given.get(key)}
            return [{"type": kind, "message": message, "details": details, "extra_info": info}]

        if key not in given:
            return fault("required_input_missing", "Required input is missing", key) if is_required else []
        value, limits = given[key], config[1] if len(config) > 1 else {}
        if isinstance(value, list):
            return []
        choices = (
            config[0]
            if isinstance(config[0], list)
            else limits.get("options")
            if config[0] == "COMBO"
            else None
        )
        if limits.get("image_upload") or (key == "image" and choices is not None):
            if ("input", str(value)) not in self.files and not re.search(r" \[(temp|output)\]$", str(value)):
                return fault(
                    "custom_validation_failed",
                    "Custom validation failed for node",
                    f"{key} - Invalid image file: {value}",
                )
            return []
        if choices is not None and value not in choices:
            return fault("value_not_in_list", "Value not in list", f"{key}: {value!r} not in {choices}")
        if config[0] in ("INT", "FLOAT"):
            if "min" in limits and value < limits["min"]:
                return fault(
                    "value_smaller_than_min", f"Value {value} smaller than min of {limits['min']}", key
                )
            if "max" in limits and value > limits["max"]:
                return fault(
                    "value_bigger_than_max", f"Value {value} bigger than max of {limits['max']}", key
                )
        return []

    # -- work

    def _work(self, lock: threading.Condition) -> None:
        while True:
            with lock:
                lock.wait_for(lambda: not self.is_alive or lock is not self.lock or self.pending)
                if not self.is_alive or lock is not self.lock:
                    return
                item = self.running = heapq.heappop(self.pending)
                self.interrupted = False
            with contextlib.suppress(ProcessDiedError):
                self._execute(item, lock)

    def _execute(self, item: Item, lock: threading.Condition) -> None:
        def still_alive() -> None:
            if not self.is_alive or lock is not self.lock:
                raise ProcessDiedError

        client = item.extra.get("client_id")

        def say(kind: str, **told: Any) -> None:
            still_alive()
            if client in self.sockets:
                self.sockets[client].say(kind, {**told, "prompt_id": item.prompt_id})
            elif client is None and kind in ("progress", "progress_state"):
                for each in self.sockets.values():
                    each.say(kind, {**told, "prompt_id": item.prompt_id})

        messages: list[list] = []

        def note(kind: str, **told: Any) -> None:
            messages.append(
                [kind, {**told, "prompt_id": item.prompt_id, "timestamp": int(time.time() * 1000)}]
            )
            say(kind, **told)

        outputs: dict[str, Any] = {}
        order = [x for x in in_order(item.graph) if any(x in upstream(item.graph, o) for o in item.outputs)]
        keys = {x: key_of(item.graph, x) for x in order}
        cached = [x for x in order if keys[x] in self.cache]
        note("execution_start")
        note("execution_cached", nodes=cached)
        status = {"status_str": "success", "completed": True}
        executed: list[str] = []
        try:
            for node_id in order:
                if node_id in cached:
                    if self.cache[keys[node_id]]:
                        outputs[node_id] = self.cache[keys[node_id]]
                        say("executed", node=node_id, display_node=node_id, output=outputs[node_id])
                    continue
                say("executing", node=node_id, display_node=node_id)
                shown = self._run_node(item, node_id, say, still_alive)
                self.cache[keys[node_id]] = shown
                executed.append(node_id)
                if shown:
                    outputs[node_id] = shown
                    say("executed", node=node_id, display_node=node_id, output=shown)
            note("execution_success")
            time.sleep(self.says_success_only_s)
        except NodeInterruptedError as error:
            status = {"status_str": "error", "completed": False}
            note(
                "execution_interrupted",
                node_id=error.args[0],
                node_type=item.graph[error.args[0]]["class_type"],
                executed=executed,
            )
        except RuntimeError as error:
            status = {"status_str": "error", "completed": False}
            node_id, kind, message = error.args
            note(
                "execution_error",
                node_id=node_id,
                node_type=item.graph[node_id]["class_type"],
                executed=executed,
                exception_message=message,
                exception_type=kind,
                traceback=[],
                current_inputs={},
                current_outputs=[],
            )
        with lock:
            still_alive()
            self.running = None
            self.history[item.prompt_id] = {
                "prompt": item.shown,
                "outputs": outputs,
                "status": {**status, "messages": messages},
                "meta": {},
            }
            self.finished.append(item.prompt_id)
        say("executing", node=None)

    def _run_node(
        self, item: Item, node_id: str, say: Callable[..., None], still_alive: Callable[[], None]
    ) -> dict | None:
        node = item.graph[node_id]
        name, inputs = node["class_type"], node["inputs"]

        def look() -> None:
            still_alive()
            if self.interrupted:
                self.interrupted = False
                raise NodeInterruptedError(node_id)

        look()
        if name == self.dying:
            threading.Thread(target=self.stop, daemon=True).start()
            self.wait_for(lambda: not self.is_alive)
            raise ProcessDiedError
        if name in self.failing:
            raise RuntimeError(node_id, *self.failing[name])
        if "steps" in inputs and "Sampler" in name:
            steps = int(inputs["steps"])
            for step in range(1, steps + 1):
                say("progress", value=step, max=steps, node=node_id)
                self._preview(item, node_id)
                while not self.gate.wait(0.005):
                    look()
                look()
        try:
            self.compute(item.graph, node_id)
        except Exception as error:
            kind, message = error.args if len(error.args) == 2 else (type(error).__name__, str(error))
            raise RuntimeError(node_id, kind, message) from error
        if name not in ("SaveImage", "PreviewImage"):
            return None
        saved = []
        folder = "output" if name == "SaveImage" else "temp"
        prefix = inputs.get("filename_prefix", "ComfyUI_temp_nzdty")
        below, _, prefix = prefix.rpartition("/")
        for pixels in self.draw(item.graph, node_id):
            count = (
                sum(
                    key[0] == folder and key[1].startswith(f"{below}/{prefix}_".lstrip("/"))
                    for key in self.files
                )
                + 1
            )
            filename = f"{prefix}_{count:05d}_.png"
            self.files[folder, f"{below}/{filename}".lstrip("/")] = png(pixels)
            saved.append({"filename": filename, "subfolder": below, "type": folder})
        return {"images": saved}

    def _preview(self, item: Item, node_id: str) -> None:
        if not self.previews:
            return
        file = cv2.imencode(".jpg", np.full((64, 64, 3), 90, np.uint8))[1].tobytes()
        client = item.extra.get("client_id")
        for each in (
            [self.sockets[client]]
            if client in self.sockets
            else list(self.sockets.values())
            if client is None
            else ()
        ):
            if each.knows_metadata and self.knows_metadata:
                about = json.dumps(
                    {"node_id": node_id, "prompt_id": item.prompt_id, "image_type": "image/jpeg"}
                ).encode()
                each.send(2, (4).to_bytes(4, "big") + len(about).to_bytes(4, "big") + about + file)
            else:
                each.send(2, (1).to_bytes(4, "big") + (1).to_bytes(4, "big") + file)

    # -- websocket

    def _upgrade(self, handler: BaseHTTPRequestHandler, query: Mapping[str, str]) -> None:
        handler.close_connection = True
        if not self.has_websocket:
            handler.send_error(502)
            return
        handler.send_response(101)
        handler.send_header("Upgrade", "websocket")
        handler.send_header("Connection", "Upgrade")
        handler.send_header(
            "Sec-WebSocket-Accept", FakeSocket.accept_key(handler.headers["Sec-WebSocket-Key"])
        )
        handler.end_headers()
        client = query.get("clientId") or uuid.uuid4().hex
        each = self.sockets[client] = FakeSocket(handler.connection)
        each.say("status", {"status": {"exec_info": {"queue_remaining": 0}}, "sid": client})
        each.listen()
        if self.sockets.get(client) is each:
            del self.sockets[client]


def links(node: dict) -> list[str]:
    return [
        value[0]
        for value in node["inputs"].values()
        if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
    ]


def upstream(graph: dict, node_id: str) -> set[str]:
    found, todo = set(), [node_id]
    while todo:
        each = todo.pop()
        if each not in found and each in graph:
            found.add(each)
            todo += links(graph[each])
    return found


def in_order(graph: dict) -> list[str]:
    found: list[str] = []

    def visit(node_id: str) -> None:
        if node_id in graph and node_id not in found:
            for each in links(graph[node_id]):
                visit(each)
            found.append(node_id)

    for node_id in graph:
        visit(node_id)
    return found


def key_of(graph: dict, node_id: str) -> str:
    """What a node's result depends on, as the real cache has it: class, inputs, and all that it uses."""
    node = graph[node_id]
    inputs = {
        key: [key_of(graph, value[0]), value[1]]
        if isinstance(value, list) and len(value) == 2 and value[0] in graph
        else value
        for key, value in sorted(node["inputs"].items())
    }
    return json.dumps([node["class_type"], inputs])


def flat_pictures(graph: dict, node_id: str) -> list[np.ndarray]:
    """One colour for each picture of the batch, by the seed, in the size of the first latent upstream."""
    width = height = 64
    batch, seed = 1, 0
    for each in upstream(graph, node_id):
        inputs = graph[each]["inputs"]
        sides = inputs.get("width"), inputs.get("height")
        if all(isinstance(side, int) for side in sides) and sides[0] * sides[1] > width * height:
            width, height = (side // 8 * 8 for side in sides)  # of the last pass, which is the largest
        batch = inputs.get("batch_size", batch)
        seed = next((inputs[key] for key in ("seed", "noise_seed") if isinstance(inputs.get(key), int)), seed)
    return [np.full((height, width, 3), ((seed + i) % 200 + 20, 80, 120), np.uint8) for i in range(batch)]
