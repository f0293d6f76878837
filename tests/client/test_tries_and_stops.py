"""What is sent again and what never, how work is waited for and stopped, and how far it is meanwhile."""

from __future__ import annotations

import json
import pickle
import sys
import threading
import time

import httpx
import pytest

from prodgen.client import Client
from prodgen.client.reaching.patience import TRIES
from prodgen.client.work import calling, fetching, tasks
from prodgen.dialects import Payload
from prodgen.errors import (
    BackendBusyError,
    BackendFaultError,
    BackendLostError,
    BackendTimeoutError,
    BackendUnreachableError,
    LeftOnServer,
)
from prodgen.schema import Txt2Img


def cat(**fields):
    return Txt2Img(**({"prompt": "a cat", "steps": 1, "width": 64, "height": 64, "seed": 42} | fields))


def test_a_refused_connection_is_tried_again(recorded):
    failures = [httpx.ConnectError("refused"), httpx.ConnectError("refused")]

    def sometimes(request):
        if failures:
            raise failures.pop()
        return httpx.Response(200, json={"a": 1})

    assert recorded(options=sometimes).client().options() == {"a": 1}


def test_a_server_that_is_not_there_is_given_up_soon(recorded):
    server = recorded(options=httpx.ConnectError("refused"))

    with pytest.raises(BackendUnreachableError):
        server.client().options()

    assert len(server.calls) == TRIES


@pytest.mark.parametrize("status", [429, 503])
def test_a_busy_server_is_asked_again_and_then_left(recorded, status):
    _, waits = None, []
    server = recorded(txt2img=lambda _: httpx.Response(status, json={"detail": "full"}))

    with pytest.raises(BackendBusyError, match="full"):
        server.client(sleep=waits.append).txt2img(cat())

    longer = [wait for wait in waits if wait != tasks.POLL_S]
    assert len(server.sent("txt2img")) == TRIES
    assert len(longer) == TRIES - 1
    assert longer == sorted(longer)


def test_a_busy_server_is_left_alone_for_as_long_as_it_asks(recorded):
    waits = []
    date = "Wed, 21 Oct 2015 07:28:%02d GMT"
    asked = [{"retry-after": "7"}, {"retry-after": "900"}, {"date": date % 1, "retry-after": date % 10}]
    answers = [httpx.Response(503, headers=headers) for headers in asked]
    server = recorded(options=lambda _: answers.pop(0) if answers else httpx.Response(200, json={}))

    server.client(sleep=waits.append).options()

    assert waits == [7, 30, 9]


@pytest.mark.parametrize("asked", ["soon", "Wed, 21 Oct 2015 07:28:00 GMT", f"Wed, 21 Oct {'9' * 30} 07:28"])
def test_a_wait_that_cannot_be_read_or_is_over_is_none(recorded, asked):
    waits = []
    answers = [httpx.Response(503, headers={"retry-after": asked})]
    server = recorded(options=lambda _: answers.pop(0) if answers else httpx.Response(200, json={}))

    server.client(sleep=waits.append).options()

    assert 0 < waits[0] < 1


def test_a_server_that_failed_is_not_asked_twice(recorded):
    server = recorded(txt2img=lambda _: httpx.Response(500, text="Internal Server Error"))

    with pytest.raises(BackendFaultError):
        server.client().txt2img(cat())

    assert len(server.sent("txt2img")) == 1


def test_a_time_out_is_not_tried_again_but_the_work_is_stopped(recorded):
    server = recorded(
        txt2img=httpx.ReadTimeout("slow"), interrupt={}, progress="progress-queue/queue-progress"
    )
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q1"

    with pytest.raises(BackendTimeoutError, match="its work was stopped"):
        server.client().txt2img(cat())

    assert len(server.sent("txt2img")) == 1
    assert len(server.sent("interrupt")) == 1


def test_ctrl_c_stops_our_own_work_on_the_server(recorded):
    server = recorded(txt2img=pressed, interrupt={}, progress="progress-queue/queue-progress")
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q1"

    with pytest.raises(KeyboardInterrupt):
        server.client().txt2img(cat())

    asked = [body["id_task"] for body in server.sent("/internal/progress")]
    assert asked == [server.sent("txt2img")[0]["force_task_id"]]
    assert len(server.sent("interrupt")) == 1


