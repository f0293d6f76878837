"""Options that several commands share, each declared once, and the four that every command has."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from prodgen.cli.blend_options import BLEND_OPTIONS
from prodgen.cli.ground_options import GROUND_OPTIONS
from prodgen.cli.refusal import shown
from prodgen.cli.route_options import ROUTE_OPTIONS
from prodgen.cli.telling import printer
from prodgen.cli.values import Checked, File, Number, OneOf, Text, Whole

F = TypeVar("F", bound=Callable[..., Any])

MAX_SEED = 2**32 - 1
"""Seeds of product shots have 32 bits, as A1111 draws them."""

LARGEST_SEED = 2**64 - 1
"""Seeds of pictures drawn from words may be those of ComfyUI and Fooocus, which have 64 bits."""


_BRACES = re.compile(r"\{\w*\}")
"""What looks like a part of a name that is to be filled in."""


class MadeFile(click.Option):
    """An option that says where the file goes that a command makes; --open shows that file."""


LOOK = OneOf("look", "prodgen.shots.stages.look:looks")
SEGMENTER = OneOf("segmenter", "prodgen.cutout:NAMES", joined="+")
PROFILE = OneOf("profile", "prodgen.identity:profiles")
SIZE = Checked("size", "prodgen.placement:parse_size", (1024, 1024))
PADDING = Checked("padding", "prodgen.placement:Padding.parse")
RATIO = Checked("ratio", "prodgen.outpainting:check_ratio")
EXPANSION = Checked("room", "prodgen.outpainting:check_sides")
UPSCALE = Checked("factor or size", "prodgen.client:target_size", 64, 64)
POSE = Checked("pose", "prodgen.pose:check_pose")
LIGHT = Checked("direction", "prodgen.light:read_lights")
BACKEND = Checked("backend", "prodgen.client:parse_address")

backend_option = click.option(
    "--backend",
    type=BACKEND,
    default="auto",
    show_default=True,
    metavar="auto|embedded://|engine://|comfy://HOST|URL",
    help="auto: the server at PRODGEN_BACKEND or 127.0.0.1:7860 if one answers, else the embedded one.",
)

dialect_option = click.option(
    "--dialect",
    type=OneOf("dialect", "prodgen.dialects:DIALECTS"),
    help="The kind of server, such as a1111 or forge, if it should not be found out.",
)

MATTE_OPTION = click.option(
    "--matte",
    type=File(),
    help="Your own cut-out of the product, white = product, of the photograph's size.",
)

_CUT_OUT_OPTIONS = (
    click.option(
        "--segmenter",
        type=SEGMENTER,
        metavar="NAME[+NAME]",
        help="What cuts the product out; see `prodgen list segmenters`. Default: the best that is here.",
    ),
    MATTE_OPTION,
    click.option(
        "--keep-alpha/--ignore-alpha",
        default=None,
        help="Take a photograph's own transparency for the cut-out, or cut out anew. "
        "Default: keep it, unless a segmenter, a box or points are given.",
    ),
    click.option(
        "--box",
        type=Checked("box", "prodgen.cutout:check_box"),
        metavar="L,T,R,B",
        help="The product's box in the photograph: pixels, or percent as in 10%,5%,90%,95%.",
    ),
    click.option(
        "--points",
        type=Checked("points", "prodgen.cutout:check_points"),
        metavar="+X,Y/-X,Y",
        help="Places on the product (+) and on the background (-), in pixels or percent.",
    ),
    click.option(
        "--feather",
        "feather_px",
        type=Number(0, 100),
        metavar="PX",
        help="Soften the cut-out's edge: so many pixels from 10 to 90 % of product.",
    ),
    click.option(
        "--refine-edge",
        is_flag=True,
        default=None,
        help="Fit the edge of a --matte, or of the photograph's transparency, to the photograph.",
    ),
)

CUT_OUT_NAMES = ("segmenter", "matte", "keep_alpha", "box", "points", "feather_px", "refine_edge")
"""Parameters of `cutout.cut_out` that `cut_out_options` gives, by their names there."""


def cut_out_options(command: F) -> F:
    """Give a command every option of how the product is cut out; what is not asked for is None."""
    for option in reversed(_CUT_OUT_OPTIONS):
        command = option(command)
    return command


def blend_options(command: F) -> F:
    """Give a command every option of how a product is blended; what is not asked for is None."""
    for option in reversed(BLEND_OPTIONS):
        command = option(command)
    return command


def asked_of_cut_out(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of a command's settings that `cutout.cut_out` takes, where they were asked for.

    Raises:
        IdleSettingError: If a segmenter or the own transparency is asked for beside a matte.
    """
    from prodgen.errors import IdleSettingError

    asked = {name: settings[name] for name in CUT_OUT_NAMES if settings.get(name) is not None}
    idle = [name for name in ("segmenter", "keep_alpha") if name in asked]
    if "matte" in asked and idle:
        raise IdleSettingError(idle, "a matte is the cut-out itself")
    return asked


