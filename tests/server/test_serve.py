"""The embedded server behind a socket: other clients, other processes, bad neighbours."""

from __future__ import annotations

import gzip
import http.client
import json
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import httpx
import pytest

from prodgen.errors import SettingError
from prodgen.server.injected_faults import in_turn
from prodgen.server.socket_server import is_loopback, listening, serve

HTTP = httpx.Client(
    verify=False, trust_env=False, limits=httpx.Limits(max_keepalive_connections=0), timeout=30
)  # one for all: making each request's certificates anew takes longer than the request

BODY = {"prompt": "a cat", "steps": 2, "width": 64, "height": 64, "seed": 42}


def raw(url: str, request: bytes) -> bytes:
    """Everything that comes back for these bytes."""
    parts = urlsplit(url)
    with socket.create_connection((parts.hostname, parts.port), timeout=40) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        received = b""
        while chunk := connection.recv(65536):
            received += chunk
    return received


def test_the_socket_answers_what_the_transport_answers(call, noise_server):
    direct = call().txt2img().json()
    with listening(noise_server()) as url:
        response = HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY)

    assert response.status_code == 200
    assert response.json()["images"] == direct["images"]


def test_one_connection_serves_many_requests(noise_server):
    with listening(noise_server()) as url:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.hostname, parts.port)
        for _ in range(3):
            connection.request("POST", "/sdapi/v1/txt2img", json.dumps(BODY))
            first = connection.sock
            assert len(json.loads(connection.getresponse().read())["images"]) == 1
        assert connection.sock is first
        connection.close()


def test_answers_are_gzipped_for_those_who_ask_and_can_be_had_plain(noise_server):
    with listening(noise_server()) as url:
        zipped = HTTP.get(f"{url}/sdapi/v1/options", headers={"accept-encoding": "gzip"})
        plain = HTTP.get(f"{url}/sdapi/v1/options", headers={"accept-encoding": "identity"})

    assert zipped.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert zipped.json() == plain.json()


def test_a_body_in_chunks_is_read(noise_server):
    with listening(noise_server()) as url:
        parts = (part for part in (json.dumps(BODY)[:20].encode(), json.dumps(BODY)[20:].encode()))
        response = HTTP.post(
            f"{url}/sdapi/v1/txt2img", content=parts, headers={"content-type": "application/json"}
        )

    assert response.status_code == 200


def test_a_request_cut_off_in_the_middle_starts_no_work(noise_server):
    server = noise_server()
    request = b"POST /sdapi/v1/txt2img HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{"
    with listening(server) as url:
        assert raw(url, request) == b""

    assert server.render_log == []


def test_an_address_open_to_others_needs_a_password(noise_server):
    with pytest.raises(SettingError, match="--api-auth"), listening(noise_server(), host="0.0.0.0"):
        pass
    with listening(noise_server(auth={"a": "b"}), host="0.0.0.0") as url:
        port = urlsplit(url).port
        assert HTTP.get(f"http://127.0.0.1:{port}/sdapi/v1/samplers", auth=("a", "b")).status_code == 200


def test_a_taken_port_is_said_with_the_remedy(noise_server):
    with listening(noise_server()) as url, pytest.raises(SettingError, match="--port"):
        serve(noise_server(), port=urlsplit(url).port)


@pytest.mark.parametrize("kind", ["cut_before", "cut_after", "cut_during", "refuse"])
def test_a_fault_breaks_the_connection_for_real(noise_server, kind):
    server = noise_server(faults=in_turn([kind]))
    with listening(server) as url:
        with pytest.raises(httpx.TransportError):
            HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY)
        assert HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY).status_code == 200

    assert len(server.render_log) == (2 if kind in ("cut_after", "cut_during") else 1)


def test_a_dead_server_hangs_up_and_lives_again(noise_server):
    server = noise_server()
    with listening(server) as url:
        server.is_dead = True
        with pytest.raises(httpx.TransportError):
            HTTP.get(f"{url}/sdapi/v1/samplers")
        server.is_dead = False
        assert HTTP.get(f"{url}/sdapi/v1/samplers").status_code == 200


def test_a_client_that_hangs_up_leaves_the_server_working(noise_server):
    server = noise_server(delay_s=0.3)
    with listening(server) as url:
        with pytest.raises(httpx.ReadTimeout):
            HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY, timeout=0.1)
        assert HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY).status_code == 200

    assert len(server.render_log) == 2


