"""Every recorded answer of a real ComfyUI server (0.3.64) is replayed, and what it means to us is asserted.

The recordings lie in tests/captures/comfyui; the whole collection, with those that hold no answer for us, is
reference material beside the project, and is counted against the tables here where it is at hand.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from prodgen.engines.comfy import node_faults
from prodgen.engines.comfy.comfy_connection import ComfyConnection
from prodgen.engines.comfy.comfy_server import ComfyServer
from prodgen.engines.comfy.posting import Posting, post
from prodgen.engines.comfy.run_results import SavedFile, fetched
from prodgen.engines.comfy.socket_news import News
from prodgen.engines.comfy.standing import Standings
from prodgen.errors import (
    AnswerError,
    BackendAuthError,
    BackendError,
    BackendFaultError,
    BackendLostError,
    BackendOutOfMemoryError,
    BackendUnreachableError,
    GraphRefusedError,
    MissingExtensionError,
    NotABackendError,
)

from .fake_comfy import CAPTURES, Answer, FakeComfy, png, recorded

SMALL = png(np.full((8, 8, 3), 90, np.uint8))


def answer_of(name: str) -> Answer:
    """The recorded answer, as it was on the wire."""
    told = recorded(name)["response"]
    if "json" in told:
        body = json.dumps(told["json"]).encode()
    elif "image" in told:
        body = SMALL
    else:
        body = told.get("text", "").encode()
    return Answer(told["status"], body, told["headers"].get("Content-Type", ""))


def arranged(comfy: FakeComfy, name: str) -> tuple[str, str]:
    """Have the server give a recorded answer; return the method and the path that were asked."""
    asked = recorded(name)["request"]
    path = asked["path"].partition("?")[0]
    comfy.at[asked["method"], path] = answer_of(name)
    return asked["method"], path


@pytest.fixture
def connection(comfy: FakeComfy):
    ours = ComfyConnection(comfy.settings, sleep=lambda _: None)
    yield ours
    ours.close()


# -- POST /prompt

LINK = "exception_during_inner_validation"
REFUSED = {
    "errors/prompt-body-list": ((), "no_prompt"),
    "errors/prompt-checkpoint-null": ((("ckpt", "value_not_in_list", "ckpt_name"),), "'None' not in"),
    "errors/prompt-cycle": ((), "depends on itself"),
    "errors/prompt-link-length": ((("sampler", "bad_linked_input", "model"),), "length-2 list"),
    "errors/prompt-link-node-id-int": ((("sampler", LINK, "samples"),), "leads to node '1', which the graph"),
    "errors/prompt-link-slot-out-of-range": ((("sampler", LINK, "samples"),), "index out of range"),
    "errors/prompt-link-wrong-type": ((("sampler", "return_type_mismatch", "model"),), "CLIP"),
    "errors/prompt-loadimage-missing-file": (
        (("img", "custom_validation_failed", "image"),),
        "not-there.png",
    ),
    "errors/prompt-missing-input": ((("sampler", "required_input_missing", "steps"),), "steps"),
    "errors/prompt-missing-link-node": ((("sampler", LINK, "samples"),), "leads to node '99'"),
    "errors/prompt-negative-seed": (
        (("sampler", "value_smaller_than_min", "seed"),),
        "-1 smaller than min of 0",
    ),
    "errors/prompt-no-class_type": ((), "missing the class_type property"),
    "errors/prompt-no-inputs-key": ((("sampler", LINK, "samples"),), "'inputs'"),
    "errors/prompt-no-output-node": ((), "Add a node that saves or previews a picture"),
    "errors/prompt-no-prompt": ((), "No prompt provided"),
    "errors/prompt-null-int": ((("sampler", "invalid_input_type", "steps"),), "convert"),
    "errors/prompt-one-output-valid": ((("img", "custom_validation_failed", "image"),), "not-there.png"),
    "errors/prompt-prompt-empty": ((), "Add a node that saves"),
    "errors/prompt-prompt-list": ((), "Add a node that saves"),
    "errors/prompt-seed-2^64": ((("sampler", "value_bigger_than_max", "seed"),), "18446744073709551615"),
    "errors/prompt-text-plain": ((), "Add a node that saves"),
    "errors/prompt-too-big": (
        (("sampler", "value_bigger_than_max", "cfg"),),
        "101.0 bigger than max of 100.0",
    ),
    "errors/prompt-too-small": ((("sampler", "value_smaller_than_min", "steps"),), "0 smaller than min of 1"),
    "errors/prompt-two-faults": (
        (("sampler", "invalid_input_type", "steps"), ("sampler", "value_bigger_than_max", "cfg")),
        "steps",
    ),
    "errors/prompt-ui-format": ((), "Export (API)"),
    "errors/prompt-undecodable-image-setup": ((), "Add a node that saves"),
    "errors/prompt-unknown-checkpoint": ((("ckpt", "value_not_in_list", "ckpt_name"),), "nope.safetensors"),
    "errors/prompt-unknown-lora": ((("lora1", "value_not_in_list", "lora_name"),), "nope.safetensors"),
    "errors/prompt-unknown-sampler": ((("sampler", "value_not_in_list", "sampler_name"),), "DPM++ 2M"),
    "errors/prompt-unknown-scheduler": ((("sampler", "value_not_in_list", "scheduler"),), "'Karras' not in"),
    "errors/prompt-width-too-small": (
        (("latent", "value_smaller_than_min", "width"),),
        "8 smaller than min of 16",
    ),
    "errors/prompt-wrong-type-int": ((("sampler", "invalid_input_type", "steps"),), "abc"),
}
"""Graphs that are refused: the faults by node, kind and input, and what the sentence says."""


def posting_of(name: str) -> Posting:
    body = recorded(name)["request"].get("json")
    graph = body.get("prompt") if isinstance(body, dict) else None
    return Posting(graph if isinstance(graph, dict) else {})


@pytest.mark.parametrize("name", REFUSED)
def test_a_refused_graph_names_nodes_and_inputs_at_fault(name, comfy, connection):
    arranged(comfy, name)
    faults, said = REFUSED[name]

    with pytest.raises(GraphRefusedError) as caught:
        post(connection, posting_of(name), Standings(connection))

    assert tuple((x.node_id, x.kind, x.input_name) for x in caught.value.node_faults) == faults
    assert said in str(caught.value)


LACKING = {"errors/prompt-unknown-node": "NoSuchNode", "errors/prompt-unknown-node-inner": "KSamplerFancy"}


@pytest.mark.parametrize("name", LACKING)
def test_a_graph_with_an_unknown_node_says_which_the_server_lacks(name, comfy, connection):
    arranged(comfy, name)

    with pytest.raises(MissingExtensionError, match=f"node {LACKING[name]}: install"):
        post(connection, posting_of(name), Standings(connection))


MUTE = (
    "errors/prompt-bad-json",
    "errors/prompt-number-not-float",
    "errors/prompt-prompt-null",
    "queue/same-number-same-id",
)


@pytest.mark.parametrize("name", MUTE)
def test_a_server_in_trouble_is_said_to_have_failed_without_saying_why(name, comfy, connection):
    arranged(comfy, name)

    with pytest.raises(BackendFaultError, match=r"without saying why.*console says more"):
        post(connection, Posting({}), Standings(connection))


TAKEN = {
    "errors/prompt-lax-accepted": "a4069b97-2280-46ee-ad2a-ae7b7d0e4b58",
    "errors/prompt-undecodable-image": "e7016228-092f-4da2-9e28-01434295a335",
    "errors/prompt-value-where-link": "59334b6c-0250-46e9-adf1-d6e0587e72ee",
    "queue/front": "6a6eaaf5-af9c-4907-8d45-9f47874e3783",
    "queue/number": "0bd451a2-d73b-46cf-b615-065d873b73ee",
    "queue/number-again-same-id": "my-own-id",
    "queue/own-prompt_id": "11111111-2222-4333-8444-555555555555",
    "queue/own-prompt_id-not-uuid": "my-own-id",
    "queue/own-prompt_id-number": "77",
    "queue/partial_execution_targets": "f3922a2f-0e76-49c5-b825-9b0d1ed0f1f5",
    "upload/use-subfolder": "5a6be2c1-ba5c-4d51-8434-fe75df91f0e8",
    "upload/use-temp": "6d5a7a6a-8d08-478f-8304-b9bc7eb4629c",
    "upload/use-traversal": "587c0e78-ffce-4b4e-9865-d12d22bfe938",
}


@pytest.mark.parametrize("name", TAKEN)
def test_a_taken_graph_is_known_by_the_id_that_the_server_answers(name, comfy, connection):
    arranged(comfy, name)

    assert (
        post(connection, Posting({"x": {"class_type": "PreviewImage", "inputs": {}}}), Standings(connection))
        == TAKEN[name]
    )


ANOTHER_QUESTION = ("core/get-prompt-idle", "queue/get-prompt-busy")


@pytest.mark.parametrize("name", ANOTHER_QUESTION)
def test_a_post_that_became_a_get_on_its_way_is_noticed(name, comfy, connection):
    comfy.at["POST", "/prompt"] = answer_of(name)

    with pytest.raises(AnswerError, match="turns POST into GET"):
        post(connection, Posting({}), Standings(connection))


# -- commands

DONE = (
    "core/free-memory",
    "queue/clear",
    "queue/delete-pending",
    "queue/delete-running",
    "queue/delete-unknown",
    "queue/history-clear",
    "queue/history-delete",
    "queue/interrupt-idle",
    "queue/interrupt-no-body",
    "queue/interrupt-other-id",
    "queue/interrupt-own-id",
    "queue/interrupt-sampling",
)


@pytest.mark.parametrize("name", DONE)
def test_an_empty_answer_to_a_command_is_a_good_one(name, comfy, connection):
    _, path = arranged(comfy, name)

    assert connection.post(path, {}) is None


# -- questions

QUIET = ("core/get-queue-idle", "core/origin-mismatch-foreign-host", "core/origin-null", "core/origin-same")
ANSWERS = {
    **{key: {"queue_running": [], "queue_pending": []} for key in QUIET},
    "core/get-api-prefix": {"queue_running": [], "queue_pending": []},
    "server-control/cors-other-origin": {"queue_running": [], "queue_pending": []},
    "core/get-features": {"supports_preview_metadata": True, "max_upload_size": 104857600},
    "server-control/features": {"supports_preview_metadata": True, "max_upload_size": 1048576},
    "core/get-embeddings": ["badwords"],
    "core/get-models-checkpoints": ["sd15_random.safetensors"],
    "core/get-models-controlnet": ["control_sd15_random.safetensors"],
    "core/get-models-embeddings": ["badwords.safetensors"],
    "core/get-models-loras": ["lora_a.safetensors", "lora_b.safetensors"],
    "core/get-models-text_encoders": ["clip_l.safetensors", "t5xxl_fp8_e4m3fn.safetensors"],
    "core/get-models-upscale_models": ["4x_random.pth"],
    "core/get-models-vae": ["ae.safetensors", "vae_random.safetensors"],
    "core/object_info-unknown": {},
    "core/view_metadata-checkpoint": {"format": "pt", "modelspec.title": "random SD1.5 layout"},
    "core/view_metadata-lora": {"ss_base_model_version": "sd_v1", "ss_network_dim": "4"},
    "queue/history-after-clear": {},
    "queue/history-offset": ["49818a3a-2927-4b74-99b1-97accc7d78ff"],
}


@pytest.mark.parametrize("name", ANSWERS)
def test_a_question_gets_its_answer(name, comfy, connection):
    _, path = arranged(comfy, name)

    assert connection.get(path) == ANSWERS[name]


HOLDING = {
    "core/get-experiment-models": "loras",
    "core/get-experiment-models-checkpoints": "sd15_random.safetensors",
    "core/get-extensions": "groupNode.js",
    "core/get-models": "diffusion_models",
    "core/get-models-diffusion_models": "iclight_sd15_fc.safetensors",
    "core/get-system_stats": "comfyui_version",
    "core/object_info-KSampler": "euler_ancestral",
    "core/object_info-LoadImage": "image_upload",
    "core/object_info-needed": "ICLightAppply",
    "queue/get-queue-after-clear": "3b13c795-889a-4aac-9195-4188846c5ae7",
    "queue/history-max_items": "ComfyUI_temp_qpzzz_00003_.png",
    "server-control/gzip": "KSampler",
    "server-control/no-gzip": "KSampler",
}
"""Longer answers, and a word that is in each."""


@pytest.mark.parametrize("name", HOLDING)
def test_a_long_answer_is_read_whole(name, comfy, connection):
    _, path = arranged(comfy, name)

    answer = connection.get(path)

    assert answer == recorded(name)["response"]["json"]
    assert HOLDING[name] in json.dumps(answer)


MISSING = (
    "core/api-jobs-absent",
    "core/get-models-clip",
    "core/get-models-nonesuch",
    "core/get-models-unet",
    "core/unknown-path",
    "core/view_metadata-none",
    "core/wrong-method",
    "view/default-type",
    "view/missing",
    "view/no-filename",
)


@pytest.mark.parametrize("name", MISSING)
def test_what_is_not_there_is_told_from_what_fails(name, comfy, connection):
    _, path = arranged(comfy, name)

    assert not connection.has(path)
    with pytest.raises(NotABackendError, match="is not there"):
        connection.get(path)


# -- answers that are errors

BAD: dict[str, tuple[type[BackendError], str, tuple[str, ...]]] = {
    "a body over the limit names the limit and the option": (
        BackendFaultError,
        r"1048576 exceeded.*--max-upload-size",
        ("server-control/prompt-too-large", "server-control/upload-too-large"),
    ),
    "a request of a kind that we never send fails without a word": (
        BackendFaultError,
        "without saying why",
        (
            "queue/delete-pending-after-same-number-same-id",
            "queue/free-bad-body",
            "queue/history-max_items-bad",
            "queue/interrupt-bad-type",
            "upload/filename-empty",
            "upload/filename-with-folder",
            "upload/image-as-text-field",
            "upload/mask-no-ref",
            "upload/type-unknown",
        ),
    ),
    "a 403 without a word is no matter of passwords alone": (
        BackendAuthError,
        r"Origin.*--enable-cors-header",
        ("core/origin-localhost", "core/origin-mismatch", "view/subfolder-up"),
    ),
    "a 400 is a failure": (
        BackendFaultError,
        r"failed \(400\)",
        (
            "upload/filename-up",
            "upload/json-body",
            "upload/no-image-field",
            "upload/subfolder-absolute",
            "upload/subfolder-up",
            "upload/wrong-field",
            "view/type-unknown",
            "view/up",
            "ws/posting-to-ws",
        ),
    ),
}
"""What an answer means that is no good one: the error, what it says, and the recordings of it."""

BAD_ANSWERS = {name: (kind, said) for kind, said, names in BAD.values() for name in names}


@pytest.mark.parametrize("name", BAD_ANSWERS)
def test_an_answer_that_is_no_good_one_is_the_error_that_says_why(name, comfy, connection):
    method, path = arranged(comfy, name)
    kind, said = BAD_ANSWERS[name]

    with pytest.raises(kind, match=said):
        connection.get(path) if method == "GET" else connection.post(path, {})


def test_the_front_page_is_no_api(comfy, connection):
    """core/get-root: its body was not kept, its kind was."""
    told = recorded("core/get-root")["response"]
    page = b"<!DOCTYPE html><html><head><title>ComfyUI</title></head></html>"
    comfy.at["GET", "/"] = Answer(told["status"], page, told["headers"]["Content-Type"])

    assert not connection.has("/")
    with pytest.raises(NotABackendError, match="a web page"):
        connection.get("/")


# -- uploads and views

NAMES = {
    "upload/filename-unicode": "Bild äö 1.png",
    "upload/not-an-image": "page.html",
    "upload/overwrite-1": "u.png",
    "upload/overwrite-True": "u (1).png",
    "upload/overwrite-true": "u.png",
    "upload/plain": "u.png",
    "upload/same-name-other-bytes": "u (1).png",
    "upload/same-name-other-bytes-again": "u (2).png",
    "upload/same-name-same-bytes": "u.png",
    "upload/subfolder": "prodgen/a/u.png",
    "upload/type-output": "u.png",
    "upload/type-temp": "u.png",
    "upload/mask": "masked.png",
    "upload/mask-missing-ref-file": "m2.png",
    "upload/mask-ref-up": "m4.png",
}


@pytest.mark.parametrize("name", NAMES)
def test_an_upload_is_called_what_the_server_calls_it(name, comfy, server):
    comfy.at["POST", "/upload/image"] = answer_of(name)

    assert server.upload(np.zeros((2, 2, 3), np.uint8)) == NAMES[name]


FILES = (
    "view/annotated",
    "view/channel-a",
    "view/channel-rgb",
    "view/channel-rgba",
    "view/output",
    "view/plain-input",
    "view/preview-jpeg",
    "view/preview-rgba-jpeg",
    "view/preview-unknown",
    "view/preview-webp",
    "view/subfolder",
    "view/html",
)


@pytest.mark.parametrize("name", FILES)
def test_a_file_comes_as_it_is(name, comfy, connection):
    _, path = arranged(comfy, name)

    body = connection.fetch(path)

    assert body == (b"<b>hi</b>" if name == "view/html" else SMALL)


def test_the_recorded_png_is_a_picture_of_its_size(comfy, connection):
    """view/example-output-64.png: saved by the real SaveImage, with the graph in its text chunks."""
    comfy.files["output", "pg_00001_.png"] = (CAPTURES / "view" / "example-output-64.png").read_bytes()
    entry = {
        "outputs": {"save": {"images": [{"filename": "pg_00001_.png", "subfolder": "", "type": "output"}]}}
    }

    run = fetched(connection, "id", entry)

    assert run is not None
    assert run.pictures["save"][0].shape == (64, 64, 3)


# -- the queue

PLACES = {
    "queue/get-queue-busy": (
        ("3b13c795-889a-4aac-9195-4188846c5ae7", "running", 0),
        ("0bd451a2-d73b-46cf-b615-065d873b73ee", "waiting", 1),
        ("6a6eaaf5-af9c-4907-8d45-9f47874e3783", "waiting", 4),
        ("11111111-2222-4333-8444-555555555555", "waiting", 5),
    ),
    "queue/get-queue-after-delete": (
        ("2934e9ca-13ce-460a-85be-90163531a564", "running", 0),
        ("47df6496-a10f-495a-9b95-275c29fc3aa9", "waiting", 1),
        ("93d18e06-9214-4813-a51b-628d03f49150", "lost", 0),
    ),
}


@pytest.mark.parametrize("name", PLACES)
def test_the_queue_tells_where_a_prompt_is_though_it_is_not_sorted(name, comfy, connection):
    arranged(comfy, name)
    standings = Standings(connection)

    for prompt_id, where, ahead in PLACES[name]:
        standing = standings.of(prompt_id)
        assert (standing.where, standing.ahead) == (where, ahead)


EMPTY = (
    "queue/history-after-delete",
    "queue/history-of-deleted",
    "queue/history-of-pending",
    "queue/history-of-running",
    "queue/history-unknown",
)


@pytest.mark.parametrize("name", EMPTY)
def test_an_empty_history_does_not_tell_lost_from_waiting_so_the_queue_decides(name, comfy, connection):
    _, path = arranged(comfy, name)
    prompt_id = path.rpartition("/")[2]
    standings = Standings(connection)

    assert standings.of(prompt_id).where == "lost"
    comfy.at["GET", "/queue"] = Answer(
        body=json.dumps({"queue_running": [[1, prompt_id, {}, {}, []]], "queue_pending": []}).encode()
    )
    assert standings.of(prompt_id).where == "running"


# -- what became of prompts


def entry_of(name: str) -> dict:
    """The history's entry in a recording, or as much of it as was kept."""
    told = recorded(name)
    if isinstance(told.get("history"), dict):
        return told["history"]
    status = told.get("status") or told.get("history_status") or told.get("response", {}).get("status")
    return {"status": status, "outputs": told.get("history_outputs") or told.get("outputs") or {}}


