"""What is not the same in a picture that was made once more: a fact, and the sentence that says it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from prodgen import codecs, files, images
from prodgen.client import scheduler_key
from prodgen.replaying.makers.told_settings import size_of
from prodgen.replaying.numbers_told import number_of, whole_number_of
from prodgen.replaying.sampler_names import sampler_key, with_schedule_split
from prodgen.schema import model_names
from prodgen.transparency import on_white

LOSSY_FILE_PSNR_DB = 35.0
"""PSNR, in decibel, above which a difference may be the loss of JPEG or WebP alone.

Measured on five pictures at quality 75 to 95: JPEG 39 to 59 dB, WebP 36 to 49 dB."""


@dataclass(frozen=True)
class Difference:
    """One thing that is not as it was."""

    what: str
    """A key of the infotext where there is one, such as "Model"; else what differs, such as "pixels"."""
    words: str
    """A sentence."""

    def __str__(self) -> str:
        return self.words


def infotext_differences(
    before: Mapping[str, str], after: Mapping[str, str], *, known: Sequence[Difference] = ()
) -> list[Difference]:
    """Return the settings whose values differ between two infotexts.

    Args:
        before: Keys and values of the old infotext.
        after: Keys and values of the new one; empty where the server gave none, and then nothing is compared.
        known: Differences that were found before drawing, which are not repeated.
    """
    passed_over = {difference.what for difference in known}
    passed_over |= {f"{what} hash" for what in ("Model", "VAE") if what in passed_over}
    before, after = _schedule_apart(before), _schedule_apart(after)
    return [
        Difference(key, f"{key}: {value} then, {after.get(key, 'not said')} now")
        for key, value in before.items()
        if after
        and key not in passed_over
        and not _is_same_value(key, value, after.get(key))
        and not key.startswith(("Hires resize", "Hires upscale", "ADetailer ", "Embeddings"))
    ]


def _schedule_apart(values: Mapping[str, str]) -> Mapping[str, str]:
    """Return an infotext's values with the schedule beside the sampler; before 1.9 A1111 had it behind."""
    sampler, schedule = with_schedule_split(values.get("Sampler", ""))
    return values if schedule is None else {**values, "Sampler": sampler, "Schedule type": schedule}


def pixel_differences(
    path: Path, after: images.RgbImage, *, alpha: images.Matte | None = None
) -> list[Difference]:
    """Return how far a new picture is from the one in a file; nothing if both are the same in 8 bit.

    Args:
        path: The old picture, whose ending tells whether it was stored with a loss.
        after: The new picture, (H, W, 3), sRGB, [0, 1].
        alpha: Its alpha, (H, W); both are then compared on white, as nobody sees colours under alpha 0.

    Raises:
        ImageError: If the file cannot be read.
    """
    photo = files.load(path)
    before = photo.rgb
    if alpha is not None and photo.matte is not None:
        before = on_white(before, photo.matte)
    if alpha is not None:
        after = on_white(images.from_uint8(images.to_uint8(after)), images.from_uint8(images.to_uint8(alpha)))
    if before.shape != after.shape:
        sizes = f"{before.shape[1]}x{before.shape[0]} then, {after.shape[1]}x{after.shape[0]} now"
        return [Difference("pixels", f"size: {sizes}; it may have been enlarged or cut afterwards")]
    error = float(np.mean(np.square(images.to_uint8(before).astype(np.float32) - images.to_uint8(after))))
    if error == 0:
        return []
    psnr_db = 10 * np.log10(255**2 / error)
    is_lossy = codecs.FORMATS.get(path.suffix.lower()) in ("JPEG", "WEBP")
    by_itself = (
        "; JPEG and WebP lose as much by themselves" if is_lossy and psnr_db > LOSSY_FILE_PSNR_DB else ""
    )
    return [Difference("pixels", f"the pixels differ: PSNR {psnr_db:.1f} dB{by_itself}")]


def _is_same_value(key: str, one: str, other: str | None) -> bool:
    if other is None:
        return key == "Schedule type" and one == "Automatic"  # what a sampler has by itself
    if key in ("Sampler", "Hires sampler"):
        return sampler_key(one) == sampler_key(other)
    if key.endswith(("Schedule type", "schedule type")):
        return scheduler_key(one) == scheduler_key(other)
    if key in ("Model", "VAE", "Refiner", "Hires checkpoint"):
        return model_names.same_file(one, other)
    if key in ("Model hash", "VAE hash"):  # of two kinds of hashes none can be compared
        return one == other or model_names.same_hash(one, other) is not False
    size = size_of(one)
    if key == "Size" and size is not None:
        return size == size_of(other)
    # Whole numbers are compared as such: seeds have more digits than a float holds.
    numbers = [whole_number_of(x) if key == "Seed" else number_of(x) for x in (one, other)]
    return one == other or (numbers[0] is not None and numbers[0] == numbers[1])
