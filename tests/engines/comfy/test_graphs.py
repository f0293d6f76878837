"""Graphs equal the recorded workflows, which a real ComfyUI ran, or differ for a reason that is named."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from prodgen.engines.comfy.graph_nodes import Graph, is_link, upstream
from prodgen.engines.comfy.picture_graphs import OUTPUT, drawing_graph, upscaling_graph
from prodgen.engines.comfy.relight_nodes import was_relit
from prodgen.engines.comfy.undrawable import refuse_undrawable
from prodgen.server.engine import BatchOrder, HiresPass, ModelFile
from prodgen.server.finer_settings import ControlOrder, FinerSettings
from prodgen.server.inpainting import RepaintPlan
from prodgen.server.wire import Refused, UploadedPicture

from .drawn_orders import (
    BACKGROUND,
    INFO,
    LIGHT_MAP,
    MASK,
    PHOTO,
    WORKFLOWS,
    Uploads,
    plain_order,
    recorded_workflow,
    relit_unit,
    server_models,
)

NATIVE = ("LoadAndApplyICLightUnet",)
"""Classes taken away so that the native pack is the only one."""

LIT = relit_unit(light_map=UploadedPicture(LIGHT_MAP, "RGB"))
STARTS = (RepaintPlan(PHOTO),)
MASKED = (RepaintPlan(PHOTO, MASK),)


def steered(module: str = "none", **more: Any) -> FinerSettings:
    """One unit of ControlNet."""
    return FinerSettings(controls=(ControlOrder(module, "control_sd15_random", PHOTO, **more),))


EQUAL: dict[str, tuple[BatchOrder, tuple[str, ...]]] = {
    "a-txt2img": (plain_order(), ()),
    "a-txt2img-clipskip-vae": (plain_order(clip_skip=2, vae=ModelFile("vae_random")), ()),
    "a-img2img": (plain_order(starts=STARTS, denoising_strength=0.6), ()),
    "b-iclight-fc-kijai": (plain_order(relight=relit_unit()), ()),
    "b-iclight-fc-native": (plain_order(relight=relit_unit()), NATIVE),
    "c-iclight-fbc-kijai": (
        plain_order(relight=relit_unit("FBC", background=UploadedPicture(BACKGROUND, "RGB"))),
        (),
    ),
    "c-iclight-fbc-native": (
        plain_order(relight=relit_unit("FBC", background=UploadedPicture(BACKGROUND, "RGB"))),
        NATIVE,
    ),
    "d-iclight-fc-lightmap-kijai": (plain_order(relight=LIT, starts=STARTS, denoising_strength=0.9), ()),
    "d-iclight-fc-lightmap-native": (plain_order(relight=LIT, starts=STARTS, denoising_strength=0.9), NATIVE),
    "e-inpaint-SetLatentNoiseMask": (
        plain_order(starts=MASKED, denoising_strength=0.7, inpainting_fill=1),
        (),
    ),
    "f-lora-chain": (plain_order(loras=((ModelFile("lora_a"), 0.8), (ModelFile("lora_b"), 0.5))), ()),
    "g-controlnet": (
        plain_order(
            finer=FinerSettings(
                controls=(ControlOrder("none", "control_sd15_random", PHOTO, weight=0.8, guidance_end=0.8),)
            )
        ),
        (),
    ),
    "h-hires-latent": (plain_order(hires=HiresPass(192, 192, "Latent", 0, 0.5)), ()),
    "h-hires-model": (plain_order(hires=HiresPass(192, 192, "4x_random", 0, 0.4)), ()),
    "i-flux-txt2img": (
        plain_order(
            checkpoint=ModelFile("flux1-dev-fp8"),
            seeds=(0,),
            width=832,
            height=1216,
            steps=8,
            cfg_scale=1.0,
            schedule="Simple",
        ),
        (),
    ),
}
"""Workflows that an order draws, and the node classes that the server is thought to lack."""

OTHERWISE = {
    "b-iclight-fc-kijai-batch": "a batch has one generator: its second picture is not the next seed's",
    "b-iclight-fc-native-batch": "as above: every picture is a prompt of its own",
    "b-iclight-fc-kijai-detail": "the detail is put back by the server of the API, for every engine alike",
    "b-iclight-fc-kijai-ldm": "the diffusers layout is taken where both are there: the pictures are equal",
    "d-iclight-fc-lightsource-kijai": "gradients are drawn by the client or the server of the API",
    "e-inpaint-InpaintModelConditioning": "for inpainting checkpoints only, see the test about those",
    "e-inpaint-VAEEncodeForInpaint": "grey is put into the hole here; it grows the mask and needs strength 1",
    "h-upscale-model": "no order: see the test about enlarging",
    "i-flux-txt2img-custom-sampler": "the same picture by other nodes; it runs as a user's own workflow",
    "j-flux-kontext-edit": "edits by instruction have no request in A1111; run as a user's own workflow",
    "j-qwen-image-edit": "as above",
}
"""Workflows that no order draws in this form, and why."""


def tree(graph: Mapping[str, Any], node: str, names: Mapping[str, str]) -> Any:
    """A node with all that it comes from, without ids; file names as they are called in `names`."""
    inputs = {
        key: (tree(graph, value[0], names), value[1]) if is_link(value) else names.get(str(value), value)
        for key, value in graph[node]["inputs"].items()
        if key != "filename_prefix"
    }
    return {"class": graph[node]["class_type"], **inputs}


def expected(name: str) -> dict[str, Any]:
    """The recorded graph, with what is meant to be otherwise here changed in it."""
    graph = recorded_workflow(name)["prompt"]
    graph["save"]["class_type"] = "PreviewImage"  # the server's temporary folder: nothing is left behind
    if "grey" in graph:  # the product comes on grey already
        graph["fg_latent"]["inputs"]["pixels"] = ["fg", 0]
    for sampler in [node for node in graph.values() if node["class_type"] == "KSampler"]:
        if sampler["inputs"]["denoise"] < 1:
            _start_late(sampler, is_second=sampler is graph.get("second"))
    if "lup" in graph:  # to a size in pixels, which need not be the same factor of both sides
        graph["lup"] = {
            "class_type": "LatentUpscale",
            "inputs": {
                "samples": ["sampler", 0],
                "upscale_method": "bilinear",  # A1111's "Latent"
                "width": 192,
                "height": 192,
                "crop": "disabled",
            },
        }
    if name == "i-flux-txt2img":  # left to the server: whatever precision the file has
        graph["unet"]["inputs"]["weight_dtype"] = "default"
        graph["clip"]["inputs"].update(
            clip_name1="t5xxl_fp8_e4m3fn.safetensors", clip_name2="clip_l.safetensors"
        )
        graph["sampler"]["inputs"]["cfg"] = 1.0
    return graph


def _start_late(sampler: dict[str, Any], *, is_second: bool) -> None:
    """KSampler runs all its steps of a longer schedule; A1111's img2img leaves the first steps out."""
    inputs = sampler["inputs"]
    steps, strength = inputs["steps"], inputs.pop("denoise")
    whole = int(steps / strength) if is_second else steps
    first = whole - steps if is_second else steps - int(strength * steps) - 1
    if first == 0:
        inputs["denoise"] = 1.0
        return
    sampler["class_type"] = "KSamplerAdvanced"
    inputs.update(
        noise_seed=inputs.pop("seed"),
        steps=whole,
        start_at_step=first,
        end_at_step=10_000,
        add_noise="enable",
        return_with_leftover_noise="disable",
    )