RAN = {
    "errors/prompt-lax-accepted-result": {"save"},
    "errors/truncated-image-history": None,
    "iclight/history-fc-kijai": {"save"},
    "queue/duplicate-prompt": {"save"},
    "queue/duplicate-prompt-at-once": {"save"},
    "queue/duplicate-prompt-without-client_id": {"save"},
    "queue/duplicate-with-new-prefix": {"save"},
    "queue/duplicate-after-file-deleted": {"save"},
    "queue/extra_pnginfo": {"save"},
    "queue/PreviewImage": {"o"},
    "ws/SaveImageWebsocket": set(),
    "ws/SaveImageWebsocket-preview-metadata": set(),
    "ws/ETN_SendImageWebSocket": set(),
    "ws/run-without-client_id": None,
    "iclight/fc-and-fbc-in-one-prompt": {"save", "save2"},
    "ws/client-disconnects": {"o"},
}
"""Prompts that ran to success, and the nodes whose files are fetched; None where no outputs were kept."""


@pytest.mark.parametrize("name", RAN)
def test_a_prompt_that_ran_gives_the_files_that_its_history_names(name, comfy, connection):
    entry = entry_of(name)
    named = [x for shown in entry["outputs"].values() for x in shown.get("images", ())]
    for item in named:
        if "filename" in item:
            below = f"{item['subfolder']}/" if item["subfolder"] else ""
            comfy.files[item["type"], f"{below}{item['filename']}"] = SMALL

    run = fetched(connection, "id", entry)

    assert node_faults.ending_of(entry) == "done"
    assert run is not None
    if RAN[name] is not None:
        assert run.pictures.keys() == RAN[name]