profile_option = click.option(
    "--profile", type=PROFILE, help="Limits that the product is judged by: editorial, or catalogue (strict)."
)

upscaler_option = click.option(
    "--upscaler", type=Text(), help="What enlarges, as `prodgen list upscalers` has it. Default: the best."
)

lora_option = click.option(
    "--lora",
    "loras",
    multiple=True,
    type=Checked("lora", "prodgen.schema.prompts:read_lora"),
    metavar="NAME:WEIGHT",
    help="A LoRA of the server; may be repeated.",
)

controlnet_option = click.option(
    "--controlnet",
    multiple=True,
    type=Checked("control picture", "prodgen.text2image:read_control"),
    metavar="MODEL[+MODULE]:FILE[:WEIGHT]",
    help="A control picture, such as openpose:pose.png:1.0; with +MODULE the server makes it of a photo.",
)

_SEED_HELP = "Decides the picture. Default: drawn, and printed."
seed_option = click.option("--seed", type=Whole(0, MAX_SEED), help=_SEED_HELP)
large_seed_option = click.option("--seed", type=Whole(0, LARGEST_SEED), help=_SEED_HELP)


_SHOT_OPTIONS = (
    click.option("--negative-prompt", type=Text(), help="What should not be seen. Default: the recipe's."),
    click.option("--background", type=File(), help="A picture of yours to put the product into."),
    *_CUT_OUT_OPTIONS,
    click.option(
        "--pose",
        type=POSE,
        metavar="auto|upright|flat|DEG",
        help="How the camera looked at the product: estimated, standing, a flat lay, or degrees from 0 "
        "(head-on) to 90 (from above).",
    ),
    click.option(
        "--material",
        type=OneOf("material", ("auto", "opaque", "metal", "glass")),
        metavar="auto|opaque|metal|glass",
        help="metal: plain parts of the product mirror the scene. glass: the scene is seen through it. auto: "
        "where the prompt names the product's metal or glass.",
    ),
    click.option(
        "--light",
        multiple=True,
        type=LIGHT,
        metavar="LIGHT",
        help="A light, such as left, 10 o'clock high, golden hour from behind, 45,30 (degrees), with "
        "soft, window, 4200K, #ff8800, 70%; may be repeated, up to four, the key light first.",
    ),
    click.option(
        "--light-map", type=File(), help="A picture that is bright where light comes from, to start from."
    ),
    click.option(
        "--light-from",
        type=File(),
        help="A reference picture: the light found in it is told and asked for, in place of --light.",
    ),
    click.option("--look", type=LOOK, help="A look of the scene; see `prodgen list looks`."),
    click.option(
        "--place",
        type=Text(),
        metavar="PLACE",
        help="auto, original, left, right, ... in a scene; top-left, middle, bottom, ... in the padding; "
        "or X,Y (shares of the canvas).",
    ),
    click.option(
        "--size",
        type=SIZE,
        metavar="WxH|4:5|2k",
        help="Canvas. Default: as large as the product's own pixels allow.",
    ),
    click.option("--fill", type=Number(), help="Share of the canvas that the product takes, 0.05 to 1."),
    click.option(
        "--padding",
        type=PADDING,
        metavar="5%|PX|SIDE=...",
        help="Free space around the product, such as 5%, 40 (pixels) or left=5%,top=40.",
    ),
    click.option(
        "--ground-line",
        type=Number(),
        metavar="SHARE",
        help="The row that the product stands on: 0 is the canvas' top, 1 its bottom.",
    ),
    click.option(
        "--rotate", "rotation_deg", type=Number(), metavar="DEG", help="Turn the product clockwise."
    ),
    click.option(
        "--snap/--no-snap",
        default=None,
        help="Bring a side where the photograph cut the product off to the canvas' edge. "
        "Default: where place is auto or middle.",
    ),
    click.option(
        "--enlarge", is_flag=True, default=None, help="Let the product be larger than photographed."
    ),
    click.option(
        "--upscale",
        type=UPSCALE,
        metavar="2|4|WxH",
        help="Enlarge the result; the product by its own pixels.",
    ),
    upscaler_option,
    click.option(
        "--outpaint",
        type=RATIO,
        metavar="16:9",
        help="Continue the photograph's own surroundings to this ratio.",
    ),
    click.option(
        "--expand",
        type=EXPANSION,
        metavar="20%|PX|SIDE=...",
        help="Continue the photograph's own surroundings: 20%, 100 (pixels), or left=20%,top=100.",
    ),
    click.option(
        "--like",
        type=File(),
        metavar="PICTURE",
        help="Make it like this delivered picture: its scene, light, size, exposure, unless you say another.",
    ),
    *ROUTE_OPTIONS,
    click.option("--steps", type=Whole(), help="Sampling steps."),
    click.option("--cfg-scale", type=Number(), help="Weight of the prompt."),
    click.option("--denoising-strength", type=Number(), help="How much may be redrawn, 0 to 1."),
    click.option("--sampler", "sampler_name", type=Text(), help="A sampler of the server."),
    click.option("--scheduler", type=Text(), help="A scheduler of the server."),
    click.option(
        "--checkpoint", type=Text(), help="A checkpoint of the server. Default: the one it has loaded."
    ),
    lora_option,
    *BLEND_OPTIONS,
    *GROUND_OPTIONS,
    profile_option,
    click.option("--tries", type=Whole(), help="Seeds to try until the product is inside its limits."),
    click.option(
        "--on-failure",
        type=OneOf("way to end", ("warn", "fail")),
        metavar="warn|fail",
        help="warn: deliver with a warning; fail: keep the picture aside, exit 1.",
    ),
    seed_option,
)


