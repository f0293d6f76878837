"""`generate`: words in, pictures out, as one call of a Python program."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict, Unpack, overload

from prodgen.schema import Lora
from prodgen.text2image.controls import Control
from prodgen.text2image.drawing_pictures import OnProgress, draw_all, seeds_of
from prodgen.text2image.generated_picture import GeneratedPicture
from prodgen.text2image.picture_job import PictureJob, new_job

if TYPE_CHECKING:
    from prodgen.client import Client


class GenerateSettings(TypedDict, total=False):
    """The optional parameters of `generate` that do not say how many pictures there are."""

    negative_prompt: str
    size: str | None
    upscale: str | None
    seed: int | None
    model: str | None
    style: str | None
    preset: str
    checkpoint: str | None
    vae: str | None
    steps: int | None
    cfg_scale: float | None
    sampler_name: str | None
    scheduler: str | None
    loras: Sequence[str | Lora]
    controlnet: Sequence[str | Control]
    server_styles: Sequence[str]
    hires: float | None
    hires_upscaler: str | None
    denoising_strength: float | None
    upscaler: str
    restore_faces: bool
    tiling: bool
    wildcards: str | Path | None
    output: str | Path | None
    backend: str | Client
    dialect: str | None
    on_progress: OnProgress | None


@overload
def generate(
    prompt: str, *, count: None = None, **settings: Unpack[GenerateSettings]
) -> GeneratedPicture: ...
@overload
def generate(prompt: str, *, count: int, **settings: Unpack[GenerateSettings]) -> list[GeneratedPicture]: ...
def generate(
    prompt: str,
    *,
    count: int | None = None,
    negative_prompt: str = "",
    size: str | None = None,
    upscale: str | None = None,
    seed: int | None = None,
    model: str | None = None,
    style: str | None = None,
    preset: str = "auto",
    checkpoint: str | None = None,
    vae: str | None = None,
    steps: int | None = None,
    cfg_scale: float | None = None,
    sampler_name: str | None = None,
    scheduler: str | None = None,
    loras: Sequence[str | Lora] = (),
    controlnet: Sequence[str | Control] = (),
    server_styles: Sequence[str] = (),
    hires: float | None = None,
    hires_upscaler: str | None = None,
    denoising_strength: float | None = None,
    upscaler: str = "auto",
    restore_faces: bool = False,
    tiling: bool = False,
    wildcards: str | Path | None = None,
    output: str | Path | None = None,
    backend: str | Client = "auto",
    dialect: str | None = None,
    on_progress: OnProgress | None = None,
) -> GeneratedPicture | list[GeneratedPicture]:
    """Draw a picture from words, or with `count` several.

        generate("a red mug on a wooden table").save("mug.png")

    What is not offered here (refiner, second prompts, settings of the server ...) is a field of `PictureJob`,
    which `prodgen.text2image.draw_all` draws.

    Args:
        prompt: What to draw. `{a|b}` and `__name__` are filled in, `<lora:NAME:WEIGHT>` asks for a LoRA.
        count: Draw so many, with the seeds `seed`, `seed` + 1 ..., and return them as a list.
        negative_prompt: What should not be seen; without effect at cfg_scale 1.
        size: What is delivered: "2048x2048", "4:5", "2k"; None: the model's native size.
        upscale: Final enlargement, beyond `size`: a factor ("2") or a size ("4096x4096").
        seed: Decides the picture; None draws one, which the picture's `seed` tells.
        model: A model of the table, such as "sdxl-turbo": its checkpoint of the server, and how it is asked.
        style: A prompt style of the table, such as "product".
        preset: Family of checkpoints that steps, cfg_scale, sampler and size suit; "auto": by the name.
        checkpoint: Checkpoint of the server; None: the one that it has configured.
        vae: VAE of the server, "Automatic" or "None".
        steps: Sampling steps; None: the preset's.
        cfg_scale: Classifier-free guidance: weight of the prompt; None: the preset's.
        sampler_name: Sampler of the server; None: the preset's.
        scheduler: Noise schedule of the server; None: the preset's.
        loras: LoRAs of the server: `Lora` objects or "NAME:WEIGHT".
        controlnet: Control pictures: `Control` objects or "MODEL[+MODULE]:FILE[:WEIGHT]".
        server_styles: Prompt styles that are saved on the server.
        hires: Factor by which the picture is enlarged and drawn once more; 1: no second pass.
        hires_upscaler: Upscaler between the two passes; None: the best known.
        denoising_strength: How much the second pass may change, 0 to 1.
        upscaler: Upscaler of the finished picture; "auto": the best known, "none": interpolation.
        restore_faces: Run the server's face restoration over the result.
        tiling: Draw a picture that tiles without a seam.
        wildcards: Folder of NAME.txt for `__NAME__` in the prompts.
        output: File to write; of several pictures, each gets its seed behind the name, as in mug-7.png.
        backend: "auto" (the server at PRODGEN_BACKEND or 127.0.0.1:7860 if one answers, else the embedded
            one), "embedded://", a URL, or an open `Client`.
        dialect: The kind of server, such as "forge"; None: it is found out.
        on_progress: Called with the picture's number and the share of it that is done, 0 to 1.

    Returns:
        The picture, with `image`, `seed`, `notices` and `save()`; with `count` a list of pictures.

    Raises:
        SettingError: If a setting is wrong, or cannot be done on this server; nothing was drawn.
        ImageError: If a picture cannot be read or written.
        BackendError: If the server fails; pictures before that are written.
    """
    given = locals()
    job = new_job({name: given[name] for name in PictureJob.model_fields if name in given})
    chosen = seeds_of(job)
    outputs = None
    if output is not None:
        path = Path(output)
        outputs = [path if count is None else path.with_stem(f"{path.stem}-{one}") for one in chosen]
    with _connected(backend, dialect) as client:
        drawn = draw_all(job, client=client, seeds=chosen, outputs=outputs, on_progress=on_progress)
        pictures = list(drawn)
    return pictures[0] if count is None else pictures


def _connected(backend: str | Client, dialect: str | None) -> AbstractContextManager[Client]:
    """Return a client that is closed at the end, unless it is the caller's own."""
    if not isinstance(backend, str):
        return nullcontext(backend)
    from prodgen.client import Client as Connection  # HTTP is loaded when it is needed

    return Connection(backend, dialect=dialect)