def test_a_cached_picture_whose_file_was_deleted_is_noticed(comfy, connection):
    """queue/duplicate-after-file-deleted: history names the file, and /view answers 404."""
    told = recorded("queue/duplicate-after-file-deleted")
    assert told["view_status"] == 404

    assert fetched(connection, "id", entry_of("queue/duplicate-after-file-deleted")) is None


BROKE = {
    "errors/node-exception-oom": (BackendOutOfMemoryError, "CUDA out of memory. Tried to allocate 20.00 GiB"),
    "errors/node-exception-value": (
        BackendFaultError,
        "TestFault 'fault' failed: ValueError: a node's own message",
    ),
    "errors/undecodable-image-history": (BackendFaultError, "PIL.UnidentifiedImageError.*is no picture"),
    "errors/value-where-link-history": (BackendFaultError, "KSampler 'sampler' failed: AttributeError"),
    "queue/prefix-up": (BackendFaultError, "outside the output folder"),
    "queue/prefix-absolute": (BackendFaultError, "outside the output folder"),
}


@pytest.mark.parametrize("name", BROKE)
def test_a_prompt_that_failed_says_which_node_and_why(name):
    kind, said = BROKE[name]
    entry = entry_of(name)

    error = node_faults.failure("http://box:8188", entry)

    assert node_faults.ending_of(entry) == "failed"
    assert type(error) is kind
    with pytest.raises(kind, match=said):
        raise error


