"""/txt2img and /img2img: a request's fields to a job, a finished job to the answer.

The order in which things are checked is the real server's, because it decides which of several
faults a client sees, and whether its task stays in the queue for ever.
"""

from __future__ import annotations

import math
import random
import re
import secrets
import string
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np

from prodgen.engines.ibl.looks import split_prompt
from prodgen.server import inpainting, sampling
from prodgen.server.fields import IMG2IMG, TXT2IMG, Fields, read_fields
from prodgen.server.ic_light_script import on_grey
from prodgen.server.infotext import Facts, fill_from_infotext, info_json, infotext
from prodgen.server.inventory import SAMPLERS, SCHEDULERS, resolve_sampler
from prodgen.server.sampling import Job
from prodgen.server.state import Machine
from prodgen.server.wire import (
    Answer,
    Crashed,
    Pixels,
    Refused,
    encode_png,
    encode_with_exif,
    images_answer,
    read_picture,
    to_base64,
)

SEEDS = 2**32 - 2
"""A seed that is drawn is below this."""

ENCODERS = 4
"""Pictures of one answer that are encoded at once."""

_COMMENT = re.compile(r"#.*$", re.MULTILINE)
_LETTERS = string.ascii_uppercase + string.digits
_CONTENT_TYPES = {"png": "image/png", "jpg": "image/jpeg", "jpeg": "image/jpeg", "webp": "image/webp"}
_FILLS = {0: "fill", 2: "latent noise", 3: "latent nothing"}


def txt2img(machine: Machine, body: dict[str, Any]) -> Answer:
    """Answer POST /sdapi/v1/txt2img.

    Raises:
        Invalid, Refused, Crashed: As the real server does.
    """
    fields = read_fields(TXT2IMG, fill_from_infotext(body))
    arguments = _script_arguments(machine, fields)
    _check_sampler(machine, fields)
    with _queued(machine, "txt2img", fields) as job:
        _begin(machine, job)
        _sample(machine, job, arguments)
    return _answer(machine, job, fields)


def img2img(machine: Machine, body: dict[str, Any]) -> Answer:
    """Answer POST /sdapi/v1/img2img.

    Raises:
        Invalid, Refused, Crashed: As the real server does.
    """
    fields = read_fields(IMG2IMG, fill_from_infotext(body))
    if fields["init_images"] is None:
        raise Refused(404, "Init image not found")
    mask = read_picture(fields["mask"]) if fields["mask"] else None
    arguments = _script_arguments(machine, fields)
    _check_sampler(machine, fields)
    with _queued(machine, "img2img", fields) as job:
        # Before the task begins: a bad init image leaves it pending for ever.
        job.inits = [read_picture(text) for text in fields["init_images"]]
        _begin(machine, job)
        if fields["mask"] == "":
            raise Crashed("AttributeError", "'str' object has no attribute 'mode'")
        if fields["latent_mask"] is not None:
            raise Crashed("AttributeError", "'str' object has no attribute 'convert'")
        if mask is not None:
            job.mask = inpainting.mask_of(mask, rounded=fields["mask_round"] is not False)
            if fields["inpainting_mask_invert"]:
                job.mask = 255 - job.mask
        _sample(machine, job, arguments)
    hidden = {} if fields["include_init_images"] else {"init_images": None, "mask": None}
    return _answer(machine, job, {**fields, **hidden})


def _script_arguments(machine: Machine, fields: Fields) -> object:
    """Return IC-Light's arguments; fail for scripts that are not here."""
    if fields["script_name"]:
        raise Refused(422, f"Script '{fields['script_name']}' not found")
    known = {"refiner", "sampler", "seed"} | ({"ic light"} if machine.ic_light.dialect else set())
    arguments: object = None
    for title, value in fields["alwayson_scripts"].items():
        if title.lower() not in known:
            raise Refused(422, f"Script '{title}' not found")
        if value is None or isinstance(value, (int, float)):
            raise Crashed("TypeError", f"argument of type {type(value).__name__!r} is not iterable")
        if not isinstance(value, Mapping) or "args" not in value:
            continue  # a list in place of the dict is ignored silently
        if not isinstance(value["args"], (list, str, Mapping)):
            raise Crashed("TypeError", f"object of type {type(value['args']).__name__!r} has no len()")
        if title.lower() == "ic light":
            arguments = value["args"]
    return arguments


