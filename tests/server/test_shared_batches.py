"""Calls that wait and agree in all but words and seeds are one batch of the engine; each gets its own."""

from __future__ import annotations

import importlib
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from prodgen.server import drawing_routes, shared_batches
from prodgen.server.app import ApiServer
from prodgen.server.engine import BatchOrder, DrawnPicture, ReportProgress
from prodgen.server.fields import TXT2IMG, read_fields
from prodgen.server.shared_batches import Gathering, WaitingCall
from prodgen.server.wire import Crashed

LONGEST_S = 20


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> Any:
    """An engine that is faster in batches, and waits until it may go on."""
    monkeypatch.syspath_prepend(Path(__file__).parent.parent / "engines")
    engine = importlib.import_module("toy_engine").ToyEngine()
    batching = replace(engine.inventory(), batches_requests=True)
    monkeypatch.setattr(engine, "inventory", lambda: batching)
    engine.may_go_on.clear()
    return engine


class Crowd:
    """Clients of one server; the first keeps it busy until all others wait."""

    def __init__(self, server: ApiServer, calling: Callable[[ApiServer], Any]) -> None:
        self.server, self.calling = server, calling
        self.answers: dict[str, Any] = {}
        self.threads: list[threading.Thread] = []

    def ask(self, name: str, **fields: object) -> None:
        """Ask for a picture, and wait until the server has noticed."""

        def work() -> None:
            path = "/sdapi/v1/img2img" if "init_images" in fields else "/sdapi/v1/txt2img"
            body = {"prompt": name, "width": 64, "height": 64, "steps": 2, "force_task_id": name, **fields}
            self.answers[name] = self.calling(self.server).post(path, body)

        self.threads.append(threading.Thread(target=work))
        self.threads[-1].start()
        tasks = self.server.machine.tasks
        self.until(lambda: tasks.is_running(name) or name in tasks.pending() or tasks.is_finished(name))

    def until(self, holds: Callable[[], bool]) -> None:
        end = time.monotonic() + LONGEST_S
        while not holds():
            assert time.monotonic() < end, "it never came"
            time.sleep(0.005)

    def finish(self) -> None:
        for thread in self.threads:
            thread.join(LONGEST_S)
            assert not thread.is_alive()


@pytest.fixture
def crowd(toy: Any, calling: Callable[[ApiServer], Any]) -> Iterator[Crowd]:
    made = Crowd(ApiServer(toy), calling)
    made.ask("first", seed=1)
    assert toy.is_under_way.wait(LONGEST_S)
    yield made
    toy.may_go_on.set()
    made.finish()


def greys(crowd: Crowd, images: Any) -> dict[str, list[int]]:
    return {name: [int(x[0, 0, 0]) for x in images(answer)] for name, answer in crowd.answers.items()}


def test_four_calls_that_wait_are_one_batch_and_each_gets_its_own_picture_and_infotext(
    crowd, toy, images, info
):
    for number in range(4):
        crowd.ask(f"cat {number}", seed=10 + number, negative_prompt=f"not {number}")
    toy.may_go_on.set()
    crowd.finish()

    assert [order.seeds for order in toy.orders] == [(1,), (10, 11, 12, 13)]
    assert toy.orders[1].prompts == ("cat 0", "cat 1", "cat 2", "cat 3")
    assert toy.orders[1].negative_prompts == ("not 0", "not 1", "not 2", "not 3")
    assert greys(crowd, images) == {"first": [1], **{f"cat {n}": [10 + n] for n in range(4)}}
    told = info(crowd.answers["cat 2"])
    assert (told["prompt"], told["all_seeds"]) == ("cat 2", [12])
    assert told["infotexts"][0].startswith("cat 2\nNegative prompt: not 2\n")
    assert crowd.server.machine.tasks.pending() == []
    assert all(crowd.server.machine.tasks.is_finished(f"cat {n}") for n in range(4))


def test_only_what_agrees_is_drawn_together(crowd, toy, images):
    crowd.ask("a", seed=2)
    crowd.ask("larger", seed=3, width=128)
    crowd.ask("b <lora:bright:1>", seed=4)
    crowd.ask("twice", seed=5, n_iter=2)
    crowd.ask("c", seed=6)
    crowd.ask("unknown <lora:gone:1>", seed=7)
    toy.may_go_on.set()
    crowd.finish()

    assert [order.seeds for order in toy.orders] == [(1,), (2, 6), (3,), (4,), (5,), (6,)]
    assert crowd.answers["unknown <lora:gone:1>"].status_code == 422


def test_a_lora_in_a_comment_is_not_drawn(crowd, toy, images):
    crowd.ask("cat <lora:bright:1>", seed=2)
    crowd.ask("# <lora:bright:1>\ncat", seed=3)
    toy.may_go_on.set()
    crowd.finish()

    assert [(order.seeds, len(order.loras)) for order in toy.orders[1:]] == [((2,), 1), ((3,), 0)]