INTERRUPTED = ("queue/interrupted", "queue/interrupted-sampling")


@pytest.mark.parametrize("name", INTERRUPTED)
def test_an_interruption_looks_like_a_failure_and_is_told_from_one(name):
    entry = entry_of(name)

    assert entry["status"]["status_str"] == "error"
    assert node_faults.ending_of(entry) == "interrupted"
    with pytest.raises(BackendFaultError, match="somebody interrupted"):
        raise node_faults.failure("http://box:8188", entry)


MISUSE = {
    "fc with background (kijai)": "iclight_sd15_fbc a foreground and a background",
    "fbc without background (kijai)": "iclight_sd15_fbc a foreground and a background",
    "fbc without background (native)": "iclight_sd15_fbc a foreground and a background",
    "fc with background (native)": "iclight_sd15_fbc a foreground and a background",
    "other latent size (native)": "Sizes of tensors must match",
    "diffusers weights in UNETLoader (native)": "iclight_sd15_.*_unet_ldm.safetensors",
    "no concat: relight model with plain conditioning (kijai)": "has no attribute 'shape'",
    "checkpoint that is no unet file (kijai)": "another kind of model",
}


@pytest.mark.parametrize("case", MISUSE)
def test_ic_light_used_wrongly_fails_with_what_to_do(case):
    """iclight/misuse: every wrong combination passes the check of the graph, and fails in a node."""
    told = recorded("iclight/misuse")["cases"][case]
    entry = {"status": {"status_str": "error", "messages": [["execution_error", {**told, "node_id": "x"}]]}}

    with pytest.raises(BackendFaultError, match=MISUSE[case]):
        raise node_faults.failure("http://box:8188", entry)


