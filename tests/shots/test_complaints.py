"""What users of other tools complained of in public, each shown not to happen here.

Further complaints have their test beside the rest of their subject: k5 in tests/pose, k7 and k16 in
test_ground_stage.py, k8 in test_see_through.py, k14 in test_duplicates_in_shots.py.
"""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen import files
from prodgen.cutout import cut_out
from prodgen.errors import SegmentationError
from prodgen.masks import blur
from prodgen.outpainting import Expansion, measure_seam
from prodgen.shots import shoot


def sweep(height: int, width: int, level: float = 0.82) -> np.ndarray:
    """Return a studio's backdrop: lighter in the middle and above, with a camera's grain."""
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    grain = np.random.default_rng(5).normal(0, 0.006, (height, width, 3)).astype(np.float32)
    plain = level + 0.05 * (1 - x**2 - y**2) - 0.06 * y
    return np.clip(plain[..., None] * np.float32([1.0, 0.98, 0.95]) + grain, 0, 1).astype(np.float32)


@pytest.mark.parametrize(("ratio", "wanted"), [("16:9", 16 / 9), ("4:5", 4 / 5)])
def test_k1_a_square_becomes_wide_or_tall_without_a_line_or_a_step(
    tmp_path: Path, ratio: str, wanted: float
) -> None:
    """A1111 5885, Fooocus-API 337: outpainting could not be asked for over the API, and its joint showed."""
    photo, matte = sweep(320, 320), np.zeros((320, 320), np.float32)
    matte[120:250, 110:210] = 1
    photo[matte > 0] = (0.15, 0.35, 0.6)
    files.save(tmp_path / "mug.png", photo)
    files.save_matte(tmp_path / "matte.png", matte)

    made = shoot(
        tmp_path / "mug.png",
        matte=tmp_path / "matte.png",
        backend="embedded://",
        settings={"outpaint": ratio},
        seed=1,
    )

    height, width = made.image.shape[:2]
    assert width / height == pytest.approx(wanted, abs=0.01)
    across, down = width - 320, height - 320
    room = Expansion(across // 2, down // 2, across - across // 2, down - down // 2)
    seam = measure_seam(made.image, room)
    assert 0.8 <= seam.ratio <= 1.25
    assert seam.step_share >= 0.9
    was = np.round(files.load(tmp_path / "mug.png").rgb * 255)
    assert np.array_equal(np.round(made.image * 255)[room.inner(320, 320)][matte > 0], was[matte > 0])


@pytest.mark.parametrize("side", ["left", "bottom"])
def test_k3_a_joint_is_right_beside_the_product_and_in_the_corners(tmp_path: Path, side: str) -> None:
    """ControlNet 1811, CropAndStitch 48: wide feathers failed at the frame and next to the product."""
    photo, matte = sweep(240, 240), np.zeros((240, 240), np.float32)
    matte[98:222, 4:110] = 1  # 4 px from the left edge, 18 from the lower one
    photo[matte > 0] = (0.6, 0.2, 0.15)
    files.save(tmp_path / "box.png", photo)
    files.save_matte(tmp_path / "matte.png", matte)

    made = shoot(
        tmp_path / "box.png",
        matte=tmp_path / "matte.png",
        backend="embedded://",
        settings={"expand": f"{side}=80"},
        seed=1,
    )

    room = Expansion(**{side: 80})
    inside = np.round(made.image * 255)[room.inner(240, 240)]
    was = np.round(files.load(tmp_path / "box.png").rgb * 255)
    assert np.array_equal(inside[matte > 0], was[matte > 0])
    new = np.ones(made.image.shape[:2], bool)
    new[room.inner(240, 240)] = False
    # Nothing of the red product is smeared outwards: the new room is as grey as a sweep.
    assert (made.image[new].max(axis=-1) - made.image[new].min(axis=-1)).max() < 0.12
    seam = measure_seam(
        np.where(matte_on(matte, room)[..., None] > 0, 0.82, made.image).astype(np.float32), room
    )
    assert seam.step_share >= 0.9


def matte_on(matte: np.ndarray, room: Expansion) -> np.ndarray:
    """Return the matte on the larger canvas."""
    return np.pad(matte, ((room.top, room.bottom), (room.left, room.right)))


def tin(*, is_black: bool, touches: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return a tin with a red label before white, glossy black or blue, free or at two edges of the frame."""
    side = 480
    matte = np.zeros((side, side), np.float32)
    left, bottom = (0, side) if touches else (140, 410)
    cv2.rectangle(matte, (left, 120), (left + 200, bottom), 1.0, -1)
    matte = blur(matte, 0.7)
    across = np.linspace(0, np.pi, 200, dtype=np.float32)
    colors = np.full((side, side, 3), (0.03, 0.03, 0.03) if is_black else (0.1, 0.25, 0.5), np.float32)
    colors[:, left : left + 200] += (0.5 * np.exp(-(((across - 0.7) / 0.09) ** 2)))[None, :, None]
    cv2.rectangle(colors, (left + 40, 220), (left + 160, 300), (0.8, 0.06, 0.06), -1)
    white = sweep(side, side, 0.95)
    return white * (1 - matte[..., None]) + colors.clip(0, 1) * matte[..., None], matte


@pytest.mark.parametrize(("is_black", "touches"), [(True, False), (False, True), (True, True)])
def test_k10_black_and_red_on_white_and_what_touches_the_frame_is_cut_out_whole_or_doubted(
    is_black: bool, touches: bool
) -> None:
    """rembg 138 (black and red on white lost parts) and 22 (products that touch the frame)."""
    photo, truth = tin(is_black=is_black, touches=touches)

    made = cut_out(files.load(np.round(photo * 255).astype(np.uint8)))

    found, true = made.matte > 0.5, truth > 0.5
    if is_black and touches:  # both at once is too hard for the small network, but not unsaid
        assert made.quality is not None
        assert made.quality.status != "pass"
    else:
        assert (found & true).sum() / (found | true).sum() > 0.95


@pytest.mark.parametrize("segmenter", ["auto", "classical"])
def test_k12_a_product_that_cannot_be_seen_fails_with_a_sentence(segmenter: str) -> None:
    """backgroundremover 153 and 149: the product itself was erased, and an empty picture delivered."""
    photo = sweep(320, 320)
    photo[100:240, 110:210] += 0.004

    with pytest.raises(SegmentationError, match="--matte"):
        cut_out(files.load(np.round(photo * 255).clip(0, 255).astype(np.uint8)), segmenter=segmenter)


def test_k12_a_product_that_is_hardly_seen_is_doubted() -> None:
    photo = sweep(320, 320)
    photo[100:240, 110:210] += 0.01

    made = cut_out(files.load(np.round(photo * 255).clip(0, 255).astype(np.uint8)))

    assert made.quality is not None
    assert made.quality.status != "pass"
