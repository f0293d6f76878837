"""`prodgen serve`: the embedded backend behind a socket, for any A1111 client."""

from __future__ import annotations

from typing import Literal

import click

from prodgen.cli.telling import printer
from prodgen.cli.values import Number, OneOf, Whole


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
    "--delay",
    "delay_s",
    type=Number(0, 3600),
    metavar="SECONDS",
    help="For load tests: draw a plain grey scene, and take this long for each picture.",
)
def serve(
    host: str, port: int, api_auth: str | None, ic_light: Literal["v1", "v2", "none"], delay_s: float | None
) -> None:
    """Answer as an AUTOMATIC1111 server does.

    The embedded backend draws; no GPU, no diffusion.

    \b
        prodgen serve --port 7860
        prodgen serve --port 7861 --delay 2
    """
    from prodgen.engines import EMBEDDED_ENGINE, embedded_server
    from prodgen.server import Behaviour, socket_server

    behaviour = Behaviour(
        ic_light=None if ic_light == "none" else ic_light,
        auth=socket_server.read_api_auth(api_auth) if api_auth else None,
        delay_s=delay_s or 0.0,
    )
    server = embedded_server(behaviour, engine=EMBEDDED_ENGINE if delay_s is None else "load-test")

    def on_ready(address: str) -> None:
        printer().data({"address": address})
        kind = "no diffusion" if delay_s is None else f"load test: a plain scene, {delay_s:g} s a picture"
        printer().text(f"embedded backend ({kind}) at {address}; Ctrl-C stops it")

    socket_server.serve(server, host=host, port=port, on_ready=on_ready)
    printer().text("stopped")