def _check_sampler(machine: Machine, fields: Fields) -> None:
    if machine.release == "1.9" and (fields["sampler_name"] or fields["sampler_index"]) not in SAMPLERS:
        raise Refused(404, "Sampler not found")


def _sampler(machine: Machine, fields: Fields) -> tuple[str, str | None]:
    """Return the names of what runs; 1.9 shows an unknown schedule as it was sent, and none if none was."""
    sampler, schedule = resolve_sampler(fields["sampler_name"], fields["sampler_index"], fields["scheduler"])
    return sampler, fields["scheduler"] if machine.release == "1.9" else schedule


@contextmanager
def _queued(machine: Machine, route: str, fields: Fields) -> Iterator[Job]:
    """Wait for one's turn; inside, the global lock is held."""
    name = "".join(secrets.choice(_LETTERS) for _ in range(7))
    task = fields["force_task_id"] or f"task({route}-{name})"
    machine.tasks.add(task)
    with machine.lock.held():
        job = Job(route, task, fields, "", "", (), (0, 0))
        try:
            yield job
            machine.tasks.finish(task)  # not where it failed: then it stays "active"
        finally:
            machine.state.end()


def _begin(machine: Machine, job: Job) -> None:
    machine.state.begin(f"scripts_{job.route}")
    machine.tasks.start(job.task)


def _sample(machine: Machine, job: Job, arguments: object) -> None:
    fields = job.fields
    overrides = fields["override_settings"]
    restore = fields["override_settings_restore_afterwards"] is not False
    with machine.settings.overridden(overrides, restore=restore):
        if fields["prompt"] is None or fields["negative_prompt"] is None:
            raise Crashed("AssertionError", "")
        _check_inits(job)
        sampling.check_numbers(fields)
        _check_refiner(machine, fields)
        clip_skip = _clip_skip(machine)
        job.size = sampling.floored(fields)
        sampling.hires_size(fields)
        prompt = _COMMENT.sub("", fields["prompt"])
        negative = _COMMENT.sub("", fields["negative_prompt"])
        job.prompt, loras = split_prompt(prompt, machine.loras)
        job.negative_prompt = split_prompt(negative, machine.loras)[0]
        job.loras = [] if fields["disable_extra_networks"] else loras
        count = fields["batch_size"] * fields["n_iter"]
        job.seeds, subseeds = _seeds(fields, count)
        unit = machine.ic_light.read(arguments, job.inits[0] if job.inits else None)
        if machine.release == "1.9":  # lacks the hook that IC-Light uses
            unit = replace(unit, relights=False, shows_subject=False)
        job.unit = unit
        sampling.run(machine, job)
        sampler, schedule = _sampler(machine, fields)
        job.facts = Facts(
            prompt=prompt,
            negative_prompt=negative,
            seeds=job.seeds,
            subseeds=subseeds,
            sampler=sampler,
            schedule=schedule,
            model_name=machine.settings.checkpoint.name,
            model_hash=machine.settings.checkpoint.short_hash,
            version=machine.version,
            clip_skip=clip_skip,
            fields=fields,
            extra=_extra_parameters(machine, job),
            job_timestamp=machine.state.job_timestamp,
        )
        if fields["save_images"]:
            _save(machine, job)


