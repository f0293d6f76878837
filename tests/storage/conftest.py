"""A real server that speaks S3, started for the tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

BUCKET = "shop"

SERVER = """
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
input()
"""
"""The server's program: it says its port, and ends when its input does."""


@pytest.fixture(scope="session")
def s3_server() -> Iterator[str]:
    pytest.importorskip("moto", reason="a server that speaks S3 needs moto: pip install '.[dev]'")
    pytest.importorskip("obstore", reason="object stores need obstore: pip install '.[objectstore]'")
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [sys.executable, "-c", SERVER], stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True
    ) as process:
        assert process.stdout is not None
        url = f"http://127.0.0.1:{int(process.stdout.readline())}"
        yield url
        process.kill()


@pytest.fixture
def s3(s3_server: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """An empty bucket's URL, with what opens it in the environment."""
    httpx.post(f"{s3_server}/moto-api/reset")
    assert httpx.put(f"{s3_server}/{BUCKET}").status_code == 200
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3_server)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "somebody")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "a-secret-word")
    monkeypatch.setenv("AWS_REGION", "us-east-1")
    return f"s3://{BUCKET}"
