"""`prodgen worker`: this machine's processors and one backend, at the service of catalogue runs elsewhere."""

from __future__ import annotations

import click

from prodgen.cli.telling import printer
from prodgen.cli.values import Checked, Whole


@click.command()
@click.option(
    "--scheduler",
    required=True,
    type=Checked("scheduler", "prodgen.batching.reading_options:read_scheduler"),
    metavar="ADDRESS",
    help="Dask's scheduler: tcp://HOST:8786.",
)
@click.option(
    "--backend",
    default="auto",
    show_default=True,
    metavar="URL",
    help="The GPU server that this worker draws with, as for shoot.",
)
@click.option(
    "--name", metavar="NAME", help="What runs and the dashboard call it; default: host and process."
)
@click.option(
    "--workers", type=Whole(1, 1024), metavar="N", help="Processes for CPU work. Default: by cores."
)
@click.option(
    "--memory",
    type=Checked("memory", "prodgen.batching.reading_options:read_bytes"),
    metavar="8G",
    help="What they may take together. Default: half of what is free.",
)
@click.option("--leave-with-scheduler", is_flag=True, help="End when the scheduler does.")
def worker(
    scheduler: str,
    backend: str,
    name: str | None,
    workers: int | None,
    memory: str | None,
    leave_with_scheduler: bool,
) -> None:
    """Make pictures for catalogue runs that other machines start.

    It has to see the photographs and the output as the run's machine does. One worker draws with one backend:
    for two GPUs, start two.

    \b
        prodgen worker --scheduler tcp://farm:8786 --backend http://127.0.0.1:7860
    """
    import os
    import platform

    from prodgen.batching.reading_options import read_bytes
    from prodgen.cluster import serve_orders

    serve_orders(
        scheduler,
        backend=backend,
        workers=workers,
        memory=None if memory is None else read_bytes(memory),
        name=name or f"{platform.node()}-{os.getpid()}",
        leaves_with_scheduler=leave_with_scheduler,
        on_state=printer().text,
    )
