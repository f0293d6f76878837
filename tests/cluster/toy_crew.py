"""Places that draw by sleeping, write down each drawing, and write a picture with its sidecar."""

from __future__ import annotations

import hashlib
import os
import queue
import threading
import time
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from prodgen.errors import Interrupted, SegmentationError
from prodgen.ledger import PictureRecord, sidecar_bytes, sidecar_name
from prodgen.storage import open_store


@dataclass(frozen=True)
class ToyCrew:
    """Makes a worker's place; its file `drawn` has a line for each drawing."""

    out: str
    draw_s: float = 0.1

    @contextmanager
    def __call__(self, backend, workers, memory):
        place = ToyPlace(self, backend)
        yield place
        place.close(now=True)
        with Path(self.out, "closed").open("a") as file:
            file.write(f"{os.getpid()}\n")


class ToyPlace:
    def __init__(self, crew, backend):
        self.crew, self.name, self.store = crew, backend, open_store(crew.out)
        self.inbox, self.futures = queue.SimpleQueue(), []
        threading.Thread(target=self._work, daemon=True).start()

    def submit(self, order, on_step):
        future = Future()
        self.futures.append(future)
        on_step(self.name, order, "prepare")
        self.inbox.put((order, on_step, future))
        return future

    def room(self):
        return 2 - sum(not (future.running() or future.done()) for future in self.futures)

    def probe(self):
        pass

    def close(self, *, now=False):
        for future in self.futures if now else ():
            if not future.done():
                future.cancel() or future.set_exception(Interrupted())

    def _work(self):
        while True:
            order, on_step, future = self.inbox.get()
            if future.cancelled():
                continue
            on_step(self.name, order, "draw")
            time.sleep(self.crew.draw_s)
            with Path(self.crew.out, "drawn").open("a") as file:
                file.write(f"{order.slot} {os.getpid()}\n")
            if not future.set_running_or_notify_cancel():
                continue
            on_step(self.name, order, "complete")
            if "poison" in order.prompt:
                future.set_exception(SegmentationError("no product"))
                continue
            future.set_result(self._written(order))

    def _written(self, order):
        picture, photo = order.slot.encode(), Path(order.photo).read_bytes()
        record = PictureRecord(
            order.output,
            hashlib.sha256(picture).hexdigest(),
            len(picture),
            order.seed,
            "pass",
            "",
            place=self.name,
            photo_sha256={order.photo: hashlib.sha256(photo).hexdigest()},
        )
        self.store.put(sidecar_name(order.output), sidecar_bytes(order, record, {}))
        self.store.put(order.output, picture)
        return record
