"""What a place makes of an order, in a thread of this process."""

from __future__ import annotations

import json
import socket
import time
from concurrent.futures import CancelledError

import numpy as np
import pytest

from prodgen import files, shoot
from prodgen.engines import engine_server
from prodgen.errors import (
    BackendError,
    BackendOutOfMemoryError,
    ImageError,
    Interrupted,
    ProductNotKeptError,
    SettingError,
    StorageError,
)
from prodgen.places import Backend, Crew, Workplace, bench, local_place, messages
from prodgen.places.job import Job
from prodgen.places.messages import Failed, Prepared
from prodgen.server import Behaviour
from prodgen.server.socket_server import listening
from prodgen.storage import FetchedFiles, open_store


def test_a_place_makes_the_very_picture_that_shoot_makes(shop, steps, tmp_path):
    order = shop.order(1)
    record = shop.crew().place("embedded://").submit(order, steps).result(60)

    shot = shoot(
        order.photo, order.prompt, seed=1, backend="embedded://", settings=order.asked_for["settings"]
    )
    alone = shot.save(tmp_path / "alone.png").path

    np.testing.assert_array_equal(files.load(shop.out / record.output).rgb, files.load(alone).rgb)
    assert record.headline == shot.verdict.headline
    assert [step for _, step in steps] == ["prepare", "draw", "complete"]
    assert record.place == "embedded"


def test_two_orders_of_one_product_share_a_preparation_and_get_their_own_scenes(shop, steps, monkeypatch):
    cut, prepare = [], bench.prepare
    monkeypatch.setattr(bench, "prepare", lambda shot: cut.append(shot.photo) or prepare(shot))
    place = shop.crew().place("embedded://")

    orders = [shop.order(1, light="left"), shop.order(2, light="right")]
    futures = [place.submit(order, steps) for order in orders]
    one, two = (files.load(shop.out / future.result(60).output).rgb for future in futures)

    assert len(cut) == 1
    assert np.abs(one - two).max() > 0.02


def test_another_seed_is_drawn_until_the_product_is_kept(shop, steps, monkeypatch):
    tries = bench.Tries
    seen = []

    class FailingOnce(tries):
        def settle(self, result):
            seen.append(self.seed)
            if len(seen) == 1:
                self._number += 1
                return None
            return super().settle(result)

    monkeypatch.setattr(bench, "Tries", FailingOnce)
    place = shop.crew().place("embedded://")

    record = place.submit(shop.order(1, settings={"tries": 3}), steps).result(60)

    assert seen[0] == 1
    assert record.seed == seen[1] != 1
    assert any("seeds tried" in notice for notice in record.notices)


def test_a_picture_that_is_not_to_be_delivered_is_kept_aside_without_a_sidecar(shop, steps, monkeypatch):
    def refuse(result, write):
        write(shop.out / "disc1.rejected-shadow.png", b"shadow")
        write(shop.out / "disc1.rejected.png", b"picture")
        raise ProductNotKeptError(["outline_growth_percent"], ["it grew"], "somewhere")

    monkeypatch.setattr("prodgen.places.filing.deliver", refuse)

    future = shop.crew().place("embedded://").submit(shop.order(1), steps)

    with pytest.raises(ProductNotKeptError, match=r"'disc1\.rejected\.png'"):
        future.result(60)
    names = {path.name for path in shop.out.iterdir()}
    assert names == {"disc1.rejected-shadow.png", "disc1.rejected.png"}


def test_a_full_disk_is_told_apart_from_a_fault_of_the_row(shop, steps, monkeypatch):
    def full(self, name, data):
        raise StorageError(self.address, "has no space left", cause="full")

    monkeypatch.setattr("prodgen.storage.folder_store.FolderStore.put", full)

    with pytest.raises(StorageError):
        shop.crew().place("embedded://").submit(shop.order(1), steps).result(60)


def test_a_missing_photograph_is_a_fault_of_the_row(shop, steps):
    with pytest.raises(ImageError, match="does not exist"):
        shop.crew().place("embedded://").submit(shop.order(1, photo=9), steps).result(60)


def test_the_sidecar_is_there_before_the_picture(shop, steps, monkeypatch):
    from prodgen.storage.folder_store import FolderStore

    written, put = [], FolderStore.put

    def noting(self, name, data):
        written.append(name)
        put(self, name, data)

    monkeypatch.setattr(FolderStore, "put", noting)

    record = shop.crew().place("embedded://").submit(shop.order(1), steps).result(60)

    assert written[-2:] == ["disc1.json", "disc1.png"]
    assert json.loads((shop.out / "disc1.json").read_text())["record"]["sha256"] == record.sha256


