"""Queue, progress, interrupt: what clients of a shared server see of one another."""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable
from typing import Any

import httpx
import numpy as np
import pytest

from prodgen.engines.ibl.ibl_engine import IblEngine
from prodgen.server import drawing_answer
from prodgen.server.app import ApiServer


def in_background(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(work()))
    thread.start()
    return thread, results


def wait_until(true: Callable[[], bool], *, limit_s: float = 60.0) -> None:
    end = time.monotonic() + limit_s
    while not true():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.005)


def end_all(threads: list[threading.Thread], caller: Any) -> None:
    """Have the server interrupt whatever it draws until these threads have ended."""
    while any(thread.is_alive() for thread in threads):
        caller.server.machine.state.ask_to_stop(skip=False)
        time.sleep(0.01)


def task(caller: Any, name: str | None) -> dict[str, Any]:
    body = {} if name is None else {"id_task": name}
    return caller.post("/internal/progress", body).json()


def test_progress_moves_from_a_hundredth_to_nothing_and_has_the_recorded_keys(call):
    caller = call(delay_s=1.0)
    thread, _ = in_background(lambda: caller.txt2img(steps=30))
    seen = []
    while thread.is_alive():
        seen.append(caller.get("/sdapi/v1/progress").json())
        time.sleep(0.01)
    thread.join()

    running = [answer["progress"] for answer in seen if answer["state"]["job_count"]]
    assert running == sorted(running)
    assert 0.01 <= running[0] < 0.7 < running[-1] <= 1
    assert seen[-1]["state"]["job_count"] in (0, 1)
    assert any(answer["current_image"] for answer in seen)


def test_an_idle_server_has_no_job_and_no_progress(call):
    answer = call().get("/sdapi/v1/progress").json()

    assert (answer["progress"], answer["state"]["job"], answer["state"]["job_count"]) == (0.0, "", 0)


def test_no_task_while_idle_counts_as_active_because_nothing_equals_nothing(call):
    assert task(call(), None)["active"] is True


def test_tasks_are_queued_active_and_completed_under_their_own_names(call):
    caller = call(delay_s=0.4)
    first, _ = in_background(lambda: caller.txt2img(force_task_id="Q1"))
    wait_until(lambda: task(caller, "Q1")["active"])
    second, _ = in_background(lambda: caller.txt2img(force_task_id="Q2", steps=1))
    wait_until(lambda: task(caller, "Q2")["queued"])

    assert task(caller, "Q2")["textinfo"] == "In queue: 1/1"
    assert caller.get("/internal/pending-tasks").json() == {"size": 1, "tasks": ["Q2"]}
    first.join()
    second.join()
    assert task(caller, "Q1")["completed"]
    assert task(caller, "Q2") == task(caller, "Q2") | {"completed": True, "textinfo": "Waiting..."}


def test_a_failed_task_stays_active_until_the_next_one_begins(call):
    caller = call()
    caller.txt2img(steps=0, force_task_id="F1")
    before = task(caller, "F1")
    caller.txt2img(force_task_id="F2")

    assert (before["active"], before["completed"]) == (True, False)
    assert (task(caller, "F1")["active"], task(caller, "F1")["completed"]) == (False, False)
    assert task(caller, "F2")["completed"]


def test_a_task_whose_init_image_is_bad_stays_pending_for_ever(call):
    caller = call()
    caller.img2img(init_images=["!!!"], force_task_id="lost")
    caller.txt2img()

    assert caller.get("/internal/pending-tasks").json()["tasks"] == ["lost"]


def test_only_the_last_sixteen_finished_tasks_are_remembered(call):
    caller = call()
    for number in range(17):
        caller.txt2img(width=16, height=16, steps=1, force_task_id=f"T{number}")

    assert not task(caller, "T0")["completed"]
    assert task(caller, "T1")["completed"]


def test_an_interrupted_job_answers_200_with_a_picture_and_its_infotext(call, images, info):
    caller = call(delay_s=20)
    thread, results = in_background(lambda: caller.txt2img(n_iter=3, steps=50, force_task_id="mine"))
    wait_until(lambda: caller.server.machine.state.sampling_step > 0)
    assert caller.post("/sdapi/v1/interrupt").json() == {}
    thread.join(5)

    response = results[0]
    assert len(images(response)) == 1
    assert len(info(response)["all_seeds"]) == 3
    assert len(info(response)["infotexts"]) == 1
    assert [record.outcome for record in caller.server.render_log] == ["interrupted"]


