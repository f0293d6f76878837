"""How quickly report.html opens and scrolls, by rows: `python benchmarks/report_page.py [10000 100000]`.

It makes up a run with two thumbnails a row, each a file of its own, writes the report, and opens it from the
disk in Debian's chromium, driven by Playwright.
"""

from __future__ import annotations

import os
import random
import resource
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

from prodgen import files
from prodgen.catalogue import Order
from prodgen.identity import NUMBERS
from prodgen.ledger import OrderFailure, PictureRecord
from prodgen.report import PlaceFacts, RunFacts, write_report

SURFACES = ("a wooden table", "white marble", "sand at a beach, sunset", "a concrete plinth, dark studio")

WATCH = """() => {
  const seen = { frames: 0, empty: 0, unseen: 0, longest: 0, last: 0, since: { empty: 0, unseen: 0 } };
  window.seen = seen;
  const look = (now) => {
    const at = (share) => document.elementFromPoint(innerWidth / 2, innerHeight * share)?.closest("article");
    const rows = [at(0.35), at(0.6), at(0.9)];
    const isUnseen = (row) => row && [...row.querySelectorAll("img")].some((img) => !img.complete);
    const bad = { empty: rows.some((row) => !row), unseen: rows.some(isUnseen) };
    for (const kind of ["empty", "unseen"]) {
      if (!bad[kind]) { seen.since[kind] = 0; } else {
        seen.since[kind] ||= seen.last || now;
        seen[kind] = Math.max(seen[kind], now - seen.since[kind]);
      }
    }
    if (seen.last) { seen.longest = Math.max(seen.longest, now - seen.last); }
    seen.last = now;
    seen.frames += 1;
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
}"""
"""Looks at every frame: is a row at three heights of the screen, and are its pictures there."""


def rows(count: int) -> Iterator[tuple[Any, ...]]:
    """Orders and what became of them, as a ledger gives them."""
    dice = random.Random(7)
    for n in range(count):
        sku, scene = f"{4_006_381_000_000 + n // 3}", ("kitchen", "marble", "beach")[n % 3]
        prompt = f"product {n // 3} in colour {n % 17} on {SURFACES[n % 4]}, soft light from the left, 50 mm"
        order = Order(
            f"{sku}/{scene}",
            sku,
            n + 2,
            f"/photos/{sku}.jpg",
            prompt,
            n,
            f"{sku}/{scene}-{n}.png",
            scene=scene,
        )
        if dice.random() < 0.01:
            reason = f"no product was found in '{sku}.jpg'; say where it is with --box or --points"
            yield order, "failed", None, OrderFailure("SegmentationError", reason, "row")
            continue
        status = dice.choices(("pass", "warn", "fail"), (85, 12, 3))[0]
        reason = (
            f"the print on the product changed: try another seed (print {dice.random():.2f} is below 0.8)"
        )
        stem = f"thumbnails/{n % 256:02x}/{n:016x}"
        yield order, "done", PictureRecord(
            output=order.output, sha256="ab" * 32, size=4_000_000, seed=n, status=status, profile="editorial",
            headline="the product kept its colours, its surface, its print and its outline",
            reasons=() if status == "pass" else (reason,),
            identity={name: round(dice.uniform(0, 1), 4) for name in NUMBERS},
            look={"fill": dice.gauss(0.6, 0.02), "exposure_l": dice.gauss(60, 2), "warmth_b": 3.0},
            place=f"gpu-{n % 8}:7860", seconds={"segment": 0.3, "relight": 4.0, "identity": 0.9},
            before=f"{stem}-before.jpg", after=f"{stem}-after.jpg", finished_at=1_795_000_000.0 + n,
        ), None  # fmt: skip


def thumbnails(out: Path, count: int) -> None:
    """Make 16 pictures, and give every row's thumbnails names of their own."""
    noise, sources = np.random.default_rng(3), []
    for n in range(16):
        smooth = np.kron(noise.uniform(0, 1, (8, 8, 3)), np.ones((40, 40, 1)))
        sources.append(out / f"source-{n}.jpg")
        files.save(
            sources[-1],
            np.clip(smooth + noise.normal(0, 0.02, smooth.shape), 0, 1).astype(np.float32),
            quality=80,
        )
    for n in range(count):
        folder = out / "thumbnails" / f"{n % 256:02x}"
        folder.mkdir(parents=True, exist_ok=True)
        for k, end in enumerate(("before", "after")):
            os.link(sources[(n + k) % 16], folder / f"{n:016x}-{end}.jpg")


def opened(page: Page, address: str) -> str:
    """Open the page, and say how long that took."""
    page.goto(address)
    page.wait_for_selector("article")
    paint = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
    page.wait_for_function(paint)
    nodes = page.evaluate("document.querySelectorAll('*').length")
    rows = page.evaluate("performance.getEntriesByName('rows')[0].startTime")
    return f"first paint {page.evaluate(paint) / 1000:.2f} s, rows {rows / 1000:.2f} s, {nodes} nodes"


def scrolled(page: Page, seconds: float) -> str:
    """Scroll to the end with the wheel, evenly, and say what was seen on the way."""
    page.mouse.move(600, 600)
    page.evaluate(WATCH)
    height, begin = page.evaluate("document.documentElement.scrollHeight"), time.monotonic()
    while (share := (time.monotonic() - begin) / seconds) < 1:
        page.mouse.wheel(0, max(1, share * height - page.evaluate("scrollY")))
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    page.wait_for_timeout(1000)
    seen = page.evaluate("window.seen")
    return (
        f"{height} px in {seconds:g} s: no row for {seen['empty'] / 1000:.2f} s at most, pictures missing for"
        f" {seen['unseen'] / 1000:.2f} s at most, longest frame {seen['longest'] / 1000:.2f} s"
    )


def searched(page: Page) -> str:
    """Type into the search, and say how long the list took to follow."""
    page.evaluate("scrollTo(0, 0)")
    begin = time.monotonic()
    page.locator("#search").fill("colour 11 marble")
    page.locator("#count", has_text="Showing").wait_for()
    return f"search {time.monotonic() - begin:.2f} s"


def main() -> None:
    """Measure for each number of rows."""
    chromium = shutil.which("chromium") or sys.exit("there is no chromium on this machine")
    for count in map(int, sys.argv[1:] or ["10000"]):
        with tempfile.TemporaryDirectory() as folder, sync_playwright() as engine:
            out = Path(folder)
            thumbnails(out, count)
            run = RunFacts(
                1_795_000_000.0, 1_795_030_000.0, "complete", (PlaceFacts("gpu-1:7860", count, 0.02),)
            )
            before, begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.process_time()
            write_report(out, rows(count), title="spring.xlsx", run=run)
            took, more = (
                time.process_time() - begin,
                resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before,
            )
            sizes = [(out / name).stat().st_size / 1e6 for name in ("report.html", "report.csv")]
            print(
                f"{count} rows: made up and written in {took:.1f} s of CPU, {more / 1024:.0f} MB more memory,"
                f" html {sizes[0]:.1f} MB, csv {sizes[1]:.1f} MB"
            )
            browser = engine.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            for width, height in ((1440, 900), (390, 844)):
                page = browser.new_page(viewport={"width": width, "height": height})
                print(f"  {width} px wide: {opened(page, (out / 'report.html').as_uri())}")
                print(f"    {scrolled(page, 20)}; {searched(page)}")
                page.close()
            browser.close()


if __name__ == "__main__":
    main()
