"""`prodgen batch`: a catalogue of products in, a folder of pictures with a report out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from prodgen.cli import run_words
from prodgen.cli.run_following import Reporting, follow, tell_end
from prodgen.cli.run_options import arguments_of, run_options, wishes_of
from prodgen.cli.telling import Failure, printer
from prodgen.cli.values import Location

if TYPE_CHECKING:
    from prodgen.batching.previewing import Preview
    from prodgen.errors import SheetError


@click.command()
@click.argument("catalogue", type=Location())
@run_options
@click.option("--dry-run", is_flag=True, help="Say what would be made and what is wrong; make nothing.")
def batch(
    catalogue: Path | str,
    output: Path | str,
    max_failures: str | None,
    deadline: str | None,
    json_lines: bool,
    webhook: str | None,
    metrics: str | None,
    dry_run: bool,
    **options: Any,
) -> None:
    """Make every picture that CATALOGUE asks for, into the folder DIR.

    CATALOGUE is a folder of photographs or a sheet: CSV, XLSX, ODS, JSON, Parquet. The same command again
    goes on where it was stopped, and makes anew what has changed.

    \b
        prodgen batch photos -o pictures --prompt "on a wooden table" --dry-run
        prodgen batch products.csv -o pictures --prompt "{name} on {surface}"
        prodgen batch products.csv -o pictures --backend gpu-1:7860 --backend gpu-2:7860
    """
    from prodgen import batching
    from prodgen.batching.previewing import preview
    from prodgen.dispatch import StopButton
    from prodgen.errors import SheetError

    to = printer()
    stop = StopButton()
    rules = batching.read_rules(max_failures=max_failures, deadline=deadline, stop=stop)
    arguments = arguments_of(options)
    try:
        with Reporting(json_lines and not dry_run, webhook, metrics) as reporting:
            if dry_run:
                wishes, sheet = wishes_of(arguments), options["sheet"]
                _tell_plan(preview(catalogue, output, wishes, sheet=sheet, verify=options["verify"]))
                return
            events = batching.batch(catalogue, output, rules=rules, **arguments)
            title = f"prodgen batch {catalogue} -> {output}"
            outcome = follow(events, to, title=title, stop=stop, reporting=reporting)
    except SheetError as error:
        raise _of_sheet(error, json_lines=json_lines) from error
    tell_end(outcome, to, out=output, json_lines=json_lines)


def _tell_plan(found: Preview) -> None:
    """Print what would be made."""
    to = printer()
    summary, planned = found.summary, found.planned
    to.data(
        {
            "products": summary.products,
            "rows": summary.rows,
            "pictures": planned.total,
            "done": planned.done,
            "reasons": dict(planned.reasons),
            "eta_s": found.eta_s,
            "notices": list(summary.notices),
        }
    )
    to.text(f"{run_words.many(summary.products, 'product')}, {run_words.plan(planned)}")
    if found.eta_s is not None:
        to.fact("time", f"about {run_words.duration(found.eta_s)}, at the last run's pace")
    for notice in summary.notices:
        to.note(notice)


def _of_sheet(error: SheetError, *, json_lines: bool) -> Failure:
    """Return the failure that lists a sheet's faults; with JSON lines, each fault is one on stdout, too."""
    for fault in error.faults if json_lines else ():
        facts = {"row": fault.row, "column": fault.column, "what": fault.what, "remedy": fault.remedy}
        click.echo(json.dumps({"event": "fault", **facts}, ensure_ascii=False))
    if error.total == 1:
        return Failure(f"{error.source}: {error.faults[0]}")
    more = error.total - len(error.faults)
    lines = [*error.faults, *([f"... and {more:,} more"] if more else [])]
    return Failure(f"{error.source} has {error.total:,} faults:", lines=lines)