def test_only_the_cases_of_ic_light_that_succeed_are_left_out_here():
    cases = recorded("iclight/misuse")["cases"]

    failing = {name for name, told in cases.items() if isinstance(told, dict) and told["status"] == "error"}
    assert failing == MISUSE.keys()


# -- the websocket


def replay(name: str, *, key: str = "messages", prompt_id: str | None = None) -> News:
    """What we know after recorded messages; the last named prompt is ours, unless another is given."""
    told = recorded(name)
    messages = [x for x in told[key] if "text" in x or "binary" in x]
    named = [x["text"]["data"].get("prompt_id") for x in messages if isinstance(x.get("text"), dict)]
    ours = prompt_id or next((x for x in reversed(named) if x), "ours")
    graph = (
        told.get("history", {}).get("prompt", [0, 0, {}])[2] if isinstance(told.get("history"), dict) else {}
    )
    news = News(graph if isinstance(graph, dict) else {}, ours)
    shares = []
    for each in messages:
        if "text" in each:
            news.hear(json.dumps(each["text"]))
        else:
            about = {"prompt_id": ours, "node_id": "sampler"}
            meta = json.dumps(each["binary"].get("metadata", about)).encode()
            is_typed = each["binary"]["event_type"] == 4
            head = len(meta).to_bytes(4, "big") + meta if is_typed else (1).to_bytes(4, "big")
            news.hear(each["binary"]["event_type"].to_bytes(4, "big") + head + SMALL)
        shares.append(news.share)
    assert shares == sorted(shares), "progress never goes back"
    return news


