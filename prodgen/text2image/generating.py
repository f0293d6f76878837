"""Pictures drawn from words: asked for, brought to size, saved whole with their story."""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prodgen import __version__, codecs, files, provenance
from prodgen.client.work.enlarging import enlarge
from prodgen.dialects import infotexts
from prodgen.errors import ImageError, SettingError
from prodgen.images import RgbImage
from prodgen.schema import Generation, Progress
from prodgen.text2image import plan
from prodgen.text2image.job import Job, draw_seed
from prodgen.text2image.orders import Order, orders_for

if TYPE_CHECKING:
    from prodgen.client import Client

KIND = "generate"
"""What tells these stories from those of product shots."""

ONLY_PLACES = (
    "the embedded backend draws places, floors and light, never the things in a prompt; "
    "a Stable Diffusion server draws those (--backend URL)"
)

NO_TILING = "the embedded backend cannot tile: this picture has seams; a Stable Diffusion server can"

OnProgress = Callable[[int, float], None]
"""Is told the picture's number from 0, and how far it is, 0 to 1."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One finished picture."""

    image: RgbImage
    """(H, W, 3), sRGB, [0, 1]."""
    order: Order
    generation: Generation
    backend: str
    is_diffusion: bool
    notices: tuple[str, ...]
    seconds: float
    path: Path | None = None
    """Where it was written, if it was."""

    @property
    def seed(self) -> int:
        """What decided it, beside the job."""
        return self.order.request.seed

    @property
    def infotext(self) -> str:
        """The server's line on it; "" if it gave none."""
        return self.generation.infotexts[0] if self.generation.infotexts else ""

    @property
    def version(self) -> str | None:
        """Version of the server's program, as far as it says."""
        told = self.generation.info.get("version")
        return str(told) if told else None

    def as_dict(self) -> dict[str, Any]:
        """Return everything about the picture but its pixels, ready for JSON."""
        written = {} if self.path is None else {"picture": str(self.path)}
        return {**written, **self.story(), "seconds": round(self.seconds, 3)}

    def story(self) -> dict[str, Any]:
        """Return what the file tells: with it, `again` draws the picture once more."""
        order, applied = self.order, self.generation.applied
        choices = (*order.filled.choices, *order.filled_negative.choices)
        return {
            "kind": KIND,
            "size": [self.image.shape[1], self.image.shape[0]],
            "way": order.plan.words(),
            "prompt": order.request.prompt,
            "negative_prompt": order.request.negative_prompt or "",
            "template": order.template if choices else None,
            "choices": [list(choice) for choice in choices],
            "seed": self.seed,
            "loras": {lora.name: lora.weight for lora in order.request.loras},
            "lora_hashes": dict(applied.loras),
            "preset": order.preset.name,
            "job": order.job.story(),
            "backend": self.backend,
            "checkpoint": applied.checkpoint,
            "checkpoint_hash": applied.checkpoint_hash,
            "vae": applied.vae,
            "sampler": applied.sampler,
            "scheduler": applied.scheduler,
            "notices": list(self.notices),
            "versions": {
                "prodgen": __version__,
                "python": platform.python_version(),
                "server": self.version,
            },
        }

    def text(self) -> dict[str, str]:
        """Return the story as the text chunks that go into the file."""
        kind = provenance.TRAINED_MEDIA if self.is_diffusion else provenance.COMPOSITE_SYNTHETIC
        return provenance.text_chunks(self.story(), infotext=self.infotext, source_type=kind)


def seeds_of(job: Job) -> list[int]:
    """Return the seeds of a job's pictures; the first is drawn where the job has none."""
    first = draw_seed() if job.seed is None else job.seed
    return [(first + number) % 2**32 for number in range(job.count)]


def generate(
    job: Job,
    *,
    client: Client,
    seeds: Sequence[int] | None = None,
    outputs: Sequence[Path] | None = None,
    on_progress: OnProgress | None = None,
) -> Iterator[Picture]:
    """Draw a job's pictures one after another, each saved before the next is begun.

    Args:
        job: What to draw.
        client: The server.
        seeds: Of the pictures; unset: the job's.
        outputs: A file for each seed; unset: nothing is written.
        on_progress: Is told the picture's number and how far it is.

    Raises:
        SettingError: If the job cannot be done on this server as asked; nothing was drawn.
        ImageError: If a picture cannot be read or written.
        BackendError: If the server fails; the pictures before are done and written.
    """
    chosen = list(seeds) if seeds is not None else seeds_of(job)
    if outputs is not None and len(outputs) != len(chosen):
        raise SettingError(f"{len(outputs)} outputs for {len(chosen)} pictures")
    for path in outputs or ():
        if path.suffix.lower() not in codecs.FORMATS:
            raise ImageError(f"{path.name!r}: the ending must be one of {', '.join(codecs.FORMATS)}")
        files.refuse_overwriting(path, *(control.picture for control in job.controlnet))
    for number, order in enumerate(orders_for(job, chosen, client)):
        picture = _draw(order, number, client, on_progress, None if outputs is None else outputs[number])
        if picture.path is not None:
            files.save(picture.path, picture.image, text=picture.text())
        yield picture


def _draw(
    order: Order, number: int, client: Client, on_progress: OnProgress | None, path: Path | None
) -> Picture:
    tell = on_progress or (lambda picture, fraction: None)
    begun = time.perf_counter()
    tell(number, 0.0)

    def report(progress: Progress) -> None:
        tell(number, 0.95 * progress.fraction)

    generation = client.txt2img(order.request, on_progress=report if on_progress else None)
    notices = [*client.notices, *order.notices, *generation.notices, *_about_words(generation)]
    if client.is_embedded:
        notices.append(ONLY_PLACES)
        if order.request.tiling:
            notices.append(NO_TILING)
    image = _at_size(generation.image, order, client, notices)
    tell(number, 1.0)
    return Picture(
        image=image,
        order=order,
        generation=generation,
        backend=client.name,
        is_diffusion=not client.is_embedded,
        notices=tuple(dict.fromkeys(notices)),
        seconds=time.perf_counter() - begun,
        path=path,
    )


def _at_size(image: RgbImage, order: Order, client: Client, notices: list[str]) -> RgbImage:
    """Return the picture at the size that was asked for, by an upscaler where that is worth it."""
    final = order.plan.final
    drawn = image.shape[1], image.shape[0]
    factor = max(final[0] / drawn[0], final[1] / drawn[1])
    if factor > plan.WORTH_AN_UPSCALER and order.job.grow != "none":
        if set(client.capabilities.upscalers) - {"None"}:
            width, height = plan.cover(drawn, final)
            image, name = enlarge(image, width, height, upscaler=order.job.upscaler, client=client)
            notices.append(f"enlarged from {drawn[0]}x{drawn[1]} by the upscaler {name!r}")
        else:
            notices.append(f"this server has no upscaler: interpolated from {drawn[0]}x{drawn[1]}")
    return plan.fit(image, final)


def _about_words(generation: Generation) -> list[str]:
    """The embedded backend says which words it could do nothing with."""
    told = infotexts.pairs(generation.infotexts[0].rsplit("\n", 1)[-1]) if generation.infotexts else {}
    unknown = told.get("Unknown words")
    return [f"the backend does not know these words of the prompt: {unknown}"] if unknown else []
