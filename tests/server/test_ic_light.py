"""IC-Light's spellings on the embedded server: what reaches the renderer, and what is swallowed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from prodgen.engines.ibl.render_order import Rendering, RenderOrder

FC, FBC = "IC-Light.SD15.FC", "IC-Light.SD15.FBC"


@pytest.fixture
def orders() -> list[RenderOrder]:
    return []


@pytest.fixture
def watched(call, draw, orders) -> Callable[..., Any]:
    """A client of a server whose orders to the renderer are kept."""

    def watching(order: RenderOrder) -> Rendering:
        orders.append(order)
        return draw(order)

    return lambda **switches: call(renderer=watching, **switches)


def arguments(dialect: str, *, foreground: str | None, background: str | None = None, model: str = FC) -> Any:
    if dialect == "v1":
        named = {"enabled": True, "model_type": model, "input_fg": foreground, "uploaded_bg": background}
        args: list[Any] = [{**named, "remove_bg": False}]
    elif dialect == "v2":
        args = [True, model, foreground, background, False]
    else:
        args = [True, model, "None", "Use Background Image", foreground, background, False]
    return {"IC Light": {"args": args}}


DIALECTS = pytest.mark.parametrize("dialect", ["v1", "v2", "v15"])


@DIALECTS
def test_the_renderer_gets_the_cut_out_with_its_matte(watched, orders, encode, images, cut_out, dialect):
    scripts = arguments(dialect, foreground=encode(cut_out))
    response = watched(ic_light=dialect).txt2img(alwayson_scripts=scripts)

    assert len(images(response)) == 2
    np.testing.assert_allclose(orders[0].foreground * 255, cut_out[..., :3], atol=0.01)
    np.testing.assert_array_equal(orders[0].matte, cut_out[..., 3] / 255)
    assert orders[0].background is None


@DIALECTS
def test_a_background_reaches_the_renderer_with_fbc(watched, orders, encode, ramp, cut_out, dialect):
    scripts = arguments(dialect, foreground=encode(cut_out), background=encode(ramp), model=FBC)
    watched(ic_light=dialect).txt2img(alwayson_scripts=scripts)

    np.testing.assert_allclose(orders[0].background * 255, ramp, atol=0.01)


@pytest.mark.parametrize(("dialect", "swapped"), [("v1", False), ("v2", True)])
def test_the_roles_in_img2img_are_the_dialects_own(watched, orders, encode, ramp, cut_out, dialect, swapped):
    subject, light = encode(cut_out), encode(ramp)
    first, second = (subject, light) if swapped else (light, subject)
    scripts = arguments(dialect, foreground=second)
    watched(ic_light=dialect).img2img(init_images=[first], alwayson_scripts=scripts)

    np.testing.assert_allclose(orders[0].foreground * 255, cut_out[..., :3], atol=0.01)
    np.testing.assert_allclose(orders[0].light_map * 255, ramp, atol=0.01)


def test_the_fifteen_values_never_relight_in_img2img(watched, orders, encode, images, ramp, cut_out):
    scripts = arguments("v15", foreground=encode(ramp))
    response = watched(ic_light="v15").img2img(init_images=[encode(cut_out)], alwayson_scripts=scripts)

    assert len(images(response)) == 1
    assert orders[0].foreground is None


@pytest.mark.parametrize(("source", "side"), [("Left Light", np.s_[:, 0]), ("Bottom Light", np.s_[-1])])
def test_v1_makes_a_background_of_a_light_source(watched, orders, encode, cut_out, source, side):
    scripts = arguments("v1", foreground=encode(cut_out), model=FBC)
    scripts["IC Light"]["args"][0]["bg_source_fbc"] = source
    watched().txt2img(alwayson_scripts=scripts)

    assert (np.rint(orders[0].background[side] * 255) == 224).all()


def test_v1_flips_the_background_if_asked(watched, orders, encode, ramp, cut_out):
    scripts = arguments("v1", foreground=encode(cut_out), background=encode(ramp), model=FBC)
    scripts["IC Light"]["args"][0]["bg_source_fbc"] = "Use Flipped Background Image"
    watched().txt2img(alwayson_scripts=scripts)

    np.testing.assert_allclose(orders[0].background * 255, ramp[:, ::-1], atol=0.01)


@DIALECTS
def test_several_iterations_always_fail_with_ic_light(watched, encode, cut_out, dialect):
    scripts = arguments(dialect, foreground=encode(cut_out))
    caller = watched(ic_light=dialect)
    response = caller.txt2img(n_iter=2, alwayson_scripts=scripts)

    assert response.status_code == 500
    assert "weight of size [320, 8, 3, 3], expected input[2, 12, 8, 8]" in response.json()["errors"]
    assert caller.txt2img().status_code == 200


@pytest.mark.parametrize(
    ("server", "sent"),
    [("v1", "v2"), ("v2", "v1"), ("v15", "v1")],
    ids=["list to v1", "dict to v2", "dict to v15"],
)
def test_the_other_dialects_arguments_do_nothing_and_nothing_is_said(
    watched, orders, encode, images, cut_out, server, sent
):
    scripts = arguments(sent, foreground=encode(cut_out))
    response = watched(ic_light=server).txt2img(alwayson_scripts=scripts)

    assert len(images(response)) == 1
    assert orders[0].foreground is None


@DIALECTS
def test_asking_the_server_to_cut_out_does_nothing_without_a_segmenter(
    watched, encode, images, ramp, dialect
):
    scripts = arguments(dialect, foreground=encode(ramp))
    args = scripts["IC Light"]["args"]
    if dialect == "v1":
        args[0]["remove_bg"] = True
    else:
        args[-1] = True
    plain = images(watched(ic_light=dialect).txt2img(alwayson_scripts=scripts))
    segment = lambda rgb: np.zeros(rgb.shape[:2], np.float32)  # noqa: E731
    cut = images(watched(ic_light=dialect, segment=segment).txt2img(alwayson_scripts=scripts))

    assert len(plain) == 1
    assert (cut[1] == 127).all()


@DIALECTS
def test_a_grey_foreground_is_not_relit_and_nothing_is_said(watched, orders, encode, images, ramp, dialect):
    scripts = arguments(dialect, foreground=encode(ramp[..., 0]))
    response = watched(ic_light=dialect).txt2img(alwayson_scripts=scripts)

    assert len(images(response)) == 1
    assert orders[0].foreground is None


def test_a_plain_call_clears_what_v1_has_stored(watched, encode, images, cut_out):
    caller = watched()
    wrong = arguments("v1", foreground=encode(cut_out), model="FC")
    caller.txt2img(alwayson_scripts=arguments("v1", foreground=encode(cut_out)))
    stale = images(caller.txt2img(alwayson_scripts=wrong))
    caller.txt2img()

    assert len(stale) == 2
    assert len(images(caller.txt2img(alwayson_scripts=wrong))) == 1


@pytest.mark.parametrize(("radius", "count"), [(5, 3), (4, 2), (-1, 2)])
def test_a_detail_picture_comes_last_and_not_for_an_even_radius(
    watched, encode, images, cut_out, radius, count
):
    scripts = arguments("v1", foreground=encode(cut_out))
    scripts["IC Light"]["args"][0] |= {"detail_transfer": True, "detail_transfer_blur_radius": radius}
    response = watched().txt2img(alwayson_scripts=scripts)

    assert len(images(response)) == count


def test_a_foreground_of_another_aspect_is_centre_cropped_and_comes_back_whole(
    watched, orders, encode, images
):
    wide = np.zeros((64, 192, 3), np.uint8)
    wide[:, 64:128] = 255
    response = watched().txt2img(alwayson_scripts=arguments("v1", foreground=encode(wide)))

    assert images(response)[1].shape == (64, 192, 3)
    assert (orders[0].foreground == 1).all()


def test_hires_gives_the_second_pass_size_and_the_foreground_its_own(watched, encode, images, cut_out):
    scripts = arguments("v1", foreground=encode(cut_out))
    response = watched().txt2img(enable_hr=True, hr_scale=2, denoising_strength=0.5, alwayson_scripts=scripts)

    assert [picture.shape[:2] for picture in images(response)] == [(128, 128), (64, 64)]


def test_a_server_without_ic_light_does_not_know_it(watched, encode, cut_out):
    caller = watched(ic_light=None)
    response = caller.txt2img(alwayson_scripts=arguments("v1", foreground=encode(cut_out)))

    assert (response.status_code, response.json()["detail"]) == (422, "Script 'IC Light' not found")
    assert "ic light" not in caller.get("/sdapi/v1/scripts").json()["txt2img"]


@pytest.mark.parametrize(("dialect", "count"), [("v1", 1), ("v2", 13), ("v15", 15)])
def test_the_number_of_arguments_in_script_info_tells_the_dialect(watched, dialect, count):
    info = watched(ic_light=dialect).get("/sdapi/v1/script-info").json()

    assert [len(x["args"]) for x in info if x["name"] == "ic light"] == [count, count]
