"""The command line: options in, one library call, lines out. One file per command.

A command is added by one file and one line in `COMMANDS`. Commands are imported when they are asked for,
and nothing heavy at the top of their modules, so that --help stays fast.
"""

from __future__ import annotations

import errno
import logging
from typing import Any

import click

from prodgen import __version__, stopping
from prodgen.cli import refusal
from prodgen.cli.parameters import EVERYWHERE
from prodgen.cli.telling import Failure, Misuse, printer
from prodgen.cli.values import load
from prodgen.errors import ProdgenError

SETTINGS = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
"""Click's settings of the group and of each command, so that all help reads the same."""

COMMANDS = {
    "shoot": "prodgen.cli.shoot:shoot",
    "batch": "prodgen.cli.batch:batch",
    "watch": "prodgen.cli.watch:watch",
    "status": "prodgen.cli.status:status",
    "generate": "prodgen.cli.generate:generate",
    "inspect": "prodgen.cli.inspect:inspect",
    "replay": "prodgen.cli.replay:replay",
    "show": "prodgen.cli.show:show",
    "segment": "prodgen.cli.segment:segment",
    "group": "prodgen.cli.group:group",
    "blend": "prodgen.cli.blend:blend",
    "upscale": "prodgen.cli.upscale:upscale",
    "cancel": "prodgen.cli.cancel:cancel",
    "list": "prodgen.cli.listing:list_names",
    "recipes": "prodgen.cli.recipes:recipes",
    "weights": "prodgen.cli.weights:weights",
    "licences": "prodgen.cli.licences:licences",
    "doctor": "prodgen.cli.doctor:doctor",
    "serve": "prodgen.cli.serve:serve",
    "worker": "prodgen.cli.worker:worker",
    "completion": "prodgen.cli.completion:completion",
}
"""Name of each command and where it is, in the order in which --help shows them."""


class _Prodgen(click.Group):
    """A group that imports a command when it is needed, and says each error as one sentence."""

    def main(self, *args: Any, **extra: Any) -> Any:
        with stopping.heeded():
            return super().main(*args, **extra)

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [*COMMANDS, *(name for name in self.commands if name not in COMMANDS)]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in COMMANDS and cmd_name not in self.commands:
            command: click.Command = load(COMMANDS[cmd_name])
            command.context_settings = {**SETTINGS, **command.context_settings}
            command.params = [*command.params, *EVERYWHERE]
            self.commands[cmd_name] = command
        return self.commands.get(cmd_name)

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: object
    ) -> click.Context:
        try:
            return super().make_context(info_name, args, parent, **extra)
        except click.UsageError as error:
            raise Misuse(refusal.of_usage(error)) from error
        except KeyboardInterrupt:  # click would say "Aborted!", and exit with 1
            raise click.exceptions.Exit(stopping.exit_code()) from None
        except BrokenPipeError:  # click would exit with 1
            raise SystemExit(stopping.UNREAD) from None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if not ctx.resilient_parsing and self.get_command(ctx, args[0]) is None:
            raise click.UsageError(refusal.unknown("command", args[0], self.list_commands(ctx)), ctx)
        return super().resolve_command(ctx, args)

    def invoke(self, ctx: click.Context) -> object:
        try:
            result = super().invoke(ctx)
        except click.exceptions.Exit:
            printer(ctx).open_what_was_made()
            raise
        except click.UsageError as error:
            raise Misuse(refusal.of_usage(error)) from error
        except ProdgenError as error:
            command = self.get_command(ctx, ctx.invoked_subcommand or "")
            raise Failure(refusal.of_work(error, command)) from error
        except BrokenPipeError:
            raise SystemExit(stopping.UNREAD) from None
        except OSError as error:
            raise Failure(_of_path(error)) from error
        except KeyboardInterrupt as wish:
            stopping.tell(why=wish)
            ctx.exit(stopping.exit_code())
        printer(ctx).open_what_was_made()
        return result


def _of_path(error: OSError) -> str:
    """Return the sentence for a file that no reader or writer has named, such as `> file` on a full disk."""
    from prodgen.files import reason_of

    if error.errno == errno.ENOSPC:
        return "what it says cannot be written: no space left there"
    return f"{str(error.filename)!r}: {reason_of(error)}" if error.filename else reason_of(error)


@click.group(cls=_Prodgen, context_settings=SETTINGS)
@click.version_option(__version__, prog_name="prodgen")
def main() -> None:
    """Put a real product photograph into a generated scene; keep it the same product, measured.

    \b
        prodgen shoot mug.jpg --prompt "on a wooden table, sunset"
    """
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
    logging.getLogger("httpx").setLevel(logging.WARNING)
    printer().set_log_level()


main.params = [*main.params, *EVERYWHERE]