def drawn(
    order: BatchOrder, *without: str, upload: Callable[..., str] | None = None, place: int = 0
) -> Graph:
    models = server_models(*without)
    refuse_undrawable(order, models)
    return drawing_graph(order, place, models, upload or Uploads()).graph


def files_of(graph: Mapping[str, Any], output: str) -> dict[str, str]:
    """Loaded files by which nodes take them in which input: names differ, meanings do not."""
    told: dict[str, str] = {}
    for node_id in (there := upstream(graph, output)):
        node = graph[node_id]
        if node["class_type"] in ("LoadImage", "LoadImageMask"):
            users = [
                f"{graph[user]['class_type']}.{key}"
                for user in there
                for key, value in graph[user]["inputs"].items()
                if value == [node_id, 0]
            ]
            told[node["inputs"]["image"]] = f"for {sorted(users)}"
    return told


@pytest.mark.parametrize("name", EQUAL)
def test_an_order_draws_the_recorded_workflow(name: str):
    order, without = EQUAL[name]
    theirs = expected(name)

    ours = drawn(order, *without)

    assert tree(ours, OUTPUT, files_of(ours, OUTPUT)) == tree(theirs, "save", files_of(theirs, "save"))


def test_every_recorded_workflow_is_drawn_or_there_is_a_reason():
    recorded = {path.stem for path in WORKFLOWS.glob("*.json")}

    assert recorded == set(EQUAL) | set(OTHERWISE)


