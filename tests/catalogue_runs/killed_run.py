"""Makes a catalogue of sixty pictures again and again, kills each run at a random moment, and counts.

    python killed_run.py FOLDER SEED KILLS

Each backend is a process of its own that draws on when its client is killed, as a server does, and counts.
The run itself is the real ledger, the real dispatch and the real store; only its place is a stand-in, which
sleeps a little between its writes, so that kills hit those moments too. Prints one line of JSON.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import socket
import socketserver
import sys
import threading
import time
from collections import Counter
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from prodgen.catalogue import Order
from prodgen.dispatch import Rules, run
from prodgen.errors import BackendLostError
from prodgen.ledger import PictureRecord, open_run, read_sidecar, read_status, sidecar_bytes, sidecar_name
from prodgen.storage import open_store

SHOTS = 60
PLACES = 2
WINDOW = 2
DRAW_S = 0.01
LONGEST_LIFE_S = 0.35
"""Seconds after which a run is killed at the latest: sixty pictures take about twice that."""

COUNTED = ("kills", "runs", "renders", "lost", "most_lost", "adopted", "drawn_again")
COUNTED += ("torn", "half", "untrue", "missing", "unproved")


def content_of(slot: str, seed: int) -> bytes:
    """The only right picture of an order: 40 kB that a torn file cannot have."""
    return hashlib.shake_256(f"{slot} {seed}".encode()).digest(40_000)


# The backend.


class Drawing(socketserver.StreamRequestHandler):
    """Draws one picture after another and writes down each that it begins."""

    def handle(self) -> None:
        for line in self.rfile:
            slot, seed = json.loads(line)
            with self.server.lock:
                os.write(self.server.book, f"{slot}\n".encode())
                time.sleep(DRAW_S)
            self.wfile.write(content_of(slot, seed))


class Backend(socketserver.ThreadingTCPServer):
    """A server that draws."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """Its client was killed."""


def start_backend(book: Path) -> tuple[int, int]:
    """Start a backend in a process of its own; return its port and pid."""
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    pid = os.fork()
    if pid:
        listening.close()
        return port, pid
    server = Backend(("127.0.0.1", 0), Drawing, bind_and_activate=False)
    server.socket = listening
    server.lock = threading.Lock()
    server.book = os.open(book, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    server.serve_forever()
    os._exit(0)


def end_with(parent: int) -> None:
    """End this process when its parent has ended, however that was."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(0)


# The run.


class SocketPlace:
    """A place whose backend is at a port; it writes files as places do: sidecar, picture, then the answer."""

    def __init__(self, port: int, store, chance: random.Random) -> None:
        self.name, self.port, self.store, self.chance = f"box:{port}", port, store, chance
        self.under_way = 0
        self.threads = ThreadPoolExecutor(WINDOW)

    def room(self) -> int:
        return WINDOW - self.under_way

    def submit(self, order, on_step):
        future: Future = Future()
        self.under_way += 1
        future.add_done_callback(self.leave)
        self.threads.submit(self.make, order, on_step, future)
        return future

    def leave(self, _future) -> None:
        self.under_way -= 1

    def make(self, order, on_step, future) -> None:
        try:
            on_step(self.name, order, "prepare")
            on_step(self.name, order, "draw")
            content = self.draw(order)
            on_step(self.name, order, "complete")
            if future.set_running_or_notify_cancel():
                future.set_result(self.file_away(order, content))
        except OSError as error:
            if not future.done():
                future.set_exception(BackendLostError(self.name, str(error)))

    def draw(self, order) -> bytes:
        with socket.create_connection(("127.0.0.1", self.port)) as connection:
            connection.sendall(json.dumps([order.slot, order.seed]).encode() + b"\n")
            with connection.makefile("rb") as answer:
                return answer.read(40_000)

    def file_away(self, order, content) -> PictureRecord:
        photo = hashlib.sha256(Path(order.photo).read_bytes()).hexdigest()
        record = PictureRecord(
            order.output,
            hashlib.sha256(content).hexdigest(),
            len(content),
            order.seed,
            "pass",
            "it is the same product",
            place=self.name,
            photo_sha256={order.photo: photo},
            finished_at=time.time(),
        )
        self.store.put(sidecar_name(order.output), sidecar_bytes(order, record, {}))
        time.sleep(self.chance.uniform(0, 0.004))
        self.store.put(order.output, content)
        time.sleep(self.chance.uniform(0, 0.004))
        return record

    def probe(self) -> None:
        """It always answers."""

    def close(self, *, now: bool = False) -> None:
        self.threads.shutdown(wait=False, cancel_futures=now)


