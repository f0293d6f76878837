"""What a ledger keeps, and the verbs by which it is asked. A store of another kind brings the same verbs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal, Protocol, Self

from prodgen.catalogue import Order

State = Literal["waiting", "claimed", "done", "failed", "dropped"]
"""waiting: to be made; claimed: somebody makes it, until the lease ends; failed: set aside; dropped: no
longer in the sheet."""


@dataclass(frozen=True, slots=True)
class PictureRecord:
    """What became of one order: numbers, names and digests, ready for JSON; no pixels."""

    output: str
    """The picture, relative to the run's folder."""
    sha256: str
    """Digest of the picture's file."""
    size: int
    """Bytes of the picture's file."""
    seed: int
    """The seed that was used."""
    status: Literal["pass", "warn", "fail"]
    """The verdict on the picture."""
    headline: str
    """The verdict in words."""
    reasons: tuple[str, ...] = ()
    """Why it is no pass, a sentence each."""
    notices: tuple[str, ...] = ()
    """What was done another way than asked."""
    identity: Mapping[str, Any] = field(default_factory=dict)
    """The measured likeness, by the names of `Likeness`; empty if it was not measured."""
    profile: str = ""
    """Whose limits the likeness was judged by."""
    cut_out: Mapping[str, Any] = field(default_factory=dict)
    """The quality of the cut-out (score, status); empty if the matte was given."""
    look: Mapping[str, float] = field(default_factory=dict)
    """What a shop page shows side by side: azimuth_deg, elevation_deg, fill, exposure_l (mean L*), ..."""
    place: str = ""
    """Who made it."""
    seconds: Mapping[str, float] = field(default_factory=dict)
    """How long each stage took."""
    before: str = ""
    """Thumbnail of the photograph, relative to the run's folder."""
    after: str = ""
    """Thumbnail of the picture, relative to the run's folder."""
    photo_sha256: Mapping[str, str] = field(default_factory=dict)
    """Digest of each file that it was made of, by the order's spelling."""
    finished_at: float = 0.0
    """Seconds since 1970, by the clock of the machine that made it."""

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Self:
        """Return the record that `dataclasses.asdict` gave, also after a way through JSON.

        Raises:
            TypeError: If something is missing, or `kept` is no mapping.
        """
        known: dict[str, Any] = {one.name: kept[one.name] for one in fields(cls) if one.name in kept}
        for name in ("reasons", "notices"):
            known[name] = tuple(known.get(name, ()))
        return cls(**known)

    def as_json(self) -> str:
        """Return it as one line of JSON."""
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the record that `as_json` wrote."""
        return cls.from_dict(json.loads(text))


@dataclass(frozen=True, slots=True)
class OrderFailure:
    """Why an order was not made."""

    kind: str
    """Name of the error's class, such as "SegmentationError"."""
    reason: str
    """The sentence for people, with the remedy."""
    whose: Literal["row", "place", "run"]
    """row: this order's own fault; place: the backend's or worker's; run: nobody's, such as a full disk."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An order that its holder may work on until the lease ends."""

    order: Order
    holder: str
    """Who works on it: the place's name and a token of the run."""
    attempt: int
    """How often it was claimed, from 1."""
    why: str = ""
    """Why it is made (again): "new", "prompt changed", "photo changed", "picture is gone", ..."""
    kin: str = ""
    """What orders share that need no other checkpoint or LoRA; see `Order.kin`."""


@dataclass(frozen=True, slots=True)
class Counts:
    """How many orders are in each state."""

    waiting: int = 0
    claimed: int = 0
    done: int = 0
    failed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class Planned:
    """What a plan found: how many orders there are, and why some are made again."""

    total: int
    done: int
    """Unchanged, proved by digest."""
    reasons: Mapping[str, int]
    """How many wait, by why: {"new": 12, "prompt changed": 1}."""


Others = Literal["drop", "keep finished", "keep"]
"""What becomes of orders that a plan does not name: all are dropped (the sheet was read whole); only what is
done or failed stays (a part of the sheet was chosen); all stay (the sheet grows)."""


class Ledger(Protocol):
    """Where a run is written down. Each verb is durable when it returns; any thread may call it."""

    def plan(self, orders: Iterable[Order], *, verify: bool = False, others: Others = "drop") -> Planned:
        """Enter what is asked; keep what is done and unchanged; let the rest wait, failed ones too."""

    def claim(self, holder: str, *, lease_s: float, prefer: str = "") -> Claim | None:
        """Give the next order that waits or whose lease ended, of kin `prefer` first; None: none now."""

    def renew(self, claims: Iterable[Claim], *, lease_s: float) -> None:
        """Keep claims for longer."""

    def finish(self, claim: Claim, record: PictureRecord) -> None:
        """Write down that an order is done; its files are on the disk already."""

    def fail(self, claim: Claim, failure: OrderFailure, *, is_final: bool) -> None:
        """Write down a failure; a final one is set aside, another order waits again."""

    def release(self, claims: Iterable[Claim]) -> None:
        """Give claims back unworked; they count as no attempt."""

    def counts(self) -> Counts:
        """Count."""

    def rows(self) -> Iterator[tuple[Order, State, PictureRecord | None, OrderFailure | None]]:
        """Give all that is asked, in the order of the sheet, with what became of it; lazily."""
