"""What of a sheet is to be made: each order is compared with what ledger and disk have. It writes nothing."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from prodgen.catalogue import Order
from prodgen.catalogue.order import BESIDE_PHOTO
from prodgen.errors import StorageError
from prodgen.ledger.records import PictureRecord, State
from prodgen.ledger.sidecars import Sidecar, read_sidecar, sidecar_name
from prodgen.ledger.stamps import (
    NOT_BELIEVED,
    Stamp,
    settled,
    sha256_in,
    sha256_of,
    stamp_in,
    stamp_of,
)
from prodgen.shots import shadow_file
from prodgen.storage import Store, is_url


class Ingredient(NamedTuple):
    """A file that a picture was made of, as it was then."""

    name: str
    sha256: str
    size: int
    version: str

    @property
    def stamp(self) -> Stamp:
        """Its stamp."""
        return Stamp(self.size, self.version)


@dataclass(frozen=True, slots=True)
class KeptPicture:
    """A picture in the ledger."""

    digest: str
    output: str
    sha256: str
    size: int
    version: str
    made_of: str
    """Ingredients as JSON: they are compared as text where nothing has changed."""
    record: str | None = None
    """JSON; None: as it is in the ledger already."""
    finished_at: float = 0.0
    """Seconds since 1970; counts with `record` only."""


@dataclass(frozen=True, slots=True)
class KeptOrder:
    """An order in the ledger."""

    id: int
    position: int
    state: State
    why: str
    asked: str
    stamps: str
    picture: KeptPicture | None


@dataclass(frozen=True, slots=True)
class Decision:
    """What is to be entered for an order; `picture` is None where the kept one stays as it is."""

    order: Order
    position: int
    state: State
    why: str
    asked: str
    stamps: str
    picture: KeptPicture | None = None

    def changes(self, kept: KeptOrder | None) -> bool:
        """Whether anything has to be written."""
        if kept is None or self.picture is not None:
            return True
        now = (self.position, self.state, self.why, self.asked, self.stamps)
        return now != (kept.position, kept.state, kept.why, kept.asked, kept.stamps)


class Planner:
    """Compares orders with what is kept. It looks at files, so it may take as long as they take to read."""

    def __init__(self, store: Store, *, verify: bool = False, is_new_run: bool = False) -> None:
        """Compare with the files in `store`.

        Args:
            store: Where pictures and sidecars are.
            verify: Whether every file is read, not only the doubtful ones.
            is_new_run: Whether orders that are claimed or failed are so by an earlier run.
        """
        self._store = store
        self._is_new_run = is_new_run
        self._verify = verify
        # Siblings of one photograph follow each other in a sheet.
        self._stamp = lru_cache(maxsize=64)(stamp_of)
        self._sha256 = lru_cache(maxsize=64)(sha256_of)

    def decide(self, order: Order, position: int, kept: KeptOrder | None) -> Decision:
        """Say whether an order is done, and if not, why it is made."""
        asked = order.as_json()
        is_same = kept is not None and kept.asked == asked
        if kept is not None and is_same and self._stays(order, kept):
            return Decision(order, position, kept.state, kept.why, asked, kept.stamps)
        why, renewed = self._against(order, kept, is_same=is_same)
        if why and (found := self._adopted(order)) is not None:
            why, renewed = "", found
        if not why:
            return Decision(order, position, "done", "", asked, "", renewed)
        return Decision(order, position, "waiting", why, asked, self._stamps(order))

    def _stays(self, order: Order, kept: KeptOrder) -> bool:
        """Whether an order is being made, or failed in this run and nothing about it has changed since."""
        if self._is_new_run:
            return False
        return kept.state == "claimed" or (kept.state == "failed" and self._stamps(order) == kept.stamps)

    def _against(
        self, order: Order, kept: KeptOrder | None, *, is_same: bool
    ) -> tuple[str, KeptPicture | None]:
        """Say why an order is not done ("": it is), and what of its picture has to be entered anew."""
        if kept is None:
            return "new", None
        picture = kept.picture
        before = "failed before" if kept.state == "failed" else kept.why or "new"
        if picture is None:
            return before if is_same or kept.state == "waiting" else _difference(
                order, kept.asked
            ) or before, None
        if not (is_same and kept.state == "done") and picture.digest != order.digest:
            return _difference(order, kept.asked) or before, None
        if picture.output != order.output:
            return "file name changed", None
        why, made_of = self._ingredients(order, picture.made_of)
        if why:
            return why, None
        why, stamp = self._output(picture)
        if not why and self._lacks_shadow(order):
            why = "its shadow is gone"
        if why:
            return why, None
        if made_of == picture.made_of and stamp == (picture.size, picture.version):
            return "", None
        return "", KeptPicture(picture.digest, order.output, picture.sha256, *stamp, made_of)

    def _ingredients(self, order: Order, made_of: str) -> tuple[str, str]:
        """Say which ingredient has changed ("": none), and all with their stamps of today, as JSON."""
        was = [Ingredient(*one) for one in json.loads(made_of)]
        names = order.pictures
        if len(was) != len(names):
            return "settings changed", made_of
        now = []
        for role, name, one in zip(_roles(order), names, was, strict=True):
            if is_url(name) and not self._verify:
                if name != one.name:
                    return f"{role} changed", made_of
                now.append(one)
                continue
            stamp = self._stamp(name)
            if stamp is None and not is_url(name):
                return f"{role} is gone", made_of
            if not self._verify and name == one.name and stamp == one.stamp:
                now.append(one)
                continue
            if stamp is not None and self._sha256(name) != one.sha256:
                return f"{role} changed", made_of
            now.append(Ingredient(name, one.sha256, *(settled(stamp) if stamp else NOT_BELIEVED)))
        return "", made_of if now == was else json.dumps(now)

    def _output(self, picture: KeptPicture) -> tuple[str, Stamp]:
        """Say what happened to a picture ("": nothing), and its stamp of today."""
        stamp = stamp_in(self._store, picture.output)
        if stamp is None:
            return "picture is gone", NOT_BELIEVED
        if stamp == (picture.size, picture.version) and not self._verify:
            return "", stamp
        if stamp.size != picture.size or sha256_in(self._store, picture.output) != picture.sha256:
            return "picture was changed", stamp
        return "", stamp

    def _lacks_shadow(self, order: Order) -> bool:
        """Whether a picture's shadow was to be a file beside it, and is not there."""
        if not order.has_shadow_file:
            return False
        shadow = PurePosixPath(shadow_file(Path(order.output)))
        return stamp_in(self._store, str(shadow)) is None

    def _adopted(self, order: Order) -> KeptPicture | None:
        """Return the picture that a run left without entering it: its sidecar and its content prove it."""
        sidecar = self._sidecar(order)
        if sidecar is None or sidecar.digest != order.digest or sidecar.record.output != order.output:
            return None
        record = sidecar.record
        found = stamp_in(self._store, order.output)
        if (
            found is None
            or found.size != record.size
            or sha256_in(self._store, order.output) != record.sha256
            or self._lacks_shadow(order)
        ):
            return None
        made_of = []
        before = sidecar.order.pictures
        if len(before) != len(order.pictures):
            return None
        for name, old_name in zip(order.pictures, before, strict=True):
            sha256, stamp = record.photo_sha256.get(old_name, ""), NOT_BELIEVED
            if is_url(name):
                if name != old_name:
                    return None
            elif (stamp := self._stamp(name) or NOT_BELIEVED) == NOT_BELIEVED or self._sha256(name) != sha256:
                return None
            else:
                stamp = settled(stamp)
            made_of.append(Ingredient(name, sha256, *stamp))
        return kept_picture(order, record, made_of, found)

    def _sidecar(self, order: Order) -> Sidecar | None:
        name = sidecar_name(order.output)
        if stamp_in(self._store, name) is None:
            return None
        try:
            return read_sidecar(self._store.get(name))
        except StorageError:
            return None

    def _stamps(self, order: Order) -> str:
        """Return the stamps of an order's ingredients before they are read, as JSON.

        A file that changes while the picture is made then never passes for the one that it was made of.
        """
        found = ((None if is_url(name) else self._stamp(name)) for name in order.pictures)
        return json.dumps([settled(stamp) if stamp else NOT_BELIEVED for stamp in found])


def made_before(store: Store, order: Order) -> PictureRecord | None:
    """Return the record of the picture that an order asks for, if it is there already, proved by digests."""
    found = Planner(store)._adopted(order)
    return (
        None if found is None or found.record is None else PictureRecord.from_dict(json.loads(found.record))
    )


def kept_picture(
    order: Order, record: PictureRecord, made_of: Sequence[Ingredient], stamp: Stamp
) -> KeptPicture:
    """Return what a ledger keeps about a picture that was made for an order."""
    made = json.dumps(made_of)
    return KeptPicture(
        order.digest, record.output, record.sha256, *stamp, made, record.as_json(), record.finished_at
    )


def _roles(order: Order) -> list[str]:
    """Return what each of `order.pictures` is for."""
    return ["photo", *(name for name in BESIDE_PHOTO if order.asked_for.get(name) is not None)]


def _difference(order: Order, asked: str) -> str:
    """Say how an order differs from what was asked before; "": in no way that decides its picture."""
    before = Order.from_json(asked)
    if before.prompt != order.prompt:
        return "prompt changed"
    if before.seed != order.seed:
        return "seed changed"
    return "settings changed" if before.digest != order.digest else ""