OVER = (
    "errors/node-exception-oom",
    "errors/node-exception-value",
    "queue/duplicate-prompt",
    "queue/duplicate-prompt-at-once",
    "queue/interrupted",
    "queue/interrupted-sampling",
    "ws/ETN_SendImageWebSocket",
    "ws/SaveImageWebsocket",
    "ws/SaveImageWebsocket-again",
    "ws/SaveImageWebsocket-preview-metadata",
    "ws/run-no-feature-flags",
    "ws/run-with-preview-metadata",
    "ws/two-prompts-one-client",
)


@pytest.mark.parametrize("name", OVER)
def test_the_end_is_told_after_success_failure_and_interruption_alike(name):
    assert replay(name, key="websocket" if name.startswith("errors/") else "messages").is_over


SEEN = ("ws/run-no-feature-flags", "ws/run-with-preview-metadata", "ws/two-prompts-one-client")


@pytest.mark.parametrize("name", SEEN)
def test_frames_of_both_types_are_previews(name):
    assert replay(name).preview is not None


def test_a_whole_run_ends_with_a_whole_share():
    assert replay("ws/run-no-feature-flags").share == 1.0


def test_of_two_prompts_each_is_told_its_own_end():
    first, second = recorded("ws/two-prompts-one-client")["prompt_ids"]
    messages = recorded("ws/two-prompts-one-client")["messages"]
    news = News({}, second)

    ends = []
    for each in messages:
        if "text" in each:
            news.hear(json.dumps(each["text"]))
            ends.append((each["text"]["data"].get("prompt_id"), news.is_over))

    assert (first, True) not in ends
    assert ends[-1] == (second, True)


