"""What of an order decides one input of one node, and what of a server's list decides a name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from prodgen.engines.comfy.comfy_inventory import ComfyModels
from prodgen.engines.comfy.comfy_words import comfy_texts
from prodgen.engines.comfy.picture_graphs import drawing_graph
from prodgen.engines.comfy.relight_nodes import missing_relighting
from prodgen.engines.comfy.sampling_names import SAMPLERS
from prodgen.engines.comfy.sampling_nodes import stretched_steps
from prodgen.server.engine import ModelFile
from prodgen.server.finer_settings import ControlOrder, FinerSettings
from prodgen.server.inpainting import RepaintPlan
from prodgen.server.wire import UploadedPicture

from .drawn_orders import INFO, LIGHT_MAP, MASK, PHOTO, Uploads, plain_order, relit_unit, server_models


def with_choices(**listed: list[str]) -> ComfyModels:
    """The recorded server with other lists, "Class__input"."""
    info = {**INFO}
    for place, names in listed.items():
        node, field = place.split("__")
        required = {**info[node]["input"]["required"], field: [names]}
        info[node] = {**info[node], "input": {**info[node]["input"], "required": required}}
    return server_models(info=info)


INPAINTING = with_choices(CheckpointLoaderSimple__ckpt_name=["sd15_inpainting.ckpt"])
FILLER = ModelFile("sd15_inpainting")


def test_a_mask_is_sent_by_the_cells_that_latents_have():
    cells = np.zeros((16, 16), np.uint8)
    cells[4:12, 5:12] = 255
    uploads = Uploads()

    drawing_graph(plain_order(starts=(RepaintPlan(PHOTO, MASK, cells),)), 0, server_models(), uploads)

    (mask,) = (one for one in uploads.pictures.values() if one.ndim == 2)
    assert np.array_equal(mask, cells.repeat(8, axis=0).repeat(8, axis=1))


def test_a_model_that_fills_masks_keeps_what_the_mask_keeps():
    graph = drawing_graph(
        plain_order(checkpoint=FILLER, starts=(RepaintPlan(PHOTO, MASK),)), 0, INPAINTING, Uploads()
    ).graph

    (inputs,) = (one["inputs"] for one in graph.values() if one["class_type"] == "InpaintModelConditioning")
    assert inputs["noise_mask"] is True


def test_relighting_takes_no_words_of_a_model_that_fills_masks():
    unit = relit_unit(light_map=UploadedPicture(LIGHT_MAP, "RGB"))
    order = plain_order(checkpoint=FILLER, relight=unit, starts=(RepaintPlan(PHOTO, MASK),))

    classes = [one["class_type"] for one in drawing_graph(order, 0, INPAINTING, Uploads()).graph.values()]

    assert "InpaintModelConditioning" not in classes
    assert "ICLightConditioning" in classes


@pytest.mark.parametrize(("mode", "is_cut"), [(0, False), (1, True)])
def test_the_picture_that_steers_is_fitted_as_it_is_asked_for(mode: int, is_cut: bool):
    wide = np.zeros((64, 128, 3), np.uint8)
    wide[:, :16] = 255  # cut off where the picture is cut to a square
    unit = ControlOrder("none", "control_sd15_random", wide, resize_mode=mode)
    uploads = Uploads()

    drawing_graph(plain_order(finer=FinerSettings(controls=(unit,))), 0, server_models(), uploads)

    (sent,) = uploads.pictures.values()
    assert sent.shape == (128, 128, 3)
    assert (sent.max() < 128) == is_cut


def test_the_parts_of_a_prompt_stand_in_their_order():
    graph = drawing_graph(plain_order(prompt="a lamp BREAK a table"), 0, server_models(), Uploads()).graph

    both: dict[str, Any] = graph["pos_both"]["inputs"]
    texts = [graph[both[side][0]]["inputs"]["text"] for side in ("conditioning_to", "conditioning_from")]
    assert texts == ["a lamp", "a table"]


def test_a_second_pass_stretches_its_schedule_by_the_part_that_a1111_cuts_off():
    assert stretched_steps(20, 0.55) == (36, 16)  # int(36.36)
    assert stretched_steps(10, 0.54) == (18, 8)  # int(18.5), not 19
    assert stretched_steps(20, 1.0) == (20, 0)


def test_each_sampler_has_a_counterpart_of_its_own():
    assert len(set(SAMPLERS.values())) == len(SAMPLERS)


@pytest.mark.parametrize("name", ["flux1-kontext-dev", "flux1-fill-dev", "flux1-canny-dev"])
def test_a_flux_that_takes_a_picture_is_not_offered_for_words_alone(name: str):
    models = with_choices(UNETLoader__unet_name=["flux1-dev.safetensors", f"{name}.safetensors"])

    assert "flux1-dev" in models.checkpoints
    assert name not in models.checkpoints


def test_a_whole_checkpoint_comes_before_a_bare_model_of_its_name():
    models = with_choices(
        CheckpointLoaderSimple__ckpt_name=["flux1-dev.safetensors"],
        UNETLoader__unet_name=["flux1-dev.safetensors"],
    )

    assert models.checkpoints["flux1-dev"].is_whole


def test_a_checkpoint_that_fills_masks_is_not_the_one_by_default():
    models = with_choices(
        CheckpointLoaderSimple__ckpt_name=["a-inpainting.ckpt", "b-xl.ckpt", "c.ckpt"],
        UNETLoader__unet_name=[],
    )

    assert models.by_default == ["c", "a-inpainting", "b-xl"]


def test_the_longest_name_of_a_textual_inversion_counts():
    assert comfy_texts("a bad-hands lamp", ("bad", "bad-hands")) == ("a embedding:bad-hands lamp",)


@pytest.mark.parametrize(
    ("node", "low", "resolution"), [("Canny", 100 / 255, None), ("CannyEdgePreprocessor", 100, 768)]
)
def test_canny_takes_its_levels_as_each_node_counts_them(node: str, low: float, resolution: int | None):
    aux = {"input": {"required": {"image": ["IMAGE"], "low_threshold": ["INT", {"default": 1}],
                                  "high_threshold": ["INT", {"default": 2}],
                                  "resolution": ["INT", {"default": 512}]}}}  # fmt: skip
    info = {**INFO, **({} if node == "Canny" else {"CannyEdgePreprocessor": aux})}
    if node == "Canny":
        required = {"image": ["IMAGE"], "low_threshold": ["FLOAT", {"default": 0.4}],
                    "high_threshold": ["FLOAT", {"default": 0.8}]}  # fmt: skip
        info["Canny"] = {"input": {"required": required}}
        info.pop("CannyEdgePreprocessor", None)
    unit = ControlOrder("canny", "control_sd15_random", PHOTO, processor_res=768, threshold_a=100.0)
    order = plain_order(finer=FinerSettings(controls=(unit,)))

    made = drawing_graph(order, 0, server_models(info=info), Uploads()).graph["map"]

    assert made["class_type"] == node
    assert made["inputs"]["low_threshold"] == pytest.approx(low)
    assert made["inputs"].get("resolution") == resolution


def test_a_light_map_that_reinforces_shows_the_product():
    unit = relit_unit(light_map=UploadedPicture(LIGHT_MAP, "RGB"), reinforce=True)
    uploads = Uploads()

    graph = drawing_graph(
        plain_order(relight=unit, starts=(RepaintPlan(PHOTO),)), 0, server_models(), uploads
    ).graph

    sent = uploads.pictures[graph["img"]["inputs"]["image"]]
    assert (sent == 200).all()  # the product covers it


@pytest.mark.parametrize(("is_fbc", "file"), [(False, "iclight_sd15_fc"), (True, "iclight_sd15_fbc")])
def test_the_weights_that_are_missing_are_named_as_each_pack_reads_them(is_fbc: bool, file: str):
    kijai = missing_relighting(server_models(), is_fbc=is_fbc)
    native = missing_relighting(server_models("LoadAndApplyICLightUnet"), is_fbc=is_fbc)

    assert f"{file}.safetensors" in kijai
    assert f"{file}_unet_ldm.safetensors" in native