def test_a_time_out_in_the_queue_tells_the_task_that_will_still_be_drawn(recorded):
    server = recorded(txt2img=httpx.ReadTimeout("slow"), interrupt={}, progress=DRAWING)
    server["/internal/progress"] = QUEUED

    with pytest.raises(BackendTimeoutError, match=r"still be drawing task prodgen-.*prodgen cancel"):
        server.client().txt2img(cat())

    assert not server.sent("interrupt")


@pytest.mark.usefixtures("hasty")
def test_a_call_that_was_just_received_and_is_no_task_yet_is_waited_for_and_stopped(recorded):
    server = recorded(txt2img=pressed, interrupt={}, progress=DRAWING)
    server["/internal/progress"] = [{}, {"active": True}]

    with pytest.raises(KeyboardInterrupt):
        server.client().txt2img(cat())

    assert len(server.sent("interrupt")) == 1


def test_a_time_out_of_a_server_without_tasks_promises_no_end_of_one(recorded):
    server = recorded(txt2img=httpx.ReadTimeout("slow"), progress=DRAWING)
    server["/internal/ping"] = None

    with pytest.raises(BackendTimeoutError, match=r"may still be drawing\b(?!.*prodgen cancel)"):
        server.client().txt2img(cat())


QUEUED = {"active": False, "queued": True, "completed": False}
DRAWING = "progress-queue/queue-progress"


@pytest.fixture
def hasty(monkeypatch):
    monkeypatch.setattr(calling, "LEAVING_S", 0.2)
    monkeypatch.setattr(tasks, "POLL_S", 0.01)


def pressed(request):
    raise KeyboardInterrupt


@pytest.mark.usefixtures("hasty")
def test_ctrl_c_never_stops_another_callers_work_and_tells_what_will_still_be_drawn(recorded):
    server = recorded(txt2img=pressed, interrupt={}, progress=DRAWING)
    server["/internal/progress"] = QUEUED

    with pytest.raises(KeyboardInterrupt, match="takes nothing out of its queue") as left:
        server.client().txt2img(cat())

    assert left.type is LeftOnServer
    assert (left.value.task_id, left.value.because) == (server.sent("txt2img")[0]["force_task_id"], "queued")
    assert len(server.sent("/internal/progress")) > 1
    assert not server.sent("interrupt")


@pytest.mark.usefixtures("hasty")
def test_work_that_begins_while_its_caller_leaves_is_stopped(recorded):
    server = recorded(txt2img=pressed, interrupt={}, progress=DRAWING)
    server["/internal/progress"] = [QUEUED, QUEUED, QUEUED | {"active": True}]

    with pytest.raises(KeyboardInterrupt) as wish:
        server.client().txt2img(cat())

    assert wish.type is KeyboardInterrupt
    assert len(server.sent("interrupt")) == 1


@pytest.mark.usefixtures("hasty")
def test_a_server_without_task_ids_is_not_interrupted_and_that_is_told(recorded):
    server = recorded(txt2img=pressed, interrupt={}, progress=DRAWING)

    with pytest.raises(KeyboardInterrupt) as left:
        server.client().txt2img(cat())

    assert left.type is LeftOnServer
    assert left.value.because == "no task ids"
    assert not server.sent("interrupt")


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("state", [{"active": False, "queued": False, "completed": True}, 404])
def test_where_the_server_has_nothing_of_ours_any_more_nothing_is_told(recorded, state):
    server = recorded(txt2img=pressed, interrupt={})  # the recorded progress is that of a server at rest
    server["/internal/progress"] = httpx.Response(404) if state == 404 else state

    with pytest.raises(KeyboardInterrupt) as wish:
        server.client().txt2img(cat())

    assert wish.type is KeyboardInterrupt
    assert not server.sent("interrupt")


