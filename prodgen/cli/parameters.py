"""Options that several commands share, and how their words become values."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

PHOTO = click.Path(path_type=Path)
"""Not `exists=True`: what is wrong with a file is said by the one place that knows pictures."""

backend_option = click.option(
    "--backend",
    default="auto",
    show_default=True,
    metavar="auto|embedded://|URL",
    help="auto: the server at PRODGEN_BACKEND or 127.0.0.1:7860 if one answers, else the embedded one.",
)

dialect_option = click.option(
    "--dialect",
    metavar="NAME",
    help="The kind of server, such as a1111 or forge, if it should not be found out.",
)

json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON object a picture.")


def _read_box(
    ctx: click.Context, param: click.Parameter, value: str | None
) -> tuple[int, int, int, int] | None:
    if value is None:
        return None
    try:
        left, top, right, bottom = (int(part) for part in value.split(","))
    except ValueError as error:
        raise click.BadParameter(f"{value!r} is not LEFT,TOP,RIGHT,BOTTOM in pixels", ctx, param) from error
    return left, top, right, bottom


box_option = click.option(
    "--box", callback=_read_box, metavar="L,T,R,B", help="The product's box in the photograph, pixels."
)


def output_pattern(output: Path | None, source: Path, count: int, *, folder: Path, ending: str) -> Path:
    """Return where pictures go: `output` itself, or a name with "{seed}" for the seed that was used."""
    from prodgen.schema import seeds

    if output is not None and output.suffix and not output.is_dir():
        is_enough = count == 1 or seeds.PLACEHOLDER in output.name
        return output if is_enough else output.with_stem(f"{output.stem}-{seeds.PLACEHOLDER}")
    return (output or folder) / f"{source.stem}-{seeds.PLACEHOLDER}{ending}"