def shot_options(command: F) -> F:
    """Give a command all options that decide a shot, but for photograph and prompt; unasked ones are None."""
    for option in reversed(_SHOT_OPTIONS):
        command = option(command)
    return command


def recipe_for(recipe: str | None, route: str | None) -> str:
    """Return the recipe or route that was named, or else `auto`.

    Raises:
        click.UsageError: If both were named.
    """
    if recipe is not None and route is not None:
        raise click.UsageError("--route and --recipe exclude each other: a recipe is a way of its own")
    return recipe or route or "auto"


def row_options(command: F) -> F:
    """Give a command the options that may hold for every row: all but a matte, which fits one photograph."""
    for option in reversed(_SHOT_OPTIONS):
        command = command if option is MATTE_OPTION else option(command)
    return command


def output_option(
    *, metavar: str, default: str = "", required: bool = False, type: File | None = None
) -> Callable[[F], F]:
    """Return the option -o/--output; `default` says in words where the file goes without it."""
    text = f"Default: {default}" if default else None
    return click.option(
        "-o",
        "--output",
        cls=MadeFile,
        type=type or File(),
        metavar=metavar,
        required=required,
        help=text,
    )


def output_pattern(output: Path | None, source: Path, count: int, *, folder: Path, ending: str) -> Path:
    """Return where pictures go: `output` itself, or a name with "{seed}" for the seed that was used.

    Raises:
        click.UsageError: If anything else stands in braces in its name.
    """
    from prodgen.schema import seeds

    strange = [] if output is None else [x for x in _BRACES.findall(output.name) if x != seeds.PLACEHOLDER]
    if strange:
        raise click.UsageError(f"--output: {shown(strange[0])} stands for nothing in a name, {{seed}} does")
    if output is not None and output.suffix and not output.is_dir():
        is_enough = count == 1 or seeds.PLACEHOLDER in output.name
        return output if is_enough else output.with_stem(f"{output.stem}-{seeds.PLACEHOLDER}")
    return (output or folder) / f"{source.stem}-{seeds.PLACEHOLDER}{ending}"


def _switch(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Take one of the four switches, before or after the command's word."""
    chosen = printer(ctx)
    if value:
        setattr(chosen, str(param.name), True)
    if chosen.verbose and chosen.quiet:
        raise click.UsageError("--verbose and --quiet exclude each other", ctx)
    is_command = not isinstance(ctx.command, click.Group)
    if chosen.opens and is_command and not any(isinstance(x, MadeFile) for x in ctx.command.params):
        raise click.UsageError(f"--open: {ctx.info_name} makes no file that could be opened", ctx)
    chosen.set_log_level()


EVERYWHERE: tuple[click.Option, ...] = (
    click.Option(
        ["-v", "--verbose"],
        is_flag=True,
        expose_value=False,
        callback=_switch,
        help="Say more on stderr, such as what is fetched or retried.",
    ),
    click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        expose_value=False,
        callback=_switch,
        help="Print only what was made or found.",
    ),
    click.Option(
        ["--json", "as_json"], is_flag=True, expose_value=False, callback=_switch, help="Print JSON."
    ),
    click.Option(
        ["--open", "opens"],
        is_flag=True,
        expose_value=False,
        callback=_switch,
        help="Open what was made in its usual program.",
    ),
)
"""On every command, and before its word as well; their state is in `telling.printer()`."""