@pytest.mark.parametrize("name", EQUAL)
def test_a_graph_has_no_node_that_its_picture_does_not_come_from(name: str):
    order, without = EQUAL[name]

    ours = drawn(order, *without)

    assert upstream(ours, OUTPUT) == set(ours)


def test_enlarging_a_picture_is_the_recorded_workflow():
    theirs = expected("h-upscale-model")

    ours = upscaling_graph("photo.png", "4x_random.pth", 256, 256)

    assert tree(ours, OUTPUT, {}) == tree(theirs, "save", {})


def test_checkpoints_that_were_trained_to_fill_masks_are_given_the_mask_with_the_words():
    info = {
        **INFO,
        "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["sd15_inpainting.ckpt"]]}}},
    }
    order = plain_order(
        checkpoint=ModelFile("sd15_inpainting"), starts=MASKED, denoising_strength=0.95, inpainting_fill=1
    )

    ours = drawing_graph(order, 0, server_models(info=info), Uploads()).graph

    sampler = ours["sampler"]["inputs"]
    words = ours[sampler["positive"][0]]
    assert words["class_type"] == "InpaintModelConditioning"
    assert ours[words["inputs"]["mask"][0]]["inputs"]["channel"] == "red"
    assert sampler["latent_image"] == [sampler["positive"][0], 2]


def test_each_picture_of_a_batch_has_its_own_seed_and_its_own_words():
    order = plain_order(seeds=(7, 2**64 - 1), prompts=("one", "two"))

    graphs = [drawn(order, place=place) for place in (0, 1)]

    assert [x["sampler"]["inputs"]["seed"] for x in graphs] == [7, 2**64 - 1]
    assert [x["pos"]["inputs"]["text"] for x in graphs] == ["one", "two"]
    assert [x["latent"]["inputs"]["batch_size"] for x in graphs] == [1, 1]


def facts(name: str) -> dict[str, Any]:
    return json.loads((WORKFLOWS.parent / f"{name}.json").read_text("utf-8"))["facts"]


def test_no_graph_draws_a_batch_whose_second_picture_would_not_be_the_next_seeds():
    told = facts("queue/determinism")
    assert told["batch image 0 equals single seed 11, max diff"] <= 1
    assert told["batch image 1 equals single seed 12, max diff"] > 100

    sizes = [
        node["inputs"]["batch_size"]
        for order, without in EQUAL.values()
        for node in drawn(replace(order, seeds=(11, 12), prompts=()), *without).values()
        if "batch_size" in node["inputs"]
    ]

    assert set(sizes) == {1}


