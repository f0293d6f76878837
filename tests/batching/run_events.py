"""Events of a run that never was, for everything that listens to one."""

from __future__ import annotations

from prodgen.catalogue import Order
from prodgen.dispatch import PictureDone, PictureFailed, RunEnded, Standing
from prodgen.ledger import Counts, OrderFailure, PictureRecord, PlaceState


def order(slot: str = "00123/kitchen") -> Order:
    return Order(
        slot=slot,
        sku=slot.split("/")[0],
        row=12,
        photo="/photos/secret-place/1.jpg",
        prompt="a secret prompt",
        seed=5,
        output=f"{slot}-5.png",
    )


def done(slot: str = "00123/kitchen", *, status: str = "pass", notices: tuple[str, ...] = ()) -> PictureDone:
    record = PictureRecord(
        output=f"{slot}-5.png",
        sha256="ab" * 32,
        size=10,
        seed=5,
        status=status,  # type: ignore[arg-type]  # one of its words
        headline="kept",
        notices=notices,
        place="gpu-1:7860",
        seconds={"relight": 1.5, "identity": 0.25},
    )
    return PictureDone(order(slot), record)


def failed(slot: str = "00123/kitchen", *, is_final: bool = True) -> PictureFailed:
    reason = "no product was found in /photos/secret-place/1.jpg; give --box"
    return PictureFailed(
        order(slot), OrderFailure("SegmentationError", reason, "row"), "gpu-1:7860", is_final
    )


def standing(*places: PlaceState, eta_s: float | None = 60.0) -> Standing:
    return Standing(Counts(waiting=5, claimed=2, done=3, failed=1), places, 28.4, eta_s)


def ended(end: str = "complete", *, failed: int = 0, waiting: int = 0) -> RunEnded:
    counts = Counts(waiting=waiting, done=10 - failed - waiting, failed=failed)
    return RunEnded(end, counts, {"gpu-1:7860": 0.0123})  # type: ignore[arg-type]  # one of its words
