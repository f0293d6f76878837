"""`prodgen serve`: the embedded backend behind a socket, for any A1111 client."""

from __future__ import annotations

import threading
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
    help="Needed on any host but loopback.",
)
@click.option(
    "--ic-light",
    type=OneOf("dialect of IC-Light", lambda: ("v1", "v2", "none")),
    metavar="v1|v2|none",
    default="v1",
    show_default=True,
    help="Dialect to speak.",
)
def serve(host: str, port: int, api_auth: str | None, ic_light: Literal["v1", "v2", "none"]) -> None:
    """Serve the embedded backend as an AUTOMATIC1111 API (no GPU, no diffusion).

    \b
        prodgen serve --port 7860
    """
    from prodgen.engines import embedded_server
    from prodgen.errors import SettingError
    from prodgen.server import Behaviour
    from prodgen.server.socket_server import listening

    accounts: dict[str, str] = {}
    for pair in filter(None, (api_auth or "").split(",")):
        user, colon, password = pair.partition(":")
        if not (user and colon and password):
            raise SettingError("--api-auth must be USER:PASSWORD; several are joined by commas")
        accounts[user] = password
    behaviour = Behaviour(ic_light=None if ic_light == "none" else ic_light, auth=accounts or None)
    server = embedded_server(behaviour)
    try:
        with listening(server, host=host, port=port) as address:
            printer().data({"address": address})
            printer().text(f"embedded backend (no diffusion) at {address}; Ctrl-C stops it")
            threading.Event().wait()
    except KeyboardInterrupt:  # the way to end it, so no failure
        printer().text("stopped")
