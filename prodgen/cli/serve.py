"""`prodgen serve`: the embedded backend behind a socket, for any A1111 client."""

from __future__ import annotations

from typing import Literal

import click

from prodgen.cli.telling import printer
from prodgen.cli.values import OneOf, Whole


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
def serve(host: str, port: int, api_auth: str | None, ic_light: Literal["v1", "v2", "none"]) -> None:
    """Answer as an AUTOMATIC1111 server does.

    The embedded backend draws; no GPU, no diffusion.

    \b
        prodgen serve --port 7860
    """
    from prodgen.engines import embedded_server
    from prodgen.server import Behaviour, socket_server

    behaviour = Behaviour(
        ic_light=None if ic_light == "none" else ic_light,
        auth=socket_server.read_api_auth(api_auth) if api_auth else None,
    )

    def on_ready(address: str) -> None:
        printer().data({"address": address})
        printer().text(f"embedded backend (no diffusion) at {address}; Ctrl-C stops it")

    socket_server.serve(embedded_server(behaviour), host=host, port=port, on_ready=on_ready)
    printer().text("stopped")
