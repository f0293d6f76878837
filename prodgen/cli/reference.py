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

| exit code | meaning |
|---|---|
| 0 | done; also `serve`, `worker` and a `watch` that waits, when a signal ends them |
| 1 | it could not be done: one sentence on stderr says why and what to do |
| 2 | wrong usage |
| 129 | stopped by SIGHUP: its terminal was closed |
| 130 | stopped by Ctrl-C |
| 141 | nobody reads what it says any more, as behind <code>&#124; head</code> |
| 143 | stopped by SIGTERM, as of `timeout`, `docker stop` and systemd |

However it is stopped, no file is half-written, and its work on the server is ended, nobody else's. What waits
behind others there cannot be taken back: for four seconds it is asked whether it begins (one more Ctrl-C ends
the waiting), then the last line says its task and the `prodgen cancel` that stops it later. Signals that are
ignored at the start stay so: `nohup`, and Ctrl-C in the background of a script.

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
