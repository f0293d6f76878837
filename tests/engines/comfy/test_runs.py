"""A graph goes to a ComfyUI server, and its pictures come back, whatever happens on the way."""

from __future__ import annotations

import contextlib
import itertools
import threading
import uuid
from dataclasses import replace

import numpy as np
import pytest

from prodgen.engines.comfy import prompt_watch, uploads
from prodgen.engines.comfy.comfy_server import DRAWN_AGAIN, ComfyServer
from prodgen.errors import (
    AnswerError,
    BackendFaultError,
    BackendLostError,
    BackendOutOfMemoryError,
    GraphRefusedError,
    MissingExtensionError,
    NotABackendError,
    ProdgenError,
)
from prodgen.server.queueing import Stopped

from .fake_comfy import OUT_OF_MEMORY, Answer, FakeComfy
from .graphs_to_run import ignored, txt2img


@contextlib.contextmanager
def running(server: ComfyServer, comfy: FakeComfy, graph=None):
    """Run a graph in another thread up to its sampler's first step; yields what will come of it."""
    comfy.gate.clear()
    outcome: dict = {}

    def work():
        try:
            outcome["run"] = server.run(graph or txt2img(), ignored)
        except (ProdgenError, Stopped) as error:
            outcome["error"] = error

    thread = threading.Thread(target=work)
    thread.start()
    comfy.wait_for(lambda: comfy.running is not None)
    try:
        yield outcome
    finally:
        comfy.gate.set()
        thread.join(30)
        assert not thread.is_alive()


def test_a_graph_gives_its_pictures_in_the_batchs_order(server):
    run = server.run(txt2img(seed=7, batch=2), ignored)

    assert [pixels[0, 0].tolist() for pixels in run.pictures["save"]] == [[27, 80, 120], [28, 80, 120]]
    assert run.graph["sampler"]["inputs"]["seed"] == 7
    assert run.notices == ()


@pytest.mark.parametrize("has_jobs", [False, True])
@pytest.mark.parametrize("uses_websocket", [False, True])
def test_old_and_new_servers_are_waited_for_with_and_without_a_websocket(comfy, has_jobs, uses_websocket):
    comfy.has_jobs = comfy.wants_uuid = has_jobs
    ours = ComfyServer(comfy.settings, poll_s=0.02, uses_websocket=uses_websocket)

    run = ours.run(txt2img(), ignored)

    assert run.pictures["save"][0].shape == (64, 64, 3)
    assert ("/api/jobs/" + run.prompt_id in {path for _, path in comfy.asked}) is has_jobs
    ours.close()


def test_a_picture_is_fetched_although_success_is_told_before_its_history_is_there(comfy, server):
    comfy.says_success_only_s = 0.2

    assert server.run(txt2img(), ignored).pictures.keys() == {"save"}


def test_every_graph_is_sent_under_names_of_its_own(comfy, server):
    graph = txt2img()

    server.run(graph, ignored)
    server.run(graph, ignored)

    first, second = comfy.posted
    assert str(uuid.UUID(first["prompt_id"])) == first["prompt_id"] != second["prompt_id"]
    assert first["client_id"] != second["client_id"]
    prefixes = [body["prompt"]["save"]["inputs"]["filename_prefix"] for body in comfy.posted]
    assert len(set(prefixes)) == 2
    assert all(prefix.startswith("pg-") for prefix in prefixes)
    assert "number" not in first
    assert graph == txt2img()


def test_an_equal_graph_gives_a_file_of_its_own_and_not_the_cached_one(comfy, server):
    first, second = server.run(txt2img(), ignored), server.run(txt2img(), ignored)

    assert first.files["save"] != second.files["save"]
    np.testing.assert_array_equal(first.pictures["save"][0], second.pictures["save"][0])


def test_a_cached_preview_whose_file_is_gone_is_drawn_under_a_new_name(comfy, server):
    graph = txt2img(save="PreviewImage")
    server.run(graph, ignored)
    comfy.files.clear()

    run = server.run(graph, ignored)

    assert run.pictures["save"][0].shape == (64, 64, 3)
    assert [x["save"]["class_type"] for x in comfy.sent] == ["PreviewImage", "PreviewImage", "SaveImage"]