def orders(photo: Path) -> list[Order]:
    return [
        Order(f"{n:05}/white", f"{n:05}", n + 1, str(photo), "on a table", n, f"{n:05}/white.png")
        for n in range(1, SHOTS + 1)
    ]


def work(out: Path, photo: Path, ports: list[int], seed: int) -> None:
    """Run the catalogue to its end, or until somebody kills this process."""
    store, chance = open_store(out), random.Random(seed)
    with open_run(out) as opened:
        opened.ledger.plan(orders(photo))
        for event in run(opened.ledger, [SocketPlace(port, store, chance) for port in ports], Rules()):
            last = event
        opened.end(last.end)


# What is there afterwards.


def pictures(out: Path) -> dict[str, bool]:
    """Every picture in the folder by its slot, and whether it is the right one, whole."""
    found = {}
    for path in out.glob("*/*.png"):
        slot = path.relative_to(out).with_suffix("").as_posix()
        sidecar = read_sidecar(path.with_suffix(".json").read_bytes())
        content = path.read_bytes()
        is_right = sidecar is not None and content == content_of(slot, sidecar.order.seed)
        found[slot] = is_right and hashlib.sha256(content).hexdigest() == sidecar.record.sha256
    return found


class Book:
    """What the backends have begun to draw."""

    def __init__(self, path: Path) -> None:
        self.path, self.read = path, 0

    def news(self) -> list[str]:
        begun = self.path.read_text().split() if self.path.exists() else []
        fresh, self.read = begun[self.read :], len(begun)
        return fresh


def main(folder: Path, seed: int, kills: int) -> dict[str, object]:
    """Kill runs until there were enough, and return the counts."""
    chance = random.Random(seed)
    photo = folder / "photo.jpg"
    photo.write_bytes(b"a photograph")
    os.utime(photo, (1e9, 1e9))
    backends = [start_backend(folder / "book") for _ in range(PLACES)]
    ports, book = [port for port, _ in backends], Book(folder / "book")
    found = Counter(dict.fromkeys(COUNTED, 0))
    try:
        while found["kills"] < kills:
            out = folder / f"out {found['runs']}"
            while kill_once(out, photo, ports, book, chance, found):
                pass
            found["runs"] += 1
            check_the_end(out, photo, found)
    finally:
        for _, pid in backends:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
    return dict(found)


def kill_once(out: Path, photo: Path, ports: list[int], book: Book, chance: random.Random, found) -> bool:
    """Go on with a run and kill it; return whether it was killed before its end."""
    before = set(pictures(out))
    pid = os.fork()
    if not pid:
        try:
            work(out, photo, ports, chance.randrange(1 << 30))
        finally:
            os._exit(0)
    chance.random()
    end = time.monotonic() + chance.uniform(0.0, LONGEST_LIFE_S)
    is_over = False
    while time.monotonic() < end and not is_over:
        time.sleep(0.002)
        is_over = os.waitpid(pid, os.WNOHANG)[0] == pid
    if not is_over:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        found["kills"] += 1
        time.sleep(PLACES * DRAW_S * 2)  # the backends finish what they were asked for
    begun = book.news()
    after = pictures(out)
    found["torn"] += list(after.values()).count(False)
    lost = len(begun) - len(set(after) - before)
    found["renders"] += len(begun)
    found["drawn_again"] += len([slot for slot in begun if slot in before])
    found["lost"] += lost
    found["most_lost"] = max(found["most_lost"], lost)
    if (out / "ledger.sqlite").exists() and after:
        status = read_status(out)
        # A picture that the ledger has not: its run was killed between file and entry.
        found["adopted"] += len(after) - status.counts.done
        found["untrue"] += status.counts.done > len(after) or status.is_running
    return not is_over


def check_the_end(out: Path, photo: Path, found) -> None:
    """Look at a run that has come to its end."""
    made = pictures(out)
    found["half"] += len([path for path in out.rglob("*") if path.name.endswith(".part")])
    found["missing"] += SHOTS - len(made)
    with open_run(out) as opened:
        again = opened.ledger.plan(orders(photo), verify=True)
        found["unproved"] += SHOTS - again.done


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))) + "\n")