@pytest.mark.usefixtures("hasty")
def test_what_draws_in_this_process_ends_with_it_and_is_not_told(recorded):
    server = recorded(txt2img=pressed, interrupt={}, progress=DRAWING)
    server["/internal/progress"] = QUEUED
    client = Client("embedded://", transport=httpx.MockTransport(server), sleep=lambda _: None)

    with pytest.raises(KeyboardInterrupt) as wish:
        client.txt2img(cat())

    assert wish.type is KeyboardInterrupt


@pytest.mark.usefixtures("hasty")
@pytest.mark.parametrize("says", ["nothing", "no"])
def test_a_server_that_cannot_be_asked_keeps_nobody_waiting_and_that_is_told(recorded, says):
    def silent(request):
        gone.wait(50)
        return httpx.Response(200, json=QUEUED)

    server = recorded(txt2img=pressed, interrupt={}, progress=DRAWING)
    server["/internal/progress"] = silent if says == "nothing" else httpx.ConnectError("refused")
    gone = threading.Event()
    begun = time.monotonic()

    with pytest.raises(KeyboardInterrupt) as left:
        server.client().txt2img(cat())

    assert left.type is LeftOnServer
    assert left.value.because == "no answer"
    assert time.monotonic() - begun < 30
    gone.set()


@pytest.mark.usefixtures("hasty")
def test_ctrl_c_while_a_broken_connection_is_waited_out_stops_the_work(recorded):
    server = recorded(txt2img=httpx.ReadError("reset"), interrupt={}, progress=DRAWING)
    server["/internal/progress"] = QUEUED | {"active": True}

    with pytest.raises(KeyboardInterrupt):
        server.client(sleep=pressed).txt2img(cat())

    assert len(server.sent("interrupt")) == 1


def test_what_was_left_survives_the_way_to_another_process():
    left = LeftOnServer("http://gpu:7860", "prodgen-1", "queued")

    again = pickle.loads(pickle.dumps(left))

    assert (type(again), vars(again), str(again)) == (LeftOnServer, vars(left), str(left))


def test_after_a_broken_connection_the_work_is_waited_out_before_it_is_asked_for_again(recorded):
    states = ["Q1", "Q1", "after", "after"]
    sent_while_running = []

    def broken_once(request):
        if len(server.sent("txt2img")) == 1:
            raise httpx.ReadError("reset")
        sent_while_running.append(bool(states))
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    def told(request):
        return httpx.Response(
            200, json={"active": states.pop(0) == "Q1", "queued": False, "completed": False}
        )

    server = recorded(txt2img=broken_once, progress="progress-queue/queue-progress")
    server["/internal/progress"] = told

    generation = server.client().txt2img(cat())

    assert len(server.sent("txt2img")) == 2
    assert sent_while_running == [False]
    assert any("connection broke" in notice for notice in generation.notices)


def json_of(name):
    from pathlib import Path

    path = Path(__file__).resolve().parent.parent / "captures" / f"{name}.json"
    return json.loads(path.read_text())["response"]["json"]


def test_a_job_that_failed_inside_is_not_waited_for_though_it_stays_active(recorded):
    calls = []

    def broken_once(request):
        calls.append(1)
        if len(calls) == 1:
            raise httpx.RemoteProtocolError("Server disconnected")
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    server = recorded(txt2img=broken_once, progress="progress-queue/progress-after-failed")
    server["/internal/progress"] = "progress-queue/internal-progress-of-failed-task"

    server.client().txt2img(cat())

    assert len(calls) == 2


def test_progress_is_told_meanwhile_and_is_our_own(recorded, monkeypatch):
    import threading

    monkeypatch.setattr(tasks, "POLL_S", 0.01)
    told = threading.Event()
    seen = []

    def slow(request):
        told.wait(5)
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    server = recorded(txt2img=slow)
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q2"

    def on_progress(progress):
        seen.append(progress)
        told.set()

    server.client().txt2img(cat(), on_progress=on_progress)

    assert seen[0].queued
    assert seen[0].is_ours
    assert seen[0].text == "In queue: 1/2"