def test_who_was_just_answered_and_asks_again_is_drawn_with_those_that_waited(crowd, toy, monkeypatch):
    monkeypatch.setattr(shared_batches, "WAIT_SHARE", 1e6)
    for number in range(3):
        crowd.ask(f"cat {number}", seed=10 + number)
    toy.may_go_on.set()
    crowd.until(lambda: "first" in crowd.answers)
    crowd.ask("first again", seed=13)
    crowd.finish()

    assert [order.seeds for order in toy.orders] == [(1,), (10, 11, 12, 13)]


def test_answers_of_one_batch_are_encoded_side_by_side(crowd, toy, monkeypatch):
    all_three = threading.Barrier(3)
    encode = drawing_routes.answer_of

    def encoded(machine: Any, done: Any, shown: Any) -> Any:
        if done.call.prompt != "first":
            all_three.wait(LONGEST_S)
        return encode(machine, done, shown)

    monkeypatch.setattr(drawing_routes, "answer_of", encoded)
    for number in range(3):
        crowd.ask(f"cat {number}", seed=10 + number)
    toy.may_go_on.set()
    crowd.finish()

    assert [answer.status_code for answer in crowd.answers.values()] == [200] * 4


class Waits:
    """A gathering whose waits are noted, and end without anybody having come."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.gathering = Gathering()
        self.seconds: list[float] = []
        monkeypatch.setattr(self.gathering._changed, "wait_for", self.wait_for)

    def wait_for(self, _: Callable[[], bool], seconds: float) -> bool:
        self.seconds.append(seconds)
        return False


def a_call(**fields: object) -> WaitingCall:
    def nothing(_: object) -> Any:
        raise AssertionError

    return WaitingCall("txt2img", "task", read_fields(TXT2IMG, fields), nothing, nothing)


def test_a_call_waits_for_a_small_share_of_the_last_drawing(monkeypatch):
    waits, second = Waits(monkeypatch), a_call(prompt="b")
    with waits.gathering.waits(second):
        waits.gathering.drawn(a_call(prompt="a"), 0, seconds=10)
        waits.gathering.wait(second)

    assert waits.seconds == [pytest.approx(10 * shared_batches.WAIT_SHARE, abs=0.2)]


@pytest.mark.parametrize(("others", "again"), [(0, {"prompt": "a"}), (3, {"prompt": "a", "width": 256})])
def test_a_lone_client_and_one_of_other_settings_do_not_wait(monkeypatch, others, again):
    waits, one = Waits(monkeypatch), a_call(**again)
    waits.gathering.drawn(a_call(prompt="a"), others, seconds=1e6)
    with waits.gathering.waits(one):
        waits.gathering.wait(one)

    assert waits.seconds == []


def test_a_call_that_comes_later_does_not_wait(monkeypatch):
    waits, second = Waits(monkeypatch), a_call(prompt="b")
    with waits.gathering.waits(second):
        waits.gathering.drawn(a_call(prompt="a"), 3, seconds=0)
        waits.gathering.wait(second)

    assert waits.seconds == []


def test_waits_in_vain_become_rare(monkeypatch):
    waits, second = Waits(monkeypatch), a_call(prompt="b")
    waited = []
    with waits.gathering.waits(second):
        for _ in range(12):
            waits.gathering.drawn(a_call(prompt="a"), 1, seconds=100)
            before = len(waits.seconds)
            waits.gathering.wait(second)
            waited.append(len(waits.seconds) - before)

    assert waited == [1, 0, 1, 0, 0, 1, 0, 0, 0, 0, 1, 0]


def test_no_more_are_gathered_than_a_gpu_draws_well_at_once(crowd, toy):
    for number in range(6):
        crowd.ask(f"cat {number}", seed=number, batch_size=2)
    toy.may_go_on.set()
    crowd.finish()

    assert [len(order.seeds) for order in toy.orders] == [1, 4, 4, 4]


def test_pictures_to_start_from_are_compared_as_well(crowd, toy, encode, ramp):
    crowd.ask("a", seed=2, init_images=[encode(ramp)])
    crowd.ask("b", seed=3, init_images=[encode(ramp)])
    crowd.ask("c", seed=4, init_images=[encode(ramp[::-1])])
    toy.may_go_on.set()
    crowd.finish()

    assert [order.seeds for order in toy.orders] == [(1,), (2, 3), (4,)]
    assert [len(order.starts) for order in toy.orders] == [0, 2, 1]


def test_a_batch_that_fails_is_drawn_one_by_one_and_later_ones_are_smaller(crowd, toy, images, monkeypatch):
    draws = toy.draw

    def small(order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        if len(order.seeds) > 2:
            toy.orders.append(order)
            raise Crashed("OutOfMemoryError", "CUDA out of memory")
        return draws(order, progress)

    monkeypatch.setattr(toy, "draw", small)
    for number in range(4):
        crowd.ask(f"cat {number}", seed=10 + number)
    toy.may_go_on.set()
    crowd.finish()

    assert [order.seeds for order in toy.orders] == [(1,), (10, 11, 12, 13), (10,), (11, 12), (13,)]
    assert greys(crowd, images) == {"first": [1], **{f"cat {n}": [10 + n] for n in range(4)}}


@pytest.fixture
def together(crowd: Crowd, toy: Any) -> Crowd:
    """Three calls, drawn as one batch, which is under way."""
    for name in ("a", "b", "c"):
        crowd.ask(name, seed=ord(name))
    toy.may_go_on.set()
    crowd.until(lambda: toy.orders[-1].seeds == (97, 98, 99))
    return crowd


def slowly(toy: Any, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Have batches of several pictures wait until they may go on; returns what lets them."""
    go_on = threading.Event()
    draws = toy.draw

    def draw(order: BatchOrder, progress: ReportProgress) -> Iterator[DrawnPicture]:
        if len(order.seeds) > 1:
            progress(0.5)
            toy.orders.append(replace(order))
            go_on.wait(LONGEST_S)
            toy.orders.pop()
        return draws(order, progress)

    monkeypatch.setattr(toy, "draw", draw)
    return go_on


