"""ControlNet's maps from pictures: the extension's modules that need no network."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from prodgen.engines.diffusers.control_maps import CONTROL_MODULES, control_map
from prodgen.server.finer_settings import ControlOrder
from prodgen.server.wire import Refused


def order(module, picture, **more):
    return ControlOrder(module=module, model="any", picture=picture, **more)


def square(height=96, width=128):
    picture = np.full((height, width, 3), 30, np.uint8)
    picture[24:72, 32:96] = (200, 180, 160)
    return picture


def test_none_takes_the_picture_as_the_map():
    assert np.array_equal(control_map(order("none", square()), 128, 96), square())


def test_canny_is_opencvs_with_the_extensions_thresholds():
    made = control_map(order("canny", square(), processor_res=96), 128, 96)

    assert np.array_equal(made[..., 0], cv2.Canny(square(), 100, 200))
    assert made.any()
    assert np.array_equal(made[..., 0], made[..., 2])


def test_canny_takes_thresholds_and_negative_ones_mean_the_usual():
    usual = control_map(order("canny", square(), processor_res=96), 128, 96)

    deaf = control_map(
        order("canny", square(), processor_res=96, threshold_a=2000, threshold_b=2500), 128, 96
    )
    faint = np.where(square() > 100, np.uint8(50), np.uint8(30))
    same = control_map(order("canny", faint, processor_res=96, threshold_a=-1, threshold_b=-1), 128, 96)

    assert usual.any()
    assert not deaf.any()
    assert not same.any()


def test_edges_stay_black_and_white_at_another_size():
    made = control_map(order("canny", square(), processor_res=64), 320, 240)

    assert set(np.unique(made)) == {0, 255}
    assert made.shape == (240, 320, 3)


def test_invert_and_threshold_do_what_they_are_called():
    assert np.array_equal(control_map(order("invert", square()), 128, 96), 255 - square())
    cut = control_map(order("threshold", square(), processor_res=96, threshold_a=170), 128, 96)
    assert cut[48, 64].tolist() == [255, 255, 0]


def test_tile_and_blur_lose_detail():
    fine = np.indices((96, 128)).sum(axis=0) % 2 * 255
    fine = np.repeat(fine[..., None], 3, axis=2).astype(np.uint8)

    for module, number in (("tile_resample", 8.0), ("blur_gaussian", None)):
        made = control_map(order(module, fine, processor_res=96, threshold_a=number), 128, 96)
        assert made.shape == (96, 128, 3)
        assert made.std() < 10
    kept = control_map(order("tile_resample", fine, processor_res=96), 128, 96)
    assert np.array_equal(kept, fine)


@pytest.mark.parametrize(("mode", "middle"), [(0, (60, 60)), (1, (64, 64)), (2, (64, 64))])
def test_a_map_comes_to_the_size_drawn_in_each_way(mode, middle):
    picture = np.zeros((60, 120, 3), np.uint8)
    picture[:, 55:65] = 255

    made = control_map(order("none", picture, resize_mode=mode), 128, 128)

    assert made.shape == (128, 128, 3)
    assert made[middle].min() > 200
    bar = (made[64, :, 0] > 127).sum()
    assert bar == pytest.approx({0: 128 / 12, 1: 128 / 6, 2: 128 / 12}[mode], abs=2)


def test_a_preprocessor_that_needs_a_network_is_refused_with_the_remedy():
    with pytest.raises(Refused, match='"none"') as refused:
        control_map(order("openpose_full", square()), 128, 96)

    assert refused.value.status == 422


def test_the_modules_are_ones_that_the_extension_has():
    capture = Path(__file__).parents[2] / "captures" / "controlnet" / "module_list.json"
    if not capture.exists():
        pytest.skip("the recorded answer is not here")
    known = json.loads(capture.read_text("utf-8"))["response"]["json"]["module_list"]

    assert set(CONTROL_MODULES) <= set(known)