def test_an_error_in_the_callback_reaches_the_caller(recorded, monkeypatch):
    import threading

    monkeypatch.setattr(tasks, "POLL_S", 0.01)
    told = threading.Event()

    def slow(request):
        told.wait(5)
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    def on_progress(progress):
        told.set()
        raise ZeroDivisionError

    server = recorded(txt2img=slow)
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q2"

    with pytest.raises(ZeroDivisionError):
        server.client().txt2img(cat(), on_progress=on_progress)


@pytest.mark.parametrize("error", [httpx.RemoteProtocolError("gone"), httpx.ReadError("reset")])
def test_a_question_whose_connection_broke_is_asked_once_more(recorded, error):
    failures = [error]

    def once(request):
        if failures:
            raise failures.pop()
        return httpx.Response(200, json={"a": 1})

    server = recorded(options=once)

    assert server.client().options() == {"a": 1}
    assert len(server.calls) == 2


def test_a_server_that_does_not_come_back_is_given_up(recorded, monkeypatch):
    monkeypatch.setattr(tasks, "RESTART_S", 0.05)
    server = recorded(txt2img=httpx.ReadError("reset"))
    server["/internal/progress"] = httpx.ConnectError("refused")

    with pytest.raises(BackendLostError, match="went away while it was drawing"):
        server.client(timeout_s=20).txt2img(cat())

    assert len(server.sent("txt2img")) == 1


def test_a_call_that_breaks_again_and_again_is_sent_three_times_at_most(recorded):
    server = recorded(txt2img=httpx.ReadError("reset"))
    server["/internal/progress"] = {"active": False, "queued": False, "completed": True}

    with pytest.raises(BackendLostError):
        server.client().txt2img(cat())

    assert len(server.sent("txt2img")) == 3


@pytest.mark.parametrize(
    ("fields", "moved"),
    [
        ({"seed": 7}, {"seed": 9}),
        ({"seed": 7, "subseed": 3, "subseed_strength": 0.5}, {"seed": 7, "subseed": 5}),
        ({"seed": 7, "subseed": 3, "subseed_strength": 0}, {"seed": 9, "subseed": 3}),
    ],
)
def test_one_picture_of_a_batch_is_drawn_alone_with_the_seed_that_the_server_would_give_it(fields, moved):
    single = fetching.payload_for(Payload("/x", {**fields, "batch_size": 3, "n_iter": 2}), 2, "token")

    assert moved.items() <= single.fields.items()
    assert single.fields["batch_size"] == 1
    assert "n_iter" not in single.fields


def interrupted_at(line_number, work):
    """Run `work` with a KeyboardInterrupt before the so-many-th line of this room; whether one came."""
    left = [line_number]
    rooms = (tasks.__file__, calling.__file__)

    def each_line(frame, event, _):
        if event == "line":
            left[0] -= 1
            if left[0] == 0:
                raise KeyboardInterrupt
        return each_line

    before = sys.gettrace()  # that of coverage, which would see no further line of any test
    sys.settrace(lambda frame, *_: each_line if frame.f_code.co_filename in rooms else None)
    try:
        work()
    except KeyboardInterrupt:
        return True
    finally:
        sys.settrace(before)
    return left[0] <= 0


def test_ctrl_c_at_any_line_leaves_no_thread_that_asks_a_closed_client(recorded, monkeypatch):
    monkeypatch.setattr(tasks, "POLL_S", 0.005)
    faults = []
    monkeypatch.setattr(threading, "excepthook", lambda fault: faults.append(fault.exc_value))

    def slow(request):
        time.sleep(0.02)  # long enough for a question about progress
        return httpx.Response(200, json=json_of("core/txt2img-min"))

    server = recorded(txt2img=slow, interrupt={}, progress="progress-queue/queue-progress")
    server["/internal/progress"] = "progress-queue/queue-internal-progress-Q1"

    def draw():
        with server.client() as client:
            client.txt2img(cat(), on_progress=lambda progress: None)

    lines = 0
    while interrupted_at(lines + 1, draw):
        lines += 1
    watching = [thread for thread in threading.enumerate() if thread.name == "prodgen-progress"]
    for thread in watching:
        thread.join(5)

    assert lines > 40
    assert faults == []
    assert not any(thread.is_alive() for thread in watching)
