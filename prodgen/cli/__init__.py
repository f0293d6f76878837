"""The command line: options in, one library call, lines out. One file per command group.

Nothing heavy is imported here or at the top of a command's module, so that --help stays fast.
"""

from __future__ import annotations

import logging

import click

from prodgen import __version__
from prodgen.cli.again import again
from prodgen.cli.doctor import doctor
from prodgen.cli.generate import generate
from prodgen.cli.inspect import inspect
from prodgen.cli.licences import licences
from prodgen.cli.lists import COMMANDS as LISTS
from prodgen.cli.pieces import blend, segment, upscale
from prodgen.cli.recipes import recipes
from prodgen.cli.serve import serve
from prodgen.cli.shoot import shoot
from prodgen.cli.show import show
from prodgen.errors import ProdgenError

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of the group and of each command alike, so that help reads the same however a command is reached."""


class _Failure(click.ClickException):
    """One of our errors as one line on stderr; exit code 1."""

    def show(self, file: object = None) -> None:
        click.echo(f"prodgen: {self.format_message()}", err=True)


class _Prodgen(click.Group):
    """A group that turns our errors into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ProdgenError as error:
            raise _Failure(" ".join(str(error).split())) from error
        except KeyboardInterrupt:
            click.echo("prodgen: stopped; nothing was left half-written", err=True)
            ctx.exit(130)


@click.group(cls=_Prodgen, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="prodgen")
@click.option("-v", "--verbose", is_flag=True, help="Say more on stderr, such as what is fetched or retried.")
def main(*, verbose: bool) -> None:
    """Put a real product photograph into a generated scene; keep it the same product, measured.

    \b
        prodgen shoot mug.jpg --prompt "on a wooden table, sunset"
    """
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.INFO if verbose else logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)


for _command in (
    doctor,
    *LISTS,
    shoot,
    generate,
    again,
    segment,
    blend,
    upscale,
    recipes,
    show,
    inspect,
    serve,
    licences,
):
    _command.context_settings = {**SETTINGS, **_command.context_settings}
    main.add_command(_command)