SILENT = (
    "queue/deleted-websocket",
    "ws/bystander",
    "ws/feature-flags",
    "ws/no-clientId",
)


@pytest.mark.parametrize("name", SILENT)
def test_messages_about_others_tell_nothing(name):
    news = replay(name, prompt_id="ours")

    assert (news.share, news.is_over, news.preview) == (0.0, False, None)


def test_what_is_broadcast_about_anothers_prompt_is_no_progress_of_ours():
    """ws/run-without-client_id: progress and previews of a prompt without client_id go to all sockets."""
    news = replay("ws/run-without-client_id", prompt_id="ours")

    assert (news.share, news.is_over, news.preview) == (0.0, False, None)


def test_a_second_socket_under_our_name_takes_the_rest():
    """ws/reconnect-same-clientId: the old connection hears nothing more, so it must not be relied on."""
    told = recorded("ws/reconnect-same-clientId")
    assert told["old_connection_after"] == []

    assert replay("ws/reconnect-same-clientId", key="new_connection").is_over


@pytest.mark.parametrize("kind", [1, 4])
def test_a_recorded_frame_is_a_picture(kind):
    """ws/frame-type1-png.bin, ws/frame-type4-png.bin."""
    news = News({}, "15960c30-c4ac-47cf-85f2-c8caac33987c")
    news.is_running = True

    news.hear((CAPTURES / "ws" / f"frame-type{kind}-png.bin").read_bytes())

    assert news.preview is not None
    assert news.preview.shape == (128, 128, 3)


