"""The pictures of a job, one after another: asked for, brought to size, saved whole with their story."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from prodgen import files
from prodgen.client import enlarge
from prodgen.errors import BackendError, SettingError, UnknownNameError, UnsupportedFeatureError
from prodgen.images import RgbImage
from prodgen.schema import Progress
from prodgen.schema.seeds import siblings
from prodgen.text2image import size_plan
from prodgen.text2image.generated_picture import GeneratedPicture
from prodgen.text2image.picture_job import PictureJob
from prodgen.text2image.planned_pictures import INTERPOLATION, JOB_FIELDS, PlannedPicture, planned_pictures
from prodgen.text2image.presets import AUTO

if TYPE_CHECKING:
    from prodgen.client import Client

ONLY_PLACES = (
    "the embedded backend draws places, floors and light, never the things in a prompt; "
    "a Stable Diffusion server draws those (--backend URL)"
)

NO_TILING = "the embedded backend cannot tile: this picture has seams; a Stable Diffusion server can"

SHARE_OF_DRAWING = 0.95
"""Share of the progress bar that drawing takes; enlarging and cutting take the rest."""

OnProgress = Callable[[int, float], None]
"""Called with the picture's number, from 0, and the share of it that is done, 0 to 1."""


def seeds_of(job: PictureJob) -> list[int]:
    """Return the seeds of a job's pictures; the first is drawn at random where the job has none."""
    return siblings(job.seed, job.count)


def draw_all(
    job: PictureJob,
    *,
    client: Client,
    seeds: Sequence[int] | None = None,
    outputs: Sequence[Path] | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[GeneratedPicture]:
    """Draw a job's pictures one after another, each saved before the next is begun.

    Args:
        job: What to draw.
        client: The server.
        seeds: Seeds of the pictures; None: those of `seeds_of`.
        outputs: A file for each seed; None: nothing is written.
        on_progress: Called with the picture's number and the share of it that is done.

    Raises:
        SettingError: If the job cannot be done on this server as asked; nothing was drawn.
        ImageError: If a picture cannot be read or written.
        BackendError: If the server fails; the pictures before are done and written.
    """
    chosen = seeds_of(job) if seeds is None else list(seeds)
    if outputs is not None and len(outputs) != len(chosen):
        raise SettingError(f"{len(outputs)} outputs for {len(chosen)} pictures")
    for path in outputs or ():
        files.format_of(path)
        files.refuse_overwriting(path, *(control.picture for control in job.controlnet))
    for number, planned in enumerate(planned_pictures(job, chosen, client)):
        picture = _draw(planned, number, client, on_progress)
        yield picture if outputs is None else picture.save(outputs[number])


def _draw(
    planned: PlannedPicture, number: int, client: Client, on_progress: OnProgress | None
) -> GeneratedPicture:
    report = on_progress or (lambda picture, fraction: None)
    started = time.perf_counter()
    report(number, 0.0)

    def report_drawing(progress: Progress) -> None:
        report(number, SHARE_OF_DRAWING * progress.fraction)

    try:
        generation = client.txt2img(planned.request, on_progress=report_drawing if on_progress else None)
    except UnknownNameError as error:
        error.setting = JOB_FIELDS.get(error.setting, error.setting)
        raise
    notices = [*client.notices, *planned.notices, *generation.notices]
    if client.is_embedded:
        notices.append(ONLY_PLACES)
        if planned.request.tiling:
            notices.append(NO_TILING)
    image = _at_size(generation.image, planned, client, notices)
    matte = next(iter(generation.mattes), None)
    report(number, 1.0)
    return GeneratedPicture(
        image=image,
        matte=None if matte is None else size_plan.fit(matte, planned.sizes.final),
        planned=planned,
        generation=generation,
        backend=client.name,
        is_diffusion=not client.is_embedded,
        notices=tuple(dict.fromkeys(notices)),
        seconds=time.perf_counter() - started,
    )


def _at_size(image: RgbImage, planned: PlannedPicture, client: Client, notices: list[str]) -> RgbImage:
    """Return the picture at the size that was asked for, by an upscaler where that is worth it."""
    final = planned.sizes.final
    drawn = image.shape[1], image.shape[0]
    factor = max(final[0] / drawn[0], final[1] / drawn[1])
    if factor > size_plan.MIN_UPSCALER_FACTOR and planned.job.upscaler != INTERPOLATION:
        if set(client.capabilities.upscalers) - {"None"}:
            width, height = size_plan.cover(drawn, final)
            try:
                large = enlarge(image, width, height, upscaler=planned.job.upscaler, client=client)
            except (BackendError, UnsupportedFeatureError) as error:
                if planned.job.upscaler != AUTO:
                    raise
                notices.append(f"interpolated from {drawn[0]}x{drawn[1]}: no upscaler did it ({error})")
            else:
                image = large.image
                notices += large.notices
                notices.append(f"enlarged from {drawn[0]}x{drawn[1]} by the upscaler {large.upscaler!r}")
        else:
            notices.append(f"this server has no upscaler: interpolated from {drawn[0]}x{drawn[1]}")
    return size_plan.fit(image, final)