@pytest.fixture
def go_on(toy: Any, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    return slowly(toy, monkeypatch)


def outcomes(crowd: Crowd) -> list[str]:
    return [record.outcome for record in crowd.server.render_log if record.task != "first"]


def test_a_task_that_is_taken_out_stops_nobody_else(go_on, together, toy, calling):
    ask = calling(together.server)
    progress = ask.post("/internal/progress", {"id_task": "b"}).json()
    assert (progress["active"], progress["progress"]) == (True, 0.5)
    ask.post("/sdapi/v1/interrupt", {"id_task": "b"})
    ask.post("/sdapi/v1/interrupt", {"id_task": "a stranger's"})
    go_on.set()
    together.finish()

    assert outcomes(together) == ["done"] * 3


@pytest.mark.parametrize("bodies", [[{}], [{"id_task": "a"}, {"id_task": "b"}, {"id_task": "c"}]])
def test_an_interrupt_of_all_or_of_nobody_by_name_stops_the_batch(go_on, together, calling, bodies):
    for body in bodies:
        calling(together.server).post("/sdapi/v1/interrupt", body)
    go_on.set()
    together.finish()

    assert outcomes(together) == ["interrupted"] * 3


@pytest.mark.parametrize("body", [{"id_task": "a"}, {}])
def test_an_interrupt_before_others_have_joined_stops_none_of_them(crowd, toy, calling, monkeypatch, body):
    gather = crowd.server.machine.gathering.companions

    def companions(one: WaitingCall, call: Any) -> Any:
        if one.task == "a":
            calling(crowd.server).post("/sdapi/v1/interrupt", body)
        return gather(one, call)

    monkeypatch.setattr(crowd.server.machine.gathering, "companions", companions)
    for name in ("a", "b", "c"):
        crowd.ask(name, seed=ord(name))
    toy.may_go_on.set()
    crowd.finish()

    assert [len(crowd.answers[name].json()["images"]) for name in ("a", "b", "c")] == [0, 1, 1]
    assert [order.seeds for order in toy.orders][-1] == (98, 99)


def test_a_call_whose_caller_left_while_its_batch_failed_is_forgotten():
    gathering, first, second = Gathering(), a_call(prompt="a"), a_call(prompt="b")
    gone = replace(a_call(prompt="c"), beside=lambda call: call)
    with gathering.waits(first), gathering.waits(gone):
        others = [other for other, _ in gathering.companions(first, None)]
    gathering.was_too_much(others, batch_size=1)

    with gathering.waits(second):
        assert others == [gone]
        assert gathering.companions(second, None) == []


def test_batches_grow_again_after_one_that_failed(monkeypatch):
    gathering = Gathering()
    alike = [replace(a_call(prompt=str(number)), beside=lambda call: call) for number in range(8)]
    sizes = []
    for _ in range(9):
        gathering.put_back(alike)
        others = [other for other, _ in gathering.companions(alike[0], None)]
        sizes.append(1 + len(others))
        if len(sizes) in (1, 4):
            gathering.was_too_much(others, batch_size=1)
        gathering._take(alike)
        gathering.drawn(alike[0], 0, seconds=0)

    assert sizes == [4, 2, 4, 4, 2, 2, 2, 4, 4]


def test_a_call_that_cannot_be_read_for_a_reason_of_its_own_fails_alone():
    def broken(_: object) -> Any:
        raise RecursionError

    gathering, first = Gathering(), a_call(prompt="a")
    with gathering.waits(first), gathering.waits(replace(a_call(prompt="b"), beside=broken)):
        assert gathering.companions(first, None) == []
