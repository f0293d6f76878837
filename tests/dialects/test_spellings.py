"""Spellings: what each kind of server gets, held against the real server's own description of itself."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from prodgen.client.knowledge import lists
from prodgen.client.reaching import encoding
from prodgen.dialects import A1111, DIALECTS, by_name, by_routes, by_version, read_generation
from prodgen.errors import MissingExtensionError, SettingError, UnknownNameError, UnsupportedFeatureError
from prodgen.schema import (
    ADetailer,
    Capabilities,
    ControlNetUnit,
    ICLight,
    Img2Img,
    Lora,
    Script,
    ScriptArgument,
    ScriptInfo,
    SoftInpainting,
    Txt2Img,
    Upscale,
)

CAPTURES = Path(__file__).parents[1] / "captures"
GREY = np.full((64, 64, 3), 0.5, np.float32)
MATTE = np.ones((64, 64), np.float32)


def scripts_of(name):
    return lists.scripts(json.loads((CAPTURES / f"{name}/script-info.json").read_text())["response"]["json"])


FIFTEEN = tuple(
    ScriptInfo("ic light", True, is_img2img, tuple(ScriptArgument(str(i)) for i in range(15)))
    for is_img2img in (False, True)
)
SERVERS = {
    "dict": Capabilities("a1111", ic_light="dict", scripts=scripts_of("iclight-v1"), controlnet=True),
    "positional-13": Capabilities(
        "a1111",
        ic_light="positional-13",
        ic_light_models=("IC-Light.SD15.FC", "IC-Light.SD15.FBC"),
        scripts=scripts_of("iclight-v2"),
        controlnet=True,
    ),
    "positional-15": Capabilities("a1111", ic_light="positional-15", scripts=FIFTEEN, controlnet=True),
}


@pytest.fixture(scope="module")
def description():
    return json.loads((CAPTURES / "openapi.json").read_text())


def is_valid(payload, description):
    """Whether the body is what the server describes, without a field that it would ignore."""
    body = json.loads(b"".join(encoding.encode_body(payload.fields, formats={"png"}, is_local=True)))
    content = description["paths"][payload.path]["post"]["requestBody"]["content"]["application/json"]
    name = content["schema"]["$ref"].rpartition("/")[2]
    schema = description["components"]["schemas"][name]
    jsonschema.validate(body, {**schema, "components": description["components"]})
    return body.keys() <= schema["properties"].keys()


def maybe(values):
    return st.none() | values


share = st.floats(0, 1)
common = {
    "prompt": st.text(max_size=30),
    "negative_prompt": maybe(st.text(max_size=30)),
    "seed": st.integers(0, 2**32 - 1),
    "width": st.integers(8, 200).map(lambda x: 8 * x),
    "height": st.integers(8, 200).map(lambda x: 8 * x),
    "steps": st.integers(1, 150),
    "cfg_scale": maybe(st.floats(0, 30)),
    "sampler_name": maybe(st.sampled_from(["Euler a", "DPM++ 2M SDE"])),
    "scheduler": maybe(st.sampled_from(["Karras", "sgm_uniform"])),
    "batch_size": st.integers(1, 8),
    "eta": maybe(share),
    "s_noise": maybe(share),
    "restore_faces": maybe(st.booleans()),
    "tiling": maybe(st.booleans()),
    "styles": st.lists(st.text(min_size=1, max_size=5), max_size=2).map(tuple),
    "checkpoint": maybe(st.just("some [abc]")),
    "vae": maybe(st.just("some.vae")),
    "clip_skip": maybe(st.integers(1, 12)),
    "disable_extra_networks": maybe(st.booleans()),
    "loras": st.lists(st.builds(Lora, name=st.just("detail"), weight=st.floats(-2, 2)), max_size=1).map(
        tuple
    ),
    "controlnet": st.just(()) | st.just((ControlNetUnit(module="canny", model="m", image=GREY),)),
    "ic_light": st.sampled_from(
        [
            None,
            ICLight(foreground=GREY, matte=MATTE),
            ICLight(foreground=GREY, matte=MATTE, detail_transfer=True),
        ]
    ),
}
second_pass = st.just({}) | st.fixed_dictionaries(
    {
        "enable_hr": st.just(True),
        "denoising_strength": share,
        "hr_scale": st.floats(1, 4),
        "hr_upscaler": maybe(st.just("Latent")),
        "hr_second_pass_steps": maybe(st.integers(0, 50)),
        "hr_prompt": maybe(st.text(max_size=9)),
    }
)
mask = st.just({}) | st.fixed_dictionaries(
    {
        "inpaint_mask": st.just(MATTE),
        "inpainting_fill": maybe(st.sampled_from(["fill", "original", "latent_noise", "latent_nothing"])),
        "inpaint_full_res": st.booleans(),
        "inpaint_full_res_padding": maybe(st.integers(0, 64)),
        "inpainting_mask_invert": maybe(st.just(False)),
        "mask_blur": maybe(st.integers(0, 64)),
        "mask_round": maybe(st.booleans()),
    }
)
quick = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.mark.parametrize("spelling", SERVERS)
@quick
@given(fields=st.fixed_dictionaries(common), second=second_pass)
def test_every_txt2img_payload_is_what_the_server_describes(description, spelling, fields, second):
    payload = A1111().txt2img(Txt2Img(**fields, **second), SERVERS[spelling], task_id="mine")

    assert is_valid(payload, description)


@pytest.mark.parametrize("spelling", ["dict", "positional-13"])
@quick
@given(fields=st.fixed_dictionaries(common), masked=mask, strength=maybe(share))
def test_every_img2img_payload_is_what_the_server_describes(description, spelling, fields, masked, strength):
    request = Img2Img(**fields, **masked, init_image=GREY, denoising_strength=strength, resize_mode="crop")

    payload = A1111().img2img(request, SERVERS[spelling], task_id="mine")

    assert is_valid(payload, description)


@quick
@given(factor=st.floats(0.5, 8), visible=maybe(share))
def test_every_upscale_payload_is_what_the_server_describes(description, factor, visible):
    request = Upscale(
        image=GREY, upscaler_1="Lanczos", upscaling_resize=factor, gfpgan_visibility=visible, matte=MATTE
    )

    assert is_valid(A1111().upscale(request), description)


def drawing(**fields):
    return Txt2Img(**({"prompt": "a cat", "seed": 1, "width": 64, "height": 64} | fields))


def spelled(dialect="a1111", server="dict", **fields):
    return by_name(dialect).txt2img(drawing(**fields), SERVERS[server], task_id="mine").fields


def test_what_is_unset_is_not_sent():
    assert spelled() == {
        "prompt": "a cat",
        "seed": 1,
        "width": 64,
        "height": 64,
        "steps": 20,
        "batch_size": 1,
        "force_task_id": "mine",
    }


def test_loras_are_tags_at_the_end_of_the_prompt():
    fields = spelled(loras=(Lora(name="more_details", weight=0.5), Lora(name="b")))

    assert fields["prompt"] == "a cat <lora:more_details:0.5> <lora:b:1>"


def test_checkpoint_vae_and_clip_skip_hold_for_one_call():
    fields = spelled(checkpoint="x", vae="y", clip_skip=2, override_settings={"eta_noise_seed_delta": 1})

    assert fields["override_settings"] == {
        "sd_model_checkpoint": "x",
        "sd_vae": "y",
        "CLIP_stop_at_last_layers": 2,
        "eta_noise_seed_delta": 1,
    }
    assert fields["override_settings_restore_afterwards"] is True


UNIT = ICLight(foreground=GREY, matte=MATTE)


@pytest.mark.parametrize(("server", "count"), [("dict", 1), ("positional-13", 13), ("positional-15", 15)])
def test_the_cut_out_is_sent_with_alpha_and_never_segmented_again(server, count):
    arguments = spelled(server=server, ic_light=UNIT)["alwayson_scripts"]["IC Light"]["args"]

    assert len(arguments) == count
    at = {"positional-13": (2, 4), "positional-15": (4, 6)}.get(server)
    foreground, remove = (
        (arguments[at[0]], arguments[at[1]]) if at else (arguments[0]["input_fg"], arguments[0]["remove_bg"])
    )
    assert foreground.matte is MATTE
    assert remove is False


def test_a_server_without_ic_light_is_told_what_to_install():
    with pytest.raises(MissingExtensionError, match=r"install_backend\.sh"):
        A1111().txt2img(drawing(ic_light=UNIT), Capabilities("a1111"), task_id="")


def test_a_model_that_ic_light_does_not_offer_is_refused():
    with pytest.raises(UnknownNameError, match=r"IC-Light\.SD15\.FC"):
        spelled(server="positional-13", ic_light=UNIT.model_copy(update={"model": "IC-Light.SD15.F"}))


def relit(server, **unit):
    light = ICLight(foreground=GREY, matte=MATTE, **unit)
    request = Img2Img(prompt="", seed=1, width=64, height=64, init_image=GREY, ic_light=light)
    return A1111().img2img(request, SERVERS[server], task_id="").fields


def test_what_a_spelling_would_ignore_is_refused():
    with pytest.raises(UnsupportedFeatureError, match="light_side"):
        relit("positional-13", mode="fbc", light_side="left")
    with pytest.raises(UnsupportedFeatureError, match="reinforce_fg"):
        relit("positional-13", reinforce_fg=True)
    with pytest.raises(UnsupportedFeatureError, match="img2img"):
        relit("positional-15")


def test_the_product_is_pasted_onto_the_light_map_where_the_server_can():
    arguments = relit("dict", reinforce_fg=True)["alwayson_scripts"]["IC Light"]["args"]
    positional = relit("positional-13", reinforce_fg=True, detail_transfer=True)

    assert arguments[0]["reinforce_fg"] is True
    assert positional["alwayson_scripts"]["IC Light"]["args"][12] is True


def test_fbc_in_img2img_is_refused_where_the_extension_drops_it_silently():
    with pytest.raises(UnsupportedFeatureError, match="img2img"):
        relit("dict", mode="fbc", background=GREY)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        (Script(title="prompt matrix", args=()), "selectable"),
        (Script(title="prompt matrix", args=(1, 2), always_on=False), "needs all 5"),
        (Script(title="Seed", args=tuple(range(9))), "takes 6"),
        (Script(title="Sed", args=()), "did you mean 'seed'"),
        (Script(title="sampler", args=(900,)), "from 1 to 150"),
        (Script(title="sampler", args=(20, "Oiler")), "did you mean 'Euler'"),
    ],
)
def test_any_script_is_checked_against_what_the_server_says_of_it(script, says):
    with pytest.raises(SettingError, match=says):
        spelled(scripts=(script,))


def test_a_selectable_script_has_its_own_fields():
    script = Script(title="prompt matrix", args=(1, 2, 3, 4, 5), always_on=False)

    fields = spelled(scripts=(script,))

    assert (fields["script_name"], fields["script_args"]) == ("prompt matrix", [1, 2, 3, 4, 5])


def test_soft_inpainting_and_adetailer_are_always_on_scripts():
    server = Capabilities("a1111")
    request = Img2Img(
        **drawing(adetailer=(ADetailer(ad_prompt="a face"),)).sent_fields,
        init_image=GREY,
        inpaint_mask=MATTE,
        soft_inpainting=SoftInpainting(),
    )

    scripts = A1111().img2img(request, server, task_id="").fields["alwayson_scripts"]

    assert scripts["Soft Inpainting"]["args"] == [True, 1, 0.5, 4, 0, 0.5, 2]
    assert scripts["ADetailer"]["args"][2] == {"ad_model": "face_yolov8n.pt", "ad_prompt": "a face"}


# The other kinds of servers.


def test_forge_takes_a_vae_as_a_module():
    assert spelled("forge", vae="y")["override_settings"] == {"forge_additional_modules": ["y"]}


def test_forge_classic_carries_the_schedule_in_the_sampler():
    server = Capabilities("forge-classic", samplers=("DPM++ 2M Karras", "Euler a"))
    request = drawing(sampler_name="DPM++ 2M", scheduler="Karras")

    fields = by_name("forge-classic").txt2img(request, server, task_id="").fields

    assert fields["sampler_name"] == "DPM++ 2M Karras"
    assert "scheduler" not in fields
    with pytest.raises(UnsupportedFeatureError):
        by_name("forge-classic").txt2img(drawing(scheduler="Karras"), server, task_id="")


def test_stable_diffusion_cpp_takes_loras_as_a_list():
    fields = spelled("sdcpp", loras=(Lora(name="a", weight=0.5),), clip_skip=2)

    assert fields["prompt"] == "a cat"
    assert fields["lora"] == [{"path": "a.safetensors", "multiplier": 0.5}]
    assert fields["clip_skip"] == 2
    assert not {"force_task_id", "override_settings"} & fields.keys()


def test_stable_diffusion_cpp_is_sent_the_mask_without_the_finer_settings_that_it_lacks():
    finer = {"mask_blur": 0, "mask_round": False, "inpainting_fill": "original"}
    request = Img2Img(prompt="a", seed=1, width=64, height=64, init_image=GREY, inpaint_mask=MATTE, **finer)

    fields = by_name("sdcpp").img2img(request, SERVERS["dict"], task_id="").fields

    assert "mask" in fields
    assert not finer.keys() & fields.keys()


@pytest.mark.parametrize(
    "fields",
    [
        {"ic_light": UNIT},
        {"n_iter": 2},
        {"styles": ("a",)},
        {"checkpoint": "x"},
        {"scripts": (Script(title="seed"),)},
        {"override_settings": {"a": 1}},
    ],
)
def test_stable_diffusion_cpp_refuses_what_it_would_ignore(fields):
    with pytest.raises(UnsupportedFeatureError):
        spelled("sdcpp", **fields)


def test_sdnext_refuses_ic_light():
    with pytest.raises(UnsupportedFeatureError, match="IC-Light"):
        spelled("sdnext", ic_light=UNIT)


@pytest.mark.parametrize(
    ("version", "name"),
    [
        ("v1.10.1", "a1111"),
        ("v1.9.4", "a1111"),
        ("f2.0.1v1.10.1-previous-669-gdfdcbab6", "forge"),
        ("classic-1.2", "forge-classic"),
        ("stable-diffusion.cpp", "sdcpp"),
    ],
)
def test_a_version_tells_the_kind_of_server(version, name):
    assert by_version(version).name == name


@pytest.mark.parametrize(
    ("routes", "name"),
    [
        ({"samplers", "schedulers", "progress", "scripts"}, "a1111"),
        ({"samplers", "schedulers", "progress", "scripts", "modules"}, "forge"),
        ({"samplers", "progress", "scripts"}, "forge-classic"),
        ({"samplers", "schedulers"}, "sdcpp"),
    ],
)
def test_the_routes_tell_the_kind_of_server(routes, name):
    assert by_routes(routes).name == name


def test_an_unknown_dialect_is_refused_with_the_nearest():
    with pytest.raises(UnknownNameError, match="did you mean 'forge'"):
        by_name("forg")


def test_every_dialect_says_who_it_is():
    assert all(name == dialect.name and dialect.title for name, dialect in DIALECTS.items())


# Reading.


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("Schedule type", "Karras"),
        ("Lora hashes", "a: 1, b: 2"),
        ("Model", "zz tiny second"),
        ("Nothing", None),
    ],
)
def test_values_are_read_out_of_an_infotext(key, value):
    last = 'Steps: 2, Schedule type: Karras, Lora hashes: "a: 1, b: 2", Model: zz tiny second'
    text = f"a, Schedule type: no\n{last}"

    read = read_generation({"images": [], "info": {"infotexts": [text]}}, count=1)

    assert read.infotext_value(key) == value


@pytest.mark.parametrize("answer", [None, [], ["x"], "x" * 99, {}, {"images": 1}, {"info": "{}"}])
def test_what_is_no_generation_is_refused(answer):
    with pytest.raises(ValueError, match="it has no"):
        read_generation(answer, count=1)


def test_an_answer_with_few_keys_is_read_as_far_as_it_goes():
    read = read_generation({"images": ["x" * 40, "y" * 40], "info": "{}"}, count=1)

    assert (len(read.results), len(read.extras), read.seeds) == (1, 1, ())


def repainted(**fields):
    plain = {"prompt": "a", "seed": 1, "width": 64, "height": 64, "init_image": GREY}
    return A1111().img2img(Img2Img(**(plain | fields)), SERVERS["dict"], task_id="").fields


def test_nothing_about_masks_is_sent_without_one():
    assert not {name for name in repainted() if "mask" in name or "inpaint" in name}


@pytest.mark.parametrize(("inverted", "sent"), [(True, 1), (False, 0)])
def test_a_mask_that_is_to_be_inverted_is_sent_as_a_number(inverted, sent):
    half = np.zeros((64, 64), np.float32)
    half[:32] = 1
    fields = repainted(inpaint_mask=half, inpainting_mask_invert=inverted)

    assert fields["inpainting_mask_invert"] == sent
    assert fields["inpaint_full_res"] is False  # the server's own default is true


@pytest.mark.parametrize(
    "asked",
    [{"tiling": True}, {"restore_faces": True}, {"subseed": 0, "subseed_strength": 0.5}, {"n_iter": 2}],
)
def test_sdcpp_refuses_what_it_would_ignore(asked):
    least = {"prompt": "a", "seed": 1, "width": 64, "height": 64, "tiling": False, "restore_faces": False}
    dialect = by_name("sdcpp")

    assert dialect.txt2img(Txt2Img.model_validate(least), Capabilities(""), task_id="")
    with pytest.raises(UnsupportedFeatureError, match=next(iter(asked))):
        dialect.txt2img(Txt2Img.model_validate({**least, **asked}), Capabilities(""), task_id="")


def test_after_an_interrupt_a_control_map_is_no_picture():
    info = {"all_seeds": [1, 2, 3], "index_of_first_image": 0, "infotexts": ["Steps: 2, Seed: 1"]}
    answer = {"images": ["first" * 9, "map" * 15], "info": json.dumps(info)}

    read = read_generation(answer, count=3, has_maps=True)

    assert (read.results, read.extras) == (("first" * 9,), ("map" * 15,))