def test_a_cancelled_order_writes_nothing(shop, steps):
    place = shop.crew().place("embedded://")
    first, second = (place.submit(shop.order(number), steps) for number in (1, 2))

    assert second.cancel()
    first.result(60)

    with pytest.raises(CancelledError):
        second.result(1)
    assert not (shop.out / "disc2.png").exists()
    assert place.room() == 2


def test_a_server_that_runs_out_of_memory_is_asked_to_free_it_once(shop, steps, monkeypatch):
    asked, draw = [], bench.draw

    def short_of_memory(prepared, tools, *, seed):
        if not asked:
            raise BackendOutOfMemoryError("gpu", "it ran out of memory")
        return draw(prepared, tools, seed=seed)

    monkeypatch.setattr(bench, "draw", short_of_memory)
    monkeypatch.setattr(
        "prodgen.client.knowledge.service.Service.unload_checkpoint", lambda self: asked.append(1)
    )

    shop.crew().place("embedded://").submit(shop.order(1), steps).result(60)

    assert asked == [1]


def test_a_backend_gets_one_call_at_a_time_and_the_next_one_at_once(shop, steps):
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=0.5))) as url:
        place = shop.crew().place(url)
        begun = time.monotonic()
        futures = [place.submit(shop.order(number), steps) for number in (1, 2, 3, 4)]
        for future in futures:
            future.result(60)

    at = [step for step in steps if step[1] in ("draw", "complete")]
    assert [step for _, step in at] == ["draw", "complete"] * 4
    assert time.monotonic() - begun > 4 * 0.5


def test_an_order_that_is_taken_back_at_the_gate_does_not_stop_the_one_that_is_drawn(shop, steps):
    """Both have one connection to their backend."""
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=4))) as url:
        place = shop.crew().place(url)
        drawn, waiting = (place.submit(shop.order(number), steps) for number in (1, 2))
        while not place.to_draw:
            time.sleep(0.02)

        if place.drawing.future is waiting:
            drawn, waiting = waiting, drawn
        assert waiting.cancel()

        assert drawn.result(30).seed in (1, 2)
        assert place.submit(shop.order(3), steps).result(30).seed == 3


def test_closing_at_once_ends_the_drawing_although_another_order_waits_with_its_connection(shop, steps):
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=60))) as url:
        place = shop.crew().place(url)
        for number in (1, 2):
            place.submit(shop.order(number), steps)
        while not place.to_draw:
            time.sleep(0.02)
        (bench_of_it,) = (worker.link.send.__self__ for worker in place._crew._workers)
        time.sleep(0.3)

        place.close(now=True)

        bench_of_it.wait(40)
        assert not bench_of_it._running, "the server was not told to stop"


def test_closing_at_once_interrupts_what_is_drawn(shop, steps):
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=100))) as url:
        place = shop.crew().place(url)
        drawing, waiting = (place.submit(shop.order(number), steps) for number in (1, 2))
        while not any(step == "draw" for _, step in steps):  # either may be the first
            time.sleep(0.02)

        place.close(now=True)

        for future in (drawing, waiting):
            with pytest.raises((Interrupted, CancelledError)):
                future.result(40)
    assert not shop.out.exists()


def test_a_place_is_named_without_its_password_and_each_only_once(shop):
    crew = shop.crew()

    assert crew.place("http://me:secret@box:7860").name == "box:7860"
    with pytest.raises(SettingError, match="named twice"):
        crew.place("http://box:7860")


def test_however_little_memory_there_is_one_order_is_worked_on(shop, steps):
    place = shop.crew(memory=1).place("embedded://")

    futures = [place.submit(shop.order(number), steps) for number in (1, 2)]

    assert [future.result(60).seed for future in futures] == [1, 2]


def test_a_place_takes_more_orders_where_preparing_takes_longer_than_drawing(shop):
    place = shop.crew().place("http://box:7860")
    for lead_s, draw_s, window in ((0.5, 4.0, 2), (3.0, 2.0, 3), (3.0, 0.1, 1 + 1 + 8)):
        place._leads.clear()
        place._draws.clear()
        place.came_to_gate(lead_s)
        place.drew(draw_s)
        assert place.window(workers=8) == window


def test_preparations_go_before_completions_so_that_no_backend_waits_for_them(shop, steps):
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=0.3))) as url:
        place = shop.crew().place(url)
        for future in [place.submit(shop.order(number, number % 3), steps) for number in range(1, 4)]:
            future.result(60)

    prepared = [number for number, (_, step) in enumerate(steps) if step == "prepare"]
    completed = [number for number, (_, step) in enumerate(steps) if step == "complete"]
    assert prepared[2] < completed[1]


