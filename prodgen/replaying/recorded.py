"""What a picture's file tells of how it was made: our own story, or the infotext of any A1111 server.

Reads text only; nothing is drawn, no server is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from prodgen import files, provenance
from prodgen.dialects import infotexts
from prodgen.errors import ImageError
from prodgen.replaying.differences import Difference
from prodgen.replaying.meanings import job_fields
from prodgen.shots.result import KIND as SHOT_KIND
from prodgen.text2image import KIND, Control, PictureJob, new_job

MAX_TEXT_BYTES = 1 << 20
"""Largest text file read as an infotext; real ones have a few thousand characters."""


@dataclass(frozen=True)
class RecordedJob:
    """How a picture was drawn from words, by any program that writes A1111's infotext."""

    job: PictureJob
    checkpoint: str | None = None
    """Model name of the checkpoint; None if the file does not name it."""
    checkpoint_hash: str | None = None
    infotext: Mapping[str, str] = field(default_factory=dict)
    """Keys and values of the infotext, to compare with the new one; empty where there is none."""
    path: Path | None = None
    """The picture; None where only a text file with its infotext was given."""
    differences: tuple[Difference, ...] = ()
    """What no server can repeat, such as a control picture that the file does not hold."""


@dataclass(frozen=True)
class RecordedShot:
    """How prodgen put a product into a scene; the photograph is needed to do so again."""

    story: Mapping[str, Any]
    """The picture's story."""
    path: Path
    """The picture."""


def read_recorded(path: Path) -> RecordedJob | RecordedShot:
    """Read how a picture was made.

    Args:
        path: A picture, or a .txt file with an infotext.

    Raises:
        ImageError: If it cannot be read, or does not tell how it was made.
        SettingError: If a setting in it is out of range.
    """
    if path.suffix.lower() == ".txt":
        return _from_infotext(_text_file(path), None)
    chunks = files.read_text(path)
    infotext = chunks.get("parameters", "")
    try:
        story = provenance.read_story(chunks)
    except ImageError as error:
        if provenance.has_story(chunks) and not infotext:
            raise ImageError(f"{str(path)!r}: {error}") from error
        story = {}
    if story.get("kind") == KIND:
        return _from_story(story, infotext, path)
    if story.get("kind") == SHOT_KIND:
        return RecordedShot(story, path)
    if not infotext:
        if {"workflow", "prompt"} & chunks.keys():
            raise ImageError(
                f"{str(path)!r} was made by ComfyUI: its workflow is no A1111 infotext; run it there"
            )
        raise ImageError(f"{str(path)!r} does not tell how it was made; its text may have been removed")
    try:
        return _from_infotext(infotext, path)
    except ImageError as error:
        raise ImageError(f"{str(path)!r}: {error}") from error


def _text_file(path: Path) -> str:
    try:
        if path.stat().st_size > MAX_TEXT_BYTES:
            raise ImageError(f"{str(path)!r} is too large to be an infotext")
        return path.read_text("utf-8-sig")
    except OSError as error:
        raise ImageError(f"{str(path)!r} cannot be read: {files.reason_of(error)}") from error
    except UnicodeDecodeError as error:
        raise ImageError(f"{str(path)!r} is no UTF-8 text") from error


def _from_story(story: Mapping[str, Any], infotext: str, path: Path) -> RecordedJob:
    stored = story.get("job")
    if not isinstance(stored, dict):
        raise ImageError(f"the prodgen story in {str(path)!r} is damaged")
    # A story comes with a file from anywhere: it must not name folders of this machine.
    fields = {name: value for name, value in stored.items() if name not in ("wildcards", "literal")}
    job = new_job(fields)
    controls = tuple(_located(control, path.parent) for control in job.controlnet)
    checkpoint, checkpoint_hash = story.get("checkpoint"), story.get("checkpoint_hash")
    return RecordedJob(
        job=job.model_copy(update={"controlnet": controls, "literal": True}),
        checkpoint=checkpoint if isinstance(checkpoint, str) else None,
        checkpoint_hash=checkpoint_hash if isinstance(checkpoint_hash, str) else None,
        infotext=infotext_values(infotext),
        path=path,
    )


def infotext_values(infotext: str) -> Mapping[str, str]:
    """Return keys and values of an infotext; nothing if it is none."""
    try:
        return infotexts.read(infotext).values
    except ImageError:
        return {}


def _located(control: Control, folder: Path) -> Control:
    """Find a control picture, of which a story keeps the name only, in the current folder or in `folder`."""
    name = control.picture.name
    try:
        found = next((path for path in (Path(name), folder / name) if path.is_file()), Path(name))
    except OSError as error:
        raise ImageError(f"the control picture {name!r} cannot be used: {files.reason_of(error)}") from error
    return control.model_copy(update={"picture": found})


def _from_infotext(text: str, path: Path | None) -> RecordedJob:
    read = infotexts.read(text)
    fields, not_repeated = job_fields(read)
    return RecordedJob(
        job=new_job(fields).model_copy(update={"literal": True}),
        checkpoint=read.values.get("Model"),
        checkpoint_hash=read.values.get("Model hash"),
        infotext=read.values,
        path=path,
        differences=tuple(Difference(name, words) for name, words in not_repeated.items()),
    )
