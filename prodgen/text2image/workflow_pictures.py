"""A picture that a workflow of the user's own drew: run, kept with its story, and returned to a program."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from prodgen import files
from prodgen.images import RgbImage
from prodgen.schema import Generation, Progress
from prodgen.text2image.own_workflows import OwnWorkflow, took_seed

if TYPE_CHECKING:
    from prodgen.client import Client


@dataclass(frozen=True, eq=False)
class WorkflowPicture:
    """One finished picture."""

    workflow: OwnWorkflow
    generation: Generation
    """The server's answer."""
    seed: int | None
    """None: the workflow takes none."""
    seconds: float
    path: Path | None = None
    """File that it was written to; None: it is in memory only."""

    @property
    def image(self) -> RgbImage:
        """Its pixels, (H, W, 3), sRGB, [0, 1]."""
        return self.generation.image

    @property
    def infotext(self) -> str:
        """A1111's line of parameters; "" if the server gave none."""
        return self.generation.infotexts[0] if self.generation.infotexts else ""

    def save(self, path: Path) -> Self:
        """Write the picture with its story, whole or not at all, and return the picture that knows its file.

        Raises:
            ImageError: If the ending is unknown or the file cannot be written.
        """
        self.workflow.save(self.generation, path, self.seed)
        return replace(self, path=path)

    def as_dict(self) -> dict[str, Any]:
        """Return everything about the picture but its pixels, ready for JSON."""
        written = {} if self.path is None else {"picture": str(self.path)}
        story = self.workflow.story(self.generation, self.seed)
        return {**written, **story, "seconds": round(self.seconds, 3)}

    def __repr__(self) -> str:
        height, width = self.image.shape[:2]
        return f"<WorkflowPicture {width}x{height}, seed {self.seed}>"


def draw_workflow(
    workflow: OwnWorkflow,
    seed: int,
    *,
    client: Client,
    output: Path | None = None,
    on_progress: Callable[[float], None] | None = None,
) -> WorkflowPicture:
    """Run a workflow, and return its picture, which is written if an output is given.

    Args:
        workflow: What to run.
        seed: For every seed in it.
        client: A ComfyUI server.
        output: The file.
        on_progress: Called with the share that is done, 0 to 1.

    Raises:
        UnsupportedFeatureError: If the server runs no workflows.
        ImageError: If the picture cannot be written.
        BackendError: If the server fails.
    """
    if output is not None:
        files.format_of(output)
    started = time.perf_counter()

    def report(progress: Progress) -> None:
        if on_progress is not None:
            on_progress(progress.fraction)

    drawn = client.txt2img(workflow.request(seed, client), on_progress=report if on_progress else None)
    used = seed if took_seed(drawn) else None
    picture = WorkflowPicture(workflow, drawn, used, time.perf_counter() - started)
    return picture if output is None else picture.save(output)
