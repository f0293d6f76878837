"""`deploy/healthcheck.py`: what it asks, whom, with which password, and what it says and exits with."""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "deploy/healthcheck.py"

BRIDGE = {"name": "prodgen bridge", "args": [{"label": "version", "value": "1.1.0"}]}
BOTH = [{"name": "ic light"}, BRIDGE]


def check(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run it as a program."""
    result = subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        env={"PATH": os.environ["PATH"]} | environment,
        timeout=30,
    )
    assert "Traceback" not in result.stderr
    return result


@pytest.mark.parametrize(
    ("answer", "status", "said"),
    [
        (BOTH, 0, "IC-Light and the prodgen bridge 1.1.0 are loaded"),
        ([{"name": "IC Light"}, {"name": "prodgen bridge"}], 0, "the prodgen bridge are loaded"),
        ([BRIDGE], 1, "lacks IC-Light"),
        ([{"name": "ic light"}], 1, "lacks the prodgen bridge"),
        ([], 1, "lacks IC-Light and the prodgen bridge"),
        ({"detail": "Not authenticated"}, 1, "no answer"),
        ([["ic light"]], 1, "no list of scripts"),
        ([1, *BOTH], 1, "no list of scripts"),
        ([{"title": "another"}, {"name": None}, *BOTH], 0, "the prodgen bridge 1.1.0 are loaded"),
        (
            [BOTH[0], {"name": "prodgen bridge", "args": [{"value": None}]}],
            0,
            "the prodgen bridge are loaded",
        ),
        ([BOTH[0], {"name": "prodgen bridge", "args": {"value": 1}}], 0, "the prodgen bridge are loaded"),
        ("a page", 1, "no list of scripts"),
    ],
)
def test_it_asks_for_ic_light_and_the_bridge(mirror, answer: object, status: int, said: str):
    mirror.files["/sdapi/v1/script-info"] = json.dumps(answer).encode()

    result = check(mirror.url)

    assert result.returncode == status
    assert said in result.stdout
    assert result.stdout.count("\n") == 1


@pytest.mark.parametrize("content", [b"<html>", b"[" * 100_000, b"\xff\xfe", b""])
def test_an_answer_that_is_no_json_is_one_sentence(mirror, content: bytes):
    mirror.files["/sdapi/v1/script-info"] = content

    result = check(mirror.url)

    assert (result.returncode, result.stdout.count("\n")) == (1, 1)
    assert result.stdout == f"no answer from {mirror.url}: its answer is no list of scripts\n"


@pytest.mark.parametrize(
    ("status", "said"),
    [(500, "may still be starting"), (401, "set PRODGEN_AUTH"), (404, "started with --api")],
)
def test_a_refusal_is_told_with_what_it_means(mirror, status: int, said: str):
    mirror.statuses["/sdapi/v1/script-info"] = [status]

    result = check(mirror.url)

    assert result.returncode == 1
    assert f"status {status}: " in result.stdout
    assert said in result.stdout


def test_help_is_a_help_text_that_names_variables_and_exit_statuses():
    result = check("--help", PRODGEN_BACKEND="http://127.0.0.1:1")

    assert result.returncode == 0
    for word in ("PRODGEN_BACKEND", "PRODGEN_AUTH", "PRODGEN_BACKEND_AUTH", "Exit status"):
        assert word in result.stdout


@pytest.mark.parametrize(
    ("arguments", "variable"),
    [
        (["--frobnicate"], ""),
        (["http://a", "http://b"], ""),
        (["ftp://box"], ""),
        (["http://"], ""),
        (["http://box:port"], ""),
        (["--timeout", "nan"], ""),
        (["--timeout", "0"], ""),
        (["--timeout", "1e12"], ""),
        ([], "embedded://"),
        ([], "unix:///run/backend.sock"),
    ],
)
def test_wrong_usage_has_status_two_and_a_sentence(arguments: list[str], variable: str):
    result = check(*arguments, PRODGEN_BACKEND=variable)

    assert result.returncode == 2
    assert "healthcheck.py: " in result.stderr


def test_the_address_is_the_argument_else_the_variable(mirror):
    mirror.files["/sdapi/v1/script-info"] = json.dumps(BOTH).encode()
    host = mirror.url.removeprefix("http://")

    for written in (mirror.url, f"{mirror.url}/", host, f"{mirror.url}/docs", f"{mirror.url}/sdapi/v1"):
        assert check(PRODGEN_BACKEND=written).returncode == 0, written
    assert check(mirror.url, PRODGEN_BACKEND="http://127.0.0.1:1").returncode == 0
    assert check(PRODGEN_BACKEND_PORT=host.rpartition(":")[2]).returncode == 0
    assert check("http://127.0.0.1:1", PRODGEN_BACKEND=mirror.url).returncode == 1


@pytest.mark.parametrize(
    ("in_address", "variables", "sent"),
    [
        ("", {"PRODGEN_BACKEND_AUTH": "shop:geheim"}, "shop:geheim"),
        ("", {"PRODGEN_BACKEND_AUTH": "box:other", "PRODGEN_AUTH": "shop:geheim"}, "shop:geheim"),
        ("me:p%40ss@", {"PRODGEN_AUTH": "shop:geheim"}, "me:p@ss"),
        ("", {}, None),
    ],
)
def test_it_signs_in_with_the_password_of_the_address_else_of_the_variables(
    mirror, in_address: str, variables: dict[str, str], sent: str | None
):
    mirror.files["/sdapi/v1/script-info"] = b"[]"

    result = check(PRODGEN_BACKEND=mirror.url.replace("://", f"://{in_address}"), **variables)

    expected = sent and "Basic " + base64.b64encode(sent.encode()).decode()
    assert mirror.requests[0][2] == expected
    assert "p%40ss" not in result.stdout


def test_a_bearer_token_is_sent_as_one(mirror):
    mirror.files["/sdapi/v1/script-info"] = b"[]"

    check(mirror.url, PRODGEN_AUTH="Bearer abc")

    assert mirror.requests[0][2] == "Bearer abc"


@pytest.mark.parametrize("secret", ["geheim", "Bearer a\nb"])
def test_a_password_that_cannot_be_sent_is_not_repeated(secret: str):
    result = check("http://127.0.0.1:1", PRODGEN_AUTH=secret)

    assert result.returncode == 2
    assert secret not in result.stderr


def test_the_password_does_not_follow_a_redirect(mirror):
    mirror.redirects["/sdapi/v1/script-info"] = f"{mirror.url}/elsewhere/sdapi/v1/script-info"
    mirror.files["/elsewhere/sdapi/v1/script-info"] = json.dumps(BOTH).encode()

    result = check(mirror.url, PRODGEN_AUTH="shop:geheim")

    assert result.returncode == 1
    assert result.stdout.endswith(f"; give {mirror.url}/elsewhere\n")
    assert [path for path, _, _ in mirror.requests] == ["/sdapi/v1/script-info"]


def test_a_login_that_it_is_sent_on_to_is_no_address_to_give_and_tells_no_secret(mirror):
    mirror.redirects["/sdapi/v1/script-info"] = "/login?ticket=geheim"

    result = check(mirror.url)

    assert "it sends on to /login, which is no list of scripts" in result.stdout
    assert "geheim" not in result.stdout


def test_nobody_there_is_one_sentence():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        result = check(f"http://127.0.0.1:{free.getsockname()[1]}")

    assert result.returncode == 1
    assert "no answer from http://127.0.0.1:" in result.stdout


@pytest.mark.parametrize("dripped", [b"HTTP/1.1 200 OK\r\nX: " + b"a" * 5000, b"garbage\r\n", b""])
def test_an_answer_that_drips_or_is_no_http_ends_in_time(dripped: bytes):
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def drip() -> None:
            connection, _ = listener.accept()
            with connection:
                try:
                    for at in range(len(dripped)):
                        connection.sendall(dripped[at : at + 1])
                        time.sleep(0.02)
                except OSError:
                    pass  # it was given up on

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        result = check(f"http://127.0.0.1:{listener.getsockname()[1]}", "--timeout", "1")
        took_s = time.monotonic() - began
        thread.join()

    assert result.returncode == 1
    assert took_s < 50  # starting Python included


def test_ctrl_c_ends_it_without_a_traceback():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        process = subprocess.Popen(
            [sys.executable, SCRIPT, f"http://127.0.0.1:{listener.getsockname()[1]}"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            # Where a shell runs these tests in its background, SIGINT is ignored unless this undoes it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        with listener.accept()[0]:
            process.send_signal(signal.SIGINT)
            _, said = process.communicate(timeout=50)

    assert (process.returncode, said) == (130, b"")
