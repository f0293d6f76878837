"""Breaks the code on purpose, one small change at a time, and names the changes that no test notices.

    python benchmarks/mutation/mutants.py [--sample 60] [--seed 0] [--floor 70] [--rooms identity,shading,...]

First the list named.toml: changes that once went unnoticed and must never again. Then a seeded sample (or,
without `--sample`, everything) over the rooms whose numbers decide pictures. Needs a coverage file with
contexts and JUnit's report of the same run: `make mutants` makes both. unchanging.toml lists changes that
alter no behaviour, each with its reason; an entry that matches nothing any more is an error.
"""

from __future__ import annotations

import math
import random
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

import click
from covering import Covering
from sites import Mutant, mutants
from trial import ENOUGH_S, Copy, Judge, Outcome, affordable, warm_up

HERE = Path(__file__).resolve().parent
TREE = HERE.parent.parent
ROOMS = "identity,shading,cutout,client"


@click.command()
@click.option("--rooms", default=ROOMS, show_default=True, help="Packages below prodgen/, with commas.")
@click.option("--sample", type=click.IntRange(min=0), help="How many changes are tried; without it, all.")
@click.option("--seed", type=int, default=0, show_default=True, help="Chooses the sample.")
@click.option(
    "--floor",
    type=click.FloatRange(0, 100),
    default=0.0,
    help="Least percentage that is noticed, up to the accidents of a sample.",
)
@click.option("--budget", "budget_s", type=click.FloatRange(min=1), help="Seconds; no trial begins after.")
@click.option("--jobs", type=click.IntRange(min=1), default=2, show_default=True)
@click.option("--coverage", "coverage_file", type=Path, default=TREE / ".coverage", show_default=True)
@click.option("--junit", type=Path, default=TREE / "junit.xml", show_default=True)
@click.option("--list", "only_list", is_flag=True, help="Print how many changes there are, and try none.")
def main(
    rooms: str,
    sample: int | None,
    seed: int,
    floor: float,
    budget_s: float | None,
    jobs: int,
    coverage_file: Path,
    junit: Path,
    only_list: bool,
) -> None:
    """Try changes and print the survivors."""
    everything = list(places(rooms.split(",")))
    if only_list:
        print(Counter(mutant.kind for mutant in everything))
        return
    named = dict(once_unnoticed())
    chosen = draw(everything, sample, seed)
    covering = Covering(TREE, coverage_file, junit)
    warm_up()
    began = time.monotonic()
    lost = report("named", try_all(list(named), covering, jobs, among=named))
    until = None if budget_s is None else began + budget_s
    tried = try_all(chosen, covering, jobs, enough_s=None if sample is None else ENOUGH_S, until=until)
    survivors = report("sample" if sample else "all", tried)
    score = 100 * (1 - len(survivors) / max(len(tried), 1))
    print(
        f"mutation score {score:.0f} % of {len(tried)} changes (floor {floor:.0f} %),"
        f" {len(named) - len(lost)} of {len(named)} named ones noticed, {time.monotonic() - began:.0f} s"
    )
    sys.exit(1 if lost or is_below(len(tried) - len(survivors), len(tried), floor / 100) else 0)


UNLIKELY = 0.05
"""Probability below which so few noticed changes are no accident of the sample. Standard: 5 %."""


def is_below(noticed: int, tried: int, floor: float) -> bool:
    """Return whether so few of a sample would be an accident if the share of `floor` were noticed of all."""
    chance = sum(math.comb(tried, n) * floor**n * (1 - floor) ** (tried - n) for n in range(noticed + 1))
    return noticed < floor * tried and chance < UNLIKELY


