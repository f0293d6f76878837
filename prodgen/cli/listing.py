"""`prodgen models`, `loras`, `samplers` and so on: what a backend has, by the names that it takes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli.parameters import backend_option, dialect_option

if TYPE_CHECKING:
    from prodgen.client import Client, Refreshable

Row = Mapping[str, Any]
"""One entry; its first value is the name."""


@dataclass(frozen=True)
class _Kind:
    """One list: its name as a command, what it holds, and how it is asked for."""

    name: str
    what: str
    """In the plural, for sentences."""
    explained: str
    rows: Callable[[Client], list[Row]]
    refresh: Refreshable | None = None


def _models(client: Client) -> list[Row]:
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


_KINDS = (
    _Kind(
        "models",
        "models",
        "List the backend's models (checkpoints), for `--checkpoint`.",
        _models,
        "checkpoints",
    ),
    _Kind(
        "vaes",
        "VAEs",
        "List the backend's VAEs.",
        lambda client: [{"name": x} for x in client.capabilities.vaes],
        "vae",
    ),
    _Kind("loras", "LoRAs", "List the backend's LoRAs, for `--lora`.", _loras, "loras"),
    _Kind(
        "embeddings",
        "embeddings",
        "List the backend's embeddings (textual inversions), which are words in a prompt.",
        lambda client: [{"name": x} for x in client.capabilities.embeddings],
        "embeddings",
    ),
    _Kind("samplers", "samplers", "List the backend's samplers, for `--sampler`.", _samplers),
    _Kind("schedulers", "schedulers", "List the backend's noise schedules, for `--scheduler`.", _schedulers),
    _Kind("upscalers", "upscalers", "List the backend's upscalers.", _upscalers),
    _Kind("styles", "styles", "List the prompt styles that are saved on the backend.", _styles),
    _Kind(
        "scripts",
        "scripts",
        "List the backend's scripts and extensions. With a script's whole name: its arguments.",
        _scripts,
    ),
)


def _command(kind: _Kind) -> click.Command:
    def run(
        word: str | None, backend: str, dialect: str | None, as_json: bool, refresh: bool = False
    ) -> None:
        from prodgen.client import Client
        from prodgen.errors import NotABackendError

        with Client(backend, dialect=dialect) as client:
            for notice in client.notices:
                click.echo(notice, err=True)
            try:
                if refresh and kind.refresh is not None:
                    client.service.refresh(kind.refresh)
                rows = kind.rows(client)
            except NotABackendError:
                # This kind of server has no such list; a server that has none at all fails earlier.
                _ = client.capabilities
                rows = []
            name = client.name
        chosen = [row for row in rows if word is None or word.lower() in str(row["name"]).lower()]
        if as_json:
            click.echo(json.dumps(chosen, ensure_ascii=False, indent=1))
        elif not chosen:
            what = f"{kind.what} with {word!r} in the name" if word and rows else kind.what
            click.echo(f"there are no {what} on the {name}", err=True)
        elif kind.name == "scripts" and word and any(row["name"].lower() == word.lower() for row in chosen):
            _tell_arguments(next(row for row in chosen if row["name"].lower() == word.lower()))
        else:
            click.echo("\n".join(_columns(chosen)))

    command = click.argument("word", required=False)(run)
    if kind.refresh is not None:
        command = click.option("--refresh", is_flag=True, help="Have it read its folder again first.")(
            command
        )
    command = click.option("--json", "as_json", is_flag=True, help="Print one JSON list.")(command)
    command = dialect_option(backend_option(command))
    example = f"\b\n    prodgen {kind.name} --backend http://127.0.0.1:7860"
    explained = f"{kind.explained}\n\nWORD leaves only names that hold it.\n\n{example}"
    return click.command(kind.name, help=explained)(command)


def _columns(rows: Iterable[Row]) -> list[str]:
    """Return aligned lines; columns that are empty everywhere are left out."""
    shown = [{k: " ".join(str(v).split()) for k, v in row.items() if not isinstance(v, list)} for row in rows]
    keys = [key for key in shown[0] if any(row[key] for row in shown)]
    widths = {key: max(len(row[key]) for row in shown) for key in keys}
    return ["  ".join(f"{row[key]:<{widths[key]}}" for key in keys).rstrip() for row in shown]


def _tell_arguments(row: Row) -> None:
    click.echo(f"{row['name']}: {row['kind']}, in {row['in']}, takes {row['takes']}")
    for number, argument in enumerate(row["arguments"]):
        click.echo(f"{number:>3}  {argument['label'] or '(no label)'}: {_span(argument)}")


def _span(argument: Mapping[str, Any]) -> str:
    parts = [json.dumps(argument["value"], ensure_ascii=False)]
    if argument["minimum"] is not None and argument["maximum"] is not None:
        parts.append(f"{argument['minimum']:g} to {argument['maximum']:g}")
    choices = argument["choices"]
    if choices:
        more = f", ... ({len(choices)} in all)" if len(choices) > 8 else ""
        parts.append(f"one of {', '.join(map(repr, choices[:8]))}{more}")
    return "; ".join(parts)


COMMANDS = tuple(_command(kind) for kind in _KINDS)
"""One command a list."""
