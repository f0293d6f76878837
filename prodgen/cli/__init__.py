"""The command line: options in, one library call, lines out. One file per command group.

Nothing heavy is imported here or at the top of a command's module, so that --help stays fast.
"""

from __future__ import annotations

import errno
import logging

import click

from prodgen import __version__
from prodgen.cli.again import again
from prodgen.cli.doctor import doctor
from prodgen.cli.generate import generate
from prodgen.cli.inspect import inspect
from prodgen.cli.licences import licences
from prodgen.cli.listing import COMMANDS as LISTS
from prodgen.cli.pieces import blend, segment, upscale
from prodgen.cli.recipes import recipes
from prodgen.cli.serve import serve
from prodgen.cli.shoot import shoot
from prodgen.cli.show import show
from prodgen.cli.telling import Failure, tell_stopped
from prodgen.errors import ProdgenError

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Of the group and of each command alike, so that help reads the same however a command is reached."""


class _Prodgen(click.Group):
    """A group that turns our errors into one line and exit code 1."""

    def invoke(self, ctx: click.Context) -> object:
        try:
            return super().invoke(ctx)
        except ProdgenError as error:
            raise Failure(error) from error
        except OSError as error:
            # What reads or writes pictures has said it already; this is a full disk behind `> file`.
            if error.errno != errno.ENOSPC:
                raise
            raise Failure("what it says cannot be written: no space left there") from error
        except KeyboardInterrupt:
            tell_stopped("prodgen: ")
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
