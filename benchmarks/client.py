"""Client overhead: a picture to a server and another back, lossless, ours against others'.

    pip install webuiapi==0.9.17 sd-backend-client==0.5.0
    python benchmarks/client.py [--sizes 1300x2000] [--rounds 5]

A server on loopback takes an img2img request and answers at once with a level-6 PNG of the same
size, as A1111 does; so what is measured is what a client adds to the drawing: RgbImage (or PIL
picture) to request, HTTP both ways, answer to RgbImage (or PIL picture). The clients are timed in
turns. `sd-backend-client` is left out where it is not installed; it waits by polling, which is set
to 1 ms here (its default, 500, would be all that is measured).

Peak memory is that of allocations by Python and NumPy during one call, less what was there.
"""

from __future__ import annotations

import argparse
import base64
import gc
import io
import json
import socket
import statistics
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from prodgen.client import Client
from prodgen.schema import Img2Img

RECORDINGS = Path(__file__).resolve().parent.parent / "tests" / "captures"


def photo(width: int, height: int) -> np.ndarray:
    """Something as hard to compress as a photograph: smooth shapes with fine grain, 8 bit."""
    rng = np.random.default_rng(0)
    coarse = cv2.resize(rng.random((24, 16, 3), np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    grain = rng.normal(0, 0.012, (height, width, 3)).astype(np.float32)
    return (np.clip(coarse + cv2.GaussianBlur(grain, (0, 0), 0.7), 0, 1) * 255 + 0.5).astype(np.uint8)


def answer_of(pixels: np.ndarray) -> bytes:
    """What A1111 answers to an img2img call of one picture."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")  # Pillow's default level, 6, is A1111's
    height, width = pixels.shape[:2]
    recording = json.loads((RECORDINGS / "core" / "img2img-plain.json").read_text())
    info = json.loads(recording["response"]["json"]["info"]) | {"width": width, "height": height}
    body = {
        "images": [base64.b64encode(buffer.getvalue()).decode()],
        "parameters": {},
        "info": json.dumps(info),
    }
    return json.dumps(body).encode()


class Server:
    """A loopback server that does no more than it must: reads a request whole, answers with bytes."""

    def __init__(self) -> None:
        self.answers: dict[bytes, bytes] = {}
        self.received = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            connection, _ = self._listener.accept()
            threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        held = bytearray()
        while True:
            while b"\r\n\r\n" not in held:
                piece = connection.recv(1 << 20)
                if not piece:
                    return
                held += piece
            head, _, rest = bytes(held).partition(b"\r\n\r\n")
            line, *headers = head.split(b"\r\n")
            fields = {k.lower(): v.strip() for k, _, v in (header.partition(b":") for header in headers)}
            size = int(fields.get(b"content-length", b"0"))
            body = bytearray(size)
            body[: len(rest)] = rest
            view, at = memoryview(body), len(rest)
            while at < size:
                at += connection.recv_into(view[at:])
            if b"2img" in line:
                self.received = body
            held = bytearray()
            answer = self.answers.get(line.split()[1].partition(b"?")[0])
            status = b"200 OK" if answer is not None else b"404 Not Found"
            answer = answer or b'{"detail":"Not Found"}'
            connection.sendall(
                b"HTTP/1.1 %s\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                % (status, len(answer))
            )
            connection.sendall(answer)


def ours(server: Server, pixels: np.ndarray) -> Callable[[], np.ndarray]:
    """One call of prodgen, from RgbImage to RgbImage."""
    picture = pixels.astype(np.float32) / np.float32(255)
    height, width = pixels.shape[:2]
    client = Client(f"http://127.0.0.1:{server.port}")
    width8, height8 = width // 8 * 8, height // 8 * 8

    def call() -> np.ndarray:
        request = Img2Img(prompt="a", seed=1, width=width8, height=height8, init_image=picture)
        return client.img2img(request).image

    return call


def polling(server: Server, pixels: np.ndarray) -> Callable[[], Image.Image]:
    """One call of sd-backend-client, from PIL to PIL.

    Raises:
        ImportError: If it is not installed.
    """
    from sd_backend_client import A1111Webservice, DiffusionParams

    service = A1111Webservice(f"http://127.0.0.1:{server.port}")
    picture = Image.fromarray(pixels)

    def call() -> Image.Image:
        parameters = DiffusionParams(
            prompt="a", seed=1, width=picture.width, height=picture.height, init_images=[picture]
        )
        image = service.submit_img2img(parameters).wait(poll_interval=0.001).images[0]
        image.load()
        return image

    return call


def theirs(server: Server, pixels: np.ndarray) -> Callable[[], Image.Image]:
    """One call of webuiapi, from PIL to PIL."""
    import webuiapi

    api = webuiapi.WebUIApi(host="127.0.0.1", port=server.port)
    picture = Image.fromarray(pixels)

    def call() -> Image.Image:
        result = api.img2img(images=[picture], prompt="a", seed=1, width=picture.width, height=picture.height)
        result.image.load()
        return result.image

    return call


def peak_of(call: Callable[[], object]) -> float:
    """Peak MiB that one call allocates."""
    gc.collect()
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak / 2**20


def check_lossless(name: str, call: Callable[[], object], server: Server, pixels: np.ndarray) -> None:
    """End the program unless both pictures arrive to the bit; otherwise times say nothing."""
    result = np.asarray(call())[..., :3]
    if result.dtype != np.uint8:
        result = (result * 255 + 0.5).astype(np.uint8)
    sent = json.loads(bytes(server.received))["init_images"][0].rpartition(",")[2]
    arrived = np.asarray(Image.open(io.BytesIO(base64.b64decode(sent))).convert("RGB"))
    if not (np.array_equal(result, pixels) and np.array_equal(arrived, pixels)):
        sys.exit(f"{name} is not lossless")


def measure(size: str, rounds: int, *, with_memory: bool) -> None:
    """Time all clients with pictures of one size and print a line for each."""
    width, height = map(int, size.split("x"))
    pixels = photo(width, height)
    server = Server()
    server.answers = {
        b"/sdapi/v1/samplers": b'[{"name":"Euler","aliases":[],"options":{}}]',
        b"/sdapi/v1/schedulers": b"[]",
        b"/sdapi/v1/progress": b'{"progress":0,"eta_relative":0,"state":{"job":"","job_count":0}}',
        b"/sdapi/v1/img2img": answer_of(pixels),
    }
    calls: dict[str, Callable[[], object]] = {"webuiapi": theirs(server, pixels)}
    try:
        calls["sd-backend-client"] = polling(server, pixels)
    except ImportError:
        print("sd-backend-client is not installed")
    calls["prodgen"] = ours(server, pixels)
    for name, call in calls.items():
        check_lossless(name, call, server, pixels)
    times: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(rounds):
        for name, call in calls.items():
            gc.collect()
            start = time.perf_counter()
            call()
            times[name].append(time.perf_counter() - start)
    mine = statistics.median(times["prodgen"])
    for name, call in calls.items():
        median = statistics.median(times[name])
        peak = f"{peak_of(call):9.1f}" if with_memory else f"{'-':>9}"
        print(f"{size:>10} {name:>18} {1000 * median:9.1f} {median / mine:8.1f} {peak}", flush=True)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--sizes", default="512x512,1024x1024,1300x2000", help="up to 4096x4096 takes minutes"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--no-memory", action="store_true")
    options = parser.parse_args()
    print(f"{'size':>10} {'client':>18} {'ms':>9} {'/ours':>8} {'peak MiB':>9}")
    for size in options.sizes.split(","):
        measure(size, options.rounds, with_memory=not options.no_memory)


if __name__ == "__main__":
    main()
