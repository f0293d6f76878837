"""`prodgen weights`: the weights of the networks that cut products out, and of the models that draw."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.telling import Printer, printer
from prodgen.cli.values import OneOf, Text

if TYPE_CHECKING:
    from prodgen.weights.on_this_machine import WeightSet


@click.command()
@click.argument("action", type=OneOf("action", ("list", "get", "where")), default="list")
@click.argument("names", nargs=-1, type=Text(), metavar="[NAME]...")
@click.option(
    "--accept-unverified", is_flag=True, help="With `get`: take files of which no hash is known, too."
)
@click.pass_context
def weights(ctx: click.Context, action: str, names: tuple[str, ...], accept_unverified: bool) -> None:
    """List and download networks and models.

    Networks cut products out; models draw, with `--backend engine://`.

    \b
    list    what there is, how large it is, what its licence is, and whether it is here
    get     download NAME...; every file is checked, and what was stopped goes on
    where   print where the files of NAME... are, or the folders they go into

    u2netp comes with prodgen. Nothing is downloaded unless `get` asks for it. Networks lie where rembg
    looks for them: U2NET_HOME, REMBG_HOME or ~/.rembg. Models lie in PRODGEN_MODELS, else beside those of an
    installed GPU server, else in a folder of prodgen's own.

    \b
        prodgen weights list
        prodgen weights get isnet-general-use
        prodgen weights get sd15-photo iclight-fc iclight-fbc
    """
    from prodgen.weights.on_this_machine import all_sets, get, weight_set

    to = printer()
    known = tuple(map(weight_set, names)) if names else all_sets()
    if action == "list":
        to.data([_row(one) for one in known], indent=1)
        _tell_list(known, to)
    elif action == "where":
        _tell_where(known if names else (), to)
    elif not names:
        raise click.UsageError("weights get: name what to get, such as isnet-general-use or sd15-photo", ctx)
    else:
        for one in known:
            _tell_terms(one, to)
        progress = io.StringIO() if to.hides_progress else sys.stderr
        got = get(names, progress=progress, accept_unverified=accept_unverified)
        to.data([_row(one) for one in got], indent=1)
        for one in got:
            _tell_got(one, to)


def _row(one: WeightSet) -> dict[str, Any]:
    first = one.weights[0]
    return {
        "name": one.name,
        "use": "cuts out" if one.is_network else "draws",
        "title": first.title,
        "bytes": one.size,
        "licence": first.licence,
        "licence_url": first.licence_url,
        "commercial": first.commercial,
        "note": first.note,
        "packaged": one.is_packaged,
        "files": [str(path) for path in one.paths],
    }


def _tell_list(known: tuple[WeightSet, ...], to: Printer) -> None:
    for is_network, heading in ((True, "networks that cut out"), (False, "models that draw")):
        of_kind = [one for one in known if one.is_network is is_network]
        if of_kind and not to.quiet:
            to.text(f"{heading}:")
        for one in of_kind:
            _tell(one, to)


def _tell(one: WeightSet, to: Printer) -> None:
    first = one.weights[0]
    here = "comes with prodgen" if one.is_packaged else "here" if one.paths else ""
    to.text(f"{one.name:<22} {one.size_in_words:>14}  {first.licence:<10}  {here}".rstrip())
    if not to.quiet:
        to.text(f"    {first.title}")


def _tell_where(named: tuple[WeightSet, ...], to: Printer) -> None:
    from prodgen.cutout import networks
    from prodgen.weights.folders import models_folder

    folders = {"networks": str(networks.home()), "models": str(models_folder())}
    to.data(
        {"folders": folders, "files": {one.name: [str(path) for path in one.paths] for one in named}},
        indent=1,
    )
    if not named:
        for kind, folder in folders.items():
            to.text(f"{kind:<9} {folder}")
    for one in named:
        if not one.paths:
            to.warn(f"{one.name} is not here; get it with: prodgen weights get {one.name}")
        for path in one.paths:
            to.text(str(path))


def _tell_terms(one: WeightSet, to: Printer) -> None:
    first = one.weights[0]
    to.fact(
        "network" if one.is_network else "model",
        f"{one.name}: {one.size_in_words}, {first.licence}, {first.licence_url}",
    )
    if first.commercial != "yes":
        use = {"no": "is forbidden", "ask": "depends on its owner's terms: read them first"}
        to.fact("licence", f"commercial use {use[first.commercial]}")
    if first.note:
        to.fact("licence", first.note)
    if not all(weight.verified for weight in one.weights):
        to.fact("check", "by size and header alone: no hash of it is known")
    elif not all(weight.sha256_is_known for weight in one.weights):
        to.fact("check", "by MD5, which tells a damaged file but not a forged one: no SHA-256 is known")


def _tell_got(one: WeightSet, to: Printer) -> None:
    for path in one.paths:
        to.made("weights", path)