def places(rooms: Iterable[str]) -> Iterable[Mutant]:
    """Yield the changes of some packages, without those that are known to alter no behaviour."""
    unchanging = {
        entry["change"] for entry in tomllib.loads((HERE / "unchanging.toml").read_text())["unchanging"]
    }
    met: set[str] = set()
    for room in rooms:
        for path in sorted((TREE / "prodgen" / room).rglob("*.py")):
            for mutant in mutants(path.relative_to(TREE).as_posix(), path.read_text("utf-8")):
                met.add(mutant.key)
                if mutant.key not in unchanging:
                    yield mutant
    if set(rooms) == set(ROOMS.split(",")) and unchanging - met:
        stale = "\n".join(sorted(unchanging - met))
        raise click.ClickException(f"unchanging.toml names changes that are no longer possible:\n{stale}")


def once_unnoticed() -> Iterable[tuple[Mutant, tuple[str, ...]]]:
    """Yield the changes of named.toml, at the places where they stand today, and where their tests are."""
    for entry in tomllib.loads((HERE / "named.toml").read_text("utf-8"))["mutant"]:
        text = (TREE / entry["file"]).read_text("utf-8") if (TREE / entry["file"]).is_file() else ""
        if text.count(entry["before"]) != 1:
            raise click.ClickException(
                f"named.toml, {entry['name']!r}: {entry['file']} holds its text {text.count(entry['before'])}"
                " times instead of once; say where the code is now"
            )
        start = text.index(entry["before"])
        line = text.count("\n", 0, start) + 1
        change = Mutant(entry["file"], line, entry["name"], start, entry["before"], entry["after"])
        yield change, tuple(entry["tests"])


def draw(everything: list[Mutant], sample: int | None, seed: int) -> list[Mutant]:
    """Return the same sample for the same seed, spread over the rooms."""
    if sample is None:
        return everything
    dice = random.Random(seed)
    return dice.sample(sorted(everything, key=lambda mutant: mutant.rank), min(sample, len(everything)))


def try_all(
    chosen: list[Mutant],
    covering: Covering,
    jobs: int,
    *,
    among: Mapping[Mutant, tuple[str, ...]] | None = None,
    enough_s: float | None = None,
    until: float | None = None,
) -> list[Outcome]:
    """Try each change, `jobs` at a time, each in a copy of its own.

    Args:
        chosen: The changes.
        covering: Which tests reach which line.
        jobs: How many are tried at the same time.
        among: For each change, beginnings of the paths of the only tests that are run.
        enough_s: Seconds of tests that are run for each change, at most.
        until: Reading of the monotonic clock after which no trial begins.
    """
    tests = [covering.tests(mutant.path, mutant.line) for mutant in chosen]
    if among is not None:
        tests = [
            [test for test in those if test.startswith(among[m])]
            for m, those in zip(chosen, tests, strict=True)
        ]
    if enough_s is not None:
        tests = [affordable(those, covering.seconds, enough_s) for those in tests]
    judge = Judge(covering.seconds)
    copies: SimpleQueue[Copy] = SimpleQueue()
    made = [Copy(TREE) for _ in range(jobs)]
    try:
        for copy in made:
            if not copy.collects(sorted({test for those in tests for test in those})):
                raise click.ClickException("the coverage file names tests that are gone: make it anew")
            copies.put(copy)

        def one(mutant: Mutant, tests: list[str]) -> Outcome | None:
            if until is not None and time.monotonic() > until:
                return None
            copy = copies.get()
            try:
                return judge.outcome(copy, mutant, (TREE / mutant.path).read_text("utf-8"), tests)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(jobs) as pool:
            return [tried for tried in pool.map(one, chosen, tests) if tried is not None]
    finally:
        for copy in made:
            copy.remove()


def report(title: str, outcomes: list[Outcome]) -> list[Outcome]:
    """Print the survivors, and return them."""
    survivors = [one for one in outcomes if not one.is_killed]
    for one in survivors:
        mutant = one.mutant
        place = f"{mutant.path}:{mutant.line}"
        print(f"{title}: survived {place} {mutant.kind} ({one.tests} tests, {one.seconds:.0f} s)")
        print(f"    - {' '.join(mutant.before.split())}\n    + {' '.join(mutant.after.split())}", flush=True)
    return survivors


if __name__ == "__main__":
    main()
