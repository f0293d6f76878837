"""Whole catalogue runs: how busy GPUs are kept, and what a large sheet costs.

    python benchmarks/catalogue.py busy [--size 1300x2000] [--shots 20] [--delay 4]
    python benchmarks/catalogue.py scaling [--size 512x512] [--shots 24] [--delay 2] [--gpus 1,2,4,8]
    python benchmarks/catalogue.py unequal [--shots 90] [--delay 0.1]
    python benchmarks/catalogue.py many [--gpus 50] [--shots 150] [--delay 1]
    python benchmarks/catalogue.py loop [--shots 6] [--delay 2]
    python benchmarks/catalogue.py sheet [--rows 100000]

A GPU is a `prodgen serve --delay SECONDS`: a process of its own that takes that long for each picture, and
0.1 s of CPU. "ideal" is what the GPUs alone would take, each working without a pause; "CPU limit" is what the
cores alone would take: all seconds of CPU that were used, by the servers too, divided by the cores. Where the
CPU limit is above the ideal, no schedule reaches the ideal. "drawing" is the time from the first drawing's
beginning to the last one's end, and "whole" that of the whole run with its start and the last picture's
measuring and files; both are multiples of the larger of ideal and CPU limit. "GPU busy" is the share of the
whole run in which a GPU drew, and "once begun" that from its first drawing to its last.
"""

from __future__ import annotations

import argparse
import csv
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import cv2
import numpy as np

