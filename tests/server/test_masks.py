"""Masks on the embedded server: polarity, what is kept, what reaches the renderer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prodgen.engines.ibl.render_order import Rendering, RenderOrder
from prodgen.server.inpainting import crop_region, fitted


@pytest.fixture
def square() -> np.ndarray:
    """White in the middle, black around: (64, 64)."""
    mask = np.zeros((64, 64), np.uint8)
    mask[16:48, 16:48] = 255
    return mask


@pytest.fixture
def repaint(call, encode, images, ramp) -> Callable[..., np.ndarray]:
    """The result of img2img on the stand-in, without blur and on the whole picture unless told otherwise."""
    usual = {"denoising_strength": 0.9, "inpainting_fill": 2, "mask_blur": 0, "inpaint_full_res": False}

    def run(**fields: Any) -> np.ndarray:
        return images(call().img2img(init_images=[encode(ramp)], **{**usual, **fields}))[0]

    return run


def changed(result: np.ndarray, original: np.ndarray) -> np.ndarray:
    return (result != original).any(axis=2)


@pytest.mark.parametrize("fill", [0, 1, 2, 3])
def test_white_is_repainted_and_black_kept_to_the_bit_with_every_fill(repaint, encode, square, ramp, fill):
    different = changed(repaint(mask=encode(square), inpainting_fill=fill), ramp)

    assert not different[square == 0].any()
    assert different[square > 0].mean() > 0.9


def test_inverted_the_other_part_is_repainted(repaint, encode, square, ramp):
    different = changed(repaint(mask=encode(square), inpainting_mask_invert=1), ramp)

    assert not different[square > 0].any()
    assert different[square == 0].mean() > 0.9


def test_outside_the_blurred_zone_everything_is_kept(repaint, encode, square, ramp):
    different = changed(repaint(mask=encode(square), mask_blur=4), ramp)

    assert not different[:4].any()
    assert different[12, 32]
    assert different[20:44, 20:44].mean() > 0.9


def test_without_strength_and_with_the_original_nothing_changes(repaint, encode, square, ramp):
    result = repaint(mask=encode(square), denoising_strength=0, inpainting_fill=1)

    np.testing.assert_array_equal(result, ramp)


def test_more_strength_moves_further_from_the_original(repaint, encode, square, ramp):
    def distance(strength: float) -> float:
        fields = {"inpainting_fill": 1, "denoising_strength": strength}
        result = repaint(mask=encode(square), **fields)
        return float(np.abs(result.astype(float) - ramp).mean())

    assert distance(0.2) < distance(0.5) < distance(0.75)


def test_only_masked_repaints_the_square_alone_at_the_asked_resolution(repaint, encode, square, ramp):
    result = repaint(mask=encode(square), inpaint_full_res=True, width=128, height=128)

    assert result.shape == ramp.shape
    assert not changed(result, ramp)[square == 0].any()
    assert changed(result, ramp)[square > 0].mean() > 0.9


def test_only_masked_puts_what_was_painted_into_the_square(call, encode, images, square, ramp):
    def paint_red_above_green(order: RenderOrder) -> Rendering:
        image = np.zeros((order.height, order.width, 3), np.float32)
        image[: order.height // 2, :, 0] = image[order.height // 2 :, :, 1] = 1
        return Rendering(image=image, scene="", floor="")

    fields = {"mask": encode(square), "mask_blur": 0, "inpainting_fill": 2, "width": 128, "height": 128}
    response = call(renderer=paint_red_above_green).img2img(init_images=[encode(ramp)], **fields)
    result = images(response)[0]

    np.testing.assert_array_equal(result[18, 18], (255, 0, 0))
    np.testing.assert_array_equal(result[45, 45], (0, 255, 0))


def test_only_masked_with_an_empty_mask_repaints_the_whole_picture(repaint, encode, ramp):
    empty = encode(np.zeros((64, 64), np.uint8))

    assert changed(repaint(mask=empty, inpaint_full_res=True), ramp).mean() > 0.9
    np.testing.assert_array_equal(repaint(mask=empty), ramp)


def test_what_is_kept_reaches_the_renderer_as_the_product(call, draw, encode, square, ramp):
    orders = []

    def watching(order: Any) -> Any:
        orders.append(order)
        return draw(order)

    fields = {"mask": encode(square), "mask_blur": 0, "inpaint_full_res": False, "inpainting_fill": 2}
    call(renderer=watching).img2img(init_images=[encode(ramp)], **fields)

    np.testing.assert_array_equal(orders[0].matte, square == 0)
    np.testing.assert_allclose(orders[0].foreground * 255, ramp, atol=0.01)


def test_the_mask_and_the_composite_come_after_their_own_result(call, encode, images, square, ramp):
    response = call().img2img(
        init_images=[encode(ramp)],
        mask=encode(square),
        mask_blur=0,
        inpaint_full_res=False,
        batch_size=2,
        override_settings={"return_mask": True, "return_mask_composite": True},
    )
    modes = [picture.shape[2] for picture in images(response)]

    assert modes == [3, 3, 4, 3, 3, 4]
    np.testing.assert_array_equal(images(response)[1][..., 0], square)


@pytest.mark.parametrize("mode", [0, 1, 2, 3, 9])
def test_every_resize_mode_gives_the_asked_size(repaint, mode):
    assert repaint(width=96, height=32, resize_mode=mode).shape == (32, 96, 3)


def test_fill_repeats_the_edge_and_crop_loses_the_sides(ramp):
    filled = fitted(ramp, 128, 64, 2)
    cropped = fitted(ramp, 64, 32, 1)

    np.testing.assert_array_equal(filled[:, 0], filled[:, 31])
    np.testing.assert_array_equal(filled[:, 32:96], ramp)
    np.testing.assert_array_equal(cropped, ramp[16:48])


@pytest.mark.parametrize(("width", "height"), [(64, 64), (128, 64), (64, 128), (512, 64)])
def test_the_crop_holds_the_mask_and_has_the_aspect_where_it_fits(square, width, height):
    wide = np.pad(square, ((40, 40), (200, 200)))
    left, top, right, bottom = crop_region(wide, 5, width, height)

    assert left <= 216 - 5
    assert right >= 248 + 5
    assert top <= 56 - 5
    assert bottom >= 88 + 5
    assert abs((right - left) / (bottom - top) - width / height) < 0.1 * width / height


def test_an_init_image_with_alpha_is_flattened_on_the_option_s_colour(call, encode, images, cut_out):
    caller = call()
    caller.post("/sdapi/v1/options", {"img2img_background_color": "#ff0000"})
    result = images(caller.img2img(init_images=[encode(cut_out)], denoising_strength=0))[0]

    np.testing.assert_array_equal(result[0, 0], (255, 0, 0))


def test_init_images_are_dealt_out_over_the_batch(call, encode, images, ramp):
    other = 255 - ramp
    response = call().img2img(init_images=[encode(ramp), encode(other)], batch_size=2, denoising_strength=0)

    np.testing.assert_array_equal(images(response)[0], ramp)
    np.testing.assert_array_equal(images(response)[1], other)
