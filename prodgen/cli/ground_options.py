"""Options of the shadow, the mirror image and the ground that a product stands on."""

from __future__ import annotations

import click

from prodgen.cli.values import Checked, Number, OneOf

GROUND_OPTIONS = (
    click.option(
        "--shadow",
        type=OneOf("shadow", ("auto", "none", "contact", "cast", "float", "keep")),
        metavar="KIND",
        help="auto (what is missing), none, contact, cast, float (hovering), keep (the photograph's own).",
    ),
    click.option("--shadow-opacity", type=Number(), help="How dark the shadow is, 0 to 1."),
    click.option(
        "--shadow-softness", type=Number(), help="Of a cast shadow: 0 is the sun's, 1 a window wall's."
    ),
    click.option(
        "--shadow-direction",
        "shadow_azimuth_deg",
        type=Checked("direction", "prodgen.shots.shadow_words:read_direction"),
        metavar="WORD|DEG",
        help="Where it falls: left, front-right, back, ... or degrees (0 to the camera, 90 right).",
    ),
    click.option(
        "--shadow-length", type=Number(), help="Its length on the floor in heights of the product, 0.05 to 7."
    ),
    click.option(
        "--shadow-gap", type=Number(), help="How high the product hovers, in its longer sides, to 1."
    ),
    click.option(
        "--shadow-color",
        type=Checked("colour", "prodgen.shots.shadow_words:read_hex"),
        metavar="#RRGGBB",
        help="Default: black.",
    ),
    click.option("--reflection", type=Number(), help="Strength of a mirror image on the floor, 0 to 1."),
    click.option("--roughness", type=Number(), help="How blurred the mirror image is, 0 to 1. Default: 0.3"),
    click.option(
        "--ground",
        type=OneOf("ground", ("auto", "none", "inpaint")),
        metavar="auto|none|inpaint",
        help="inpaint: the floor at the foot is painted into --background; none: no floor is missed.",
    ),
    click.option(
        "--transparent",
        is_flag=True,
        default=None,
        help="Product and shadow on transparency, in place of a packshot's ground.",
    ),
    click.option(
        "--shadow-layer",
        is_flag=True,
        default=None,
        help="With --transparent: the shadow in a file of its own, NAME-shadow.png.",
    ),
    click.option(
        "--canvas",
        type=OneOf("canvas", ("fixed", "grow")),
        metavar="fixed|grow",
        help="grow: a plain ground becomes larger where a shadow would be cut off.",
    ),
)
"""In the order in which `--help` lists them."""
