"""What lies beside a picture: the JSON file by which a ledger knows a picture that it has not seen made."""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from prodgen.catalogue import Order
from prodgen.ledger.records import PictureRecord


@dataclass(frozen=True, slots=True)
class Sidecar:
    """What a picture's sidecar says about it."""

    order: Order
    digest: str
    """Digest of the order when the picture was made."""
    record: PictureRecord


def sidecar_name(output: str) -> str:
    """Return the name of a picture's sidecar: the picture's, with .json for its ending."""
    return f"{posixpath.splitext(output)[0]}.json"


def thumbnail_names(slot: str) -> tuple[str, str]:
    """Return the names of a slot's thumbnails, photograph and picture: the same in every run."""
    digest = hashlib.sha256(slot.encode()).hexdigest()[:24]
    folder = f"thumbnails/{digest[:2]}"
    return f"{folder}/{digest}-before.jpg", f"{folder}/{digest}-after.jpg"


def sidecar_bytes(order: Order, record: PictureRecord, story: Mapping[str, Any]) -> bytes:
    """Return a sidecar's content: a picture's story, and beside it the order, its digest and the record."""
    content = {**story, "order": asdict(order), "digest": order.digest, "record": asdict(record)}
    return json.dumps(content, indent=1, ensure_ascii=False).encode()


def read_sidecar(content: bytes) -> Sidecar | None:
    """Return what a sidecar says; None if it is no sidecar, or a torn one."""
    try:
        kept = json.loads(content)
        return Sidecar(Order(**kept["order"]), str(kept["digest"]), PictureRecord.from_dict(kept["record"]))
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
