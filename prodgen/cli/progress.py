"""A progress bar on stderr, where stderr is a terminal; otherwise silence."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

WEIGHT = {"relight": 12.0, "background": 12.0, "segment": 3.0, "upscale": 3.0}
"""How long a stage takes beside the others, for one even bar; the rest weigh 1."""


@contextmanager
def progress_bar(stages: list[str], *, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Give a function that is told a stage's name and how far it is, 0 to 1."""
    if quiet or not sys.stderr.isatty():
        yield lambda stage, fraction: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    total = sum(WEIGHT.get(stage, 1.0) for stage in stages)
    columns = (TextColumn("{task.description:<11}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    with Progress(*columns, TimeElapsedColumn(), console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=total)

        def report(stage: str, fraction: float) -> None:
            if stage in stages:
                before = sum(WEIGHT.get(name, 1.0) for name in stages[: stages.index(stage)])
                done = before + WEIGHT.get(stage, 1.0) * min(max(fraction, 0.0), 1.0)
                bar.update(task, completed=done, description=stage)

        yield report
