"""`prodgen weights`: the weights of the networks that cut products out."""

from __future__ import annotations

import io
import sys
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.telling import Printer, printer
from prodgen.cli.values import OneOf, Text

if TYPE_CHECKING:
    from prodgen.weights.on_this_machine import NetworkWeights


@click.command()
@click.argument("action", type=OneOf("action", ("list", "get", "where")), default="list")
@click.argument("names", nargs=-1, type=Text(), metavar="[NAME]...")
@click.pass_context
def weights(ctx: click.Context, action: str, names: tuple[str, ...]) -> None:
    """List and download the networks that cut products out.

    \b
    list    what there is, how large it is, what its licence is, and whether it is here
    get     download NAME...; every file is checked, and what was stopped goes on
    where   print where the files of NAME... are, or the folder they go into

    u2netp comes with prodgen. Nothing is downloaded unless `get` asks for it. Files lie where rembg
    looks for them: U2NET_HOME, REMBG_HOME or ~/.rembg.

    \b
        prodgen weights list
        prodgen weights get isnet-general-use
    """
    from prodgen.weights.on_this_machine import all_networks, get, network_weights

    to = printer()
    known = tuple(map(network_weights, names)) if names else all_networks()
    if action == "list":
        to.data([_row(network) for network in known], indent=1)
        for network in known:
            _tell(network, to)
    elif action == "where":
        _tell_where(known if names else (), to)
    elif not names:
        raise click.UsageError("weights get: name a network, such as isnet-general-use", ctx)
    else:
        for network in known:
            _tell_terms(network, to)
        got = get(names, progress=io.StringIO() if to.hides_progress else sys.stderr)
        to.data([_row(network) for network in got], indent=1)
        for network in got:
            _tell_got(network, to)


def _row(network: NetworkWeights) -> dict[str, Any]:
    first = network.weights[0]
    return {
        "name": network.network,
        "title": first.title,
        "bytes": network.size,
        "licence": first.licence,
        "licence_url": first.licence_url,
        "commercial": first.commercial,
        "note": first.note,
        "packaged": network.is_packaged,
        "files": [str(path) for path in network.paths],
    }


def _tell(network: NetworkWeights, to: Printer) -> None:
    first = network.weights[0]
    here = "comes with prodgen" if network.is_packaged else "here" if network.paths else ""
    to.text(f"{network.network:<22} {network.size_in_words:>14}  {first.licence:<10}  {here}".rstrip())
    if not to.quiet:
        to.text(f"    {first.title}")


def _tell_where(named: tuple[NetworkWeights, ...], to: Printer) -> None:
    from prodgen.cutout import networks

    to.data(
        {
            "folder": str(networks.home()),
            "files": {network.network: [str(path) for path in network.paths] for network in named},
        },
        indent=1,
    )
    if not named:
        to.text(str(networks.home()))
    for network in named:
        if not network.paths:
            to.warn(f"{network.network} is not here; get it with: prodgen weights get {network.network}")
        for path in network.paths:
            to.text(str(path))


def _tell_terms(network: NetworkWeights, to: Printer) -> None:
    first = network.weights[0]
    to.fact("network", f"{network.network}: {network.size_in_words}, {first.licence}, {first.licence_url}")
    if first.note:
        to.fact("licence", first.note)
    if not all(weight.sha256_is_known for weight in network.weights):
        to.fact("check", "by MD5, which tells a damaged file but not a forged one: no SHA-256 is known")


def _tell_got(network: NetworkWeights, to: Printer) -> None:
    for path in network.paths:
        to.made("weights", path)
