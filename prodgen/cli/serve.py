"""`prodgen serve`: an engine behind a socket, for any A1111 client."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import click

from prodgen.cli.telling import printer
from prodgen.cli.values import Checked, File, Number, OneOf, Whole

if TYPE_CHECKING:
    from pathlib import Path

    from prodgen.client import Address


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=7860, show_default=True)
@click.option(
    "--api-auth",
    metavar="USER:PASSWORD",
    envvar="PRODGEN_SERVE_AUTH",
    help="Needed on any host but loopback; several are joined by commas.",
)
@click.option(
    "--ic-light",
    type=OneOf("dialect of IC-Light", ("v1", "v2", "none")),
    metavar="v1|v2|none",
    default="v1",
    show_default=True,
    help="Dialect to speak.",
)
@click.option(
    "--engine",
    type=Checked("engine", "prodgen.client:read_engine"),
    metavar="ibl|diffusers|comfy://HOST",
    envvar="PRODGEN_SERVE_ENGINE",
    help="What draws: prodgen's renderer without a model (the default), this computer's GPU, or a ComfyUI"
    " server.",
)
@click.option("--models", type=File(), metavar="DIR", help="Weights for diffusers.")
@click.option(
    "--vram",
    type=Checked("vram", "prodgen.schema.byte_counts:byte_count", "vram"),
    metavar="BYTES",
    help="Most memory of the GPU to use, such as 6G.",
)
@click.option(
    "--delay",
    "delay_s",
    type=Number(0, 3600),
    metavar="SECONDS",
    help="For load tests: draw a plain grey scene, and take this long for each picture.",
)
def serve(
    host: str,
    port: int,
    api_auth: str | None,
    ic_light: Literal["v1", "v2", "none"],
    engine: str | None,
    models: Path | None,
    vram: str | None,
    delay_s: float | None,
) -> None:
    """Answer as an AUTOMATIC1111 server does.

    Unless an engine is named, the embedded backend draws; no GPU, no diffusion.

    \b
        prodgen serve --port 7860
        prodgen serve --engine diffusers --models ~/models --vram 6G
        prodgen serve --engine comfy://127.0.0.1:8188
        prodgen serve --port 7861 --delay 2
    """
    from prodgen.client import engine_settings, read_engine
    from prodgen.engines import engine_server
    from prodgen.server import Behaviour, socket_server

    if engine is not None and delay_s is not None and engine != "load-test":
        raise click.UsageError("--delay is for load tests, which need no engine: leave out --engine")
    chosen = read_engine(engine or ("ibl" if delay_s is None else "load-test"))
    assert chosen.engine is not None  # noqa: S101 - an address of an engine has one
    settings = engine_settings(chosen, models=models, vram=vram)
    behaviour = Behaviour(
        ic_light=None if ic_light == "none" else ic_light,
        auth=socket_server.read_api_auth(api_auth) if api_auth else None,
        delay_s=delay_s or 0.0,
    )
    server = engine_server(chosen.engine, settings, behaviour)

    def on_ready(address: str) -> None:
        printer().data({"address": address})
        for note in server.machine.inventory.notes:
            printer().text(note)
        printer().text(f"{_named(chosen, delay_s)} at {address}; Ctrl-C stops it")

    try:
        socket_server.serve(server, host=host, port=port, on_ready=on_ready)
    finally:
        server.close()
    printer().text("stopped")


def _named(chosen: Address, delay_s: float | None) -> str:
    if chosen.engine == "load-test":
        return f"embedded backend (load test: a plain scene, {delay_s or 0:g} s a picture)"
    if chosen.is_embedded:
        return "embedded backend (no diffusion)"
    return f"{chosen.url} as an A1111 server"