from prodgen import files
from prodgen.batching import batch
from prodgen.catalogue import Wishes, check_catalogue, plan_orders, read_catalogue
from prodgen.dispatch import PictureDone, RunEnded, StepBegun
from prodgen.ledger import open_run

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def photograph(width: int, height: int) -> tuple[np.ndarray, np.ndarray]:
    """A red printed cylinder on a light sweep, sRGB, and its matte."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    picture = np.repeat((0.86 + 0.1 * (y / height))[..., None], 3, axis=2)
    inside = (np.abs(x - width / 2) < width * 0.25) & (np.abs(y - height * 0.55) < height * 0.25)
    shade = np.sqrt(np.clip(1 - ((x - width / 2) / (width * 0.26)) ** 2, 0, 1))[..., None]
    picture[inside] = (shade * np.array([0.75, 0.1, 0.12], np.float32))[inside]
    text = np.zeros((height, width), np.uint8)
    place = (int(width * 0.3), int(height * 0.57))
    cv2.putText(text, "BENCH", place, cv2.FONT_HERSHEY_SIMPLEX, width / 260, 255, max(2, width // 200))
    picture[text > 127] = (0.95, 0.95, 0.9)
    noisy = picture + np.random.default_rng(0).normal(0, 0.004, picture.shape)
    return np.clip(noisy, 0, 1).astype(np.float32), inside.astype(np.float32)


def catalogue(folder: Path, shots: int, size: str) -> Path:
    """A sheet with one photograph of its own for each row."""
    width, height = map(int, size.split("x"))
    pixels, matte = photograph(width, height)
    files.save(folder / "photo.png", pixels)
    files.save_matte(folder / "matte.png", matte)
    with (folder / "products.csv").open("w", newline="") as sheet:
        table = csv.writer(sheet)
        table.writerow(("photo", "sku", "matte", "prompt"))
        for number in range(shots):
            photo = folder / f"{number:05}.png"
            photo.hardlink_to(folder / "photo.png")
            table.writerow((photo.name, f"{number:05}", "matte.png", f"on a wooden table, light {number}"))
    return folder / "products.csv"


@contextmanager
def gpus(delays: Sequence[float]) -> Iterator[list[tuple[str, int]]]:
    """Start a server for each delay; give addresses and process ids."""
    with ExitStack() as held:
        started = []
        for delay_s in delays:
            command = [sys.executable, "-m", "prodgen", "serve", "--port", "0", "--delay", str(delay_s)]
            process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
            held.callback(process.wait)
            held.callback(process.kill)
            started.append(process)
        given = []
        for process in started:
            assert process.stdout is not None
            line = process.stdout.readline()
            given.append((line[line.index("http") :].split()[0].rstrip(";"), process.pid))
        yield given


def cpu_s(pids: Sequence[int] = ()) -> float:
    """Seconds of CPU that this process and its ended children took, and these processes."""
    own = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    for pid in pids:
        used = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        own += (int(used[11]) + int(used[12])) / os.sysconf("SC_CLK_TCK")
    return own


class Measured:
    """One run, from its first order to its last picture."""

    def __init__(self, sheet: Path, out: Path, given: Sequence[tuple[str, int]]) -> None:
        servers = [pid for _, pid in given]
        before, served = cpu_s(), cpu_s(servers) - cpu_s()
        begun = time.perf_counter()
        self.made: Counter[str] = Counter()
        drawn: dict[str, list[float]] = {}
        """When each place began and ended its drawings, in turn."""
        for event in batch(sheet, out, backends=[url for url, _ in given]):
            if isinstance(event, StepBegun) and event.step != "prepare":
                drawn.setdefault(event.place, []).append(time.perf_counter())
            if isinstance(event, PictureDone):
                self.made[event.record.place] += 1
                self.last = time.perf_counter()
            elif isinstance(event, RunEnded):
                self.idle, self.counts = event.idle_share, event.counts
        self.seconds = self.last - begun
        times = [moment for place in drawn.values() for moment in place]
        self.drawing_s = max(times) - min(times)
        self.once_begun = [
            sum(end - start for start, end in zip(times[::2], times[1::2], strict=False))
            / (times[-1] - times[0])
            for times in drawn.values()
            if len(times) > 2
        ]
        self.own_cpu_s = cpu_s() - before
        self.cpu_limit_s = (self.own_cpu_s + cpu_s(servers) - cpu_s() - served) / CORES
        self.load = os.getloadavg()[0]


def ideal_s(shots: int, delays: Sequence[float]) -> float:
    """Least seconds in which GPUs of these delays make so many pictures, each on one of them."""
    free = [0.0] * len(delays)
    for _ in range(shots):
        soonest = min(range(len(delays)), key=lambda gpu: free[gpu] + delays[gpu])
        free[soonest] += delays[soonest]
    return max(free)


def measure(name: str, delays: Sequence[float], shots: int, size: str) -> None:
    """Run a catalogue on GPUs of these delays and print one line."""
    with tempfile.TemporaryDirectory() as folder, gpus(delays) as given:
        sheet = catalogue(Path(folder), shots, size)
        ran = Measured(sheet, Path(folder) / "out", given)
    ideal = ideal_s(shots, delays)
    busy = sum(1 - share for share in ran.idle.values()) / len(ran.idle)
    begun = sum(ran.once_begun) / max(1, len(ran.once_begun))
    limit = max(ideal, ran.cpu_limit_s)
    times = f"{ran.seconds:8.1f} s {ideal:8.1f} s {ran.cpu_limit_s:8.1f} s"
    ratios = f"{ran.drawing_s / limit:7.2f} x {ran.seconds / limit:7.2f} x"
    ratios += f" {100 * busy:6.1f} % {100 * begun:9.1f} %"
    failed = f"  {ran.counts.failed} failed" if ran.counts.failed else ""
    cpu = f"{ran.own_cpu_s / shots:6.2f} s  load {ran.load:.1f}{failed}"
    print(f"{name:22} {shots:4} {times} {ratios} {cpu}", flush=True)


def head() -> None:
    """Print the table's head."""
    print(f"{CORES} cores")
    words = (
        f"{'GPUs':22} {'shots':>4} {'took':>9} {'ideal':>10} {'CPU limit':>10} {'drawing':>9} {'whole':>9}"
    )
    print(f"{words} {'GPU busy':>8} {'once begun':>11} {'CPU a shot':>9}")


def busy(args: argparse.Namespace) -> None:
    """One GPU, pictures of a shop's size."""
    head()
    measure(f"1 x {args.delay:g} s, {args.size}", [args.delay], args.shots, args.size)


def scaling(args: argparse.Namespace) -> None:
    """Equal GPUs, more and more."""
    head()
    for count in args.gpus:
        measure(f"{count} x {args.delay:g} s, {args.size}", [args.delay] * count, args.shots, args.size)


def unequal(args: argparse.Namespace) -> None:
    """A fast GPU and one that takes eight times as long; splitting the shots equally is the alternative."""
    head()
    slow = 8 * args.delay
    measure(f"{args.delay:g} s + {slow:g} s", [args.delay, slow], args.shots, args.size)
    print(f"split equally it would take {args.shots / 2 * slow:.1f} s at the least")


