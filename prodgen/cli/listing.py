"""`prodgen list`: names that other commands take, of the server and of prodgen itself."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.parameters import backend_option, dialect_option
from prodgen.cli.telling import Printer, printer
from prodgen.cli.values import OneOf, Text

if TYPE_CHECKING:
    from prodgen.client import Client, Refreshable

LISTED_WITHIN_S = 30.0
"""Seconds for each question behind a list: 300 MB over 100 Mbit/s take 24 s, and most lists are a few kB.

A server that draws with all of its threads answers later; then the sentence says how long was waited.
"""

Row = Mapping[str, Any]
"""One entry; its first value is the name."""


@dataclass(frozen=True)
class _OnServer:
    """One list that a server has."""

    what: str
    """In the plural, for sentences."""
    rows: Callable[[Client], list[Row]]
    refresh: Refreshable | None = None
    """What the server calls it when it is to read its folder again."""


def _checkpoints(client: Client) -> list[Row]:
    chosen = client.capabilities.checkpoint
    return [
        {"name": x.model_name, "hash": x.hash or "", "chosen": "chosen" if chosen in x.names else ""}
        for x in client.capabilities.checkpoints
    ]


def _loras(client: Client) -> list[Row]:
    return [
        {
            "name": x.name,
            "alias": x.alias if x.alias and x.alias != x.name else "",
            "made for": str(
                x.metadata.get("ss_base_model_version") or x.metadata.get("ss_sd_model_name") or ""
            ),
        }
        for x in client.service.loras()
    ]


def _samplers(client: Client) -> list[Row]:
    return [
        {"name": x.name, "own schedule": str(x.options.get("scheduler") or "")}
        for x in client.service.samplers()
    ]


def _schedulers(client: Client) -> list[Row]:
    return [
        {"name": x.label, "also": x.name if x.name != x.label else ""} for x in client.service.schedulers()
    ]


def _upscalers(client: Client) -> list[Row]:
    have = client.capabilities
    known = [{"name": x, "for": "pictures, second pass"} for x in have.upscalers if x != "None"]
    return [*known, *({"name": x, "for": "second pass only"} for x in have.latent_upscale_modes)]


def _styles(client: Client) -> list[Row]:
    return [
        {"name": name, "prompt": prompt, "negative": negative}
        for name, (prompt, negative) in client.service.styles().items()
    ]


def _scripts(client: Client) -> list[Row]:
    found: dict[str, dict[str, Any]] = {}
    for x in client.capabilities.scripts:
        row = found.setdefault(
            x.name,
            {"name": x.name, "kind": "always on" if x.is_alwayson else "selectable", "in": "", "takes": ""},
        )
        side = "img2img" if x.is_img2img else "txt2img"
        row["in"] = ", ".join(filter(None, [row["in"], side]))
        row["takes"] = f"{len(x.args)} argument{'' if len(x.args) == 1 else 's'}"
        row["arguments"] = [
            {"label": " ".join(a.label.split()), "value": a.value, "minimum": a.minimum, "maximum": a.maximum,
             "step": a.step, "choices": list(a.choices) if a.choices is not None else None}
            for a in x.args
        ]  # fmt: skip
    return list(found.values())


def _segmenters() -> list[Row]:
    from prodgen.cutout import NAMES, available
    from prodgen.cutout.rembg_sessions import INSTALL, is_installed

    here, remedy = available(), "prodgen weights get {}" if is_installed() else INSTALL
    return [
        {"name": name, "here": "" if name in here else f"not here: {remedy.format(name)}"} for name in NAMES
    ]


def _looks() -> list[Row]:
    from prodgen.shots.stages.look import looks

    return [{"name": name, "adds": look.prompt} for name, look in looks().items()]


def _profiles() -> list[Row]:
    from prodgen.identity import profiles

    return [{"name": name} for name in profiles()]


_ON_SERVER = {
    "checkpoints": _OnServer("checkpoints", _checkpoints, "checkpoints"),
    "loras": _OnServer("LoRAs", _loras, "loras"),
    "samplers": _OnServer("samplers", _samplers),
    "schedulers": _OnServer("schedulers", _schedulers),
    "upscalers": _OnServer("upscalers", _upscalers),
    "vaes": _OnServer("VAEs", lambda client: [{"name": x} for x in client.capabilities.vaes], "vae"),
    "embeddings": _OnServer(
        "embeddings",
        lambda client: [{"name": x} for x in client.capabilities.embeddings],
        "embeddings",
    ),
    "styles": _OnServer("styles", _styles),
    "scripts": _OnServer("scripts", _scripts),
}
"""What the server knows, by the word of `prodgen list`."""


def _models() -> list[Row]:
    from prodgen.text2image.model_table import tables

    return [
        {
            "name": model.name,
            "size": f"{model.preset.side}x{model.preset.side}",
            "steps": model.preset.steps,
            "cfg": "" if model.preset.cfg_scale is None else f"{model.preset.cfg_scale:g}",
            "sampler": " ".join(filter(None, [model.preset.sampler_name, model.preset.scheduler])),
            "network calls": model.network_calls,
            "title": model.title,
        }
        for model in tables().models.values()
    ]


def _prompt_styles() -> list[Row]:
    from prodgen.text2image.model_table import tables

    return [
        {"name": name, "prompt": style.prompt, "negative": style.negative_prompt}
        for name, style in tables().styles.items()
    ]


_OURS = {
    "models": _models,
    "prompt-styles": _prompt_styles,
    "looks": _looks,
    "profiles": _profiles,
    "segmenters": _segmenters,
}
"""What comes with prodgen; no server is asked."""


@click.command("list")
@click.argument("what", type=OneOf("list", (*_ON_SERVER, *_OURS)))
@click.argument("word", required=False, type=Text())
@click.option("--refresh", is_flag=True, help="Have the server read its folder again first.")
@backend_option
@dialect_option
@click.pass_context
def list_names(
    ctx: click.Context, what: str, word: str | None, refresh: bool, backend: str, dialect: str | None
) -> None:
    """List names that other commands take.

    WORD leaves only names that hold it.

    \b
    of the server   checkpoints, loras, samplers, schedulers, upscalers, vaes,
                    embeddings, styles (for --server-style), scripts
    of prodgen      models, prompt-styles (for generate's --model and --style),
                    looks, profiles, segmenters

    `prodgen list scripts NAME`, with a script's whole name, prints its arguments.

    \b
        prodgen list loras detail
        prodgen list samplers --backend http://127.0.0.1:7860
    """
    to = printer()
    if refresh and (what in _OURS or _ON_SERVER[what].refresh is None):
        can = ", ".join(name for name, kind in _ON_SERVER.items() if kind.refresh)
        raise click.UsageError(f"--refresh: {what} are in no folder of the server's; possible: {can}", ctx)
    if what in _OURS:
        rows, owner, plural = _OURS[what](), "prodgen", what
    else:
        rows, owner = _ask(_ON_SERVER[what], backend, dialect, to, refresh=refresh)
        plural = _ON_SERVER[what].what
    chosen = [row for row in rows if word is None or word.lower() in str(row["name"]).lower()]
    to.data(chosen, indent=1)
    whole = next((row for row in chosen if word and row["name"].lower() == word.lower()), None)
    if not chosen:
        named = f"{plural} with {word!r} in the name" if word and rows else plural
        to.warn(f"there are no {named} on {owner}" if what in _ON_SERVER else f"there are no {named}")
    elif to.quiet:
        to.text("\n".join(str(row["name"]) for row in chosen))
    elif what == "scripts" and whole is not None:
        _tell_arguments(whole, to)
    else:
        to.text("\n".join(_columns(chosen)))


def _ask(
    kind: _OnServer, backend: str, dialect: str | None, to: Printer, *, refresh: bool
) -> tuple[list[Row], str]:
    """Return a list of the server's, and the server's name; a kind of server without it has none of it."""
    from prodgen.client import TIMEOUT_S, Client
    from prodgen.errors import (
        AnswerError,
        BackendAuthError,
        BackendFaultError,
        BackendTimeoutError,
        NotABackendError,
    )

    # A server that reads its folder again may have thousands of files to open.
    timeout_s = TIMEOUT_S if refresh else LISTED_WITHIN_S
    with Client(backend, dialect=dialect, timeout_s=timeout_s) as client:
        for notice in client.notices:
            to.warn(notice)
        try:
            if refresh and kind.refresh is not None:
                client.service.refresh(kind.refresh)
            return kind.rows(client), client.name
        except (NotABackendError, BackendFaultError, BackendAuthError, AnswerError) as error:
            _ = client.capabilities  # what is no backend at all fails here, by its name
            if not isinstance(error, NotABackendError):
                raise
            return [], client.name
        except BackendTimeoutError as error:
            remedy = (
                "It may be busy with pictures: ask again later; `prodgen doctor` says what answers there."
            )
            raise BackendTimeoutError(error.url, error.reason, remedy=remedy) from error


def _columns(rows: Iterable[Row]) -> list[str]:
    """Return aligned lines; columns that are empty everywhere are left out."""
    shown = [{k: " ".join(str(v).split()) for k, v in row.items() if not isinstance(v, list)} for row in rows]
    keys = [key for key in shown[0] if any(row[key] for row in shown)]
    widths = {key: max(len(row[key]) for row in shown) for key in keys}
    return ["  ".join(f"{row[key]:<{widths[key]}}" for key in keys).rstrip() for row in shown]


def _tell_arguments(row: Row, to: Printer) -> None:
    to.text(f"{row['name']}: {row['kind']}, in {row['in']}, takes {row['takes']}")
    for number, argument in enumerate(row["arguments"]):
        to.text(f"{number:>3}  {argument['label'] or '(no label)'}: {_span(argument)}")


def _span(argument: Mapping[str, Any]) -> str:
    parts = [json.dumps(argument["value"], ensure_ascii=False)]
    if argument["minimum"] is not None and argument["maximum"] is not None:
        parts.append(f"{argument['minimum']:g} to {argument['maximum']:g}")
    choices = argument["choices"]
    if choices:
        more = f", ... ({len(choices)} in all)" if len(choices) > 8 else ""
        parts.append(f"one of {', '.join(map(repr, choices[:8]))}{more}")
    return "; ".join(parts)