def test_a_skipped_iteration_is_cut_short_and_the_next_one_still_runs(call, images):
    caller = call(delay_s=0.6)
    thread, results = in_background(lambda: caller.txt2img(n_iter=2, steps=50))
    wait_until(lambda: caller.server.machine.state.sampling_step > 0)
    assert caller.post("/sdapi/v1/skip").json() is None
    thread.join()

    assert len(images(results[0])) == 2
    assert [record.outcome for record in caller.server.render_log] == ["interrupted", "done"]


def test_an_interrupted_picture_is_the_last_preview_enlarged(call, images):
    (whole,) = images(call().txt2img(steps=30))
    caller = call(delay_s=5)
    thread, results = in_background(lambda: caller.txt2img(steps=30))
    wait_until(lambda: caller.server.machine.state.preview is not None)
    caller.post("/sdapi/v1/interrupt")
    thread.join()
    (picture,) = images(results[0])

    assert picture.shape == whole.shape
    np.testing.assert_array_equal(picture[0, 0], whole[0, 0])  # a preview holds every fourth pixel
    assert 5 < picture.std() < whole.std()  # neither the noise itself nor an empty canvas


def test_an_interrupt_while_idle_is_shown_but_harms_nothing(call, images):
    caller = call(delay_s=0.01)
    caller.post("/sdapi/v1/interrupt")
    shown = caller.get("/sdapi/v1/progress").json()["state"]["interrupted"]
    response = caller.txt2img()

    assert shown is True
    assert len(images(response)) == 1
    assert caller.server.render_log[0].outcome == "done"
    assert caller.get("/sdapi/v1/progress").json()["state"]["interrupted"] is False


def test_jobs_run_one_after_the_other_in_order_of_arrival(call):
    caller = call(delay_s=0.15)
    threads = []
    for number in range(4):
        threads.append(in_background(lambda n=number: caller.txt2img(force_task_id=f"J{n}"))[0])
        wait_until(lambda n=number: task(caller, f"J{n}")["queued"] or task(caller, f"J{n}")["active"])
    for thread in threads:
        thread.join()

    assert [record.task for record in caller.server.render_log] == ["J0", "J1", "J2", "J3"]


def test_lists_and_options_answer_while_a_job_runs_and_extras_wait(call, encode, ramp):
    caller = call(delay_s=0.5)
    thread, _ = in_background(lambda: caller.txt2img(force_task_id="long"))
    wait_until(lambda: task(caller, "long")["active"])
    assert caller.get("/sdapi/v1/samplers").status_code == 200
    assert caller.get("/sdapi/v1/options").status_code == 200
    assert thread.is_alive()

    caller.post("/sdapi/v1/extra-single-image", {"image": encode(ramp), "upscaler_1": "Lanczos"})

    assert not task(caller, "long")["active"]
    thread.join()


def test_a_client_that_stops_waiting_does_not_stop_the_server(call):
    caller = call(delay_s=0.4)
    body = {"width": 64, "height": 64, "steps": 2}
    with pytest.raises(httpx.ReadTimeout):
        caller.http.post("/sdapi/v1/txt2img", json=body, timeout=0.1)

    wait_until(lambda: len(caller.server.render_log) == 1)


def test_a_client_that_stops_waiting_before_its_turn_leaves_the_queue(call):
    caller = call(delay_s=0.6)
    thread, _ = in_background(lambda: caller.txt2img(force_task_id="first"))
    wait_until(lambda: caller.server.machine.tasks.current == "first")
    body = {"width": 64, "height": 64, "steps": 2, "force_task_id": "second"}
    with pytest.raises(httpx.ReadTimeout):
        caller.http.post("/sdapi/v1/txt2img", json=body, timeout=0.1)

    wait_until(lambda: caller.server.machine.tasks.pending() == [])
    assert caller.server.machine.tasks.current == "first"
    thread.join()
    caller.txt2img(force_task_id="third")
    assert [record.task for record in caller.server.render_log] == ["first", "third"]


def test_with_all_worker_threads_taken_a_question_times_out_as_over_a_network(call):
    caller = call(delay_s=30, worker_threads=1)
    thread, _ = in_background(caller.txt2img)
    wait_until(lambda: caller.server.machine.state.job != "")
    with pytest.raises(httpx.ReadTimeout):
        caller.get("/sdapi/v1/progress", timeout=0.1)

    assert thread.is_alive()
    end_all([thread], caller)


def test_with_all_worker_threads_taken_even_progress_waits(call):
    caller = call(delay_s=30, worker_threads=2)
    threads = [in_background(lambda n=n: caller.txt2img(force_task_id=f"W{n}"))[0] for n in range(2)]
    wait_until(
        lambda: caller.server.machine.state.job != "" and len(caller.server.machine.tasks.pending()) == 1
    )
    asking, _ = in_background(lambda: caller.get("/sdapi/v1/progress"))
    asking.join(0.3)

    assert asking.is_alive()
    end_all([*threads, asking], caller)