def test_pictures_that_vanish_again_and_again_are_an_error(comfy, server):
    comfy.at["GET", "/view"] = Answer(404)

    with pytest.raises(AnswerError, match="names pictures that are not there"):
        server.run(txt2img(), ignored)


def test_a_picture_that_would_only_be_sent_by_websocket_is_previewed_instead(comfy, server):
    graph = txt2img()
    graph["save"] = {"class_type": "SaveImageWebsocket", "inputs": {"images": ["decode", 0]}}

    assert server.run(graph, ignored).pictures.keys() == {"save"}


def test_nothing_of_ours_stays_in_the_history(comfy, server):
    server.run(txt2img(), ignored)
    comfy.failing["KSampler"] = ("ValueError", "no")
    with pytest.raises(BackendFaultError):
        server.run(txt2img(seed=6), ignored)

    assert len(comfy.finished) == 2
    assert comfy.history == {}


def test_the_saved_files_get_the_texts_that_were_asked_for(comfy, server):
    server.run(txt2img(), ignored, picture_info={"prodgen": {"seed": 5}})

    assert comfy.posted[0]["extra_data"]["extra_pnginfo"] == {"prodgen": {"seed": 5}}


def test_a_server_that_gives_ids_of_its_own_is_asked_for_these(comfy, server):
    comfy.knows_prompt_id = False

    run = server.run(txt2img(), ignored)

    assert run.prompt_id != comfy.posted[0]["prompt_id"]
    assert run.pictures


# -- refused and failed


def test_a_graph_with_one_good_output_is_taken_out_of_the_queue_again(comfy, server):
    graph = txt2img()
    graph["img"] = {"class_type": "LoadImage", "inputs": {"image": "not-there.png"}}
    graph["save2"] = {"class_type": "SaveImage", "inputs": {"images": ["img", 0], "filename_prefix": "x"}}
    comfy.gate.clear()
    with running(server, comfy, txt2img(seed=1)):
        other = ComfyServer(comfy.settings, poll_s=0.02)
        with pytest.raises(GraphRefusedError, match=r"not-there\.png"):
            other.run(graph, ignored)
        assert comfy.pending == []
        other.close()


@pytest.mark.parametrize("is_newer", [False, True])
def test_a_missing_node_is_named_with_its_pack(comfy, server, is_newer):
    comfy.says_missing_node_type = is_newer
    del comfy.object_info["ICLightAppply"]
    graph = txt2img() | {"x": {"class_type": "ICLightAppply", "inputs": {}}}

    with pytest.raises(MissingExtensionError, match=r"ComfyUI-IC-Light-Native.*huchenlei") as caught:
        server.run(graph, ignored)
    assert caught.value.dialect == "ComfyUI"


def test_out_of_memory_is_an_error_of_its_own_with_the_servers_text(comfy, server):
    comfy.failing["KSampler"] = OUT_OF_MEMORY

    with pytest.raises(BackendOutOfMemoryError, match=r"KSampler 'sampler'.*smaller") as caught:
        server.run(txt2img(), ignored)
    assert caught.value.server_text.startswith("CUDA out of memory")


def test_a_picture_that_somebody_else_interrupts_is_no_failure_of_a_node(comfy, server):
    with running(server, comfy) as outcome:
        comfy.interrupted = True
        comfy.wait_for(lambda: "error" in outcome)

    assert "somebody interrupted" in str(outcome["error"])


# -- lost prompts


def test_a_prompt_lost_by_a_restart_is_drawn_again_once_and_told(comfy, server):
    with running(server, comfy) as outcome:
        comfy.restart()

    assert outcome["run"].notices == (DRAWN_AGAIN,)
    assert outcome["run"].pictures["save"][0].shape == (64, 64, 3)
    assert len(comfy.sent) == 2


def test_a_prompt_lost_twice_is_an_error(comfy, server):
    with running(server, comfy) as outcome:
        comfy.restart()
        comfy.wait_for(lambda: comfy.running is not None)
        comfy.restart()
        comfy.wait_for(lambda: "error" in outcome)

    assert isinstance(outcome["error"], BackendLostError)
    assert "twice" in str(outcome["error"])
    assert len(comfy.sent) == 2