def _check_inits(job: Job) -> None:
    if job.route != "img2img":
        return
    if not job.inits:
        text = "Expected 3D (unbatched) or 4D (batched) input to conv2d, but got input of size: [0]"
        raise Crashed("RuntimeError", text)
    batch = job.fields["batch_size"] or 1
    if len(job.inits) > batch:
        text = f"bad number of images passed: {len(job.inits)}; expecting {batch} or less"
        raise Crashed("RuntimeError", text)


def _check_refiner(machine: Machine, fields: Fields) -> None:
    name = fields["refiner_checkpoint"]
    if name and name != "None" and machine.settings.find_checkpoint(name) is None:
        raise Crashed("Exception", f"Could not find checkpoint with name {name}")


def _clip_skip(machine: Machine) -> int:
    value = machine.settings["CLIP_stop_at_last_layers"]
    if not isinstance(value, (int, float)):
        raise Crashed("TypeError", f"bad operand type for unary -: {type(value).__name__!r}")
    return int(value)


def _seeds(fields: Fields, count: int) -> tuple[list[int], list[int]]:
    first, second = (
        random.randrange(SEEDS) if value is None or value == -1 else int(value)  # noqa: S311 - no secret
        for value in (fields["seed"], fields["subseed"])
    )
    varies = bool(fields["subseed_strength"])
    return [first + (0 if varies else i) for i in range(count)], [second + i for i in range(count)]


def _extra_parameters(machine: Machine, job: Job) -> dict[str, Any]:
    """Return extra_generation_params, in the order of the real server; ours come last."""
    fields = job.fields
    extra: dict[str, Any] = {}
    if job.route == "img2img":
        extra |= _img2img_parameters(job)
    if fields.get("enable_hr"):
        extra |= _hires_parameters(fields)
    if job.loras:
        extra["Lora hashes"] = ", ".join(f"{m.name}: {m.sha256[:12]}" for m, _ in job.loras)
    schedule = _sampler(machine, fields)[1]
    if schedule in SCHEDULERS and schedule != "Automatic":
        extra["Schedule type"] = schedule
    refiner = machine.settings.find_checkpoint(fields["refiner_checkpoint"] or "")
    if refiner is not None and fields["refiner_switch_at"]:
        extra |= {"Refiner": refiner.title, "Refiner switch at": fields["refiner_switch_at"]}
    if job.scene is not None:
        extra |= {"Scene": job.scene.scene, "Floor": job.scene.floor}
        if job.scene.unknown_words:
            extra["Unknown words"] = ", ".join(job.scene.unknown_words)
    return extra


def _img2img_parameters(job: Job) -> dict[str, Any]:
    fields = job.fields
    extra: dict[str, Any] = {"Denoising strength": fields["denoising_strength"]}
    if fields["initial_noise_multiplier"] not in (None, 1.0):
        extra["Noise multiplier"] = fields["initial_noise_multiplier"]
    if job.mask is None:
        return extra
    if fields["inpainting_mask_invert"]:
        extra["Mask mode"] = "Inpaint not masked"
    x, y = inpainting.blur_px(fields)
    if x > 0 or y > 0:
        extra["Mask blur"] = x if x == y else None
    if fields["inpaint_full_res"] and job.mask.any():
        extra |= {"Inpaint area": "Only masked", "Masked area padding": fields["inpaint_full_res_padding"]}
    if fields["inpainting_fill"] in _FILLS:
        extra["Masked content"] = _FILLS[fields["inpainting_fill"]]
    return extra


def _hires_parameters(fields: Fields) -> dict[str, Any]:
    extra: dict[str, Any] = {
        "Denoising strength": fields["denoising_strength"],
        "Hires prompt": fields["hr_prompt"] or None,
        "Hires negative prompt": fields["hr_negative_prompt"] or None,
        "Hires schedule type": None,
    }
    if fields["hr_resize_x"] or fields["hr_resize_y"]:
        extra["Hires resize"] = f"{fields['hr_resize_x']}x{fields['hr_resize_y']}"
    else:
        extra["Hires upscale"] = fields["hr_scale"]
    if fields["hr_second_pass_steps"]:
        extra["Hires steps"] = fields["hr_second_pass_steps"]
    if fields["hr_upscaler"]:
        extra["Hires upscaler"] = fields["hr_upscaler"]
    return extra