def test_forty_five_callers_at_once_are_all_served(noise_server):
    server = noise_server()
    statuses: list[int] = []
    with listening(server) as url:

        def post() -> None:
            statuses.append(HTTP.post(f"{url}/sdapi/v1/txt2img", json=BODY, timeout=30).status_code)

        threads = [threading.Thread(target=post) for _ in range(45)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    assert statuses == [200] * 45
    assert len(server.render_log) == 45


def test_head_gives_headers_only(noise_server):
    with listening(noise_server()) as url:
        response = HTTP.head(f"{url}/sdapi/v1/samplers")

    assert (response.status_code, response.content) == (200, b"")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("a.b", False),
    ],
)
def test_loopback_is_told_from_the_rest(host, expected):
    assert is_loopback(host) is expected


def test_compressed_bodies_are_real_gzip(noise_server):
    with listening(noise_server()) as url:
        headers = b"Host: localhost\r\nAccept-Encoding: gzip\r\nConnection: close\r\n\r\n"
        answer = raw(url, b"GET /sdapi/v1/options HTTP/1.1\r\n" + headers)

    assert "sd_model_checkpoint" in json.loads(gzip.decompress(answer.partition(b"\r\n\r\n")[2]))


SCRIPT = """
import signal
from prodgen.engines import embedded_server
from prodgen.server.socket_server import serve
signal.signal(signal.SIGINT, signal.default_int_handler)  # it may be ignored where the tests are run
serve(embedded_server(), port=0, on_ready=lambda url: print(url, flush=True))
print("ended", flush=True)
"""
FEW_FILES = "import resource; resource.setrlimit(resource.RLIMIT_NOFILE, (96, 96))\n"
DRAWS_S = 30


@pytest.fixture
def other_process() -> Iterator[subprocess.Popen[str]]:
    """A server in a process and process group of its own, which does not outlive the test."""
    with started(SCRIPT) as process:
        yield process


@contextmanager
def started(script: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        overdue = threading.Timer(DRAWS_S, process.kill)
        overdue.start()
        yield process
        overdue.cancel()
        process.kill()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_another_process_serves_with_the_embedded_engine_until_it_is_ended(other_process, number):
    url = other_process.stdout.readline().strip()
    body = {**BODY, "prompt": "a red mug on a wooden table, sunset"}
    response = HTTP.post(f"{url}/sdapi/v1/txt2img", json=body, timeout=DRAWS_S)
    other_process.send_signal(number)
    said, _ = other_process.communicate(timeout=DRAWS_S)

    assert json.loads(response.json()["info"])["extra_generation_params"]["Floor"] == "wood"
    assert (other_process.returncode, said) == (0, "ended\n")


@pytest.mark.skipif(sys.platform == "win32", reason="sockets are no files there")
def test_idle_connections_do_not_use_up_the_files_of_a_program_that_may_open_few():
    with started(FEW_FILES + SCRIPT) as process:
        url = process.stdout.readline().strip()
        idle = [socket.create_connection(("127.0.0.1", urlsplit(url).port), timeout=5) for _ in range(120)]
        response = HTTP.post(f"{url}/sdapi/v1/txt2img", json={**BODY, "prompt": "a mug"}, timeout=15)
        for connection in idle:
            connection.close()

    assert response.status_code == 200


GIVES_UP = """
import httpx
from prodgen.engines import embedded_transport
with httpx.Client(transport=embedded_transport(), base_url="http://embedded") as client:
    fields = {"prompt": "a mug on a table", "width": 2048, "height": 2048, "n_iter": 9, "steps": 2}
    try:
        client.post("/sdapi/v1/txt2img", json=fields, timeout=%s)
    except httpx.ReadTimeout:
        print("gave up")
"""


@pytest.mark.parametrize("patience_s", [0.5, 0.9, 1.3])
def test_a_program_may_end_while_what_it_gave_up_is_drawn(patience_s):
    """Python that ends while a thread is inside OpenCV aborts: exit code 134."""
    ended = subprocess.run(
        [sys.executable, "-c", GIVES_UP % patience_s], stdout=subprocess.PIPE, text=True, check=False
    )

    assert (ended.returncode, ended.stdout) == (0, "gave up\n")


def test_nothing_heavy_is_imported_by_the_package_itself():
    code = "import sys, prodgen.server; sys.exit('cv2' in sys.modules or 'PIL' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_an_attribute_that_is_not_there_is_an_attribute_error():
    import prodgen.server

    with pytest.raises(AttributeError, match="EmbeddedClient"):
        _ = prodgen.server.EmbeddedClient
