"""A whole catalogue: its sheet, its ledger, its places, its report, as one iterator of events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from prodgen.cutout import Point, Rectangle
from prodgen.dispatch import Event, Rules
from prodgen.schema import Lora
from prodgen.shots.recipe import Setting


def batch(
    catalogue: str | Path,
    out: str | Path,
    *,
    prompt: str = "",
    backends: Sequence[str] = ("auto",),
    cluster: str | None = None,
    dialect: str | None = None,
    recipe: str = "relight",
    settings: Mapping[str, Setting] | None = None,
    count: int = 1,
    seed: int | None = None,
    negative_prompt: str | None = None,
    background: str | None = None,
    matte: str | None = None,
    box: Rectangle | str | None = None,
    points: Sequence[Point] | str = (),
    light: str | None = None,
    loras: Sequence[str | Lora] = (),
    name: str | None = None,
    only: str | None = None,
    limit: int | None = None,
    verify: bool = False,
    allow_absolute: bool = False,
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
        out: The run's folder: pictures, ledger, report.
        prompt: The scene, a template over the sheet's columns.
        backends: Addresses as for `shoot`, each a GPU of its own.
        cluster: Address of a Dask scheduler, or "local:N"; its workers make the pictures.
        dialect: The kind of the backends, if it should not be found out.
        recipe: A built-in recipe's name, or a TOML file.
        settings: Parameters of the recipe, by name.
        count: Pictures of each row and scene.
        seed: Of the first picture of every row; None takes one made of the row's name.
        negative_prompt: What should not be seen; None takes the recipe's.
        background: A picture to put every product into.
        matte: A matte for every product.
        box: Every product's box in its photograph, as for `shoot`.
        points: Places that are surely product or background, as for `shoot`.
        light: Where the light comes from, as for `shoot`.
        loras: LoRAs by the backends' names, as for `shoot`.
        name: Pattern of the pictures' names in `out`.
        only: Only rows whose sku is like this pattern, such as "00*".
        limit: Only so many rows.
        verify: Whether everything that is done is proved by its content again.
        allow_absolute: Whether photographs may lie outside the catalogue's folder.
        allow_urls: Whether photographs may be fetched from the web.
        workers: Processes for the work on this machine's CPU; None: one a core.
        memory: Bytes that they may use together; None: half of what is free.
        rules: When the run ends, and how patient it is.

    Yields:
        What happens, `RunEnded` last.

    Raises:
        ProdgenError: Before the run, if the sheet has faults or no backend works; during it only if the
            ledger cannot be written any more.
    """
    raise NotImplementedError
