"""`prodgen completion`: what makes a shell complete commands, options and names."""

from __future__ import annotations

import click

from prodgen.cli.telling import printer
from prodgen.cli.values import OneOf

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=OneOf("shell", SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what makes a shell complete prodgen.

    SHELL is bash, zsh or fish. Commands, options, and names such as looks and recipes are completed.

    \b
        eval "$(prodgen completion bash)"      # in ~/.bashrc
        eval "$(prodgen completion zsh)"       # in ~/.zshrc
        prodgen completion fish | source       # in ~/.config/fish/config.fish
    """
    from click.shell_completion import get_completion_class

    from prodgen.errors import SettingError

    found = get_completion_class(shell)
    if found is None:
        raise SettingError(f"this version of click knows no completion for {shell}; pip install -U click")
    script = found(ctx.find_root().command, {}, "prodgen", "_PRODGEN_COMPLETE").source().strip()
    printer().data({"shell": shell, "script": script})
    printer().text(script)
