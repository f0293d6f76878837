"""Options of how relit picture and photograph are blended on the product."""

from __future__ import annotations

import click

from prodgen.cli.values import Checked, Number, OneOf

BLEND_OPTIONS = (
    click.option(
        "--blend",
        "--strength",
        "blend",
        type=Number(),
        help="From the photograph (0) to what --blend-mode makes of the product (1, the default).",
    ),
    click.option(
        "--blend-mode",
        type=OneOf("blend mode", ("light", "color", "luminosity", "alpha", "detail")),
        metavar="MODE",
        help="What the product takes of the relit picture: light (the default; its own pixels stay), color, "
        "luminosity, alpha (all), detail (all but fine detail).",
    ),
    click.option(
        "--blend-regions",
        type=Checked("regions", "prodgen.identity.blended_regions:read_regions"),
        metavar="print=N,body=N",
        help="--blend by region: print=0.4,body=1 keeps print nearer to the photograph.",
    ),
    click.option(
        "--ambience", type=Number(), help="With mode light: how much of its colour cast to take, 0 to 1."
    ),
)
"""In the order in which `--help` lists them."""

BLEND_NAMES = ("blend", "blend_mode", "blend_regions", "ambience")
"""Fields of `identity.Blending` that `BLEND_OPTIONS` give, by their names there."""
