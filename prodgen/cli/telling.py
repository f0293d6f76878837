"""How a result is told: a few lines for a person, one JSON object for a script."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from prodgen.pipeline import Result


def tell(result: Result, *, as_json: bool) -> None:
    """Print where the picture is and what was measured."""
    if as_json:
        click.echo(json.dumps(result.as_dict(), ensure_ascii=False))
        return
    height, width = result.image.shape[:2]
    took = sum(result.seconds.values())
    click.echo(f"picture   {result.path}  ({width}x{height}, seed {result.frame.seed}, {took:.1f} s)")
    click.echo(f"backend   {result.frame.origin.backend}")
    if result.frame.identity is not None:
        click.echo(f"product   {result.frame.identity.summary()}")
    for notice in result.notices:
        click.echo(f"note      {notice}")