def test_a_socket_that_breaks_in_mid_run_leaves_the_end_open():
    """server-control/restart-mid-run and process-dies-in-node: nothing is remembered."""
    for name in ("server-control/restart-mid-run", "server-control/process-dies-in-node"):
        told = recorded(name)
        news = replay(name, key="websocket")
        assert not news.is_over
        assert news.share >= 0
        assert "ClosedException" in told["websocket"][-1]["exception"]
    after = recorded("server-control/restart-mid-run")
    assert after["queue_after"] == {"queue_running": [], "queue_pending": []}
    assert after["history_of_running_after"] == {}


def test_a_restarted_server_has_lost_the_running_and_the_waiting_prompt(comfy, connection):
    told = recorded("server-control/restart-mid-run")
    running = told["queue_before"]["queue_running"][0][1]
    standings = Standings(connection)

    comfy.at["GET", "/queue"] = Answer(body=json.dumps(told["queue_before"]).encode())
    assert standings.of(running).where == "running"
    comfy.at["GET", "/queue"] = Answer(body=json.dumps(told["queue_after"]).encode())
    assert standings.of(running).where == "lost"


def test_plain_http_to_a_tls_port_says_what_to_write(comfy):
    """server-control/http-to-tls-port: the connection just breaks."""
    assert recorded("server-control/http-to-tls-port")["result"] == "ConnectionError"
    comfy.stop()
    ours = ComfyServer(comfy.settings, sleep=lambda _: None)

    with pytest.raises((BackendUnreachableError, BackendLostError)):
        ours.system_stats()
    ours.close()


WITHOUT_AN_ANSWER = {
    "core/timing-1024": "times of one machine",
    "core/options": "an OPTIONS request, which browsers send",
    "iclight/comparisons": "both packs and both layouts give equal pictures: none is better than the other",
    "iclight/grey-composite": "values of pixels",
    "queue/prompt_id-reused": "an id is never used twice here",
    "queue/various": "facts in one line each, each of which has a recording of its own",
    "server-control/cache-none": "a server option; two runs as any other",
    "server-control/cors-preflight": "an OPTIONS request, which browsers send",
    "server-control/temp-folder": "counts of files",
    "upload/overwrite-and-cache": "never overwritten here: names are made of the content",
    "workflows/inpaint-exactness": "all change what is not masked: the server of the API pastes it back",
    "workflows/lora-facts": "a LoRA changes the picture; a tag in the words does nothing, and is never sent",
    "workflows/steps-and-denoise": "KSampler runs all steps at any strength: img2img begins late instead",
    "ws/origin": "a handshake with an Origin header, which is never sent here",
}
"""Recordings that hold no answer which this package could read, and why."""

ONE_BY_ONE = {
    "core/alpha-and-picture-formats",
    "core/get-root",
    "iclight/misuse",
    "queue/determinism",
    "queue/determinism-2",
    "server-control/http-to-tls-port",
    "server-control/process-dies-in-node",
    "server-control/restart-mid-run",
    "ws/reconnect-same-clientId",
}

REPLAYED = ONE_BY_ONE.union(
    *(REFUSED, LACKING, MUTE, TAKEN, ANOTHER_QUESTION, DONE, ANSWERS, HOLDING, MISSING),
    *(
        BAD_ANSWERS,
        NAMES,
        FILES,
        PLACES,
        EMPTY,
        RAN,
        BROKE,
        INTERRUPTED,
        OVER,
        SEEN,
        SILENT,
    ),
)


def test_the_recordings_here_are_those_that_are_replayed():
    here = {path.relative_to(CAPTURES).with_suffix("").as_posix() for path in CAPTURES.rglob("*.json")}

    assert {name for name in here if not name.startswith("workflows/")} == REPLAYED
    assert not REPLAYED & WITHOUT_AN_ANSWER.keys()


def test_every_recording_is_replayed_or_has_a_reason_not_to_be(shared: Path):
    folder = shared / "comfyui" / "captures"
    if not folder.is_dir():
        pytest.skip("the recordings of ComfyUI (../shared/comfyui) are not on this machine")
    found = {path.relative_to(folder).with_suffix("").as_posix() for path in folder.rglob("*.json")}

    assert found - REPLAYED - WITHOUT_AN_ANSWER.keys() == set()
    assert (REPLAYED | WITHOUT_AN_ANSWER.keys()) - found == set()


def test_a_saved_file_asks_for_name_folder_and_kind():
    assert SavedFile("a b.png", "x/y", "temp").path == "/view?filename=a+b.png&subfolder=x%2Fy&type=temp"
