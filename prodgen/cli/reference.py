"""The command reference as Markdown, made from the commands themselves.

python -m prodgen.cli.reference > docs/commands.md
"""

from __future__ import annotations

import click

from prodgen.cli import main


def reference() -> str:
    """Return every command's help as one Markdown page."""
    parts = [
        "# Commands",
        "Made from the commands' own help by `python -m prodgen.cli.reference`.",
        "Exit codes: 0 done; 1 it could not be done, and one sentence on stderr says why and what to do;"
        " 2 wrong usage; 130 stopped by Ctrl-C (`serve`: 0).",
    ]
    group = click.Context(main)
    for name in sorted(main.list_commands(group)):
        command = main.get_command(group, name)
        assert command is not None  # noqa: S101 - it is listed
        with click.Context(
            command, info_name=f"prodgen {name}", terminal_width=100, **command.context_settings
        ) as ctx:
            parts += [f"## prodgen {name}", f"```text\n{command.get_help(ctx)}\n```"]
    return "\n\n".join(parts) + "\n"


if __name__ == "__main__":
    click.echo(reference(), nl=False)
