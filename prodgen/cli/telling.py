"""How a result is told: a few lines for a person, one JSON object for a script."""

from __future__ import annotations

import json
import threading
import time
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from prodgen.shots import Result


STOP_S = 3.0
"""How long the embedded backend is given to come to the end of the step that it is in."""


class Failure(click.ClickException):
    """One of our errors as one line on stderr; exit code 1."""

    def __init__(self, error: Exception | str) -> None:
        super().__init__(" ".join(str(error).split()))

    def show(self, file: object = None) -> None:
        """Print it."""
        click.echo(f"prodgen: {self.format_message()}", err=True)


def tell_stopped(who: str = "") -> None:
    """Say that the user stopped the work, once nothing works any more.

    Python must not end while a thread is inside OpenCV: the whole process would abort, exit code 134.
    """
    until = time.monotonic() + STOP_S
    for thread in threading.enumerate():
        if thread.daemon and thread is not threading.current_thread():
            thread.join(max(0.0, until - time.monotonic()))
    click.echo(f"{who}stopped; nothing was left half-written", err=True)


def tell(result: Result, *, as_json: bool, more: dict[str, Any] | None = None) -> None:
    """Print where the picture is and what was measured; `more` goes into the JSON."""
    if as_json:
        click.echo(json.dumps({**result.as_dict(), **(more or {})}, ensure_ascii=False))
        return
    height, width = result.image.shape[:2]
    took = sum(result.seconds.values())
    click.echo(f"picture   {result.path}  ({width}x{height}, seed {result.frame.seed}, {took:.1f} s)")
    click.echo(f"backend   {result.frame.origin.backend}")
    if result.frame.identity is not None:
        click.echo(f"product   {result.summary}")
    for notice in result.notices:
        click.echo(f"note      {notice}")
