"""`prodgen doctor`: what is wrong with a set-up, and what to do about it."""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from prodgen.cli.parameters import BACKEND, dialect_option
from prodgen.cli.telling import printer
from prodgen.cli.values import File, Number

if TYPE_CHECKING:
    from prodgen.doctor import Report

COLORS = {"OK": "green", "warning": "yellow", "broken": "bold red"}

MARK_WIDTH = len("warning")


@click.command()
@click.argument("url", required=False, type=BACKEND)
@click.option(
    "--backend",
    type=BACKEND,
    metavar="auto|embedded://|engine://|comfy://HOST|URL",
    help="The same as URL. Default: auto, as for `prodgen shoot`.",
)
@click.option("--fix", is_flag=True, help="Put right what can be put right over the server's API.")
@click.option("--quick", is_flag=True, help="Draw and try nothing; most faults of IC-Light then do not show.")
@click.option(
    "--all",
    "everything",
    is_flag=True,
    help="Try every upscaler, LoRA, ControlNet model and VAE that is listed, for at most ten minutes.",
)
@click.option(
    "--timeout",
    "timeout_s",
    type=Number(1, 3600),
    default=180.0,
    show_default=True,
    metavar="SECONDS",
    help="For one tiny picture; the server may load a model first.",
)
@dialect_option
@click.option(
    "--output",
    "outputs",
    type=File(),
    default=Path("outputs"),
    show_default=True,
    help="The folder that pictures will go to.",
)
def doctor(
    url: str | None,
    backend: str | None,
    fix: bool,
    quick: bool,
    everything: bool,
    timeout_s: float,
    dialect: str | None,
    outputs: Path,
) -> None:
    """Say what is wrong with a set-up, and the remedy.

    The server at URL is examined, what it has, and this machine.

    A few tiny pictures are drawn, unless the server works for another caller; some show whether what it
    lists works at all. Its options stay as they are. Exit code 1 if something is broken; warnings do not
    count.

    \b
        prodgen doctor http://127.0.0.1:7860
        prodgen doctor engine://
        prodgen doctor --backend embedded:// --json
    """
    from prodgen.doctor import ExamineOptions, examine

    if url and backend and url != backend:
        raise click.UsageError("URL and --backend name two servers; give one of them")
    if quick and everything:
        raise click.UsageError("--quick tries nothing and --all everything; give one of them")
    how = ExamineOptions(
        dialect=dialect, draws=not quick, tries_everything=everything, timeout_s=timeout_s, outputs=outputs
    )
    to = printer()
    with _waiting(quiet=to.hides_progress):
        report = examine(url or backend or "auto", how=how, fixes=fix)
    to.data(report.as_dict(), indent=1)
    if sys.stdout.isatty() and not (to.as_json or to.quiet):
        _paint(report)
    else:
        to.text("\n".join(_lines(report, only_faults=to.quiet)))
    if not report.is_sound:
        click.get_current_context().exit(1)


def _waiting(*, quiet: bool) -> AbstractContextManager[object]:
    """Show on a terminal that something goes on."""
    if quiet or not sys.stderr.isatty():
        return nullcontext()
    from rich.console import Console

    return Console(stderr=True).status("examining; a server may have to load its model first")


def _headline(report: Report) -> str:
    return f"{report.backend} at {report.address}" if report.backend else report.address


def _summary(report: Report) -> str:
    """Return how many findings there are of each kind, and what --fix might help with."""
    warnings = report.count("warning")
    parts = f"{report.count('OK')} OK"
    parts += f", {warnings} warning{'s' if warnings > 1 else ''}" if warnings else ""
    parts += f", {report.count('broken')} broken" if not report.is_sound else ""
    fixable = [finding.name for finding in report.findings if finding.fix]
    if fixable and not report.done:
        parts += f"; --fix may help with {', '.join(fixable)}"
    return parts


def _lines(report: Report, *, only_faults: bool) -> list[str]:
    """Return the report for files and pipes: a line a finding, a line a remedy, neither wrapped."""
    width = max(len(finding.name) for finding in report.findings)
    lines = [] if only_faults else [_headline(report)]
    for finding in report.findings:
        if only_faults and finding.status == "OK":
            continue
        lines.append(f"{finding.status:<{MARK_WIDTH}}  {finding.name:<{width}}  {finding.what}")
        if finding.remedy:
            lines.append(f"{'':<{MARK_WIDTH}}  {'':<{width}}  remedy: {finding.remedy}")
    lines += [f"fixed: {done}" for done in report.done]
    return [*lines, _summary(report)]


def _paint(report: Report) -> None:
    """Print the report on a terminal: coloured, and wrapped inside its column."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for finding in report.findings:
        said = Text(finding.what)
        if finding.remedy:
            said.append(f"\n-> {finding.remedy}", style="cyan")
        table.add_row(Text(finding.status, style=COLORS[finding.status]), Text(finding.name), said)
    console = Console(highlight=False)
    console.print(Text(_headline(report), style="bold"))
    console.print(table)
    for done in report.done:
        console.print(Text(f"fixed: {done}", style="green"))
    worst = "broken" if not report.is_sound else "warning" if report.count("warning") else "OK"
    console.print(Text(_summary(report), style=COLORS[worst]))