def test_a_graph_that_begins_late_runs_as_many_steps_as_were_recorded():
    told = facts("queue/determinism-2")["KSamplerAdvanced steps 8, start_at_step 3: progress max"]

    sampler = drawn(plain_order(steps=8, starts=STARTS, denoising_strength=0.5))["sampler"]["inputs"]

    assert (sampler["steps"], sampler["start_at_step"]) == (8, 3)
    assert told == [sampler["steps"] - sampler["start_at_step"]]


def test_a_mask_is_read_where_white_stays_white():
    told = facts("core/alpha-and-picture-formats")
    assert told["LoadImage mask at alpha 255, 64, 0"] == [0, 191, 255]  # upside down
    assert told["LoadImageMask channel red: centre, corner"] == [255, 0]  # the picture's own values

    graph = drawn(plain_order(starts=MASKED, denoising_strength=0.7, inpainting_fill=1))

    (mask,) = [node for node in graph.values() if node["class_type"] == "LoadImageMask"]
    assert mask["inputs"]["channel"] == "red"
    pictures = [name for name, node in graph.items() if node["class_type"] == "LoadImage"]
    used = [value for node in graph.values() for value in node["inputs"].values() if is_link(value)]
    assert not [link for link in used if link[0] in pictures and link[1] == 1]


@pytest.mark.parametrize(
    ("strength", "first"), [(1.0, 0), (0.999, 0), (0.75, 4), (0.5, 9), (0.05, 18), (0.0, 19)]
)
def test_img2img_leaves_out_as_many_steps_as_a1111_does(strength: float, first: int):
    # A1111 1.10.1, setup_img2img_steps: int(min(strength, 0.999) * steps) + 1 steps are run.
    order = plain_order(steps=20, starts=STARTS, denoising_strength=strength)

    sampler = drawn(order)["sampler"]

    assert sampler["inputs"].get("start_at_step", 0) == first
    assert sampler["inputs"]["steps"] == 20


def test_the_second_pass_of_hires_fix_runs_all_its_steps():
    graph = drawn(plain_order(steps=20, hires=HiresPass(256, 256, "Latent", 10, 0.4)))

    second = graph["sampler2"]["inputs"]
    assert (second["steps"], second["start_at_step"]) == (25, 15)
    assert second["latent_image"] == ["lup", 0]