def test_a_call_waits_at_the_gate_until_it_may_enter(shop, tmp_path):
    heard = []
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=0.01))) as url:
        workplace = Workplace(open_store(shop.out), FetchedFiles(tmp_path / "scratch"))
        one = bench.Bench(workplace, heard.append)

        def wait_for(kind):
            end = time.monotonic() + 60
            while not any(isinstance(report, kind) for report in heard) and time.monotonic() < end:
                time.sleep(0.01)

        one.take(messages.Prepare(1, shop.order(1), Backend("gpu", url)))
        wait_for(messages.Prepared)
        one.take(messages.Go(1, "draw", is_cpu_work=False))
        wait_for(messages.AtTheGate)
        time.sleep(0.5)
        before = list(heard)
        one.take(messages.Enter(1))
        wait_for(messages.Done)
        one.close()

    assert [type(report) for report in before] == [messages.Prepared, messages.AtTheGate]
    assert [type(report) for report in heard[2:]] == [messages.Left, messages.Done]


def test_the_next_product_is_prepared_while_a_scene_waits_to_be_enlarged(shop, tmp_path, monkeypatch):
    heard, whole = [], bench.complete

    def enlarging(drawing, tools):
        with one._turn():
            return whole(drawing, tools)

    def wait_for(report):
        end = time.monotonic() + 60
        while report not in [(type(x), x.job) for x in heard] and time.monotonic() < end:
            time.sleep(0.01)
        return report in [(type(x), x.job) for x in heard]

    monkeypatch.setattr(bench, "complete", enlarging)
    with listening(engine_server("load-test", behaviour=Behaviour(delay_s=0.01))) as url:
        one = bench.Bench(Workplace(open_store(shop.out), FetchedFiles(tmp_path / "scratch")), heard.append)
        one.take(messages.Prepare(1, shop.order(1), Backend("gpu", url)))
        assert wait_for((messages.Prepared, 1))
        one.take(messages.Go(1, "draw", is_cpu_work=False))
        one.take(messages.Enter(1))
        assert wait_for((messages.Done, 1))
        heard.clear()
        one.take(messages.Go(1, "complete", is_cpu_work=True))
        assert wait_for((messages.AtTheGate, 1))

        one.take(messages.Prepare(2, shop.order(2, 2), Backend("gpu", url)))

        assert wait_for((messages.Prepared, 2)), "the CPU waits for the backend"
        one.take(messages.Enter(1))
        assert wait_for((messages.Done, 1))
        one.close()


def test_a_scene_is_enlarged_before_others_are_drawn(shop):
    place = shop.crew().place("http://box:7860")
    drawn, undrawn = (Job(number, shop.order(number), place, print) for number in (1, 2))
    drawn.is_drawn = True

    place.at_the_gate(undrawn)
    place.at_the_gate(drawn)

    assert place.next_to_draw() is drawn


def test_a_probe_of_a_server_that_never_answers_ends(shop, monkeypatch):
    monkeypatch.setattr(local_place, "PROBE_S", 0.3)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        place = shop.crew().place(f"http://127.0.0.1:{silent.getsockname()[1]}")
        begun = time.monotonic()

        with pytest.raises(BackendError):
            place.probe()

    assert time.monotonic() - begun < 50


class ToldLink:
    """A worker that does nothing but note what it is told."""

    def __init__(self, told):
        self.told = told

    def send(self, command):
        self.told.append(command)

    def hang_up(self):
        self.told.append("hang up")

    def close(self):
        self.told.append("close")


@pytest.fixture
def told(monkeypatch):
    """What the workers of all crews are told; they do nothing."""
    commands = []
    monkeypatch.setattr(Crew, "_start", lambda _crew, _worker: ToldLink(commands))
    return commands


def test_where_there_is_memory_for_one_no_two_work_at_once(shop, steps, told):
    place = shop.crew(workers=3, memory=1).place("embedded://")

    for number in range(3):
        place.submit(shop.order(number, photo=number), steps)

    assert len(told) == 1


def test_one_large_photograph_among_small_ones_is_not_forgotten(shop, steps, told):
    crew = shop.crew(workers=3, memory=3 << 30)
    place = crew.place("embedded://")
    for number, pixels in ((1, 8_000_000), (2, 10_000)):
        place.submit(shop.order(number), steps)
        crew._on_report(Prepared(number, pixels, asks_backend=True, packed=None))
        crew._on_report(Failed(number, ImageError("broken")))
    told.clear()

    for number in range(3):
        place.submit(shop.order(number, photo=number), steps)

    assert len(told) == 1, "one step takes all that three gigabytes have room for"


def test_workers_are_told_to_end_before_one_of_them_is_waited_for(shop, steps, told):
    crew = shop.crew(workers=2)
    place = crew.place("embedded://")
    for number in range(2):
        place.submit(shop.order(number, photo=number), steps)

    crew.close()

    assert told[-4:] == ["hang up", "hang up", "close", "close"]
