"""Requests: what is accepted stays as it is, what is refused names the field."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from prodgen.errors import SettingError
from prodgen.schema import ControlNetUnit, ICLight, Img2Img, Lora, Txt2Img, Upscale

GREY = np.full((64, 64, 3), 0.5, np.float32)
MATTE = np.ones((64, 64), np.float32)


def drawing(**fields):
    return Txt2Img(**({"prompt": "a cat", "seed": 1, "width": 64, "height": 64} | fields))


def light(**fields):
    return ICLight(**({"foreground": GREY, "matte": MATTE} | fields))


def test_a_request_cannot_be_changed():
    request = drawing()

    with pytest.raises(Exception, match="frozen"):
        request.steps = 3


def test_requests_with_equal_pictures_are_equal():
    one = Upscale(image=GREY, upscaler_1="Lanczos", upscaling_resize=2)
    other = Upscale(image=GREY.copy(), upscaler_1="Lanczos", upscaling_resize=2)

    assert one == other
    assert one != Upscale(image=GREY * 0.9, upscaler_1="Lanczos", upscaling_resize=2)


def test_a_request_survives_pickling():
    request = drawing(loras=(Lora(name="more_details", weight=0.5),), ic_light=light())

    assert pickle.loads(pickle.dumps(request)) == request


def test_an_ic_light_request_is_filled_in_as_the_demo_draws():
    request = drawing(ic_light=light())

    assert (request.cfg_scale, request.steps) == (2, 25)
    assert (request.sampler_name, request.scheduler) == ("DPM++ 2M SDE", "Karras")


def test_what_an_ic_light_request_says_itself_stays():
    request = drawing(ic_light=light(), sampler_name="Euler a", steps=9)

    assert (request.sampler_name, request.scheduler, request.steps) == ("Euler a", None, 9)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"width": 65}, "width"),
        ({"height": 0}, "height"),
        ({"steps": 0}, "steps"),
        ({"batch_size": 0}, "batch_size"),
        ({"seed": -1}, "seed"),
        ({"seed": 2**64}, "seed"),
        ({"cfg_scale": float("nan")}, "cfg_scale"),
        ({"sampler": "Euler"}, "unknown setting 'sampler'; did you mean 'sampler_name'"),
        ({"denoising_strength": 0.5}, "without enable_hr"),
        ({"enable_hr": True}, "needs denoising_strength"),
        ({"hr_scale": 2}, "hr_scale"),
        ({"n_iter": 2, "ic_light": light()}, "n_iter"),
        ({"ic_light": light(reinforce_fg=True)}, "reinforce_fg"),
        ({"subseed": 3}, "subseed_strength"),
        ({"refiner_checkpoint": "x"}, "refiner_switch_at"),
        ({"loras": (Lora(name="a"), Lora(name="a"))}, "twice"),
        ({"loras": ({"name": "a<b"},)}, "name"),
    ],
)
def test_a_setting_that_a_server_would_swallow_is_refused_by_name(fields, named):
    with pytest.raises(SettingError, match=named):
        drawing(**fields)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"foreground": GREY[:32]}, "same size"),
        ({"foreground": (GREY * 255).astype(np.uint8)}, "float32"),
        ({"foreground": GREY * 3}, r"\[0, 1\]"),
        ({"foreground": GREY * np.float32("nan")}, r"\[0, 1\]"),
        ({"matte": MATTE * 0}, "empty"),
        ({"mode": "fbc"}, "background"),
        ({"background": GREY}, "fbc"),
        ({"detail_transfer_blur_radius": 4}, "odd"),
    ],
)
def test_an_ic_light_unit_that_would_not_run_is_refused(fields, named):
    with pytest.raises(SettingError, match=named):
        light(**fields)


def over(**fields):
    return Img2Img(**({"prompt": "", "seed": 1, "width": 64, "height": 64, "init_image": GREY} | fields))


def test_a_mask_of_another_size_is_refused():
    with pytest.raises(SettingError, match="same size"):
        over(inpaint_mask=MATTE[:32])


def test_an_empty_mask_is_refused_because_a_server_would_repaint_everything():
    with pytest.raises(SettingError, match="nothing to repaint"):
        over(inpaint_mask=MATTE * 0)


def test_settings_of_a_mask_need_a_mask():
    with pytest.raises(SettingError, match="inpainting_fill"):
        over(inpainting_fill="original")


def test_a_controlnet_unit_without_a_model_is_refused_unless_it_needs_none():
    assert ControlNetUnit(module="reference_only", image=GREY).model is None
    with pytest.raises(SettingError, match="needs a model"):
        ControlNetUnit(module="canny", image=GREY)


def test_an_upscale_needs_a_factor_or_a_size():
    with pytest.raises(SettingError, match="one of the two"):
        Upscale(image=GREY, upscaler_1="Lanczos")


@given(
    width=st.integers(-10, 20000),
    height=st.integers(-10, 20000),
    steps=st.integers(-5, 2000),
    cfg_scale=st.floats(-5, 50) | st.none(),
    batch_size=st.integers(-1, 100),
    seed=st.integers(-(2**33), 2**33),
)
def test_numbers_are_kept_as_they_are_or_refused_by_name(**fields):
    try:
        request, refusal = drawing(**fields), ""
    except SettingError as error:
        request, refusal = None, str(error)

    if request is None:
        assert any(name in refusal for name in fields)
    else:
        assert {name: getattr(request, name) for name in fields} == fields
        assert (request.width % 8, request.height % 8) == (0, 0)


@given(st.text(), st.text())
def test_any_text_is_a_prompt(prompt, negative):
    request = drawing(prompt=prompt, negative_prompt=negative)

    assert (request.prompt, request.negative_prompt) == (prompt, negative)