def test_the_preview_is_a_quarter_of_the_size_and_comes_as_a_data_uri_for_a_task(call, decode):
    caller = call(delay_s=5.0)
    thread, _ = in_background(lambda: caller.txt2img(steps=40, width=128, height=128, force_task_id="P"))
    wait_until(lambda: caller.get("/sdapi/v1/progress").json()["current_image"] is not None)
    shown = caller.get("/sdapi/v1/progress").json()
    skipped = caller.get("/sdapi/v1/progress?skip_current_image=true").json()
    mine = task(caller, "P")
    caller.post("/sdapi/v1/interrupt")
    thread.join()

    assert decode(shown["current_image"]).shape == (32, 32, 3)
    assert skipped["current_image"] is None
    assert mine["live_preview"].startswith("data:image/png;base64,")
    assert isinstance(mine["eta"], float)


def test_a_renderer_that_fails_gives_500_with_its_reason_and_the_server_lives_on(call, draw):
    failing = [True]

    def sometimes(order: Any) -> Any:
        if failing:
            failing.pop()
            raise ValueError("no paint left")
        return draw(order)

    caller = call(renderer=sometimes)
    first, second = caller.txt2img(), caller.txt2img()

    assert (first.status_code, first.json()["error"], first.json()["errors"]) == (
        500,
        "ValueError",
        "no paint left",
    )
    assert second.status_code == 200


@pytest.mark.parametrize("delay_s", [0.0, 0.02])
def test_two_pictures_of_a_batch_share_one_jobs_progress(call, draw, delay_s):
    seen: list[float] = []

    def watching(order: Any) -> Any:
        seen.append(caller.server.machine.state.fraction())
        return draw(order)

    caller = call(renderer=watching, delay_s=delay_s)
    caller.txt2img(batch_size=2, steps=10)

    assert np.allclose(seen, [0.0, 0.5])


def test_there_is_no_preview_before_ten_steps(call):
    caller = call(delay_s=5.0)
    thread, _ = in_background(lambda: caller.txt2img(steps=9))
    wait_until(lambda: caller.server.machine.state.preview is not None)
    shown = caller.get("/sdapi/v1/progress").json()
    end_all([thread], caller)

    assert shown["state"]["job_count"] == 1
    assert shown["current_image"] is None


def test_stopping_a_server_ends_what_it_draws_and_what_waits(call):
    caller = call(delay_s=100)
    threads = [
        in_background(lambda n=n: caller.txt2img(steps=50, force_task_id=f"S{n}"))[0] for n in range(2)
    ]
    wait_until(lambda: caller.server.machine.state.sampling_step > 0)
    wait_until(lambda: len(caller.server.machine.tasks.pending()) == 1)
    started = time.monotonic()

    caller.server.stop()

    assert not caller.server.machine.lock.is_held
    assert time.monotonic() - started < 40
    for thread in threads:
        thread.join(40)
    with pytest.raises(httpx.ConnectError):
        caller.get("/sdapi/v1/progress")


def test_an_interrupt_that_comes_when_a_picture_is_drawn_leaves_it_whole(calling, images):
    class Late(IblEngine):
        """It is interrupted after its last report, as while a VAE decodes."""

        def draw(self, order, progress):
            for drawn in super().draw(order, progress):
                progress(1.0, np.zeros((8, 8, 3), np.uint8))
                server.machine.state.ask_to_stop(skip=False)
                yield drawn

    fields = {"prompt": "a mug", "seed": 3, "batch_size": 2}
    whole = images(calling(ApiServer(IblEngine())).txt2img(**fields))
    server = ApiServer(Late())
    interrupted = images(calling(server).txt2img(**fields))

    assert np.array_equal(interrupted[0], whole[0])
    assert [record.outcome for record in server.render_log] == ["done", "interrupted"]


def test_what_the_next_call_overrides_does_not_change_the_answer_before_it(calling, monkeypatch):
    server = ApiServer(IblEngine())
    encode_all = drawing_answer._encode_all

    def overtaken(*arguments):
        with server.machine.options.overridden({"samples_format": "bmp", "jpeg_quality": "no"}, restore=True):
            return encode_all(*arguments)

    monkeypatch.setattr(drawing_answer, "_encode_all", overtaken)
    response = calling(server).txt2img(prompt="a mug")

    assert response.status_code == 200
    assert base64.b64decode(response.json()["images"][0]).startswith(b"\x89PNG")
