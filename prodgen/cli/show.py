"""`prodgen show`: the story that a picture carries."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import click

from prodgen.cli.telling import Printer, printer
from prodgen.cli.values import File

SHOWN = (
    "photo",
    "matte",
    "background",
    "reference",
    "light_map",
    "light_from",
    "workflow",
    "prompt",
    "negative_prompt",
    "seed",
    "backend",
    "checkpoint",
    "verdict",
)
"""Facts of a story in the order in which they are printed."""


@click.command()
@click.argument("picture", type=File())
def show(picture: Path) -> None:
    """Print how PICTURE was made.

    Prompt, seed, recipe, server, what was measured, and whether it is marked as generated. Of a picture that
    another program made, or a .txt file with an infotext: which one, its settings, and what of them
    `prodgen replay` cannot repeat.

    \b
        prodgen show outputs/mug-1234.png
        prodgen show from-a-friend.png
    """
    from prodgen import files, provenance

    chunks = files.read_text(picture)
    to = printer()
    if chunks and not provenance.has_story(chunks):
        _show_what_others_wrote(chunks, to)
        return
    story = provenance.read_story(chunks)
    to.data(story, indent=1)
    for line in _lines(story):
        to.text(line)
    to.text(_line("source type", provenance.read_source_type(chunks) or "not marked"))
    notices = story.get("notices")
    for notice in notices if isinstance(notices, list) else []:
        to.text(_line("note", notice))
    if chunks.get("parameters"):
        to.text(_line("infotext", chunks["parameters"]))


def _show_what_others_wrote(texts: Mapping[str, str], to: Printer) -> None:
    """Print what a picture of another program tells: its settings, or its texts as they are."""
    from prodgen.errors import ImageError
    from prodgen.provenance import read_source_type
    from prodgen.replaying.makers import told_by
    from prodgen.replaying.meanings import job_fields

    try:
        told = told_by(texts)
    except ImageError as error:
        to.data({"texts": dict(texts), "note": str(error)}, indent=1)
        for name, text in texts.items():
            to.text(_line(name, text))
        to.text(_line("note", error))
        return
    loras = {lora.name: lora.weight for lora in told.loras}
    facts = {"maker": told.maker, "prompt": told.prompt, "negative_prompt": told.negative_prompt}
    try:
        notices = [*job_fields(told)[1].values()]
    except ImageError as error:
        notices = [str(error)]
    more = {"settings": dict(told.values), "loras": loras, "notices": notices}
    to.data({**facts, **more, "texts": dict(texts)}, indent=1)
    for name, value in {**facts, **told.values}.items():
        if value:
            to.text(_line(name.replace("_", " "), value, 24))
    for name, weight in loras.items():
        to.text(_line("LoRA", f"{name}:{weight:g}", 24))
    to.text(_line("source type", read_source_type(texts) or "not marked", 24))
    for sentence in notices:
        to.text(_line("note", sentence, 24))


def _lines(story: dict[str, Any]) -> Iterator[str]:
    """Yield what a story tells; it came with a file from anywhere, so nothing in it is sure to be there."""
    from prodgen.identity import named

    asked, sent = (part if isinstance(part := story.get(name), dict) else {} for name in ("asked", "sent"))
    facts = {**asked, **{name: value for name, value in sent.items() if value not in (None, "")}, **story}
    for name in SHOWN:
        if facts.get(name) not in (None, ""):
            yield _line(name.replace("_", " "), facts[name])
    recipe = facts.get("recipe")
    if isinstance(recipe, dict):
        stages = recipe.get("stages")
        words = [x.get("stage") for x in stages if isinstance(x, dict)] if isinstance(stages, list) else []
        yield _line("recipe", f"{recipe.get('name')}  ({' > '.join(map(str, words))})")
    cut_out = story.get("cut_out")
    if isinstance(cut_out, dict):
        yield _line("cut-out", f"{cut_out.get('status')}  (score {cut_out.get('score')})")
    identity = story.get("identity")
    for name, value in identity.items() if isinstance(identity, dict) else ():
        if isinstance(value, int | float | str):
            plain, shown = named(name, f"{value:.2f}" if isinstance(value, float) else str(value))
            yield _line(f"  {plain}", shown, 28)


def _line(name: str, value: object, width: int = 16) -> str:
    return f"{name:<{width}} {value}"
