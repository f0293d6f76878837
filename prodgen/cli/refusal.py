"""What is wrong with a call, as one sentence that names the option, the value and what is possible."""

from __future__ import annotations

from collections.abc import Iterable

import click

from prodgen.errors import IdleSettingError, ProdgenError, UnknownNameError, WrongValueError

SHOWN_CHARACTERS = 60
"""Most characters of a value that is repeated in a sentence."""

SHOWN_NAMES = 16
"""How many possible names a sentence lists."""


FIELDS_OF_OPTIONS = {"styles": "server_styles", "upscaler_1": "upscaler"}
"""Our field for one of A1111's that an option sets under another name."""


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
    """Return what a user types for a parameter: its longest option, or the argument's name."""
    if isinstance(param, click.Option):
        return max(param.opts, key=len)
    return param.make_metavar(click.Context(click.Command("x")))


def of_usage(error: click.UsageError) -> str:
    """Return one sentence for wrong usage, with where to read on."""
    where = f"; see {error.ctx.command_path} --help" if error.ctx is not None else ""
    return f"{_usage(error)}{where}"


def _usage(error: click.UsageError) -> str:
    if isinstance(error, click.MissingParameter) and error.param is not None:
        return f"{name_of(error.param)} is missing"
    if isinstance(error, click.BadParameter) and error.param is not None:
        return f"{name_of(error.param)}: {error.message}"
    if isinstance(error, click.NoSuchOption):
        params = [] if error.ctx is None else error.ctx.command.params
        known = [name for param in params for name in param.opts if name.startswith("--")]
        return unknown("option", error.option_name, known, lists=False)
    return error.message[:1].lower() + error.message[1:].rstrip(".")


def of_work(error: ProdgenError, command: click.Command | None) -> str:
    """Return the sentence of an error of ours, with the options that the wrong values came from."""
    options = {} if command is None else {param.name: name_of(param) for param in command.params}
    if isinstance(error, IdleSettingError):
        return str(IdleSettingError((options.get(name, name) for name in error.settings), error.reason))
    if isinstance(error, WrongValueError):
        field = error.setting.rpartition(".")[2]
        option = options.get(FIELDS_OF_OPTIONS.get(field, field), error.setting)
        return str(WrongValueError(option, error.value, error.reason))
    if isinstance(error, UnknownNameError):
        by_kind = f"--{error.kind.lower()}"
        field = FIELDS_OF_OPTIONS.get(error.setting, error.setting)
        option = options.get(field, by_kind if by_kind in options.values() else "")
        said = unknown(error.kind, error.name, error.known, error.hint)
        return f"{option}: {said}" if option else said
    return str(error)
