"""IC-Light on recorded servers: spelled as the real page does, proven by the foreground that comes back."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from prodgen.errors import (
    BackendFaultError,
    NotAppliedError,
)
from prodgen.images import from_uint8, to_uint8
from prodgen.schema import Img2Img, Txt2Img

FROM_V1 = {"script_info": "iclight-v1/script-info"}


FROM_V2 = {"script_info": "iclight-v2/script-info"}


def encoded(picture):
    """A picture as base64 text of a PNG."""
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


def bag(**fields):
    plain = {
        "prompt": "a bag",
        "negative_prompt": "bad",
        "steps": 2,
        "width": 64,
        "height": 64,
        "seed": 1,
        "cfg_scale": 2,
        "sampler_name": "Euler a",
    }
    return Txt2Img(**(plain | fields))


@pytest.mark.parametrize(
    ("lists", "spelling", "models"),
    [
        (FROM_V1, "dict", ()),
        (FROM_V2, "positional-13", ("IC-Light.SD15.FC", "IC-Light.SD15.FBC")),
    ],
)
def test_the_spelling_of_ic_light_is_told_by_the_number_of_its_arguments(recorded, lists, spelling, models):
    has = recorded(**lists).client().capabilities

    assert has.ic_light == spelling
    assert has.ic_light_models == models


@pytest.mark.parametrize(
    ("name", "lists"),
    [
        ("iclight-v1/ok-txt2img-fc", FROM_V1),
        ("iclight-v1/ok-txt2img-fbc", FROM_V1),
        ("iclight-v1/ok-txt2img-fc-bigger-fg", FROM_V1),
        ("iclight-v2/ok-txt2img-fc", FROM_V2),
        ("iclight-v2/ok-txt2img-fbc", FROM_V2),
    ],
)
def test_ic_light_is_proven_by_the_foreground_that_comes_back(
    recorded, ic_light, captured, pixels, name, lists
):
    client = recorded(txt2img=name, **lists).client()

    generation = client.txt2img(bag(ic_light=ic_light(name)))

    assert generation.applied.ic_light is True
    assert generation.seeds == (1,)
    assert len(generation.images) == len(generation.extras) == len(generation.infotexts) == 1
    sent_back = captured(name)["response"]["json"]["images"][0]
    np.testing.assert_array_equal(to_uint8(generation.image), pixels(sent_back))
    assert generation.checkpoint == "tiny-sd15"
    assert generation.checkpoint_hash == "44f6fb0c3f"
    assert client.name == "A1111 v1.10.1 at http://127.0.0.1:7860"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("iclight-v1/ok-txt2img-fc", 1),
        ("iclight-v1/ok-txt2img-fc-bigger-fg", 1),
        ("iclight-v2/ok-txt2img-fc", 1),
    ],
)
def test_the_foreground_on_grey_is_computed_as_the_extension_does_to_the_bit(
    ic_light, captured, pixels, name, number
):
    from prodgen.client.work.relight_proof import on_grey

    shown = pixels(captured(name)["response"]["json"]["images"][number])
    np.testing.assert_array_equal(on_grey(ic_light(name)), shown)


@pytest.mark.parametrize("name", ["iclight-v1/ok-txt2img-fc", "iclight-v1/ok-txt2img-fbc"])
def test_the_dict_spelling_sends_what_the_real_page_sent(recorded, ic_light, captured, pixels, name):
    server = recorded(txt2img=name, **FROM_V1)

    server.client().txt2img(bag(ic_light=ic_light(name)))

    theirs = dict(captured(name)["request"]["json"])
    ours = server.sent("txt2img")[0]
    assert ours.pop("force_task_id").startswith("prodgen-")
    assert ours.pop("batch_size") == 1
    assert_same_arguments(ours.pop("alwayson_scripts"), theirs.pop("alwayson_scripts"), pixels)
    assert ours == theirs


@pytest.mark.parametrize("name", ["iclight-v2/ok-txt2img-fc", "iclight-v2/ok-txt2img-fbc"])
def test_the_positional_spelling_sends_what_the_real_page_sent(recorded, ic_light, captured, pixels, name):
    server = recorded(txt2img=name, **FROM_V2)

    server.client().txt2img(bag(ic_light=ic_light(name)))

    theirs = captured(name)["request"]["json"]["alwayson_scripts"]
    assert_same_arguments(server.sent("txt2img")[0]["alwayson_scripts"], theirs, pixels)


def assert_same_arguments(ours, theirs, pixels):
    mine, yours = ours["IC Light"]["args"], theirs["IC Light"]["args"]
    if isinstance(mine[0], dict):
        assert mine[0].keys() == yours[0].keys()
        mine, yours = mine[0], yours[0]
        pairs = [(mine[key], yours[key]) for key in mine]
    else:
        pairs = list(zip(mine, yours, strict=True))
    for mine_value, your_value in pairs:
        if isinstance(your_value, str) and len(your_value) > 100:
            np.testing.assert_array_equal(pixels(mine_value), pixels(your_value))
        else:
            assert mine_value == your_value


@pytest.mark.parametrize(
    ("name", "lists", "init_is_rgba"),
    [("iclight-v1/ok-img2img-fc", FROM_V1, False), ("iclight-v2/ok-img2img-fc", FROM_V2, True)],
)
def test_the_roles_in_img2img_are_swapped_where_the_server_wants_it(
    recorded, ic_light, captured, pixels, name, lists, init_is_rgba
):
    server = recorded(img2img=name, **lists)
    theirs = captured(name)["request"]["json"]
    light_map = from_uint8(pixels(captured("iclight-v1/ok-img2img-fc")["request"]["json"]["init_images"][0]))
    request = Img2Img(
        **bag(ic_light=ic_light("iclight-v1/ok-img2img-fc")).sent_fields,
        init_image=light_map,
        denoising_strength=0.9,
    )

    generation = server.client().img2img(request)

    ours = server.sent("img2img")[0]
    assert generation.applied.ic_light is True
    assert (pixels(ours["init_images"][0]).shape[2] == 4) is init_is_rgba
    np.testing.assert_array_equal(pixels(ours["init_images"][0]), pixels(theirs["init_images"][0]))
    assert_same_arguments(ours["alwayson_scripts"], theirs["alwayson_scripts"], pixels)


def test_results_grids_and_extras_are_told_apart(recorded, ic_light):
    name = "iclight-v1/ok-txt2img-fc-save_images"
    client = recorded(txt2img=name).client()

    generation = client.txt2img(bag(batch_size=2, ic_light=ic_light(name)))

    assert [image.shape for image in generation.images] == [(64, 64, 3)] * 2
    assert generation.seeds == (1, 2)
    assert [image.shape for image in generation.extras] == [(64, 64, 3), (64, 128, 3)]
    assert "Seed: 2," in generation.infotexts[1]


def test_detail_pictures_come_as_extras(recorded, ic_light):
    name = "iclight-v1/ok-txt2img-fc-batch_size2-detail"
    client = recorded(txt2img=name).client()

    generation = client.txt2img(bag(batch_size=2, ic_light=ic_light(name, detail_transfer=True)))

    assert (len(generation.images), len(generation.extras)) == (2, 3)


def test_a_second_pass_has_its_own_size(recorded, ic_light, captured, pixels):
    name = "iclight-v1/ok-txt2img-fc-hires"
    hires = {"enable_hr": True, "hr_scale": 2, "hr_upscaler": "Latent", "denoising_strength": 0.7}

    answer = showing_the_product(captured(name)["response"]["json"], pixels)

    generation = recorded(txt2img=answer).client().txt2img(bag(ic_light=ic_light(name), **hires))

    assert generation.image.shape == (128, 128, 3)
    assert generation.applied.proofs["IC-Light"].kind == "picture"


def showing_the_product(answer, pixels):
    """A recorded answer whose result is the foreground that came back; the recorded model drew noise."""
    size = pixels(answer["images"][0]).shape[1::-1]
    with Image.fromarray(pixels(answer["images"][1])) as foreground:
        return {**answer, "images": [encoded(foreground.resize(size)), answer["images"][1]]}


@pytest.mark.parametrize(
    ("name", "lists", "says"),
    [
        ("iclight-v1/swallowed-1-wrong-model_type-after-plain", FROM_V1, "did not run"),
        ("iclight-v1/swallowed-3-wrong-model_type-after-valid", FROM_V1, "another picture than ours"),
        ("iclight-v2/swallowed-v1-dict", FROM_V2, "did not run"),
        ("v1.9.4/iclight-txt2img-fc", FROM_V1, "1.10 or later"),
        ("v1.9.4/iclight-txt2img-fc-detail", FROM_V1, "did not run"),
    ],
)
def test_a_picture_that_was_not_relit_is_noticed(recorded, ic_light, captured, name, lists, says):
    client = recorded(txt2img=name, **lists).client()
    wants_detail = name.endswith("detail")

    with pytest.raises(NotAppliedError, match=says):
        client.txt2img(bag(ic_light=ic_light(name, detail_transfer=wants_detail)))


def test_the_word_false_among_the_pictures_is_skipped_and_told(recorded, ic_light):
    name = "iclight-v1/origproject-apipy-txt2img-fc"

    generation = recorded(txt2img=name).client().txt2img(bag(ic_light=ic_light(name)))

    assert len(generation.images) == 1
    assert generation.extras == ()
    assert generation.applied.ic_light is None
    assert any("'False'" in notice for notice in generation.notices)


def test_a_picture_that_the_server_cannot_send_is_saved_there_and_fetched(recorded, ic_light, captured):
    import base64

    import httpx

    name = "iclight-v1/client-only-remedy-1-generate"
    file = base64.b64decode(captured("iclight-v1/ok-txt2img-fc")["response"]["json"]["images"][0])
    server = recorded(txt2img=["iclight-v1/bug-txt2img-fc", name])

    def file_or_404(request):
        token = server.sent("txt2img")[-1]["override_settings"]["samples_filename_pattern"]
        asked = f"/file=/srv/a1111/outputs/txt2img-images/{token}.png"
        return httpx.Response(200 if request.url.path == asked else 404, content=file)

    class Files(dict):
        def get(self, path):
            return file_or_404 if path.startswith("/file=") else super().get(path)

    server.answers = Files(server.answers)
    client = server.client()

    generation = client.txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))

    assert len(generation.images) == 1
    assert any("saved there" in notice for notice in generation.notices)
    saved = server.sent("txt2img")[1]
    assert (saved["send_images"], saved["save_images"], saved["seed"]) == (False, True, 1)
    # The four options were saved with their present values before they were overridden.
    posted = [body for method, path, body in server.calls if method == "POST" and path.endswith("options")]
    assert posted[0] == {
        "samples_filename_pattern": "",
        "save_images_add_number": True,
        "save_to_dirs": True,
        "samples_format": "png",
    }
    assert posted[0].keys() == saved["override_settings"].keys()

    client.txt2img(bag(batch_size=2, ic_light=ic_light("iclight-v1/ok-txt2img-fc")))

    assert [body["seed"] for body in server.sent("txt2img")[2:]] == [1, 2]


def test_a_server_that_can_neither_send_nor_hand_out_is_told_of_the_bridge(recorded, ic_light):
    remedy = "iclight-v1/client-only-remedy-1-generate"
    server = recorded(txt2img=["iclight-v1/bug-txt2img-fc", remedy])

    with pytest.raises(BackendFaultError, match="prodgen-bridge"):
        server.client().txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))


def test_forge_which_hides_its_errors_is_asked_to_save_as_well(recorded, ic_light, captured):
    import base64

    import httpx

    sent = base64.b64decode(captured("iclight-v1/ok-txt2img-fc")["response"]["json"]["images"][0])
    nameless = httpx.Response(500, text="Internal Server Error")
    server = recorded(txt2img=[nameless, "iclight-v1/client-only-remedy-1-generate"], **FROM_V2)

    class Files(dict):
        def get(self, path):
            return httpx.Response(200, content=sent) if path.startswith("/file=") else super().get(path)

    server.answers = Files(server.answers)

    generation = server.client(dialect="forge").txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))

    assert len(generation.images) == 1


def test_a_remark_with_an_answer_that_was_to_hold_no_picture_is_no_failure(recorded, ic_light, captured):
    import base64
    import json

    import httpx

    sent = base64.b64decode(captured("iclight-v1/ok-txt2img-fc")["response"]["json"]["images"][0])
    saved = captured("iclight-v1/client-only-remedy-1-generate")["response"]["json"]
    info = json.loads(saved["info"]) | {"comments": ["half of the prompt was left out"]}
    server = recorded(txt2img=["iclight-v1/bug-txt2img-fc", {**saved, "info": json.dumps(info)}])

    class Files(dict):
        def get(self, path):
            return httpx.Response(200, content=sent) if path.startswith("/file=") else super().get(path)

    server.answers = Files(server.answers)

    generation = server.client().txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))

    assert len(generation.images) == 1


def with_foreground(captured, pixels, change, kind):
    """A recorded answer whose foreground is changed and encoded once more."""
    import base64
    import io

    from PIL import Image

    answer = captured("iclight-v1/ok-txt2img-fc")["response"]["json"]

    def encoded(array):
        buffer = io.BytesIO()
        Image.fromarray(array).save(buffer, kind, quality=95)
        return base64.b64encode(buffer.getvalue()).decode()

    result, foreground = map(pixels, answer["images"])
    return {**answer, "images": [encoded(result), encoded(change(foreground))]}


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_a_foreground_that_comes_back_in_any_format_is_recognised(recorded, ic_light, captured, pixels, kind):
    answer = with_foreground(captured, pixels, lambda x: x, kind)

    generation = recorded(txt2img=answer).client().txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))

    assert generation.applied.ic_light is True


@pytest.mark.parametrize(("kind", "levels"), [("PNG", 3), ("JPEG", 40)])
def test_a_foreground_that_is_nearly_ours_is_another_one(recorded, ic_light, captured, pixels, kind, levels):
    answer = with_foreground(captured, pixels, lambda x: np.where(x < 128, x + levels, x - levels), kind)

    with pytest.raises(NotAppliedError, match="another picture than ours"):
        recorded(txt2img=answer).client().txt2img(bag(ic_light=ic_light("iclight-v1/ok-txt2img-fc")))
