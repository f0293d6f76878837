"""What several tests share: the reference material, if it is there, and small pictures."""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
from importlib import import_module
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

# How long an example takes says more about what else a machine is doing than about the code.
settings.register_profile("busy machine", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("busy machine")

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def shared() -> Path:
    """Reference material beside the project: true mattes and renders, recordings, weights."""
    folder = ROOT.parent / "shared"
    if not (folder / "truth").is_dir():
        pytest.skip("the reference material (../shared) is not on this machine")
    return folder


@pytest.fixture(scope="session")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ssl.SSLContext]:
    """The file of a certificate authority, and the TLS of a server whose certificate it signed."""
    if shutil.which("openssl") is None:
        pytest.skip("no openssl on this machine to make certificates with")
    folder = tmp_path_factory.mktemp("authority")
    key = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2"
    calls = (
        f"{key} -keyout ca.key -out ca.pem -subj /CN=prodgen-test-ca -addext keyUsage=critical,keyCertSign",
        f"{key} -keyout box.key -out box.pem -subj /CN=box -CA ca.pem -CAkey ca.key"
        " -addext subjectAltName=IP:127.0.0.1 -addext basicConstraints=critical,CA:FALSE",
    )
    for call in calls:
        made = subprocess.run(
            ["openssl", *call.split()], cwd=folder, capture_output=True, text=True, check=False
        )
        if made.returncode:
            pytest.skip(f"this openssl cannot make certificates: {made.stderr[-200:]}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "box.pem", folder / "box.key")
    return str(folder / "ca.pem"), context


@pytest.fixture
def run_events(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Makes events of a catalogue run that never was."""
    monkeypatch.syspath_prepend(ROOT / "tests" / "batching")
    return import_module("run_events")


@pytest.fixture
def disc() -> np.ndarray:
    """A soft disc in the middle of 64 x 64, as matte."""
    y, x = np.mgrid[:64, :64]
    return np.clip(20.5 - np.hypot(x - 31.5, y - 31.5), 0, 1).astype(np.float32)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test must not depend on the PRODGEN_ variables of whoever runs it."""
    for name in [key for key in os.environ if key.startswith("PRODGEN_") and key != "PRODGEN_LIVE_BACKEND"]:
        monkeypatch.delenv(name)
    # Nor on whether this machine can read print, which takes a second for each product.
    monkeypatch.setenv("PRODGEN_TESSERACT", "off")


@pytest.fixture(autouse=True)
def no_offer(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test neither gets the offer that a user gets once, nor takes it from whoever runs it."""
    cache = tmp_path_factory.getbasetemp() / "cache"
    (cache / "prodgen").mkdir(parents=True, exist_ok=True)
    (cache / "prodgen" / "larger-network-offered").touch()
    monkeypatch.setenv("XDG_CACHE_HOME", str(cache))
