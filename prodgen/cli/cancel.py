"""`prodgen cancel`: ends a call on a server whose own program has ended already."""

from __future__ import annotations

import click

from prodgen.cli.parameters import backend_option, dialect_option
from prodgen.cli.telling import Failure, printer
from prodgen.cli.values import Text

LONGEST_TASK = 200
"""Characters. Guard: ours have 40."""


@click.command()
@click.argument("task", type=Text())
@backend_option
@dialect_option
def cancel(task: str, backend: str, dialect: str | None) -> None:
    """Stop TASK on the server, as soon as it begins.

    A program that is stopped ends its own work on the server. Only what waits behind others there cannot be
    taken back: the program says its task then, and this waits until the task begins, and stops it. Nobody
    else's work is ever touched.

    \b
        prodgen cancel prodgen-3f2a --backend http://gpu-box:7860
    """
    from prodgen.client import Client, TaskState

    if len(task) > LONGEST_TASK:
        raise Failure(f"TASK {task[:20]!r}... is longer than any server's task")
    to = printer()
    with Client(backend, dialect=dialect) as client:
        state = client.cancel_task(task)
        if state is TaskState.UNKNOWN:
            raise Failure(
                f"{client.address} knows no task {task!r}: it was finished long ago, or never asked"
            )
    to.data({"task": task, "stopped": state is TaskState.RUNNING})
    to.text("stopped" if state is TaskState.RUNNING else "it is over already")
