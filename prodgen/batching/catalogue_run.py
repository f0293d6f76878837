"""A whole catalogue: its sheet, its ledger, its places, its report, as one iterator of events."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from prodgen import dispatch
from prodgen.batching.opening_places import open_places
from prodgen.batching.reading_options import check_out, read_cluster
from prodgen.batching.reporting import Reporter
from prodgen.catalogue import Catalogue, Wishes, check_catalogue, plan_orders, read_catalogue
from prodgen.dispatch import Event, Newcomers, Notice, Place, PlanMade, Rules, RunEnded, Standing
from prodgen.ledger import Run, open_run
from prodgen.ledger.records import Others
from prodgen.places import Workplace
from prodgen.shots.recipe import Setting
from prodgen.storage import FetchedFiles, Store, open_store, state_folder


def batch(
    catalogue: str | Path,
    out: str | Path,
    *,
    prompt: str = "",
    backends: Sequence[str] = ("auto",),
    cluster: str | None = None,
    dialect: str | None = None,
    scenes: Mapping[str, str] | None = None,
    recipe: str = "auto",
    settings: Mapping[str, Setting] | None = None,
    count: int = 1,
    variants: int | None = None,
    seed: int | None = None,
    negative_prompt: str | None = None,
    background: str | None = None,
    box: str | None = None,
    points: str | None = None,
    pose: str | None = None,
    light: str | None = None,
    reference: str | None = None,
    light_map: str | None = None,
    light_from: str | None = None,
    like: str | None = None,
    loras: Sequence[str] = (),
    name: str = "",
    wildcards: str | Path | None = None,
    only: str | None = None,
    limit: int | None = None,
    photos: Collection[Path] | None = None,
    sheet: str | None = None,
    verify: bool = False,
    allow_outside: bool = False,
    allow_urls: bool = False,
    workers: int | None = None,
    memory: int | None = None,
    rules: Rules | None = None,
) -> Iterator[Event]:
    """Make every picture that a catalogue asks for; the same call again goes on where it was stopped.

        for event in batch("products.csv", "pictures", prompt="{name} on a wooden table"):
            print(event)

    Leaving the loop ends the run cleanly. Work goes on while an event is looked at, but new orders are
    handed out only when the next one is asked for.

    Args:
        catalogue: A folder of photographs, or a sheet: CSV, TSV, XLSX, ODS, JSON, JSONL, Parquet.
        out: The run's folder, or a URL such as "s3://bucket/folder": pictures, ledger, report.
        prompt: The scene, a template over the sheet's columns.
        backends: Addresses as for `shoot`, each a GPU of its own.
        cluster: Address of a Dask scheduler, or "local:N"; its workers make the pictures.
        dialect: The kind of the backends, if it should not be found out.
        scenes: Templates of several scenes by name, in place of `prompt`; each product is shown in all.
        recipe: A built-in recipe's name, or a TOML file.
        settings: Parameters of the recipe, by name.
        count: Pictures of each product and scene.
        variants: Show every product at so many places in its scene, 2 to 7; None: at one.
        seed: The first of every product; None takes one that is made of its sku and scene.
        negative_prompt: What should not be seen, a template; None takes the recipe's.
        background: A picture to put every product into.
        box: Every product's box in its photograph, in words, as for `shoot`.
        points: Places that are surely product or background, in words, as for `shoot`.
        pose: How the camera looked at the products, as for `shoot`.
        light: Where the light comes from, as for `shoot`.
        reference: A picture whose look and set every scene takes over, as for `shoot`.
        light_map: A picture that is bright where light comes from, as for `shoot`.
        light_from: A reference picture in whose light every product is to stand.
        like: A delivered picture that every one is to be like, as for `shoot`.
        loras: LoRAs by the backends' names, as NAME or NAME:WEIGHT.
        name: Pattern of the pictures' names in `out`; "": a folder for each product.
        wildcards: Folder of NAME.txt for `__NAME__` in the templates.
        only: Only products whose sku is like this pattern, such as "00*".
        limit: Only so many rows.
        photos: Only the rows of these photographs.
        sheet: Which sheet of a workbook; None: the first.
        verify: Whether everything that is done is proved by its content again.
        allow_outside: Whether photographs may lie outside the catalogue's folder.
        allow_urls: Whether photographs may be URLs.
        workers: Processes for the work on this machine's CPU; None: one for each core; 0: a thread of this
            process.
        memory: Bytes that they may take together; None: half of what is free.
        rules: When the run ends, and how patient it is.

    Yields:
        What happens, `RunEnded` last.

    Raises:
        ProdgenError: Before the run, if the sheet has faults or no backend works; during it only if the
            ledger cannot be written any more.
    """
    given = locals()
    catalogued, wishes = read_catalogue(catalogue, sheet=sheet), _wishes(given)
    store = open_store(check_out(out))
    if cluster is not None:
        read_cluster(cluster)  # before anything is written
    yield from map(Notice, check_catalogue(catalogued, wishes).notices)
    opened = partial(
        open_places, backends=backends, cluster=cluster, dialect=dialect, workers=workers, memory=memory
    )
    with open_run(store) as run:
        yield from map(Notice, run.notices)
        orders = plan_orders(catalogued, wishes)
        planned = run.ledger.plan(orders, verify=verify, others=_others(catalogued, wishes))
        yield PlanMade(planned)
        reporter = Reporter(run.ledger, catalogued, store, _folder(store))
        ended = RunEnded("complete", run.ledger.counts(), {})
        if planned.total > planned.done:
            ended = yield from _drawn(run, store, rules or Rules(), reporter, opened)
        run.end(ended.end)
        yield from map(Notice, reporter.close(ended.end))
    yield ended


def _drawn(
    run: Run,
    store: Store,
    rules: Rules,
    reporter: Reporter,
    opened: Callable[..., AbstractContextManager[tuple[Sequence[Place], Newcomers]]],
) -> Generator[Event, None, RunEnded]:
    """Make what is planned, yield what happens, and return how it ended.

    Args:
        run: The run, planned.
        store: Where its pictures go.
        rules: When it ends.
        reporter: Looks at how places stand.
        opened: Opens the places, given where they work and a photograph to try them with.
    """
    photo = next(iter(run.ledger.rows()))[0].photo
    ended = RunEnded("complete", run.ledger.counts(), {})
    with ExitStack() as stack:
        pictures = FetchedFiles(stack.enter_context(_scratch(_folder(store))))
        stack.callback(pictures.close)
        places, newcomers = stack.enter_context(opened(Workplace(store, pictures), photo=photo))
        events = closing(dispatch.run(run.ledger, places, rules, newcomers=newcomers))
        for event in stack.enter_context(events):
            if isinstance(event, Standing):
                run.tell_places(event.places)
                reporter.look(event)
            if isinstance(event, RunEnded):
                ended = event
            else:
                yield event
    return ended


def _folder(store: Store) -> Path:
    """Return the folder of this machine for what a run keeps beside its pictures."""
    return store.folder or state_folder(store.address)


@contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Give a folder for what is fetched; what lies there already is of a run that was killed."""
    scratch = folder / ".fetched"
    shutil.rmtree(scratch, ignore_errors=True)
    try:
        yield scratch
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _wishes(given: Mapping[str, Any]) -> Wishes:
    """Return what is asked of every row: those of the arguments that are a wish, and were given."""
    named = {name: given[name] for name in Wishes.model_fields if given.get(name) is not None}
    if "scenes" in named:
        named["scenes"] = tuple(named["scenes"].items())
    if "photos" in named:
        named["photos"] = frozenset(map(str, named["photos"]))
    return Wishes.model_validate(named | {"loras": tuple(given["loras"])})


def _others(catalogue: Catalogue, wishes: Wishes) -> Others:
    """Say what becomes of orders of an earlier run that are not asked for now."""
    if wishes.photos is not None:
        return "keep"
    is_part = catalogue.is_of_a_run or wishes.only is not None or wishes.limit is not None
    return "keep finished" if is_part else "drop"