def test_a_waiting_prompt_that_somebody_deletes_is_drawn_again(comfy, server):
    comfy.gate.clear()
    first = ComfyServer(comfy.settings, poll_s=0.02)
    with running(first, comfy), running(server, comfy, txt2img(seed=9)) as outcome:
        comfy.wait_for(lambda: len(comfy.pending) == 1)
        comfy._delete({"clear": True})
        comfy.wait_for(lambda: len(comfy.sent) == 3)
        comfy.gate.set()
    assert outcome["run"].notices == (DRAWN_AGAIN,)
    first.close()


def test_a_process_that_dies_in_a_node_and_stays_away_is_lost(comfy, server, monkeypatch):
    monkeypatch.setattr(prompt_watch, "RESTART_S", 0.3)
    comfy.dying = "KSampler"

    with pytest.raises(BackendLostError, match=r"stopped answering while it drew.*Start ComfyUI again"):
        server.run(txt2img(), ignored)


def test_a_process_that_dies_in_a_node_and_is_started_again_draws_again(comfy, server):
    comfy.dying = "KSampler"
    outcome: dict = {}
    thread = threading.Thread(target=lambda: outcome.update(run=server.run(txt2img(), ignored)))
    thread.start()
    comfy.wait_for(lambda: not comfy.is_alive)
    comfy.dying = ""
    comfy.restart()
    thread.join(20)

    assert outcome["run"].notices == (DRAWN_AGAIN,)


def test_a_graph_whose_answer_was_lost_is_not_sent_twice(comfy, server):
    usual = comfy._prompt

    def swallow(fields):
        usual(fields)
        return Answer(502, b"<html><title>502 Bad Gateway</title></html>", "text/html")

    comfy._prompt = swallow

    run = server.run(txt2img(), ignored)

    assert run.pictures
    assert len(comfy.sent) == 1


# -- two clients


def test_two_clients_get_their_own_pictures(comfy):
    ours = [ComfyServer(comfy.settings, poll_s=0.02) for _ in range(2)]
    found: dict[int, list] = {0: [], 1: []}

    def work(index):
        for seed in range(3):
            run = ours[index].run(txt2img(seed=100 * index + seed), ignored)
            found[index].append(int(run.pictures["save"][0][0, 0, 0]))

    threads = [threading.Thread(target=work, args=(index,)) for index in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)

    assert found == {0: [20, 21, 22], 1: [120, 121, 122]}
    for each in ours:
        each.close()


def test_the_place_in_the_queue_is_known_while_a_prompt_waits(comfy, server):
    other = ComfyServer(comfy.settings, poll_s=0.02)
    with running(other, comfy):
        thread = threading.Thread(target=lambda: server.run(txt2img(seed=9), ignored))
        thread.start()
        comfy.wait_for(lambda: server.ahead == 1)
        comfy.gate.set()
        thread.join(20)
    assert server.ahead is None
    other.close()


# -- uploads


def test_an_upload_is_sent_once_and_found_by_its_name(comfy, server):
    pixels = np.arange(48, dtype=np.uint8).reshape(4, 4, 3)

    first, again = server.upload(pixels), server.upload(pixels)

    assert first == again
    assert first.startswith("prodgen/")
    assert comfy.uploads == [first]


def test_another_picture_has_another_name(server):
    one, other = np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint8)

    assert server.upload(one) != server.upload(other)


@pytest.mark.parametrize("shape", [(4, 6), (4, 6, 3), (4, 6, 4)])
def test_an_upload_keeps_its_pixels(comfy, server, shape):
    import cv2

    pixels = np.random.default_rng(0).integers(0, 256, shape, np.uint8)

    name = server.upload(pixels)

    stored = cv2.imdecode(np.frombuffer(comfy.files["input", name], np.uint8), cv2.IMREAD_UNCHANGED)
    order = {2: slice(None), 3: [2, 1, 0], 4: [2, 1, 0, 3]}[pixels.ndim if pixels.ndim == 2 else shape[2]]
    np.testing.assert_array_equal(stored if pixels.ndim == 2 else stored[..., order], pixels)


