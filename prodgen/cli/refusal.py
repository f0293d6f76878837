"""What is wrong with a call, as one sentence that names the option, the value and what is possible."""

from __future__ import annotations

from collections.abc import Iterable

import click

from prodgen.errors import IdleSettingError, ProdgenError, UnknownNameError, WrongValueError

SHOWN_CHARACTERS = 60
"""Most characters of a value that is repeated in a sentence."""

SHOWN_NAMES = 24
"""How many possible names a sentence lists."""


def shown(value: object) -> str:
    """Return a value in quotes, cut where it is long."""
    text = repr(value)
    return text if len(text) <= SHOWN_CHARACTERS else f"{text[: SHOWN_CHARACTERS - 4]}...{text[-1]}"


def unknown(kind: str, name: str, known: Iterable[str], hint: str = "", *, lists: bool = True) -> str:
    """Say that there is no `kind` of that name, what is nearest to it, and what there is."""
    error = UnknownNameError(kind, name, known)
    said = f"there is no {kind} {shown(name)}"
    if error.nearest:
        said += f"; did you mean {' or '.join(map(repr, error.nearest))}?"
    if lists and error.known:
        more = ", ..." if len(error.known) > SHOWN_NAMES else ""
        said += f"{'' if error.nearest else ';'} possible: {', '.join(error.known[:SHOWN_NAMES])}{more}"
    elif not error.known:
        said += "; there are none"
    return f"{said} {hint}".rstrip()


def name_of(param: click.Parameter) -> str:
    """Return what a user types for a parameter: its first long option, or the argument's name."""
    if isinstance(param, click.Option):
        return next((name for name in param.opts if name.startswith("--")), param.opts[0])
    return param.make_metavar(click.Context(click.Command("x")))


def of_usage(error: click.UsageError) -> str:
    """Return one sentence for wrong usage, with where to read on."""
    said = _usage(error)
    if error.ctx is None:
        return said
    return f"{said}{'' if said.endswith('?') else ';'} see {error.ctx.command_path} --help"


def _usage(error: click.UsageError) -> str:
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{name_of(error.param)} is missing"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{name_of(error.param)}: {error.message}"
    if isinstance(error, click.NoSuchOption):
        params = [] if error.ctx is None else error.ctx.command.params
        known = [name for param in params for name in param.opts if name.startswith("--")]
        return unknown("option", error.option_name, known, lists=False)
    said = error.message[:1].lower() + error.message[1:]
    return said if said.endswith("...") else said.rstrip(".")  # "..." stands for more names


def of_work(error: ProdgenError, command: click.Command | None) -> str:
    """Return the sentence of an error of ours, with the options that the wrong values came from."""
    options = {} if command is None else {param.name: name_of(param) for param in command.params}
    if isinstance(error, IdleSettingError):
        return str(IdleSettingError((options.get(name, name) for name in error.settings), error.reason))
    if isinstance(error, WrongValueError):
        return of_value(error, options.get(error.setting.rpartition(".")[2], error.setting))
    if isinstance(error, UnknownNameError):
        return of_value(error, options.get(error.setting, ""))
    return str(error)


def of_value(error: ProdgenError, name: str, given: str | None = None) -> str:
    """Return the sentence of an error about what was given for the option `name`, "" if for none.

    With `given`, the whole text, an error about a part of it (a LoRA's weight) keeps the part's name.
    """
    if isinstance(error, WrongValueError) and given in (None, error.value):
        return str(WrongValueError(name, error.value, error.reason))
    said = str(error)
    if isinstance(error, UnknownNameError):
        said = unknown(error.kind, error.name, error.known, error.hint)
    return f"{name}: {said}" if name else said
