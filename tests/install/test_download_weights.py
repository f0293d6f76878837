"""`download_weights.sh`, run for real against a mirror on loopback: how downloads go wrong, and right."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time

import pytest


def test_a_file_arrives_whole_and_a_second_run_asks_the_mirror_nothing(downloads, mirror, good):
    target = downloads.add("a", f"{mirror.url}/good")

    first, second = downloads.run(), downloads.run()

    assert (first.returncode, second.returncode) == (0, 0), first.stderr + second.stderr
    assert target.read_bytes() == good
    assert len(mirror.requests) == 1
    assert [path.name for path in target.parent.iterdir()] == [target.name]


def test_a_broken_connection_is_resumed_where_it_broke(downloads, mirror, good):
    mirror.cut_after["/good"] = [300_000]
    target = downloads.add("a", f"{mirror.url}/good")

    result = downloads.run()

    assert result.returncode == 0, result.stderr
    assert target.read_bytes() == good
    assert [request[1] for request in mirror.requests] == [None, "bytes=300000-"]


def test_a_source_that_stays_truncated_fails_and_the_next_run_goes_on(downloads, mirror, good):
    mirror.cut_after["/good"] = [100_000, 0]
    target = downloads.add("a", f"{mirror.url}/good")

    failed = downloads.run("--retries", "1")
    again = downloads.run()

    assert failed.returncode == 1
    assert "the connection broke at 100,000 of" in failed.stderr
    assert again.returncode == 0
    assert mirror.requests[-1][1] == "bytes=100000-"
    assert target.read_bytes() == good


def test_a_log_in_page_is_not_taken_for_weights_and_the_next_source_is_asked(downloads, mirror, good):
    mirror.types["/page"] = "text/html"
    target = downloads.add("a", f"{mirror.url}/page", f"{mirror.url}/good")

    result = downloads.run()

    assert result.returncode == 0
    assert "is a web page, not weights (its title: 'Log in')" in result.stdout
    assert target.read_bytes() == good


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (b"<html><title>Sign in</title>", "is a web page, not weights (its title: 'Sign in')"),
        (b'{"error": "token required"}', "is a JSON answer, not weights: token required"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0", "is a Git LFS pointer"),
        (struct.pack("<Q", 1 << 60) + b"x" * 64, "is no safetensors file (its header length is impossible)"),
        (b"", "is no safetensors file"),
    ],
    ids=["html", "json", "lfs pointer", "noise", "empty"],
)
def test_an_answer_that_is_no_model_never_takes_the_models_name(downloads, mirror, answer, said):
    mirror.files["/odd"] = answer
    target = downloads.add("a", f"{mirror.url}/odd", extra="", content=answer or b"x")
    downloads.list_file.write_text(
        "\n".join(
            line for line in downloads.list_file.read_text().splitlines() if not line.startswith("size")
        )
    )

    result = downloads.run()

    assert result.returncode == 1
    assert said in result.stderr
    assert not target.exists()


def test_a_file_with_another_hash_is_put_aside_and_never_used(downloads, mirror):
    target = downloads.add("a", f"{mirror.url}/good", sha256="0" * 64)

    result = downloads.run()

    assert result.returncode == 1
    assert "has sha256" in result.stderr
    assert [path.name for path in target.parent.iterdir()] == ["a.safetensors.bad"]


def test_a_source_of_another_size_is_given_up_before_it_is_downloaded(downloads, mirror, good):
    downloads.add("a", f"{mirror.url}/good", size=len(good) + 1)

    result = downloads.run()

    assert result.returncode == 1
    assert f"the source has {len(good):,} bytes, {len(good) + 1:,} were expected" in result.stderr


def test_a_busy_server_is_asked_again(downloads, mirror):
    mirror.statuses["/good"] = [503, 429]
    downloads.add("a", f"{mirror.url}/good")

    assert downloads.run().returncode == 0
    assert len(mirror.requests) == 3


def test_a_needed_token_that_is_not_set_is_named_before_anything_is_sent(downloads, mirror):
    downloads.add("a", f"{mirror.url}/good", token='token = "CIVITAI_TOKEN"\ntoken_needed = true')

    result = downloads.run()

    assert result.returncode == 1
    assert "set CIVITAI_TOKEN in the environment" in result.stderr
    assert mirror.requests == []


def test_a_refused_token_is_named_and_its_value_is_not(downloads, mirror):
    mirror.needs_token["/good"] = "Bearer right"
    downloads.add("a", f"{mirror.url}/good", token='token = "HF_TOKEN"')

    result = downloads.run(HF_TOKEN="wrong-secret")

    assert result.returncode == 1
    assert "refuses the token in HF_TOKEN (401)" in result.stderr
    assert "wrong-secret" not in result.stdout + result.stderr


def test_a_token_is_sent_to_the_source_and_not_to_where_it_redirects(downloads, mirror):
    mirror.redirects["/gate"] = f"{mirror.url}/good"
    downloads.add("a", f"{mirror.url}/gate", token='token = "HF_TOKEN"')

    assert downloads.run(HF_TOKEN="secret").returncode == 0
    assert [(path, token) for path, _, token in mirror.requests] == [
        ("/gate", "Bearer secret"),
        ("/good", None),
    ]


def test_a_file_without_a_known_hash_is_left_out_until_it_is_accepted_by_name(downloads, mirror, good):
    target = downloads.add("a", f"{mirror.url}/good", sha256="unverified")

    refused = downloads.run()
    wanted = target.exists()
    accepted = downloads.run("--accept-unverified", "a")
    later = downloads.run()

    assert (refused.returncode, accepted.returncode, later.returncode) == (3, 0, 0)
    assert "--accept-unverified a" in refused.stdout
    assert not wanted
    assert f"what came has sha256 {hashlib.sha256(good).hexdigest()}" in accepted.stdout
    assert len(mirror.requests) == 1


def test_too_little_space_is_noticed_before_anything_is_downloaded(downloads, mirror):
    downloads.add("a", f"{mirror.url}/good", size=10**18)

    result = downloads.run()

    assert result.returncode == 1
    assert "1000000000.00 GB are to come" in result.stderr
    assert mirror.requests == []


def test_a_disk_that_fills_up_stops_the_run_and_keeps_what_came(downloads, mirror, environment):
    target = downloads.add("a", f"{mirror.url}/good")
    # The limit on file size stands in for a full disk: the write fails in the middle, as it would there.
    limited = ["bash", "-c", 'ulimit -f 200; exec "$@"', "-", *downloads.command()]

    result = subprocess.run(limited, capture_output=True, text=True, env=environment(), timeout=60)
    kept = target.with_name(target.name + ".part").stat().st_size
    again = downloads.run()

    assert result.returncode == 1
    assert "the disk is full" in result.stderr
    assert kept > 0
    assert again.returncode == 0


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_run_goes_on_from_where_it_was(downloads, mirror, good, environment, sign):
    mirror.slow_s = 0.05
    target = downloads.add("a", f"{mirror.url}/good")
    partial = target.with_name(target.name + ".part")

    with subprocess.Popen(
        downloads.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment()
    ) as process:
        _wait_until(lambda: partial.exists() and partial.stat().st_size > 0)
        process.send_signal(sign)
        _, said = process.communicate(timeout=30)
    mirror.slow_s = 0
    again = downloads.run()

    assert process.returncode == 130
    assert "Run the same command again" in said
    assert again.returncode == 0
    assert mirror.requests[-1][1] is not None
    assert target.read_bytes() == good


def test_two_runs_into_one_folder_do_not_meet(downloads, mirror, environment):
    mirror.slow_s = 30
    target = downloads.add("a", f"{mirror.url}/good")

    with subprocess.Popen(
        downloads.command(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment()
    ) as process:
        _wait_until(target.with_name(target.name + ".part").exists)
        second = downloads.run()
        mirror.hurry.set()
        process.communicate(timeout=30)

    assert second.returncode == 1
    assert "another download into" in second.stderr
    assert process.returncode == 0


def test_several_files_come_at_the_same_time(downloads, mirror, environment):
    mirror.slow_s = 30
    targets = [downloads.add(name, f"{mirror.url}/good") for name in ("a", "b", "c")]
    partials = [target.with_name(target.name + ".part") for target in targets]

    with subprocess.Popen(
        downloads.command("--jobs", "3"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
    ) as process:
        _wait_until(lambda: all(partial.exists() for partial in partials))
        mirror.hurry.set()
        process.communicate(timeout=30)

    assert process.returncode == 0
    assert all(target.exists() for target in targets)


def test_a_private_certificate_authority_is_named_as_the_trouble_and_taken_from_the_environment(
    downloads, mirror, tmp_path
):
    if not shutil.which("openssl"):
        pytest.skip("making a certificate needs the openssl command")
    certificate, key = tmp_path / "ca.pem", tmp_path / "key.pem"
    make = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=127.0.0.1"
    names = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run([*make.split(), *names], check=True, capture_output=True)
    mirror.encrypt(certificate, key)
    target = downloads.add("a", f"{mirror.url}/good")

    refused = downloads.run()
    taken = downloads.run(SSL_CERT_FILE=str(certificate))

    assert refused.returncode == 1
    assert "the certificate of 127.0.0.1 is not trusted" in refused.stderr
    assert "SSL_CERT_FILE" in refused.stderr
    assert taken.returncode == 0, taken.stderr
    assert target.exists()


def test_from_a_folder_takes_files_with_the_same_checks_and_no_network(downloads, tmp_path, good):
    kept = tmp_path / "usb stick"
    kept.mkdir()
    (kept / "a.safetensors").write_bytes(good)
    (kept / "b.safetensors").write_bytes(good[:-1])
    target = downloads.add("a", "https://unreachable.invalid/a")
    downloads.add("b", "https://unreachable.invalid/b")

    result = downloads.run("--from", str(kept))

    assert result.returncode == 1
    assert target.read_bytes() == good
    assert "b.safetensors' has" in result.stderr


def test_check_tells_good_wrong_and_missing_apart(downloads, good):
    downloads.add("a", "https://example.org/a")
    downloads.add("b", "https://example.org/b")
    wrong = downloads.add("c", "https://example.org/c")
    wrong.parent.mkdir(parents=True)
    wrong.with_name("a.safetensors").write_bytes(good)
    wrong.write_bytes(good[:-1] + b"x")

    result = downloads.run("--check")

    assert result.returncode == 1
    assert "ok a" in result.stdout
    assert "missing b" in result.stdout
    assert "wrong c: has sha256" in result.stderr


def test_a_wrong_file_under_the_name_is_put_aside_not_lost(downloads, mirror, good):
    target = downloads.add("a", f"{mirror.url}/good")
    target.parent.mkdir(parents=True)
    target.write_bytes(b"<html>what an older script saved</html>")

    result = downloads.run()

    assert result.returncode == 0
    assert "the file that is here is a web page, not weights" in result.stdout
    assert target.read_bytes() == good
    assert target.with_name("a.safetensors.bad").read_bytes().startswith(b"<html>what")


def test_the_record_notices_a_file_that_changed_after_it_was_checked(downloads, mirror):
    target = downloads.add("a", f"{mirror.url}/good")
    downloads.run()
    content = bytearray(target.read_bytes())
    content[-1] ^= 1
    target.write_bytes(content)
    os.utime(target, ns=(1, 1))

    assert downloads.run("--check").returncode == 1


def test_a_folder_that_cannot_be_written_is_said_in_one_line(downloads, mirror, tmp_path):
    downloads.add("a", f"{mirror.url}/good")
    (tmp_path / "file").write_text("in the way")
    downloads.models = tmp_path / "file" / "models"

    result = downloads.run()

    assert result.returncode == 1
    assert "Choose another folder with --dir" in result.stderr
    assert "Traceback" not in result.stderr


def test_an_unknown_name_is_answered_with_the_nearest(downloads, mirror):
    downloads.add("iclight-fc", f"{mirror.url}/good")

    result = downloads.run("--only", "ic-lite-fc")

    assert result.returncode == 2
    assert "iclight-fc" in result.stderr


def test_an_old_python_is_explained(root, tmp_path, environment):
    for name in ("python3", "python3.11", "python3.12", "python3.13", "python3.14"):
        (tmp_path / name).write_text("#!/bin/sh\nexit 1\n")
        (tmp_path / name).chmod(0o755)

    result = subprocess.run(
        [root / "download_weights.sh"],
        capture_output=True,
        text=True,
        env=environment(PATH=f"{tmp_path}:/usr/bin:/bin", PRODGEN_PYTHON=""),
        timeout=30,
    )

    assert result.returncode == 2
    assert "Python 3.11 or later is needed" in result.stderr


def test_the_program_runs_without_any_package_installed(root, environment):
    command = [sys.executable, "-S", "-m", "prodgen.weights", "--list"]

    result = subprocess.run(
        command, capture_output=True, text=True, env=environment(PYTHONPATH=str(root)), timeout=30
    )

    assert result.returncode == 0, result.stderr
    assert "iclight-fc" in result.stdout


def test_the_record_is_json_that_names_the_source(downloads, mirror):
    downloads.add("a", f"{mirror.url}/good")
    downloads.run()

    record = json.loads((downloads.models / ".prodgen-weights.json").read_text())

    assert record["files"]["Lora/a.safetensors"]["source"] == f"{mirror.url}/good"


def _wait_until(condition, *, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it never happened"
        time.sleep(0.02)