def test_a_picture_that_the_server_lost_is_sent_again(comfy, server):
    name = server.upload(np.zeros((4, 4, 3), np.uint8))
    comfy.files.clear()
    graph = {
        "img": {"class_type": "LoadImage", "inputs": {"image": name}},
        "save": {"class_type": "PreviewImage", "inputs": {"images": ["img", 0]}},
    }

    assert server.run(graph, ignored).pictures.keys() == {"save"}
    assert comfy.uploads == [name, name]


# -- what there is


def test_a_server_that_is_none_is_told_from_one(comfy, server):
    comfy.at["GET", "/system_stats"] = Answer(body=b'{"detail": "hello"}')

    with pytest.raises(NotABackendError, match="is it ComfyUI"):
        server.system_stats()


def test_lists_are_read(server):
    assert server.system_stats()["system"]["comfyui_version"] == "0.3.64"
    assert server.embeddings() == ("badwords",)
    assert "KSampler" in server.object_info()


def test_models_are_unloaded_when_asked(comfy, server):
    server.free()

    assert ("POST", "/free") in comfy.asked


# -- progress


def test_progress_is_reported_while_nothing_is_known(comfy):
    ours = ComfyServer(comfy.settings, poll_s=0.01, uses_websocket=False)
    shares: list[float] = []
    count = itertools.count()

    def report(share, preview=None):
        shares.append(share)
        if next(count) == 5:
            comfy.gate.set()

    comfy.gate.clear()
    ours.run(txt2img(), report)

    assert len(shares) > 5
    assert set(shares) == {0.0}
    ours.close()


def test_settings_with_comfys_own_scheme_lead_to_the_same_server(comfy):
    address = comfy.address.replace("http://", "comfy://")
    ours = ComfyServer(replace(comfy.settings, address=address))

    assert ours.url == address
    assert ours.system_stats()
    ours.close()


def test_a_graph_that_is_refused_in_part_is_not_drawn_in_part(comfy, server):
    graph = txt2img()
    graph["bad"] = {"class_type": "SaveImage", "inputs": {"images": ["decode", 0]}}
    comfy.gate.clear()

    with pytest.raises(GraphRefusedError, match="filename_prefix"):
        server.run(graph, ignored)

    assert comfy.running is None
    assert comfy.history == {}


def test_closing_ends_the_prompt_under_way_on_the_server(comfy, server):
    with running(server, comfy) as outcome:
        server.close()

    assert isinstance(outcome["error"], Stopped)
    assert comfy.running is None
    assert comfy.history == {}


def test_a_picture_that_is_kept_no_more_and_lost_by_the_server_is_sent_by_the_next_graph(
    comfy, server, monkeypatch
):
    monkeypatch.setattr(uploads, "KEPT_BYTES", 1)
    pictures = [np.full((8, 8, 3), shade, np.uint8) for shade in (9, 99)]

    def graph(pixels):
        load = {"class_type": "LoadImage", "inputs": {"image": server.upload(pixels)}}
        return {"img": load, "save": {"class_type": "PreviewImage", "inputs": {"images": ["img", 0]}}}

    for pixels in pictures:
        server.run(graph(pixels), ignored)
    comfy.files.clear()
    with pytest.raises(GraphRefusedError, match="Invalid image file"):
        server.run(graph(pictures[0]), ignored)

    assert server.run(graph(pictures[0]), ignored).pictures


def test_pictures_that_the_server_lost_are_all_sent_again(comfy, server):
    names = [server.upload(np.full((8, 8, 3), shade, np.uint8)) for shade in (9, 99)]
    comfy.files.clear()
    graph = {
        f"img{place}": {"class_type": "LoadImage", "inputs": {"image": name}}
        for place, name in enumerate(names)
    }
    saved = {"class_type": "PreviewImage", "inputs": {"images": ["img0", 0]}}
    other = {"class_type": "PreviewImage", "inputs": {"images": ["img1", 0]}}

    assert len(server.run({**graph, "save": saved, "other": other}, ignored).pictures) == 2
    assert sum(folder == "input" for folder, _ in comfy.files) == 2
