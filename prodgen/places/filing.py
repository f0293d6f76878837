"""What is written of a finished picture, in the order in which a crash may come in between.

Thumbnails, then the sidecar, then the picture itself, each whole: a picture that is there has its sidecar,
and by the sidecar's digest a later run knows it without rendering it again.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from prodgen import codecs
from prodgen.catalogue import Order
from prodgen.errors import ProductNotKeptError
from prodgen.images import RgbImage, reduced
from prodgen.ledger import PictureRecord, sidecar_bytes, sidecar_name, thumbnail_names
from prodgen.shots import Result, deliver
from prodgen.shots.appearance import appearance, photo_as_placed
from prodgen.storage import Store

BEFORE_PX, AFTER_PX = 640, 320
"""Longer sides of the thumbnails; the photograph lies under the larger picture of the report's slider."""

THUMBNAIL_QUALITY = 80
"""Quality of their JPEG: 5 to 15 KB each, which is what the report's 10,000 rows were measured with."""


def file_away(
    order: Order, result: Result, store: Store, *, place: str, photo_sha256: Mapping[str, str]
) -> PictureRecord:
    """Write a picture with its sidecar and thumbnails, and return its record.

    Raises:
        ProductNotKeptError: If it is not to be delivered; it is then kept aside.
        StorageError: If it cannot be written.
    """
    written: dict[str, bytes] = {}

    def write(target: Path, data: bytes) -> None:
        written[str(PurePosixPath(order.output).with_name(target.name))] = data

    try:
        result = deliver(result, write)
    except ProductNotKeptError as error:
        for name, data in written.items():
            store.put(name, data)
        aside = next(reversed(written), None)  # the picture comes last, after a shadow of its own
        raise ProductNotKeptError(error.numbers, error.reasons, aside) from error
    *beside, (output, picture) = written.items()
    for name, data in beside:  # a shadow of its own
        store.put(name, data)
    before, after = thumbnail_names(order.slot)
    store.put(before, _jpeg(photo_as_placed(result.frame, BEFORE_PX)))
    store.put(after, _jpeg(_small(result.image)))
    verdict, story = result.verdict, result.as_dict()
    record = PictureRecord(
        output=output,
        sha256=hashlib.sha256(picture).hexdigest(),
        size=len(picture),
        seed=result.seed,
        status=verdict.status or "pass",
        headline=verdict.headline,
        reasons=verdict.reasons(),
        notices=result.notices,
        identity=story["identity"] or {},
        profile=result.shot.recipe.profile,
        cut_out=story["cut_out"] or {},
        look=appearance(result.frame),
        place=place,
        seconds=story["seconds"],
        before=before,
        after=after,
        photo_sha256=dict(photo_sha256),
        finished_at=time.time(),
    )
    store.put(sidecar_name(output), sidecar_bytes(order, record, {**story, "picture": output}))
    store.put(output, picture)
    return record


def _small(image: RgbImage) -> RgbImage:
    height, width = image.shape[:2]
    factor = min(1.0, AFTER_PX / max(height, width))
    return reduced(image, (max(1, round(width * factor)), max(1, round(height * factor))))


def _jpeg(image: RgbImage) -> bytes:
    return codecs.encode("JPEG", image, quality=THUMBNAIL_QUALITY)