def many(args: argparse.Namespace) -> None:
    """Many GPUs, one of which hangs from the start of its first picture."""
    count = args.gpus[0]
    with tempfile.TemporaryDirectory() as folder, gpus([args.delay] * count) as given:
        sheet = catalogue(Path(folder), args.shots, args.size)
        hanging = given[0][1]
        gap, last, done = 0.0, time.perf_counter(), 0
        begun = last
        for event in batch(sheet, Path(folder) / "out", backends=[url for url, _ in given]):
            if isinstance(event, PictureDone):
                done, now = done + 1, time.perf_counter()
                if done > 1 and done < args.shots - count:
                    gap = max(gap, now - last)
                last = now
                if done == count // 2:
                    os.kill(hanging, signal.SIGSTOP)
        os.kill(hanging, signal.SIGCONT)
    print(
        f"{count} GPUs of {args.delay:g} s, one hangs: {done} of {args.shots} pictures"
        f" in {last - begun:.1f} s;"
    )
    print(f"longest time without a picture {gap:.1f} s, the last ones apart")


def loop(args: argparse.Namespace) -> None:
    """The alternative in the same run: `prodgen shoot` in a loop."""
    head()
    measure(f"batch, 1 x {args.delay:g} s", [args.delay], args.shots, args.size)
    with tempfile.TemporaryDirectory() as folder, gpus([args.delay]) as given:
        catalogue(Path(folder), args.shots, args.size)
        begun = time.perf_counter()
        for number in range(args.shots):
            command = [sys.executable, "-m", "prodgen", "--quiet", "shoot", f"{folder}/{number:05}.png"]
            command += ["--matte", f"{folder}/matte.png", "--prompt", f"on a wooden table, light {number}"]
            command += ["--backend", given[0][0], "--output", f"{folder}/{number:05}-shot.png"]
            subprocess.run(command, check=True, capture_output=True)
        took = time.perf_counter() - begun
    share = args.shots * args.delay / took
    print(f"a loop of prodgen shoot     {args.shots:4} {took:8.1f} s; its GPU is busy {100 * share:.1f} %")


def sheet(args: argparse.Namespace) -> None:
    """A large sheet: reading, checking, planning, and planning again."""
    with tempfile.TemporaryDirectory() as folder:
        write_sheet(Path(folder), args.rows)
        out = Path(folder) / "out"
        base = peak_mb()
        found = read_catalogue(Path(folder) / "products.csv")
        wishes = Wishes(prompt="{name} on a wooden table")
        lines = [("read and check", lambda: check_catalogue(found, wishes))]
        with open_run(out) as run:
            lines += [
                ("plan, all new", lambda: run.ledger.plan(plan_orders(found, wishes))),
                ("plan again", lambda: run.ledger.plan(plan_orders(found, wishes))),
                ("orders alone", lambda: sum(1 for _ in plan_orders(found, wishes))),
            ]
            print(f"{args.rows} rows, load {os.getloadavg()[0]:.1f}")
            for name, work in lines:
                begun, used = time.perf_counter(), cpu_s()
                work()
                took, used = time.perf_counter() - begun, cpu_s() - used
                print(
                    f"{name:16} {took:7.1f} s, CPU {used:6.1f} s, {peak_mb() - base:5.0f} MB over the base",
                    flush=True,
                )


def write_sheet(folder: Path, rows: int) -> None:
    """A sheet of eight columns whose rows share a thousand photographs."""
    for number in range(1000):
        (folder / f"{number:03}.jpg").write_bytes(b"photograph %d" % number)
        os.utime(folder / f"{number:03}.jpg", (1e9, 1e9))
    with (folder / "products.csv").open("w", newline="") as sheet:
        table = csv.writer(sheet)
        table.writerow(("photo", "sku", "name", "gtin", "colour", "price", "category", "seed"))
        for number in range(rows):
            gtin = f"{4_000_000_000_000 + number}"
            name = f"product {number}"
            table.writerow(
                (f"{number % 1000:03}.jpg", f"{number:08}", name, gtin, "red", "90.750", "mugs", number)
            )


def peak_mb() -> float:
    """Most memory that this process has held, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    given = {
        busy: {"--size": "1300x2000", "--shots": 20, "--delay": 4.0},
        scaling: {"--size": "512x512", "--shots": 24, "--delay": 2.0, "--gpus": [1, 2, 4, 8]},
        unequal: {"--size": "256x256", "--shots": 90, "--delay": 0.1},
        many: {"--size": "256x256", "--shots": 150, "--delay": 1.0, "--gpus": [50]},
        loop: {"--size": "512x512", "--shots": 6, "--delay": 2.0},
        sheet: {"--rows": 100_000},
    }
    commands = parser.add_subparsers(required=True)
    for command, options in given.items():
        one = commands.add_parser(command.__name__, help=command.__doc__)
        one.set_defaults(run=command)
        for name, default in options.items():
            kind = (
                (lambda text: [int(part) for part in text.split(",")]) if name == "--gpus" else type(default)
            )
            one.add_argument(name, type=kind, default=default)
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
