"""Options of the way a picture is made: the route, its reference picture, and a second pass."""

from __future__ import annotations

import click

from prodgen.cli.values import File, Number, OneOf

ROUTE = OneOf("route", "prodgen.shots:ROUTES")
RECIPE = OneOf("recipe", "prodgen.shots:builtin_recipes", or_file=".toml")

ROUTE_OPTIONS = (
    click.option(
        "--route",
        type=ROUTE,
        metavar="auto|relight|background|inpaint|packshot|reference",
        help="Which way it is made. Default: auto, which tells what it chose and why.",
    ),
    click.option(
        "--recipe",
        type=RECIPE,
        help="In place of --route, see `prodgen recipes list`. With --outpaint and --expand: outpaint.",
    ),
    click.option(
        "--reference",
        type=File(),
        help="A picture whose look and set the scene takes over; goes the route of that name.",
    ),
    click.option(
        "--reference-by",
        type=OneOf("way to take a look over", ("auto", "ip-adapter", "reference_only", "img2img")),
        metavar="auto|ip-adapter|reference_only|img2img",
        help="With --route reference: by a unit of ControlNet, or drawn over the picture. "
        "Default: the first that the server has.",
    ),
    click.option(
        "--reference-weight", type=Number(), help="With --route reference: strength of that unit, 0 to 2."
    ),
    click.option(
        "--second-pass",
        is_flag=True,
        default=None,
        help="With IC-Light: enlarge what was drawn and draw over it, for a finer scene; two to three times "
        "as slow.",
    ),
    click.option("--second-pass-scale", type=Number(), help="Enlargement before it, 1.1 to 4. Default: 1.5"),
    click.option(
        "--second-pass-denoising-strength",
        type=Number(),
        help="How much it may redraw, 0.05 to 1. Default: 0.5",
    ),
)
"""In the order in which `--help` lists them."""