def _save(machine: Machine, job: Job) -> None:
    """Save the results as the options say, in memory."""
    settings = machine.settings
    kind = str(settings["samples_format"]).lower()
    if kind not in _CONTENT_TYPES:
        return
    folder = str(settings[f"outdir_{job.route}_samples"])
    if settings["save_to_dirs"]:
        folder += f"/{machine.state.job_timestamp[:8]}"
    for index, pixels in enumerate(job.results):
        pattern = str(settings["samples_filename_pattern"]) or "[seed]"
        name = pattern.replace("[seed]", str(job.seeds[index])).replace("[date]", job.facts.job_timestamp[:8])
        if settings["save_images_add_number"]:
            name = f"{machine.files.next_number():05}-{name}"
        data = _encoded(machine, pixels, infotext(job.facts, index))
        machine.files.add(f"{folder}/{name}.{kind}", _CONTENT_TYPES[kind], data)


def _encoded(machine: Machine, pixels: Pixels, text: str | None) -> bytes:
    kind = str(machine.settings["samples_format"]).lower()
    if kind == "png":
        return encode_png(pixels, {"parameters": text} if text else None, level=machine.png_level)
    if kind in _CONTENT_TYPES:
        quality = int(machine.settings["jpeg_quality"])
        return encode_with_exif(pixels, text, kind=kind, quality=quality)
    raise Refused(500, "Invalid image format")


def _answer(machine: Machine, job: Job, shown: Fields) -> Answer:
    """Return the answer of a finished job: [grid], results, extras, details."""
    fields = job.fields
    texts = [infotext(job.facts, index) for index in range(len(job.results))]
    pictures: list[tuple[Pixels, str | None]] = []
    for index, pixels in enumerate(job.results):
        pictures.append((pixels, texts[index]))
        pictures += [(extra, None) for extra in job.after[index]]
    has_grid = fields["save_images"] and len(job.results) > 1
    if has_grid:
        pictures.insert(0, (_grid(job.results), texts[0]))
        texts.insert(0, texts[0])
    images = _encode_all(machine, job, pictures) if fields["send_images"] else []
    info = info_json(job.facts, infotexts=texts, first=int(has_grid))
    return images_answer("images", images, {"parameters": shown, "info": info})


def _encode_all(machine: Machine, job: Job, pictures: list[tuple[Pixels, str | None]]) -> list[bytes]:
    """Return the results and the extras after them in base64; encoding releases the GIL, so side by side."""
    subject = job.unit.subject if job.unit.shows_subject else None
    if subject is not None and machine.ndarray_bug:
        raise Crashed("AttributeError", "'numpy.ndarray' object has no attribute 'info'")
    extras = [] if subject is None else [on_grey(subject)]
    wanted = [*pictures, *((pixels, None) for pixels in [*extras, *job.details])]

    def encode(item: tuple[Pixels, str | None]) -> bytes:
        return to_base64(_encoded(machine, *item))

    if len(wanted) == 1:
        return [encode(wanted[0])]
    with ThreadPoolExecutor(ENCODERS) as pool:
        images = list(pool.map(encode, wanted))
    if subject is not None and machine.false_strings:
        images[len(pictures)] = b"False"
    return images


def _grid(results: Sequence[Pixels]) -> Pixels:
    """Return the results side by side, in as many rows as make the grid nearly square."""
    rows = math.isqrt(len(results))
    while len(results) % rows:
        rows -= 1
    columns = len(results) // rows
    lines = [np.hstack(list(results[row * columns : (row + 1) * columns])) for row in range(rows)]
    return np.vstack(lines)
