"""What a picture's file tells of how it was made: our own story, or what another program wrote.

Reads text only; nothing is drawn, no server is asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from prodgen import files, provenance
from prodgen.dialects import infotexts
from prodgen.errors import ImageError
from prodgen.replaying.differences import Difference
from prodgen.replaying.makers import ToldSettings, told_by
from prodgen.replaying.meanings import UNSAID, job_fields, passed_over
from prodgen.shots.examples import KIND as SHOT_KIND
from prodgen.text2image import KIND, Control, PictureJob, new_job
from prodgen.text2image.own_workflows import WORKFLOW_KIND, OwnWorkflow, workflow_of_story


@dataclass(frozen=True)
class RecordedJob:
    """How a picture was drawn from words, by any program that a reader knows."""

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
    usual_options: Mapping[str, Any] = field(default_factory=dict)
    """Options of the server that the file passes over, because they were as they are when installed."""


@dataclass(frozen=True)
class RecordedShot:
    """How prodgen put a product into a scene; the photograph is needed to do so again."""

    story: Mapping[str, Any]
    """The picture's story."""
    path: Path
    """The picture."""


@dataclass(frozen=True)
class RecordedWorkflow:
    """How a ComfyUI workflow of somebody's own drew a picture."""

    workflow: OwnWorkflow
    seed: int | None
    infotext: Mapping[str, str]
    """Keys and values of the infotext, to compare with the new one."""
    path: Path
    """The picture."""


def read_recorded(path: Path) -> RecordedJob | RecordedShot | RecordedWorkflow:
    """Read how a picture was made.

    Args:
        path: A picture, or a .txt file with an infotext.

    Raises:
        ImageError: If it cannot be read, or does not tell how it was made.
        SettingError: If a setting in it is out of range.
    """
    chunks = files.read_text(path)
    try:
        story = provenance.read_story(chunks)
    except ImageError as error:
        if provenance.has_story(chunks) and "parameters" not in chunks:
            raise ImageError(f"{str(path)!r}: {error}") from error
        story = {}
    if story.get("kind") == KIND:
        return _from_story(story, chunks.get("parameters", ""), path)
    if story.get("kind") == SHOT_KIND:
        return RecordedShot(story, path)
    if story.get("kind") == WORKFLOW_KIND:
        seed = story.get("seed")
        values = infotext_values(chunks.get("parameters", ""))
        workflow = workflow_of_story(story, path.parent)
        return RecordedWorkflow(workflow, seed if isinstance(seed, int) else None, values, path)
    try:
        return _from_told(told_by(chunks), None if files.is_text(path) else path)
    except ImageError as error:
        raise ImageError(f"{str(path)!r}: {error}") from error


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


def _saying_something(values: Mapping[str, str], fields: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings that another infotext can be compared by: those with a value that had an effect."""
    idle = {"Denoising strength"} if "hires_upscaler" not in fields else set()
    idle |= {"Refiner", "Refiner switch at"} if "refiner" not in fields else set()
    return {
        key: value for key, value in values.items() if value.strip().lower() not in UNSAID and key not in idle
    }


def _from_told(told: ToldSettings, path: Path | None) -> RecordedJob:
    differences: list[Difference] = []
    if path is not None and told.size is None:
        height, width = files.load(path).rgb.shape[:2]
        told = replace(told, values={**told.values, "Size": f"{width}x{height}"})
        differences.append(
            Difference("Size", f"no size is told; that of the picture, {width}x{height}, is used")
        )
    fields, not_repeated = job_fields(told)
    differences += [Difference(name, words) for name, words in not_repeated.items()]
    checkpoint = told.values.get("Model", "").strip()
    return RecordedJob(
        job=new_job(fields).model_copy(update={"literal": True}),
        checkpoint=checkpoint if checkpoint.lower() not in UNSAID else None,
        checkpoint_hash=told.values.get("Model hash"),
        infotext=_saying_something(told.values, fields),
        path=path,
        differences=tuple(differences),
        usual_options=passed_over(told),
    )
