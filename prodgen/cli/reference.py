"""The command reference as Markdown, made from the commands themselves.

python -m prodgen.cli.reference > docs/commands.md
"""

from __future__ import annotations

import click

from prodgen.cli import main

INTRODUCTION = """\
# Commands

Made from the commands' own help by `python -m prodgen.cli.reference`.

Options have the names that Python and TOML have, with `-` for `_`: `--cfg-scale` is `cfg_scale`. Four words
that are easily mixed up: `--segmenter` cuts the product out, `--checkpoint` is the server's model, `--look`
is one of prodgen's looks, and `--server-style` a style that is saved on the server. `--upscale` is the
final enlarging of a finished picture everywhere; `--hires` draws once more.

Four switches stand before or after any command's word:

| switch | effect |
|---|---|
| `-v`, `--verbose` | says more on stderr, such as what is fetched or retried |
| `-q`, `--quiet` | prints only what was made or found: paths, names, the verdict |
| `--json` | prints JSON: one object a picture, or one list |
| `--open` | opens what was made in its usual program |

Exit codes: 0 done; 1 it could not be done, and one sentence on stderr says why and what to do; 2 wrong
usage; 130 stopped by Ctrl-C, 143 by SIGTERM (`serve`: 0).

Shells complete commands, options and names (looks, recipes, profiles, segmenters) once one of these lines
stands in their own file:

| shell | file | line |
|---|---|---|
| bash | `~/.bashrc` | `eval "$(prodgen completion bash)"` |
| zsh | `~/.zshrc` | `eval "$(prodgen completion zsh)"` |
| fish | `~/.config/fish/config.fish` | `prodgen completion fish \\| source` |"""


def reference() -> str:
    """Return every command's help as one Markdown page."""
    parts = [INTRODUCTION]
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
