"""What draws on this machine, and what is said where it cannot or is slow."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from prodgen.engines.diffusers import device
from prodgen.engines.diffusers.device import Device, drawing_gflop, find_device, require_libraries
from prodgen.errors import EngineUnavailableError

COUNTED_TFLOP = {  # by PyTorch's FLOP counter: a step with guidance, and the decoding
    (512, 512): (0.8, 2.51),
    (576, 896): (1.81, 5.02),
    (704, 1088): (3.03, 7.54),
    (696, 696): (1.7, 4.7),
    (1200, 1200): (7.46, 14.66),
    (1296, 2000): (18.75, 27.88),
    (2048, 2048): (42.21, 48.48),
}


@pytest.fixture(autouse=True)
def found_afresh() -> None:
    find_device.cache_clear()


@pytest.mark.parametrize("size", COUNTED_TFLOP, ids=str)
def test_the_work_of_a_picture_is_the_counted_one(size):
    step, decoding = COUNTED_TFLOP[size]

    assert drawing_gflop(*size, 25) == pytest.approx(1000 * (25 * step + decoding), rel=0.02)


def test_a_picture_with_more_steps_is_estimated_to_take_longer():
    pytest.importorskip("torch")

    assert 0 < device.seconds_on_cpu(512, 512, 4) < device.seconds_on_cpu(512, 512, 30)


@pytest.mark.parametrize(
    ("built_for", "driver", "reason", "in_remedy"),
    [
        ("13.0", None, "no GPU", ""),
        (None, None, "no GPU", ""),
        (None, (12, 4), "build without CUDA", "pytorch.org/get-started"),
        (
            "13.0",
            (12, 4),
            "old driver",
            "speaks CUDA 12.4, and PyTorch was built for CUDA 13.0: update the driver",
        ),
        ("12.8", (12, 4), "GPU hidden", "CUDA_VISIBLE_DEVICES"),
    ],
)
def test_a_gpu_that_does_not_draw_is_said_why(monkeypatch, built_for, driver, reason, in_remedy):
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(device, "cuda_of_driver", lambda: driver)

    found = find_device()

    assert (found.kind, found.slow_because) == ("cpu", reason)
    assert in_remedy in found.remedy
    assert bool(found.remedy) is (reason != "no GPU")


def test_the_first_gpu_draws_where_there_is_one(monkeypatch):
    torch = pytest.importorskip("torch")
    card = type("Card", (), {"name": "NVIDIA GeForce RTX 3090", "total_memory": 24 * 2**30})
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda index: card)

    assert find_device() == Device("cuda", "NVIDIA GeForce RTX 3090", 24 * 2**30)


def test_pytorch_that_is_missing_is_an_instruction(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setattr(device.importlib.util, "find_spec", lambda name: None)

    with pytest.raises(
        EngineUnavailableError, match=r"needs torch.*pip install 'prodgen\[engine\]'"
    ) as caught:
        find_device()

    assert caught.value.lack == "library missing"


@pytest.mark.parametrize("has_torchvision", [True, False])
def test_a_library_that_does_not_load_is_told_from_a_torchvision_that_does_not_fit(
    tmp_path: Path, monkeypatch, has_torchvision
):
    """A wrong pair of torch and torchvision breaks every import of diffusers with a RuntimeError."""
    said = "operator torchvision::nms does not exist"
    for name in ("transformers", "diffusers", *(("torchvision",) if has_torchvision else ())):
        (tmp_path / f"{name}.py").write_text(
            "" if name == "transformers" else f"raise RuntimeError({said!r})"
        )
        monkeypatch.delitem(sys.modules, name, raising=False)
    (tmp_path / "torch.py").write_text("")
    for name in [
        key for key in sys.modules if key.partition(".")[0] in ("torch", "diffusers", "transformers")
    ]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.syspath_prepend(tmp_path)

    with pytest.raises(EngineUnavailableError) as caught:
        require_libraries()

    assert caught.value.lack == ("torchvision mismatch" if has_torchvision else "library broken")
    assert ("pip uninstall torchvision" if has_torchvision else said) in str(caught.value)