def test_a_refiner_goes_on_with_the_noise_that_the_first_model_left():
    info = {**INFO, "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["a.ckpt", "b.ckpt"]]}}}}
    order = plain_order(
        checkpoint=ModelFile("a"),
        steps=20,
        finer=FinerSettings(refiner=ModelFile("b"), refiner_switch_at=0.8),
    )

    graph = drawing_graph(order, 0, server_models(info=info), Uploads()).graph

    begun, finished = graph["sampler"]["inputs"], graph["sampler2"]["inputs"]
    assert (begun["start_at_step"], begun["end_at_step"], begun["return_with_leftover_noise"]) == (
        0,
        16,
        "enable",
    )
    assert (finished["start_at_step"], finished["add_noise"]) == (16, "disable")
    assert finished["latent_image"] == ["sampler", 0]
    assert graph[finished["model"][0]]["inputs"]["ckpt_name"] == "b.ckpt"


def test_a_schedule_that_no_sampler_has_comes_from_its_own_node():
    graph = drawn(plain_order(steps=10, starts=STARTS, denoising_strength=0.5, schedule="Align Your Steps"))

    sampler = graph["sampler"]
    assert sampler["class_type"] == "SamplerCustom"
    split = graph[sampler["inputs"]["sigmas"][0]]
    assert split["inputs"] == {"sigmas": ["sig", 0], "step": 4}
    assert graph["sig"]["inputs"] == {"model_type": "SD1", "steps": 10, "denoise": 1.0}


def test_the_product_is_uploaded_on_the_grey_of_a1111():
    uploads = Uploads()
    cut_out = np.zeros((128, 128, 4), np.uint8)
    cut_out[..., :3], cut_out[40:80, 40:80, 3] = 250, 255

    drawn(plain_order(relight=relit_unit(subject=UploadedPicture(cut_out, "RGBA"))), upload=uploads)

    foreground = uploads.pictures["0.png"]
    assert foreground.shape == (128, 128, 3)
    assert (foreground[0, 0] == 127).all()
    assert (foreground[60, 60] == 250).all()


def test_a_hole_to_be_filled_from_around_is_filled_before_it_is_sent():
    uploads = Uploads()
    marked = PHOTO.copy()
    marked[MASK > 0] = (255, 0, 0)

    drawn(plain_order(starts=(RepaintPlan(marked, MASK),), inpainting_fill=0), upload=uploads)

    assert np.abs(uploads.pictures["0.png"].astype(int) - 90).max() <= 1


def test_a_hole_with_nothing_in_it_is_sent_as_grey():
    uploads = Uploads()

    drawn(plain_order(starts=MASKED, inpainting_fill=3), upload=uploads)

    sent = uploads.pictures["0.png"]
    assert (sent[64, 64] == 127).all()
    assert (sent[0, 0] == 90).all()
    assert np.array_equal(uploads.pictures["1.png"], MASK)


def test_an_sdxl_checkpoint_is_told_the_size_that_is_drawn():
    info = {
        **INFO,
        "CheckpointLoaderSimple": {"input": {"required": {"ckpt_name": [["sd_xl_base_1.0.safetensors"]]}}},
        "CLIPTextEncodeSDXL": {"input": {"required": {}}},
    }
    order = plain_order(checkpoint=ModelFile("sd_xl_base_1.0"), width=832, height=1216)

    graph = drawing_graph(order, 0, server_models(info=info), Uploads()).graph

    assert graph["pos"]["class_type"] == "CLIPTextEncodeSDXL"
    assert graph["pos"]["inputs"]["target_height"] == 1216
    assert graph["pos"]["inputs"]["text_g"] == graph["pos"]["inputs"]["text_l"] == "a lamp on a table"


def test_flux_is_guided_by_the_scale_and_not_by_a_second_half():
    order = plain_order(checkpoint=ModelFile("flux1-dev-fp8"), cfg_scale=2.5, schedule="Simple")

    graph = drawn(order)

    assert graph["guide"]["inputs"]["guidance"] == 2.5
    assert graph["sampler"]["inputs"]["cfg"] == 1.0


def test_a_prompt_in_two_parts_is_encoded_twice_and_joined():
    graph = drawn(plain_order(prompt="a lamp BREAK a table"))

    joined = graph[graph["sampler"]["inputs"]["positive"][0]]
    assert joined["class_type"] == "ConditioningConcat"
    assert {graph["pos"]["inputs"]["text"], graph["pos2"]["inputs"]["text"]} == {"a lamp", "a table"}


RELIT = {"kijai": (), "native": NATIVE}


@pytest.mark.parametrize(("pack", "model"), [*itertools.product(RELIT, ("FC", "FBC"))])
def test_a_graph_that_relit_is_known_by_its_node_its_weights_and_its_pictures(pack: str, model: str):
    unit = relit_unit(model, background=UploadedPicture(BACKGROUND, "RGB"))
    made = drawing_graph(plain_order(relight=unit), 0, server_models(*RELIT[pack]), Uploads())
    plain = drawn(plain_order())

    assert was_relit(made.graph, OUTPUT, *made.relight)
    assert not was_relit(plain, OUTPUT, *made.relight)
    for field in ("weights", "foreground", *(["background"] if model == "FBC" else [])):
        assert not was_relit(made.graph, OUTPUT, replace(made.relight[0], **{field: "another.png"}))


@pytest.mark.parametrize("pack", RELIT)
def test_the_product_is_the_foreground_and_the_scene_the_background(pack: str):
    unit = relit_unit("FBC", background=UploadedPicture(BACKGROUND, "RGB"))
    uploads = Uploads()

    graph = drawn(plain_order(relight=unit), *RELIT[pack], upload=uploads)

    conditions = graph["iccond" if pack == "kijai" else "both"]["inputs"]
    names = ("foreground", "opt_background") if pack == "kijai" else ("samples1", "samples2")
    levels = []
    for name in names:
        loader = graph[graph[conditions[name][0]]["inputs"]["pixels"][0]]
        levels.append(int(uploads.pictures[loader["inputs"]["image"]][64, 64, 0]))
    assert levels == [200, 30]


def test_a_relighting_node_beside_the_sampler_proves_nothing():
    made = drawing_graph(plain_order(relight=relit_unit()), 0, server_models(), Uploads())
    beside = {**made.graph, "sampler": {**made.graph["sampler"]}}
    beside["sampler"]["inputs"] = {**beside["sampler"]["inputs"], "model": ["ckpt", 0]}

    assert not was_relit(beside, OUTPUT, *made.relight)


REFUSED = {
    "tiling": (plain_order(finer=FinerSettings(tiling=True)), "tiles"),
    "two seeds": (plain_order(subseed_strength=0.3, subseeds=(1,)), "subseed_strength"),
    "faces": (plain_order(finer=FinerSettings(restore_faces="CodeFormer")), "restore_faces"),
    "the size of the seed": (plain_order(finer=FinerSettings(seed_resize=(64, 64))), "seed_resize"),
    "eta": (plain_order(finer=FinerSettings(eta=0.5)), "eta"),
    "the seed of step noise": (
        plain_order(finer=FinerSettings(eta_noise_seed_delta=31337)),
        "eta_noise_seed_delta",
    ),
    "louder noise": (
        plain_order(finer=FinerSettings(initial_noise_multiplier=1.1)),
        "initial_noise_multiplier",
    ),
    "a sampler that is not there": (plain_order(sampler="Restart"), "'Restart'"),
    "a schedule that is not there": (plain_order(schedule="Polyexponential"), "'Polyexponential'"),
    "antialiased latents": (plain_order(hires=HiresPass(192, 192, "Latent (antialiased)", 0, 0.5)), "Latent"),
    "a weighing of ControlNet": (
        plain_order(
            finer=FinerSettings(
                controls=(ControlOrder("none", "control_sd15_random", PHOTO, control_mode=2),)
            )
        ),
        "control_mode",
    ),
    "a preprocessor": (
        plain_order(finer=steered(module="openpose")),
        "comfyui_controlnet_aux (https://github.com/Fannovel16/comfyui_controlnet_aux)",
    ),
    "latent noise in mid-way": (
        plain_order(starts=MASKED, steps=20, denoising_strength=0.5, inpainting_fill=2),
        "denoising_strength 1",
    ),
    "relighting another family": (
        plain_order(checkpoint=ModelFile("flux1-dev-fp8"), relight=relit_unit()),
        "Stable Diffusion 1.5",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_comfyui_has_no_node_for_is_refused_with_the_remedy(name: str):
    order, words = REFUSED[name]

    with pytest.raises(Refused) as caught:
        refuse_undrawable(order, server_models())

    assert caught.value.status == 422
    assert words in caught.value.detail


def test_without_a_pack_for_ic_light_its_name_and_address_are_said():
    with pytest.raises(Refused) as caught:
        refuse_undrawable(
            plain_order(relight=relit_unit()), server_models("LoadAndApplyICLightUnet", "ICLightAppply")
        )

    assert "https://github.com/kijai/ComfyUI-IC-Light" in caught.value.detail


def test_without_weights_for_ic_light_their_file_and_folder_are_said():
    info = {
        **INFO,
        "LoadAndApplyICLightUnet": {"input": {"required": {"model_path": [["flux1.safetensors"]]}}},
    }

    with pytest.raises(Refused) as caught:
        refuse_undrawable(plain_order(relight=relit_unit("FBC")), server_models(info=info))

    assert "iclight_sd15_fbc.safetensors" in caught.value.detail
    assert "models/unet" in caught.value.detail
