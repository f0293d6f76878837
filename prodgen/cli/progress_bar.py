"""A progress bar on stderr, where stderr is a terminal; otherwise silence."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

WEIGHT = {
    "relight": 12.0,
    "background": 12.0,
    "outpaint": 12.0,
    "segment": 3.0,
    "identity": 3.0,
    "upscale": 3.0,
}
"""How long a stage takes beside the others, for one even bar; the rest weigh 1."""


class ProgressBar:
    """Is called with a stage's name and how far it is, 0 to 1; shows it, or does nothing."""

    def __init__(self, stages: list[str], bar: Progress | None = None) -> None:
        self._stages = stages
        self._bar = bar
        self._task: TaskID | None = None
        if bar is not None:
            self._task = bar.add_task("", total=sum(WEIGHT.get(stage, 1.0) for stage in stages))

    def __call__(self, stage: str, fraction: float) -> None:
        """Show that `stage` is `fraction` done."""
        if self._bar is None or self._task is None or stage not in self._stages:
            return
        before = sum(WEIGHT.get(name, 1.0) for name in self._stages[: self._stages.index(stage)])
        done = before + WEIGHT.get(stage, 1.0) * min(max(fraction, 0.0), 1.0)
        self._bar.update(self._task, completed=done, description=stage)

    @contextmanager
    def out_of_the_way(self) -> Iterator[None]:
        """Take the bar off the terminal while something is printed."""
        if self._bar is not None:
            self._bar.stop()
        try:
            yield
        finally:
            if self._bar is not None:
                self._bar.start()


@contextmanager
def progress_bar(stages: list[str], *, quiet: bool) -> Iterator[ProgressBar]:
    """Show a bar over these stages until the block ends."""
    # Without a stderr at all (`2>&-`) Python has None there.
    if quiet or sys.stderr is None or not sys.stderr.isatty():
        yield ProgressBar(stages)
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description:<11}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"))
    # What is printed belongs to stdout, which may be a file: rich must not take it over.
    with Progress(
        *columns,
        TimeElapsedColumn(),
        console=Console(stderr=True),
        transient=True,
        redirect_stdout=False,
        redirect_stderr=False,
    ) as bar:
        yield ProgressBar(stages, bar)
